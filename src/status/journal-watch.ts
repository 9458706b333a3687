import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import { isDamaged } from '../store/entry-state.ts';
import type { TransactionJournal } from '../store/transaction-journal.ts';

export interface JournalStatus {
  readonly place: string;
  /** Whether it can be used; undefined before the first look. */
  readonly is_usable?: boolean;
  readonly why?: string;
  /** Transactions without an outcome whose process is gone. */
  readonly unresolved?: number;
  /** Charged, after "not charged" was told. */
  readonly contradicted?: number;
  readonly damaged?: number;
  /** When these were counted. */
  readonly counted?: string;
}

/** A big journal takes seconds to read. */
const COUNT_EVERY_MS = 60_000;

/** Looks into a journal when somebody asks, never more often than once a minute, and never makes anybody wait. */
export class JournalWatch {
  readonly #journal: TransactionJournal;
  readonly #clock: Clock;
  #status: JournalStatus;
  #lookedMs: number | undefined;

  constructor(journal: TransactionJournal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
    this.#status = { place: journal.text };
  }

  /** What is known, while a new look may begin. */
  get status(): JournalStatus {
    const nowMs = this.#clock.nowMs();
    if (this.#lookedMs === undefined || nowMs - this.#lookedMs >= COUNT_EVERY_MS) {
      this.#lookedMs = nowMs;
      void this.#look();
    }
    return this.#status;
  }

  async #look(): Promise<void> {
    const { text: place } = this.#journal;
    const counts = { unresolved: 0, contradicted: 0, damaged: 0 };
    try {
      await this.#journal.checkPlace();
      for await (const entry of this.#journal.entries()) {
        if (this.#journal.isMissed(entry)) counts.damaged += 1;
        else if (entry.isRunning || isDamaged(entry)) continue;
        else if (entry.done === undefined) counts.unresolved += 1;
        else if (entry.contradicted !== undefined) counts.contradicted += 1;
      }
      const counted = new Date(this.#clock.wallMs()).toISOString();
      this.#status = { place, is_usable: true, ...counts, counted };
    } catch (fault) {
      this.#status = { place, is_usable: false, why: describeFault(fault) };
    }
  }
}
