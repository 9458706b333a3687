import type { CloseReason } from '../base/close-reason.ts';
import { descriptorLimit } from '../base/descriptor-limit.ts';
import { describeFault } from '../base/errors.ts';
import { type Gauges, sumGauges } from '../base/statistics.ts';
import type { ConnectionStatus, PlaceStatus, StatusSource } from '../base/status.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { ListenPlace } from '../endpoint/listener.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { type Listener, listen } from '../wire/listen.ts';
import { silentWire } from '../wire/memory.ts';
import type { TlsFiles } from '../wire/tls.ts';
import type { TrustedProxies } from '../wire/trusted-proxies.ts';
import type { Wire } from '../wire/wire.ts';
import { Bridge } from './bridge.ts';
import type { BridgeContext, BridgeOptions } from './bridge-options.ts';
import { PeerPlaces } from './peer-places.ts';
import { RoomMaker } from './room-maker.ts';
import { SpeechWatch, type SpeechWatchOptions } from './speech-watch.ts';
import { isLocked, tryLock } from './terminal-lock.ts';
import { turnAway, whyTurnedAway } from './turn-away.ts';

export interface ServerOptions extends BridgeOptions {
  /** At least one. Where there are several, the dialect knows them by their order. */
  readonly listeners: readonly ListenPlace[];
  /** Connections that may be open at one time; more are told so, and closed. */
  readonly maxConnections: number;
  /** How many of them one peer address may have. Default: see `PeerPlaces`. */
  readonly maxPerPeer?: number | undefined;
  /** Origins whose web pages may connect over WebSocket. */
  readonly allowOrigins: readonly string[];
  /** For `wss:`. */
  readonly tls?: TlsFiles;
  /** Whose connections begin with a header of the PROXY protocol. */
  readonly proxies?: TrustedProxies | undefined;
  /** Put around every wire. */
  readonly around?: (wire: Wire) => Wire;
}

/** A bridge for every connection that is accepted: listening → stopping → stopped. */
export class Server implements StatusSource {
  readonly #options: ServerOptions;
  readonly #context: BridgeContext;
  readonly #bridges = new Set<Bridge>();
  readonly #running = new Set<Promise<void>>();
  readonly #maxConnections: number;
  readonly #places: PeerPlaces;
  /** How many are being told that they cannot be served. */
  #leaving = 0;
  readonly #room: RoomMaker;
  #listeners: readonly Listener[] = [];
  #isStopping = false;
  #hasUnknown = false;

  private constructor(options: ServerOptions, context: BridgeContext) {
    this.#options = options;
    this.#context = context;
    this.#maxConnections = capacityOf(options, context);
    this.#places = new PeerPlaces(this.#maxConnections, options.maxPerPeer);
    this.#room = new RoomMaker(context, FULL);
  }

