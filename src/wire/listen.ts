import { createServer, type Server } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { Endpoint, FdEndpoint } from '../endpoint/endpoint.ts';
import { isInherited, isListening, notInheritedText } from './descriptor.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { bind, boundAddress, type Listener } from './listener.ts';
import type { SocketEndpoint } from './socket.ts';
import { socketWire } from './socket-wire.ts';
import type { TlsFiles } from './tls.ts';
import { bindUnix } from './unix-listen.ts';
import type { Wire } from './wire.ts';
import type { WsOptions } from './ws.ts';

export type { Listener } from './listener.ts';

/** `subprotocol` and `maxMessageBytes` are for WebSocket only. */
export interface ListenOptions extends WsOptions {
  /** A peer has connected; the wire waits for `start`. */
  readonly onWire: (wire: Wire) => void;
  /** A connection that came to nothing, or trouble with accepting. Listening goes on. */
  readonly onFault?: (fault: Error) => void;
  readonly clock?: Clock;
  /** How many connections are meant to be open at one time; of WebSockets, a share may be in their handshake. Default 100. */
  readonly maxConnections?: number;
  /** For `wss:`. `ca`: clients have to show a certificate that it has signed. */
  readonly tls?: TlsFiles | undefined;
  /** The certificates have been read again, because their files have changed. */
  readonly onRenewed?: () => void;
  /** WebSocket only: web pages that may connect, as their `Origin` header says. Default: none. */
  readonly allowOrigins?: readonly string[];
}

/**
 * Accepts wires on a `tcp:`, `unix:`, `ws:` or `fd:` endpoint. Rejects with LISTEN_FAILED, or with ENDPOINT_INVALID for
 * other endpoints, `wss:` without a certificate and UNIX names that are too long.
 */
export async function listen(endpoint: Endpoint, options: ListenOptions): Promise<Listener> {
  switch (endpoint.kind) {
    case 'tcp':
    case 'unix':
    case 'fd':
      return listenSocket(endpoint, options);
    case 'ws': {
      const { listenWs } = await import('./ws-listen.ts');
      return listenWs(endpoint, options);
    }
    default:
      throw new BridgeError(
        'ENDPOINT_INVALID',
        `${endpoint.text}: nobody can listen there, use tcp:, unix:, ws: or fd:`,
      );
  }
}

export const DEFAULT_MAX_CONNECTIONS = 100;

async function listenSocket(
  endpoint: SocketEndpoint | FdEndpoint,
  options: ListenOptions,
): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const guard = new DescriptorGuard((fault) => options.onFault?.(fault));
  server.on('connection', (socket) => {
    if (guard.admit(socket)) options.onWire(socketWire(socket));
  });
  if (endpoint.kind === 'unix') await bindUnix(server, endpoint);
  else if (endpoint.kind === 'fd') await takeOver(server, endpoint);
  else await bind(server, { host: endpoint.host, port: endpoint.port }, endpoint.text);
  server.on('error', (fault) => options.onFault?.(fault));
  return {
    address: endpoint.kind === 'tcp' ? `tcp:${boundAddress(server, endpoint.host)}` : endpoint.text,
    async close() {
      server.close();
    },
  };
}

/** Accepts on a socket that somebody else has bound: a super-server keeps it while we are started again. */
async function takeOver(server: Server, { text, read: fd }: FdEndpoint): Promise<void> {
  if (!isInherited(fd)) throw new BridgeError('FD_NOT_INHERITED', notInheritedText(fd));
  if (!isListening(fd)) {
    const why = `descriptor ${fd} is no listening socket; with systemd the first of a unit is fd:3`;
    throw new BridgeError('ENDPOINT_INVALID', `${text}: ${why}`);
  }
  await bind(server, { fd }, text);
}
