import { BridgeError } from '../base/errors.ts';
import { openWire } from '../wire/open.ts';
import type { Wire } from '../wire/wire.ts';
import type { ResolvedPosOptions } from './pos-options.ts';

export type WireOpening = Pick<
  ResolvedPosOptions,
  'to' | 'dialect' | 'openWire' | 'clock' | 'log' | 'maxFrameBytes' | 'wsCredentials' | 'tls' | 'proxyTo'
>;

/** How a wire to the terminal is opened: as often as needed, descriptors once. Rejects with a BridgeError. */
export function terminalWireOpener(options: WireOpening): (signal: AbortSignal) => Promise<Wire> {
  if (options.openWire !== undefined) return options.openWire;
  let isFirst = true;
  return async (signal) => {
    // After the first wire the numbers of its descriptors may belong to any file.
    if (options.to.kind === 'fd' && !isFirst) {
      throw new BridgeError(
        'WIRE_OPEN_FAILED',
        `${options.to.text} has been closed and cannot be opened again`,
      );
    }
    isFirst = false;
    return open(options, signal);
  };
}

async function open(options: WireOpening, signal: AbortSignal): Promise<Wire> {
  const { to, dialect, clock, log, maxFrameBytes, wsCredentials: login, tls, proxyTo } = options;
  const { webSocket, http } = dialect;
  switch (to.kind) {
    case 'fd': {
      const { openFdWire } = await import('../wire/fd.ts');
      return openFdWire(to, { clock });
    }
    default: {
      const onLineError = () => log.debug('a byte was damaged on the line');
      const common = { signal, clock, maxMessageBytes: maxFrameBytes, login, tls, proxyTo, onLineError };
      return openWire(to, { ...common, webSocket, http });
    }
  }
}

/** How another port of the same terminal is opened; undefined where a terminal has no ports. */
export function besideOpener({
  to,
  clock,
}: Pick<WireOpening, 'to' | 'clock'>):
  | ((port: number | 'next', signal: AbortSignal) => Promise<Wire>)
  | undefined {
  if (to.kind !== 'tcp') return undefined;
  return async (wanted, signal) => {
    const port = wanted === 'next' ? to.port + 1 : wanted;
    const { connectWire } = await import('../wire/socket.ts');
    return connectWire({ ...to, port, text: `tcp:${to.host}:${port}` }, { signal, clock });
  };
}
