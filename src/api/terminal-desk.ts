import { type Clock, isoTime } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { maskText } from '../base/mask.ts';
import type { PosClient } from '../pos/pos-client.ts';
import { PeerError, PosError } from '../pos/pos-error.ts';
import type { SaleOutcome, SaleProgress } from '../pos/sale.ts';
import type { SaleStore } from '../pos/sale-store.ts';
import type { Status, TerminalInfo } from '../pos/status.ts';
import { storable } from '../rpc/storable.ts';
import { type DoneRecord, type SentRecord, VERSION } from '../store/journal-record.ts';
import type { Settlement } from '../store/settlement.ts';
import { settlementOutcome } from '../store/settlement.ts';
import type { ChangeFeed } from './change-feed.ts';
import { type Memo, writeMemo } from './memo.ts';
import { Problem } from './problem.ts';
import { Pursuit } from './pursuit.ts';
import type { OpenState, StoredSale } from './sale.ts';
import { type BookedSale, identityOf, readStored, type SaleBook } from './sale-book.ts';
import type { Kind, TerminalView } from './shown.ts';
import { terminalView } from './terminal-view.ts';

/** What is to be charged or paid back. */
export interface Order {
  readonly kind: Kind;
  readonly amountMinor: number;
  readonly currency: string;
  readonly memo: Memo;
}

export interface TerminalDeskOptions {
  readonly name: string;
  /** For people, masked. */
  readonly place: string;
  readonly protocol: string;
  readonly client: PosClient;
  readonly store: SaleStore;
  readonly book: SaleBook;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The sale that the terminal is busy with. */
interface Running {
  readonly kind: Kind;
  readonly by: string | undefined;
  readonly since: string;
  /** Empty until it has a number. */
  id: string;
  hasBeenSent: boolean;
  readonly giveUp: AbortController;
  readonly recorded: Deferred<void>;
}

/** How often a number may turn out to be used: only where a store was put back from a copy. */
const MAX_NUMBERS = 1000;
const ABORT_LIMIT_MS = 10_000;
const REFRESH_LIMIT_MS = 10_000;

/**
 * One terminal of the service: makes one sale at a time, asks about those without an outcome, and tells the book and
 * the feed what becomes of each.
 */
export class TerminalDesk {
  readonly #options: TerminalDeskOptions;
  readonly #pursuit: Pursuit;
  #running: Running | undefined;
  #idle: Deferred<void> | undefined;
  #status: Status | undefined;
  #info: TerminalInfo | undefined;
  #shown = '';
  #reading: Promise<unknown> = Promise.resolve();
  #isClosing = false;

