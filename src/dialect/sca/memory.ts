import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { describeFault } from '../../base/errors.ts';
import type { StoredRegistrations } from './registrations.ts';

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
}

/** Remembers until the process ends. */
export function forgetfulMemory(): TerminalMemory {
  return { remembered: undefined, save: async () => {} };
}

const FILE = 'terminal.json';

/** Opens the memory in a folder, which is made where it is missing. Rejects with one line about what cannot be used. */
export async function openMemory(folder: string): Promise<TerminalMemory> {
  const file = path.join(folder, FILE);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const text = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
      if (fault.code === 'ENOENT') return undefined;
      throw fault;
    });
    return new FileMemory(file, text === undefined ? undefined : readRemembered(text));
  } catch (fault) {
    throw new Error(`${file} cannot be used: ${describeFault(fault)}`, { cause: fault });
  }
}

function readRemembered(text: string): Remembered {
  const value = JSON.parse(text) as Partial<Remembered>;
  return { registrations: value.registrations ?? { labels: {} }, last: value.last ?? {} };
}

/** A file that is replaced as a whole; while it is being written, the newest of what is to be saved waits. */
class FileMemory implements TerminalMemory {
  readonly remembered: Remembered | undefined;
  readonly #file: string;
  #writing: Promise<void> | undefined;
  #next: { readonly text: string; readonly written: Promise<void> } | undefined;

  constructor(file: string, remembered: Remembered | undefined) {
    this.#file = file;
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
    const draft = `${this.#file}.new`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.#file);
    const folder = await open(path.dirname(this.#file), 'r');
    await folder.sync().finally(() => folder.close());
  }
}
