import type { OnReadOpts, Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { ConnectionId } from '../../dialect/jsonpos/network/connection-id.ts';
import { Lane } from '../../dialect/jsonpos/network/lane.ts';
import type { Outlet } from '../../dialect/jsonpos/network/outlet.ts';

/** What the remote end may leave untaken; the protocol has no word to slow a terminal down. */
const MAX_UNTAKEN_BYTES = 16 * 1024 * 1024;
/** How long the remote end may take what is left for it when the connection ends. */
const LINGER_MS = 10_000;

export interface ProxiedConnectionOptions {
  readonly clock: Clock;
  readonly outlet: Outlet;
  /** What every socket reads into. */
  readonly buffer: Buffer;
  /** Connects; the promise rejects when `signal` aborts. */
  readonly dial: (onread: OnReadOpts, signal: AbortSignal) => Promise<Socket>;
  /** Bytes that all connections together may still have to write. */
  readonly untakenRoom: () => number;
  /** So many bytes are written to the remote end. */
  readonly written: (bytes: number) => void;
  /**
   * Everything that was read has been sent to the terminal, and no more will be. Once, unless `destroy` comes first.
   */
  readonly delivered: (reason: string) => void;
  /** The socket is gone, too. Once, last. */
  readonly closed: () => void;
}

/**
 * One TCP connection that the terminal has asked for:
 *
 *   connecting ──▶ open ──the remote end has closed, or `disconnect`──▶ ending ──all sent to the terminal──▶ delivered
 *        └─────────────────failed, or `destroy` from anywhere─────────────────────────────────────────────▶ over
 *
 * What comes from the remote end waits in a lane of the outlet, and no more is read than the lane takes.
 */
export class ProxiedConnection {
  readonly id: ConnectionId;
  readonly #options: ProxiedConnectionOptions;
  readonly #lane: Lane;
  readonly #giveUp = new AbortController();
  #state: 'connecting' | 'open' | 'ending' | 'delivered' | 'over' = 'connecting';
  #wasOpen = false;
  #socket: Socket | undefined;
  /** Sent by the terminal before it was connected. */
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #reason = '';
  #linger: Timer | undefined;

  constructor(id: ConnectionId, options: ProxiedConnectionOptions) {
    this.id = id;
    this.#options = options;
    this.#lane = new Lane(id);
  }

  /** It has been connected. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  /** Bytes of the terminal that the remote end has not taken yet. */
  get untakenBytes(): number {
    return this.#earlyBytes + (this.#socket?.writableLength ?? 0);
  }

  /** Resolves when it is connected, rejects when it cannot be; then it is over. Call once. */
  async connect(): Promise<void> {
    const { outlet, buffer, dial } = this.#options;
    const onread = { buffer, callback: (count: number) => this.#read(buffer.subarray(0, count)) };
    try {
      const socket = await dial(onread, this.#giveUp.signal);
      this.#socket = socket;
      socket.on('error', (fault) => this.#end(describeFault(fault)));
      socket.on('end', () => this.#end('the remote end has closed'));
      socket.on('close', () => this.#socketClosed());
      // `destroy` may have come between the connection and this.
      this.#giveUp.signal.throwIfAborted();
      this.#state = 'open';
      this.#wasOpen = true;
      outlet.open(this.#lane, { room: () => socket.resume(), drained: () => this.#delivered() });
      for (const bytes of this.#early) this.#write(socket, bytes);
      this.#early = [];
      this.#earlyBytes = 0;
      socket.resume();
    } catch (fault) {
      this.destroy();
      if (this.#socket === undefined) this.#options.closed();
      else this.#socket.destroy();
      throw fault;
    }
  }

  /** From the terminal to the remote end. The bytes belong to the connection from now on. */
  send(bytes: Buffer): void {
    if (this.#state !== 'connecting' && this.#state !== 'open') return;
    if (this.untakenBytes + bytes.length > Math.min(MAX_UNTAKEN_BYTES, this.#options.untakenRoom())) {
      this.abort('the remote end does not take what the terminal sends');
    } else if (this.#socket !== undefined) {
      this.#write(this.#socket, bytes);
    } else {
      this.#early.push(bytes);
      this.#earlyBytes += bytes.length;
    }
  }

  /** The terminal wants no more: what was read is still delivered, what it has sent still goes out. */
  disconnect(): void {
    if (this.#state === 'connecting') this.destroy();
    else this.#end('the terminal has closed');
  }

  /** Ends it at once; what was read is still delivered. */
  abort(reason: string): void {
    if (this.#state === 'connecting') this.destroy();
    this.#end(reason);
    this.#socket?.destroy();
  }

  /** Ends it at once, and nothing more is said about it. */
  destroy(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#options.outlet.close(this.#lane);
    this.#giveUp.abort(new Error('no longer wanted'));
    this.#linger?.cancel();
    this.#early = [];
    this.#earlyBytes = 0;
    this.#socket?.destroy();
  }

  /** False: no more for the time being. */
  #read(bytes: Buffer): boolean {
    if (this.#state !== 'open') return true; // the end of the stream must still be seen
    return this.#options.outlet.add(this.#lane, Buffer.from(bytes));
  }

  #write(socket: Socket, bytes: Buffer): void {
    this.#options.written(bytes.length);
    socket.write(bytes);
  }

  #end(reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#reason = reason;
    const socket = this.#socket;
    socket?.end();
    socket?.resume();
    this.#linger = this.#options.clock.after(LINGER_MS, () => socket?.destroy());
    this.#options.outlet.end(this.#lane);
  }

  #delivered(): void {
    this.#state = 'delivered';
    this.#options.delivered(this.#reason);
  }

  #socketClosed(): void {
    this.#end('the connection was closed');
    this.#linger?.cancel();
    this.#options.closed();
  }
}
