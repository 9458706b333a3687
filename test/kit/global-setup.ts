import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** Builds the program once: tests that run it run what a user would, reliability tests a build with fault points. */
export default function setup(): void {
  for (const [built, ...flags] of [['dist/bridge.cjs'], ['dist-test/bridge.cjs', '--test']] as const) {
    if (isOlderThanSources(built)) {
      execFileSync(process.execPath, ['scripts/build.mjs', ...flags], { stdio: 'inherit' });
    }
  }
}

/** What decides how a build comes out, besides its sources. */
const BUILDERS = [
  'build',
  'build-program',
  'build-screen',
  'lay-out',
  'lazy-builtins',
  'make-code-cache',
].map((name) => `scripts/${name}.mjs`);

function isOlderThanSources(built: string): boolean {
  const builtMs = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).map((file) =>
    path.join('src', file),
  );
  return [...sources, ...BUILDERS, 'bin/posbridge.js', 'package.json'].some(
    (file) => statSync(file).mtimeMs > builtMs,
  );
}
