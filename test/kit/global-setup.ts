import { execFileSync } from 'node:child_process';

/** Builds the program once: tests that run it run what a user would, reliability tests a build with fault points. */
export default function setup(): void {
  for (const build of [[], ['--test']]) {
    execFileSync(process.execPath, ['scripts/build.mjs', ...build], { stdio: 'inherit' });
  }
}
