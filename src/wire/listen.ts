import { createServer } from 'node:net';
import { BridgeError } from '../base/errors.ts';
import type { Endpoint, FdEndpoint } from '../endpoint/endpoint.ts';
import { bindPlace } from './bind-place.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { boundAddress, type Listener, type ListenOptions } from './listener.ts';
import type { SocketEndpoint } from './socket.ts';
import { socketWire } from './socket-wire.ts';
import type { Wire } from './wire.ts';

export type { Listener, ListenOptions } from './listener.ts';

/**
 * Accepts wires on a `tcp:`, `unix:`, `ws:`, `http:` or `fd:` endpoint. Rejects with LISTEN_FAILED, or with
 * ENDPOINT_INVALID for other endpoints, `wss:` and `https:` without a certificate and UNIX names that are too long.
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
  const guard = new DescriptorGuard((fault) => options.onFault?.(fault), options.onRefused);
  server.on('connection', (socket) => {
    if (!guard.admit(socket)) return;
    const wire = socketWire(socket);
    if (options.proxies?.has(wire.peer) === true) void takeRelayed(wire, options);
    else options.onWire(wire);
  });
  await bindPlace(server, endpoint);
  server.on('error', (fault) => options.onFault?.(fault));
  return {
    address: endpoint.kind === 'tcp' ? `tcp:${boundAddress(server, endpoint.host)}` : endpoint.text,
    async close() {
      server.close();
    },
  };
}

async function takeRelayed(wire: Wire, { clock, onWire, onFault }: ListenOptions): Promise<void> {
  try {
    const { acceptRelayed } = await import('./relayed-wire.ts');
    onWire(await acceptRelayed(wire, { clock }));
  } catch (fault) {
    onFault?.(fault as Error);
  }
}
