import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ScreenSource } from '../base/screen-source.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { DescriptorGuard } from '../wire/descriptor-guard.ts';
import { HANDSHAKE_LIMIT_MS, Handshakes } from '../wire/handshakes.ts';
import { bind } from '../wire/listener.ts';
import {
  createToken,
  isLoopback,
  type Refusal,
  refusalOfHost,
  refusalOfOrigin,
  refusalOfToken,
  type ScreenAddress,
  urlOf,
} from './admission.ts';
import { readPageFiles, SECURITY_HEADERS, servePageFile } from './page-files.ts';
import { HEARTBEAT_MS, MAX_ACTION_BYTES, SOCKET_PATH } from './protocol.ts';
import { Viewer } from './viewer.ts';

export interface Screen {
  /** What a person opens in a browser, with the token if one is needed. */
  readonly url: string;
  /** How many browsers have it open. */
  readonly viewers: number;
  /** Leaves every browser and frees the port. Safe to repeat. */
  close(): Promise<void>;
}

export interface ScreenOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Which page: its folder beside the built program. Default: that of the simulated terminal. */
  readonly page?: string;
  /** Where the built page is instead. */
  readonly pageFolder?: string;
}

const MAX_VIEWERS = 32;
/** Plain requests included: a browser opens up to six. */
const MAX_CONNECTIONS = 256;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Serves a page that shows something of this process, and keeps every browser that has it open up to date.
 *
 * Only the page itself, under a name of this address, may look or act. Where others than this machine can connect,
 * a random token in the URL is needed as well. Rejects with LISTEN_FAILED.
 */
export async function openScreen(
  endpoint: TcpEndpoint,
  source: ScreenSource,
  { clock, log, page = 'screen', pageFolder = path.join(import.meta.dirname, page) }: ScreenOptions,
): Promise<Screen> {
  const [files, { WebSocketServer }] = await Promise.all([readPageFiles(pageFolder), import('ws')]);
  const viewers = new Set<Viewer>();
  const handshake = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_ACTION_BYTES,
    autoPong: false,
  });
  const server = createHttpServer();
  await bind(server, { host: endpoint.host, port: endpoint.port }, endpoint.text);
  const bound = server.address() as AddressInfo;
  const token = isLoopback(bound.address) ? undefined : createToken();
  const address: ScreenAddress = { host: endpoint.host, port: bound.port, token };

  const report = (fault: Error) => log.warn('screen cannot accept', { why: describeFault(fault) });
  const guard = new DescriptorGuard(report);
  const handshakes = new Handshakes(MAX_CONNECTIONS, clock);
  server.on('connection', (socket) => {
    if (guard.admit(socket)) handshakes.begin(socket);
  });
  server.on('error', report);
  server.on('request', (request, response) => {
    handshakes.done(request.socket);
    const refusal = refusalOfRequest(request, address);
    const file = files.get(pathOf(request));
    if (refusal !== undefined) refuseRequest(response, refusal);
    else if (file === undefined) refuseRequest(response, { status: 404, why: 'There is nothing here.' });
    else servePageFile(file, request, response);
  });
  server.on('upgrade', (request, stream, head) => {
    const refusal = refusalOfUpgrade(request, address, viewers.size);
    if (refusal !== undefined) {
      log.warn('screen refused', { peer: request.socket.remoteAddress, why: refusal.why });
      return refuseUpgrade(stream, refusal);
    }
    handshakes.done(request.socket);
    handshake.handleUpgrade(request, stream, head, (ws) => {
      const viewer = new Viewer(ws, source, log);
      viewers.add(viewer);
      ws.on('close', () => viewers.delete(viewer));
      viewer.update(); // counted by now: whether a person decides may depend on who looks
    });
  });

  const unwatch = source.watch(() => {
    for (const viewer of viewers) viewer.update();
  });
  let heartbeat: Timer;
  const beat = () => {
    for (const viewer of viewers) viewer.beat();
    heartbeat = clock.after(HEARTBEAT_MS, beat);
  };
  heartbeat = clock.after(HEARTBEAT_MS, beat);

  return {
    url: urlOf(address),
    get viewers() {
      return viewers.size;
    },
    async close() {
      heartbeat.cancel();
      unwatch();
      for (const viewer of viewers) viewer.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function createHttpServer(): Server {
  const server = createServer({
    headersTimeout: HANDSHAKE_LIMIT_MS,
    requestTimeout: HANDSHAKE_LIMIT_MS,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?')[0] ?? '';
}

/** The files hold no secrets, so the page's own requests for them carry no token. */
function refusalOfRequest(request: IncomingMessage, address: ScreenAddress): Refusal | undefined {
  const { method, url } = request;
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, why: 'Only GET and HEAD are served.' };
  const refusal = refusalOfHost(request, address);
  if (refusal !== undefined || pathOf(request) !== '/') return refusal;
  return refusalOfToken(url?.split('?')[1], address);
}

function refusalOfUpgrade(
  request: IncomingMessage,
  address: ScreenAddress,
  viewers: number,
): Refusal | undefined {
  if (pathOf(request) !== `/${SOCKET_PATH}`) return { status: 404, why: 'There is nothing here.' };
  if (viewers >= MAX_VIEWERS) return { status: 503, why: `${MAX_VIEWERS} browsers are the limit.` };
  return (
    refusalOfHost(request, address) ??
    refusalOfOrigin(request) ??
    refusalOfToken(request.url?.split('?')[1], address)
  );
}

const REFUSAL_HEADERS = {
  ...SECURITY_HEADERS,
  'Cache-Control': 'no-store',
  'Content-Type': 'text/plain; charset=utf-8',
  Connection: 'close',
};

function refuseRequest(response: ServerResponse, { status, why }: Refusal): void {
  const headers = { ...REFUSAL_HEADERS, ...(status === 405 && { Allow: 'GET, HEAD' }) };
  response.writeHead(status, headers).end(`${why}\n`);
}

function refuseUpgrade(stream: Duplex, { status, why }: Refusal): void {
  stream.on('error', () => {});
  stream.once('finish', () => stream.destroy());
  const headers = Object.entries(REFUSAL_HEADERS).map(([name, value]) => `${name}: ${value}`);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...headers,
    `Content-Length: ${why.length + 1}`,
  ];
  stream.end(`${head.join('\r\n')}\r\n\r\n${why}\n`);
}
