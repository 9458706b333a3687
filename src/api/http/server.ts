import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Endpoint } from '../../endpoint/endpoint.ts';
import { type PageFile, readPageFiles, servePageFile } from '../../screen/page-files.ts';
import { type HttpListener, openHttpServer } from '../../wire/http-server.ts';
import { bracketed } from '../../wire/own-page.ts';
import type { TlsFiles } from '../../wire/tls.ts';
import type { ApiService } from '../service.ts';
import type { Tokens } from '../token-file.ts';
import { createApp } from './app.ts';
import { EventStreams } from './event-streams.ts';
import { type Door, Guard } from './guard.ts';
import { metricsText, RequestCounts } from './metrics.ts';
import { openApiDocument } from './openapi.ts';

export interface ApiServerOptions {
  readonly service: ApiService;
  readonly endpoints: readonly ApiEndpoint[];
  /** For every TCP endpoint, which then speaks TLS. */
  readonly tls: TlsFiles | undefined;
  readonly tokens: Tokens | undefined;
  readonly allowOrigins: readonly string[];
  readonly ratePerS: number;
  readonly maxConnections: number;
  /** Whoever reads nothing of an answer for so long is cut off; default 30 s. */
  readonly writeLimitMs?: number | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the built page is. Default: beside the program. */
  readonly pageFolder?: string;
}

export type ApiEndpoint = Extract<Endpoint, { kind: 'tcp' | 'unix' | 'fd' }>;

export interface ApiServer {
  /** Where it listens: a URL, or the endpoint where it has none. */
  readonly addresses: readonly string[];
  /** Ends every stream and connection. */
  close(): Promise<void>;
}

const WRITE_LIMIT_MS = 30_000;

/** Serves the API, and the page for people. Rejects with LISTEN_FAILED or a BridgeError about an endpoint. */
export async function openApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { service, clock, log, maxConnections, tls, tokens } = options;
  const { pageFolder = path.join(import.meta.dirname, 'api-page') } = options;
  const files = await readPageFiles(pageFolder);
  const maxStreams = Math.ceil((maxConnections * 3) / 4);
  const { feed, book } = service;
  const streams = new EventStreams({ feed, book, clock, log, maxStreams });
  const unwatch = tokens?.watch(() => streams.endUnless((caller) => tokens.isCurrent(caller)));
  const requests = new RequestCounts();
  const app = await createApp({
    service,
    streams,
    requests,
    log,
    metrics: metricsText(requests, service, streams),
    document: JSON.stringify(openApiDocument(options.version)),
    guard: new Guard(options),
    servePage: (request, response) => servePage(files, request, response),
  });
  const listeners: HttpListener[] = [];
  const addresses: string[] = [];
  try {
    for (const endpoint of options.endpoints) {
      const isSecure = endpoint.kind === 'tcp' && tls !== undefined;
      let door: Door = { address: undefined };
      const listener: HttpListener = await openHttpServer(endpoint, {
        clock,
        maxConnections,
        refusesMore: true,
        writeLimitMs: options.writeLimitMs ?? WRITE_LIMIT_MS,
        isSecure,
        ...(isSecure && { tls }),
        onRenewed: () => log.info('certificates read again'),
        onFault: (fault) => log.warn('a connection could not be accepted', { why: describeFault(fault) }),
        answer: (request, response) => {
          listener.heard(request.socket);
          app(request, response, door);
        },
      });
      listeners.push(listener);
      const { port = 0 } = listener;
      if (endpoint.kind === 'tcp') door = { address: { host: endpoint.host, port, isSecure } };
      addresses.push(addressOf(endpoint, listener, isSecure));
    }
  } catch (fault) {
    await Promise.all(listeners.map((listener) => listener.close('at-once')));
    throw fault;
  }
  return {
    addresses,
    async close() {
      unwatch?.();
      streams.close();
      await Promise.all(listeners.map((listener) => listener.close('at-once')));
    },
  };
}

function addressOf(endpoint: ApiEndpoint, { port }: HttpListener, isSecure: boolean): string {
  if (endpoint.kind !== 'tcp') return endpoint.text;
  return `${isSecure ? 'https' : 'http'}://${bracketed(endpoint.host)}:${port}`;
}

function servePage(
  files: ReadonlyMap<string, PageFile>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  const file = files.get(request.url?.split('?')[0] ?? '');
  if (file !== undefined) servePageFile(file, request, response);
  return file !== undefined;
}
