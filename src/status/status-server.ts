import type { IncomingMessage, ServerResponse } from 'node:http';
import { LOG_LEVELS, type LogLevel } from '../base/log.ts';
import type { LogLevels } from '../base/log-levels.ts';
import type { ListenEndpoint } from '../wire/bind-place.ts';
import { type HttpListener, openHttpServer } from '../wire/http-server.ts';
import { isLoopback, isOwnName } from '../wire/own-page.ts';
import { metricsText } from './metrics.ts';
import { METRICS_TYPES } from './openmetrics.ts';
import type { ProcessStatus } from './process-status.ts';

export interface StatusServerOptions {
  readonly read: () => ProcessStatus;
  readonly levels: LogLevels;
  /** Somebody has changed what is logged. */
  readonly onChange: (what: string, details: Readonly<Record<string, unknown>>) => void;
  readonly onFault: (fault: Error) => void;
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
  readonly allow?: string;
}

/** More would only be somebody who holds connections. */
const MAX_CONNECTIONS = 32;

/**
 * Tells what this process does, over HTTP: `/metrics`, `/health`, `/ready`, `/status`, `/connections`, `/transactions`.
 * What is logged can be changed by POST, from this machine alone. Rejects with LISTEN_FAILED.
 */
export async function openStatusServer(
  endpoint: ListenEndpoint,
  options: StatusServerOptions,
): Promise<HttpListener> {
  const server: HttpListener = await openHttpServer(endpoint, {
    maxConnections: MAX_CONNECTIONS,
    refusesMore: true,
    onFault: options.onFault,
    answer: (request, response) => {
      server.heard(request.socket);
      respond(response, isForeignPage(request, endpoint, server) ? FOREIGN : answerTo(request, options));
      request.resume();
    },
  });
  return server;
}

/** A web page can make its own name point here, and could read everything. */
function isForeignPage(request: IncomingMessage, endpoint: ListenEndpoint, { port }: HttpListener): boolean {
  if (request.headers.origin !== undefined) return true;
  if (!('host' in endpoint) || port === undefined) return false;
  return isLoopback(request.socket.localAddress ?? '') && !isOwnName(request, { host: endpoint.host, port });
}

const FOREIGN = text(403, 'The status is not served under this name, and not to web pages.');

function answerTo(request: IncomingMessage, options: StatusServerOptions): Answer {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://status');
  const parts = pathname.split('/').slice(1).map(decoded);
  if (request.method === 'POST') return change(request, parts, searchParams, options);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { ...text(405, 'Only GET, HEAD and POST are served.'), allow: 'GET, HEAD, POST' };
  }
  const status = options.read();
  switch (pathname) {
    case '/metrics':
      return metrics(request, status);
    case '/health':
      return judged(healthFaults(status));
    case '/ready':
      return judged([...healthFaults(status), ...readyFaults(status)]);
    case '/':
    case '/status':
      return json(200, status);
    case '/connections':
      return json(200, status.connections);
    case '/transactions':
      return json(200, transactionsOf(status));
  }
  return text(404, 'There is /metrics, /health, /ready, /status, /connections and /transactions.');
}

function metrics(request: IncomingMessage, status: ProcessStatus): Answer {
  const format = /application\/openmetrics-text/.test(request.headers.accept ?? '') ? 'openmetrics' : 'text';
  return { status: 200, type: METRICS_TYPES[format], body: metricsText([status], format) };
}

/** Something is wrong that does not pass by itself. */
export function healthFaults({ journal }: ProcessStatus): string[] {
  if (journal?.is_usable !== false) return [];
  return [`the journal ${journal.place} cannot be used: ${journal.why ?? 'nobody knows why'}`];
}

/** Whoever connects now would not be served. */
export function readyFaults({ is_stopping, places, applications }: ProcessStatus): string[] {
  return [
    ...(is_stopping ? ['it is being stopped'] : []),
    ...places.filter(({ state }) => state === 'opening').map(({ place }) => `${place} is not open`),
    ...applications.filter(({ missing }) => missing > 0).map(({ endpoint }) => `nobody is at ${endpoint}`),
  ];
}

function judged(faults: readonly string[]): Answer {
  return json(faults.length === 0 ? 200 : 503, { ok: faults.length === 0, faults });
}

/** Every open transaction with the connection that it belongs to, the oldest first. */
export function transactionsOf({ connections }: Pick<ProcessStatus, 'connections'>): object[] {
  return connections
    .flatMap(({ connection, register, identity, peer, requests }) =>
      requests
        .filter(({ transaction }) => transaction !== undefined)
        .map((request) => ({ connection, peer, register, identity, ...request })),
    )
    .toSorted((a, b) => (a.since < b.since ? -1 : 1));
}

/** `POST /connections/NAME/trace?on=1` and `POST /log-level?level=debug`. */
function change(
  request: IncomingMessage,
  parts: readonly string[],
  query: URLSearchParams,
  { read, levels, onChange }: StatusServerOptions,
): Answer {
  const { remoteAddress } = request.socket;
  if (remoteAddress !== undefined && !isLoopback(remoteAddress.replace(/^::ffff:/, ''))) {
    return text(403, 'What is logged can be changed from this machine alone.');
  }
  const [first, name = '', last] = parts;
  if (first === 'log-level' && parts.length === 1) {
    const level = query.get('level') ?? '';
    if (!isLevel(level)) return text(400, `Say which: /log-level?level=… (${LOG_LEVELS.join(', ')})`);
    levels.general = level;
    onChange('the log level is changed', { level });
    return json(200, { level });
  }
  if (first === 'connections' && last === 'trace' && parts.length === 3) {
    if (!read().connections.some(({ connection }) => connection === name))
      return text(404, 'There is no such connection.');
    const isOn = query.get('on') !== '0';
    levels.trace(name, isOn);
    onChange(isOn ? 'every message of a connection is logged' : 'messages are logged no longer', {
      connection: name,
    });
    return json(200, { connection: name, is_traced: isOn });
  }
  return text(404, 'There is POST /log-level?level=LEVEL and POST /connections/NAME/trace?on=1 (or 0).');
}

function isLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function text(status: number, why: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${why}\n` };
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function respond(response: ServerResponse, { status, type = 'text/plain', body, allow }: Answer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(allow !== undefined && { Allow: allow }),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
