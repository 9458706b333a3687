import type { IncomingMessage } from 'node:http';
import { systemClock } from '../base/clock.ts';
import { openHttpServer, tellAboutWebSocket } from './http-server.ts';
import type { Listener, ListenOptions } from './listener.ts';
import { socketPeer } from './peer.ts';
import type { Wire } from './wire.ts';
import type { WsEndpoint } from './ws.ts';
import { WsDoor } from './ws-door.ts';

/** Accepts WebSockets on one path, or below it. */
export async function listenWs(endpoint: WsEndpoint, options: ListenOptions): Promise<Listener> {
  const { clock = systemClock, onFault: report = () => {} } = options;
  const door = new WsDoor({ ...options, path: endpoint.path, clock });
  const upgrade = (request: IncomingMessage, head: Buffer) => {
    const { socket } = request;
    const opened = (wire: Wire) => {
      server.heard(socket);
      options.onWire(wire);
    };
    door.open(request, { socket, head, peer: socketPeer(socket) }, opened).catch(report);
  };
  const server = await openHttpServer(endpoint, { ...options, answer: tellAboutWebSocket, upgrade });
  return {
    address: `${endpoint.secure ? 'wss' : 'ws'}://${server.address}${endpoint.path}`,
    async close() {
      void server.close('at-once'); // ends with the last wire
    },
  };
}
