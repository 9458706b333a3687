import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import {
  type ConnectionId,
  readConnectionId,
  readPort,
} from '../../dialect/jsonpos/network/connection-id.ts';
import { readData } from '../../dialect/jsonpos/network/data.ts';
import type { LinkShare } from '../../dialect/jsonpos/network/link-share.ts';
import { Outlet } from '../../dialect/jsonpos/network/outlet.ts';
import { decodeString, kindOf, scanObject } from '../../rpc/scan.ts';
import type { JsonObject } from '../answer.ts';
import { RequestRefused } from '../pos-error.ts';
import type { AllowList, Target } from './allow.ts';
import { dial, type Resolve } from './dial.ts';
import { ProxiedConnection } from './proxied-connection.ts';
import { Window } from './window.ts';

/** What the remote ends of all connections together may leave untaken. */
const MAX_ALL_UNTAKEN_BYTES = 64 * 1024 * 1024;
const MAX_READ_BYTES = 65_536;

/** The terminal, as far as its network needs it. */
export interface NetworkPeer {
  /** Bytes that wait to be written. */
  readonly queuedBytes: number;
  tell(method: string, params: string): unknown;
  /** A text: it could not be asked. */
  ask(method: string, params: string): Promise<unknown> | string;
}

export interface NetworkTotals {
  /** Connections that were made, and that are open now. */
  connections: number;
  open: number;
  /** Bytes of payload that were sent to the terminal, and written to the network. */
  toTerminal: number;
  fromTerminal: number;
}

export interface NetworkSessionOptions {
  readonly peer: NetworkPeer;
  readonly clock: Clock;
  readonly log: Logger;
  /** Params of a request that is only asked to be answered. */
  readonly params: string;
  readonly share: LinkShare;
  readonly allow: AllowList;
  readonly resolve: Resolve;
  readonly maxConnections: number;
  /** Counted here, over all sessions of an offer. */
  readonly totals: NetworkTotals;
}

/** The connections that the terminal makes over one JSON-RPC connection; none of them outlives it. */
export class NetworkSession {
  readonly #options: NetworkSessionOptions;
  readonly #outlet: Outlet;
  readonly #window: Window;
  readonly #buffer: Buffer;
  /** By the id's key; an id is free again when NetworkDisconnected has been sent. */
  readonly #byId = new Map<string, ProxiedConnection>();
  /** All that have a socket, or are about to. */
  readonly #all = new Set<ProxiedConnection>();
  /** Who has asked by NetworkDisconnect, until it is answered. */
  readonly #disconnecting = new Map<ProxiedConnection, () => void>();
  #isClosed = false;
  isStarted = false;

