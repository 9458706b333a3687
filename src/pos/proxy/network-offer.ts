import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { deferred } from '../../base/deferred.ts';
import type { Logger } from '../../base/log.ts';
import { pause } from '../../base/pause.ts';
import { LEAST_LINK_SPEED, shareLink } from '../../dialect/jsonpos/network/link-share.ts';
import { type Answer, type JsonObject, readReason } from '../answer.ts';
import type { Keeper } from '../keeper.ts';
import { PeerError, PosError, RequestRefused } from '../pos-error.ts';
import { askInfo } from '../status-watch.ts';
import type { TerminalConnection } from '../terminal-connection.ts';
import { AnySignal, Limit, unlessAborted } from '../wait.ts';
import { ALLOW_FORM, AllowList, parseAllow } from './allow.ts';
import { type Resolve, Resolver } from './dial.ts';
import { NetworkSession, type NetworkTotals } from './network-session.ts';

export const DEFAULT_MAX_CONNECTIONS = 64;
/** How long the terminal may take to say what it is, and to hear that the network is no longer offered. */
const INFO_MS = 10_000;
const STOP_MS = 2000;
/** Answers to NetworkStart that say nothing about the network, and when it is offered again then. */
const NOT_NOW: ReadonlySet<string> = new Set(['BUSY', 'CHANNEL_UNAVAILABLE', 'CHANNEL_CLOSED', 'TIMEOUT']);
const RETRY_MS = 5000;

/** What happens to an offer of the network. */
export type NetworkEvent =
  /** The terminal has accepted it. `linkSpeed`: bytes a second, infinite where nothing is held back. */
  | { readonly kind: 'started'; readonly linkSpeed: number }
  /** The terminal cannot take it now; it is offered again in a moment. */
  | { readonly kind: 'waiting'; readonly error: PeerError }
  /** The terminal does not want it; it is offered again on the next connection. */
  | { readonly kind: 'refused'; readonly error: PeerError };

export interface NetworkOptions {
  /** Who may be reached, as HOST:PORT, either of which may be or contain `*`; default: every public address. */
  readonly allow?: readonly string[] | undefined;
  /** Connections at one time; default 64. */
  readonly maxConnections?: number | undefined;
  /**
   * Bytes a second of the line to the terminal, or Infinity. Default: what the terminal says, at least 10 240, at most
   * the client's.
   */
  readonly linkSpeed?: number | undefined;
  readonly onEvent?: ((event: NetworkEvent) => void) | undefined;
  /** All addresses of a host. Default: as the machine looks names up. */
  readonly resolve?: Resolve | undefined;
}

export interface NetworkOfferOptions extends NetworkOptions {
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly log: Logger;
  /** What the line carries, whatever the terminal says. */
  readonly mostLinkSpeed: number | undefined;
  /** Params of the requests that it makes. */
  readonly params: string;
}

/**
 * Offers this machine's network to the terminal, over as many JSON-RPC connections as it takes:
 *
 *   waiting (for a connection) ──▶ starting (what is the link's speed? NetworkStart) ──▶ started ──lost──▶ waiting …
 *   ──▶ closed
 */
export class NetworkOffer {
  readonly #options: NetworkOfferOptions;
  readonly #allow: AllowList;
  readonly #resolve: Resolve;
  readonly #closing = new AbortController();
  readonly #totals: NetworkTotals = { connections: 0, open: 0, toTerminal: 0, fromTerminal: 0 };
  readonly #started = deferred<void>();
  readonly #running: Promise<void>;
  #session: NetworkSession | undefined;
  #isBusy = false;

