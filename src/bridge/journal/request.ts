import type { OutcomeText as Answer } from '../../rpc/outcome.ts';
import type { SentRecord } from '../../store/journal-record.ts';
import type { LockAttempt } from '../../store/lock.ts';
import type { OwnedEntry } from '../../store/owned-entry.ts';
import type { Identity } from '../identity.ts';

/** What an application is asked, by the recovery method. */
export interface Question {
  /** The identifying members in the peer's own text. */
  readonly params: Buffer;
  /**
   * The transaction that the journal has: it is asked at the very place where it went. Undefined where there is no
   * record.
   */
  readonly sent?: SentRecord;
}

/** A request for a transaction, as the journal sees it. */
export interface TransactionRequest {
  readonly identity: Identity;
  /** The `sent` record without what the desk knows itself. */
  readonly record: Pick<SentRecord, 'method' | 'channel' | 'pid' | 'amount' | 'currency'>;
  /** What has to be the same in a repeated request; only a keyed hash of it is stored. */
  readonly compared: string;
  /** Where the request goes; undefined where nobody is. */
  place(): Promise<string | undefined>;
  /** Takes the terminal for the transaction of this name. */
  acquire(id: string): LockAttempt | Promise<LockAttempt>;
  /** Without an outcome it may be handed over again: the application knows a repeated one. */
  readonly isRepeatable?: boolean;
  /** What a repeated one is answered with, however old the outcome is. */
  repeated?(outcome: Answer): Answer | undefined;
  /** Asks the application about it. */
  ask(question: Question): Promise<Answer | undefined>;
  /** It will take longer: others need not wait behind it. */
  delayed(): void;
  /** Whether a transaction that is not recorded yet may begin. */
  mayBegin(): boolean;
  /** Nobody waits for it any more. */
  isAbandoned(): boolean;
}

/** What becomes of a request. */
export type Acceptance =
  | { readonly kind: 'begun'; readonly entry: OwnedEntry; release(): void }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'busy'; readonly attempt: Extract<LockAttempt, { acquired: false }> }
  /** These identifiers belong to another one; `text` is the whole error. */
  | { readonly kind: 'duplicate'; readonly text: Buffer }
  | { readonly kind: 'refused'; readonly code: string; readonly details: string }
  | { readonly kind: 'unknown'; readonly details: string };
