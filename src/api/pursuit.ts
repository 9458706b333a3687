import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { pause } from '../base/pause.ts';
import type { PosClient } from '../pos/pos-client.ts';
import { PosError } from '../pos/pos-error.ts';
import { sharedController } from '../pos/wait.ts';
import { identityOf } from './sale-book.ts';

export interface PursuitOptions {
  readonly client: Pick<PosClient, 'check'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The store has its outcome now. */
  readonly found: (id: string) => Promise<void>;
  /** Nobody could tell so far; it goes on. */
  readonly unknown: (id: string, why: PosError) => void;
}

/** Sales that are asked about at the same time. */
const MAX_ASKING = 8;
/** Between two attempts, each of which takes as long as an outcome is waited for. */
const RETRY_MS = 60_000;

/** Goes on asking a terminal about sales that have no outcome, until each has one or a person settles it. */
export class Pursuit {
  readonly #options: PursuitOptions;
  readonly #waiting: string[] = [];
  readonly #asking = new Map<string, { readonly over: AbortController; readonly ended: Promise<void> }>();
  #isClosed = false;

  constructor(options: PursuitOptions) {
    this.#options = options;
  }

  begin(id: string): void {
    if (this.#isClosed || this.#asking.has(id) || this.#waiting.includes(id)) return;
    this.#waiting.push(id);
    this.#next();
  }

  /** Leaves a sale alone; resolves when nobody here is at it any more. */
  async leave(id: string): Promise<void> {
    const at = this.#waiting.indexOf(id);
    if (at !== -1) this.#waiting.splice(at, 1);
    const asking = this.#asking.get(id);
    asking?.over.abort();
    await asking?.ended;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#waiting, ...this.#asking.keys()].map((id) => this.leave(id)));
  }

  #next(): void {
    while (this.#asking.size < MAX_ASKING && !this.#isClosed) {
      const id = this.#waiting.shift();
      if (id === undefined) return;
      const over = sharedController();
      const ended = this.#ask(id, over.signal).then((isLeft) => {
        this.#asking.delete(id);
        // Whoever waits behind those that nobody can tell about gets a turn as well.
        if (!isLeft && !this.#isClosed) this.#waiting.push(id);
        this.#next();
      });
      this.#asking.set(id, { over, ended });
    }
  }

  /**
   * One attempt, and the wait after one that came to nothing. Whether the sale is to be left alone from now on. Never
   * rejects.
   */
  async #ask(id: string, signal: AbortSignal): Promise<boolean> {
    const { client, clock, log, found, unknown } = this.#options;
    const { receiptId, sequenceId } = identityOf(id);
    try {
      await client.check(receiptId, sequenceId, { signal });
      await found(id);
      return true;
    } catch (fault) {
      if (signal.aborted) return true;
      if (fault instanceof PosError && fault.code === 'OUTCOME_UNKNOWN') unknown(id, fault);
      else log.warn('a sale cannot be asked about', { sale: id, why: describeFault(fault) });
    }
    await pause(clock, RETRY_MS, signal);
    return signal.aborted;
  }
}