  constructor(options: NetworkOfferOptions) {
    this.#options = options;
    this.#allow = new AllowList(
      (options.allow ?? []).map((text) => {
        const pattern = parseAllow(text);
        if (pattern === undefined) throw new TypeError(`allow: ${text} is not ${ALLOW_FORM}`);
        return pattern;
      }),
    );
    this.#resolve = options.resolve ?? new Resolver().resolve;
    this.#started.promise.catch(() => {}); // nobody need wait for it
    this.#running = this.#run();
  }

  /**
   * Settles once: when the terminal has accepted it, has refused it (PeerError), or the offer is over before
   * (CONNECTION_CLOSED).
   */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Over the whole time of the offer. */
  get totals(): Readonly<NetworkTotals> {
    return this.#totals;
  }

  /** The terminal has accepted, on the connection that there is. */
  get isStarted(): boolean {
    return this.#session?.isStarted === true;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Withdraws the offer and closes every connection. Safe to repeat. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** A transaction is running at the terminal, or no longer. */
  set isBusy(isBusy: boolean) {
    this.#isBusy = isBusy;
    if (this.#session !== undefined) this.#session.isBusy = isBusy;
  }

  /** Answers what is about the network; undefined: something else. */
  request(method: string, text: string): Promise<JsonObject> | undefined {
    if (method === 'Data') {
      this.#session?.data(Buffer.from(text)); // a terminal that wants to know that it has arrived
      return Promise.resolve({});
    }
    if (method !== 'NetworkConnect' && method !== 'NetworkDisconnect') return undefined;
    return this.#answer(method, Buffer.from(text));
  }

  /** True: it was about the network. The buffer is valid only during the call. */
  notification(method: string, params: Buffer): boolean {
    if (method !== 'Data') return false;
    this.#session?.data(params);
    return true;
  }

  async #answer(method: 'NetworkConnect' | 'NetworkDisconnect', params: Buffer): Promise<JsonObject> {
    // The answer to NetworkStart may have come with the same bytes, and not have been looked at yet.
    if (!this.isStarted) await setImmediate();
    const session = this.#session;
    if (session?.isStarted !== true) {
      throw new RequestRefused('NETWORK_NOT_STARTED', 'NetworkStart has not been answered');
    }
    return method === 'NetworkConnect' ? session.connect(params) : session.disconnect(params);
  }

  async #run(): Promise<void> {
    const { keeper } = this.#options;
    const any = new AnySignal(this.#closing.signal, keeper.closing);
    const over = any.signal;
    try {
      while (!over.aborted) {
        const connection = await keeper.speaking(over);
        if (connection === undefined) break;
        await this.#serve(connection, over);
      }
    } finally {
      any.stop();
      this.#started.reject(new PosError('CONNECTION_CLOSED', 'the network is not offered any more'));
    }
  }

  async #serve(connection: TerminalConnection, over: AbortSignal): Promise<void> {
    const { clock, log, params, maxConnections = DEFAULT_MAX_CONNECTIONS } = this.#options;
    this.#isBusy = false;
    const linkSpeed = await this.#linkSpeedOf(connection, over);
    if (Number.isFinite(linkSpeed)) connection.pace(linkSpeed);
    const session = new NetworkSession({
      peer: connection,
      params,
      clock,
      log,
      share: shareLink(linkSpeed),
      allow: this.#allow,
      resolve: this.#resolve,
      maxConnections,
      totals: this.#totals,
    });
    connection.onWritten(() => session.written());
    this.#session = session;
    const answer = await this.#start(connection, over);
    if (answer?.kind === 'result') {
      session.isStarted = true;
      session.isBusy = this.#isBusy;
      this.#started.resolve();
      log.info('network offered', { 'link speed': Number.isFinite(linkSpeed) ? linkSpeed : 'off' });
      this.#options.onEvent?.({ kind: 'started', linkSpeed });
    } else if (answer !== undefined && answer.lost === undefined) {
      const error = new PeerError(answer, readReason(answer));
      log.warn('the terminal does not want the network', { why: error.message });
      this.#options.onEvent?.({ kind: 'refused', error });
      this.#started.reject(error);
    }
    await unlessAborted(connection.ended, over);
    if (connection.isSpeaking && session.isStarted) {
      const stopped = connection.ask('NetworkStop', params);
      const limit = new AbortController();
      await Promise.race([stopped, pause(clock, STOP_MS, limit.signal)]);
      limit.abort();
    }
    this.#session = undefined;
    session.close();
  }

  /** The terminal's answer to NetworkStart, once it has made up its mind; undefined: nobody waits for it any more. */
  async #start(connection: TerminalConnection, over: AbortSignal): Promise<Answer | undefined> {
    const { clock, log, params, onEvent } = this.#options;
    while (!over.aborted) {
      const asked = connection.ask('NetworkStart', params);
      const answer = typeof asked === 'string' ? undefined : await unlessAborted(asked, over);
      if (answer?.kind !== 'error' || answer.lost !== undefined) return answer;
      const error = new PeerError(answer, readReason(answer));
      if (!NOT_NOW.has(error.code)) return answer;
      log.info('the terminal cannot take the network now', { why: error.message });
      onEvent?.({ kind: 'waiting', error });
      const next = new AbortController();
      await Promise.race([pause(clock, RETRY_MS, over, next.signal), connection.ended]);
      next.abort();
    }
    return undefined;
  }

  async #linkSpeedOf(connection: TerminalConnection, over: AbortSignal): Promise<number> {
    const { linkSpeed, mostLinkSpeed = Number.POSITIVE_INFINITY, clock, params } = this.#options;
    if (linkSpeed !== undefined) return linkSpeed;
    const limit = new Limit(clock, INFO_MS, over);
    const info = await askInfo(connection, params, limit.signal);
    limit.stop();
    return Math.min(mostLinkSpeed, Math.max(LEAST_LINK_SPEED, info?.linkSpeed ?? 0));
  }
}
