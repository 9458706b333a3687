import type { Clock } from '../base/clock.ts';
import { randomId } from '../base/random-id.ts';

/** Something that has happened. */
export interface Change {
  readonly kind: 'sale' | 'message' | 'status';
  readonly terminal: string;
  /** The sale that it is about, and who made it. */
  readonly sale?: { readonly id: string; readonly by: string | undefined };
  /** The sale has an outcome. */
  readonly isEnd?: boolean;
  /** JSON. */
  readonly data: string;
}

/** A change with its place in the order of all. */
export interface NumberedChange extends Change {
  readonly number: number;
  /** What a reader names who wants to go on after it. */
  readonly id: string;
}

/** Where somebody goes on. `since`: this process does not know what came after; everything from then on may be new. */
export type Resumption = { readonly after: number } | { readonly since: string | undefined };

const MAX_CHANGES = 8192;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * The changes of this process, in order, as many as are kept.
 *
 * Shape of an id: time in milliseconds "-" run "-" number. Another run's number says nothing here, but its time does:
 * what has changed since then stands in the store.
 */
export class ChangeFeed {
  readonly #clock: Clock;
  readonly #run = randomId();
  readonly #changes: NumberedChange[] = [];
  readonly #listeners = new Set<() => void>();
  #last = 0;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of the last change. */
  get last(): number {
    return this.#last;
  }

  /** An id after which everything from now on comes. */
  get lastId(): string {
    return `${this.#clock.wallMs()}-${this.#run}-${this.#last}`;
  }

  publish(change: Change): void {
    this.#last += 1;
    this.#changes.push({ ...change, number: this.#last, id: this.lastId });
    this.#bytes += change.data.length;
    while (this.#changes.length > MAX_CHANGES || this.#bytes > MAX_BYTES) {
      this.#bytes -= this.#changes.shift()?.data.length ?? 0;
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** Runs `changed` after each change; the result ends that. */
  watch(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** The change after the one with this number; `gone`: it is not kept any more; undefined: there is none yet. */
  after(number: number): NumberedChange | 'gone' | undefined {
    if (number >= this.#last) return undefined;
    const first = this.#changes[0]?.number ?? this.#last + 1;
    return this.#changes[number + 1 - first] ?? 'gone';
  }

  /** Where a reader goes on who names the last id that it has seen. */
  resume(id: string): Resumption {
    const [, time, run, number] = /^(\d{1,15})-([\da-z]+)-(\d{1,15})$/i.exec(id) ?? [];
    const after = Number(number);
    if (run === this.#run && after <= this.#last && this.after(after) !== 'gone') return { after };
    return { since: time === undefined ? undefined : this.#startFor(Number(time)) };
  }

  /** A clock may be set back while nobody runs: after an id from the future anything may be new. */
  #startFor(timeMs: number): string | undefined {
    const fromMs = timeMs - MARGIN_MS;
    if (timeMs > this.#clock.wallMs() || fromMs < 0) return undefined;
    return new Date(fromMs).toISOString();
  }
}

/** Two changes of nearly the same time may be told in another order than they were stored in. */
const MARGIN_MS = 60_000;

/** The id of a change that was taken from the store. */
export function storedId(time: string): string {
  return `${Date.parse(time)}-store-0`;
}
