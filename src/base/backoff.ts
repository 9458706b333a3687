export interface BackoffOptions {
  readonly firstMs: number;
  readonly limitMs: number;
  /** A number in [0, 1); spreads many clients that lost the same server. */
  readonly random: () => number;
}

/** Delays that double up to a limit, each shortened by up to half at random. */
export class Backoff {
  readonly #options: BackoffOptions;
  #nextMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

  nextMs(): number {
    const delayMs = this.#nextMs * (1 - this.#options.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#options.limitMs);
    return delayMs;
  }

  reset(): void {
    this.#nextMs = this.#options.firstMs;
  }
}
