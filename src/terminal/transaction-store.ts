import type { Identifiers, TransactionKey } from '../application/identifiers.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { Ended } from './cardholder.ts';
import type { Known } from './known.ts';
import type { Purchase } from './purchase.ts';
import { ReceiptIndex } from './receipt-index.ts';
import { type Original, originalOf } from './reversal.ts';
import { Totals } from './totals.ts';

/** A transaction that has begun and is on record. */
export interface OpenRecord {
  /** Of a Reversal: what it undoes, or why it cannot. */
  readonly original: Original | string | undefined;
  /** Resolves when the outcome is stored: from then on it stands. May be tried again after a failure. */
  finish(answer: Answer): Promise<void>;
  /** Lets go of it; one that is undecided was interrupted: not charged. Safe to repeat and after `finish`. */
  release(): Promise<void>;
}

/** What the terminal remembers of its transactions. Calls reject when that cannot be read or written. */
export interface TransactionStore {
  /** How many were approved before. */
  readonly approvals: number;
  /** Of the running period. */
  readonly totals: Totals;
  find(identifiers: Identifiers): Promise<Known>;
  /** Begins a transaction; `known`: these identifiers were used before. */
  begin(purchase: Purchase): Promise<OpenRecord | 'known'>;
  /** Promises that these identifiers will never be charged; false: they have been used meanwhile. */
  markAbsent(identifiers: Identifiers): Promise<boolean>;
  /** Ends the period of the totals. No transaction may be running. */
  closePeriod(): Promise<void>;
  close(): Promise<void>;
}

/** How many outcomes, and how many identifiers that were never seen, are remembered. */
const MAX_REMEMBERED = 10_000;

interface Done {
  readonly purchase: Purchase;
  readonly answer: Answer;
}

/** Remembers as long as the process lives: the last 10 000 outcomes, and as many identifiers that were not found. */
export class MemoryStore implements TransactionStore {
  readonly approvals = 0;
  readonly totals = new Totals();
  readonly #index = new ReceiptIndex();
  readonly #done = new Map<TransactionKey, Done>();
  readonly #absent = new Map<TransactionKey, Identifiers>();
  readonly #reversed = new Set<TransactionKey>();

  async find(identifiers: Identifiers): Promise<Known> {
    return this.#find(identifiers);
  }

  async begin(purchase: Purchase): Promise<OpenRecord | 'known'> {
    const original = purchase.original && originalOf(this.#find(purchase.original), purchase);
    if (!this.#index.claim(purchase, 'sale')) return 'known';
    let isOpen = true;
    const finish = (answer: Answer) => {
      isOpen = false;
      this.totals.add(purchase.method, answer);
      if (answer.kind === 'result' && typeof original === 'object') this.#reversed.add(original.key);
      const forgotten = remember(this.#done, purchase.key, { purchase, answer });
      if (forgotten === undefined) return;
      this.#index.release(forgotten.purchase);
      this.#reversed.delete(forgotten.purchase.key);
    };
    return {
      original,
      finish: async (answer) => finish(answer),
      release: async () => {
        const { code, message } = new Ended('TRANSACTION_INTERRUPTED');
        if (isOpen) finish(errorAnswer(code, message));
      },
    };
  }

  async markAbsent(identifiers: Identifiers): Promise<boolean> {
    if (!this.#index.claim(identifiers, 'absent')) return this.#find(identifiers).state === 'absent';
    const forgotten = remember(this.#absent, identifiers.key, identifiers);
    if (forgotten !== undefined) this.#index.release(forgotten);
    return true;
  }

  async closePeriod(): Promise<void> {
    this.totals.close();
  }

  async close(): Promise<void> {}

  #find(identifiers: Identifiers): Known {
    const key = this.#index.find(identifiers);
    if (key === 'none' || key === 'several' || key === 'absent') return { state: key };
    const done = this.#done.get(key);
    if (done === undefined) return { state: 'running' };
    const { answer, purchase } = done;
    return { state: 'done', answer, key, method: purchase.method, isReversed: this.#reversed.has(key) };
  }
}

/** Keeps the newest entries: a Map knows the order in which they came. Returns what was forgotten for it. */
function remember<V>(entries: Map<TransactionKey, V>, key: TransactionKey, value: V): V | undefined {
  entries.set(key, value);
  if (entries.size <= MAX_REMEMBERED) return undefined;
  const [[oldest, forgotten] = []] = entries;
  if (oldest !== undefined) entries.delete(oldest);
  return forgotten;
}
