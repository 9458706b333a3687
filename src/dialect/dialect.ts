import type { ChannelName } from '../base/channel-name.ts';
import type { Clock } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import type { Framing } from '../base/framing.ts';
import type { Admit } from '../base/knock.ts';
import type { Logger } from '../base/log.ts';
import type { ScreenSource } from '../base/screen-source.ts';
import type { Statistics } from '../base/statistics.ts';
import type { HttpWishes, WebSocketWishes } from '../base/web.ts';

/**
 * A wire protocol: how bytes become connections and JSON-RPC messages, and, as data, where its methods go
 * and which of them move money. A dialect knows no descriptors and no channels' endpoints.
 */
export interface Dialect {
  readonly name: string;
  /** Channel by method name; a method that is not listed goes to `payment`. */
  readonly routes: Readonly<Record<string, ChannelName>>;
  readonly transactions: TransactionRules;
  /** Members of `params` whose values are secret, whoever repeats them under whatever name; texts only. */
  readonly secrets?: readonly string[];
  /** Whom it opens connections for, where that is known before: what `{identity}` in an endpoint stands for. */
  readonly identities?: readonly string[];
  /** How long an application may take to answer, unless the user says otherwise. */
  readonly timeoutMs?: number;
  /** How applications' requests to the peer end. */
  readonly calls?: CallRules;
  /** How a wire comes back that we have opened ourselves; default: not at all. */
  readonly reconnects?: ReconnectRules;
  /** What its WebSockets are like; default: subprotocol `jsonrpc2.0`, text messages only. */
  readonly webSocket?: WebSocketWishes;
  /** It can be spoken over HTTP; default: it cannot. */
  readonly http?: HttpWishes;
  /**
   * The same for one of several wires to the same peer, of which 1 is the best, or for one of several listeners, of
   * which 1 is the first. Default: one wire is all it can use, and all listeners are alike.
   */
  ranked?(rank: number): Dialect;
  /** Where a server of this dialect listens as well, for peers that speak in another way; default: nowhere else. */
  readonly beside?: readonly ListenBeside[];
  /**
   * Who is let in over WebSocket and HTTP; default: whoever offers the subprotocol, or none. For a connection on which
   * each peer has an identity this is where it comes from.
   */
  admit?: Admit;
  /** What a peer is told that is not let in, before its connection is closed. Default: nothing. */
  turnAway?(framing: Framing, reason: CloseReason): Uint8Array | undefined;
  /** A server listens from now on. Called once, before any connection; not where one process serves one connection. */
  begin?(host: ErrandHost): void;
  /** Begins to speak. `framing` is the wire's. */
  converse(host: ConversationHost, framing: Framing, options: DialectOptions): Conversation;
  /** What a page in the browser shows of it, and which page that is. Default: there is none. */
  screen?(): Promise<{ readonly page: string; readonly source: ScreenSource }>;
  /** Whether a peer has something open that outlives its connection, such as a session. Default: it has nothing. */
  hasSession?(): boolean;
  /** Gives back what its set-up has opened. Nothing is spoken any more. */
  close?(): Promise<void>;
}

/** What a dialect may use to open connections without a peer, where it owes something to applications. */
export interface ErrandHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  /** Opens one; the conversation is on a wire that is silent, and ends by itself. Resolves when all of it is over. */
  run(identity: string, converse: Dialect['converse']): Promise<void>;
}

export interface ListenBeside {
  /** An endpoint. */
  readonly listen: string;
  readonly dialect: Dialect;
}

export interface CallRules {
  /**
   * How long the peer may take to answer, counted from the application's request; default: as long as an application
   * may. `own`: the conversation ends every call itself, with an error of its protocol.
   */
  readonly deadlineMs?: number | 'own';
}

export interface ReconnectRules {
  /** Between attempts that fail: from `firstMs`, doubled up to `limitMs`. After a wire that was a good one: at once. */
  readonly firstMs: number;
  readonly limitMs: number;
  /** After the peer has refused us for good. */
  readonly refusedMs: number;
  /** Each attempt that fails is logged; default: the first, one that fails in another way, and every sixtieth. */
  readonly tellsEvery?: boolean;
}

/**
 * Which methods move money, and how a lost outcome is found again. Members that a protocol must not forget have no
 * default: where it has no such thing it says `undefined`.
 */
