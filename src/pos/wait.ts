import { setMaxListeners } from 'node:events';
import type { Clock } from '../base/clock.ts';
import { pause } from '../base/pause.ts';

/** Resolves when one of `signals` aborts; leaves no listener behind. */
export function aborted(...signals: AbortSignal[]): Promise<void> {
  if (signals.some((signal) => signal.aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    };
    for (const signal of signals) signal.addEventListener('abort', done);
  });
}

/** Whether a promise, which must not reject, settles within `ms`. */
export async function settlesWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const isInTime = promise.then(() => true);
  const isLate = pause(clock, ms, over.signal).then(() => false);
  return Promise.race([isInTime, isLate]).finally(() => over.abort());
}

/** A controller whose signal may have any number of listeners. */
export function sharedController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/**
 * A signal that aborts with any of `others`, or by hand. `stop` when nobody waits any more: unlike `AbortSignal.any` it
 * leaves nothing behind on signals that live longer.
 */
export class AnySignal {
  readonly #controller = sharedController();
  readonly #others: readonly AbortSignal[];

  constructor(...others: (AbortSignal | undefined)[]) {
    this.#others = others.filter((signal) => signal !== undefined);
    for (const other of this.#others) {
      if (other.aborted) this.#controller.abort(other.reason);
      else other.addEventListener('abort', this.#passOn);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller.abort();
  }

  stop(): void {
    for (const other of this.#others) other.removeEventListener('abort', this.#passOn);
  }

  readonly #passOn = ({ target }: Event): void => {
    this.#controller.abort((target as AbortSignal).reason);
  };
}

/** A signal that aborts after `ms`, or with any of `others`. `stop` when nobody waits any more. */
export class Limit {
  readonly #any: AnySignal;
  readonly #timer: { cancel(): void } | undefined;
  #hasExpired = false;

  constructor(clock: Clock, ms: number, ...others: (AbortSignal | undefined)[]) {
    this.#any = new AnySignal(...others);
    if (this.signal.aborted) return;
    this.#timer = clock.after(ms, () => {
      this.#hasExpired = true;
      this.#any.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#any.signal;
  }

  /** It was the time that ran out. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#any.stop();
  }
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
