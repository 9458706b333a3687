import type { ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireFault } from './wire-fault.ts';
import { WireLife } from './wire-life.ts';

/**
 * A wire over one request of HTTP: its body is the only chunk, the first write the answer. Where nothing was written
 * before the end of output the connection is broken: silence must not be taken for success.
 */
export class ExchangeWire implements Wire {
  readonly framing = 'exchange';
  readonly peer: Peer;
  readonly post: Wire['post'];
  readonly #response: ServerResponse;
  readonly #life = new WireLife();
  /** Until it is delivered. */
  #body: Buffer | undefined;
  #isPaused = false;
  #isAnswered = false;

  constructor(body: Buffer, response: ServerResponse, peer: Peer, post?: Wire['post']) {
    this.peer = peer;
    this.post = post;
    this.#body = body;
    this.#response = response;
    response.on('error', (fault) => this.#life.doom(fault));
    response.on('finish', () => this.#life.taken());
    response.on('close', () => this.#closed());
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    setImmediate(() => this.#deliver());
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (!this.#life.take(done)) return;
    if (this.#isAnswered) {
      setImmediate(() => this.#life.taken());
      return;
    }
    this.#isAnswered = true;
    const isEmpty = bytes.length === 0;
    const headers = isEmpty ? {} : { 'Content-Type': CONTENT_TYPE, 'Content-Length': bytes.length };
    this.#response.writeHead(isEmpty ? NO_CONTENT : OK, headers);
    this.#response.end(bytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#life.isStarted) setImmediate(() => this.#deliver());
  }

  endOutput(): void {
    if (this.#life.endOutput() && !this.#isAnswered) this.destroy();
  }

  destroy(): void {
    this.#life.doom();
    // Once it is answered its connection is for the next request.
    if (this.#response.writableFinished) setImmediate(() => this.#life.close());
    else this.#response.destroy();
  }

  reset(): void {
    this.#life.doom();
    const { socket } = this.#response;
    if (socket === null || this.#response.writableFinished) this.destroy();
    else socket.resetAndDestroy();
  }

  #deliver(): void {
    const body = this.#body;
    if (body === undefined || this.#isPaused) return;
    this.#body = undefined;
    this.#life.chunk(body);
  }

  #closed(): void {
    if (this.#response.writableFinished) this.#life.end();
    else this.#life.doom(new WireFault('ECONNRESET', 'the other side did not wait for the answer'));
    this.#life.close();
  }
}

const OK = 200;
const NO_CONTENT = 204;
const CONTENT_TYPE = 'application/json; charset=utf-8';