export interface TransactionRules {
  /** A method that is not listed is an ordinary request: no lock, no journal, and TIMEOUT may answer it. */
  readonly methods: readonly string[];
  /**
   * Among whom the identifying members are unique. `register`: among the requests that come under one `--register`,
   * and without that option among all. `identity`: among those of one peer identity (`admit`, `opened`). Where two
   * peers may number their sales alike it must be `identity`: else the second peer is given the outcome of the first
   * one's sale. A transaction of a peer without an identity is then refused.
   */
  readonly scope: 'register' | 'identity';
  /** Members of `params` that identify a transaction for ever. The first is needed, the others may be missing. */
  readonly identity: readonly string[];
  /** Methods that are identified by others, instead. */
  readonly identityOf?: Readonly<Record<string, readonly string[]>>;
  /** Identifying members whose values are the same in capital and small letters. */
  readonly caseless?: readonly string[];
  /**
   * Members of `params` that say how much; a repeated request must have the same. Undefined: the request does not say.
   */
  readonly amount: string | undefined;
  readonly currency: string | undefined;
  /** Which other members of `params` must be the same in a repeated request; default: none. */
  isCompared?(name: string): boolean;
  /**
   * The method that asks for the outcome of an earlier transaction by the same members. Undefined: there is none; the
   * peer repeats its request when it has lost the outcome, and the application knows a repeated one by its identifiers.
   * So a request whose application goes away ends with CHANNEL_CLOSED, and a repeated one is handed over unless its
   * outcome is known.
   */
  readonly recovery: string | undefined;
  /** Members of a request's `params` that a recovery request about it carries beside the identifying ones. */
  readonly carried?: readonly string[];
  /** Several may run at one time, and no lock keeps them apart; default: one a terminal. */
  readonly isParallel?: boolean;
  /**
   * How long the peer waits for the answer to a transaction. After that its outcome is unknown to the peer: without
   * `recovery` the request ends with TIMEOUT, which the peer's protocol has to take for "ask or send again"; with it
   * the connection ends with OUTCOME_UNKNOWN. Default: as long as an application has the transaction.
   */
  readonly deadlineMs?: number;
  /**
   * What an answer says, where there is no recovery: `outcome` (it is so for ever), `refused` (nothing was
   * done), `nothing`. The text is a result or a complete error.
   */
  judge?(answer: AnswerText): 'outcome' | 'refused' | 'nothing';
  /** What of an outcome goes into the journal; default: all, without card secrets. */
  kept?(outcome: AnswerText): AnswerText;
  /**
   * A request that names a known transaction, whatever became of that one, is refused with DUPLICATE_TRANSACTION: it
   * neither waits for the outcome nor gets it. Default: an equal request does.
   */
  readonly refusesRepeats?: boolean;
  /** What a repeated request is answered with, however old the outcome is; default: the outcome, for a while. */
  repeated?(method: string, outcome: AnswerText): AnswerText | undefined;
}

export interface AnswerText {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
}

export interface DialectOptions {
  /** Largest JSON text of one frame, bytes. */
  readonly maxFrameBytes: number;
  readonly keepalive: KeepaliveOptions | 'off';
  /**
   * The stream may begin with rubbish, and go on with it: the peer says where a conversation begins, if the
   * dialect has a word for it. Wires that keep message borders need no such word.
   */
  readonly sync: boolean;
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
  /** Whom the peer was let in as, where `admit` said so. */
  readonly identity?: string | undefined;
  /** Random letters and digits, different at every call: for ids that must not come twice. */
  randomId(): string;
  /** Queues one frame; the bytes belong to the host from now on. An urgent one overtakes queued ones. */
  send(frame: Uint8Array, urgency: 'urgent' | 'normal'): void;
  /** Forgets the frames that are queued and not begun; one that has been begun is written to its end. */
  discardOutput(): void;
  /**
   * A connection begins: applications hear of it. Returns where its events go. `identity` is for a dialect with several
   * connections on one wire, or one that learns from the peer's first message who the peer is; default: whom the peer
   * was let in as. `register` is the register's name, where the protocol has one and the user wants it to count; it
   * takes the place of `--register`.
   */
  opened(connection: PeerConnection, identity?: string, register?: string): ConnectionEvents;
  /** The peer has let us in: whatever failed before is over. */
  accepted?(): void;
  /**
   * Asks for a wire of its own, to the same place, for a conversation that this wire cannot carry; it is opened again
   * as this one is. Another one for the same `purpose` changes nothing. False: there is only this wire.
   */
  branch?(purpose: string, converse: Dialect['converse']): boolean;
  /**
   * Opens the wire again now, once it is closed, instead of after a pause; also one that was `left`. Undefined: this
   * wire does not come back.
   */
  readonly reopen?: (() => void) | undefined;
  /**
   * Posts a message to where the peer says that it listens, for what this wire cannot carry; undefined: nowhere.
   * `answered` is called once, with the answer's body, or undefined where none could be had.
   */
  readonly post?: ((message: Uint8Array, answered: (body: Buffer | undefined) => void) => void) | undefined;
  /**
   * Opens another TCP port of the same peer, by its number or the one after this wire's, for what this wire cannot
   * carry. Undefined: there is no such port.
   *
   * @param at the address that the peer gives as its own; another machine's is none of its ports.
   */
  beside?(port: number | 'next', events: BesideEvents, at?: string): Beside | undefined;
  /**
   * The conversation is over and its goodbye is queued: write what is queued, end output, read and discard
   * for a moment, close. `broken`: the peer broke the protocol. `lost`: the peer is silent or gone. Open connections
   * are told by `closed` first. Not needed after `Conversation.lost`.
   */
  finished(reason: CloseReason, how: 'ended' | 'broken' | 'lost', verdict?: Verdict): void;
}

export interface BesideEvents {
  received(bytes: Buffer): void;
  /** It could not be opened, or is gone. Not after `close`. */
  closed(): void;
}

