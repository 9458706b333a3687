import { createHash } from 'node:crypto';
import {
  constants,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  rename,
  stat,
  unlink,
} from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { loadFileLocks } from '../base/file-lock.ts';
import type { Logger } from '../base/log.ts';
import {
  type DoneRecord,
  encodeRecord,
  type ParsedEntry,
  parseEntry,
  type SentRecord,
} from './journal-record.ts';

const ENTRY = '.entry';
const DAMAGED = '.damaged';
const UNBORN = '.new';
/** The byte of an entry's file that its living owner has locked. */
const OWNER_BYTE = 0;
const MAX_ENTRY_BYTES = 4 * 1024 * 1024;

export interface JournalOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How long an ended transaction keeps its identifiers. */
  readonly keepMs: number;
}

/** What the journal knows of a transaction. */
export type Lookup =
  | { readonly state: 'none' }
  /** A living process is at it. */
  | { readonly state: 'running' }
  /** Its owner died; `isDoubtful`: a part of its file cannot be read, an outcome may have stood there. */
  | { readonly state: 'unresolved'; readonly sent: SentRecord; readonly isDoubtful: boolean }
  /** There was a record, and it cannot be read any more. */
  | { readonly state: 'lost' }
  | { readonly state: 'done'; readonly sent: SentRecord; readonly done: DoneRecord };

/** A stored transaction, for people's tools. */
export interface StoredEntry extends ParsedEntry {
  readonly id: string;
  readonly file: string;
  readonly isRunning: boolean;
  readonly isSetAside: boolean;
}

/** An entry whose lock this process holds. */
export interface OwnedEntry {
  /** What stood in it when it was taken over. */
  readonly lookup: Lookup;
  /** Stores the outcome; resolves when it is on the disk. May be tried again after a failure. */
  finish(done: Omit<DoneRecord, 'state'>): Promise<void>;
  /** It was refused before anything was handed over: no trace of it is left. */
  withdraw(): Promise<void>;
  /** Lets go of it; without an outcome it is unresolved from now on. Safe to repeat. */
  release(): Promise<void>;
}

/**
 * The crash-safe store of transactions: a folder with a file for each identity, shared by any number of processes.
 *
 * An entry is written and synced under a name of its own, then given its real name by link(2), which fails if it
 * exists: of two processes that begin the same transaction exactly one wins, and a file under a real name always had a
 * whole first record. The owner keeps a lock on the file, which the kernel frees when it dies; who finds an entry
 * without outcome and without owner may take it over. Nothing is ever overwritten; what cannot be read is renamed
 * `.damaged` and kept.
 */
export class Journal {
  readonly folder: string;
  readonly #options: JournalOptions;
  readonly #directory: FileHandle;
  readonly #locks = loadFileLocks();
  #births = 0;

  private constructor(folder: string, directory: FileHandle, options: JournalOptions) {
    this.folder = folder;
    this.#directory = directory;
    this.#options = options;
  }

