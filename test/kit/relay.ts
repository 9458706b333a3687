import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { deferred } from '../../src/base/deferred.ts';
import { RelayDirection, type RelaySettings } from './relay-direction.ts';

export type { Fault, RelaySettings } from './relay-direction.ts';

export interface RelayOptions {
  /** From the first stream to the second. */
  readonly there?: RelaySettings;
  readonly back?: RelaySettings;
}

/** Two streams joined, with faults, delay and limits between them, in real time. The end of input is passed on. */
export class Relay {
  readonly there: RelayDirection;
  readonly back: RelayDirection;
  /** Both streams are closed. */
  readonly closed: Promise<void>;
  readonly #streams: readonly Duplex[];

  constructor(one: Duplex, other: Duplex, options: RelayOptions = {}) {
    this.there = new RelayDirection(options.there);
    this.back = new RelayDirection(options.back);
    this.#streams = [one, other];
    this.closed = Promise.all(
      this.#streams.map((stream) => new Promise<void>((resolve) => stream.once('close', resolve))),
    ).then(() => {});
    for (const stream of this.#streams) {
      // A broken end breaks the other.
      stream.on('error', () => this.cut());
    }
    this.there.from(one);
    this.there.to(other);
    this.back.from(other);
    this.back.to(one);
  }

  /** Closes both ends at once; what is on its way is lost. */
  cut(): void {
    this.there.close();
    this.back.close();
    for (const stream of this.#streams) stream.destroy();
  }

  /** Cuts when exactly so many bytes more have passed in that direction, and resolves then. */
  async cutAfter(bytes: number, direction: 'there' | 'back'): Promise<void> {
    await this[direction].pass(bytes);
    this.cut();
  }
}

/** A listener that joins every connection, through a relay, with a new one to another port. Loopback only. */
export class RelayListener {
  readonly relays: Relay[] = [];
  readonly #server: Server;
  readonly #waiting: ((relay: Relay) => void)[] = [];

  /** `options` are those of every relay to come, and may be changed. `there` is from the connecting side to `port`. */
  static async open(port: number, options: RelayOptions = {}): Promise<RelayListener> {
    const listening = deferred<void>();
    const listener = new RelayListener(port, options);
    listener.#server.listen(0, '127.0.0.1', () => listening.resolve(undefined));
    await listening.promise;
    return listener;
  }

  options: RelayOptions;

  private constructor(port: number, options: RelayOptions) {
    this.options = options;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (one) => {
      one.on('error', () => {});
      const other = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const refused = () => one.destroy();
      other.once('error', refused);
      other.once('connect', () => {
        other.removeListener('error', refused);
        const relay = new Relay(one, other, this.options);
        this.relays.push(relay);
        this.#waiting.shift()?.(relay);
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next connection that is accepted. */
  next(): Promise<Relay> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const relay of this.relays) relay.cut();
    await closed;
  }
}
