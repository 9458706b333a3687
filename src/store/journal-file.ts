import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { strangerAbove, strangerOf } from '../base/ownership.ts';
import { faultOfFileSystem } from './file-system.ts';
import { type ParsedEntry, parseEntry } from './journal-record.ts';

/** The pieces of file handling that the journal is made of. */

const { O_RDONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Whose entries they are. Several kinds may share a folder, against advice: none touches another's. */
export type JournalKind = 'bridge' | 'sales' | 'terminal';

/** How the names of a kind's files begin; what begins with no other is a bridge's. */
export const KIND_PREFIXES: Readonly<Record<JournalKind, string>> = {
  bridge: '',
  sales: 'sale-',
  terminal: 'terminal-',
};

/** By the name of its file. */
export function isOfKind(name: string, kind: JournalKind): boolean {
  if (kind !== 'bridge') return name.startsWith(KIND_PREFIXES[kind]);
  return !isOfKind(name, 'sales') && !isOfKind(name, 'terminal');
}

/** The byte of an entry's file that its living owner has locked. */
export const OWNER_BYTE = 0;
/**
 * Twice an outcome of the largest line that an application may send, with every quote in it escaped, is a quarter of
 * this.
 */
const MAX_ENTRY_BYTES = 16 * 1024 * 1024;

/**
 * Makes a folder (0700) and what it stands in, with names that survive a power cut. Step by step: the runtime's own
 * recursive mkdir never returns where the system makes no folders (/proc).
 */
export async function makeFolder(folder: string): Promise<void> {
  const above = path.dirname(path.resolve(folder));
  try {
    await mkdir(folder, 0o700);
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code === 'EEXIST') return syncUnused(folder, above);
    if (code !== 'ENOENT' || (await ifThere(stat(above))) !== undefined) throw fault;
    await makeFolder(above);
    return makeFolder(folder);
  }
  await syncFolder(above);
}

/**
 * Whoever made it may have died before its name was on the disk, or be about to sync it. What has files in it has been
 * synced.
 */
async function syncUnused(folder: string, above: string): Promise<void> {
  if ((await readdir(folder)).length === 0) await syncFolder(above);
}

/** Who may not read a folder cannot sync it either. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await openFolder(folder).catch((fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'EACCES') throw fault;
  });
  await handle?.sync().finally(() => handle.close());
}

export function openFolder(folder: string): Promise<FileHandle> {
  return open(folder, O_RDONLY | O_DIRECTORY);
}

export function createFile(file: string): Promise<FileHandle> {
  return open(file, O_RDWR | O_APPEND | O_CREAT | O_EXCL, 0o600);
}

/** Whose files count: ours and root's, or also other people's, for who looks into them as root. */
export type Owners = 'ours' | 'anybody';

/**
 * Rejects a folder that cannot be relied on: one that somebody else than we and root can write, for whoever puts an
 * entry there says what was charged; and one where locks or syncs do not hold.
 */
export async function checkFolder(folder: string, handle: FileHandle): Promise<void> {
  const fault =
    strangerOf(await handle.stat(), folder) ??
    (await strangerAbove(folder)) ??
    (await faultOfFileSystem(folder));
  if (fault !== undefined) throw new Error(fault);
}

/** Undefined when there is none; rejects what is no regular file, and what somebody else may have written. */
export async function openFile(
  file: string,
  use: 'read' | 'append',
  owners: Owners = 'ours',
): Promise<FileHandle | undefined> {
  const access = use === 'read' ? O_RDONLY : O_RDWR | O_APPEND;
  const handle = await ifThere(open(file, access | O_NOFOLLOW | O_NONBLOCK));
  if (handle === undefined) return undefined;
  const status = await handle.stat();
  const stranger = owners === 'ours' ? strangerOf(status, path.basename(file)) : undefined;
  if (status.isFile() && stranger === undefined) return handle;
  await handle.close();
  throw new Error(stranger ?? 'it is no regular file');
}

/** Whether the name still belongs to this file. */
export async function isNameOf(name: string, file: FileHandle): Promise<boolean> {
  const [named, own] = await Promise.all([
    ifThere(stat(name, { bigint: true })),
    file.stat({ bigint: true }),
  ]);
  return named !== undefined && named.ino === own.ino && named.dev === own.dev;
}

export async function readEntry(file: FileHandle): Promise<ParsedEntry> {
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

/** One write(2); a short one (disk full) is rejected. */
export async function writeWhole(file: FileHandle, bytes: Buffer): Promise<void> {
  const { bytesWritten } = await file.write(bytes, 0, bytes.length);
  if (bytesWritten === bytes.length) return;
  throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

/**
 * Appends durably to one entry. When a write or its sync fails, nobody knows what is on the disk: before the next
 * attempt the file is cut back to the size that it had, so that no number of attempts makes it longer.
 */
export class DurableAppender {
  readonly #file: FileHandle;
  #goodSize: number | undefined;
  #isSoiled = false;
  #last: Promise<void> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Resolves when the bytes are on the disk; one call waits for the other. May be tried again after a failure, with the
   * same bytes or with others.
   */
  append(bytes: Buffer): Promise<void> {
    const appended = this.#last.then(() => this.#append(bytes));
    this.#last = appended.catch(() => {});
    return appended;
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#goodSize ??= (await this.#file.stat()).size;
    if (this.#isSoiled) await this.#file.truncate(this.#goodSize);
    this.#isSoiled = true;
    try {
      await writeWhole(this.#file, bytes);
    } catch (fault) {
      await this.#file.truncate(this.#goodSize).catch(() => {}); // whoever reads it now had better not find half a record
      throw fault;
    }
    await this.#file.datasync();
    this.#isSoiled = false;
    this.#goodSize += bytes.length;
  }
}

/** False when the name is taken. */
export async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fault;
  }
}

/** Undefined where the file is not there. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fault;
  }
}
