import { createServer, type IncomingMessage, type RequestListener, type ServerOptions } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { bindPlace, type ListenEndpoint } from './bind-place.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { HANDSHAKE_LIMIT_MS, Handshakes } from './handshakes.ts';
import { boundAddress, DEFAULT_MAX_CONNECTIONS } from './listener.ts';
import { StuckReaders } from './stuck-readers.ts';
import type { TlsFiles } from './tls.ts';

export interface HttpServerOptions {
  readonly answer: RequestListener;
  /** A request for another protocol. Without it such requests are answered like any other. */
  readonly upgrade?: (request: IncomingMessage, head: Buffer) => void;
  /** A connection that came to nothing, or trouble with accepting. Listening goes on. */
  readonly onFault?: ((fault: Error) => void) | undefined;
  /** Somebody had to be sent away because there is no descriptor left for them. */
  readonly onRefused?: (() => void) | undefined;
  readonly clock?: Clock | undefined;
  /** How many connections are meant to be open at one time; a share of them may be without a request. Default 100. */
  readonly maxConnections?: number | undefined;
  /** More connections than that are closed as they come. Default: no, for who counts its wires itself. */
  readonly refusesMore?: boolean;
  /** Whoever reads nothing of an answer for so long is cut off. Default: nobody is. */
  readonly writeLimitMs?: number | undefined;
  /** With TLS. Default: as the endpoint's scheme says. */
  readonly isSecure?: boolean;
  /** Our certificate. `ca`: clients have to show one that it has signed. */
  readonly tls?: TlsFiles | undefined;
  /** The certificates have been read again, because their files have changed. */
  readonly onRenewed?: (() => void) | undefined;
  /** Headers with white space before their colon are taken. Default: no, as HTTP wants it. */
  readonly mendsHeaders?: boolean | undefined;
}

/** A server of HTTP that listens. */
export interface HttpListener {
  /** `host:port`; where the endpoint has none, its text. */
  readonly address: string;
  /** The IP address that it is bound to; undefined where there is none. */
  readonly boundTo: string | undefined;
  /** Undefined where there is none. */
  readonly port: number | undefined;
  /** Who is at this socket has said what it wants: from now on its connection may be silent. */
  heard(socket: Socket): void;
  /**
   * Accepts nobody any more. `drain`: what is being answered goes on. `at-once`: every connection is broken but those
   * that have been upgraded, and the result waits until all are gone. Safe to repeat.
   */
  close(how: 'drain' | 'at-once'): Promise<void>;
}

export const MAX_HEADER_BYTES = 16 * 1024;

/** Whoever is slow with its request is cut off: a descriptor is not held for nothing. */
const LIMITS: ServerOptions = {
  headersTimeout: HANDSHAKE_LIMIT_MS,
  requestTimeout: HANDSHAKE_LIMIT_MS,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: MAX_HEADER_BYTES,
};

interface OwnServer extends Server {
  closeAllConnections(): void;
  closeIdleConnections(): void;
  /** Of the files of certificates, where it has any. */
  stopWatching?: () => void;
}

/**
 * Serves HTTP, whatever for: messages of a protocol, WebSockets, pages, an interface for programs. Who connects and
 * does not come to the point is cut off, newcomers never get the last descriptors, and certificates are read again when
 * they change. Rejects with LISTEN_FAILED, or a BridgeError about the endpoint or the certificates.
 */
