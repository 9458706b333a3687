import { close, constants, open } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import type { Clock, Timer } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { type FileLocks, loadFileLocks } from '../base/file-lock.ts';
import { type Environment, findLockDirectory } from '../base/lock-directory.ts';
import type { Wire, WireEvents } from '../wire/wire.ts';
import { fifoFault, type OpenFifo, openFifo } from './fifo-file.ts';
import { CutMark, WriteTurns } from './fifo-turn.ts';

/** What Linux writes to a pipe in one piece, however many write to it. */
const PIPE_BUF = 4096;
/** An idle pipe says nothing when its last reader leaves. */
const READER_CHECK_MS = 400;
const LF = Buffer.from('\n');

export interface FifoWriterOptions {
  readonly clock: Clock;
  /** Tells the lock folder where /run/lock cannot be written: `XDG_RUNTIME_DIR`. */
  readonly env?: Environment;
  readonly random?: () => number;
}

/**
 * The writing end of a named pipe that others write as well. Refused with CHANNEL_OPEN_FAILED while nobody reads.
 * Each `write` is one or more whole lines, and no other bridge's bytes come between them.
 */
export async function openFifoWriter(fifoPath: string, options: FifoWriterOptions): Promise<Wire> {
  try {
    const locks = loadFileLocks();
    const directory = await findLockDirectory(options.env ?? {});
    const fifo = await openFifo(fifoPath, constants.O_WRONLY);
    const mark = new CutMark(directory === undefined ? undefined : path.join(directory, markName(fifo)));
    return new FifoWriter(fifo.fd, { ...options, locks, mark });
  } catch (cause) {
    throw fifoFault(fifoPath, 'written', cause);
  }
}

/**
 * By inode, for a pipe may have several names; all that share the pipe find the same mark. By time of birth, for
 * another pipe may get the inode of one that was removed.
 */
function markName({ status }: OpenFifo): string {
  const identity = [status.dev, status.ino, status.birthtimeNs].map((part) => part.toString(16)).join('-');
  return `posbridge-fifo-${identity}.cut`;
}

interface FifoWriterParts extends FifoWriterOptions {
  readonly locks: FileLocks;
  readonly mark: CutMark;
}

/**
 * open → closed. `destroy`, a failed write, a reader that is found gone, and `endOutput` once nothing is under way
 * lead there; the first of them says why. A write waits for its turn, then for room in the pipe; it keeps the
 * turn meanwhile, and all who write to that pipe wait with it.
 */
class FifoWriter implements Wire {
  readonly framing = 'stream';
  readonly peer = { text: 'pipe' };
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #turns: WriteTurns;
  readonly #mark: CutMark;
  #events: WireEvents | undefined;
  #done: ((fault?: Error) => void) | undefined;
  /** Whether the pipe has all bytes of the write under way. */
  #isTaken = false;
  #clearing: Promise<void> | undefined;
  #readerCheck: Timer | undefined;
  #isEnding = false;
  #isDestroyed = false;
  #isClosed = false;
  #fault: Error | undefined;

  constructor(fd: number, { clock, random = Math.random, locks, mark }: FifoWriterParts) {
    this.#fd = fd;
    this.#clock = clock;
    this.#turns = new WriteTurns(fd, locks, clock, random);
    this.#mark = mark;
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#socket.on('error', (fault) => this.#fail(fault));
    this.#socket.on('close', () => this.#settle());
  }

  start(events: WireEvents): void {
    this.#events = events;
    if (this.#isClosed) setImmediate(() => events.closed(this.#fault));
    else if (!this.#isDestroyed) this.#checkReader();
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (this.#done !== undefined) throw new Error('one write at a time');
    if (this.#isDestroyed || this.#isEnding) {
      setImmediate(() => done(this.#fault ?? writeAfterClose()));
      return;
    }
    this.#done = done;
    this.#isTaken = false;
    this.#deliver(bytes).then(
      () => {
        if (!this.#isDestroyed) this.#finishWrite();
      },
      (fault: Error) => this.#fail(fault),
    );
  }

  pause(): void {}

  resume(): void {}

  endOutput(): void {
    this.#isEnding = true;
    if (this.#done === undefined) this.destroy();
  }

  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#readerCheck?.cancel();
    this.#turns.stop();
    // Closing gives the turn away, and the mark must not be taken from under the next owner.
    if (this.#clearing === undefined) this.#socket.destroy();
    else void this.#clearing.then(() => this.#socket.destroy());
  }

  /** Returns early if the wire is destroyed meanwhile. */
  async #deliver(bytes: Uint8Array): Promise<void> {
    if (!(await this.#turns.take())) return;
    const wasCut = await this.#mark.isSet();
    const comesInPieces = bytes.length > PIPE_BUF;
    if (comesInPieces && !wasCut) await this.#mark.set();
    if (this.#isDestroyed) return;
    await this.#send(wasCut ? Buffer.concat([LF, bytes]) : bytes);
    this.#isTaken = true;
    if (comesInPieces || wasCut) {
      this.#clearing = this.#mark.clear();
      await this.#clearing;
      this.#clearing = undefined;
    }
    this.#turns.release();
  }

  /** A destroyed socket reports success for what it was writing, so its word does not count then. */
  #send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (fault) => {
        if (fault) reject(fault);
        else if (this.#socket.destroyed) reject(writeAfterClose());
        else resolve();
      });
    });
  }

  #finishWrite(): void {
    const done = this.#done;
    this.#done = undefined;
    done?.();
    if (this.#isEnding) this.endOutput();
  }

  /** Opening the pipe once more fails when nobody has it open for reading. No byte is written. */
  #checkReader(): void {
    this.#readerCheck = this.#clock.after(READER_CHECK_MS, () => {
      open(`/proc/self/fd/${this.#fd}`, constants.O_WRONLY | constants.O_NONBLOCK, (fault, fd) => {
        if (fault === null) close(fd, () => undefined);
        if (this.#isDestroyed) return;
        if (fault?.code === 'ENXIO') this.#fail(readerGone());
        else this.#checkReader();
      });
    });
  }

  #fail(fault: Error): void {
    if (!this.#isDestroyed) this.#fault ??= fault;
    this.destroy();
  }

  #settle(): void {
    this.#isClosed = true;
    const done = this.#done;
    this.#done = undefined;
    if (this.#isTaken) done?.();
    else done?.(this.#fault ?? writeAfterClose());
    this.#events?.closed(this.#fault);
  }
}

function readerGone(): Error {
  return Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
}

function writeAfterClose(): Error {
  return new BridgeError('WIRE_FAULT', 'the named pipe was closed before all was written');
}
