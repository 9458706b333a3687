import { type BigIntStats, constants } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { BridgeError } from '../base/errors.ts';
import { type FileLocks, loadFileLocks } from '../base/file-lock.ts';
import type { Wire, WireEvents } from '../wire/wire.ts';
import { closeFile, FIFO_LOCK, FifoTaken, fifoFault, isSameFile, openFifo } from './fifo-file.ts';
import { makeFifo, removeFifo } from './fifo-make.ts';

const READ_BUFFER_BYTES = 64 * 1024;

export interface FifoReaderOptions {
  /** Whether the pipe is made here (0600) and removed with the wire; else it must exist, and stays. */
  readonly create: boolean;
}

/**
 * The reading end of a named pipe, for one bridge alone: a second one is refused with CHANNEL_OPEN_FAILED. It is
 * opened for writing as well, so that writers may come and go without an end of file.
 */
export async function openFifoReader(path: string, { create }: FifoReaderOptions): Promise<Wire> {
  let made: BigIntStats | undefined;
  const remove = async (): Promise<void> => {
    if (made !== undefined) await removeFifo(path, made);
  };
  try {
    const locks = loadFileLocks();
    if (create) made = await makeFifo(path, locks);
    return new FifoReader(await openAlone(path, locks, made), remove);
  } catch (cause) {
    await remove();
    throw fifoFault(path, 'read', cause);
  }
}

async function openAlone(path: string, locks: FileLocks, made: BigIntStats | undefined): Promise<number> {
  const { fd, status } = await openFifo(path, constants.O_RDWR);
  try {
    // Another bridge may have replaced the new pipe before it was locked, taking it for one left behind.
    if (made !== undefined && !isSameFile(status, made)) throw new FifoTaken();
    if (!locks.tryLock(fd, FIFO_LOCK.reader, 'exclusive')) throw new FifoTaken();
    return fd;
  } catch (fault) {
    await closeFile(fd);
    throw fault;
  }
}

/** open → closed, by `destroy` or a fault of the descriptor. There is no end of input. */
class FifoReader implements Wire {
  readonly framing = 'stream';
  readonly peer = { text: 'pipe' };
  readonly #socket: Socket;
  #events: WireEvents | undefined;
  #isPaused = false;
  #isDestroyed = false;
  #isClosed = false;
  #fault: Error | undefined;

  /** `remove` takes away what was made for the pipe; it never rejects. */
  constructor(fd: number, remove: () => Promise<void>) {
    const callback = (length: number, buffer: Uint8Array): boolean => {
      if (!this.#isDestroyed) this.#events?.chunk(Buffer.from(buffer.buffer, buffer.byteOffset, length));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES), callback };
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd,
      readable: true,
      writable: false,
      onread,
    };
    this.#socket = new Socket(options);
    this.#socket.pause();
    this.#socket.on('error', (fault) => {
      if (!this.#isDestroyed) this.#fault ??= fault;
    });
    this.#socket.on('close', () => {
      this.#isDestroyed = true;
      void remove().then(() => this.#settle());
    });
  }

  start(events: WireEvents): void {
    this.#events = events;
    if (this.#isClosed) setImmediate(() => events.closed(this.#fault));
    else if (!this.#isPaused && !this.#isDestroyed) this.#socket.resume();
  }

  write(_bytes: Uint8Array, done: (fault?: Error) => void): void {
    setImmediate(() => done(new BridgeError('WIRE_FAULT', 'this named pipe is only read')));
  }

  /** Writers wait as soon as the pipe is full. */
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#events !== undefined && !this.#isDestroyed) this.#socket.resume();
  }

  endOutput(): void {}

  destroy(): void {
    this.#isDestroyed = true;
    this.#socket.destroy();
  }

  #settle(): void {
    this.#isClosed = true;
    this.#events?.closed(this.#fault);
  }
}