/** A second connection, which a conversation closes with itself. */
export interface Beside {
  send(bytes: Uint8Array): void;
  close(): void;
}

/**
 * What the end of a conversation means to who wanted it. `failed`: it was not meant to end now. `refused`: the peer
 * does not let us in, and trying again does not help. `left`: we have left on purpose, and the wire is not opened
 * before `reopen`. Default: all is well.
 */
export type Verdict = 'failed' | 'refused' | 'left';

/** One wire being spoken on. */
export interface Conversation {
  /** On a stream: a message of the peer has begun and is not whole. */
  readonly isInsideMessage?: boolean;
  /** On a stream: whole messages of the peer so far. */
  readonly messagesHeard?: number;
  receive(chunk: Buffer): void;
  /** The peer has ended its output; what it asked can still be answered. */
  endOfInput(): void;
  /** Output does not flow for the moment: the peer cannot be judged by answers to what it was not sent. */
  congested(isCongested: boolean): void;
  /** The transport refuses what the peer sends: says so, and ends. Default: `lost`. */
  refused?(why: string): void;
  /** The wire is gone: nothing more can be sent. Every open connection and call ends with this reason. */
  lost(reason: CloseReason): void;
  /**
   * The bridge is to end. Open connections are told by their own `close`; this is for a conversation that can be
   * without one: it finishes as soon as none is open.
   */
  stop?(): void;
}

/**
 * The bridge's handle on a peer. Texts are JSON and may carry non-ASCII; the dialect puts them in its own form. A
 * `methodText` is a JSON string literal, with its quotes.
 */
export interface PeerConnection {
  /** Of all connections with its identity the newest is the live one, in whichever process it is. Default: false. */
  readonly yieldsToNewer?: boolean;
  /**
   * Asks the peer. If this returns `sent`, `settle` is called exactly once, perhaps before that: with the peer's
   * answer; with an error of ours (JSONRPC_METHOD_NOT_FOUND, JSONRPC_INVALID_PARAMS) where the protocol has no words
   * for the request; or, when the connection ends first, with CONNECTION_CLOSED and `lost`. `full`: the peer takes no
   * more before it has answered; the application is told BUSY. The bridge keeps the deadline (`CallRules`) and drops
   * what settles later; for the conversation the call stays open until the peer has answered.
   */
  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full';
  /**
   * Tells the peer. `Refused` is told to the application and logged as a warning. Where the protocol has no words for a
   * notification of the vocabulary that every terminal sends (StatusEvent, PosMessage), say `sent` and leave it out:
   * nothing depends on it.
   */
  notify(methodText: string, params: Buffer): SendOutcome | Refused;
  /** Says goodbye and ends this connection; `closed` follows at once. Safe to repeat: the first reason sticks. */
  close(reason: CloseReason): void;
}

export type SendOutcome = 'sent' | 'too-large' | 'closed';

/** The peer's protocol has no words for what an application says. */
export interface Refused {
  readonly code: 'JSONRPC_METHOD_NOT_FOUND' | 'JSONRPC_INVALID_PARAMS';
  readonly why: string;
}

/** The peer's answer to a request of ours. The text is valid only during the call. */
export interface PeerAnswer {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
  /** Deepest nesting, counting the message around the text: 2 for `{}`. */
  readonly depth: number;
  /** Set when this is no answer of the peer but ours, because the connection ended: why it did. */
  readonly lost?: CloseReason;
}

/**
 * A request of the peer. Buffers are valid only during the call that brings it; the reply is, for as long as it is
 * open.
 */
export interface InboundRequest extends Reply {
  readonly method: string;
  /** The same as a JSON string literal, with its quotes. */
  readonly methodText: string;
  /** A JSON object. */
  readonly params: Buffer;
  /** Deepest nesting, counting the message around `params`: 2 for `{}`. Over 100 it is refused. */
  readonly depth: number;
  /** Where it goes, if its method alone does not say it. */
  readonly channel?: ChannelName;
}

/** How a request of the peer is answered: once. */
export interface Reply {
  /**
   * Puts an answer into the peer's own form, so that it is known whether it can be sent before anybody is told so. An
   * answer that is not sent leaves the request open. A peer must not be able to take an error for a result, nor one
   * whose outcome is not known (CHANNEL_CLOSED, TIMEOUT, OUTCOME_UNKNOWN) for "not charged". An error of the bridge's
   * own can always be said: cut its texts rather than return `too-large`.
   */
  prepare(kind: 'result' | 'error', text: Buffer): PreparedAnswer | 'too-large' | Refused;
}

/** An answer in the peer's own form. It keeps nothing of the text that it was made of. */
export interface PreparedAnswer {
  /** Answers the request. `closed`: nobody is there to read it. */
  send(): 'sent' | 'closed';
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
  /**
   * This is secret whatever it looks like: wherever it stands in a log, it is masked as long as the connection lives.
   */
  secret?(value: string): void;
  /** The peer will send nothing more; its requests can still be answered. */
  inputEnded(reason: CloseReason): void;
  /** Nobody is there any more; open requests of the peer can no longer be answered. Exactly once. */
  closed(reason: CloseReason): void;
}
