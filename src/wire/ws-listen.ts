import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { HANDSHAKE_LIMIT_MS, Handshakes } from './handshakes.ts';
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
  const { clock = systemClock } = options;
  const report = options.onFault ?? (() => {});
  const server = await createHttpServer(endpoint, options, report);
  const guard = new DescriptorGuard(report);
  const handshakes = new Handshakes(options.maxConnections ?? DEFAULT_MAX_CONNECTIONS, clock);
  server.on('connection', (socket: Socket) => {
    if (guard.admit(socket)) handshakes.begin(socket);
  });
  const door = new WsDoor(endpoint.path, options, clock);
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

interface UpgradeServer extends Server {
  closeAllConnections(): void;
  /** Of the files of certificates, where it has any. */
  stopWatching?: () => void;
}

/** For upgrades only. Whoever is slow with its request is cut off: a descriptor is not held for nothing. */
async function createHttpServer(
  { secure, text }: WsEndpoint,
  { tls, onRenewed }: ListenOptions,
  report: (fault: Error) => void,
): Promise<UpgradeServer> {
  const limits = {
    headersTimeout: HANDSHAKE_LIMIT_MS,
    requestTimeout: HANDSHAKE_LIMIT_MS,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  if (!secure) return createServer(limits, tellAboutWebSocket);
  if (tls?.cert === undefined || tls.key === undefined) {
    const how = 'wss: wants a certificate: posbridge serve --tls-cert FILE --tls-key FILE';
    throw new BridgeError('ENDPOINT_INVALID', `${text}: ${how}`);
  }
  const [{ createServer: createSecure }, { keepCertificates, readTlsFiles, tlsFault }] = await Promise.all([
    import('node:https'),
    import('./tls.ts'),
  ]);
  const asks = { requestCert: tls.ca !== undefined, rejectUnauthorized: true };
  const options = { ...limits, ...asks, ...readTlsFiles(tls), handshakeTimeout: HANDSHAKE_LIMIT_MS };
  const server: SecureServer & UpgradeServer = createSecure(options, tellAboutWebSocket);
  server.on('tlsClientError', (fault, socket) => {
    const who = socket.remoteAddress ?? 'a peer that is gone';
    // The library destroys who shows a certificate that it does not trust: the reason is the text beside, a code.
    const { authorizationError } = socket as { readonly authorizationError?: unknown };
    const why = typeof authorizationError === 'string' ? { code: authorizationError } : fault;
    const text = tlsFault(why).replace('--tls-ca', '--tls-client-ca');
    report(new BridgeError('WIRE_FAULT', `refused a WebSocket from ${who}: ${text}`));
  });
  server.stopWatching = keepCertificates(server, tls, { renewed: onRenewed ?? (() => {}), fault: report });
  return server;
}

const tellAboutWebSocket: RequestListener = (_request, response) => {
  const headers = { Connection: 'close, Upgrade', Upgrade: 'websocket', 'Content-Type': 'text/plain' };
  response.shouldKeepAlive = false;
  response.writeHead(426, headers).end('This address is for WebSocket.\n');
};

const MAX_HEADER_BYTES = 16 * 1024;
