import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers';
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../base/clock.ts';
import { socketPeer } from './peer.ts';
import { KEEPALIVE_IDLE_MS } from './socket-wire.ts';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireFault } from './wire-fault.ts';
import { WireLife } from './wire-life.ts';

/**
 * A wire over an open WebSocket: a text message is a chunk or a write. There is no half-close: the peer's
 * close is `end` and `closed`, and after `endOutput` the peer is expected to close as well. A binary message, unless
 * `isBinary`, or an oversized one ends the wire with a fault, after the peer has had a moment to read why.
 *
 * To be made in the turn in which the WebSocket opens, else messages are missed.
 */
export function wsWire(ws: WebSocket, socket: Socket, options: WsWireOptions): Wire {
  return new WsWire(ws, socket, options);
}

export interface WsWireOptions {
  readonly clock: Clock;
  /** Binary messages are chunks too, and bytes that are no UTF-8 are written as such. */
  readonly isBinary: boolean;
  /** Every message is written as a binary one. */
  readonly sendsBinary: boolean;
}

class WsWire implements Wire {
  readonly framing = 'messages';
  readonly peer: Peer;
  readonly #ws: WebSocket;
  readonly #clock: Clock;
  readonly #isBinary: boolean;
  readonly #sendsBinary: boolean;
  readonly #life = new WireLife();
  /** Messages that were read in one piece with the one that led to `pause`. */
  #held: Buffer[] = [];
  #isPaused = false;
  #isResuming = false;
  #isGone = false;
  #goodbye: Timer | undefined;

  constructor(ws: WebSocket, socket: Socket, { clock, isBinary, sendsBinary }: WsWireOptions) {
    this.peer = socketPeer(socket);
    this.#ws = ws;
    this.#clock = clock;
    this.#isBinary = isBinary;
    this.#sendsBinary = sendsBinary;
    ws.pause();
    socket.setKeepAlive(true, KEEPALIVE_IDLE_MS);
    socket.on('error', (fault) => this.#life.doom(fault));
    ws.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    ws.on('error', (cause) => this.#refuse(faultOf(cause)));
    ws.on('close', (status, reason) => this.#gone(status, reason.toString()));
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    if (!this.#isPaused) this.resume();
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (!this.#life.take(done)) return;
    // After a failed write, or when the peer has closed, 'close' follows and settles it.
    const binary = this.#sendsBinary || (this.#isBinary && !isUtf8(bytes));
    this.#ws.send(bytes, { binary }, (fault) => {
      if (fault == null) this.#life.taken();
    });
  }

  pause(): void {
    this.#isPaused = true;
    this.#ws.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#life.isStarted || this.#isResuming) return;
    this.#isResuming = true;
    setImmediate(() => {
      this.#isResuming = false;
      this.#deliver();
    });
  }

  endOutput(): void {
    if (this.#life.endOutput()) this.#ws.close(NORMAL);
  }

  destroy(): void {
    this.#life.doom();
    this.#ws.terminate();
    if (this.#isGone) setImmediate(() => this.#finish());
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (isBinary && !this.#isBinary) {
      this.#ws.close(UNSUPPORTED_DATA, 'text messages only');
      this.#refuse(new WireFault('WIRE_MESSAGE_BINARY'));
    } else if (this.#isPaused || !this.#life.isStarted || this.#held.length > 0) {
      this.#held.push(data);
    } else {
      this.#life.chunk(data);
    }
  }

  #deliver(): void {
    let next = 0;
    for (; next < this.#held.length && !this.#isPaused; next++) {
      const data = this.#held[next];
      if (data !== undefined) this.#life.chunk(data);
    }
    this.#held = this.#held.slice(next);
    if (this.#isPaused) return;
    this.#ws.resume();
    this.#finish();
  }

  /** Ends a wire whose peer broke the rules; the library has sent the reason, or we have. */
  #refuse(fault: Error): void {
    this.#life.doom(fault);
    this.#goodbye ??= this.#clock.after(GOODBYE_MS, () => this.#ws.terminate());
  }

  #gone(status: number, reason: string): void {
    this.#goodbye?.cancel();
    this.#isGone = true;
    if (status === NO_CLOSING_FRAME) this.#life.doom(new WireFault('WIRE_LOST'));
    else if (!GOOD_ORDER.has(status)) this.#life.doom(peerFailed(status, reason));
    this.#finish();
  }

  /** What was read before the end is delivered first. */
  #finish(): void {
    const { isDoomed, isStarted } = this.#life;
    if (!this.#isGone || (!isDoomed && (!isStarted || this.#held.length > 0))) return;
    this.#life.end();
    this.#life.close();
  }
}

function faultOf(cause: Error): Error {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (code === TOO_LARGE) return new WireFault('WIRE_MESSAGE_TOO_LARGE', undefined, { cause });
  if (code.startsWith('WS_ERR_')) return new WireFault('WIRE_MESSAGE_INVALID', cause.message, { cause });
  return cause;
}

function peerFailed(status: number, reason: string): WireFault {
  const words = reason === '' ? '' : `: ${reason}`;
  return new WireFault('WIRE_PEER_FAILED', `the peer closed the WebSocket with status ${status}${words}`);
}

const TOO_LARGE = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
const NORMAL = 1000;
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;
const NO_STATUS = 1005;
const NO_CLOSING_FRAME = 1006;
const GOOD_ORDER: ReadonlySet<number> = new Set([NORMAL, GOING_AWAY, NO_STATUS]);
const GOODBYE_MS = 1000;
