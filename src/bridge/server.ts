import { describeFault } from '../base/errors.ts';
import { type Gauges, sumGauges } from '../base/statistics.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { type Listener, listen } from '../wire/listen.ts';
import type { Wire } from '../wire/wire.ts';
import { Bridge, type BridgeContext, type BridgeOptions, openLock } from './bridge.ts';

export interface ServerOptions extends BridgeOptions {
  readonly listen: Endpoint;
  /** Connections that may be open at one time; more are closed at once. */
  readonly maxConnections: number;
  /** Origins whose web pages may connect over WebSocket. */
  readonly allowOrigins: readonly string[];
  /** Put around every wire. */
  readonly around?: (wire: Wire) => Wire;
}

/** A bridge for every connection accepted on one endpoint: listening → stopping → stopped. */
export class Server {
  readonly #options: ServerOptions;
  readonly #context: BridgeContext;
  readonly #bridges = new Set<Bridge>();
  readonly #running = new Set<Promise<void>>();
  #listener: Listener | undefined;
  #isStopping = false;
  #hasUnknown = false;

  private constructor(options: ServerOptions, context: BridgeContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Rejects with a BridgeError when the endpoint or the transaction lock cannot be had. */
  static async open(options: ServerOptions, context: BridgeContext): Promise<Server> {
    await (await openLock(options, context)).close();
    const server = new Server(options, context);
    server.#listener = await listen(options.listen, {
      allowOrigins: options.allowOrigins,
      maxMessageBytes: options.protocol.maxFrameBytes,
      onWire: (wire) => server.#accept(wire),
      onFault: (fault) =>
        context.log.warn('a connection could not be accepted', { why: describeFault(fault) }),
    });
    return server;
  }

  /** Where it listens, with the port that the system chose. */
  get address(): string {
    return this.#listener?.address ?? '';
  }

  /** Sums over all connections. */
  get gauges(): Gauges {
    return sumGauges(this.#bridges);
  }

  /** Accepts nothing more, stops every bridge; resolves when all have ended. `unknown`: an outcome stayed open. */
  async stop(): Promise<'ended' | 'unknown'> {
    this.#isStopping = true;
    await this.#listener?.close();
    for (const bridge of this.#bridges) bridge.stop();
    await Promise.all(this.#running);
    return this.#hasUnknown ? 'unknown' : 'ended';
  }

  #accept(wire: Wire): void {
    if (this.#isStopping || this.#running.size >= this.#options.maxConnections) {
      this.#context.log.warn('a connection was refused', { peer: wire.peer.text, open: this.#running.size });
      wire.destroy();
      return;
    }
    const { around } = this.#options;
    const running = this.#speak(around === undefined ? wire : around(wire)).finally(() =>
      this.#running.delete(running),
    );
    this.#running.add(running);
  }

  async #speak(wire: Wire): Promise<void> {
    try {
      const bridge = await Bridge.open(wire, this.#options, this.#context);
      this.#bridges.add(bridge);
      const ended = bridge.run();
      if (this.#isStopping) bridge.stop();
      if ((await ended) === 'unknown') this.#hasUnknown = true;
      this.#bridges.delete(bridge);
    } catch (fault) {
      this.#context.log.error('a connection could not be served', { why: describeFault(fault) });
      wire.destroy();
    }
  }
}
