import { isUtf8 } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import type { Clock, Timer } from '../base/clock.ts';
import type { WebSocketWishes } from '../base/web.ts';
import { KEEPALIVE_IDLE_MS } from './socket-wire.ts';
import type { CloseStatus, Peer, Wire, WireEvents } from './wire.ts';
import { WireFault } from './wire-fault.ts';
import { WireLife } from './wire-life.ts';
import { Pings } from './ws-pings.ts';
import type { PatientWebSocket } from './ws-socket.ts';

/**
 * A wire over an open WebSocket: a text message is a chunk or a write. There is no half-close: the peer's
 * close is `end` and `closed`, and after `endOutput` the peer is expected to close as well. A binary message, unless
 * `isBinary`, or an oversized one is `refused`, and ends the wire with a fault after the peer has had a moment to read
 * why.
 *
 * To be made in the turn in which the WebSocket opens, else messages are missed.
 */
export function wsWire(ws: PatientWebSocket, socket: Duplex, options: WsWireOptions): Wire {
  return new WsWire(ws, socket, options);
}

export interface WsWireOptions extends Partial<WebSocketWishes> {
  readonly clock: Clock;
  readonly peer: Peer;
}

class WsWire implements Wire {
  readonly framing = 'messages';
  readonly peer: Peer;
  readonly #ws: PatientWebSocket;
  readonly #clock: Clock;
  readonly #isBinary: boolean;
  readonly #sendsBinary: boolean;
  readonly #saysWhy: boolean;
  readonly #life = new WireLife();
  /** Messages that were read in one piece with the one that led to `pause`. */
  #held: Buffer[] = [];
  #isPaused = false;
  #isResuming = false;
  #isGone = false;
  #goodbye: Timer | undefined;
  /** The status of our goodbye. */
  #status = NORMAL;
  /** Why the peer is refused, and the status that says so. */
  #refusal: { readonly fault: Error; readonly status: number } | undefined;
  #events: WireEvents | undefined;

  constructor(ws: PatientWebSocket, socket: Duplex, options: WsWireOptions) {
    const { clock, peer, isBinary = false, sendsBinary = false, pingMs } = options;
    this.peer = peer;
    this.#ws = ws;
    this.#clock = clock;
    this.#isBinary = isBinary;
    this.#sendsBinary = sendsBinary;
    this.#saysWhy = options.saysWhy ?? false;
    ws.pause();
    if (socket instanceof Socket) socket.setKeepAlive(true, options.keepaliveIdleMs ?? KEEPALIVE_IDLE_MS);
    if (pingMs !== undefined) new Pings(ws, clock, pingMs, () => this.#silent(pingMs));
    socket.on('error', (fault) => this.#life.doom(fault));
    ws.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    ws.on('error', (cause) => this.#refuse(faultOf(cause), statusOf(cause)));
    ws.on('close', (status, reason) => this.#gone(status, reason.toString()));
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.#events = events;
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
    if (!this.#life.endOutput()) return;
    if (this.#refusal === undefined) this.#ws.end(this.#status);
    else this.#part(this.#refusal);
  }

  closeAs(why: CloseStatus): void {
    if (this.#saysWhy) this.#status = why === 'going-away' ? GOING_AWAY : PROTOCOL_ERROR;
  }

  destroy(): void {
    this.#life.doom();
    this.#ws.terminate();
    if (this.#isGone) setImmediate(() => this.#finish());
  }

  #silent(pingMs: number): void {
    this.#life.doom(new WireFault('WIRE_LOST', `no answer to a ping within ${pingMs / 1000} s`));
    this.#ws.terminate();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#refusal !== undefined) return;
    if (isBinary && !this.#isBinary) {
      this.#refuse(new WireFault('WIRE_MESSAGE_BINARY'), UNSUPPORTED_DATA);
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

  /** The peer broke the rules: its owner may tell it so before the WebSocket is closed. */
  #refuse(fault: Error, status: number): void {
    if (this.#refusal !== undefined || this.#life.isDoomed) return;
    this.#refusal = { fault, status };
    this.#held = [];
    this.#goodbye ??= this.#clock.after(GOODBYE_MS, () => {
      this.#life.doom(fault);
      this.#ws.terminate();
    });
    if (this.#events?.refused === undefined) this.#part(this.#refusal);
    else this.#events.refused(fault);
  }

  #part({ fault, status }: { readonly fault: Error; readonly status: number }): void {
    this.#life.doom(fault);
    this.#ws.end(status, status === UNSUPPORTED_DATA ? 'text messages only' : undefined);
  }

  #gone(status: number, reason: string): void {
    this.#goodbye?.cancel();
    this.#isGone = true;
    if (this.#refusal !== undefined) this.#life.doom(this.#refusal.fault);
    else if (status === NO_CLOSING_FRAME) this.#life.doom(new WireFault('WIRE_LOST'));
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

/** With which a fault of the peer is told to it. */
function statusOf(cause: Error): number {
  const { code = '' } = cause as NodeJS.ErrnoException;
  if (code === TOO_LARGE) return TOO_BIG;
  if (code === TOO_MANY_PIECES) return POLICY_VIOLATION;
  return code === 'WS_ERR_INVALID_UTF8' ? INVALID_DATA : PROTOCOL_ERROR;
}

function peerFailed(status: number, reason: string): WireFault {
  const words = reason === '' ? '' : `: ${reason}`;
  return new WireFault('WIRE_PEER_FAILED', `the peer closed the WebSocket with status ${status}${words}`);
}

const TOO_LARGE = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
const TOO_MANY_PIECES = 'WS_ERR_TOO_MANY_BUFFERED_PARTS';
const NORMAL = 1000;
const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;
const UNSUPPORTED_DATA = 1003;
const INVALID_DATA = 1007;
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;
const NO_STATUS = 1005;
const NO_CLOSING_FRAME = 1006;
const GOOD_ORDER: ReadonlySet<number> = new Set([NORMAL, GOING_AWAY, NO_STATUS]);
const GOODBYE_MS = 1000;
