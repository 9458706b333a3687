import type { Timer } from '../base/clock.ts';
import type { Attachment, QueuedLine } from '../channel/channel.ts';
import type { Reply } from '../dialect/dialect.ts';
import type { OutcomeText as Answer, Statement } from '../rpc/outcome.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import type { Identity } from './identity.ts';
import type { Recovery } from './recovery.ts';

/** A request of the peer that is not answered yet. It keeps nothing of the bytes that it came in. */
export interface OpenRequest {
  /** Ours, as the application knows it; the peer's own is in `prepare`. */
  readonly id: string;
  readonly method: string;
  /** When it came, by the bridge's clock. */
  readonly begunMs: number;
  readonly prepare: Reply['prepare'];
  /** Where it goes; undefined for one that is answered without an application of its own. */
  readonly attachment: Attachment | undefined;
  /** Of a transaction, or of the one that a recovery request asks about. */
  readonly identity: Identity | undefined;
  readonly transaction: OpenTransaction | undefined;
  line: QueuedLine | undefined;
  timer: Timer | undefined;
}

/** What is known of a request when it becomes an open one. */
export type Known = Pick<OpenRequest, 'attachment' | 'identity'> & {
  readonly transaction?: OpenTransaction;
};

/**
 * Where a transaction is:
 *
 * - `undecided`: an earlier request for it may have reached the application, or is running; nobody has said yet what
 *   becomes of this one
 * - `queued`: no byte of it was handed over
 * - `handed-over`: the application may have it
 * - `settled`: its outcome is known and being recorded; later answers come too late
 */
export type TransactionState = 'undecided' | 'queued' | 'handed-over' | 'settled';

/** How the first request for a transaction ended, for those that wait for the same. */
export type TransactionEnd =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly code: string; readonly details: string }
  | { readonly kind: 'unknown' };

export interface OpenTransaction {
  state: TransactionState;
  /** Asks for the outcome; nobody can be asked where the dialect has no such request. */
  readonly recovery: Recovery | undefined;
  /** What the application said to the transaction itself, where that was no outcome. */
  said: { readonly says: Statement; readonly code: string } | undefined;
  /** Frees the terminal for the next transaction; safe to repeat. */
  release: () => void;
  /** Called once, when it is over. */
  ended: ((end: TransactionEnd) => void) | undefined;
  entry: OwnedEntry | undefined;
  /** Ends the waiting for an outcome. */
  limit: Timer | undefined;
  /** Ends it when the peer waits no longer, where its protocol says how long it does. */
  deadline: Timer | undefined;
}
