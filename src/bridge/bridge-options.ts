import type { ChannelName } from '../base/channel-name.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { ChannelContext } from '../channel/kind.ts';
import type { AttachmentPool } from '../channel/pool.ts';
import type { ConversationHost, Dialect, DialectOptions } from '../dialect/dialect.ts';
import type { Refusal } from '../dialect/simulator.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { JournalLease } from '../store/journal-pool.ts';
import type { TransactionJournal } from '../store/transaction-journal.ts';
import type { Route } from './router.ts';
import type { SpeechWatch, SpeechWatchOptions } from './speech-watch.ts';

export interface BridgeOptions {
  /** Before the random part of a connection's name; default: the peer. */
  readonly name?: string;
  readonly dialect: Dialect;
  readonly channels: ReadonlyMap<ChannelName, Endpoint>;
  readonly routes: readonly Route[];
  /** Members of `params` that identify a transaction; default: the dialect's. */
  readonly identity?: readonly string[];
  readonly timeoutMs: (method: string) => number;
  readonly outcomeWaitMs: number;
  /** How long transactions have when the bridge is told to stop; default, and at least: as long as everything else. */
  readonly drainMs?: number;
  readonly protocol: DialectOptions;
  /** What the link carries, bytes per second, where it carries less than the wire takes; default: no limit. */
  readonly linkSpeed?: number;
  /** A path, or `none`; undefined: the default for the payment endpoint. */
  readonly lock?: string;
  /**
   * Whose connections they are, with `{peer}` filled in for each: part of the identity of transactions; default:
   * nobody's in particular.
   */
  readonly register?: string;
  /** Codes beside the listed ones that mean "not charged"; default: none. */
  readonly outcomeCodes?: ReadonlySet<string>;
  /** "Not found" counts only so long after a transaction was sent; default: 5 s. */
  readonly notFoundAfterMs?: number;
  /** What a recovery request carries where the peer's own request does not: JSON by name. */
  readonly carried?: Readonly<Record<string, string>>;
  /** How long a repeated request gets the stored answer. */
  readonly repeatWindowMs: number;
  /** Where peers take places from each other: watches whether one says something. Default: nobody does. */
  readonly watch?: (options: SpeechWatchOptions) => SpeechWatch;
  /** Where the wire can be opened again: see `ConversationHost.branch`. */
  readonly branch?: ConversationHost['branch'];
  /** Where the wire can be opened again: see `ConversationHost.reopen`. */
  readonly reopen?: () => void;
}

/** What the process lends to its bridges. */
export interface BridgeContext extends ChannelContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly version: string;
  readonly pid: number;
  readonly pool: AttachmentPool;
  readonly journal: TransactionJournal | undefined;
  /** Where each peer or connection has a terminal of its own, and so a journal of its own. */
  readonly journalFor?: (values: {
    readonly peer: string;
    readonly connection: string;
  }) => Promise<JournalLease>;
  readonly randomId: () => string;
  /** Hears of transactions that were refused because another one is running. */
  readonly refused?: (refusal: Refusal) => void;
}

/**
 * How a bridge ended. `unknown`: the outcome of a transaction could not be found. `refused`: the peer does not let us
 * in, and trying again does not help.
 */
export type BridgeEnd = 'ended' | 'broken' | 'failed' | 'refused' | 'unknown';