  constructor(options: TerminalDeskOptions) {
    this.#options = options;
    const { client, store, clock, log } = options;
    this.#pursuit = new Pursuit({
      ...{ client, store, clock, log },
      found: async (id) => void (await this.#enter(id)),
      refused: (id, outcome) => this.#enterUnstored(id, outcome),
      unknown: (id, why) => this.#becomeUnknown(id, why),
    });
    client.on('progress', (progress) => this.#progressed(progress));
    client.on('message', (text) => this.#told(text));
    client.on('status', (status) => {
      this.#status = status;
      this.#publishStatus();
    });
    client.on('connected', () => {
      this.#publishStatus();
      this.#pursuit.wake();
      void this.#refresh();
    });
    client.on('disconnected', () => {
      this.#status = undefined;
      this.#publishStatus();
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** Who holds the terminal; undefined: nobody. */
  get holder(): Pick<Running, 'id' | 'kind' | 'by' | 'since'> | undefined {
    return this.#running;
  }

  get view(): TerminalView {
    const { name, place, protocol, client } = this.#options;
    const { connectionState: connection } = client;
    return terminalView({
      name,
      place,
      protocol,
      connection,
      status: this.#status,
      info: this.#info,
      running: this.#running,
    });
  }

  /** Connects, without waiting for it, and goes on with what an earlier run has left. */
  start(open: readonly BookedSale[]): void {
    for (const { id } of open) this.#pursuit.begin(id);
    void this.#options.client.connect().catch(() => {}); // it is told as a status
  }

  /** Resolves when the sale is in the store. Rejects with a Problem; then nothing was made. */
  async sell(order: Order): Promise<BookedSale> {
    if (this.#running !== undefined) throw new Problem('BUSY', `${this.name} is busy`);
    const running: Running = {
      kind: order.kind,
      by: order.memo.by,
      since: order.memo.at,
      id: '',
      hasBeenSent: false,
      giveUp: new AbortController(),
      recorded: deferred(),
    };
    this.#running = running;
    try {
      return await this.#begin(running, order);
    } catch (fault) {
      this.#end(running);
      if (fault instanceof Problem) throw fault;
      if (!(fault instanceof PosError)) throw fault;
      throw new Problem(fault.code === 'STORE_FAILED' ? 'STORE_FAILED' : 'STOPPING', fault.text);
    }
  }

  /**
   * Asks the terminal to end a sale without an outcome. Rejects with a Problem where it cannot be asked, or refuses.
   */
  async abort({ id, state }: BookedSale): Promise<void> {
    const running = this.#running?.id === id ? this.#running : undefined;
    if (running !== undefined && !running.hasBeenSent) {
      running.giveUp.abort();
      return;
    }
    if (state !== 'pending' && state !== 'unknown') return;
    const { receiptId, sequenceId } = identityOf(id);
    const params = { receipt_id: Number(receiptId), sequence_id: Number(sequenceId) };
    try {
      await this.#options.client.call('Abort', params, { timeoutMs: ABORT_LIMIT_MS });
    } catch (fault) {
      if (fault instanceof PeerError) throw new Problem('ABORT_REFUSED', fault.message);
      if (fault instanceof PosError) throw new Problem('NOT_CONNECTED', fault.text);
      throw fault;
    }
  }

  /** Ends a sale of which nobody can tell, as a person says. Rejects with a Problem. */
  async settle({ id, state }: BookedSale, outcome: Settlement, by: string): Promise<BookedSale> {
    const { store, clock } = this.#options;
    if (state !== 'unknown') {
      const why = state === 'pending' ? 'it is still being carried out or asked about' : `it is ${state}`;
      throw new Problem('NOT_SETTLEABLE', `only an unknown sale can be settled: ${why}`);
    }
    await this.#pursuit.leave(id);
    try {
      const settled = await store.settle(identityOf(id), settlementOutcome(outcome, by, isoTime(clock)));
      const sale = settled === 'running' ? undefined : await this.#enter(id);
      if (settled === 'settled' && sale !== undefined) return sale;
      const why = settled === 'running' ? 'another program is asking about it' : 'it has an outcome by now';
      throw new Problem('NOT_SETTLEABLE', why);
    } finally {
      if (this.#options.book.get(id)?.state === 'unknown') this.#pursuit.begin(id);
    }
  }

  /** Resolves when no sale is under way. */
  async idle(): Promise<void> {
    if (this.#running === undefined) return;
    this.#idle ??= deferred();
    await this.#idle.promise;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#pursuit.close();
    await this.#options.client.close();
  }

  async #begin(running: Running, { kind, amountMinor, currency, memo }: Order): Promise<BookedSale> {
    const { client, store, book } = this.#options;
    const { signal } = running.giveUp;
    for (let attempt = 0; attempt < MAX_NUMBERS; attempt += 1) {
      running.id = await store.nextReceiptId();
      const request = { receiptId: running.id, amountMinor, currency, memo: writeMemo(memo) };
      const made =
        kind === 'refund' ? client.refund(request, { signal }) : client.purchase(request, { signal });
      const isMade = made.then(
        () => undefined,
        (fault: unknown) => fault,
      );
      // Recorded first, in whatever way it ends then.
      const fault = await Promise.race([running.recorded.promise, isMade]);
      if (fault instanceof PosError && fault.code === 'DUPLICATE_TRANSACTION') continue;
      if (fault !== undefined) throw fault;
      const stored = recordedSale(running.id, { kind, amountMinor, currency, memo });
      const sale = book.put(stored, OPEN);
      this.#publishSale(sale);
      this.#publishStatus();
      void this.#carryOut(running, made, stored);
      return sale;
    }
    throw new Problem('STORE_FAILED', 'the store has no free number');
  }

  /** Until the terminal is free again. Never rejects. */
  async #carryOut(running: Running, made: Promise<SaleOutcome>, recorded: StoredSale): Promise<void> {
    const { id } = running;
    try {
      const { clock, book } = this.#options;
      const outcome = await made;
      // What the disk has refused is true all the same.
      const done = doneOf(outcome, outcome.endedAt ?? isoTime(clock));
      this.#publishSale(book.put({ ...recorded, done }, OPEN, outcome.isRecorded));
      if (!outcome.isRecorded) this.#pursuit.begin(id, done);
    } catch (fault) {
      if (!this.#isClosing) {
        if (fault instanceof PosError) this.#becomeUnknown(id, fault);
        else this.#options.log.error('a sale has failed', { sale: id, why: describeFault(fault), fault });
        this.#pursuit.begin(id);
      }
    }
    this.#end(running);
  }

  #end(running: Running): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    this.#idle?.resolve();
    this.#idle = undefined;
    this.#publishStatus();
  }

  /** Enters the outcome that the store has, if it has one. */
  #enter(id: string): Promise<BookedSale | undefined> {
    return this.#read(id, ({ done }) => (done === undefined ? undefined : OPEN));
  }

  /** Enters an outcome that the disk has refused: it is true all the same. */
  async #enterUnstored(id: string, outcome: SaleOutcome): Promise<DoneRecord> {
    const { store, book, clock } = this.#options;
    const done = doneOf(outcome, isoTime(clock));
    // A disk that does not take anything may not give anything either: then it is entered when it is stored.
    const stored = await readStored(store, id).catch(() => undefined);
    if (stored !== undefined) this.#publishSale(book.put({ ...stored, done }, OPEN, false));
    return done;
  }

  #becomeUnknown(id: string, { code, text }: PosError): void {
    const { book } = this.#options;
    void this.#read(id, ({ done }) => {
      if (done !== undefined || book.get(id)?.state !== 'pending') return undefined;
      return { state: 'unknown', reason: { code, message: text } };
    });
  }

