import type { OnReadOpts, Socket } from 'node:net';
import { writeDirectly } from './direct-write.ts';
import { socketPeer } from './peer.ts';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireLife } from './wire-life.ts';

export interface SocketWireOptions {
  /** Default: what the socket says. */
  readonly peer?: Peer | undefined;
  /** Which directions are used; both by default. A missing one never reports anything. */
  readonly direction?: 'both' | 'read' | 'write';
  /** The reader whose `options` the socket was constructed with. */
  readonly reader?: SocketReader;
  /** The descriptor is perhaps not non-blocking: default no. */
  readonly mayBlock?: boolean;
  /** See `Wire.isLine`. */
  readonly isLine?: boolean;
  /** Gives back what the socket itself does not close; called once, before `closed`. `done` may come later. */
  readonly release?: (done: () => void) => void;
}

/**
 * Lets a socket read without the stream machinery: spread `options` into its constructor's, then hand the
 * reader to `socketWire`. Twice as fast as 'data' events on TCP and UNIX sockets.
 */
export class SocketReader {
  #receive: (bytes: Buffer) => void = () => {};

  /** To be spread into the options of `new Socket` and `connect`. */
  readonly options: { readonly onread: OnReadOpts } = {
    onread: {
      buffer: READ_BUFFER,
      callback: (length) => {
        this.#receive(READ_BUFFER.subarray(0, length));
        return true;
      },
    },
  };

  deliverTo(receive: (bytes: Buffer) => void): void {
    this.#receive = receive;
  }
}

/**
 * One buffer for all sockets: a read and its callback happen in one turn, and a chunk belongs to its receiver
 * only during the call.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

/**
 * A wire over an open socket with `allowHalfOpen`, whether accepted, connected or made from a descriptor. It
 * takes the socket over: nobody else listens, reads or writes. While input is paused a vanished peer may go
 * unnoticed until the next write or `resume`.
 */
export function socketWire(socket: Socket, options: SocketWireOptions = {}): Wire {
  return new SocketWire(socket, options);
}

class SocketWire implements Wire {
  readonly framing = 'stream';
  readonly peer: Peer;
  readonly isLine: boolean;
  readonly #socket: Socket;
  readonly #life: WireLife;
  readonly #reads: boolean;
  readonly #mayBlock: boolean;
  /** A failed write destroys the socket: 'close' settles it. */
  readonly #taken = (fault?: Error | null): void => {
    if (fault == null) this.#life.taken();
  };
  #isPaused = false;
  #isTaken = false;

  constructor(socket: Socket, options: SocketWireOptions) {
    const { direction = 'both', reader, release } = options;
    this.peer = options.peer ?? socketPeer(socket);
    this.#socket = socket;
    this.#life = new WireLife({ hasOutput: direction !== 'read' });
    this.#reads = direction !== 'write';
    this.#mayBlock = options.mayBlock ?? false;
    this.isLine = options.isLine ?? false;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_IDLE_MS);
    socket.on('error', (fault) => this.#life.doom(fault));
    socket.on('close', () => {
      if (release === undefined) this.#life.close();
      else release(() => this.#life.close());
    });
    if (!this.#reads) return;
    if (reader === undefined) socket.on('data', (bytes: Buffer) => this.#life.chunk(bytes));
    else
      reader.deliverTo((bytes) => {
        this.#life.chunk(bytes);
        if (bytes.length === READ_BUFFER.length) this.#giveWay();
      });
    socket.on('end', () => this.#life.end());
    socket.pause();
  }

  get isDelivering(): boolean {
    return this.#life.isDelivering;
  }

  get isTaken(): boolean {
    return this.#isTaken;
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.#flow();
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    this.#isTaken = false;
    if (!this.#life.take(done)) return;
    const taken = this.#mayBlock ? 0 : writeDirectly(this.#socket, bytes);
    this.#isTaken = taken === bytes.length;
    if (this.#isTaken) queueMicrotask(this.#taken);
    else this.#socket.write(bytes.subarray(taken), this.#taken);
  }

  pause(): void {
    this.#isPaused = true;
    this.#flow();
  }

  resume(): void {
    this.#isPaused = false;
    this.#flow();
  }

  endOutput(): void {
    if (this.#life.endOutput()) this.#socket.end();
  }

  destroy(): void {
    this.#life.doom();
    this.#socket.destroy();
  }

  /** The kernel keeps sending for a closed TCP socket, but not for a reset one. */
  reset(): void {
    this.#life.doom();
    if (this.#socket.remoteAddress === undefined) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** libuv reads 32 full buffers in a row; whoever waits to write would wait for all of them. */
  #giveWay(): void {
    this.#socket.pause();
    setImmediate(() => this.#flow());
  }

  #flow(): void {
    if (!this.#reads || !this.#life.isStarted) return;
    if (this.#isPaused) this.#socket.pause();
    else this.#socket.resume();
  }
}

/** Idle time before the kernel asks whether a TCP peer is still there. */
export const KEEPALIVE_IDLE_MS = 60_000;
