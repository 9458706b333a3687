import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** Builds the program once: tests that run it run what a user would, reliability tests a build with fault points. */
export default function setup(): void {
  for (const [built, ...flags] of [['dist/cli.js'], ['dist-test/cli.js', '--test']] as const) {
    if (isOlderThanSources(built)) {
      execFileSync(process.execPath, ['scripts/build.mjs', ...flags], { stdio: 'inherit' });
    }
  }
}

function isOlderThanSources(built: string): boolean {
  const builtMs = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).map((file) =>
    path.join('src', file),
  );
  return [...sources, 'scripts/build.mjs', 'scripts/build-screen.mjs', 'package.json'].some(
    (file) => statSync(file).mtimeMs > builtMs,
  );
}
