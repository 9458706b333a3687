import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { TokenBucket } from '../../src/base/token-bucket.ts';
import { FakeClock } from '../kit/fake-clock.ts';

function bucket(ratePerS: number, burst: number, slackMs = 0) {
  const clock = new FakeClock();
  return { clock, tokens: new TokenBucket({ ratePerS, burst, slackMs, clock }) };
}

describe('a token bucket', () => {
  test('begins full, and gives no more than it has', () => {
    const { tokens } = bucket(1000, 250);
    expect(tokens.take(200)).toBe(true);
    expect(tokens.take(51)).toBe(false);
    expect(tokens.take(50)).toBe(true);
    expect(tokens.take(1)).toBe(false);
  });

  test('says how long to wait, in whole milliseconds; then the tokens are there', () => {
    const { clock, tokens } = bucket(300, 75);
    tokens.take(75);
    expect(tokens.msUntil(0)).toBe(0);
    expect(tokens.msUntil(1)).toBe(4);
    expect(tokens.msUntil(75)).toBe(250);
    clock.advance(249);
    expect(tokens.take(75)).toBe(false);
    clock.advance(tokens.msUntil(75));
    expect(tokens.take(75)).toBe(true);
  });

  test('does not fill up beyond its burst', () => {
    const { clock, tokens } = bucket(1000, 250);
    clock.advance(3_600_000);
    expect(tokens.take(250)).toBe(true);
    expect(tokens.msUntil(1)).toBe(1);
  });

  test('gives more than its burst when it is full, and makes up for it', () => {
    const { clock, tokens } = bucket(1000, 100);
    expect(tokens.take(1100)).toBe(true);
    expect(tokens.msUntil(1)).toBe(1001);
    expect(tokens.msUntil(5000)).toBe(1100);
    clock.advance(1099);
    expect(tokens.take(5000)).toBe(false);
    clock.advance(1);
    expect(tokens.take(5000)).toBe(true);
  });

  test('keeps the rate to the millisecond over days', () => {
    const ratePerS = 10 / 3;
    const { clock, tokens } = bucket(ratePerS, 100);
    const COUNT = 200_000;
    let refused = 0;
    for (let n = 0; n < COUNT; n += 1) {
      clock.advance(tokens.msUntil(7));
      if (!tokens.take(7)) refused += 1;
    }
    expect(refused).toBe(0);
    const dueMs = ((7 * COUNT - 100) / ratePerS) * 1000;
    expect(clock.nowMs()).toBeGreaterThanOrEqual(dueMs - 0.001);
    expect(clock.nowMs()).toBeLessThan(dueMs + 1);
  });

  test('loses nothing but the jump when the clock jumps backwards, and gains nothing', () => {
    let nowMs = 1_000_000;
    const clock: Clock = Object.assign(new FakeClock(), { nowMs: () => nowMs });
    const tokens = new TokenBucket({ ratePerS: 1000, burst: 100, clock });
    tokens.take(100);
    nowMs += 50;
    expect(tokens.msUntil(100)).toBe(50);
    nowMs -= 500_000;
    expect(tokens.msUntil(100)).toBe(50);
    nowMs += 50;
    expect(tokens.take(100)).toBe(true);
    expect(tokens.take(1)).toBe(false);
  });

  test('with slack loses nothing to somebody who comes late, up to the slack', () => {
    const { clock, tokens } = bucket(1000, 100, 200);
    tokens.take(100);
    expect(tokens.msUntil(100)).toBe(100);
    clock.advance(100 + 150);
    expect([tokens.take(100), tokens.take(100), tokens.take(50), tokens.take(1)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(tokens.msUntil(100)).toBe(100);
    clock.advance(3_600_000);
    expect(tokens.take(300)).toBe(true);
    expect(tokens.msUntil(1)).toBe(1);
  });

  test('with slack still fills up to its burst only while nobody waits', () => {
    const { clock, tokens } = bucket(1000, 100, 200);
    clock.advance(5000);
    expect(tokens.take(100)).toBe(true);
    expect(tokens.msUntil(1)).toBe(1);
    clock.advance(1);
    expect(tokens.take(1)).toBe(true);
    clock.advance(5000);
    expect([tokens.take(100), tokens.take(1)]).toEqual([true, false]);
  });

  test.each([
    [0, 1],
    [-1, 1],
    [1, 0],
    [Number.NaN, 1],
  ])('refuses a rate of %d and a burst of %d', (ratePerS, burst) => {
    expect(() => bucket(ratePerS, burst)).toThrow(RangeError);
  });

  test('gives at most burst + time × rate in any period, and all of that to who waits as told', () => {
    const step = fc.record({ waitMs: fc.nat(2000), count: fc.integer({ min: 1, max: 300 }) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 300 }),
        fc.array(step, { maxLength: 50 }),
        (ratePerS, burst, steps) => {
          const { clock, tokens } = bucket(ratePerS, burst);
          const takings: { atMs: number; count: number }[] = [];
          for (const { waitMs, count } of steps) {
            const wanted = Math.min(count, burst);
            clock.advance(waitMs);
            clock.advance(tokens.msUntil(wanted));
            expect(tokens.take(wanted)).toBe(true);
            takings.push({ atMs: clock.nowMs(), count: wanted });
          }
          for (const [first, { atMs: fromMs }] of takings.entries()) {
            let sum = 0;
            for (const { atMs, count } of takings.slice(first)) {
              sum += count;
              expect(sum).toBeLessThanOrEqual(burst + ((atMs - fromMs) * ratePerS) / 1000 + 0.001);
            }
          }
        },
      ),
    );
  });
});
