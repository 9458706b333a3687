import type { SaleStore } from '../pos/sale-store.ts';
import type { StoredEntry } from '../store/entry-state.ts';
import { readMemo } from './memo.ts';
import { idOf, type OpenState, type StoredSale, saleOf, saleText } from './sale.ts';
import type { Sale } from './shown.ts';
import { SortedList } from './sorted-list.ts';

/** What is kept in memory of every sale of the store. */
export interface BookedSale
  extends Pick<Sale, 'id' | 'terminal' | 'kind' | 'state' | 'reference' | 'createdAt' | 'endedAt'> {
  readonly by: string | undefined;
  readonly idempotency: string;
  readonly request: string;
  /** How it stands while it has no outcome, which the store does not know. */
  readonly open: OpenState;
}

export interface SaleQuery {
  readonly isVisible: (sale: BookedSale) => boolean;
  readonly state?: string | undefined;
  readonly terminal?: string | undefined;
  readonly reference?: string | undefined;
  /** ISO 8601; made then or later. */
  readonly since?: string | undefined;
  /** Older than this one, which came last on the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A change of a sale's state, as far as the store knows of it. */
export interface StoredChange {
  readonly sale: BookedSale;
  /** ISO 8601. */
  readonly time: string;
  /** It was begun; else it has become what it is now. */
  readonly isBegin: boolean;
}

interface Texts {
  readonly sale: Sale;
  readonly text: string;
}

/** So many sales are kept whole; older ones are read again when somebody asks for them. */
const MAX_WHOLE = 4096;

/**
 * Every sale of the store, found by id, by key and by what it is. The store is what counts: whatever stands here was
 * read from it, or is about to be in it; only how a sale without an outcome stands is known here alone.
 */
export class SaleBook {
  readonly #store: SaleStore;
  readonly #sales = new Map<string, BookedSale>();
  readonly #ids = new Map<string, string>();
  readonly #order = new SortedList<BookedSale>(
    (one, other) => compare(one.createdAt, other.createdAt) || compare(one.id, other.id),
  );
  readonly #ended = new SortedList<EndedSale>(
    (one, other) => compare(one.endedAt, other.endedAt) || compare(one.id, other.id),
  );
  /** Those without an outcome. */
  readonly #open = new Set<string>();
  /** The one that was used last is the last. */
  readonly #whole = new Map<string, Texts>();
  /** Those whose outcome the disk has refused: nobody could read them again. */
  readonly #unstored = new Map<string, Texts>();

  private constructor(store: SaleStore) {
    this.#store = store;
  }

  /** Reads the store. A sale without an outcome stands as `openState` says. Rejects with STORE_FAILED. */
  static async load(store: SaleStore, openState: (stored: StoredSale) => OpenState): Promise<SaleBook> {
    const book = new SaleBook(store);
    const found: StoredSale[] = [];
    for await (const entry of store.entries()) {
      const stored = storedSaleIn(entry);
      if (stored !== undefined) found.push(stored);
    }
    found.sort(
      (one, other) => compare(one.memo.at, other.memo.at) || compare(idOf(one.sent), idOf(other.sent)),
    );
    for (const stored of found) book.put(stored, openState(stored));
    return book;
  }

  get(id: string): BookedSale | undefined {
    return this.#sales.get(id);
  }

  /** The sale that has this digest of an idempotency key. */
  withKey(idempotency: string): BookedSale | undefined {
    const id = this.#ids.get(idempotency);
    return id === undefined ? undefined : this.#sales.get(id);
  }

  /** Oldest first. */
  get all(): readonly BookedSale[] {
    return this.#order.items;
  }

  /** Those without an outcome. */
  get open(): BookedSale[] {
    return [...this.#open].flatMap((id) => this.#sales.get(id) ?? []);
  }

  /** Enters a sale, or what has become of it. `isStored`: the store has all of it. */
  put(stored: StoredSale, open: OpenState, isStored = true): BookedSale {
    const sale = saleOf(stored, open);
    const { id, terminal, kind, state, reference, createdAt, endedAt } = sale;
    const { by, idempotency, request } = stored.memo;
    const known = { id, terminal, kind, state, reference, createdAt, endedAt };
    const booked = { ...known, by, idempotency, request, open };
    this.#forget(id);
    this.#sales.set(id, booked);
    this.#ids.set(idempotency, id);
    this.#order.put(booked);
    if (isEnded(booked)) this.#ended.put(booked);
    else this.#open.add(id);
    const texts = { sale, text: saleText(sale, stored.done) };
    if (isStored) this.#unstored.delete(id);
    else this.#unstored.set(id, texts);
    this.#keep(id, texts);
    return booked;
  }

  /** It has been removed from the store. */
  drop(sale: BookedSale): void {
    this.#forget(sale.id);
    if (this.#ids.get(sale.idempotency) === sale.id) this.#ids.delete(sale.idempotency);
    this.#whole.delete(sale.id);
    this.#unstored.delete(sale.id);
  }

  /** The whole sale, where it need not be read. */
  known(id: string): Texts | undefined {
    return this.#whole.get(id) ?? this.#unstored.get(id);
  }

  /** The whole sale. Undefined where the store does not have it any more. Rejects with STORE_FAILED. */
  async whole(booked: BookedSale): Promise<Texts | undefined> {
    const known = this.known(booked.id);
    if (known !== undefined) {
      this.#keep(booked.id, known);
      return known;
    }
    const stored = await readStored(this.#store, booked.id);
    if (stored === undefined) return undefined;
    const sale = saleOf(stored, booked.open);
    const texts = { sale, text: saleText(sale, stored.done) };
    this.#keep(booked.id, texts);
    return texts;
  }

  /** Newest first. */
  find({ isVisible, state, terminal, reference, since, after, limit }: SaleQuery): BookedSale[] {
    const found: BookedSale[] = [];
    const { items } = this.#order;
    const last = after === undefined ? undefined : this.#sales.get(after);
    let at = last === undefined ? items.length : this.#order.placeOf(last);
    while (at > 0 && found.length < limit) {
      at -= 1;
      const sale = items[at] as BookedSale;
      if (since !== undefined && sale.createdAt < since) break;
      if (state !== undefined && sale.state !== state) continue;
      if (terminal !== undefined && sale.terminal !== terminal) continue;
      if (reference !== undefined && sale.reference !== reference) continue;
      if (isVisible(sale)) found.push(sale);
    }
    return found;
  }

  /** What has changed since then (ISO 8601), in the order of time. What nobody can tell so far is always new. */
  changesSince(time: string): StoredChange[] {
    const begun = this.#order.items.slice(
      this.#order.firstNotBelow(({ createdAt }) => compare(createdAt, time)),
    );
    // A clock that was set back meanwhile makes no sale end before it has begun, nor its end older than that.
    const ended = [
      ...this.#ended.items.slice(this.#ended.firstNotBelow(({ endedAt }) => compare(endedAt, time))),
      ...begun.filter(isEnded).filter(({ endedAt }) => compare(endedAt, time) < 0),
    ];
    const unknown = this.open.filter(({ state }) => state === 'unknown');
    return [
      ...[...new Set([...begun, ...unknown])].map((sale) => ({ sale, time: sale.createdAt, isBegin: true })),
      ...ended.map((sale) => ({ sale, time: later(sale.createdAt, sale.endedAt), isBegin: false })),
      ...unknown.map((sale) => ({ sale, time: sale.createdAt, isBegin: false })),
    ].sort((one, other) => compare(one.time, other.time));
  }

  /** Takes it out of every list that it stands in. */
  #forget(id: string): void {
    const sale = this.#sales.get(id);
    if (sale === undefined) return;
    this.#sales.delete(id);
    this.#order.remove(sale);
    if (isEnded(sale)) this.#ended.remove(sale);
    this.#open.delete(id);
  }

  #keep(id: string, texts: Texts): void {
    this.#whole.delete(id);
    this.#whole.set(id, texts);
    if (this.#whole.size <= MAX_WHOLE) return;
    const [oldest] = this.#whole.keys();
    if (oldest !== undefined) this.#whole.delete(oldest);
  }
}

