import { appendFileSync } from 'node:fs';
import { appendFile, rename, stat } from 'node:fs/promises';
import { HEAD } from './record.ts';

/** How many older files are kept beside the current one: FILE.1 is the newest of them. */
const KEPT = 5;
const MODE = 0o600;

/**
 * A file of lines that never grows beyond a size: then it becomes FILE.1, and a new one begins. Several processes may
 * write to it; no line of theirs is lost or mixed up.
 */
export class CaptureFile {
  readonly path: string;
  readonly #maxBytes: number;

  constructor(path: string, maxBytes: number) {
    this.path = path;
    this.#maxBytes = maxBytes;
  }

  /** Rejects when the disk does not take them. */
  async append(lines: string): Promise<void> {
    const size = await stat(this.path).then(
      (status) => status.size,
      () => 0,
    );
    const isFull = size > 0 && size + lines.length > this.#maxBytes;
    if (isFull) await this.#rotate();
    await appendFile(this.path, size === 0 || isFull ? HEAD_LINE + lines : lines, { mode: MODE });
  }

  async #rotate(): Promise<void> {
    for (let number = KEPT - 1; number >= 1; number -= 1) {
      await rename(`${this.path}.${number}`, `${this.path}.${number + 1}`).catch(() => {});
    }
    await rename(this.path, `${this.path}.1`);
  }
}

/** Fails where the file cannot be written at all: said at the start, not when somebody needs it. */
export function tryCaptureFile(path: string): void {
  appendFileSync(path, '', { mode: MODE });
}

const HEAD_LINE = `${JSON.stringify(HEAD)}\n`;