  /** Opens the folder, making it (0700) if it is missing. Rejects with JOURNAL_OPEN_FAILED. */
  static async open(folder: string, options: JournalOptions): Promise<Journal> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return new Journal(folder, await open(folder, constants.O_RDONLY | constants.O_DIRECTORY), options);
    } catch (cause) {
      const text = `the journal ${folder} cannot be opened: ${describeFault(cause)}; give another folder with --journal`;
      throw new BridgeError('JOURNAL_OPEN_FAILED', text, { cause });
    }
  }

  async close(): Promise<void> {
    await this.#directory.close();
  }

  /** The name of an entry: the same for the same register and identifying values. */
  static idOf(register: string, key: string): string {
    return createHash('sha256')
      .update(JSON.stringify([register, key]))
      .digest('hex')
      .slice(0, 40);
  }

  /** Rejects when the folder cannot be read. */
  async lookup(id: string): Promise<Lookup> {
    const file = await this.#openEntry(id);
    if (file === undefined) return (await this.#isSetAside(id)) ? { state: 'lost' } : { state: 'none' };
    try {
      // The lock first: an owner that lets go after this cannot have written later than what is read now.
      if (!this.#locks.tryLock(file.fd, OWNER_BYTE, 'shared')) return { state: 'running' };
      const lookup = judge(await readEntry(file));
      if (lookup === undefined) {
        await this.#setAside(id, 'its first record cannot be read');
        return { state: 'lost' };
      }
      if (!this.#isExpired(lookup)) return lookup;
    } finally {
      await file.close();
    }
    await this.#forget(id);
    return { state: 'none' };
  }

  /**
   * Begins a transaction: when this resolves with an entry, its record is on the disk. `exists`: somebody was first. With
   * `done` it begins and ends at once. Rejects when the disk does not take it; then no trace of it is left.
   */
  async begin(
    id: string,
    sent: SentRecord,
    done?: Omit<DoneRecord, 'state'>,
  ): Promise<OwnedEntry | 'exists'> {
    this.#births += 1;
    const unborn = this.#path(`${id}.${process.pid}.${this.#births}`, UNBORN);
    const file = await open(
      unborn,
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND,
      0o600,
    );
    let isBorn = false;
    try {
      this.#locks.tryLock(file.fd, OWNER_BYTE, 'exclusive');
      const records = [
        encodeRecord(sent),
        ...(done === undefined ? [] : [encodeRecord({ ...done, state: 'done' })]),
      ];
      await writeWhole(file, Buffer.concat(records));
      await file.datasync();
      isBorn = await linkNew(unborn, this.#path(id, ENTRY));
      if (isBorn) await this.#directory.sync();
    } catch (fault) {
      if (isBorn) await unlink(this.#path(id, ENTRY)).catch(() => {});
      isBorn = false;
      throw fault;
    } finally {
      await unlink(unborn).catch(() => {});
      if (!isBorn) await file.close();
    }
    return isBorn
      ? this.#own(id, file, judge(parseEntry(encodeRecord(sent))) ?? { state: 'lost' })
      : 'exists';
  }

  /** Takes over an entry without a living owner; undefined when there is one, or no entry. */
  async claim(id: string): Promise<OwnedEntry | undefined> {
    const file = await this.#openEntry(id);
    if (file === undefined) return undefined;
    if (!this.#locks.tryLock(file.fd, OWNER_BYTE, 'exclusive')) {
      await file.close();
      return undefined;
    }
    try {
      return this.#own(id, file, judge(await readEntry(file)) ?? { state: 'lost' });
    } catch (fault) {
      await file.close();
      throw fault;
    }
  }

  /**
   * Whether everything that was ever stored, and is not too old, can still be read: only then does the absence of a record
   * prove anything. Reads the whole journal and sets aside what is damaged.
   */
  async isComplete(): Promise<boolean> {
    let isComplete = true;
    for await (const entry of this.entries()) {
      if (entry.isSetAside) isComplete = false;
      else if (!entry.isRunning && entry.sent === undefined) {
        await this.#setAside(entry.id, 'its first record cannot be read');
        isComplete = false;
      }
    }
    return isComplete;
  }

  /** Every entry, also damaged and old ones, in no order. */
  async *entries(): AsyncGenerator<StoredEntry> {
    for (const name of await readdir(this.folder)) {
      const isSetAside = name.endsWith(DAMAGED);
      if (!isSetAside && !name.endsWith(ENTRY)) continue;
      const file = await openExisting(path.join(this.folder, name));
      if (file === undefined) continue;
      try {
        const isRunning = !this.#locks.tryLock(file.fd, OWNER_BYTE, 'shared');
        const [id = ''] = name.split('.');
        yield { id, file: name, isRunning, isSetAside, ...(await readEntry(file)) };
      } finally {
        await file.close();
      }
    }
  }

  /** Removes what is older than the journal keeps: ended transactions, damaged files, leftovers of dead processes. */
  async prune(): Promise<{ removed: number; unresolved: number }> {
    let removed = 0;
    let unresolved = 0;
    for (const name of await readdir(this.folder)) {
      const [id = ''] = name.split('.');
      if (name.endsWith(ENTRY)) {
        const { state } = await this.lookup(id); // forgets it if it is too old
        if (state === 'none') removed += 1;
        else if (state === 'unresolved') unresolved += 1;
      } else if (name.endsWith(DAMAGED) || name.endsWith(UNBORN)) {
        const ageMs = this.#options.clock.wallMs() - (await stat(path.join(this.folder, name))).mtimeMs;
        const limitMs = name.endsWith(UNBORN) ? UNBORN_LIMIT_MS : this.#options.keepMs;
        if (ageMs <= limitMs) continue;
        await unlink(path.join(this.folder, name));
        removed += 1;
      }
    }
    return { removed, unresolved };
  }

  #own(id: string, file: FileHandle, lookup: Lookup): OwnedEntry {
    let isOpen = true;
    const release = async () => {
      if (!isOpen) return;
      isOpen = false;
      await file.close(); // frees the lock
    };
    return {
      lookup,
      finish: async (done) => {
        // The newline ends a record that was torn by the death of an earlier owner.
        const record = Buffer.concat([Buffer.from('\n'), encodeRecord({ ...done, state: 'done' })]);
        await writeWhole(file, record);
        await file.datasync();
        await release();
      },
      withdraw: async () => {
        if (isOpen) await unlink(this.#path(id, ENTRY));
        await release();
      },
      release,
    };
  }

  async #openEntry(id: string): Promise<FileHandle | undefined> {
    return openExisting(this.#path(id, ENTRY));
  }

  async #isSetAside(id: string): Promise<boolean> {
    const file = await openExisting(this.#path(id, DAMAGED));
    await file?.close();
    return file !== undefined;
  }

  async #setAside(id: string, why: string): Promise<void> {
    const file = this.#path(id, DAMAGED);
    await rename(this.#path(id, ENTRY), file);
    this.#options.log.error('a journal entry is damaged and set aside', { file, why });
  }

  #isExpired(lookup: Lookup): boolean {
    if (lookup.state !== 'done') return false;
    return this.#options.clock.wallMs() - Date.parse(lookup.done.time) > this.#options.keepMs;
  }

  async #forget(id: string): Promise<void> {
    const entry = await this.claim(id);
    if (entry?.lookup.state === 'done' && this.#isExpired(entry.lookup)) await entry.withdraw();
    await entry?.release();
  }

  #path(id: string, ending: string): string {
    return path.join(this.folder, `${id}${ending}`);
  }
}

/** What a dead process left behind before its entry had a name. */
const UNBORN_LIMIT_MS = 3_600_000;

/** Undefined where not even the first record can be read. */
function judge({ sent, done, isClean }: ParsedEntry): Lookup | undefined {
  if (sent === undefined) return undefined;
  if (done !== undefined) return { state: 'done', sent, done };
  return { state: 'unresolved', sent, isDoubtful: !isClean };
}

async function openExisting(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fault;
  }
}

async function readEntry(file: FileHandle): Promise<ParsedEntry> {
  const { size } = await file.stat();
  if (size > MAX_ENTRY_BYTES) return { sent: undefined, done: undefined, isClean: false };
  const bytes = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return parseEntry(bytes.subarray(0, length));
}

/** One write(2); a short one (disk full) is undone and rejected. */
async function writeWhole(file: FileHandle, bytes: Buffer): Promise<void> {
  const { size } = await file.stat();
  const { bytesWritten } = await file.write(bytes, 0, bytes.length);
  if (bytesWritten === bytes.length) return;
  await file.truncate(size).catch(() => {});
  throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

/** False when the name is taken. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fault;
  }
}
