import { type Answer, errorAnswer } from './answer.ts';
import { Ended } from './cardholder.ts';
import type { Identifiers, Purchase, TransactionKey } from './purchase.ts';

/** What is known of identifiers. `absent`: a Check was told TRANSACTION_NOT_FOUND; `lost`: a record that cannot be read. */
export type Known =
  | { readonly state: 'none' | 'running' | 'absent' | 'lost' }
  | { readonly state: 'done'; readonly answer: Answer };

/** A transaction that has begun and is on record. */
export interface OpenRecord {
  /** Resolves when the outcome is stored: from then on it stands. May be tried again after a failure. */
  finish(answer: Answer): Promise<void>;
  /** Lets go of it; one that is undecided was interrupted: not charged. Safe to repeat and after `finish`. */
  release(): Promise<void>;
}

/** What the terminal remembers of its transactions. Calls reject when that cannot be read or written. */
export interface TransactionStore {
  /** How many were approved before. */
  readonly approvals: number;
  find(identifiers: Identifiers): Promise<Known>;
  /** Begins a transaction; `known`: these identifiers were used before. */
  begin(purchase: Purchase): Promise<OpenRecord | 'known'>;
  /** Promises that these identifiers will never be charged; false: they have been used meanwhile. */
  markAbsent(identifiers: Identifiers): Promise<boolean>;
  close(): Promise<void>;
}

/** How many outcomes, and how many identifiers that were never seen, are remembered. */
const MAX_REMEMBERED = 10_000;

/** Remembers as long as the process lives: the last 10 000 outcomes, and as many identifiers that were not found. */
export class MemoryStore implements TransactionStore {
  readonly approvals = 0;
  readonly #running = new Set<TransactionKey>();
  readonly #done = new Map<TransactionKey, Answer>();
  readonly #absent = new Map<TransactionKey, true>();

  async find({ key }: Identifiers): Promise<Known> {
    if (this.#running.has(key)) return { state: 'running' };
    const answer = this.#done.get(key);
    if (answer !== undefined) return { state: 'done', answer };
    return { state: this.#absent.has(key) ? 'absent' : 'none' };
  }

  async begin({ key }: Purchase): Promise<OpenRecord | 'known'> {
    if (this.#isKnown(key)) return 'known';
    this.#running.add(key);
    return {
      finish: async (answer) => {
        this.#running.delete(key);
        remember(this.#done, key, answer);
      },
      release: async () => {
        if (!this.#running.delete(key)) return;
        const { code, message } = new Ended('TRANSACTION_INTERRUPTED');
        remember(this.#done, key, errorAnswer(code, message));
      },
    };
  }

  async markAbsent({ key }: Identifiers): Promise<boolean> {
    if (this.#running.has(key) || this.#done.has(key)) return false;
    remember(this.#absent, key, true);
    return true;
  }

  async close(): Promise<void> {}

  #isKnown(key: TransactionKey): boolean {
    return this.#running.has(key) || this.#done.has(key) || this.#absent.has(key);
  }
}

/** Keeps the newest entries: a Map knows the order in which they came. */
function remember<V>(entries: Map<TransactionKey, V>, key: TransactionKey, value: V): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size <= MAX_REMEMBERED) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
