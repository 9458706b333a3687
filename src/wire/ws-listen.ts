import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ListenOptions } from './listen.ts';
import { bind, boundAddress, type Listener } from './listener.ts';
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_SUBPROTOCOL, messagesOf, type WsEndpoint } from './ws.ts';
import { wsWire } from './ws-wire.ts';

/**
 * Accepts WebSockets on one path. Everything else is refused before it becomes one: another path (404), a plain
 * request (426), an `Origin` that is not allowed (403), offered subprotocols without ours (400).
 */
export async function listenWs(endpoint: WsEndpoint, options: ListenOptions): Promise<Listener> {
  if (endpoint.secure) {
    const text = `${endpoint.text}: cannot listen with TLS: listen on ws: behind a proxy that does it`;
    throw new BridgeError('ENDPOINT_INVALID', text);
  }
  const { clock = systemClock } = options;
  const { subprotocol } = { subprotocol: DEFAULT_SUBPROTOCOL, ...options };
  const server = createHttpServer();
  const handshake = new WebSocketServer({
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
      handshake.handleUpgrade(request, socket, head, (ws) =>
        options.onWire(wsWire(ws, socket, { clock, ...messagesOf(options) })),
      );
      return;
    }
    refuse(socket, refusal);
    options.onFault?.(refusedPeer(socket, refusal));
  });
  await bind(server, { host: endpoint.host, port: endpoint.port }, endpoint.text);
  server.on('error', (fault) => options.onFault?.(fault));
  return {
    address: `ws://${boundAddress(server, endpoint.host)}${endpoint.path}`,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** For upgrades only. Whoever is slow with its request is cut off: a descriptor is not held for nothing. */
function createHttpServer(): Server {
  return createServer(
    {
      headersTimeout: HANDSHAKE_LIMIT_MS,
      requestTimeout: HANDSHAKE_LIMIT_MS,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (_request, response) => {
      const headers = { Connection: 'close, Upgrade', Upgrade: 'websocket', 'Content-Type': 'text/plain' };
      response.shouldKeepAlive = false;
      response.writeHead(426, headers).end('This address is for WebSocket.\n');
    },
  );
}

interface Refusal {
  readonly status: number;
  readonly why: string;
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
    return { status: 403, why: 'this web page may not connect' };
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

function refusedPeer(socket: Socket, { status, why }: Refusal): BridgeError {
  const text = `refused a WebSocket from ${socket.remoteAddress ?? 'a peer that is gone'}: ${why} (${status})`;
  return new BridgeError('WIRE_FAULT', text);
}

const HANDSHAKE_LIMIT_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;