  /**
   * Enters what the store has, if it is wanted. One after the other: what was read earlier never takes the place of
   * what was read later. Never rejects.
   */
  #read(
    id: string,
    openStateOf: (stored: StoredSale) => OpenState | undefined,
  ): Promise<BookedSale | undefined> {
    const { store, book, log } = this.#options;
    const reading = this.#reading.then(async () => {
      const stored = await readStored(store, id);
      const open = stored && openStateOf(stored);
      if (stored === undefined || open === undefined) return undefined;
      const before = book.known(id)?.text;
      const sale = book.put(stored, open);
      if (book.known(id)?.text !== before) this.#publishSale(sale);
      return sale;
    });
    const read = reading.catch((fault: unknown) => {
      log.error('a sale cannot be read', { sale: id, why: describeFault(fault) });
      return undefined;
    });
    this.#reading = read;
    return read;
  }

  #progressed({ receiptId, step }: SaleProgress): void {
    const running = this.#running;
    if (step === 'contradicted') void this.#enter(receiptId);
    if (running?.id !== receiptId) return;
    if (step === 'recorded') running.recorded.resolve();
    if (step === 'sent') running.hasBeenSent = true;
  }

  #told(text: string): void {
    const { feed, name } = this.#options;
    const running = this.#running;
    const sale = running === undefined || running.id === '' ? undefined : running;
    const data = JSON.stringify({ terminal: name, sale: sale?.id ?? null, text: maskText(text) });
    feed.publish({
      kind: 'message',
      terminal: name,
      data,
      ...(sale !== undefined && { sale: { id: sale.id, by: sale.by } }),
    });
  }

  #publishSale({ id, by, endedAt }: BookedSale): void {
    const { book, feed, name } = this.#options;
    const data = book.known(id)?.text;
    const isEnd = endedAt !== null;
    if (data !== undefined) feed.publish({ kind: 'sale', terminal: name, sale: { id, by }, isEnd, data });
  }

  /** Only what is new: a terminal repeats itself. */
  #publishStatus(): void {
    if (this.#isClosing) return;
    const data = JSON.stringify(this.view);
    if (data === this.#shown) return;
    this.#shown = data;
    this.#options.feed.publish({ kind: 'status', terminal: this.name, data });
  }

  /** Asks a terminal that is not at work how it is and what it is. Never rejects. */
  async #refresh(): Promise<void> {
    const { client, log } = this.#options;
    const limit = { timeoutMs: REFRESH_LIMIT_MS };
    for (const ask of [async () => client.status(limit), async () => client.info(limit)]) {
      if (this.#running !== undefined || this.#isClosing) return;
      try {
        const said = await ask();
        if ('serialNumber' in said) this.#info = said;
      } catch (fault) {
        log.debug('a terminal does not say how it is', { terminal: this.name, why: describeFault(fault) });
      }
    }
    this.#publishStatus();
  }
}

const OPEN: OpenState = { state: 'pending' };

/** A sale of which the store has no more than that it was begun: what the store reads back is the same. */
function recordedSale(id: string, { kind, amountMinor, currency, memo }: Order): StoredSale {
  const { receiptId, sequenceId } = identityOf(id);
  const sent: SentRecord = {
    state: 'sent',
    version: VERSION,
    register: '',
    identity: { receipt_id: receiptId, sequence_id: sequenceId },
    method: kind === 'refund' ? 'Refund' : 'Purchase',
    amount: String(amountMinor),
    currency,
    time: memo.at,
  };
  return { sent, memo, done: undefined, isContradicted: false };
}

/** As the store has it. */
function doneOf({ outcome, text }: SaleOutcome, time: string): DoneRecord {
  return { state: 'done', kind: outcome === 'approved' ? 'result' : 'error', text: storable(text), time };
}
