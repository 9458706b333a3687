import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { TransactionJournal } from '../../store/transaction-journal.ts';
import type { Judge } from '../judge.ts';

export interface JournalDeskOptions {
  readonly journal: TransactionJournal;
  /**
   * Part of every identity: the register's name, or the peer's identity where the protocol's identities are unique to
   * that.
   */
  readonly register: string;
  readonly connection: string;
  /** The register's address. */
  readonly peer?: string;
  readonly repeatWindowMs: number;
  readonly outcomeWaitMs: number;
  /** "Not found" counts only so long after a transaction was sent. */
  readonly notFoundAfterMs: number;
  readonly judge: Judge;
  readonly clock: Clock;
  readonly log: Logger;
}
