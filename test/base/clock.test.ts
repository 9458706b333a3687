import { expect, test, vi } from 'vitest';
import { MAX_TIMER_MS, systemClock } from '../../src/base/clock.ts';

test("a time that is too long for the machine's timers does not run out at once", () => {
  vi.useFakeTimers();
  try {
    let hasFired = false;
    const timer = systemClock.after(30 * 86_400_000, () => {
      hasFired = true;
    });
    vi.advanceTimersByTime(MAX_TIMER_MS - 1);
    expect(hasFired).toBe(false);
    timer.cancel();
  } finally {
    vi.useRealTimers();
  }
});
