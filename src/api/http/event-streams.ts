import type { ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Caller } from '../caller.ts';
import { Problem } from '../problem.ts';
import { EventStream, type EventStreamOptions, hasMore, type StreamRequest } from './event-stream.ts';

export interface EventStreamsOptions extends EventStreamOptions {
  readonly clock: Clock;
  /** Streams at one time, in all. A caller may have half of them. */
  readonly maxStreams: number;
}

const BEAT_MS = 15_000;
/**
 * Streams that are written to before whatever else there is to do gets a turn: a sale never waits for ten thousand
 * readers.
 */
const SLICE = 64;
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no', // nginx would collect events before it passes them on
};

/** Everybody who listens to changes over HTTP. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #streams = new Set<EventStream>();
  /** How many each caller has, by name. */
  readonly #counts = new Map<string | undefined, number>();
  readonly #unwatch: () => void;
  #beating: Timer | undefined;
  /** A turn of writing is under way, and whether something has changed since it began. */
  #turn: { hasNews: boolean } | undefined;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    this.#unwatch = options.feed.watch(() => this.#pumpAll());
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Throws a Problem where there is no room. */
  open(response: ServerResponse, request: StreamRequest): void {
    const { feed } = this.#options;
    const { caller, sale, lastEventId, headers } = request;
    // Behind another answer on one connection nobody would ever hear that the connection has gone; nor once it has.
    if (response.socket === null || response.socket.destroyed || response.closed)
      throw new Problem('INVALID_REQUEST', 'an event stream needs a connection of its own');
    this.#refuseTooMany(caller);
    const from = lastEventId === undefined ? undefined : feed.resume(lastEventId);
    if (sale?.endedAt && from !== undefined && !hasMore(feed, from, sale.id)) {
      response.writeHead(204, headers).end(); // tells a browser not to come again
      return;
    }
    response.writeHead(200, { ...headers, ...HEADERS });
    const stream = new EventStream(response, request, this.#options);
    this.#streams.add(stream);
    this.#counts.set(caller.name, this.#countOf(caller) + 1);
    response.on('error', () => {});
    response.once('close', () => this.#closed(stream));
    stream.begin(from);
    this.#beating ??= this.#options.clock.after(BEAT_MS, () => this.#beat());
  }

  /** Ends the streams of those who may not listen any more. */
  endUnless(mayListen: (caller: Caller) => boolean): void {
    for (const stream of [...this.#streams]) if (!mayListen(stream.caller)) stream.end();
  }

  close(): void {
    this.#unwatch();
    this.#beating?.cancel();
    for (const stream of [...this.#streams]) {
      stream.pump();
      stream.end();
    }
  }

  #refuseTooMany(caller: Caller): void {
    const { maxStreams } = this.#options;
    const limit = caller.name === undefined ? maxStreams : Math.ceil(maxStreams / 2);
    if (this.#streams.size < maxStreams && this.#countOf(caller) < limit) return;
    const detail = `${limit} event streams are the limit; close one`;
    throw new Problem('TOO_MANY_STREAMS', detail, {}, { 'Retry-After': '5' });
  }

  #countOf({ name }: Caller): number {
    return this.#counts.get(name) ?? 0;
  }

  #closed(stream: EventStream): void {
    const { caller } = stream;
    this.#streams.delete(stream);
    const left = this.#countOf(caller) - 1;
    if (left > 0) this.#counts.set(caller.name, left);
    else this.#counts.delete(caller.name);
  }

  /** What changes while it is under way is told by a turn of its own. */
  #pumpAll(): void {
    if (this.#turn !== undefined) {
      this.#turn.hasNews = true;
      return;
    }
    const turn = { hasNews: false };
    this.#turn = turn;
    const streams = this.#streams.values();
    const pumpSome = () => {
      for (let count = 0; count < SLICE; count += 1) {
        const next = streams.next();
        if (next.done) {
          this.#turn = undefined;
          if (turn.hasNews) this.#pumpAll();
          return;
        }
        next.value.pump();
      }
      setImmediate(pumpSome);
    };
    setImmediate(pumpSome);
  }

  #beat(): void {
    for (const stream of [...this.#streams]) stream.beat();
    this.#beating =
      this.#streams.size === 0 ? undefined : this.#options.clock.after(BEAT_MS, () => this.#beat());
  }
}
