/**
 * Stands in for src/base/files.ts: the same calls, each of which takes its simulated time, at the start of a program as
 * well.
 */
import { type FileHandle, open } from 'node:fs/promises';

export { access, readlink, realpath, stat } from 'node:fs/promises';

export function whileStarting<T>(run: () => Promise<T>): Promise<T> {
  return run();
}

export class OpenFile {
  readonly #handle: FileHandle;
  #isOpen = true;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async open(path: string, flags: number, mode?: number): Promise<OpenFile> {
    return new OpenFile(await open(path, flags, mode));
  }

  get fd(): number {
    return this.#isOpen ? this.#handle.fd : -1;
  }

  stat() {
    return this.#handle.stat();
  }

  async read(length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  }

  async write(text: string): Promise<void> {
    await this.#handle.write(text, 0);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}
