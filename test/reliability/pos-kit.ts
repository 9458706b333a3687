import { type Clock, systemClock } from '../../src/base/clock.ts';

/** A clock on which everything takes so many times less. */
export function fastClock(factor: number): Clock {
  return {
    nowMs: () => systemClock.nowMs() * factor,
    wallMs: () => systemClock.wallMs(),
    after: (delayMs, run) => systemClock.after(delayMs / factor, run),
    afterInput: (run) => systemClock.afterInput(run),
  };
}

/** Set: everything is tried; else a part of it, another one with another SOAK_SEED. */
export const isSoak = (process.env['SOAK'] ?? '') !== '';
