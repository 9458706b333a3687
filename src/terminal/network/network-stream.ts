import { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/clock.ts';
import type { ConnectionId } from '../../dialect/jsonpos/network/connection-id.ts';
import { Lane } from '../../dialect/jsonpos/network/lane.ts';
import type { Outlet } from '../../dialect/jsonpos/network/outlet.ts';

/** What may wait for somebody to read it; the protocol has no word to slow the register down. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
/** Some registers do not tell that the remote end has closed: after this silence they are asked to disconnect. */
const IDLE_MS = 120_000;

export interface NetworkStreamOptions {
  readonly clock: Clock;
  readonly outlet: Outlet;
  /** The register is to close the connection; nobody waits for the answer. */
  readonly disconnect: (id: ConnectionId) => void;
}

type Done = (fault?: Error | null) => void;

/**
 * A TCP connection through a register's network:
 *
 *   connecting ──▶ open ──▶ closed (by the remote end, after all of its data)      destroyed, from anywhere
 *
 * Emits `connect`. What is written earlier waits. Closed by the remote end it is closed in both directions, for the
 * protocol knows no half-closed connection: what is written then goes nowhere. `end` only says that nothing more will
 * be written.
 */
export class NetworkStream extends Duplex {
  readonly #options: NetworkStreamOptions;
  #id: ConnectionId | undefined;
  #lane: Lane | undefined;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  /** It was closed before it was said to be connected. */
  #isClosedEarly = false;
  /** A write, or the end of writing, that waits for the connection or for room. */
  #waiting: (() => void) | undefined;
  #heardMs: number;
  #idle: Timer | undefined;

  constructor(options: NetworkStreamOptions) {
    super({ allowHalfOpen: false });
    this.#options = options;
    this.#heardMs = options.clock.nowMs();
  }

  get isConnecting(): boolean {
    return this.#state === 'connecting';
  }

  get isClosedEarly(): boolean {
    return this.#isClosedEarly;
  }

  // What the network says.

  /** What it is called on the wire; a new name at every attempt. */
  set id(id: ConnectionId) {
    this.#id = id;
    this.#isClosedEarly = false;
  }

  connected(): void {
    if (this.#state !== 'connecting' || this.#id === undefined || this.destroyed) return;
    this.#state = 'open';
    this.#lane = new Lane(this.#id);
    this.#options.outlet.open(this.#lane, { room: () => this.#goOn(), drained: () => this.#goOn() });
    this.emit('connect');
    this.#goOn();
    this.#watch();
    if (this.#isClosedEarly) this.remoteClosed();
  }

  receive(bytes: Buffer): void {
    if (this.destroyed || this.#state === 'closed') return;
    this.#heardMs = this.#options.clock.nowMs();
    if (this.readableLength + bytes.length > MAX_UNREAD_BYTES) {
      this.destroy(new Error('nobody reads what comes over the network'));
    } else this.push(bytes);
  }

  /** All data has been received. */
  remoteClosed(): void {
    if (this.#state === 'connecting') {
      this.#isClosedEarly = true;
      return;
    }
    if (this.#state === 'closed') return;
    this.#close();
    this.push(null);
    this.#goOn();
  }

  /** The network is gone, or the connection could not be made. */
  fail(fault: Error): void {
    this.#close();
    this.destroy(fault);
  }

  // What a stream does.

  /** Closes when everything is written, as sockets do; HTTP asks for it. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#state === 'connecting') this.#waiting = () => this._write(chunk, _encoding, done);
    else if (this.#lane === undefined) done();
    else {
      this.#heardMs = this.#options.clock.nowMs();
      // The stream's buffers are its writers'.
      if (this.#options.outlet.add(this.#lane, Buffer.from(chunk))) done();
      else this.#waiting = () => done();
    }
  }

  override _final(done: Done): void {
    if (this.#state === 'connecting') this.#waiting = () => this._final(done);
    else if (this.#lane === undefined) done();
    else {
      this.#waiting = () => done();
      this.#options.outlet.end(this.#lane);
    }
  }

  override _destroy(fault: Error | null, done: Done): void {
    const wasOpen = this.#state !== 'closed';
    this.#close();
    if (wasOpen && this.#id !== undefined) this.#options.disconnect(this.#id);
    done(fault);
  }

  #goOn(): void {
    const goOn = this.#waiting;
    this.#waiting = undefined;
    goOn?.();
  }

  #close(): void {
    this.#state = 'closed';
    this.#idle?.cancel();
    if (this.#lane !== undefined) this.#options.outlet.close(this.#lane);
    this.#lane = undefined;
  }

  #watch(): void {
    const { clock, disconnect } = this.#options;
    this.#idle = clock.after(this.#heardMs + IDLE_MS - clock.nowMs(), () => {
      if (clock.nowMs() - this.#heardMs < IDLE_MS) this.#watch();
      else {
        if (this.#id !== undefined) disconnect(this.#id);
        this.remoteClosed();
      }
    });
  }
}
