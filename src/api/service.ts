import path from 'node:path';
import { type Clock, isoTime, type Timer } from '../base/clock.ts';
import { parseAmount } from '../base/currency.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { OpenFile } from '../base/files.ts';
import type { Logger } from '../base/log.ts';
import { maskText } from '../base/mask.ts';
import { PosClient } from '../pos/pos-client.ts';
import type { PosClientOptions } from '../pos/pos-options.ts';
import { SaleStore } from '../pos/sale-store.ts';
import { settlesWithin } from '../pos/wait.ts';
import type { Settlement } from '../store/settlement.ts';
import { takeStateFolder } from '../store/state-folder.ts';
import { type Caller, maySee, mayUse } from './caller.ts';
import { ChangeFeed } from './change-feed.ts';
import { digest } from './memo.ts';
import { Problem } from './problem.ts';
import { RunLog } from './run-log.ts';
import type { OpenState, StoredSale } from './sale.ts';
import { type BookedSale, identityOf, SaleBook, type SaleQuery } from './sale-book.ts';
import type { Kind, Sale, TerminalView } from './shown.ts';
import { checkRoom } from './store-room.ts';
import { TerminalDesk } from './terminal-desk.ts';
import { runningView } from './terminal-view.ts';

/** A terminal that is offered. */
export interface OfferedTerminal {
  readonly name: string;
  /** For people, masked. */
  readonly place: string;
  readonly protocol: string;
  readonly client: Omit<PosClientOptions, 'store' | 'keepMs' | 'keepsUnsent' | 'clock' | 'log'>;
}

export interface ApiServiceOptions {
  readonly terminals: readonly OfferedTerminal[];
  /** Folder of the store. */
  readonly store: string;
  readonly keepMs: number;
  /** How long an outcome is asked for before a sale is called unknown. */
  readonly outcomeWaitMs: number;
  /** Gets every client before it connects. */
  readonly watch?: (client: PosClient, terminal: OfferedTerminal, log: Logger) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a caller wants to be charged or paid back. */
export interface SaleOrder {
  readonly amount: string;
  readonly currency: string;
  readonly reference?: string;
}

export interface SaleAsked {
  readonly terminal: string;
  readonly kind: Kind;
  readonly key: string;
  readonly order: SaleOrder;
}

/** A sale, and whether it was made by this very request. */
export interface SaleMade {
  readonly sale: BookedSale;
  readonly isNew: boolean;
}

interface Parts {
  readonly store: SaleStore;
  readonly book: SaleBook;
  readonly lock: OpenFile;
  readonly runs: RunLog;
}

const PRUNE_MS = 3_600_000;

/**
 * The register's side of any number of terminals, for callers that are programs: each key is one sale, each sale is in
 * the store before it is sent, and is asked about until it has an outcome.
 */
export class ApiService {
  readonly feed: ChangeFeed;
  readonly book: SaleBook;
  readonly #options: ApiServiceOptions;
  readonly #store: SaleStore;
  readonly #lock: OpenFile;
  readonly #runs: RunLog;
  readonly #desks = new Map<string, TerminalDesk>();
  /** Sales that are not in the book yet, by their keys. */
  readonly #beginning = new Map<string, { readonly request: string; readonly made: Promise<BookedSale> }>();
  #pruning: Timer | undefined;
  #isStopping = false;

  /**
   * Takes the store for this process alone and reads it. Rejects with STATE_OPEN_FAILED, STORE_FAILED, or for bad
   * terminals.
   */
  static async open(options: ApiServiceOptions): Promise<ApiService> {
    const { clock, log, keepMs } = options;
    const lock = await takeStore(options.store);
    try {
      const store = await SaleStore.open(options.store, { clock, log, keepMs });
      const book = await SaleBook.load(store, (stored) => openStateOf(stored, options));
      const runs = await RunLog.open(options.store, clock, log);
      const service = new ApiService(options, { store, book, lock, runs });
      await service.#openDesks();
      return service;
    } catch (fault) {
      await lock.close();
      throw fault;
    }
  }

