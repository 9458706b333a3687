import type { Timer } from '../base/clock.ts';
import type { Attachment, QueuedLine } from '../channel/channel.ts';
import type { InboundRequest } from '../dialect/dialect.ts';
import type { OwnedEntry } from '../store/journal.ts';
import type { Identity } from './identity.ts';
import type { Recovery } from './recovery.ts';

/** A request of the peer that is not answered yet. It keeps nothing of the bytes that it came in. */
export interface OpenRequest {
  /** Ours, as the application knows it; the peer's own is in `answer`. */
  readonly id: string;
  readonly method: string;
  readonly fits: InboundRequest['fits'];
  readonly faultOf: InboundRequest['faultOf'];
  readonly answer: InboundRequest['answer'];
  /** Where it goes; undefined for a recovery request that only the journal answers. */
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

/** accepting (journal only) → queued → handed over ⇄ recovering → settled */
export interface OpenTransaction {
  readonly recovery: Recovery;
  /** Frees the terminal for the next transaction; safe to repeat. */
  release: () => void;
  entry?: OwnedEntry;
  /** The journal has not said yet whether an earlier request for it may have reached the application. */
  isUndecided: boolean;
  /** The application may have it. */
  isHandedOver: boolean;
  /** Its outcome is known and being recorded: later answers come too late. */
  isSettled: boolean;
  /** Runs when nobody waits at the wire or the application is gone. */
  limit?: Timer;
}
