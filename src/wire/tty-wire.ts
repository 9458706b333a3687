import { spawn, spawnSync } from 'node:child_process';
import { close, constants, openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { DescriptorUse } from './descriptor.ts';
import { SocketReader, socketWire } from './socket-wire.ts';
import type { Wire } from './wire.ts';

/**
 * A terminal line as a wire; `RawLine` has made it raw.
 *
 * `tty.ReadStream` in every direction: `tty.WriteStream` blocks the event loop while a slow line takes the
 * bytes. libuv opens the terminal again for itself, so O_NONBLOCK does not reach other processes.
 */
export function ttyWire(use: DescriptorUse, direction: 'both' | 'read' | 'write'): Wire {
  const reader = new SocketReader();
  const stream = new ReadStream(use.fd, {
    allowHalfOpen: true,
    readable: direction !== 'write',
    writable: direction !== 'read',
    ...reader.options,
  });
  return socketWire(stream, { direction, peer: use.peer ?? TTY, reader, release: use.release });
}

const TTY = { text: 'tty' };

/**
 * A terminal line whose settings are changed for as long as it is a wire: no echo, no line editing, no
 * signals, no flow control by characters, no translation of line ends. `stty` does it, for Node's own raw mode
 * still turns LF into CR LF on output.
 */
export class RawLine {
  /** A descriptor of its own, so that the order in which the others are closed does not matter. */
  readonly #fd: number;
  readonly #saved: string;
  readonly #restoreAtExit: () => void;

  /** Throws WIRE_OPEN_FAILED. */
  constructor(inherited: number) {
    this.#fd = reopen(inherited);
    this.#saved = stty(this.#fd, inherited, ['-g']).trim();
    stty(this.#fd, inherited, ['raw', '-echo']);
    this.#restoreAtExit = () => {
      spawnSync('stty', [this.#saved], { stdio: [this.#fd, 'ignore', 'ignore'], ...LIMIT });
    };
    process.once('exit', this.#restoreAtExit);
  }

  /** Puts the settings back as they were found. */
  restore(done: () => void): void {
    process.removeListener('exit', this.#restoreAtExit);
    const child = spawn('stty', [this.#saved], { stdio: [this.#fd, 'ignore', 'ignore'], ...LIMIT });
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      close(this.#fd, () => done());
    };
    child.on('error', over);
    child.on('close', over);
  }
}

function reopen(inherited: number): number {
  const { O_RDONLY, O_NOCTTY, O_NONBLOCK } = constants;
  try {
    return openSync(`/proc/self/fd/${inherited}`, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  } catch (cause) {
    const text = `cannot open the terminal at descriptor ${inherited}: ${describeFault(cause)}`;
    throw new BridgeError('WIRE_OPEN_FAILED', text, { cause });
  }
}

function stty(fd: number, inherited: number, settings: readonly string[]): string {
  const result = spawnSync('stty', settings, {
    stdio: [fd, 'pipe', 'pipe'],
    encoding: 'latin1',
    ...LIMIT,
  });
  if (result.status === 0) return result.stdout;
  const why = result.error === undefined ? result.stderr.trim() : describeFault(result.error);
  const text = `cannot make the terminal at descriptor ${inherited} raw: stty: ${why}`;
  throw new BridgeError('WIRE_OPEN_FAILED', text, { cause: result.error });
}

/** `stty` waits for output that nobody takes, and is stopped by the kernel in a background job. */
const LIMIT = { timeout: 1000, killSignal: 'SIGKILL' } as const;
