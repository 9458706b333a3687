import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ClientOptions } from 'ws';
import { afterSilence, type Clock, systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { WebSocketWishes } from '../base/web.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { socketPeer } from './peer.ts';
import type { ProxyAddress } from './proxy.ts';
import { type ConnectOptions, DEFAULT_CONNECT_TIMEOUT_MS } from './socket.ts';
import type { TlsFiles } from './tls.ts';
import type { Wire } from './wire.ts';
import { wsWire } from './ws-wire.ts';

export type WsEndpoint = Extract<Endpoint, { kind: 'ws' }>;

/** Default: subprotocol `jsonrpc2.0`, text messages only. */
export interface WsOptions extends Partial<WebSocketWishes> {
  /** Largest message, bytes; a longer one ends the wire. Default 262134. */
  readonly maxMessageBytes?: number;
}

export const DEFAULT_SUBPROTOCOL = 'jsonrpc2.0';
export const DEFAULT_MAX_MESSAGE_BYTES = 262_134;

export interface ConnectWsOptions extends ConnectOptions, WsOptions {
  /** For `wss:`: whom to trust, and who we are. */
  readonly tls?: TlsFiles | undefined;
  readonly proxy?: ProxyAddress | undefined;
}

/**
 * Connects as a WebSocket client; a name and password in the URL become basic authentication. Rejects with
 * WIRE_OPEN_FAILED, also when the server does not select the subprotocol.
 */
export async function connectWs(endpoint: WsEndpoint, options: ConnectWsOptions = {}): Promise<Wire> {
  const { timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, signal, clock = systemClock } = options;
  const { PatientWebSocket } = await import('./ws-socket.ts');
  const secure = endpoint.secure ? await trustOf(endpoint, options.tls) : {};
  return new Promise((resolve, reject) => {
    const { subprotocol, takesNoSubprotocol = false } = { subprotocol: DEFAULT_SUBPROTOCOL, ...options };
    const ws = new PatientWebSocket(endpoint.url, subprotocol === undefined ? [] : subprotocol, {
      headers: { ...options.headers },
      maxPayload: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      ...secure,
      ...(options.proxy !== undefined && through(endpoint, options, { clock, timeoutMs })),
    });
    const fail = (fault: unknown) => {
      settled();
      void openFailed(endpoint, fault, options.tls).then(reject);
      ws.terminate();
    };
    const abort = () => fail('given up');
    const deadline = afterSilence(clock, timeoutMs, () => fail(`no connection within ${timeoutMs} ms`));
    const settled = () => {
      deadline.cancel();
      signal?.removeEventListener('abort', abort);
      ws.removeListener('error', fail);
      ws.on('error', () => {});
    };
    ws.on('error', fail);
    ws.once('upgrade', (response: IncomingMessage) => {
      // The library refuses what it does not find here, and looks only after this.
      if (takesNoSubprotocol && subprotocol !== undefined)
        response.headers['sec-websocket-protocol'] ??= subprotocol;
      ws.once('open', () => {
        settled();
        const { socket } = response;
        resolve(wsWire(ws, socket, { ...options, clock, peer: socketPeer(socket) }));
      });
    });
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
  });
}

/** Read anew for every connection: certificates are renewed while we run. */
async function trustOf(endpoint: WsEndpoint, files: TlsFiles = {}): Promise<object> {
  const { readTlsFiles } = await import('./tls.ts');
  try {
    // Said, for the environment could turn it off.
    return { rejectUnauthorized: true, ...readTlsFiles(files) };
  } catch (fault) {
    throw await openFailed(endpoint, fault);
  }
}

/**
 * Makes the connection of a WebSocket by way of a proxy, as Node.js lets it be made: later, and reported by the
 * callback.
 */
function through(
  endpoint: WsEndpoint,
  { tls, proxy, signal }: ConnectWsOptions,
  rest: { readonly clock: Clock; readonly timeoutMs: number },
): { readonly createConnection: NonNullable<ClientOptions['createConnection']> } {
  const connect = (_options: unknown, created: (fault: Error | null, socket?: Socket) => void) => {
    void import('./dial.ts').then(({ dial }) =>
      dial(endpoint, { ...rest, tls, proxy, signal }).then((socket) => created(null, socket), created),
    );
  };
  return { createConnection: connect as unknown as NonNullable<ClientOptions['createConnection']> };
}

async function openFailed(endpoint: WsEndpoint, fault: unknown, files?: TlsFiles): Promise<BridgeError> {
  const why = endpoint.secure ? (await import('./tls.ts')).tlsFault(fault, files) : describeFault(fault);
  const text = `cannot connect to ${shownUrl(endpoint)}: ${refusedText(why)}`;
  return new BridgeError('WIRE_OPEN_FAILED', text, { cause: fault });
}

/** What a server that opens no WebSocket means; any other fault in its own words. */
function refusedText(why: string): string {
  const [, status] = /^Unexpected server response: (\d{3})$/.exec(why) ?? [];
  return status === undefined ? why : refusalText(status, 'the server opens no WebSocket there');
}

/** What a status of HTTP means. */
export function refusalText(status: string, otherwise: string): string {
  return `${REFUSALS.get(status) ?? otherwise} (HTTP ${status})`;
}

const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['401', 'the server wants a name and a password, or others'],
  ['403', 'the server does not let this client in'],
  ['404', 'the server has nothing under this path'],
  ['502', 'the server cannot reach what is behind it'],
  ['503', 'the server cannot serve at the moment'],
]);

/** Without name, password and query, which may be secrets. */
export function shownUrl({ url }: { readonly url: string }): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