  private constructor(options: ApiServiceOptions, { store, book, lock, runs }: Parts) {
    this.#options = options;
    this.#store = store;
    this.#lock = lock;
    this.book = book;
    this.#runs = runs;
    this.feed = new ChangeFeed(runs);
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Connects to the terminals and asks about what an earlier run has left. */
  start(): void {
    const { open } = this.book;
    for (const [name, desk] of this.#desks) desk.start(open.filter(({ terminal }) => terminal === name));
    for (const { id, terminal } of open) {
      if (this.#desks.has(terminal)) continue;
      this.#options.log.error('a sale has no outcome, and its terminal is not offered any more', {
        sale: id,
        terminal,
      });
    }
    this.#pruneLater();
  }

  /** Rejects with a Problem; then nothing was made, or the sale of this key is another one. */
  async sell(caller: Caller, { terminal, kind, key, order }: SaleAsked): Promise<SaleMade> {
    const desk = this.#deskFor(caller, terminal);
    const { amount, currency, reference } = order;
    const amountMinor = readAmount(amount, currency);
    refuseSecret('reference', reference);
    const idempotency = digest('key', caller.name, key);
    const request = digest('request', terminal, kind, String(amountMinor), currency, reference);
    const earlier = this.book.withKey(idempotency) ?? this.#beginning.get(idempotency);
    if (earlier !== undefined) {
      if (earlier.request !== request) {
        throw new Problem(
          'IDEMPOTENCY_KEY_REUSED',
          'this key was sent with another request; every sale wants a key of its own',
        );
      }
      return { sale: 'made' in earlier ? await earlier.made : earlier, isNew: false };
    }
    if (this.#isStopping) throw new Problem('STOPPING', 'no new sale is begun', {}, { 'Retry-After': '5' });
    refuseBusy(desk, caller);
    const at = isoTime(this.#options.clock);
    const memo = { terminal, by: caller.name, reference, idempotency, request, at };
    const made = desk.sell({ kind, amountMinor, currency, memo });
    this.#beginning.set(idempotency, { request, made });
    try {
      return { sale: await made, isNew: true };
    } finally {
      this.#beginning.delete(idempotency);
    }
  }

  /** A sale that the caller may see. Throws NOT_FOUND. */
  sale(caller: Caller, id: string): BookedSale {
    const sale = this.book.get(id);
    if (sale !== undefined && maySee(caller, sale)) return sale;
    throw new Problem('NOT_FOUND', 'there is no such sale');
  }

  /** Everything about a sale. Rejects with NOT_FOUND where it was removed at this moment. */
  async whole(sale: BookedSale): Promise<{ readonly sale: Sale; readonly text: string }> {
    const whole = await this.book.whole(sale);
    if (whole === undefined) throw new Problem('NOT_FOUND', 'there is no such sale');
    return whole;
  }

  find(caller: Caller, query: Omit<SaleQuery, 'isVisible'>): BookedSale[] {
    return this.book.find({ ...query, isVisible: (sale) => maySee(caller, sale) });
  }

  /** The sale when it is not pending any more, or as it is after `ms`, or when `signal` aborts. */
  async whenEnded(id: string, ms: number, signal: AbortSignal): Promise<BookedSale | undefined> {
    const isPending = () => this.book.get(id)?.state === 'pending';
    if (!isPending() || this.#isStopping) return this.book.get(id);
    await new Promise<void>((resolve) => {
      const end = () => {
        unwatch();
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const unwatch = this.feed.watch(() => {
        if (!isPending()) end();
      });
      const timer = this.#options.clock.after(ms, end);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
    });
    return this.book.get(id);
  }

  /** Rejects with a Problem. */
  async abort(sale: BookedSale): Promise<void> {
    await this.#desks.get(sale.terminal)?.abort(sale);
  }

  /** Rejects with a Problem. */
  async settle(sale: BookedSale, outcome: Settlement, by: string): Promise<BookedSale> {
    refuseSecret('by', by);
    const desk = this.#desks.get(sale.terminal);
    if (desk !== undefined) return desk.settle(sale, outcome, by);
    throw new Problem(
      'NOT_SETTLEABLE',
      `the terminal ${sale.terminal} is not offered any more: use "posbridge journal settle"`,
    );
  }

  terminals(caller: Caller): TerminalView[] {
    return [...this.#desks.values()]
      .filter(({ name }) => mayUse(caller, name))
      .map((desk) => seenBy(caller, desk));
  }

  /** Throws NOT_FOUND. */
  terminal(caller: Caller, name: string): TerminalView {
    return seenBy(caller, this.#deskFor(caller, name));
  }

  /** Whether sales can be recorded. Rejects with STORE_FAILED. */
  async checkStore(): Promise<void> {
    const { folder } = this.#store;
    try {
      await checkRoom(folder);
    } catch (fault) {
      throw new Problem('STORE_FAILED', `the store ${folder} cannot be used: ${describeFault(fault)}`);
    }
    await this.#store.lookup(identityOf('0'));
  }

  /** No sale is begun any more; those under way have so long to end. */
  async drain(ms: number): Promise<void> {
    this.#isStopping = true;
    const idle = Promise.all([...this.#desks.values()].map((desk) => desk.idle()));
    await settlesWithin(this.#options.clock, ms, idle);
  }

  /** What is under way is left for the next run, which asks about it. */
  async close(): Promise<void> {
    this.#isStopping = true;
    this.#pruning?.cancel();
    await Promise.all([...this.#desks.values()].map((desk) => desk.close()));
    await this.#store.close();
    await this.#runs.settled();
    await this.#lock.close();
  }

  async #openDesks(): Promise<void> {
    const { terminals, store, keepMs, outcomeWaitMs, watch, clock, log } = this.#options;
    for (const terminal of terminals) {
      const { name, place, protocol, client: options } = terminal;
      const own = log.with({ terminal: name });
      const terminalStore = options.terminalStore ?? path.join(store, 'terminal', name);
      const common = { store, keepMs, outcomeWaitMs, keepsUnsent: true, clock, log: own };
      const client = await PosClient.open({ ...options, terminalStore, ...common });
      watch?.(client, terminal, own);
      const { book, feed } = this;
      const desk = new TerminalDesk({
        name,
        place,
        protocol,
        client,
        store: this.#store,
        book,
        feed,
        clock,
        log: own,
      });
      this.#desks.set(name, desk);
    }
  }

  /** Throws NOT_FOUND, also for a terminal that the caller may not use. */
  #deskFor(caller: Caller, name: string): TerminalDesk {
    const desk = this.#desks.get(name);
    if (desk !== undefined && mayUse(caller, name)) return desk;
    throw new Problem('NOT_FOUND', 'there is no terminal of this name');
  }

  #pruneLater(): void {
    this.#pruning = this.#options.clock.after(PRUNE_MS, () => {
      void this.#prune().finally(() => {
        if (!this.#isStopping) this.#pruneLater();
      });
    });
  }

  /** A key lives as long as its sale. */
  async #prune(): Promise<void> {
    const { clock, keepMs, log } = this.#options;
    await this.#store.prune();
    const limit = new Date(clock.wallMs() - keepMs).toISOString();
    try {
      for (const sale of [...this.book.all]) {
        if (sale.endedAt === null || sale.endedAt >= limit) continue;
        const { state } = await this.#store.lookup(identityOf(sale.id));
        if (state === 'none') this.book.drop(sale);
      }
    } catch (fault) {
      log.warn('old sales cannot be looked for', { why: describeFault(fault) });
    }
  }
}

/** One that is older than an outcome is waited for was unknown before, too. */
function openStateOf({ memo }: StoredSale, { clock, outcomeWaitMs }: ApiServiceOptions): OpenState {
  const ageMs = clock.wallMs() - Date.parse(memo.at);
  return ageMs > outcomeWaitMs ? { state: 'unknown', reason: LEFT } : { state: 'pending' };
}

const LEFT = {
  code: 'OUTCOME_UNKNOWN',
  message: 'the service was stopped before the outcome was known; the terminal is asked for it',
};

async function takeStore(folder: string): Promise<OpenFile> {
  try {
    return await takeStateFolder(folder);
  } catch (cause) {
    const text = `cannot use the store ${folder}: ${describeFault(cause)}; each posbridge api has a store of its own`;
    throw new BridgeError('STATE_OPEN_FAILED', text, { cause });
  }
}

function readAmount(amount: string, currency: string): number {
  try {
    return parseAmount(amount, currency);
  } catch (fault) {
    if (!(fault instanceof BridgeError)) throw fault;
    throw new Problem('INVALID_REQUEST', fault.text);
  }
}

/** What must never be stored is not taken. */
function refuseSecret(name: string, text: string | undefined): void {
  if (text === undefined || maskText(text) === text) return;
  throw new Problem(
    'INVALID_REQUEST',
    `${name}: it looks like a card number or a secret, which is never stored; take another one`,
  );
}

function refuseBusy(desk: TerminalDesk, caller: Caller): void {
  const { holder } = desk;
  if (holder === undefined) return;
  const view = runningView(holder);
  const isSeen = maySee(caller, { terminal: desk.name, by: holder.by });
  const detail = `${desk.name} is busy with a ${holder.kind} since ${holder.since}; no sale was made`;
  throw new Problem(
    'BUSY',
    detail,
    { heldBy: { ...view, id: isSeen ? view.id : null } },
    { 'Retry-After': '1' },
  );
}

/** Whose sale it is that runs is not everybody's business. */
function seenBy(caller: Caller, desk: TerminalDesk): TerminalView {
  const { view, holder } = desk;
  if (view.sale === null || maySee(caller, { terminal: desk.name, by: holder?.by })) return view;
  return { ...view, sale: { ...view.sale, id: null } };
}
