export interface Timer {
  /** Safe to repeat and after the timer has fired. */
  cancel(): void;
}

/** Time as an argument: nothing below the command line asks the machine for it. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  nowMs(): number;
  /** Milliseconds since 1970, for people and records; may jump. */
  wallMs(): number;
  after(delayMs: number, run: () => void): Timer;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** The clock's time for records and people: ISO 8601, UTC. */
export function isoTime(clock: Clock): string {
  return new Date(clock.wallMs()).toISOString();
}
