import { randomUUID } from 'node:crypto';
import { type FileHandle, lstat, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, isoTime } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { ageOf, type Moment, wallAgeOf } from './age.ts';
import { Carriers } from './carriers.ts';
import { CompareKey } from './compare-key.ts';
import { entryId, groupStart, isBareId } from './entry-id.ts';
import { isDamaged, judge, type Lookup, type Outcome, type StoredEntry } from './entry-state.ts';
import { ifThere, linkNew, openFile, readEntry, writeWhole } from './journal-file.ts';
import { JournalFolder, type JournalFolderOptions } from './journal-folder.ts';
import { type DoneRecord, encodeRecord, parseEntry, type SentRecord } from './journal-record.ts';
import { openKernelLock, type TransactionLock } from './lock.ts';
import { followingRecord, type OwnedEntry, ownEntry, stamped } from './owned-entry.ts';
import type { TransactionJournal } from './transaction-journal.ts';
import { UnbornEntries } from './unborn-entries.ts';

/** How often it is tried to begin, each time under another name, while other processes disturb it. */
const BEGIN_ATTEMPTS = 10;

export interface JournalOptions extends JournalFolderOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How long an ended transaction keeps its identifiers. */
  readonly keepMs: number;
}

/**
 * A journal on this machine: a folder with a file for each identity, shared by any number of processes.
 *
 * An entry is written and synced under a name of its own, then given its real name by link(2), which fails if it
 * exists: of two processes that begin the same transaction exactly one wins, and a file under a real name always had a
 * whole first record. The owner keeps a lock on the file, which the kernel frees when it dies; who finds an entry
 * without outcome and without owner may take it over. Nothing is ever overwritten; what cannot be read is renamed
 * `.damaged` and kept.
 */
export class Journal implements TransactionJournal {
  readonly #folder: JournalFolder;
  readonly #options: JournalOptions;
  readonly #unborn: UnbornEntries;
  readonly #compareKey: CompareKey;
  /** The connections whose transactions are in this journal. */
  readonly carriers: Carriers;

  private constructor(folder: JournalFolder, options: JournalOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#unborn = new UnbornEntries(folder.path, folder.keptKind, options.clock, options.owners);
    this.#compareKey = new CompareKey(folder.path);
    this.carriers = new Carriers(folder.path);
    options.clock.bootTime?.(); // its first call reads a file
  }

  /** Opens the folder, making it (0700) if it is missing. Rejects with JOURNAL_OPEN_FAILED. */
  static async open(folder: string, options: JournalOptions): Promise<Journal> {
    return new Journal(await JournalFolder.open(folder, options), options);
  }

  get folder(): string {
    return this.#folder.path;
  }

  get text(): string {
    return this.folder;
  }

  /** A file in the folder: whoever has the journal has the terminal's lock. */
  openLock(): Promise<TransactionLock> {
    return openKernelLock(path.join(this.folder, 'posbridge.lock'));
  }

  /** See `JournalFolder.checkPlace`. */
  checkPlace(): Promise<void> {
    return this.#folder.checkPlace();
  }

  async close(): Promise<void> {
    await this.carriers.close();
    await this.#folder.close();
  }

  /**
   * The name of an entry: `GROUP-MEMBER`, the same for the same register and identifying values.
   *
   * @param first the value that every identity has: entries with the same one are a group.
   * @param rest the other values, as one text; undefined where none was given.
   */
  static idOf(register: string, first: string, rest?: string): string {
    return entryId(register, first, rest);
  }

  /** Whether an entry is the one of its group that has the first value alone. */
  static isBare(id: string): boolean {
    return isBareId(id);
  }

  /** Keyed hash of a text that must not be stored. The key lies in the folder, and is made when it is first needed. */
  fingerprint(text: string): Promise<string> {
    return this.#compareKey.fingerprint(text);
  }

  compareKey(own?: Buffer): Promise<Buffer> {
    return this.#compareKey.readOrMake(own);
  }

