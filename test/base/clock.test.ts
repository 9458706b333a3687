import { expect, test, vi } from 'vitest';
import { afterSilence, isoTime, MAX_TIMER_MS, systemClock } from '../../src/base/clock.ts';
import { FakeClock } from '../kit/fake-clock.ts';

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

test('silence is judged only after what has arrived was delivered', () => {
  const clock = new FakeClock();
  const events: string[] = [];
  afterSilence(clock, 1000, () => events.push('silent'));
  clock.after(1000, () => events.push('delivered'));
  clock.advance(1000);
  expect(events).toEqual(['delivered', 'silent']);
});

test('a limit on silence can be cancelled at any time', () => {
  for (const cancelsAfterMs of [500, 1000]) {
    const clock = new FakeClock();
    let hasRun = false;
    const limit = afterSilence(clock, 1000, () => {
      hasRun = true;
    });
    clock.after(cancelsAfterMs, () => limit.cancel());
    clock.advance(2000);
    expect([hasRun, clock.timerCount]).toEqual([false, 0]);
  }
});

test("the machine's clock waits for input behind a turn of the event loop, and can be stopped in each", () => {
  vi.useFakeTimers();
  try {
    const events: number[] = [];
    const run = (number: number) => systemClock.afterInput(() => events.push(number));
    const [first, second] = [run(1), run(2), run(3)];
    first?.cancel();
    vi.advanceTimersToNextTimer(); // the times
    expect(events).toEqual([]);
    second?.cancel();
    vi.runAllTimers(); // the immediates
    expect(events).toEqual([3]);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  0, 951_782_399_999, 951_868_800_007, 1_709_210_096_050, 253_402_300_799_999, 253_402_300_800_000, -1,
])('writes the time %i as Node.js does', (wallMs) => {
  expect(isoTime({ ...systemClock, wallMs: () => wallMs })).toBe(new Date(wallMs).toISOString());
});