  constructor(options: NetworkSessionOptions) {
    const { peer, clock, share, params: own, totals } = options;
    this.#options = options;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(MAX_READ_BYTES, share.queueBytes));
    this.#window = new Window({
      clock,
      ask: async () => peer.ask('Status', own),
      opened: () => this.#outlet.pump(),
    });
    this.#outlet = new Outlet({
      clock,
      share,
      queuedBytes: () => (this.#window.isOpen ? peer.queuedBytes : Number.POSITIVE_INFINITY),
      send: (params, bytes) => {
        peer.tell('Data', params);
        this.#window.sent(params.length);
        totals.toTerminal += bytes;
      },
    });
  }

  /** The wire has taken something. */
  written(): void {
    this.#outlet.pump();
  }

  set isBusy(isBusy: boolean) {
    this.#outlet.isBusy = isBusy;
  }

  /** `NetworkConnect`: resolves when connected. Rejects with a RequestRefused. */
  async connect(params: Buffer): Promise<JsonObject> {
    const { log, clock, allow, resolve, maxConnections, totals } = this.#options;
    const { id, target } = readConnect(params);
    if (this.#byId.has(id.key)) {
      throw new RequestRefused('NETWORK_ID_IN_USE', 'connection_id belongs to a connection that is open');
    }
    if (this.#all.size >= maxConnections) {
      log.warn('the terminal wants more connections than it may have', { ...target, max: maxConnections });
      throw new RequestRefused('NETWORK_FULL', `${maxConnections} connections are open already`);
    }
    const connection: ProxiedConnection = new ProxiedConnection(id, {
      clock,
      outlet: this.#outlet,
      buffer: this.#buffer,
      dial: (onread, signal) => dial(target, { clock, allow, resolve, onread, signal }),
      untakenRoom: () => this.#untakenRoom(connection),
      written: (bytes) => {
        totals.fromTerminal += bytes;
      },
      delivered: (reason) => this.#delivered(connection, reason),
      closed: () => this.#closed(connection),
    });
    this.#byId.set(id.key, connection);
    this.#all.add(connection);
    try {
      await connection.connect();
    } catch (fault) {
      this.#forget(connection);
      const code = fault instanceof RequestRefused ? fault.code : undefined;
      const why = fault instanceof RequestRefused ? fault.details : undefined;
      log[code === 'NETWORK_NOT_ALLOWED' ? 'warn' : 'info']('no network connection', { id: id.key, why });
      throw fault;
    }
    totals.connections += 1;
    totals.open += 1;
    log.info('network connection', { id: id.key, ...target });
    return {};
  }

  /** `NetworkDisconnect`: resolves when the connection is closed; one that is not there is closed already. */
  disconnect(params: Buffer): Promise<JsonObject> {
    const [written] = scanObject(params, ['connection_id']).values;
    const id = readConnectionId(written);
    if (id === undefined) throw noId();
    const connection = this.#byId.get(id.key);
    if (connection === undefined) return Promise.resolve({});
    return new Promise((resolve) => {
      const others = this.#disconnecting.get(connection);
      this.#disconnecting.set(connection, () => {
        others?.();
        resolve({});
      });
      connection.disconnect();
    });
  }

  /** `Data` of the terminal. */
  data(params: Buffer): void {
    const data = readData(params);
    const connection = data && this.#byId.get(data.id.key);
    if (data === undefined || connection === undefined) {
      this.#options.log.info('data for no connection', { id: data?.id.key });
    } else if (data.bytes === undefined) {
      this.#options.log.warn('data that is not base64 closes its connection', { id: data.id.key });
      connection.abort('the data is not base64');
    } else connection.send(data.bytes);
  }

  /** The JSON-RPC connection is gone, or the network no longer offered: nothing is said any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.isStarted = false;
    this.#window.close();
    this.#outlet.closeAll();
    for (const connection of [...this.#all]) {
      connection.destroy();
      this.#forget(connection);
    }
  }

  #delivered(connection: ProxiedConnection, reason: string): void {
    const { peer, log } = this.#options;
    this.#forget(connection);
    log.info('network connection closed', { id: connection.id.key, why: reason });
    const params = `{"connection_id":${connection.id.text},"reason":${JSON.stringify(reason)}}`;
    if (typeof peer.ask('NetworkDisconnected', params) === 'string') {
      log.warn('the terminal could not be told that a connection is closed', { id: connection.id.key });
    }
  }

  /** The id is free; who has asked for this is answered. */
  #forget(connection: ProxiedConnection): void {
    const { key } = connection.id;
    if (this.#byId.get(key) === connection) this.#byId.delete(key);
    this.#disconnecting.get(connection)?.();
    this.#disconnecting.delete(connection);
  }

  #closed(connection: ProxiedConnection): void {
    this.#all.delete(connection);
    if (connection.wasOpen) this.#options.totals.open -= 1;
  }

  /** Bytes that this connection may have waiting, the others being as they are. */
  #untakenRoom(own: ProxiedConnection): number {
    let others = 0;
    for (const connection of this.#all) if (connection !== own) others += connection.untakenBytes;
    return MAX_ALL_UNTAKEN_BYTES - others;
  }
}

function readConnect(params: Buffer): { readonly id: ConnectionId; readonly target: Target } {
  const [writtenId, writtenHost, writtenPort] = scanObject(params, ['connection_id', 'host', 'port']).values;
  const id = readConnectionId(writtenId);
  if (id === undefined) throw noId();
  const isText = writtenHost !== undefined && kindOf(writtenHost) === 'string';
  const host = isText ? decodeString(writtenHost.toString()) : '';
  if (!HOST.test(host)) throw invalid('host is not the name of a host, or an address');
  const port = readPort(writtenPort);
  if (port === undefined) throw invalid('port is not a whole number from 1 to 65535');
  return { id, target: { host, port } };
}

const HOST = /^[\w.:%-]{1,253}$/;

function noId(): RequestRefused {
  return invalid('connection_id is not a whole number of 64 bits');
}

function invalid(details: string): RequestRefused {
  return new RequestRefused('JSONRPC_INVALID_PARAMS', details);
}
