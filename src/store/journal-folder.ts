import { type FileHandle, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { BridgeError, describeFault } from '../base/errors.ts';
import { loadFileLocks } from '../base/file-lock.ts';
import type { StoredEntry } from './entry-state.ts';
import {
  checkFolder,
  ifThere,
  isNameOf,
  isOfKind,
  type JournalKind,
  KIND_PREFIXES,
  makeFolder,
  OWNER_BYTE,
  type Owners,
  openFile,
  openFolder,
  readEntry,
} from './journal-file.ts';

export interface JournalFolderOptions {
  /**
   * Whose entries these are; default: a bridge's. `any`: for people's tools, which see all of them, by their files'
   * names.
   */
  readonly kind?: JournalKind | 'any';
  /** For people's tools: a folder that is not there is a fault and no first start. */
  readonly mustExist?: boolean;
  /** Default: what somebody else than we and root may have written is refused. */
  readonly owners?: Owners;
}

/** How the name of an entry's file ends. */
export type Ending = '.entry' | '.damaged';

/** The folder of a journal: which files are in it, under which names, and who has their locks. */
export class JournalFolder {
  readonly path: string;
  readonly #options: JournalFolderOptions;
  readonly #directory: FileHandle;
  readonly #locks = loadFileLocks();
  readonly #prefix: string;

  private constructor(folder: string, directory: FileHandle, options: JournalFolderOptions) {
    this.path = folder;
    this.#directory = directory;
    this.#options = options;
    const kind = options.kind ?? 'bridge';
    this.#prefix = kind === 'any' ? '' : KIND_PREFIXES[kind];
  }

  /** Opens the folder, making it (0700) if it is missing. Rejects with JOURNAL_OPEN_FAILED. */
  static async open(folder: string, options: JournalFolderOptions): Promise<JournalFolder> {
    let directory: FileHandle | undefined;
    try {
      if (!options.mustExist) await makeFolder(folder);
      directory = await openFolder(folder);
      if (options.owners !== 'anybody') await checkFolder(folder, directory);
      return new JournalFolder(folder, directory, options);
    } catch (cause) {
      await directory?.close();
      const text = `the journal ${folder} cannot be opened: ${describeFault(cause)}; give another folder with --journal`;
      throw new BridgeError('JOURNAL_OPEN_FAILED', text, { cause });
    }
  }

  get owners(): Owners | undefined {
    return this.#options.owners;
  }

  /** Whether the folder is still the one that was opened. */
  isStillThere(): Promise<boolean> {
    return isNameOf(this.path, this.#directory);
  }

  /**
   * Rejects with JOURNAL_OPEN_FAILED where the folder is not the one any more that was opened: what is found there
   * then, and above all what is not, says nothing about earlier transactions.
   */
  async checkPlace(): Promise<void> {
    if (await this.isStillThere()) return;
    const isGone = (await ifThere(lstat(this.path))) === undefined;
    const text = isGone
      ? `the folder of the journal ${this.path} is gone: put it back where it was, with all that was in it`
      : `something else is now where the journal ${this.path} was: put the old folder back, with all that was in it, or start posbridge ` +
        'anew to begin with what is there now, which knows nothing of earlier transactions';
    throw new BridgeError('JOURNAL_OPEN_FAILED', `${text}; until then no new connection is served`);
  }

  /** What has been linked and unlinked is on the disk when this resolves. */
  sync(): Promise<void> {
    return this.#directory.sync();
  }

  close(): Promise<void> {
    return this.#directory.close();
  }

  async names(): Promise<string[]> {
    const names = await readdir(this.path);
    await this.checkPlace();
    return names;
  }

  /** How the names of this entry's files begin. */
  nameOf(id: string): string {
    return `${this.#prefix}${id}`;
  }

  fileOf(id: string, ending: Ending): string {
    return path.join(this.path, `${this.nameOf(id)}${ending}`);
  }

  idIn(file: string): string {
    const [name = ''] = file.split('.');
    return name.slice(this.#prefix.length);
  }

  /** Other kinds' entries are not ours to judge. */
  get keptKind(): JournalKind {
    const { kind = 'bridge' } = this.#options;
    return kind === 'any' ? 'bridge' : kind;
  }

  /** Every entry of this kind, also damaged and old ones, in no order. Changes nothing. */
  async *entries(kind: JournalKind | 'any' = this.#options.kind ?? 'bridge'): AsyncGenerator<StoredEntry> {
    for (const file of await this.names()) {
      if (!file.endsWith('.entry') && !file.endsWith('.damaged')) continue;
      if (kind !== 'any' && !isOfKind(file, kind)) continue;
      const entry = await this.read(file);
      if (entry !== undefined) yield entry;
    }
  }

  /** Undefined: there is no such file. */
  async read(file: string): Promise<StoredEntry | undefined> {
    const id = this.idIn(file);
    const isSetAside = file.endsWith('.damaged');
    const at = path.join(this.path, file);
    let handle: FileHandle | undefined;
    let changedMs = Number.POSITIVE_INFINITY;
    try {
      const status = await ifThere(lstat(at));
      if (status !== undefined) changedMs = Math.max(status.mtimeMs, status.ctimeMs);
      handle = await openFile(at, 'read', this.owners);
      if (handle === undefined) return undefined;
      const isRunning = this.isOwned(handle);
      return { id, file, isRunning, isSetAside, changedMs, ...(await readEntry(handle)) };
    } catch (cause) {
      const fault = describeFault(cause);
      const nothing = { sent: undefined, done: undefined, isClean: false };
      return { id, file, isRunning: false, isSetAside, changedMs, ...nothing, fault };
    } finally {
      await handle?.close();
    }
  }

  /**
   * Whether a living process owns an entry. An owner that lets go after this cannot have written later than what is
   * read now.
   */
  isOwned({ fd }: FileHandle): boolean {
    return !this.#locks.tryLock(fd, OWNER_BYTE, 'shared');
  }

  /** Opens an entry and takes its lock; undefined when it is not there, or somebody has it. */
  async takeOver(id: string): Promise<FileHandle | undefined> {
    const name = this.fileOf(id, '.entry');
    const file = await openFile(name, 'append', this.owners);
    if (file === undefined) return undefined;
    let isOurs = false;
    try {
      // Between opening and locking the name may have gone to another file, or away.
      isOurs = this.#locks.tryLock(file.fd, OWNER_BYTE, 'exclusive') && (await isNameOf(name, file));
    } finally {
      if (!isOurs) await file.close();
    }
    return isOurs ? file : undefined;
  }
}
