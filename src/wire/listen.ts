import { createServer, type Server } from 'node:net';
import { BridgeError } from '../base/errors.ts';
import type { Endpoint, FdEndpoint } from '../endpoint/endpoint.ts';
import { isInherited, isListening, notInheritedText } from './descriptor.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { bind, boundAddress, type Listener, type ListenOptions } from './listener.ts';
import type { SocketEndpoint } from './socket.ts';
import { socketWire } from './socket-wire.ts';
import { bindUnix } from './unix-listen.ts';

export type { Listener, ListenOptions } from './listener.ts';

/**
 * Accepts wires on a `tcp:`, `unix:`, `ws:`, `http:` or `fd:` endpoint. Rejects with LISTEN_FAILED, or with ENDPOINT_INVALID for
 * other endpoints, `wss:` and `https:` without a certificate and UNIX names that are too long.
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
    case 'http': {
      const { listenHttp } = await import('./http-listen.ts');
      return listenHttp(endpoint, options);
    }
    default:
      throw new BridgeError(
        'ENDPOINT_INVALID',
        `${endpoint.text}: nobody can listen there, use tcp:, unix:, ws:, http: or fd:`,
      );
  }
}

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
