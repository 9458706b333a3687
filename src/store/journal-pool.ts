import type { TransactionJournal } from './transaction-journal.ts';

/** A journal as long as its user needs it. */
export interface JournalLease {
  readonly journal: TransactionJournal;
  /** Call once. */
  release(): Promise<void>;
}

/** Journals that are opened when they are needed, by folder: those who need one at the same time share it. */
export class JournalPool {
  readonly #open: (folder: string) => Promise<TransactionJournal>;
  readonly #journals = new Map<string, { readonly journal: Promise<TransactionJournal>; users: number }>();

  constructor(open: (folder: string) => Promise<TransactionJournal>) {
    this.#open = open;
  }

  /** Rejects as opening does. */
  async take(folder: string): Promise<JournalLease> {
    const entry = this.#journals.get(folder) ?? { journal: this.#open(folder), users: 0 };
    this.#journals.set(folder, entry);
    entry.users += 1;
    const leave = () => {
      entry.users -= 1;
      if (entry.users > 0) return false;
      this.#journals.delete(folder);
      return true;
    };
    try {
      const journal = await entry.journal;
      return {
        journal,
        release: async () => {
          if (leave()) await journal.close();
        },
      };
    } catch (fault) {
      leave();
      throw fault;
    }
  }
}
