import type { Moment } from './age.ts';
import type { Lookup, Outcome, StoredEntry } from './entry-state.ts';
import type { SentRecord } from './journal-record.ts';
import type { TransactionLock } from './lock.ts';
import type { OwnedEntry } from './owned-entry.ts';

/**
 * The crash-safe store of transactions, wherever it is kept: in a folder of this machine (`Journal`) or on a cluster.
 *
 * Of all who begin the same transaction exactly one wins. The winner owns the entry until it has an outcome, is
 * withdrawn or is released, or until the owner dies; then anybody may take it over with `claim` and find out what
 * became of it.
 */
export interface TransactionJournal {
  /** Where it is, for people. */
  readonly text: string;
  /** Which connections have carried outcomes to their peers. */
  readonly carriers: CarrierMarks;
  /** The lock of the terminal whose journal this is. Rejects with LOCK_UNAVAILABLE. */
  openLock(): Promise<TransactionLock>;
  /** Rejects with JOURNAL_OPEN_FAILED where the journal is not the one any more that was opened. */
  checkPlace(): Promise<void>;
  close(): Promise<void>;
  /** Keyed hash of a text that must not be stored. */
  fingerprint(text: string): Promise<string>;
  /** The key of the fingerprints, for a copy; `own` becomes it where there is none yet. */
  compareKey(own?: Buffer): Promise<Buffer>;
  /** The entries of the same group (see `entryId`), in no order, also damaged ones. */
  siblings(id: string): Promise<string[]>;
  /** Rejects when the entry cannot be read. */
  lookup(id: string): Promise<Lookup>;
  /**
   * Begins a transaction: when this resolves with an entry, its record is as safe as this journal makes it. `exists`:
   * somebody was first. With `done` it begins and ends at once, with `contradiction` it has been contradicted as well.
   * Rejects when the record cannot be written; `mayHaveEntry` then says whether a trace of it may be left.
   */
  begin(
    id: string,
    sent: SentRecord,
    done?: Outcome,
    contradiction?: Outcome,
  ): Promise<OwnedEntry | 'exists'>;
  /** Takes over an entry without a living owner; undefined when there is one, or no entry. */
  claim(id: string): Promise<OwnedEntry | undefined>;
  /** Whether there is certainly an entry, readable or not. Never rejects. */
  hasEntry(id: string): Promise<boolean>;
  /** Whether there is an entry, readable or not, or nobody can say. Never rejects. */
  mayHaveEntry(id: string): Promise<boolean>;
  /** Whether somebody who lives is just beginning this transaction, or somebody has. */
  isBeginning(id: string): Promise<boolean>;
  /** Stores that a connection has carried the outcome of an ended transaction to a repeated one. */
  carried(id: string, connection: string): Promise<void>;
  /**
   * Whether everything that was ever stored, and is not too old, can still be read: only then does the absence of a
   * record prove anything.
   */
  isComplete(): Promise<boolean>;
  /** Whether an entry is damaged and not so old that nobody would ask about it. */
  isMissed(entry: StoredEntry): boolean;
  /** Whether a record is certainly older; one of unknown age is not. */
  isOlder(moment: Moment, limitMs: number): boolean;
  /** Every entry, also damaged and old ones, in no order. Changes nothing. */
  entries(): AsyncGenerator<StoredEntry>;
  /** Removes what is older than the journal keeps. */
  prune(): Promise<{ removed: number; unresolved: number; damaged: number }>;
}

/** Which connections of a journal are open, and what they have done since they were given an answer. */
export interface CarrierMarks {
  /** A connection whose transactions are in the journal. Rejects where nobody else can know of it; safe to repeat. */
  join(connection: string): Promise<void>;
  /** The connection is given the answer to this transaction. */
  carries(connection: string, id: string): void;
  /** The peer has sent something. */
  spoke(connection: string): void;
  leave(connection: string): void;
  /**
   * Whether one of these connections is open and has sent something since it was given the answer to this transaction.
   * Rejects where nobody can say it of other processes.
   */
  haveGoneOn(connections: readonly string[], id: string): Promise<boolean>;
}
