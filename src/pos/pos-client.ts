import type { Clock } from '../base/clock.ts';
import { hideLiteral } from '../base/mask/literals.ts';
import { maskText } from '../base/mask.ts';
import { memberOf } from '../base/member.ts';
import { Statistics } from '../base/statistics.ts';
import type { AskingDialect } from '../dialect/asking.ts';
import type { InboundNotification } from '../dialect/dialect.ts';
import { type Answer, type JsonObject, MAX_DEPTH, parseObject, readReason } from './answer.ts';
import { Emitter } from './emitter.ts';
import { Inbound } from './inbound.ts';
import { type Disconnection, Keeper, type KeeperState } from './keeper.ts';
import { terminalWireOpener } from './open-wire.ts';
import { PeerError, PosError, type PosErrorCode } from './pos-error.ts';
import {
  checkTimerMs,
  type PosClientOptions,
  type ResolvedPosOptions,
  resolvePosOptions,
} from './pos-options.ts';
import type { NetworkOffer, NetworkOptions } from './proxy/network-offer.ts';
import type { RecoveredSale, RecoverySummary, SaleOutcome, SaleProgress, SaleRequest } from './sale.ts';
import { plainParams } from './sale-request.ts';
import { SaleStore } from './sale-store.ts';
import { Sales } from './sales.ts';
import { readStatus, readTerminalInfo, type Status, type TerminalInfo } from './status.ts';
import { watchStatus } from './status-watch.ts';
import type { Unsent } from './terminal-connection.ts';
import { Terminals } from './terminals.ts';
import { Limit, settlesWithin, unlessAborted, Working } from './wait.ts';

/** What a client reports while it lives. */
export interface PosEvents {
  /** An attempt to connect begins. */
  readonly connecting: { readonly to: string };
  /** A connection can be spoken on. */
  readonly connected: { readonly to: string };
  /** A connection ended, or could not be had; not the end that `close` makes. */
  readonly disconnected: Disconnection;
  /** What the terminal says about itself, by itself or when asked. */
  readonly status: Status;
  /** A text for the cashier, in the cashier's language. */
  readonly message: string;
  /** Where a sale is. */
  readonly progress: SaleProgress;
  /** Any other notification of the terminal. */
  readonly notification: { readonly method: string; readonly params: JsonObject };
}

export interface WaitOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

export interface CallOptions extends WaitOptions {
  /** For the answer, from sending on; default 60 s. */
  readonly timeoutMs?: number | undefined;
}

/** The terminal's result. */
export interface CallResult {
  readonly value: JsonObject;
  /** As the terminal wrote it: numbers that a double cannot hold are exact here. */
  readonly text: string;
}

const DEFAULT_CALL_TIMEOUT_MS = 60_000;
/** What a disk that does not answer may keep `close` waiting for, beside what ends the work by itself. */
const CLOSE_LIMIT_MS = 15_000;

/**
 * The register's side of JSONPOS: keeps a connection to a terminal, and makes sales that survive whatever dies or is
 * unplugged. The connection is opened by the first use and kept until `close`.
 *
 *     const pos = await PosClient.open({ to: 'tcp:127.0.0.1:10001', store: '/var/lib/till' });
 *     for await (const sale of pos.recover()) report(sale);
 *     const { outcome } = await pos.purchase({ amountMinor: 1230, currency: 'EUR' });
 *     await pos.close();
 *
 * Faults of the register's own side are `PosError`s, what the terminal answers instead of a result is a `PeerError`,
 * a bad argument is a TypeError or RangeError.
 */
export class PosClient {
  readonly #options: ResolvedPosOptions;
  readonly #to: string;
  readonly #clock: Clock;
  readonly #store: SaleStore | undefined;
  readonly #emitter: Emitter<PosEvents>;
  readonly #keeper: Keeper;
  readonly #inbound: Inbound;
  readonly #sales: Sales;
  readonly #working = new Working();
  readonly #unhide: () => void;
  #network: NetworkOffer | undefined;
  #closing: Promise<void> | undefined;

  /** Opens the store, not yet the connection. Rejects with STORE_FAILED; throws for bad options. */
  static async open(options: PosClientOptions): Promise<PosClient> {
    const resolved = await resolvePosOptions(options);
    const store = resolved.store === undefined ? undefined : await SaleStore.open(resolved.store, resolved);
    return new PosClient(resolved, store);
  }

