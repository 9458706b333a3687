import { createServer, type IncomingMessage, type RequestListener, STATUS_CODES } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { HANDSHAKE_LIMIT_MS, Handshakes } from './handshakes.ts';
import {
  bind,
  boundAddress,
  DEFAULT_MAX_CONNECTIONS,
  type Listener,
  type ListenOptions,
} from './listener.ts';
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_SUBPROTOCOL, messagesOf, type WsEndpoint } from './ws.ts';
import { PatientWebSocket } from './ws-socket.ts';
import { wsWire } from './ws-wire.ts';

/**
 * Accepts WebSockets on one path. Everything else is refused before it becomes one: another path (404), a plain
 * request (426), an `Origin` that is not allowed (403), offered subprotocols without ours (400).
 */
export async function listenWs(endpoint: WsEndpoint, options: ListenOptions): Promise<Listener> {
  const { clock = systemClock } = options;
  const { subprotocol } = { subprotocol: DEFAULT_SUBPROTOCOL, ...options };
  const report = options.onFault ?? (() => {});
  const server = await createHttpServer(endpoint, options, report);
  const guard = new DescriptorGuard(report);
  const handshakes = new Handshakes(options.maxConnections ?? DEFAULT_MAX_CONNECTIONS, clock);
  server.on('connection', (socket: Socket) => {
    if (guard.admit(socket)) handshakes.begin(socket);
  });
  const handshake = new WebSocketServer<typeof PatientWebSocket>({
    WebSocket: PatientWebSocket,
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    handleProtocols: () => subprotocol ?? false,
  });
  server.on('upgrade', (request: IncomingMessage, _stream, head: Buffer) => {
    const { socket } = request;
    const refusal = refusalOf(request, endpoint.path, subprotocol, options.allowOrigins ?? []);
    if (refusal === undefined) {
      handshake.handleUpgrade(request, socket, head, (ws) => {
        handshakes.done(socket);
        options.onWire(wsWire(ws, socket, { clock, ...messagesOf(options) }));
      });
      return;
    }
    refuse(socket, refusal);
    report(refusedPeer(socket, refusal));
  });
  await bind(server, { host: endpoint.host, port: endpoint.port }, endpoint.text);
  server.on('error', report);
  return {
    address: `${endpoint.secure ? 'wss' : 'ws'}://${boundAddress(server, endpoint.host)}${endpoint.path}`,
    async close() {
      server.stopWatching?.();
      server.close();
      server.closeAllConnections();
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

interface Refusal {
  readonly status: number;
  readonly why: string;
  /** For the log alone. */
  readonly whom?: string;
}

function refusalOf(
  request: IncomingMessage,
  path: string,
  subprotocol: string | undefined,
  allowOrigins: readonly string[],
): Refusal | undefined {
  const { origin } = request.headers;
  const offered = request.headers['sec-websocket-protocol'];
  if (request.url?.split('?')[0] !== path) return { status: 404, why: 'no WebSocket at this path' };
  if (origin !== undefined && !allowOrigins.includes(origin)) {
    return { status: 403, why: 'this web page may not connect', whom: `Origin ${quoteText(origin, 200)}` };
  }
  const isPicky = subprotocol !== undefined && offered !== undefined;
  if (isPicky && !offered.split(',').some((name) => name.trim() === subprotocol)) {
    return { status: 400, why: `the subprotocol here is ${subprotocol}` };
  }
  return undefined;
}

function refuse(socket: Socket, { status, why }: Refusal): void {
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${why.length + 1}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${why}\n`);
}

function refusedPeer(socket: Socket, { status, why, whom }: Refusal): BridgeError {
  const who = socket.remoteAddress ?? 'a peer that is gone';
  const text = `refused a WebSocket from ${who}: ${why} (${[status, whom].filter(Boolean).join(', ')})`;
  return new BridgeError('WIRE_FAULT', text);
}

const MAX_HEADER_BYTES = 16 * 1024;