type EndedSale = BookedSale & { readonly endedAt: string };

function isEnded(sale: BookedSale): sale is EndedSale {
  return sale.endedAt !== null;
}

/**
 * A sale of the service, as it stands in the store now; undefined: it is not there, or cannot be read. Rejects with
 * STORE_FAILED.
 */
export async function readStored(store: SaleStore, id: string): Promise<StoredSale | undefined> {
  const lookup = await store.lookup(identityOf(id));
  if (!('sent' in lookup) || lookup.sent === undefined) return undefined;
  const memo = readMemo(lookup.sent.memo);
  if (memo === undefined) return undefined;
  const done = lookup.state === 'done' ? lookup.done : undefined;
  const isContradicted = lookup.state === 'done' && lookup.contradicted !== undefined;
  return { sent: lookup.sent, memo, done, isContradicted };
}

/** Every sale of the service has this sequence number. */
const SEQUENCE_ID = '1';

export function identityOf(id: string): { readonly receiptId: string; readonly sequenceId: string } {
  return { receiptId: id, sequenceId: SEQUENCE_ID };
}

function storedSaleIn({ sent, done, contradicted }: StoredEntry): StoredSale | undefined {
  const memo = readMemo(sent?.memo);
  if (sent === undefined || memo === undefined) return undefined;
  return { sent, memo, done, isContradicted: contradicted !== undefined };
}

function later(one: string, other: string): string {
  return one > other ? one : other;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
