import type { ListenOptions as Binding, Server } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { DoorRules } from './admission.ts';
import type { TlsFiles } from './tls.ts';
import type { TrustedProxies } from './trusted-proxies.ts';
import type { Wire } from './wire.ts';
import type { WsOptions } from './ws.ts';

export interface Listener {
  /** Endpoint text to connect to, with the real port. */
  readonly address: string;
  /** Accepts nobody any more and removes the socket file; wires that are open stay. Safe to repeat. */
  close(): Promise<void>;
}

/** What concerns messages is for WebSocket and HTTP only, and so is who is let in. */
export interface ListenOptions extends WsOptions, DoorRules {
  /** A peer has connected; the wire waits for `start`. */
  readonly onWire: (wire: Wire) => void;
  /** A connection that came to nothing, or trouble with accepting. Listening goes on. */
  readonly onFault?: (fault: Error) => void;
  /** Somebody had to be sent away because there is no descriptor left for them. */
  readonly onRefused?: () => void;
  readonly clock?: Clock;
  /**
   * How many connections are meant to be open at one time; of those that begin with HTTP, a share may be in their
   * handshake. Default 100.
   */
  readonly maxConnections?: number;
  /** For `wss:` and `https:`. `ca`: clients have to show a certificate that it has signed. */
  readonly tls?: TlsFiles | undefined;
  /** Whose connections begin with a header of the PROXY protocol: not for WebSocket and HTTP. */
  readonly proxies?: TrustedProxies | undefined;
  /** The certificates have been read again, because their files have changed. */
  readonly onRenewed?: () => void;
}

export const DEFAULT_MAX_CONNECTIONS = 100;

/** Binds and listens. The first, binding part is over when the call returns. Rejects with LISTEN_FAILED. */
export function bind(
  server: Server,
  binding: Binding | { readonly fd: number },
  text: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (cause: Error) => reject(listenFailed(text, describeFault(cause), cause));
    server.once('error', refused);
    server.listen(binding, () => {
      server.removeListener('error', refused);
      resolve();
    });
  });
}

export function listenFailed(text: string, why: string, cause?: unknown): BridgeError {
  return new BridgeError('LISTEN_FAILED', `cannot listen on ${text}: ${why}`, { cause });
}

/** `host:port` of a bound TCP server, as an endpoint writes it. */
export function boundAddress(server: Server, host: string): string {
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
