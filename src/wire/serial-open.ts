import { close, constants, fstat, open } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import type { Clock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { SerialOptions } from '../endpoint/endpoint.ts';
import { MARKING } from './line-marks.ts';
import { describeFormat, sttyArguments } from './line-settings.ts';
import { runStty } from './stty.ts';

/** A serial port that is open, set and locked. */
export interface SerialPortHandle {
  /** To read and write with, in non-blocking mode. */
  readonly fd: number;
  /** Discards what the kernel holds, in both directions. Never rejects. */
  flush(): Promise<void>;
  /** Waits until the output that the kernel has taken is transmitted; false if that took too long. Never rejects. */
  drain(limitMs: number): Promise<boolean>;
  /** Gives lock and descriptors back. Never rejects. */
  close(): Promise<void>;
}

export const DEFAULT_BAUD_RATE = 115_200;
const STTY_LIMIT_MS = 2000;
/** How far, in parts of the speed, a line may be off; more than this and bytes are misread. */
const SPEED_TOLERANCE = 0.03;

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);

/**
 * Opens a port by the binding of `serialport`, which sets, locks and flushes it. Read and written is a descriptor of
 * our own: the binding's own way of waiting is deaf to input while output is blocked, and reads a line that hung up in
 * an endless loop.
 *
 * Rejects with WIRE_OPEN_FAILED.
 */
export async function openSerialPort(
  path: string,
  options: SerialOptions,
  clock: Clock,
): Promise<SerialPortHandle> {
  const { SerialPort } = await import('serialport');
  const fd = await openTerminal(path);
  try {
    await refuseLocked(path, fd);
    const port = await SerialPort.binding
      .open({ path, ...bindingOptions(options) })
      .catch((cause: unknown) => {
        throw failed(path, whyRefused(cause), cause);
      });
    try {
      // The binding counts on the line to take what it is told, and has damaged bytes left out.
      const settings = [...sttyArguments(options), ...MARKING];
      const why = await runStty(port.fd ?? fd, settings, { clock, limitMs: STTY_LIMIT_MS });
      if (why !== undefined) throw failed(path, `it cannot be set to ${describeFormat(options)}: ${why}`);
      await checkSpeed(path, options.baudRate ?? DEFAULT_BAUD_RATE, port);
      await port.flush();
    } catch (fault) {
      await port.close();
      throw fault;
    }
    return {
      fd,
      flush: () => port.flush().catch(() => {}),
      drain: async (limitMs) =>
        // Setting anything waits for output first; without a change it does nothing else.
        port.fd === null || (await runStty(port.fd, ['cread'], { clock, limitMs })) === undefined,
      async close() {
        await port.close().catch(() => {});
        await closeFile(fd).catch(() => {});
      },
    };
  } catch (fault) {
    await closeFile(fd).catch(() => {});
    throw fault instanceof BridgeError ? fault : failed(path, describeFault(fault), fault);
  }
}

/** Opens the line for ourselves: unlike the binding, the system gives its errors a code. */
async function openTerminal(path: string): Promise<number> {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  const fd = await openFile(path, O_RDWR | O_NOCTTY | O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    const hint = HINTS[cause.code ?? ''];
    throw failed(path, `${describeFault(cause)}${hint === undefined ? '' : `; ${hint}`}`, cause);
  });
  if (isatty(fd)) return fd;
  await closeFile(fd);
  throw failed(path, `it is no serial port; ${LIST_HINT}`);
}

const LIST_HINT = '"posbridge ports" lists what is there';
const GROUP_HINT = 'add the user to the group that owns it, mostly dialout';

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: LIST_HINT,
  ENODEV: LIST_HINT,
  ENXIO: LIST_HINT,
  EISDIR: LIST_HINT,
  EACCES: GROUP_HINT,
  EPERM: GROUP_HINT,
  EBUSY: 'another program uses it',
};

/**
 * Refuses a port that another program has locked (flock). The binding locks too, but only after it has changed the
 * settings under the feet of that program.
 */
async function refuseLocked(path: string, fd: number): Promise<void> {
  const { dev, ino } = await statFile(fd);
  const hex = (part: number) => part.toString(16).padStart(2, '0');
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const file = `${hex(major)}:${hex(minor)}:${ino}`;
  const locks = await readFile('/proc/locks', 'latin1').catch(() => '');
  for (const line of locks.split('\n')) {
    const [, kind, , , owner, locked] = line.trim().split(/\s+/);
    if (kind === 'FLOCK' && locked === file) throw failed(path, `process ${owner} uses it`);
  }
}

/**
 * The binding knows neither mark and space, which are `stty`'s part, nor 1.5: that is what two are with 5 data bits.
 */
function bindingOptions({ parity = 'none', stopBits = 1, ...options }: SerialOptions) {
  return {
    ...options,
    baudRate: options.baudRate ?? DEFAULT_BAUD_RATE,
    parity: ({ none: 'none', even: 'even', odd: 'odd', mark: 'odd', space: 'even' } as const)[parity],
    stopBits: stopBits === 1 ? (1 as const) : (2 as const),
  };
}

/** The binding has no codes, only words: this is for people. */
function whyRefused(cause: unknown): string {
  const words = describeFault(cause).replace(/^Error:? /, '');
  return /cannot lock port/i.test(words) ? 'another program uses it' : words;
}

/** A port sets what it can do, and says so only if it is asked. */
async function checkSpeed(
  path: string,
  wanted: number,
  port: { getBaudRate(): Promise<{ baudRate: number }> },
): Promise<void> {
  const { baudRate } = await port.getBaudRate();
  if (Math.abs(baudRate - wanted) <= wanted * SPEED_TOLERANCE) return;
  throw failed(path, `it does not do ${wanted} bits a second (it would run at ${baudRate})`);
}

function failed(path: string, why: string, cause?: unknown): BridgeError {
  return new BridgeError('WIRE_OPEN_FAILED', `cannot open serial port ${path}: ${why}`, { cause });
}
