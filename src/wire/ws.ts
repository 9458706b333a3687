import type { IncomingMessage } from 'node:http';
import { afterSilence, systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { socketPeer } from './peer.ts';
import { type ConnectOptions, DEFAULT_CONNECT_TIMEOUT_MS } from './socket.ts';
import type { TlsFiles } from './tls.ts';
import type { Wire } from './wire.ts';
import { wsWire } from './ws-wire.ts';

export type WsEndpoint = Extract<Endpoint, { kind: 'ws' }>;

export interface WsOptions {
  /** The subprotocol to offer or select; default `jsonrpc2.0`. Given as undefined: none. */
  readonly subprotocol?: string | undefined;
  /** Binary messages are taken as well, and sent where the bytes are no UTF-8; default: a binary one ends the wire. */
  readonly isBinary?: boolean;
  /** Every message that is sent is a binary one; some peers read nothing else. */
  readonly sendsBinary?: boolean;
  /** Largest message, bytes; a longer one ends the wire. Default 262134. */
  readonly maxMessageBytes?: number;
}

export const DEFAULT_SUBPROTOCOL = 'jsonrpc2.0';
export const DEFAULT_MAX_MESSAGE_BYTES = 262_134;

export interface ConnectWsOptions extends ConnectOptions, WsOptions {
  /** Further headers of the opening request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For `wss:`: whom to trust, and who we are. */
  readonly tls?: TlsFiles | undefined;
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
    const { subprotocol } = { subprotocol: DEFAULT_SUBPROTOCOL, ...options };
    const ws = new PatientWebSocket(endpoint.url, subprotocol === undefined ? [] : subprotocol, {
      headers: { ...options.headers },
      maxPayload: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      ...secure,
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
      ws.once('open', () => {
        settled();
        const { socket } = response;
        resolve(wsWire(ws, socket, { clock, peer: socketPeer(socket), ...messagesOf(options) }));
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

/** What of the options is about messages. */
export function messagesOf({ isBinary = false, sendsBinary = false }: WsOptions): {
  readonly isBinary: boolean;
  readonly sendsBinary: boolean;
} {
  return { isBinary, sendsBinary };
}

async function openFailed(endpoint: WsEndpoint, fault: unknown, files?: TlsFiles): Promise<BridgeError> {
  const why = endpoint.secure ? (await import('./tls.ts')).tlsFault(fault, files) : describeFault(fault);
  const text = `cannot connect to ${shownUrl(endpoint)}: ${refusalText(why)}`;
  return new BridgeError('WIRE_OPEN_FAILED', text, { cause: fault });
}

/** What a server that opens no WebSocket means; any other fault in its own words. */
function refusalText(why: string): string {
  const [, status] = /^Unexpected server response: (\d{3})$/.exec(why) ?? [];
  if (status === undefined) return why;
  return `${REFUSALS.get(status) ?? 'the server opens no WebSocket there'} (HTTP ${status})`;
}

const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['401', 'the server wants a name and a password, or others'],
  ['403', 'the server does not let this client in'],
  ['404', 'the server has nothing under this path'],
  ['502', 'the server cannot reach what is behind it'],
  ['503', 'the server cannot serve at the moment'],
]);

/** Without name, password and query, which may be secrets. */
function shownUrl(endpoint: WsEndpoint): string {
  const { protocol, host, pathname } = new URL(endpoint.url);
  return `${protocol}//${host}${pathname}`;
}
