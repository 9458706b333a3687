/** Stands in for src/wire/listen.ts: listeners of the simulated network. */
import { BridgeError, describeFault } from '../../../src/base/errors.ts';
import type { Endpoint } from '../../../src/endpoint/endpoint.ts';
import type { Listener, ListenOptions } from '../../../src/wire/listener.ts';
import { realm } from './realm.ts';

export type { Listener, ListenOptions } from '../../../src/wire/listener.ts';

export async function listen(endpoint: Endpoint, options: ListenOptions): Promise<Listener> {
  try {
    const close = realm.listen(endpoint, (wire) => options.onWire(wire));
    return { address: endpoint.text, close: async () => close() };
  } catch (cause) {
    throw new BridgeError('LISTEN_FAILED', `cannot listen on ${endpoint.text}: ${describeFault(cause)}`, {
      cause,
    });
  }
}
