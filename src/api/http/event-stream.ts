import type { ServerResponse } from 'node:http';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type Caller, maySee, mayUse, seesAll } from '../caller.ts';
import type { Change, ChangeFeed, NumberedChange, Resumption } from '../change-feed.ts';
import { pendingOf } from '../sale.ts';
import type { BookedSale, SaleBook, StoredChange } from '../sale-book.ts';

export interface EventStreamOptions {
  readonly feed: ChangeFeed;
  readonly book: SaleBook;
  readonly log: Logger;
}

export interface StreamRequest {
  readonly caller: Caller;
  /** The only sale of the stream, which ends with it; undefined: everything that the caller may see. */
  readonly sale: BookedSale | undefined;
  readonly lastEventId: string | undefined;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * One reader: what the store knows of the time that it has missed, then each change as it comes. It is written no
 * faster than it reads, and holds nothing but its place in the feed; one that has fallen out of the feed is sent away,
 * and comes back with its last id. Who reads nothing at all is cut off by the server, as from every answer.
 */
export class EventStream {
  readonly caller: Caller;
  readonly #response: ServerResponse;
  readonly #request: StreamRequest;
  readonly #options: EventStreamOptions;
  #place = 0;
  #isReplaying = true;
  #isFull = false;

  constructor(response: ServerResponse, request: StreamRequest, options: EventStreamOptions) {
    this.caller = request.caller;
    this.#response = response;
    this.#request = request;
    this.#options = options;
  }

  begin(from: Resumption | undefined): void {
    const { feed, log } = this.#options;
    this.#place = from?.after ?? feed.last;
    const startId = feed.lastId;
    const isKnown = from !== undefined && from.replay === undefined;
    const isAtEnd = this.#place === feed.last;
    this.#write('retry: 1000\n\n');
    const tellStored = async () => {
      const { sale } = this.#request;
      if (sale === undefined && from?.replay !== undefined) await this.#replay(from.replay);
      else if (sale !== undefined && !isKnown) await this.#writeSale(sale, startId);
      // So that whoever is cut off before the first event misses nothing.
      if (!isKnown && isAtEnd) this.#write(`id: ${startId}\n\n`);
      this.#isReplaying = false;
      this.pump();
    };
    tellStored().catch((fault: unknown) => {
      log.error('sales cannot be told again', { why: describeFault(fault) });
      this.#response.destroy();
    });
  }

  /** Writes what is new, as far as it is read. */
  pump(): void {
    while (!this.#isReplaying && !this.#isFull && !this.#response.writableEnded) {
      const change = this.#options.feed.after(this.#place);
      if (change === undefined) return;
      if (change === 'gone') {
        this.end();
        return;
      }
      this.#place = change.number;
      if (!this.#isWanted(change)) continue;
      this.#write(bytesOf(change));
      if (this.#request.sale !== undefined && change.isEnd) this.end();
    }
  }

  /** Shows the reader that the connection lives. */
  beat(): void {
    if (!this.#isFull) this.#write(':\n\n');
  }

  end(): void {
    this.#response.end();
  }

  #isWanted({ kind, terminal, sale }: Change): boolean {
    const { caller } = this;
    const only = this.#request.sale;
    if (only !== undefined) return sale?.id === only.id;
    if (seesAll(caller)) return mayUse(caller, terminal);
    return kind !== 'status' && sale !== undefined && maySee(caller, { terminal, by: sale.by });
  }

  /** Every change of state since then that the store knows, in the order of their times. */
  async #replay(since: string): Promise<void> {
    const { book } = this.#options;
    for (const change of book.changesSince(since === 'all' ? '' : since)) {
      if (this.#response.destroyed) return;
      if (maySee(this.caller, change.sale)) await this.#writeStored(change);
    }
  }

  async #writeStored({ sale, time, isBegin }: StoredChange): Promise<void> {
    const { book, feed } = this.#options;
    const id = feed.storedId(time, this.#place);
    if (!isBegin) return this.#writeSale(sale, id);
    const whole = await book.whole(sale);
    if (whole !== undefined) {
      await this.#writePatiently(eventText(id, 'sale', JSON.stringify(pendingOf(whole.sale))));
    }
  }

  async #writeSale(sale: BookedSale, id: string): Promise<void> {
    const whole = await this.#options.book.whole(sale);
    if (whole === undefined) return;
    await this.#writePatiently(eventText(id, 'sale', whole.text));
    if (this.#request.sale !== undefined && whole.sale.endedAt !== null) this.end();
  }

  async #writePatiently(text: string): Promise<void> {
    this.#write(text);
    if (!this.#isFull || this.#response.destroyed) return;
    const response = this.#response;
    await new Promise<void>((resolve) => {
      const goOn = () => {
        response.off('drain', goOn).off('close', goOn);
        resolve();
      };
      response.on('drain', goOn).on('close', goOn);
    });
  }

  #write(text: string | Buffer): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (this.#response.write(text) || this.#isFull) return;
    this.#isFull = true;
    this.#response.once('drain', () => {
      this.#isFull = false;
      this.pump();
    });
  }
}

/** Whether there is anything new about a sale for a reader who goes on there. */
export function hasMore(feed: ChangeFeed, { replay, after }: Resumption, id: string): boolean {
  if (replay !== undefined) return true;
  for (let at = after; ; at += 1) {
    const change = feed.after(at);
    if (change === undefined) return false;
    if (change === 'gone' || change.sale?.id === id) return true;
  }
}

/** Written once, however many readers there are. */
function bytesOf(change: NumberedChange): Buffer {
  const known = BYTES.get(change);
  if (known !== undefined) return known;
  const bytes = Buffer.from(eventText(change.id, change.kind, change.data));
  BYTES.set(change, bytes);
  return bytes;
}

const BYTES = new WeakMap<NumberedChange, Buffer>();

/** JSON has no line breaks. */
function eventText(id: string, kind: Change['kind'], data: string): string {
  return `id: ${id}\nevent: ${kind}\ndata: ${data}\n\n`;
}
