/** Stands in for src/wire/socket.ts: connections of the simulated network. */

import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { BridgeError, describeFault } from '../../../src/base/errors.ts';
import type { Endpoint } from '../../../src/endpoint/endpoint.ts';
import type { Wire } from '../../../src/wire/wire.ts';
import { realm } from './realm.ts';

export type SocketEndpoint = Extract<Endpoint, { kind: 'tcp' | 'unix' }>;

export interface ConnectOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 5000;

export function connectWire(endpoint: SocketEndpoint, options: ConnectOptions = {}): Promise<Wire> {
  const { timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, signal, clock = systemClock } = options;
  return new Promise((resolve, reject) => {
    const refused = (why: unknown) => {
      deadline.cancel();
      reject(
        new BridgeError('WIRE_OPEN_FAILED', `cannot connect to ${endpoint.text}: ${describeFault(why)}`),
      );
    };
    let isOver = false;
    const giveUp = (why: string) => {
      isOver = true;
      refused(why);
    };
    const deadline = clock.after(timeoutMs, () => giveUp(`no connection within ${timeoutMs} ms`));
    signal?.addEventListener('abort', () => giveUp('given up'));
    if (signal?.aborted === true) giveUp('given up');
    realm.connect(endpoint).then((wire) => {
      deadline.cancel();
      if (isOver) wire.destroy();
      else resolve(wire);
    }, refused);
  });
}

export function socketWire(): never {
  return realm.forbidden('a socket');
}
