import {
  access as accessLater,
  accessSync,
  close,
  fstat,
  fstatSync,
  open,
  openSync,
  read,
  readlink as readlinkLater,
  readlinkSync,
  realpath as realpathLater,
  realpathSync,
  type Stats,
  stat as statLater,
  statSync,
  write,
} from 'node:fs';
import { promisify } from 'node:util';

/**
 * Calls to the file system that the start of a bridge needs. With `node:fs/promises` the same would cost it twice: that
 * module takes 1 ms to load, and the threads that such calls are given to another one, with a wait for each call.
 */

let isStarting = false;

/**
 * Inside of `run` these calls are done at once. For the start of a process that serves one connection: there is nobody
 * else whom they could hold up.
 */
export async function whileStarting<T>(run: () => Promise<T>): Promise<T> {
  isStarting = true;
  try {
    return await run();
  } finally {
    isStarting = false;
  }
}

export async function access(path: string, mode: number): Promise<void> {
  return isStarting ? accessSync(path, mode) : promisify(accessLater)(path, mode);
}

export async function stat(path: string): Promise<Stats> {
  return isStarting ? statSync(path) : promisify(statLater)(path);
}

export async function readlink(path: string): Promise<string> {
  return isStarting ? readlinkSync(path) : promisify(readlinkLater)(path);
}

export async function realpath(path: string): Promise<string> {
  return isStarting ? realpathSync.native(path) : promisify(realpathLater.native)(path);
}

/** An open file for a few bytes. */
export class OpenFile {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static async open(path: string, flags: number, mode?: number): Promise<OpenFile> {
    return new OpenFile(isStarting ? openSync(path, flags, mode) : await promisify(open)(path, flags, mode));
  }

  /** -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  async stat(): Promise<Stats> {
    return isStarting ? fstatSync(this.#fd) : promisify(fstat)(this.#fd);
  }

  /** Up to `length` bytes of its beginning. */
  async read(length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await promisify(read)(this.#fd, Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  }

  /** Over what stands at its beginning. */
  async write(text: string): Promise<void> {
    await promisify(write)(this.#fd, text, 0);
  }

  /** Safe to repeat. */
  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) await promisify(close)(fd);
  }
}
