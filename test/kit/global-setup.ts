import { execFileSync } from 'node:child_process';

/** Builds the program once: tests that run it run what a user would. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
}
