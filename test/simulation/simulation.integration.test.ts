import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, run } from '../cli/kit.ts';

/** The whole program in worlds that come from seeds; `npm run simulate` has more of them. */

const SEEDS = process.env['SOAK_SEEDS'] ?? '80';

async function simulate(...args: readonly string[]) {
  return run(process.execPath, [path.join(ROOT, 'scripts/simulate.mjs'), ...args], { cwd: ROOT });
}

test(`nobody is told anything untrue, and everything is decided in the end: ${SEEDS} seeds`, {
  timeout: 600_000,
}, async () => {
  const { code, stdout } = await simulate('--seeds', SEEDS, '--jobs', '1');
  expect([code, stdout.split('\n').filter((line) => /^seed|^ /.test(line))]).toEqual([0, []]);
});

test('one seed is one history, to the byte', { timeout: 120_000 }, async () => {
  const [one, other] = await Promise.all([
    simulate('--seed', '7', '--trace'),
    simulate('--seed', '7', '--trace'),
  ]);
  const story = (text: string) => text.split('\n').filter((line) => /^\s*\d+\.\d{3} /.test(line));
  expect(story(one.stdout).length).toBeGreaterThan(20);
  expect(story(one.stdout)).toEqual(story(other.stdout));
});
