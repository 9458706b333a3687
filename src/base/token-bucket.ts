import type { Clock } from './clock.ts';

export interface TokenBucketOptions {
  /** Tokens that flow in, per second; above 0. */
  readonly ratePerS: number;
  /** Tokens that fit; above 0. It begins full. */
  readonly burst: number;
  readonly clock: Clock;
}

/**
 * A token bucket: in any period of t seconds at most `burst + t × ratePerS` tokens leave it. Exact however long it runs: the level
 * is worked out from the moment at which the bucket was last full, never added up. A clock that jumps
 * backwards costs nothing but the time of the jump.
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

  constructor({ ratePerS, burst, clock }: TokenBucketOptions) {
    if (!(ratePerS > 0 && burst > 0)) throw new RangeError('ratePerS and burst: above 0');
    this.#ratePerMs = ratePerS / 1000;
    this.#burst = burst;
    this.#clock = clock;
    this.#lastMs = clock.nowMs();
    this.#fullAtMs = this.#lastMs;
  }

  /** Takes `count` tokens if they are there; false, and nothing is taken, if they are not. */
  take(count: number): boolean {
    if (this.msUntil(count) > 0) return false;
    this.#taken += count;
    return true;
  }

  /** Whole milliseconds until `take(count)` succeeds; 0: now. */
  msUntil(count: number): number {
    const missing = Math.min(count, this.#burst) - this.#level();
    return missing <= ROUNDING ? 0 : Math.ceil(missing / this.#ratePerMs);
  }

  #level(): number {
    const nowMs = this.#clock.nowMs();
    // Time that runs backwards moves the start along with it.
    if (nowMs < this.#lastMs) this.#fullAtMs -= this.#lastMs - nowMs;
    this.#lastMs = nowMs;
    const level = this.#burst - this.#taken + (nowMs - this.#fullAtMs) * this.#ratePerMs;
    if (level < this.#burst) return level;
    this.#fullAtMs = nowMs;
    this.#taken = 0;
    return this.#burst;
  }
}

/** Less than this of a token is the rounding of numbers, not a lack. */
const ROUNDING = 1e-6;
