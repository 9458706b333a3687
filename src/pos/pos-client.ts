import type { Clock } from '../base/clock.ts';
import { hideLiteral } from '../base/mask/literals.ts';
import { maskText } from '../base/mask.ts';
import { memberOf } from '../base/member.ts';
import { Statistics } from '../base/statistics.ts';
import type { InboundNotification } from '../dialect/dialect.ts';
import { type JsonObject, MAX_DEPTH, parseObject } from './answer.ts';
import { type CallOptions, Calls, type WaitOptions } from './calls.ts';
import { Emitter } from './emitter.ts';
import { Inbound } from './inbound.ts';
import { Keeper, type KeeperState } from './keeper.ts';
import { besideOpener, terminalWireOpener } from './open-wire.ts';
import { PeerError, PosError } from './pos-error.ts';
import type { PosEvents } from './pos-events.ts';
import { type PosClientOptions, type ResolvedPosOptions, resolvePosOptions } from './pos-options.ts';
import type { NetworkOffer, NetworkOptions } from './proxy/network-offer.ts';
import type {
  MadeSale,
  RecoveredSale,
  RecoverySummary,
  ReversalRequest,
  SaleOutcome,
  SaleRequest,
} from './sale.ts';
import { refuseOwn } from './sale-methods.ts';
import { plainParams } from './sale-request.ts';
import { SaleStore } from './sale-store.ts';
import { Sales } from './sales.ts';
import { readStatus, readTerminalInfo, type Status, type TerminalInfo } from './status.ts';
import { watchStatus } from './status-watch.ts';
import { Terminals } from './terminals.ts';
import { readTotals, type Totals } from './totals.ts';
import { settlesWithin, Working } from './wait.ts';

/** The terminal's result. */
export interface CallResult {
  readonly value: JsonObject;
  /** As the terminal wrote it: numbers that a double cannot hold are exact here. */
  readonly text: string;
}

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
  readonly #calls: Calls;
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
      openBeside: besideOpener(options),
      connecting: () => this.#emitter.emit('connecting', { to: this.#to }),
      connected: () => {
        log.info('connected', { to: this.#to });
        this.#emitter.emit('connected', { to: this.#to });
      },
      disconnected: (disconnection) => this.#emitter.emit('disconnected', disconnection),
      request: (request) => inbound.request(request),
      notification: (notification) => this.#notified(notification),
    });
    this.#calls = new Calls({ ...options, keeper: this.#keeper, to: this.#to });
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

  /** Which sales whose outcome was lost this terminal can be asked about: `any`, its `last` one, or `none`. */
  get recovery(): 'any' | 'last' | 'none' {
    const { recovery, showsLastOnly } = this.#options.dialect.transactions;
    if (recovery === undefined) return 'none';
    return showsLastOnly === true ? 'last' : 'any';
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
    await this.#working.keep(this.#calls.connection(signal));
  }

  /** Milliseconds to the terminal and back. Rejects like `call`. */
  ping({ signal }: WaitOptions = {}): Promise<number> {
    return this.#working.keep(this.#calls.ping(signal));
  }

  /**
   * One request, but none that moves money: those are made by `purchase`, `refund` and `reverse`, never unrecorded.
   * Params that are a JSON text go out as they are written, numbers included. Rejects with a PeerError, or a PosError:
   * NOT_CONNECTED (nothing was sent), CONNECTION_CLOSED, KEEPALIVE, TIMEOUT, ABORTED.
   */
  async call(
    method: string,
    params: JsonObject | string = {},
    options: CallOptions = {},
  ): Promise<CallResult> {
    refuseOwn(method, this.#options.dialect);
    const { text } = await this.#working.keep(
      this.#calls.call(method, plainParams(params, this.#options.apiKey), options),
    );
    return { value: parseObject(text), text };
  }

  /**
   * Tells the terminal something, never a sale, on the connection that there is. False: there is none, or it does not
   * fit.
   */
  notify(method: string, params: JsonObject): boolean {
    refuseOwn(method, this.#options.dialect);
    return this.#keeper.current?.tell(method, JSON.stringify(params)) === 'sent';
  }

  /**
   * Charges. Resolves with the truth: what became of it is known, and recorded.
   *
   * Rejects with NOT_CONNECTED, ABORTED, CONNECTION_CLOSED, STORE_FAILED or DUPLICATE_TRANSACTION when nothing was
   * sent; with OUTCOME_UNKNOWN when it was sent and the outcome could not be had within `outcomeWaitMs`, or `signal`
   * ended the waiting: then the entry stays open, and `recover` goes on with it.
   */
  async purchase(request: SaleRequest, { signal }: WaitOptions = {}): Promise<MadeSale> {
    return this.#sales.make('Purchase', request, signal);
  }

  /** Pays back; in all else like `purchase`. */
  async refund(request: SaleRequest, { signal }: WaitOptions = {}): Promise<MadeSale> {
    return this.#sales.make('Refund', request, signal);
  }

  /**
   * Undoes an approved purchase or refund, as a whole and without a card; in all else like `purchase`. It has a receipt
   * number of its own. Without `originalSequenceId` the store is asked which one the original had; rejects with a
   * RangeError where it had several.
   */
  async reverse(request: ReversalRequest, { signal }: WaitOptions = {}): Promise<MadeSale> {
    return this.#sales.make('Reversal', request, signal);
  }

  /**
   * How an earlier sale ended: told from the store if it is known there, else asked until the terminal says so, and
   * recorded. Rejects like `purchase`, and with TRANSACTION_ACTIVE while it is being carried out.
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
   * decided within `outcomeWaitMs` as `unknown`. Sales of other living processes are left alone. It returns how many it
   * could not tell anything about. Rejects with STORE_FAILED.
   */
  recover({ signal }: WaitOptions = {}): AsyncGenerator<RecoveredSale, RecoverySummary, undefined> {
    return this.#sales.recover(signal);
  }

  /** Asks the terminal to end the sale that is running, if it still can. The sale itself tells what came of it. */
  async abort(options: CallOptions = {}): Promise<void> {
    await this.call('Abort', {}, options);
  }

  /**
   * What was approved since the period began. `close` ends the period: an answer that was lost then is in the next one,
   * as `lastClosed`.
   */
  async totals({ close, ...options }: CallOptions & { readonly close?: boolean } = {}): Promise<Totals> {
    return readTotals((await this.call('Totals', close === true ? { close } : {}, options)).text);
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
   * Keeps `status` events coming until `signal` aborts or the client is closed, over as many connections as it takes:
   * terminals before 18.2.0 do not send any by themselves and are asked every 5 s. Never rejects.
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
   * Offers this machine's network to the terminal, over as many connections as it takes, until the offer or the client
   * is closed. At most one at a time. Resolves when the terminal has accepted it, however long it takes to be there and
   * ready. Rejects, and nothing is offered any more, with a PeerError when the terminal does not want it, with ABORTED
   * when `signal` ends the waiting, with CONNECTION_CLOSED when the client is closed first.
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

  /**
   * Says goodbye, settles everything, gives everything back. Sales that were sent stay open for `recover`. Safe to
   * repeat.
   */
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
