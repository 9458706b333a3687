import type { ChannelName } from '../base/channel-name.ts';
import type { Clock } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';

/**
 * A wire protocol: how bytes become connections and JSON-RPC messages, and, as data, where its methods go
 * and which of them move money. A dialect knows no descriptors and no channels' endpoints.
 */
export interface Dialect {
  readonly name: string;
  /** Channel by method name; a method that is not listed goes to `payment`. */
  readonly routes: Readonly<Record<string, ChannelName>>;
  readonly transactions: TransactionRules;
  /** Begins to speak. `framing` is the wire's. */
  converse(host: ConversationHost, framing: 'stream' | 'messages', options: DialectOptions): Conversation;
}

/** Which methods move money, and how a lost outcome is found again. */
export interface TransactionRules {
  readonly methods: readonly string[];
  /** Members of `params` that identify a transaction for ever. */
  readonly identity: readonly string[];
  /** Members of `params` that say how much. */
  readonly amount: string;
  readonly currency: string;
  /** The method that asks for the outcome of an earlier transaction by the same members. */
  readonly recovery: string;
}

export interface DialectOptions {
  /** Largest JSON text of one frame, bytes. */
  readonly maxFrameBytes: number;
  readonly keepalive: KeepaliveOptions | 'off';
}

export interface KeepaliveOptions {
  /** Between our keepalives when nothing is pending, and when something is. */
  readonly idleMs: number;
  readonly busyMs: number;
  /** How long an answer may take before the connection counts as lost. */
  readonly limitMs: number;
}

/** What a conversation may use of the bridge. */
export interface ConversationHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  /** Random letters and digits, different at every call: for ids that must not come twice. */
  randomId(): string;
  /** Queues one frame; the bytes belong to the host from now on. An urgent one overtakes queued ones. */
  send(frame: Uint8Array, urgency: 'urgent' | 'normal'): void;
  /** A connection begins; the answer says where its events go. */
  opened(connection: PeerConnection): ConnectionEvents;
  /**
   * The conversation is over and its goodbye is queued: write what is queued, end output, read and discard
   * for a moment, close. `broken`: the peer broke the protocol. `lost`: the peer is silent or gone.
   */
  finished(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void;
}

/** One wire being spoken on. */
export interface Conversation {
  receive(chunk: Buffer): void;
  /** The peer has ended its output; what it asked can still be answered. */
  endOfInput(): void;
  /** Output does not flow for the moment: the peer cannot be judged by answers to what it was not sent. */
  congested(isCongested: boolean): void;
  /** The wire is gone: nothing more can be sent. */
  lost(reason: CloseReason): void;
}

/** The bridge's handle on a peer. Texts are JSON and may carry non-ASCII; the dialect puts them in its own form. */
export interface PeerConnection {
  /**
   * Asks the peer. `settle` is called exactly once if the answer is `sent`: with the peer's answer, or with
   * a CONNECTION_CLOSED error when the connection ends first.
   */
  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full';
  notify(methodText: string, params: Buffer): SendOutcome;
  /** Says goodbye and ends this connection; `closed` follows at once. Safe to repeat: the first reason sticks. */
  close(reason: CloseReason): void;
}

export type SendOutcome = 'sent' | 'too-large' | 'closed';

/** The peer's answer to a request of ours. The text is valid only during the call. */
export interface PeerAnswer {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
  /** Deepest nesting of the whole message, the message itself being 1. */
  readonly depth: number;
}

/** A request of the peer. Buffers are valid only during the call that brings it. */
export interface InboundRequest {
  /** Decoded, and as the peer wrote it (a JSON string literal). */
  readonly id: string;
  readonly idText: string;
  readonly method: string;
  readonly methodText: string;
  readonly params: Buffer;
  /** Deepest nesting of the whole message, the message itself being 1. */
  readonly depth: number;
  /** Whether this answer fits a frame. */
  fits(kind: 'result' | 'error', text: Buffer): boolean;
  /** Answers it: once. After `too-large` it is still open; `closed` means that nobody is there to read it. */
  answer(kind: 'result' | 'error', text: Buffer): SendOutcome;
}

export interface InboundNotification {
  readonly method: string;
  readonly methodText: string;
  readonly params: Buffer;
  readonly depth: number;
}

/** What a connection reports to the bridge. */
export interface ConnectionEvents {
  request(request: InboundRequest): void;
  notification(notification: InboundNotification): void;
  /** The peer will send nothing more; its requests can still be answered. */
  inputEnded(reason: CloseReason): void;
  /** Nobody is there any more; open requests of the peer can no longer be answered. Exactly once. */
  closed(reason: CloseReason): void;
}
