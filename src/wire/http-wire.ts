import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers';
import { type Clock, systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { HttpWishes } from '../base/web.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { type DialOptions, dial } from './dial.ts';
import { socketPeer } from './peer.ts';
import { type ConnectOptions, DEFAULT_CONNECT_TIMEOUT_MS } from './socket.ts';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireFault } from './wire-fault.ts';
import { WireLife } from './wire-life.ts';
import { DEFAULT_MAX_MESSAGE_BYTES, refusalText, shownUrl } from './ws.ts';

type HttpEndpoint = Extract<Endpoint, { kind: 'http' }>;

export interface ConnectHttpOptions extends ConnectOptions, HttpWishes, Pick<DialOptions, 'tls' | 'proxy'> {
  /** Largest message, bytes; a longer one ends the wire. Default 262134. */
  readonly maxMessageBytes?: number;
}

/**
 * Connects, so that it is known whether somebody is there, and posts each message that is written. Every request has a
 * connection of its own: one that was idle may be closed by the other side at the very moment in which it is used.
 * Rejects with WIRE_OPEN_FAILED.
 */
export async function connectHttp(endpoint: HttpEndpoint, options: ConnectHttpOptions = {}): Promise<Wire> {
  const {
    timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS,
    clock = systemClock,
    signal,
    tls,
    proxy,
    checkCertificate,
  } = options;
  const usual = { timeoutMs, clock, tls, proxy, checkCertificate };
  try {
    const socket = await dial(endpoint, { ...usual, signal });
    return new HttpWire(endpoint, socket, {
      ...options,
      clock,
      dial: (own) => dial(endpoint, { ...usual, signal: own }),
    });
  } catch (fault) {
    const text = `cannot connect to ${shownUrl(endpoint)}: ${await dialFault(endpoint, fault)}`;
    throw new BridgeError('WIRE_OPEN_FAILED', text, { cause: fault });
  }
}

async function dialFault({ secure }: HttpEndpoint, fault: unknown): Promise<string> {
  return secure ? (await import('./tls.ts')).tlsFault(fault) : describeFault(fault);
}

interface HttpWireOptions extends ConnectHttpOptions {
  readonly clock: Clock;
  readonly dial: (signal: AbortSignal) => Promise<Socket>;
}

/** A wire whose writes are requests, and whose chunks are the bodies of their answers. One that fails ends it. */
class HttpWire implements Wire {
  readonly framing = 'exchange';
  readonly peer: Peer;
  readonly #endpoint: HttpEndpoint;
  readonly #options: HttpWireOptions;
  readonly #life = new WireLife();
  readonly #underWay = new Set<ClientRequest>();
  readonly #stopping = new AbortController();
  /** From opening, for the first request. */
  #first: Socket | undefined;
  #held: Buffer[] = [];
  #isPaused = false;
  #isEnding = false;

  constructor(endpoint: HttpEndpoint, first: Socket, options: HttpWireOptions) {
    this.peer = socketPeer(first);
    this.#endpoint = endpoint;
    this.#options = options;
    this.#first = first;
    const forget = () => {
      if (this.#first === first) this.#first = undefined;
      first.destroy();
    };
    first.on('error', () => {});
    // A server that tires of waiting hangs up, and says nothing about the terminal by it.
    first.once('end', forget).once('close', forget).resume();
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.resume();
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (!this.#life.take(done)) return;
    const { host, port, secure, path } = this.#endpoint;
    const usualPort = port === (secure ? 443 : 80);
    const posting = request({
      method: 'POST',
      path,
      headers: {
        Host: `${host.includes(':') ? `[${host}]` : host}${usualPort ? '' : `:${port}`}`,
        'Content-Type': 'application/json; charset=utf-8',
        Accept: 'application/json',
        ...this.#options.headers,
        'Content-Length': bytes.length,
        Connection: 'close',
      },
      createConnection: (_options, created) => {
        this.#connected().then(
          (socket) => created(null, socket),
          (fault: Error) => created(fault, undefined as never),
        );
        return undefined;
      },
    });
    this.#underWay.add(posting);
    posting.once('finish', () => this.#life.taken());
    posting.once('response', (answer) => this.#receive(posting, answer));
    posting.on('error', (fault) => this.#fail(posting, fault));
    posting.end(bytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#life.isStarted) setImmediate(() => this.#deliver());
  }

  endOutput(): void {
    if (!this.#life.endOutput()) return;
    this.#isEnding = true;
    this.#deliver();
  }

  destroy(): void {
    this.#doom();
  }

  async #connected(): Promise<Socket> {
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined || first.destroyed) return this.#options.dial(this.#stopping.signal);
    first.removeAllListeners('end').removeAllListeners('close');
    return first;
  }

  #receive(posting: ClientRequest, answer: IncomingMessage): void {
    const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = this.#options;
    const { statusCode: status = 0 } = answer;
    const parts: Buffer[] = [];
    let bytes = 0;
    answer.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > maxMessageBytes)
        this.#fail(posting, new WireFault('WIRE_MESSAGE_TOO_LARGE', 'an answer over the limit'));
      else parts.push(part);
    });
    answer.on('error', (fault) => this.#fail(posting, fault));
    answer.once('end', () => {
      if (!answer.complete || !this.#underWay.delete(posting)) return;
      if (status < 200 || status > 299) {
        this.#fail(
          posting,
          new WireFault('WIRE_REQUEST_REFUSED', refusalText(`${status}`, 'the server refuses the request')),
        );
        return;
      }
      if (bytes > 0) this.#held.push(Buffer.concat(parts, bytes));
      this.#deliver();
    });
  }

  #deliver(): void {
    if (!this.#life.isStarted) return;
    while (!this.#isPaused && this.#held.length > 0) this.#life.chunk(this.#held.shift() as Buffer);
    if (!this.#isEnding || this.#underWay.size > 0 || this.#held.length > 0) return;
    this.#first?.destroy();
    this.#life.end();
    setImmediate(() => this.#life.close());
  }

  #fail(posting: ClientRequest, cause: Error): void {
    this.#underWay.delete(posting);
    posting.destroy();
    if (this.#life.isDoomed) return;
    void dialFault(this.#endpoint, cause).then((why) => {
      const fault =
        cause instanceof WireFault
          ? cause
          : new WireFault('WIRE_LOST', `the request failed: ${why}`, { cause });
      this.#doom(fault);
    });
  }

  #doom(fault?: Error): void {
    this.#life.doom(fault);
    this.#stopping.abort();
    this.#first?.destroy();
    for (const posting of this.#underWay) posting.destroy();
    this.#underWay.clear();
    setImmediate(() => this.#life.close());
  }
}
