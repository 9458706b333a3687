import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { Admission, Admit, Admitted, Knock, NotAdmitted } from '../base/knock.ts';
import { quoteText } from '../base/printable.ts';
import type { Peer } from './wire.ts';

/** Who may come in by HTTP, whatever for. */
export interface DoorRules {
  /** Web pages that may connect, as their `Origin` header says. Default: none. */
  readonly allowOrigins?: readonly string[];
  /** Peers send an `Origin` although they are no web pages: it is left to `admit`. Default: no. */
  readonly ignoresOrigin?: boolean;
  /** Paths below the listener's are let in as well, for `admit` to look at. Default: no. */
  readonly takesPathsBelow?: boolean;
  readonly admit?: Admit | undefined;
}

export interface Refusal extends NotAdmitted {
  /** For the log alone. */
  readonly whom?: string;
}

/**
 * Whether a request is let in. Refused are another path (404), an `Origin` that is not allowed (403), and whom `admit`
 * does not let in.
 *
 * @param path the listener's
 */
export async function judgeRequest(
  request: IncomingMessage,
  peer: Peer,
  { path, admit, ...rules }: DoorRules & { readonly path: string; readonly admit: Admit },
): Promise<Admitted | Refusal> {
  const { allowOrigins = [], ignoresOrigin = false, takesPathsBelow = false } = rules;
  const { origin } = request.headers;
  const [asked = ''] = (request.url ?? '').split('?');
  const below = takesPathsBelow ? pathBelow(asked, path) : asked === path ? '' : undefined;
  if (below === undefined) {
    return {
      status: 404,
      why: request.headers.upgrade === undefined ? 'nothing is at this path' : 'no WebSocket at this path',
    };
  }
  if (!ignoresOrigin && origin !== undefined && !allowOrigins.includes(origin)) {
    return { status: 403, why: 'this web page may not connect', whom: `Origin ${quoteText(origin, 200)}` };
  }
  try {
    return checked(await admit(knockOf(request, below, peer)));
  } catch (fault) {
    return { status: 500, why: 'this cannot be decided at the moment', whom: describeFault(fault) };
  }
}

/** What a path has below another one; undefined where it is not below it. */
function pathBelow(path: string, base: string): string | undefined {
  if (path === base) return '';
  const folder = base.endsWith('/') ? base : `${base}/`;
  return path.startsWith(folder) ? path.slice(folder.length) : undefined;
}

function knockOf(request: IncomingMessage, path: string, { address }: Peer): Knock {
  const { socket } = request;
  const offered = request.headers['sec-websocket-protocol']?.split(',') ?? [];
  const credentials = credentialsIn(request.headers.authorization);
  const certificate = certificateOf(socket);
  return {
    path,
    rawPath: request.url ?? '',
    subprotocols: offered.map((name) => name.trim()),
    headers: request.headersDistinct as Knock['headers'],
    ...(credentials !== undefined && { credentials }),
    ...(certificate !== undefined && { certificate }),
    ...(address !== undefined && { address }),
    isEncrypted: 'encrypted' in socket,
  };
}

function credentialsIn(header: string | undefined): Knock['credentials'] {
  const [, encoded] = /^basic +([\w+/-]+=*) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const colon = bytes.indexOf(':');
  if (colon === -1) return undefined;
  return { name: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) };
}

function certificateOf(socket: Duplex): Knock['certificate'] {
  if (!('getPeerCertificate' in socket)) return undefined;
  const tls = socket as TLSSocket;
  if (!tls.authorized) return undefined;
  // A name that stands there twice is two names, and none of them is the one.
  const subject: Readonly<Record<string, unknown>> = { ...tls.getPeerCertificate().subject };
  const { CN: commonName, O: organization } = subject;
  if (typeof commonName !== 'string') return undefined;
  return { commonName, ...(typeof organization === 'string' && { organization }) };
}

/** A line break in a header would be the beginning of another one. */
function checked(admission: Admission): Admission {
  for (const [name, value] of Object.entries(admission.headers ?? {})) {
    if (/[\r\n]/.test(name + value)) throw new TypeError(`a line break in the header ${quoteText(name, 64)}`);
  }
  return admission;
}

/** A whole answer of HTTP that refuses a request for another protocol, and the end of its connection. */
export function refuse(socket: Duplex, { status, why, headers = {} }: Refusal): void {
  const text = Buffer.from(`${why}\n`);
  const lines = Object.entries({ ...headers, ...plainText(text), Connection: 'close' });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), text]));
}

/** Refuses any other request, and ends its connection: there may be more of it than anybody wants to read. */
export function refuseRequest(response: ServerResponse, { status, why, headers = {} }: Refusal): void {
  response.on('error', () => {});
  response.shouldKeepAlive = false;
  const text = Buffer.from(`${why}\n`);
  response.writeHead(status, { ...headers, ...plainText(text) }).end(text);
}

function plainText({ length }: Buffer): Record<string, string | number> {
  return { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': length };
}

/** For the log: who was refused what. */
export function refusedPeer(what: string, { text: who }: Peer, { status, why, whom }: Refusal): BridgeError {
  const text = `refused ${what} from ${who}: ${why} (${[status, whom].filter(Boolean).join(', ')})`;
  return new BridgeError('WIRE_FAULT', text);
}
