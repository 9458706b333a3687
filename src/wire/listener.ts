import type { ListenOptions as Binding, Server } from 'node:net';
import { BridgeError, describeFault } from '../base/errors.ts';

export interface Listener {
  /** Endpoint text to connect to, with the real port. */
  readonly address: string;
  /** Accepts nobody any more and removes the socket file; wires that are open stay. Safe to repeat. */
  close(): Promise<void>;
}

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
