import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { Handshakes } from './handshakes.ts';
import { createHttpServer, tellAboutWebSocket } from './http-server.ts';
import {
  bind,
  boundAddress,
  DEFAULT_MAX_CONNECTIONS,
  type Listener,
  type ListenOptions,
} from './listener.ts';
import { socketPeer } from './peer.ts';
import type { Wire } from './wire.ts';
import type { WsEndpoint } from './ws.ts';
import { WsDoor } from './ws-door.ts';

/** Accepts WebSockets on one path, or below it. */
export async function listenWs(endpoint: WsEndpoint, options: ListenOptions): Promise<Listener> {
  const { clock = systemClock, onFault: report = () => {} } = options;
  const server = await createHttpServer(endpoint, options, tellAboutWebSocket);
  const guard = new DescriptorGuard(report);
  const handshakes = new Handshakes(options.maxConnections ?? DEFAULT_MAX_CONNECTIONS, clock);
  server.on('connection', (socket: Socket) => {
    if (guard.admit(socket)) handshakes.begin(socket);
  });
  const door = new WsDoor({ ...options, path: endpoint.path, clock });
  server.on('upgrade', (request: IncomingMessage, _stream, head: Buffer) => {
    const { socket } = request;
    const opened = (wire: Wire) => {
      handshakes.done(socket);
      options.onWire(wire);
    };
    door.open(request, { socket, head, peer: socketPeer(socket) }, opened).catch(report);
  });
  await bind(server, { host: endpoint.host, port: endpoint.port }, endpoint.text);
  server.on('error', report);
  return {
    address: `${endpoint.secure ? 'wss' : 'ws'}://${boundAddress(server, endpoint.host)}${endpoint.path}`,
    async close() {
      server.stopWatching?.();
      server.close();
      server.closeAllConnections();
      handshakes.close();
    },
  };
}
