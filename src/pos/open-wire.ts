import { BridgeError } from '../base/errors.ts';
import { connectWire } from '../wire/socket.ts';
import type { Wire } from '../wire/wire.ts';
import type { ResolvedPosOptions } from './pos-options.ts';

export type WireOpening = Pick<
  ResolvedPosOptions,
  'to' | 'dialect' | 'openWire' | 'clock' | 'log' | 'maxFrameBytes' | 'wsCredentials' | 'tls'
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
    return openWire(options, signal);
  };
}

async function openWire(options: WireOpening, signal: AbortSignal): Promise<Wire> {
  const { to, dialect, clock, log, maxFrameBytes, wsCredentials, tls } = options;
  switch (to.kind) {
    case 'tcp':
    case 'unix':
      return connectWire(to, { signal, clock });
    case 'ws': {
      const { connectWs } = await import('../wire/ws.ts');
      const headers = wsCredentials === undefined ? {} : { authorization: basic(wsCredentials) };
      return connectWs(to, {
        signal,
        clock,
        maxMessageBytes: maxFrameBytes,
        headers,
        tls,
        ...dialect.webSocket,
      });
    }
    case 'serial': {
      const { openSerial } = await import('../wire/serial.ts');
      const onLineError = () => log.debug('a byte was damaged on the line');
      return openSerial(to, { signal, clock, onLineError });
    }
    case 'fd': {
      const { openFdWire } = await import('../wire/fd.ts');
      return openFdWire(to, { clock });
    }
    default:
      throw new BridgeError('ENDPOINT_INVALID', 'no terminal can be there; for example tcp:127.0.0.1:10001');
  }
}

function basic({ user, password }: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
