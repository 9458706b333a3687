import { createHash, randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from './service-counter.ts';

/** How a transaction is named in the vocabulary: by value, so that 17 and "17" are one. */
export interface SaleIds {
  readonly receipt: string;
  /** Undefined: not given. */
  readonly sequence: string | undefined;
}

/** What a terminal has to be told to find a transaction again. */
export interface SaleRecord {
  /** `sent`: it may have reached the terminal. `closed`: it never has and never will. `done`: the answer is there. */
  readonly state: 'sent' | 'closed' | 'done';
  readonly category?: 'Payment' | 'Reversal';
  readonly serviceId?: string;
  readonly saleId?: string;
  readonly currency?: string;
  /** Of the register: what `SaleTransactionID` said. */
  readonly sale?: { readonly TransactionID: string; readonly TimeStamp: string };
  /** Of the terminal. */
  readonly poi?: { readonly TransactionID: string; readonly TimeStamp: string };
  readonly answer?: { readonly kind: 'result' | 'error'; readonly text: string };
}

/**
 * Ended records older than this are removed at start. It is longer than any register remembers a sale of which it has
 * not heard: one that is asked for afterwards counts as never sent. Those without an outcome stay.
 */
const KEPT_MS = 400 * 24 * 3600 * 1000;

/**
 * The transactions of one terminal, a file each, that outlive every process. Several processes may share the folder: a
 * record is begun by one of them only. Everything is on the disk before the promise resolves.
 */
export class SaleRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** False: there is a record of this name already. */
  async begin(ids: SaleIds, record: SaleRecord): Promise<boolean> {
    const temporary = await this.#write(ids, record);
    try {
      await link(temporary, this.#fileOf(ids));
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw fault;
    } finally {
      await rm(temporary, { force: true });
    }
    await syncFolder(this.#folder);
    return true;
  }

  /** Takes the place of the record of this name. */
  async replace(ids: SaleIds, record: SaleRecord): Promise<void> {
    await rename(await this.#write(ids, record), this.#fileOf(ids));
    await syncFolder(this.#folder);
  }

  /** The transaction was refused before anything began: its name is free again. */
  async forget(ids: SaleIds): Promise<void> {
    await rm(this.#fileOf(ids), { force: true });
    await syncFolder(this.#folder);
  }

  /**
   * The record of a name. Without a sequence: the one that has none, else the only one of that receipt; `several`:
   * nobody can tell which is meant.
   */
  async find(ids: SaleIds): Promise<(SaleRecord & { readonly ids: SaleIds }) | 'several' | undefined> {
    const exact = await this.#read(this.#fileOf(ids));
    if (exact !== undefined) return exact;
    if (ids.sequence !== undefined) return undefined;
    const prefix = `${hashOf(ids.receipt)}.`;
    const names = (await readdir(this.#folder)).filter((name) => name.startsWith(prefix));
    const [only] = names;
    if (only === undefined) return undefined;
    return names.length > 1 ? 'several' : await this.#read(path.join(this.#folder, only));
  }

  /** Somebody was told that this receipt, whatever the sequence, is not here: it may not begin later. */
  async isBarred({ receipt, sequence }: SaleIds): Promise<boolean> {
    if (sequence === undefined) return false;
    const bare = await this.#read(this.#fileOf({ receipt, sequence: undefined }));
    return bare?.state === 'closed' && bare.serviceId === undefined;
  }

  /** Whether a name without a sequence has records with one beside it. */
  async areOthers({ receipt, sequence }: SaleIds): Promise<boolean> {
    if (sequence !== undefined) return false;
    const prefix = `${hashOf(receipt)}.`;
    return (await readdir(this.#folder)).filter((name) => name.startsWith(prefix)).length > 1;
  }

  /** Removes what is too old. */
  async prune(nowMs: number): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (!/\.sale$|\.tmp$/.test(name)) continue;
      const file = path.join(this.#folder, name);
      const found = await stat(file).catch(() => undefined);
      if (found === undefined || nowMs - found.mtimeMs <= KEPT_MS) continue;
      const isOpen = name.endsWith('.sale') && (await this.#isOpen(file));
      if (!isOpen) await rm(file, { force: true });
    }
  }

  /** One that cannot be read may be. */
  async #isOpen(file: string): Promise<boolean> {
    return this.#read(file).then(
      (record) => record?.state === 'sent',
      () => true,
    );
  }

  async #read(file: string): Promise<(SaleRecord & { readonly ids: SaleIds }) | undefined> {
    const text = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
      if (fault.code === 'ENOENT') return undefined;
      throw fault;
    });
    return text === undefined ? undefined : (JSON.parse(text) as SaleRecord & { ids: SaleIds });
  }

  async #write(ids: SaleIds, record: SaleRecord): Promise<string> {
    const file = path.join(this.#folder, `${randomUUID()}.tmp`);
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(JSON.stringify({ ...record, ids }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    return file;
  }

  #fileOf({ receipt, sequence }: SaleIds): string {
    const end = sequence === undefined ? '' : hashOf(sequence);
    return path.join(this.#folder, `${hashOf(receipt)}.${end}.sale`);
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
