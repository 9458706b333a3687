import type { BootTime } from '../base/boot-time.ts';
import type { Clock } from '../base/clock.ts';

/** When a record was written. */
export interface Moment extends Partial<BootTime> {
  /** ISO 8601. */
  readonly time: string;
}

/** Before there was this program: a machine that has not been told the time yet says so. */
const NO_EARLIER_MS = Date.UTC(2026, 0, 1);

/**
 * How long ago a record was written. Since the same start of the machine, the machine's own count says it, whatever
 * its clock has been set to meanwhile; from an earlier start there are only the clock's times.
 *
 * Undefined if nobody knows. May be negative, when the clock was set back.
 */
export function ageOf({ time, boot, uptimeMs }: Moment, clock: Clock): number | undefined {
  const now = boot === undefined ? undefined : clock.bootTime?.();
  if (now !== undefined && now.boot === boot && uptimeMs !== undefined) return now.uptimeMs - uptimeMs;
  return wallAgeOf(Date.parse(time), clock);
}

/**
 * How long ago a record was written at the least: a clock that was set meanwhile makes nothing older. What was written
 * before this start of the machine is as old as that, unless the disk came from another machine, whose clock then says
 * less.
 *
 * Undefined if nobody knows.
 */
export function leastAgeOf(moment: Moment, clock: Clock): number | undefined {
  const ageMs = ageOf(moment, clock);
  const now = moment.boot === undefined ? undefined : clock.bootTime?.();
  return now === undefined || now.boot === moment.boot ? ageMs : Math.min(now.uptimeMs, ageMs ?? Infinity);
}

/** Likewise for what has nothing but a time of the clock, such as a file. */
export function wallAgeOf(timeMs: number, clock: Clock): number | undefined {
  const nowMs = clock.wallMs();
  return timeMs >= NO_EARLIER_MS && nowMs >= NO_EARLIER_MS ? nowMs - timeMs : undefined;
}
