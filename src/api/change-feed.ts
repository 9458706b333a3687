import type { RunLog } from './run-log.ts';

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

/** Where somebody goes on. */
export interface Resumption {
  /**
   * First what the store has from a time on (ISO 8601; `all`: everything). Undefined: nothing, this process knows all
   * that came since.
   */
  readonly replay?: string;
  /** Then the changes after this number. */
  readonly after: number;
}

const MAX_CHANGES = 8192;
const MAX_BYTES = 16 * 1024 * 1024;
/** Two changes of nearly the same time may be told in another order than they were stored in. */
const MARGIN_MS = 60_000;

/**
 * The changes of this process, in order, as many as are kept.
 *
 * Shape of an id: time in milliseconds "-" run "-" number. Another run's number says nothing here, but its time does:
 * what has changed since then stands in the store. With an "s" before the number it is of a change that was taken from
 * the store: its time says how far that has been told, and the changes after the number come next.
 */
export class ChangeFeed {
  readonly #runs: RunLog;
  readonly #changes: NumberedChange[] = [];
  readonly #listeners = new Set<() => void>();
  #last = 0;
  #bytes = 0;

  constructor(runs: RunLog) {
    this.#runs = runs;
  }

  /** The number of the last change. */
  get last(): number {
    return this.#last;
  }

  /** An id after which everything from now on comes. */
  get lastId(): string {
    return `${this.#runs.now()}-${this.#runs.run}-${this.#last}`;
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

  /** The id of a change that was taken from the store, by somebody who goes on after a number then. */
  storedId(time: string, after: number): string {
    return `${Date.parse(time)}-${this.#runs.run}-s${after}`;
  }

  /**
   * Where a reader goes on who names the last id that it has seen. Whatever cannot be believed begins earlier, never
   * later.
   */
  resume(id: string): Resumption {
    const read = /^(\d{1,15})-([\da-z]+)-(s?)(\d{1,15})$/i.exec(id);
    if (read === null) return { replay: 'all', after: this.#last };
    const [, time, run = '', isStored, number] = read;
    const after = Number(number);
    const isKept = run === this.#runs.run && after <= this.#last && this.after(after) !== 'gone';
    if (isKept && isStored === '') return { after };
    const sinceMs = isKept ? Number(time) : this.#runs.since(run, Number(time), isStored !== '');
    const replay = sinceMs === undefined ? 'all' : this.#startFor(sinceMs);
    return { replay, after: isKept ? after : this.#last };
  }

  /** Nobody has been told of what is still to come, whatever an id says. */
  #startFor(sinceMs: number): string {
    const fromMs = Math.min(sinceMs, this.#runs.now()) - MARGIN_MS;
    return fromMs <= 0 ? 'all' : new Date(fromMs).toISOString();
  }
}