  /** Rejects with a BridgeError when an endpoint or the transaction lock cannot be had. */
  static async open(options: ServerOptions, context: BridgeContext): Promise<Server> {
    await tryLock(options, context);
    const server = new Server(options, context);
    const opened: Listener[] = [];
    try {
      for (const [index, place] of options.listeners.entries()) {
        opened.push(await server.#listen(place.endpoint, bridgeOptionsAt(options, place, index + 1)));
      }
      for (const { listen: text, dialect } of options.dialect.beside ?? []) {
        opened.push(await server.#listen(parseEndpoint(text, 'listen'), { ...options, dialect }));
      }
    } catch (fault) {
      await Promise.all(opened.map((listener) => listener.close()));
      throw fault;
    }
    server.#listeners = opened;
    const { clock, log, statistics } = context;
    const run = (identity: string, converse: Dialect['converse']) => server.#runErrand(identity, converse);
    options.dialect.begin?.({ clock, log, statistics, run });
    return server;
  }

  /** Where it listens, with the ports that the system chose. */
  get addresses(): readonly string[] {
    return this.#listeners.map(({ address }) => address);
  }

  /** Sums over all connections. */
  get gauges(): Gauges {
    return sumGauges(this.#bridges);
  }

  get connections(): ConnectionStatus[] {
    return [...this.#bridges].flatMap(({ connections }) => connections);
  }

  get places(): PlaceStatus[] {
    return this.addresses.map((place) => ({ place, state: 'listening' }));
  }

  /** Accepts nothing more, stops every bridge; resolves when all have ended. `unknown`: an outcome stayed open. */
  async stop(): Promise<'ended' | 'unknown'> {
    this.#isStopping = true;
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const bridge of this.#bridges) bridge.stop();
    await Promise.all(this.#running);
    return this.#hasUnknown ? 'unknown' : 'ended';
  }

  #listen(endpoint: Endpoint, bridge: BridgeOptions): Promise<Listener> {
    const { allowOrigins, proxies, tls } = this.#options;
    const { log, statistics } = this.#context;
    return listen(endpoint, {
      allowOrigins,
      maxConnections: this.#maxConnections,
      tls,
      proxies,
      onRenewed: () => log.info('the certificates have been read again'),
      maxMessageBytes: bridge.protocol.maxFrameBytes,
      ...bridge.dialect.webSocket,
      admit: bridge.dialect.admit,
      onWire: (wire) => this.#accept(wire, bridge),
      onRefused: () => statistics.count('connections refused'),
      onFault: (fault) => log.warn('a connection could not be accepted', { why: describeFault(fault) }),
    });
  }

  #accept(wire: Wire, options: BridgeOptions): void {
    if (this.#isStopping) {
      this.#refuse(wire, options, STOPPING);
      return;
    }
    const leave = this.#places.take(wire.peer);
    if (leave === undefined) {
      this.#refuse(wire, options, FULL_FOR_PEER);
      return;
    }
    if (!this.#hasRoom()) {
      leave();
      this.#refuse(wire, options, FULL);
      return;
    }
    const { around } = this.#options;
    void this.#track(this.#speak(around === undefined ? wire : around(wire), options).finally(leave));
  }

  #hasRoom(): boolean {
    const isFull = this.#running.size - this.#room.leaving >= this.#maxConnections;
    return !isFull || this.#room.make(this.#bridges, MAX_LEAVING - this.#leaving);
  }

  #refuse(wire: Wire, options: BridgeOptions, reason: CloseReason): void {
    const facts = { peer: wire.peer.text, open: this.#running.size, why: reason.text };
    this.#context.statistics.count('connections refused');
    this.#context.log.warn('a connection was refused', facts);
    this.#turnAway(wire, options, reason);
  }

  #track(speaking: Promise<void>): Promise<void> {
    const running = speaking.finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** A connection without a peer, for the dialect's own errands. */
  async #runErrand(identity: string, converse: Dialect['converse']): Promise<void> {
    if (this.#isStopping) return;
    const dialect = { ...this.#options.dialect, converse };
    await this.#track(this.#speak(silentWire({ text: 'errand', identity }), { ...this.#options, dialect }));
  }

  /** Says why in the peer's own protocol, to not too many at one time. */
  #turnAway(wire: Wire, { dialect }: BridgeOptions, reason: CloseReason): void {
    if (this.#leaving >= MAX_LEAVING) {
      wire.destroy();
      return;
    }
    this.#leaving += 1;
    void turnAway(wire, dialect, reason, this.#context.clock).then(() => {
      this.#leaving -= 1;
    });
  }

  async #speak(wire: Wire, options: BridgeOptions): Promise<void> {
    const watched: BridgeOptions = { ...options, watch };
    const bridge = await Bridge.open(wire, watched, this.#context).catch((fault: unknown) => {
      this.#context.statistics.count('connections refused');
      this.#context.log.error('a connection cannot be served', { why: describeFault(fault) });
      this.#turnAway(wire, options, whyTurnedAway(fault));
      return undefined;
    });
    if (bridge === undefined) return;
    try {
      this.#bridges.add(bridge);
      const ended = bridge.run();
      if (this.#isStopping) bridge.stop();
      if ((await ended) === 'unknown') this.#hasUnknown = true;
    } catch (fault) {
      this.#context.log.error('a connection could not be served', { why: describeFault(fault) });
      wire.destroy();
    } finally {
      this.#bridges.delete(bridge);
      this.#room.left(bridge);
    }
  }
}

const watch = (options: SpeechWatchOptions) => new SpeechWatch(options);

/** What holds for the connections of one listener, of which the first has rank 1. */
function bridgeOptionsAt(options: ServerOptions, { register }: ListenPlace, rank: number): BridgeOptions {
  const { dialect, listeners } = options;
  const ranked = listeners.length > 1 ? dialect.ranked?.(rank) : undefined;
  return {
    ...options,
    dialect: ranked ?? dialect,
    ...(register !== undefined && { register }),
  };
}

const MAX_LEAVING = 16;
const FULL: CloseReason = {
  code: 'BUSY',
  text: 'no more connections at the moment; try again later',
  by: 'us',
};
const FULL_FOR_PEER: CloseReason = {
  code: 'BUSY',
  text: 'no more connections from this address at the moment; try again later',
  by: 'us',
};
const STOPPING: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the bridge is being stopped', by: 'us' };

/** Descriptors that a process without connections has open, and those that are kept for trouble. */
const OWN_DESCRIPTORS = 64;
/** Endpoints that connections do not open one each. */
const SHARED_KINDS: ReadonlySet<Endpoint['kind']> = new Set([
  'fd',
  'fifo',
  'nats',
  'simulator',
  'terminal',
  'null',
]);

/** As many connections as there are descriptors for, so that those that are served never lack one. */
function capacityOf(options: ServerOptions, { journal, log }: BridgeContext): number {
  const { channels, listeners, maxConnections } = options;
  const limit = descriptorLimit();
  const texts = [...channels.values()].filter(({ kind }) => !SHARED_KINDS.has(kind)).map(({ text }) => text);
  // The wire, the lock, applications; an entry of the journal, and the file that it is made as.
  const needed = (isLocked(options) ? 2 : 1) + new Set(texts).size + (journal === undefined ? 0 : 2);
  const shaking = listeners.filter(({ endpoint }) => 'url' in endpoint).length;
  const handshakes = Math.ceil(maxConnections / 4) * Math.max(1, shaking);
  const room = Math.max(1, Math.floor((limit - OWN_DESCRIPTORS - MAX_LEAVING - handshakes) / needed));
  if (room >= maxConnections) return maxConnections;
  log.warn('there are descriptors for fewer connections: raise the limit (ulimit -n, LimitNOFILE=)', {
    limit,
    connections: room,
    'max-connections': maxConnections,
  });
  return room;
}
