import type { Framing } from '../base/framing.ts';
import type { HttpWishes, WebSocketWishes } from '../base/web.ts';
import type {
  Conversation,
  ConversationHost,
  DialectOptions,
  PeerAnswer,
  PeerConnection,
  SendOutcome,
  TransactionRules,
} from './dialect.ts';

/**
 * The end of a protocol that asks a terminal, as its register: what `pos`, `gateway` and channels with a terminal
 * behind them speak through. It speaks the shared vocabulary (docs/vocabulary.md) upward and the protocol downward.
 */
export interface AskingDialect {
  readonly name: string;
  readonly transactions: AskingRules;
  /** What its WebSockets are like; default: subprotocol `jsonrpc2.0`, text messages only. */
  readonly webSocket?: WebSocketWishes;
  /** It can be spoken over HTTP; default: it cannot. */
  readonly http?: HttpWishes;
  /**
   * How long to wait before the next attempt to connect, after so many failures in a row; 0: after a connection that
   * worked.
   */
  retryMs(failures: number): number;
  /**
   * Begins to speak on a wire. It calls `host.opened` with an `AskedTerminal` as soon as requests can be sent: at once,
   * or after a handshake of its own. The events that it gets back are for what the terminal says by itself. A wire that
   * turns out to be useless ends with `host.finished`, whether or not a connection was opened on it.
   */
  ask(host: ConversationHost, framing: Framing, options: AskingOptions): Conversation;
  /**
   * A place for a terminal that cannot speak first on the wire that we open; default: it can, or has nothing to say.
   */
  readonly callbacks?: TerminalCallbacks;
  /** Gives back what `asks` has opened. Nothing is asked any more. */
  close?(): Promise<void>;
}

export interface TerminalCallbacks {
  /** An endpoint: `http:` or `https:`. */
  readonly listen: string;
  /** We listen there, at this address. */
  listening(address: string): void;
  /** Speaks on a wire that the terminal has opened. */
  hear: AskingDialect['ask'];
}

/**
 * A terminal that can be spoken to. `request` takes methods and params of the vocabulary and settles with a result or
 * an error object of the vocabulary, never with an invented outcome: an answer that may have been lost settles with
 * `lost`. A method that the protocol has no words for settles with JSONRPC_METHOD_NOT_FOUND, and `notify` of such a
 * method does nothing.
 */
export interface AskedTerminal extends PeerConnection {
  /**
   * Asks for any sign of life: just before a sale is sent, so that a dead line is found out while nothing is at stake.
   * Settles with any answer. Missing: the protocol has no such question.
   */
  probe?(settle: (answer: PeerAnswer) => void): SendOutcome | 'full';
}

/** Which methods move money, and how a lost outcome is found again. */
export interface AskingRules extends Pick<TransactionRules, 'methods'> {
  /** Undefined: the terminal cannot be asked about an earlier transaction, and a lost answer stays unknown for ever. */
  readonly recovery: 'Check' | undefined;
  /** It tells about its last transaction only. */
  readonly showsLastOnly?: boolean;
}

export interface AskingOptions extends DialectOptions {
  /** What arrives in this time before the first word is an old connection's, and is thrown away. */
  readonly discardMs: number;
}

/** What a dialect is told about the terminal that it is to ask. */
export interface AskingSettings {
  /** An option of the endpoint, `?name=value`, of those that the dialect's row lists. */
  text(option: string): string | undefined;
  /** How the register is called, where it has a name. */
  readonly register: string | undefined;
  /**
   * The folder for what the dialect must remember over restarts; it is there, and nobody else but root can write it.
   * Rejects with a usage error where there is none.
   *
   * @param what what is remembered, for that error: `its counters`.
   */
  folder(what: string): Promise<string>;
  /** The error about an option that cannot be used. `why` follows `OPTION: `: what is wrong, then what to do. */
  fault(option: string, why: string): Error;
}
