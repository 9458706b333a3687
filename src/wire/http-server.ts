import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Server } from 'node:net';
import { BridgeError } from '../base/errors.ts';
import { HANDSHAKE_LIMIT_MS } from './handshakes.ts';
import type { ListenOptions } from './listener.ts';

export interface HttpServer extends Server {
  closeAllConnections(): void;
  closeIdleConnections(): void;
  /** Of the files of certificates, where it has any. */
  stopWatching?: () => void;
}

export const MAX_HEADER_BYTES = 16 * 1024;

/** Whoever is slow with its request is cut off: a descriptor is not held for nothing. */
const LIMITS: ServerOptions = {
  headersTimeout: HANDSHAKE_LIMIT_MS,
  requestTimeout: HANDSHAKE_LIMIT_MS,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: MAX_HEADER_BYTES,
};

/** A server of HTTP, with TLS where the endpoint says so, that does not listen yet. Rejects with a BridgeError about its certificates. */
export async function createHttpServer(
  { secure, text }: { readonly secure: boolean; readonly text: string },
  options: ListenOptions,
  answer: RequestListener,
): Promise<HttpServer> {
  const server = secure ? await createSecureServer(text, options, answer) : createServer(LIMITS, answer);
  if (options.mendsHeaders === true) {
    const { mendHeads } = await import('./mended-head.ts');
    mendHeads(server, secure ? 'secureConnection' : 'connection', MAX_HEADER_BYTES);
  }
  return server;
}

async function createSecureServer(
  text: string,
  { tls, onRenewed, onFault: report = () => {} }: ListenOptions,
  answer: RequestListener,
): Promise<HttpServer> {
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
  const server: SecureServer & HttpServer = createSecure(options, answer);
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
