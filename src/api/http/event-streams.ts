import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type Caller, maySee, mayUse, seesAll } from '../caller.ts';
import { type Change, type ChangeFeed, type Resumption, storedId } from '../change-feed.ts';
import { Problem } from '../problem.ts';
import { pendingOf } from '../sale.ts';
import type { BookedSale, SaleBook } from '../sale-book.ts';

export interface EventStreamsOptions {
  readonly feed: ChangeFeed;
  readonly book: SaleBook;
  readonly clock: Clock;
  readonly log: Logger;
  /** Streams at one time, in all. A caller may have half of them. */
  readonly maxStreams: number;
}

export interface StreamRequest {
  readonly caller: Caller;
  /** The only sale of the stream, which ends with it; undefined: everything that the caller may see. */
  readonly sale: BookedSale | undefined;
  readonly lastEventId: string | undefined;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

const BEAT_MS = 15_000;
/** Beats that may go by while a reader takes nothing. */
const MAX_STUCK = 4;
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no', // nginx would collect events before it passes them on
};

/** Everybody who listens to changes over HTTP. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #streams = new Set<EventStream>();
  #beating: Timer | undefined;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Throws a Problem where there is no room. */
  open(response: ServerResponse, request: StreamRequest): void {
    const { feed, maxStreams } = this.#options;
    const { caller, sale, lastEventId, headers } = request;
    const own = [...this.#streams].filter((stream) => stream.caller.name === caller.name).length;
    const limit = caller.name === undefined ? maxStreams : Math.ceil(maxStreams / 2);
    if (this.#streams.size >= maxStreams || own >= limit) {
      const detail = `${limit} event streams are the limit; close one`;
      throw new Problem('TOO_MANY_STREAMS', detail, {}, { 'Retry-After': '5' });
    }
    const from = lastEventId === undefined ? undefined : feed.resume(lastEventId);
    if (sale?.endedAt && from !== undefined && 'after' in from && !hasMore(feed, from.after, sale.id)) {
      response.writeHead(204, headers).end(); // tells a browser not to come again
      return;
    }
    response.writeHead(200, { ...headers, ...HEADERS });
    const stream = new EventStream(response, request, this.#options);
    this.#streams.add(stream);
    const unwatch = feed.watch(() => stream.pump());
    response.on('error', () => {});
    response.once('close', () => {
      unwatch();
      this.#streams.delete(stream);
    });
    stream.begin(from);
    this.#beating ??= this.#options.clock.after(BEAT_MS, () => this.#beat());
  }

  close(): void {
    this.#beating?.cancel();
    for (const stream of [...this.#streams]) stream.end();
  }

  #beat(): void {
    for (const stream of [...this.#streams]) stream.beat();
    this.#beating =
      this.#streams.size === 0 ? undefined : this.#options.clock.after(BEAT_MS, () => this.#beat());
  }
}

/** Whether a sale has changed after this number. */
function hasMore(feed: ChangeFeed, number: number, id: string): boolean {
  for (let at = number; ; at += 1) {
    const change = feed.after(at);
    if (change === undefined) return false;
    if (change === 'gone' || change.sale?.id === id) return true;
  }
}

/**
 * One reader: what the store knows of the time that it has missed, then each change as it comes. It is written no
 * faster than it reads, and holds nothing but its place in the feed; one that has fallen out of the feed is sent away,
 * and comes back with its last id.
 */
class EventStream {
  readonly caller: Caller;
  readonly #response: ServerResponse;
  readonly #request: StreamRequest;
  readonly #options: EventStreamsOptions;
  #place = 0;
  #isReplaying = true;
  #isFull = false;
  #stuck = 0;

  constructor(response: ServerResponse, request: StreamRequest, options: EventStreamsOptions) {
    this.caller = request.caller;
    this.#response = response;
    this.#request = request;
    this.#options = options;
  }

  begin(from: Resumption | undefined): void {
    const { feed, log } = this.#options;
    this.#place = from !== undefined && 'after' in from ? from.after : feed.last;
    const startId = feed.lastId;
    const { sale } = this.#request;
    this.#write('retry: 1000\n\n');
    const replay = async () => {
      if (from !== undefined && 'since' in from && sale === undefined) await this.#replay(from.since);
      else if (sale !== undefined && !(from !== undefined && 'after' in from))
        await this.#writeSale(sale, startId);
      // So that whoever is cut off before the first event misses nothing.
      if (from === undefined || 'since' in from) this.#write(`id: ${startId}\n\n`);
      this.#isReplaying = false;
      this.pump();
    };
    replay().catch((fault: unknown) => {
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
      this.#write(eventText(change.id, change.kind, change.data));
      if (this.#request.sale !== undefined && change.isEnd) this.end();
    }
  }

  /** Shows the reader that the connection lives, and gives up one that takes nothing. */
  beat(): void {
    if (!this.#isFull) this.#write(':\n\n');
    else if (++this.#stuck > MAX_STUCK) this.#response.destroy();
  }

  end(): void {
    this.#response.end();
  }

  #isWanted({ kind, terminal, sale }: Change): boolean {
    const { caller, sale: only } = this.#request;
    if (only !== undefined) return sale?.id === only.id;
    if (seesAll(caller)) return mayUse(caller, terminal);
    return kind !== 'status' && sale !== undefined && maySee(caller, { terminal, by: sale.by });
  }

  /** Every change of state since then that the store knows, in the order of their times. */
  async #replay(since: string | undefined): Promise<void> {
    const { book } = this.#options;
    const isNew = (time: string | null) => time === null || since === undefined || time >= since;
    const parts = book.all.flatMap((sale) => {
      if (!maySee(this.#request.caller, sale)) return [];
      const { createdAt, endedAt, state } = sale;
      const begun = isNew(createdAt) ? [{ sale, time: createdAt, isEnd: false }] : [];
      if (endedAt === null && state === 'pending') return begun;
      return isNew(endedAt) ? [...begun, { sale, time: endedAt ?? createdAt, isEnd: true }] : begun;
    });
    parts.sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
    for (const { sale, time, isEnd } of parts) {
      if (this.#response.destroyed) return;
      if (isEnd) await this.#writeSale(sale, storedId(time));
      else {
        const whole = await book.whole(sale);
        const data = whole && JSON.stringify(pendingOf(whole.sale));
        if (data !== undefined) await this.#writePatiently(eventText(storedId(time), 'sale', data));
      }
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
    await new Promise<void>((resolve) => {
      this.#response.once('drain', resolve).once('close', resolve);
    });
  }

  #write(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (this.#response.write(text) || this.#isFull) return;
    this.#isFull = true;
    this.#response.once('drain', () => {
      this.#isFull = false;
      this.#stuck = 0;
      this.pump();
    });
  }
}

/** JSON has no line breaks. */
function eventText(id: string, kind: Change['kind'], data: string): string {
  return `id: ${id}\nevent: ${kind}\ndata: ${data}\n\n`;
}
