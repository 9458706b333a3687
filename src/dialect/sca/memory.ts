import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { BridgeError, describeFault } from '../../base/errors.ts';
import { loadFileLocks } from '../../base/file-lock.ts';
import type { StoredRegistrations } from './registrations.ts';
import { replaceFile } from './replace-file.ts';

/** The last payment of a register, as LAST_TRAN and a late delivery need it. */
export interface LastPayment {
  readonly receiptId: string;
  readonly sequenceId: string;
  readonly method: string;
  readonly invoice: string;
  /** TRANS_AMOUNT as the register wrote it; missing where the command has none. */
  readonly amount?: string;
  readonly paymentType?: string;
  readonly posRecon?: string;
  readonly counter?: string;
  /** Its answer has not been given yet. */
  readonly isOpen: boolean;
  /** Its register proves nothing: each connection of such a one is another register. */
  readonly isNameless?: boolean;
}

/** What a terminal must know after a restart. */
export interface Remembered {
  readonly registrations: StoredRegistrations;
  /** By register. */
  readonly last: Readonly<Record<string, LastPayment>>;
}

export interface TerminalMemory {
  readonly remembered: Remembered | undefined;
  /** Resolves when what is passed, or something newer, is on the disk. */
  save(remembered: Remembered): Promise<void>;
  /** Lets another process have it. */
  close(): Promise<void>;
}

/** Remembers until the process ends. */
export function forgetfulMemory(): TerminalMemory {
  return { remembered: undefined, save: async () => {}, close: async () => {} };
}

const FILE = 'terminal.json';
const LOCK_FILE = 'owner.lock';

/**
 * Opens the memory in a folder, which is made where it is missing, for one process alone: two would take the same
 * counter twice. Rejects with STATE_OPEN_FAILED and one line about what cannot be used.
 */
export async function openMemory(folder: string): Promise<TerminalMemory> {
  const file = path.join(folder, FILE);
  let lock: FileHandle | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    lock = await takeFolder(folder);
    const text = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
      if (fault.code === 'ENOENT') return undefined;
      throw fault;
    });
    return new FileMemory(file, lock, text === undefined ? undefined : readRemembered(text));
  } catch (cause) {
    await lock?.close();
    const text = `--terminal-state: ${file} cannot be used: ${describeFault(cause)}`;
    throw new BridgeError('STATE_OPEN_FAILED', text, { cause });
  }
}

/** The lock is held until the file is closed, or the process dies. */
async function takeFolder(folder: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const handle = await open(path.join(folder, LOCK_FILE), flags, 0o600);
  if (loadFileLocks().tryLock(handle.fd, 0, 'exclusive')) return handle;
  await handle.close();
  throw new Error('another process is this terminal');
}

function readRemembered(text: string): Remembered {
  const value = JSON.parse(text) as Partial<Remembered>;
  return { registrations: value.registrations ?? { labels: {} }, last: value.last ?? {} };
}

/** A file that is replaced as a whole; while it is being written, the newest of what is to be saved waits. */
class FileMemory implements TerminalMemory {
  readonly remembered: Remembered | undefined;
  readonly #file: string;
  readonly #lock: FileHandle;
  #writing: Promise<void> | undefined;
  #next: { readonly text: string; readonly written: Promise<void> } | undefined;

  constructor(file: string, lock: FileHandle, remembered: Remembered | undefined) {
    this.#file = file;
    this.#lock = lock;
    this.remembered = remembered;
  }

  save(remembered: Remembered): Promise<void> {
    const text = `${JSON.stringify(remembered)}\n`;
    if (this.#writing === undefined && this.#next === undefined) return this.#begin(text);
    const written =
      this.#next?.written ??
      (this.#writing ?? Promise.resolve()).catch(() => {}).then(() => this.#writeNext());
    this.#next = { text, written };
    return written;
  }

  async close(): Promise<void> {
    await this.#next?.written.catch(() => {});
    await this.#writing?.catch(() => {});
    await this.#lock.close();
  }

  #writeNext(): Promise<void> {
    const text = this.#next?.text ?? '';
    this.#next = undefined;
    return this.#begin(text);
  }

  #begin(text: string): Promise<void> {
    const writing = this.#write(text).finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }

  async #write(text: string): Promise<void> {
    await replaceFile(path.dirname(this.#file), this.#file, text);
  }
}
