import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Server, WebSocketServer } from 'ws';
import type { Clock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { Admission, Admit, Admitted, Knock, NotAdmitted } from '../base/knock.ts';
import { quoteText } from '../base/printable.ts';
import type { Peer, Wire } from './wire.ts';
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_SUBPROTOCOL, messagesOf, type WsOptions } from './ws.ts';
import { PatientWebSocket } from './ws-socket.ts';
import { wsWire } from './ws-wire.ts';

/** Who is let in, and how. */
export interface DoorOptions extends WsOptions {
  /** Web pages that may connect, as their `Origin` header says. Default: none. */
  readonly allowOrigins?: readonly string[];
  /** Peers send an `Origin` although they are no web pages: it is left to `admit`. Default: no. */
  readonly ignoresOrigin?: boolean;
  /** Paths below the listener's are let in as well, for `admit` to look at. Default: no. */
  readonly takesPathsBelow?: boolean;
  /** Default: whoever offers our subprotocol, or none. */
  readonly admit?: Admit | undefined;
}

/**
 * Makes wires of requests for a WebSocket. Everything else is refused before it becomes one: another path (404), an `Origin` that
 * is not allowed (403), and whom `admit` does not let in; by default offered subprotocols without ours (400).
 */
export class WsDoor {
  readonly #path: string;
  readonly #options: DoorOptions;
  readonly #clock: Clock;
  readonly #admit: Admit;
  readonly #handshake: Server<typeof PatientWebSocket>;
  readonly #admitted = new WeakMap<IncomingMessage, Admitted>();

  constructor(path: string, options: DoorOptions, clock: Clock) {
    const { subprotocol } = { subprotocol: DEFAULT_SUBPROTOCOL, ...options };
    this.#path = path;
    this.#options = options;
    this.#clock = clock;
    this.#admit = options.admit ?? ((knock) => admitSubprotocol(knock, subprotocol));
    this.#handshake = new WebSocketServer<typeof PatientWebSocket>({
      WebSocket: PatientWebSocket,
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      handleProtocols: (_offered, request) => this.#admitted.get(request)?.subprotocol ?? false,
    });
    this.#handshake.on('headers', (lines, request) => {
      const { headers = {} } = this.#admitted.get(request) ?? {};
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    });
  }

  /**
   * Answers a request for an upgrade; `opened` runs in the turn in which there is a wire. Rejects with a BridgeError about a peer
   * that was refused, or that does not know how to ask.
   */
  async open(
    request: IncomingMessage,
    { socket, head, peer }: { readonly socket: Duplex; readonly head: Buffer; readonly peer: Peer },
    opened: (wire: Wire) => void,
  ): Promise<void> {
    socket.on('error', () => {});
    const admission = await this.#judge(request, socket, peer);
    if (socket.destroyed) return;
    if ('status' in admission) {
      refuse(socket, admission);
      throw refusedPeer(peer, admission);
    }
    this.#admitted.set(request, admission);
    const { identity } = admission;
    this.#handshake.handleUpgrade(request, socket, head, (ws) => {
      const admitted = identity === undefined ? peer : { ...peer, identity };
      opened(wsWire(ws, socket, { clock: this.#clock, peer: admitted, ...messagesOf(this.#options) }));
    });
  }

  async #judge(request: IncomingMessage, socket: Duplex, peer: Peer): Promise<Admitted | Refusal> {
    const { allowOrigins = [], ignoresOrigin = false, takesPathsBelow = false } = this.#options;
    const { origin } = request.headers;
    const path = pathBelow(request.url ?? '', this.#path);
    if (path === undefined || (path !== '' && !takesPathsBelow)) {
      return { status: 404, why: 'no WebSocket at this path' };
    }
    if (!ignoresOrigin && origin !== undefined && !allowOrigins.includes(origin)) {
      return { status: 403, why: 'this web page may not connect', whom: `Origin ${quoteText(origin, 200)}` };
    }
    try {
      return checked(await this.#admit(knockOf(request, path, { socket, peer })));
    } catch (fault) {
      return { status: 500, why: 'this cannot be decided at the moment', whom: describeFault(fault) };
    }
  }
}

interface Refusal extends NotAdmitted {
  /** For the log alone. */
  readonly whom?: string;
}

/** What a path has below another one; undefined where it is not below it. */
export function pathBelow(target: string, base: string): string | undefined {
  const [path = ''] = target.split('?');
  if (path === base) return '';
  const folder = base.endsWith('/') ? base : `${base}/`;
  return path.startsWith(folder) ? path.slice(folder.length) : undefined;
}

export function knockOf(
  request: IncomingMessage,
  path: string,
  { socket, peer }: { readonly socket: Duplex; readonly peer: Peer },
): Knock {
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
    ...(peer.address !== undefined && { address: peer.address }),
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

function admitSubprotocol({ subprotocols }: Knock, wanted: string | undefined): Admission {
  if (wanted === undefined || subprotocols.length === 0) return {};
  if (subprotocols.includes(wanted)) return { subprotocol: wanted };
  return { status: 400, why: `the subprotocol here is ${wanted}` };
}

/** A line break in a header would be the beginning of another one. */
function checked(admission: Admission): Admission {
  for (const [name, value] of Object.entries(admission.headers ?? {})) {
    if (/[\r\n]/.test(name + value)) throw new TypeError(`a line break in the header ${quoteText(name, 64)}`);
  }
  return admission;
}

function refuse(socket: Duplex, { status, why, headers = {} }: NotAdmitted): void {
  const text = Buffer.from(`${why}\n`);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${text.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), text]));
}

function refusedPeer({ text: who }: Peer, { status, why, whom }: Refusal): BridgeError {
  const text = `refused a WebSocket from ${who}: ${why} (${[status, whom].filter(Boolean).join(', ')})`;
  return new BridgeError('WIRE_FAULT', text);
}
