import type { Clock } from './clock.ts';

export interface TokenBucketOptions {
  /** Tokens that flow in, per second; above 0. */
  readonly ratePerS: number;
  /** Tokens that fit; above 0. It begins full. */
  readonly burst: number;
  /**
   * Who was told to wait and comes later than that still finds what has flowed in meanwhile, for so long; default 0.
   */
  readonly slackMs?: number;
  readonly clock: Clock;
}

/**
 * A token bucket: in any period of t seconds at most `burst + t × ratePerS` tokens leave it. Exact however long it
 * runs: the level is worked out from the moment at which the bucket was last full, never added up. A clock that jumps
 * backwards costs nothing but the time of the jump.
 *
 * With slack, what flowed in while somebody came late is added to the burst: a machine that is busy sends less at a
 * time, not less.
 *
 * More than the burst can be taken when the bucket is full: what lacks is made up before the next taking.
 */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  readonly #clock: Clock;
  /** When it was last known to be full, and what has been taken since. */
  #fullAtMs: number;
  #taken = 0;
  #lastMs: number;
  readonly #slackMs: number;
  /** When somebody who was told to wait is expected. */
  #dueMs: number | undefined;
  /** What fits now: more than the burst until who came late has taken it. */
  #room: number;

  constructor({ ratePerS, burst, slackMs = 0, clock }: TokenBucketOptions) {
    if (!(ratePerS > 0 && burst > 0)) throw new RangeError('ratePerS and burst: above 0');
    this.#ratePerMs = ratePerS / 1000;
    this.#burst = burst;
    this.#room = burst;
    this.#slackMs = slackMs;
    this.#clock = clock;
    this.#lastMs = clock.nowMs();
    this.#fullAtMs = this.#lastMs;
  }

  /** Takes `count` tokens if they are there; false, and nothing is taken, if they are not. */
  take(count: number): boolean {
    if (this.msUntil(count) > 0) return false;
    this.#taken += count;
    this.#dueMs = undefined;
    return true;
  }

  /** Whole milliseconds until `take(count)` succeeds; 0: now. */
  msUntil(count: number): number {
    const missing = Math.min(count, this.#burst) - this.#level();
    if (missing <= ROUNDING) return 0;
    const waitMs = Math.ceil(missing / this.#ratePerMs);
    this.#dueMs = this.#lastMs + waitMs;
    return waitMs;
  }

  #level(): number {
    const nowMs = this.#clock.nowMs();
    // Time that runs backwards moves the start along with it.
    const backMs = Math.max(0, this.#lastMs - nowMs);
    this.#fullAtMs -= backMs;
    if (this.#dueMs !== undefined) {
      this.#dueMs -= backMs;
      const lateMs = Math.min(this.#slackMs, nowMs - this.#dueMs);
      this.#room = Math.max(this.#room, this.#burst + lateMs * this.#ratePerMs);
    }
    this.#lastMs = nowMs;
    const level = this.#burst - this.#taken + (nowMs - this.#fullAtMs) * this.#ratePerMs;
    if (level < this.#burst) this.#room = this.#burst;
    if (level < this.#room) return level;
    this.#fullAtMs = nowMs;
    this.#taken = this.#burst - this.#room;
    return this.#room;
  }
}

/** Less than this of a token is the rounding of numbers, not a lack. */
const ROUNDING = 1e-6;
