import { spawn, spawnSync } from 'node:child_process';
import { close, closeSync, constants, openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { DescriptorUse } from './descriptor.ts';
import { MARKING } from './line-marks.ts';
import { describeFormat, type LineSettings, sttyArguments } from './line-settings.ts';
import { SocketReader, socketWire } from './socket-wire.ts';
import { sttyFault } from './stty.ts';
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
  return socketWire(stream, {
    direction,
    peer: use.peer ?? TTY,
    reader,
    isLine: true,
    mayBlock: true, // where libuv could not open the terminal again
    release: use.release,
  });
}

const TTY = { text: 'tty' };

/**
 * A terminal line whose settings are changed for as long as it is a wire: no echo, no line editing, no
 * signals, no flow control by characters, no translation of line ends. `stty` does it, for Node's own raw mode
 * still turns LF into CR LF on output.
 *
 * With line settings also speed, format and flow control, and then damaged bytes are marked as `MARKING` says.
 */
export class RawLine {
  /** A descriptor of its own, so that the order in which the others are closed does not matter. */
  readonly #fd: number;
  readonly #inherited: number;
  readonly #saved: string;
  readonly #restoreAtExit = () => this.#restoreNow();

  /** Throws WIRE_OPEN_FAILED; USAGE for settings that the line does not take. */
  constructor(inherited: number, settings?: LineSettings) {
    this.#inherited = inherited;
    this.#fd = reopen(inherited);
    try {
      this.#saved = this.#stty(['-g']).trim();
    } catch (fault) {
      closeSync(this.#fd);
      throw fault;
    }
    try {
      this.#stty(['raw', '-echo']);
      if (settings !== undefined) this.#set(settings);
    } catch (fault) {
      this.#restoreNow();
      closeSync(this.#fd);
      throw fault;
    }
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

  #restoreNow(): void {
    spawnSync('stty', [this.#saved], { stdio: [this.#fd, 'ignore', 'ignore'], ...LIMIT });
  }

  /** What a line does not take now it will not take later either: that is wrong usage. */
  #set(settings: LineSettings): void {
    const refused = (why: string) => {
      const wanted = `${settings.baudRate} ${describeFormat(settings)}`;
      const text = `the terminal at descriptor ${this.#inherited} cannot be set to ${wanted}: ${why}`;
      return new BridgeError('USAGE', text);
    };
    this.#stty([String(settings.baudRate), ...sttyArguments(settings), ...MARKING], refused);
  }

  #stty(settings: readonly string[], refused = (why: string) => this.#notRaw(why)): string {
    const result = spawnSync('stty', settings, {
      stdio: [this.#fd, 'pipe', 'pipe'],
      encoding: 'latin1',
      ...LIMIT,
    });
    if (result.status === 0) return result.stdout;
    throw result.error === undefined
      ? refused(sttyFault(result.stderr))
      : this.#notRaw(`stty: ${describeFault(result.error)}`, result.error);
  }

  #notRaw(why: string, cause?: Error): BridgeError {
    const text = `cannot make the terminal at descriptor ${this.#inherited} raw: ${why}`;
    return new BridgeError('WIRE_OPEN_FAILED', text, { cause });
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

/** `stty` waits for output that nobody takes, and is stopped by the kernel in a background job. */
const LIMIT = { timeout: 1000, killSignal: 'SIGKILL' } as const;
