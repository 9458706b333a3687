import { type BootTime, readBootTime } from './boot-time.ts';

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
  /** Runs when everything that had arrived for this process by now has been delivered. */
  afterInput(run: () => void): Timer;
  /** For ages across processes: unlike `wallMs` it never jumps. Undefined where the system does not tell. */
  bootTime?(): BootTime | undefined;
}

/** A longer timer would run at once: it runs after this time, nearly 25 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => process.uptime() * 1000, // as monotonic and fine as `performance.now`, which loads a module of Node.js
  wallMs: () => Date.now(),
  bootTime: readBootTime,
  after(delayMs, run) {
    return new SystemTimer(setTimeout(run, Math.min(delayMs, MAX_TIMER_MS)));
  },
  afterInput(run) {
    let behind: NodeJS.Immediate | undefined;
    // An immediate runs right behind a look at all descriptors; some are read by threads, hence the time.
    const timeout = setTimeout(() => {
      behind = setImmediate(run);
    }, INPUT_MS);
    return {
      cancel() {
        clearTimeout(timeout);
        clearImmediate(behind);
      },
    };
  },
};

/** Enough for several turns of the event loop: one of them may read only a part of what a descriptor has. */
const INPUT_MS = 50;

/**
 * `clock.after` for a limit on the silence of somebody else. A process that was stopped, or too busy, finds its timers
 * due before it has read the answers that came in time: `run` comes only after they have been delivered.
 */
export function afterSilence(clock: Clock, limitMs: number, run: () => void): Timer {
  let timer = clock.after(limitMs, () => {
    timer = clock.afterInput(run);
  });
  return { cancel: () => timer.cancel() };
}

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(timeout: NodeJS.Timeout) {
    this.#timeout = timeout;
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }
}

/** The clock's time for records and people: ISO 8601, UTC. */
export function isoTime(clock: Clock): string {
  return new Date(clock.wallMs()).toISOString();
}
