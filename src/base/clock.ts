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
  const time = new Date(clock.wallMs());
  const year = time.getUTCFullYear();
  if (year < 1000 || year > 9999) return time.toISOString(); // which makes Node.js look up time zones
  const day = `${year}-${digits(time.getUTCMonth() + 1)}-${digits(time.getUTCDate())}`;
  const seconds = `${digits(time.getUTCSeconds())}.${digits(time.getUTCMilliseconds(), 3)}`;
  return `${day}T${digits(time.getUTCHours())}:${digits(time.getUTCMinutes())}:${seconds}Z`;
}

function digits(number: number, count = 2): string {
  return String(number).padStart(count, '0');
}