export async function openHttpServer(
  endpoint: ListenEndpoint,
  options: HttpServerOptions,
): Promise<HttpListener> {
  const { clock = systemClock, onFault: report = () => {}, answer, upgrade } = options;
  const { maxConnections = DEFAULT_MAX_CONNECTIONS, writeLimitMs } = options;
  let isClosing = false;
  const server = await createHttpServer(endpoint, options, (request, response) => {
    if (isClosing) response.shouldKeepAlive = false;
    stuckReaders?.watch(response);
    answer(request, response);
  });
  const stuckReaders = writeLimitMs === undefined ? undefined : new StuckReaders(server, clock, writeLimitMs);
  if (options.refusesMore) server.maxConnections = maxConnections;
  const guard = new DescriptorGuard(report, options.onRefused);
  const handshakes = new Handshakes(maxConnections, { clock, report });
  server.on('connection', (socket: Socket) => {
    if (guard.admit(socket)) handshakes.begin(socket);
  });
  if (upgrade !== undefined) {
    server.on('upgrade', (request: IncomingMessage, _stream, head: Buffer) => upgrade(request, head));
  }
  await bindPlace(server, endpoint);
  server.on('error', report);
  const bound = server.address();
  const { address, port } =
    bound !== null && typeof bound === 'object' ? bound : { address: undefined, port: undefined };
  return {
    address: 'host' in endpoint ? boundAddress(server, endpoint.host) : endpoint.text,
    boundTo: address,
    port,
    heard: (socket) => handshakes.done(socket),
    async close(how) {
      isClosing = true;
      server.stopWatching?.();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      handshakes.close();
      stuckReaders?.close();
      if (how === 'drain') return server.closeIdleConnections();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function createHttpServer(
  endpoint: ListenEndpoint,
  options: HttpServerOptions,
  answer: RequestListener,
): Promise<OwnServer> {
  const { isSecure = 'secure' in endpoint && endpoint.secure } = options;
  const server = isSecure
    ? await createSecureServer(endpoint.text, options, answer)
    : createServer(LIMITS, answer);
  if (options.mendsHeaders === true) {
    const { mendHeads } = await import('./mended-head.ts');
    mendHeads(server, isSecure ? 'secureConnection' : 'connection', MAX_HEADER_BYTES);
  }
  return server;
}

async function createSecureServer(
  text: string,
  { tls, onRenewed, onFault: report = () => {} }: HttpServerOptions,
  answer: RequestListener,
): Promise<OwnServer> {
  if (tls?.cert === undefined || tls.key === undefined) {
    const [scheme] = text.split(':');
    const how = `${scheme}: wants a certificate: posbridge serve --tls-cert FILE --tls-key FILE`;
    throw new BridgeError('ENDPOINT_INVALID', `${text}: ${how}`);
  }
  const [{ createServer: createSecure }, { keepCertificates, readTlsFiles, tlsFault }] = await Promise.all([
    import('node:https'),
    import('./tls.ts'),
  ]);
  const asks = { requestCert: tls.ca !== undefined, rejectUnauthorized: true };
  const options = { ...LIMITS, ...asks, ...readTlsFiles(tls), handshakeTimeout: HANDSHAKE_LIMIT_MS };
  const server: SecureServer & OwnServer = createSecure(options, answer);
  server.on('tlsClientError', (fault, socket) => {
    const who = socket.remoteAddress ?? 'a peer that is gone';
    // The library destroys who shows a certificate that it does not trust: the reason is the text beside, a code.
    const { authorizationError } = socket as { readonly authorizationError?: unknown };
    const why = typeof authorizationError === 'string' ? { code: authorizationError } : fault;
    const reason = tlsFault(why).replace('--tls-ca', '--tls-client-ca');
    const what = text.startsWith('wss:') ? 'a WebSocket' : 'a connection';
    report(new BridgeError('WIRE_FAULT', `refused ${what} from ${who}: ${reason}`));
  });
  server.stopWatching = keepCertificates(server, tls, { renewed: onRenewed ?? (() => {}), fault: report });
  return server;
}

/** Answers who does not ask for the upgrade that everything here is about. */
export const tellAboutWebSocket: RequestListener = (_request, response) => {
  const headers = { Connection: 'close, Upgrade', Upgrade: 'websocket', 'Content-Type': 'text/plain' };
  response.shouldKeepAlive = false;
  response.writeHead(426, headers).end('This address is for WebSocket.\n');
};