  /** The entries of the same group, in no order, also damaged ones. Reads names only. */
  async siblings(id: string): Promise<string[]> {
    const start = this.#folder.nameOf(groupStart(id));
    const ids = new Set<string>();
    for (const file of await this.#folder.names()) {
      if (file.startsWith(start) && (file.endsWith('.entry') || file.endsWith('.damaged')))
        ids.add(this.#folder.idIn(file));
    }
    return [...ids];
  }

  /** Rejects when the folder or the entry cannot be read, and where `checkPlace` does. */
  async lookup(id: string): Promise<Lookup> {
    const lookup = await this.#lookup(id);
    await this.checkPlace();
    return lookup;
  }

  async #lookup(id: string): Promise<Lookup> {
    const file = await openFile(this.#folder.fileOf(id, '.entry'), 'read', this.#options.owners);
    if (file === undefined) return (await this.#isSetAside(id)) ? { state: 'lost' } : { state: 'none' };
    let lookup: Lookup | undefined;
    try {
      const isRunning = this.#folder.isOwned(file); // before it is read
      const entry = await readEntry(file);
      if (isRunning) {
        const { sent, done } = entry;
        return { state: 'running', ...(sent !== undefined && { sent }), isOver: done !== undefined };
      }
      if (entry.otherVersion !== undefined) return { state: 'lost' };
      lookup = judge(entry);
    } finally {
      await file.close();
    }
    if (lookup === undefined) {
      await this.#setAside(id);
      return { state: 'lost' };
    }
    if (lookup.state !== 'done' || !this.#isExpired(lookup.done)) return lookup;
    await this.#forget(id);
    return { state: 'none' };
  }

  /**
   * Begins a transaction: when this resolves with an entry, its record is on the disk. `exists`: somebody was first.
   * With `done` it begins and ends at once, with `contradiction` it has been contradicted as well. Rejects when the
   * disk does not take it; then no trace of it is left.
   */
  async begin(
    id: string,
    sent: SentRecord,
    done?: Outcome,
    contradiction?: Outcome,
  ): Promise<OwnedEntry | 'exists'> {
    const records = [encodeRecord(sent)];
    if (done !== undefined)
      records.push(encodeRecord(stamped({ ...done, state: 'done' }, this.#options.clock)));
    if (contradiction !== undefined)
      records.push(encodeRecord(stamped({ ...contradiction, state: 'contradicted' }, this.#options.clock)));
    const mention = this.#unborn.mention(this.#folder.nameOf(id));
    try {
      for (let attempt = 1; attempt <= BEGIN_ATTEMPTS; attempt += 1) {
        const file = await this.#bear(id, Buffer.concat(records));
        if (file === 'exists') return 'exists';
        if (file === 'disturbed') continue;
        return this.#own(id, file, judge(parseEntry(encodeRecord(sent))) ?? { state: 'lost' });
      }
    } finally {
      mention.end();
    }
    throw new Error('other processes keep getting in the way of a new entry');
  }

  /** One attempt to make an entry. Its owner has the lock before anybody can look for it by its real name. */
  async #bear(id: string, records: Buffer): Promise<FileHandle | 'exists' | 'disturbed'> {
    const entry = this.#folder.fileOf(id, '.entry');
    const unborn = await this.#unborn.create(this.#folder.nameOf(id));
    if (unborn === undefined) return 'disturbed';
    const { file, name } = unborn;
    let isBorn = false;
    try {
      await writeWhole(file, records);
      await file.datasync();
      const linked = await ifThere(linkNew(name, entry));
      if (linked === undefined) return 'disturbed'; // somebody took it for a leftover
      isBorn = linked;
      if (!isBorn) return 'exists';
      await this.#folder.sync();
      await this.checkPlace();
      return file;
    } catch (fault) {
      if (isBorn) await unlink(entry).catch(() => {});
      isBorn = false;
      throw fault;
    } finally {
      await unlink(name).catch(() => {});
      if (!isBorn) await file.close();
    }
  }

  /** Whether there is certainly a file for it, readable or not. Never rejects. */
  async hasEntry(id: string): Promise<boolean> {
    const status = await lstat(this.#folder.fileOf(id, '.entry')).catch(() => undefined);
    return status !== undefined;
  }

  /**
   * Whether there is a file for it, readable or not, or nobody can say, as where the folder is gone, or another. Never
   * rejects.
   */
  async mayHaveEntry(id: string): Promise<boolean> {
    try {
      const status = await ifThere(lstat(this.#folder.fileOf(id, '.entry')));
      if (status !== undefined || (await this.#isSetAside(id))) return true;
      return !(await this.#folder.isStillThere());
    } catch {
      return true;
    }
  }

  /** Whether a living process is just beginning this transaction, or somebody has. */
  async isBeginning(id: string): Promise<boolean> {
    return (await this.#unborn.has(this.#folder.nameOf(id))) || (await this.hasEntry(id));
  }

  /**
   * Stores that a connection has carried the outcome of an ended transaction to a repeated one. Not synced: after a
   * fall of the whole machine no connection is left that it could matter to.
   */
  async carried(id: string, connection: string): Promise<void> {
    const file = await openFile(this.#folder.fileOf(id, '.entry'), 'append');
    if (file === undefined) return;
    try {
      await writeWhole(
        file,
        followingRecord({ state: 'carried', connection, time: isoTime(this.#options.clock) }),
      );
    } finally {
      await file.close();
    }
  }

  /**
   * Takes over an entry without a living owner; undefined when there is one, or no entry. Rejects where `checkPlace`
   * does.
   */
  async claim(id: string): Promise<OwnedEntry | undefined> {
    const file = await this.#folder.takeOver(id);
    if (file === undefined) return undefined;
    try {
      const lookup = judge(await readEntry(file)) ?? { state: 'lost' };
      await this.checkPlace();
      return this.#own(id, file, lookup);
    } catch (fault) {
      await file.close();
      throw fault;
    }
  }

  /**
   * Whether everything that was ever stored, and is not too old, can still be read: only then does the absence of a
   * record prove anything. Reads the whole journal and sets aside what is damaged.
   */
  async isComplete(): Promise<boolean> {
    let isComplete = true;
    for await (const entry of this.#folder.entries(this.#folder.keptKind)) {
      if (!this.isMissed(entry)) continue;
      isComplete = false;
      if (!entry.isSetAside && entry.fault === undefined && entry.otherVersion === undefined)
        await this.#setAside(entry.id);
    }
    return isComplete;
  }

  /** Whether an entry is damaged and not so old that nobody would ask about it. */
  isMissed(entry: StoredEntry): boolean {
    return isDamaged(entry) && !this.#isOldFile(entry.changedMs);
  }

  /** Whether a record is certainly older; one of unknown age is not. */
  isOlder(moment: Moment, limitMs: number): boolean {
    const ageMs = ageOf(moment, this.#options.clock);
    return ageMs !== undefined && ageMs > limitMs;
  }

  /**
   * Every entry, also damaged and old ones, in no order. Changes nothing, and holds nothing up while its reader is
   * busy.
   */
  entries(): AsyncGenerator<StoredEntry> {
    return this.#folder.entries();
  }

  /**
   * Removes what is of this kind and older than the journal keeps: ended transactions, damaged files, leftovers of dead
   * processes.
   */
  async prune(): Promise<{ removed: number; unresolved: number; damaged: number }> {
    const count = { removed: 0, unresolved: 0, damaged: 0 };
    for await (const entry of this.#folder.entries(this.#folder.keptKind)) {
      const { id, file, isRunning, done, fault, otherVersion } = entry;
      if (isDamaged(entry)) {
        if (fault === undefined && otherVersion === undefined && this.#isOldFile(entry.changedMs)) {
          await ifThere(unlink(path.join(this.folder, file)));
          count.removed += 1;
        } else count.damaged += 1;
      } else if (!isRunning && done === undefined) count.unresolved += 1;
      else if (done !== undefined && this.#isExpired(done) && (await this.#forget(id))) count.removed += 1;
    }
    count.removed += await this.#unborn.prune();
    return count;
  }

  #own(id: string, file: FileHandle, lookup: Lookup): OwnedEntry {
    return ownEntry(this.#folder.fileOf(id, '.entry'), file, lookup, this.#options.clock);
  }

  async #isSetAside(id: string): Promise<boolean> {
    const entry = await this.#folder.read(path.basename(this.#folder.fileOf(id, '.damaged')));
    return entry !== undefined && this.isMissed(entry);
  }

  /** Renames an entry whose first record cannot be read, unless somebody else is just doing that. Never rejects. */
  async #setAside(id: string): Promise<void> {
    const [from, to] = [this.#folder.fileOf(id, '.entry'), this.#folder.fileOf(id, '.damaged')];
    const why = 'its first record cannot be read';
    let file: FileHandle | undefined;
    try {
      file = await this.#folder.takeOver(id);
      if (file === undefined) return;
      const entry = await readEntry(file);
      if (judge(entry) !== undefined || entry.otherVersion !== undefined) return;
      while (!(await linkNew(from, to)))
        await rename(to, this.#folder.fileOf(`${id}.${randomUUID()}`, '.damaged'));
      await unlink(from);
      this.#options.log.error('a journal entry is damaged and set aside', { file: to, why });
    } catch (fault) {
      const details = { file: from, why, 'and then': describeFault(fault) };
      this.#options.log.error('a journal entry is damaged and cannot be set aside', details);
    } finally {
      await file?.close();
    }
  }

  #isExpired(done: DoneRecord): boolean {
    return this.isOlder(done, this.#options.keepMs);
  }

  #isOldFile(changedMs: number): boolean {
    const ageMs = wallAgeOf(changedMs, this.#options.clock);
    return ageMs !== undefined && ageMs > this.#options.keepMs;
  }

  /** Whether it removed the entry: not when somebody else is at it. */
  async #forget(id: string): Promise<boolean> {
    const entry = await this.claim(id);
    const isExpired = entry?.lookup.state === 'done' && this.#isExpired(entry.lookup.done);
    if (isExpired) await entry.withdraw();
    await entry?.release();
    return isExpired;
  }
}
