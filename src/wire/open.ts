import { type Clock, systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { HttpWishes, WebSocketWishes } from '../base/web.ts';
import type { WireEndpoint } from '../endpoint/endpoint.ts';
import type { OnLineError } from './line-wire.ts';
import type { ProxyRule } from './proxy.ts';
import { connectWire } from './socket.ts';
import type { TlsFiles } from './tls.ts';
import type { Wire } from './wire.ts';

/** Where somebody waits for us. */
export type OpenEndpoint = Exclude<WireEndpoint, { kind: 'fd' }>;

export interface OpenOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Largest message, bytes, where the transport keeps messages apart. */
  readonly maxMessageBytes: number;
  /** What the protocol wants of WebSockets; and of HTTP: undefined, it is not spoken over that. */
  readonly webSocket?: WebSocketWishes | undefined;
  readonly http?: HttpWishes | undefined;
  /** For Basic authentication over HTTP and WebSocket. */
  readonly login?: { readonly user: string; readonly password: string } | undefined;
  /** For `wss:` and `https:`. */
  readonly tls?: TlsFiles | undefined;
  /** Which proxy leads to where; default: none. */
  readonly proxyTo?: ProxyRule | undefined;
  readonly onLineError?: OnLineError;
}

/** Opens a wire, whatever carries it. Rejects with a BridgeError: WIRE_OPEN_FAILED where it cannot be had now. */
export async function openWire(endpoint: OpenEndpoint, options: OpenOptions): Promise<Wire> {
  const { clock = systemClock, signal, maxMessageBytes, tls, onLineError } = options;
  switch (endpoint.kind) {
    case 'tcp':
    case 'unix':
      return connectWire(endpoint, { signal, clock });
    case 'ws': {
      const { connectWs } = await import('./ws.ts');
      const headers = { ...options.webSocket?.headers, ...loginHeader(options) };
      const proxy = options.proxyTo?.(endpoint);
      return connectWs(endpoint, {
        signal,
        clock,
        maxMessageBytes,
        tls,
        ...options.webSocket,
        headers,
        proxy,
      });
    }
    case 'http': {
      if (options.http === undefined) {
        throw new BridgeError('ENDPOINT_INVALID', `${endpoint.text}: this protocol is not spoken over HTTP`);
      }
      const { connectHttp } = await import('./http-wire.ts');
      const headers = { ...options.http.headers, ...loginHeader(options) };
      const proxy = options.proxyTo?.(endpoint);
      return connectHttp(endpoint, { signal, clock, maxMessageBytes, tls, ...options.http, headers, proxy });
    }
    case 'serial': {
      const { openSerial } = await import('./serial.ts');
      return openSerial(endpoint, { signal, clock, onLineError });
    }
  }
}

function loginHeader({ login }: OpenOptions): Record<string, string> {
  if (login === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}` };
}
