import { expect, test } from 'vitest';
import { RepeatedFailures } from '../../src/cli/repeated-failures.ts';

/** Which of these failures are worth a line; each is why it failed. */
function worthOf(whys: readonly string[]): number[] {
  const failures = new RepeatedFailures();
  return whys.flatMap((text, index) => {
    const reason = { code: 'NOT_CONNECTED', text, by: 'wire' } as const;
    return failures.isWorthALine({ reason, failures: index + 1, retryMs: 1000 }) ? [index + 1] : [];
  });
}

test('the first failed attempt is worth a line, and every 12th that fails like it', () => {
  expect(worthOf(Array.from({ length: 30 }, () => 'refused'))).toEqual([1, 12, 24]);
});

test('an attempt that fails in another way is worth a line at once', () => {
  expect(worthOf(['refused', 'refused', 'no route', 'no route', 'refused', 'refused'])).toEqual([1, 3, 5]);
});

test('a connection that worked and was lost is worth a line each time', () => {
  const failures = new RepeatedFailures();
  const reason = { code: 'CONNECTION_CLOSED', text: 'the terminal has closed', by: 'wire' } as const;
  const lost = { reason, failures: 0, retryMs: 1000 };
  expect([lost, lost].map((one) => failures.isWorthALine(one))).toEqual([true, true]);
});
