import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { PosClient } from '../pos/pos-client.ts';
import { PosError } from '../pos/pos-error.ts';
import type { SaleOutcome } from '../pos/sale.ts';
import type { SaleStore } from '../pos/sale-store.ts';
import { sharedController } from '../pos/wait.ts';
import type { Outcome } from '../store/entry-state.ts';
import { identityOf } from './sale-book.ts';

export interface PursuitOptions {
  readonly client: Pick<PosClient, 'check' | 'recovery'>;
  readonly store: Pick<SaleStore, 'settle'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The store has its outcome. */
  readonly found: (id: string) => Promise<void>;
  /**
   * Its outcome is known, and the disk has refused it. The result is what is to be stored as soon as the disk takes it.
   */
  readonly refused: (id: string, outcome: SaleOutcome) => Promise<Outcome>;
  /** Nobody could tell so far. */
  readonly unknown: (id: string, why: PosError) => void;
}

/** Sales that are asked about at the same time. */
const MAX_ASKING = 8;
/** Between two attempts, each of which takes as long as an outcome is waited for. A new connection ends the pause. */
const RETRY_MS = 60_000;
/** Whoever only looks at an entry of the store holds it for a moment. */
const HELD_RETRY_MS = 1000;

/** One attempt. */
interface Attempt {
  readonly over: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Sales that have no outcome, or whose outcome the disk has refused, until each has one in the store or a person
 * settles it:
 *
 *   waiting ──a slot is free──▶ asking ──an outcome, stored──▶ gone
 *      ▲                          │
 *      └──a minute, or a new──────┴──nobody could tell──▶ resting
 *         connection
 *
 * A sale that rests holds no slot. A terminal that has no answer to such questions is asked once.
 */
export class Pursuit {
  readonly #options: PursuitOptions;
  readonly #waiting = new Set<string>();
  readonly #asking = new Map<string, Attempt>();
  readonly #resting = new Map<string, Timer>();
  /** What the disk has refused so far. */
  readonly #unstored = new Map<string, Outcome>();
  #isClosed = false;

  constructor(options: PursuitOptions) {
    this.#options = options;
  }

  /** `outcome`: it is known already, and only has to be stored. */
  begin(id: string, outcome?: Outcome): void {
    if (this.#isClosed) return;
    if (outcome !== undefined) this.#unstored.set(id, outcome);
    if (this.#asking.has(id) || this.#resting.has(id)) return;
    this.#waiting.add(id);
    this.#next();
  }

  /** There is a new connection: whoever rests asks at once. */
  wake(): void {
    for (const [id, timer] of this.#resting) {
      timer.cancel();
      this.#waiting.add(id);
    }
    this.#resting.clear();
    this.#next();
  }

  /** Leaves a sale alone; resolves when nobody here is at it any more. */
  async leave(id: string): Promise<void> {
    this.#waiting.delete(id);
    this.#resting.get(id)?.cancel();
    this.#resting.delete(id);
    const asking = this.#asking.get(id);
    asking?.over.abort();
    await asking?.ended;
    this.#unstored.delete(id);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#waiting, ...this.#resting.keys(), ...this.#asking.keys()];
    await Promise.all(all.map((id) => this.leave(id)));
  }

  #next(): void {
    for (const id of this.#waiting) {
      if (this.#asking.size >= MAX_ASKING || this.#isClosed) return;
      this.#waiting.delete(id);
      const over = sharedController();
      const ended = this.#attempt(id, over.signal).then((restMs) => {
        this.#asking.delete(id);
        if (restMs === undefined) this.#unstored.delete(id);
        else if (!over.signal.aborted) this.#rest(id, restMs);
        this.#next();
      });
      this.#asking.set(id, { over, ended });
    }
  }

  #rest(id: string, ms: number): void {
    const timer = this.#options.clock.after(ms, () => {
      this.#resting.delete(id);
      this.begin(id);
    });
    this.#resting.set(id, timer);
  }

  /** When it is to be tried again; undefined: it is to be left alone. Never rejects. */
  async #attempt(id: string, signal: AbortSignal): Promise<number | undefined> {
    const { client, log, found, refused, unknown } = this.#options;
    try {
      const outcome = this.#unstored.has(id) ? await this.#storeAgain(id) : await this.#ask(id, signal);
      if (outcome === 'held') return HELD_RETRY_MS;
      if (outcome === 'stored') {
        await found(id);
        return undefined;
      }
      this.#unstored.set(id, await refused(id, outcome));
      return RETRY_MS;
    } catch (fault) {
      if (signal.aborted) return undefined;
      const code = fault instanceof PosError ? fault.code : undefined;
      if (code === 'TRANSACTION_ACTIVE') return HELD_RETRY_MS;
      if (code === 'OUTCOME_UNKNOWN') unknown(id, fault as PosError);
      else log.warn('a sale cannot be asked about', { sale: id, why: describeFault(fault) });
      return code === 'OUTCOME_UNKNOWN' && client.recovery === 'none' ? undefined : RETRY_MS;
    }
  }

  async #ask(id: string, signal: AbortSignal): Promise<SaleOutcome | 'stored'> {
    const { receiptId, sequenceId } = identityOf(id);
    const outcome = await this.#options.client.check(receiptId, sequenceId, { signal });
    return outcome.isRecorded ? 'stored' : outcome;
  }

  async #storeAgain(id: string): Promise<'stored' | 'held'> {
    const outcome = this.#unstored.get(id) as Outcome;
    const settled = await this.#options.store.settle(identityOf(id), outcome);
    return settled === 'running' ? 'held' : 'stored';
  }
}
