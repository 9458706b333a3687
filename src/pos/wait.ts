import type { Clock } from '../base/clock.ts';

/** Resolves after `ms`, or at once when `signal` aborts; leaves no timer behind. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal?.addEventListener('abort', done);
  });
}

/** A signal that aborts after `ms`, with any of `others`, or by hand. `stop` when nobody waits any more. */
export class Limit {
  readonly #controller = new AbortController();
  readonly #others: readonly AbortSignal[];
  readonly #timer: { cancel(): void } | undefined;
  #hasExpired = false;

  constructor(clock: Clock, ms: number, ...others: (AbortSignal | undefined)[]) {
    this.#others = others.filter((signal) => signal !== undefined);
    for (const other of this.#others) {
      if (other.aborted) this.#controller.abort(other.reason);
      else other.addEventListener('abort', this.#passOn);
    }
    if (this.signal.aborted) return;
    this.#timer = clock.after(ms, () => {
      this.#hasExpired = true;
      this.#controller.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** It was the time that ran out. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  stop(): void {
    this.#timer?.cancel();
    for (const other of this.#others) other.removeEventListener('abort', this.#passOn);
  }

  readonly #passOn = ({ target }: Event): void => {
    this.#controller.abort((target as AbortSignal).reason);
  };
}

/** What comes first: a value, or undefined when `signal` aborts. The promise must not reject. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const abort = () => resolve(undefined);
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Work that is under way. */
export class Working {
  readonly #promises = new Set<Promise<unknown>>();

  /** Remembers a promise until it is settled, and hands it back. */
  keep<T>(promise: Promise<T>): Promise<T> {
    const kept = promise.finally(() => this.#promises.delete(kept));
    this.#promises.add(kept);
    return kept;
  }

  /** Resolves when there is none left. Never rejects. */
  async settled(): Promise<void> {
    while (this.#promises.size > 0) await Promise.allSettled(this.#promises);
  }
}
