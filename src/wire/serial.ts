import { afterSilence, type Clock, systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { SerialEndpoint } from '../endpoint/endpoint.ts';
import type { OnLineError } from './line-wire.ts';
import { openSerialPort } from './serial-open.ts';
import { findSerialPort } from './serial-ports.ts';
import { SerialWire } from './serial-wire.ts';
import type { Wire } from './wire.ts';

export interface SerialWireOptions {
  /** For finding and opening together. Default 5 s. */
  readonly timeoutMs?: number;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
  /** Bytes arrived with parity or framing errors; they are passed on as FF. */
  readonly onLineError?: OnLineError | undefined;
}

const DEFAULT_TIMEOUT_MS = 5000;

/**
 * Opens a serial line, discarding what the kernel has kept of earlier input. A device named by `usb=` or `serial=` is
 * looked for each time. Rejects with WIRE_OPEN_FAILED: not there, busy, not permitted, or a setting that the line does
 * not take.
 */
export function openSerial(endpoint: SerialEndpoint, options: SerialWireOptions = {}): Promise<Wire> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, clock = systemClock, onLineError } = options;
  return new Promise((resolve, reject) => {
    let isOver = false;
    const settle = (outcome: () => void) => {
      if (isOver) return;
      isOver = true;
      deadline.cancel();
      signal?.removeEventListener('abort', abort);
      outcome();
    };
    const giveUp = (why: string) =>
      settle(() => reject(new BridgeError('WIRE_OPEN_FAILED', `cannot open ${endpoint.text}: ${why}`)));
    const abort = () => giveUp('given up');
    const deadline = afterSilence(clock, timeoutMs, () => giveUp(`it took longer than ${timeoutMs} ms`));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
    open(endpoint, clock, onLineError, () => isOver).then(
      (wire) => {
        if (isOver) wire.destroy();
        else settle(() => resolve(wire));
      },
      (fault) => settle(() => reject(asOpenFault(endpoint, fault))),
    );
  });
}

async function open(
  endpoint: SerialEndpoint,
  clock: Clock,
  onLineError: OnLineError | undefined,
  isOver: () => boolean,
): Promise<Wire> {
  const { device, options } = endpoint;
  const path = device.kind === 'path' ? device.path : await findSerialPort(device);
  if (isOver()) throw new Error('given up');
  const port = await openSerialPort(path, options, clock);
  try {
    return new SerialWire(port, onLineError);
  } catch (fault) {
    // Unplugged a moment ago: it is no terminal any more.
    await port.close();
    throw fault;
  }
}

function asOpenFault(endpoint: SerialEndpoint, cause: unknown): BridgeError {
  if (cause instanceof BridgeError) return cause;
  const text = `cannot open ${endpoint.text}: ${describeFault(cause)}`;
  return new BridgeError('WIRE_OPEN_FAILED', text, { cause });
}