  private constructor(options: ResolvedPosOptions, store: SaleStore | undefined) {
    const { log } = options;
    this.#unhide = hideLiteral(options.apiKey ?? '');
    this.#options = options;
    this.#to = maskText(options.to.text);
    this.#clock = options.clock;
    this.#store = store;
    this.#emitter = new Emitter(log);
    const inbound = new Inbound(
      (method, params, text) =>
        this.#network?.request(method, text) ?? options.onRequest?.(method, params, text),
      options,
    );
    this.#inbound = inbound;
    this.#keeper = new Keeper({
      ...options,
      statistics: new Statistics(),
      openWire: terminalWireOpener(options),
      connecting: () => this.#emitter.emit('connecting', { to: this.#to }),
      connected: () => {
        log.info('connected', { to: this.#to });
        this.#emitter.emit('connected', { to: this.#to });
      },
      disconnected: (disconnection) => this.#emitter.emit('disconnected', disconnection),
      request: (request) => inbound.request(request),
      notification: (notification) => this.#notified(notification),
    });
    this.#sales = new Sales({
      ...options,
      to: this.#to,
      keeper: this.#keeper,
      terminals: new Terminals({
        to: options.to,
        clock: options.clock,
        params: plainParams({}, options.apiKey),
      }),
      store,
      progress: (progress) => this.#emitter.emit('progress', progress),
    });
  }

  /** Listens; the answer takes the listener away again. A listener that throws is logged. */
  on<Name extends keyof PosEvents>(name: Name, listener: (event: PosEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  get connectionState(): KeeperState {
    return this.#keeper.state;
  }

  /** Attempts to connect that have failed in a row. */
  get failures(): number {
    return this.#keeper.failures;
  }

  /** Bytes that wait to be written. */
  get queuedBytes(): number {
    return this.#keeper.current?.queuedBytes ?? 0;
  }

  /** Resolves when there is a connection. Rejects with NOT_CONNECTED, ABORTED or CONNECTION_CLOSED. */
  async connect({ signal }: WaitOptions = {}): Promise<void> {
    await this.#working.keep(this.#connection(signal));
  }

  /** Milliseconds to the terminal and back. Rejects like `call`. */
  ping({ signal }: WaitOptions = {}): Promise<number> {
    return this.#working.keep(this.#ping(signal));
  }

  /**
   * One request, `Purchase` and `Refund` excepted: those are made by `purchase` and `refund`, never unrecorded. Params
   * that are a JSON text go out as they are written, numbers included. Rejects with a PeerError, or a PosError: NOT_CONNECTED (nothing was sent), CONNECTION_CLOSED, KEEPALIVE, TIMEOUT, ABORTED.
   */
  async call(
    method: string,
    params: JsonObject | string = {},
    options: CallOptions = {},
  ): Promise<CallResult> {
    refuseOwn(method, this.#options.dialect);
    const { text } = await this.#working.keep(
      this.#call(method, plainParams(params, this.#options.apiKey), options),
    );
    return { value: parseObject(text), text };
  }

  /** Tells the terminal something, never a sale, on the connection that there is. False: there is none, or it does not fit. */
  notify(method: string, params: JsonObject): boolean {
    refuseOwn(method, this.#options.dialect);
    return this.#keeper.current?.tell(method, JSON.stringify(params)) === 'sent';
  }

  /**
   * Charges. Resolves with the truth: what became of it is known, and recorded.
   *
   * Rejects with NOT_CONNECTED, ABORTED, CONNECTION_CLOSED, STORE_FAILED or DUPLICATE_TRANSACTION when nothing was
   * sent; with OUTCOME_UNKNOWN when it was sent and the outcome could not be had within `outcomeWaitMs`, or `signal` ended
   * the waiting: then the entry stays open, and `recover` goes on with it.
   */
  async purchase(request: SaleRequest, { signal }: WaitOptions = {}): Promise<SaleOutcome> {
    return this.#sales.make('Purchase', request, signal);
  }

  /** Pays back; in all else like `purchase`. */
  async refund(request: SaleRequest, { signal }: WaitOptions = {}): Promise<SaleOutcome> {
    return this.#sales.make('Refund', request, signal);
  }

  /**
   * How an earlier sale ended: told from the store if it is known there, else asked until the terminal says so, and recorded.
   * Rejects like `purchase`, and with TRANSACTION_ACTIVE while it is being carried out.
   */
  async check(
    receiptId: string | number,
    sequenceId?: string | number | null,
    { signal }: WaitOptions = {},
  ): Promise<SaleOutcome> {
    return this.#sales.check(receiptId, sequenceId, signal);
  }

  /**
   * Brings every unfinished sale of the store to its end, and gives each as it ends; one that cannot be
   * decided within `outcomeWaitMs` as `unknown`. Sales of other living processes are left alone. It returns how many it could
   * not tell anything about. Rejects with STORE_FAILED.
   */
  recover({ signal }: WaitOptions = {}): AsyncGenerator<RecoveredSale, RecoverySummary, undefined> {
    return this.#sales.recover(signal);
  }

  /** Asks the terminal to end the sale that is running, if it still can. The sale itself tells what came of it. */
  async abort(options: CallOptions = {}): Promise<void> {
    await this.call('Abort', {}, options);
  }

  async status(options: CallOptions = {}): Promise<Status> {
    const { text } = await this.call('Status', {}, options);
    const status = readStatus(text);
    this.#statusIs(status);
    return status;
  }

  /** What the terminal is, also if it is an old one. */
  async info(options: CallOptions = {}): Promise<TerminalInfo> {
    try {
      return readTerminalInfo((await this.call('TerminalInfo', {}, options)).text);
    } catch (fault) {
      if (!(fault instanceof PeerError) || fault.code !== 'JSONRPC_METHOD_NOT_FOUND') throw fault;
      return readTerminalInfo((await this.call('VersionInfo', {}, options)).text);
    }
  }

  /**
   * Keeps `status` events coming until `signal` aborts or the client is closed, over as many connections as it takes: terminals
   * before 18.2.0 do not send any by themselves and are asked every 5 s. Never rejects.
   */
  watch({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    return this.#working.keep(
      watchStatus({
        keeper: this.#keeper,
        clock: this.#clock,
        params: plainParams({}, this.#options.apiKey),
        signal,
        status: (text) => this.#statusIs(readStatus(text)),
      }),
    );
  }

  /**
   * Offers this machine's network to the terminal, over as many connections as it takes, until the offer or the client is
   * closed. At most one at a time. Resolves when the terminal has accepted it, however long it takes to be there and ready.
   * Rejects, and nothing is offered any more, with a PeerError when the terminal does not want it, with ABORTED when
   * `signal` ends the waiting, with CONNECTION_CLOSED when the client is closed first.
   */
  async offerNetwork({ signal, ...options }: NetworkOptions & WaitOptions = {}): Promise<NetworkOffer> {
    const { NetworkOffer: Offer } = await import('./proxy/network-offer.ts');
    if (this.#network?.isClosed === false) throw new Error('the network is offered already');
    const { clock, log, apiKey, linkSpeed: mostLinkSpeed } = this.#options;
    const params = plainParams({}, apiKey);
    const own = { keeper: this.#keeper, clock, log, params, mostLinkSpeed };
    const network = new Offer({ ...options, ...own });
    this.#network = network;
    const stop = () => void network.close();
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    try {
      await network.started;
      return network;
    } catch (fault) {
      await network.close();
      if (!signal?.aborted) throw fault;
      throw new PosError('ABORTED', 'the network is not offered any more', { cause: signal.reason });
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Says goodbye, settles everything, gives everything back. Sales that were sent stay open for `recover`. Safe to repeat. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#network?.close();
    await this.#keeper.close();
    this.#inbound.close();
    const settled = Promise.all([this.#working.settled(), this.#sales.settled()]);
    if (!(await settlesWithin(this.#clock, CLOSE_LIMIT_MS, settled))) {
      this.#options.log.error('work is still under way, and is left to itself');
    }
    await this.#store?.close();
    await this.#options.dialect.close?.();
    this.#unhide();
  }

  async #connection(signal: AbortSignal | undefined) {
    const { connectTimeoutMs } = this.#options;
    const limit = new Limit(this.#clock, connectTimeoutMs, signal, this.#keeper.closing);
    this.#keeper.wake();
    try {
      const connection = await this.#keeper.speaking(limit.signal);
      if (connection !== undefined) return connection;
      if (signal?.aborted)
        throw new PosError('ABORTED', 'given up; nothing was sent', { cause: signal.reason });
      if (!limit.hasExpired) throw new PosError('CONNECTION_CLOSED', 'the client is closed');
      throw new PosError('NOT_CONNECTED', this.#keeper.whyNot(this.#to, connectTimeoutMs));
    } finally {
      limit.stop();
    }
  }

  async #ping(signal: AbortSignal | undefined): Promise<number> {
    const { keepalive } = this.#options;
    const timeoutMs = keepalive === 'off' ? DEFAULT_CALL_TIMEOUT_MS : 2 * keepalive.limitMs;
    const connection = await this.#connection(signal);
    const sentMs = this.#clock.nowMs();
    const probe = connection.probe();
    const asked = probe === 'none' ? connection.ask('Status', plainParams({}, this.#options.apiKey)) : probe;
    try {
      await this.#answerTo('a ping', asked, { signal, timeoutMs });
    } catch (fault) {
      if (!(fault instanceof PeerError)) throw fault; // an error is an answer, too
    }
    return this.#clock.nowMs() - sentMs;
  }

  async #call(method: string, params: string, options: CallOptions): Promise<Answer> {
    const timeoutMs = checkTimerMs('timeoutMs', options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS);
    const connection = await this.#connection(options.signal);
    return this.#answerTo(method, connection.ask(method, params), { ...options, timeoutMs });
  }

  async #answerTo(
    what: string,
    asked: Promise<Answer> | Unsent,
    { signal, timeoutMs }: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  ): Promise<Answer> {
    if (asked === 'too-large') throw new RangeError('params: the request does not fit a frame');
    if (asked === 'full') throw new PosError('NOT_CONNECTED', 'too many requests wait for the terminal');
    if (asked === 'closed') throw new PosError('NOT_CONNECTED', 'the connection has just been lost');
    const limit = new Limit(this.#clock, timeoutMs, signal);
    try {
      const answer = await unlessAborted(asked, limit.signal);
      if (answer === undefined) {
        throw limit.hasExpired
          ? new PosError('TIMEOUT', `the terminal has not answered ${what} within ${timeoutMs / 1000} s`)
          : new PosError('ABORTED', `the waiting for ${what} was ended`, { cause: signal?.reason });
      }
      if (answer.lost !== undefined) throw lostError(answer.lost);
      if (answer.kind === 'error') throw new PeerError(answer, readReason(answer));
      return answer;
    } finally {
      limit.stop();
    }
  }

  #statusIs(status: Status): void {
    if (this.#network !== undefined) this.#network.isBusy = status.transactionStatus !== undefined;
    this.#emitter.emit('status', status);
  }

  #notified({ method, params, depth }: InboundNotification): void {
    if (this.#network?.notification(method, params)) return;
    if (depth > MAX_DEPTH) {
      this.#options.log.warn('a notification is nested too deep', { method });
      return;
    }
    const text = params.toString();
    if (method === 'StatusEvent') this.#statusIs(readStatus(text));
    else if (method === 'PosMessage') {
      const message = memberOf(parseObject(text), 'message');
      if (typeof message === 'string') this.#emitter.emit('message', message);
    } else this.#emitter.emit('notification', { method, params: parseObject(text) });
  }
}

/** What has a call of its own, or none. */
function refuseOwn(method: string, { transactions }: AskingDialect): void {
  if (typeof method !== 'string') throw new TypeError('method: not a text');
  if (method === 'Purchase' || method === 'Refund') {
    throw new TypeError(`method: ${method} is made by ${method.toLowerCase()}(), which records it`);
  }
  if (transactions.methods.includes(method)) {
    throw new TypeError(`method: ${method} moves money, and nothing would be recorded of it`);
  }
  if (method.startsWith('_')) throw new TypeError(`method: ${method} belongs to the transport`);
}

/** The connection ended before the answer came. */
function lostError({ code, text }: { readonly code: string; readonly text: string }): PosError {
  const own: PosErrorCode = code === 'KEEPALIVE' ? 'KEEPALIVE' : 'CONNECTION_CLOSED';
  const words = code === own ? text : `${text} (${code})`;
  return new PosError(own, `the connection to the terminal was lost: ${words}`);
}
