import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, lstat, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, isoTime } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { loadFileLocks } from '../base/file-lock.ts';
import type { Logger } from '../base/log.ts';
import { maskField, maskText } from '../base/mask.ts';
import { ageOf, type Moment, wallAgeOf } from './age.ts';
import { Carriers } from './carriers.ts';
import { CompareKey } from './compare-key.ts';
import {
  checkFolder,
  DurableAppender,
  ifThere,
  isNameOf,
  isOfKind,
  type JournalKind,
  KIND_PREFIXES,
  linkNew,
  makeFolder,
  OWNER_BYTE,
  type Owners,
  openFile,
  openFolder,
  readEntry,
  writeWhole,
} from './journal-file.ts';
import {
  type DoneRecord,
  encodeRecord,
  type JournalRecord,
  type ParsedEntry,
  parseEntry,
  type SentRecord,
} from './journal-record.ts';
import { UnbornEntries } from './unborn-entries.ts';

const ENTRY = '.entry';
const DAMAGED = '.damaged';
/** How often it is tried to begin, each time under another name, while other processes disturb it. */
const BEGIN_ATTEMPTS = 10;

export interface JournalOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How long an ended transaction keeps its identifiers. */
  readonly keepMs: number;
  /** Whose entries these are; default: a bridge's. `any`: for people's tools, which see all of them, by their files' names. */
  readonly kind?: JournalKind | 'any';
  /** For people's tools: a folder that is not there is a fault and no first start. */
  readonly mustExist?: boolean;
  /** Default: what somebody else than we and root may have written is refused. */
  readonly owners?: Owners;
}

/** What the journal knows of a transaction. */
export type Lookup =
  | { readonly state: 'none' }
  /** A living process is at it, or looks at it; `sent` as far as it can be read. `isOver`: it has an outcome already. */
  | { readonly state: 'running'; readonly sent?: SentRecord; readonly isOver: boolean }
  /**
   * Its owner died or gave up. `isDoubtful`: a part of its file cannot be read, an outcome may have stood there. `directCode`: the
   * error of no declared meaning with which the transaction itself was answered. `serialNumber`: of the terminal that has it.
   */
  | {
      readonly state: 'unresolved';
      readonly sent: SentRecord;
      readonly isDoubtful: boolean;
      readonly directCode?: string;
      readonly serialNumber?: string;
    }
  /** There was a record, and it cannot be read any more. */
  | { readonly state: 'lost' }
  | Done;

interface Done {
  readonly state: 'done';
  readonly sent: SentRecord;
  /** The outcome that counts. */
  readonly done: DoneRecord;
  /** "Not charged", as it was told before the result in `done` came. */
  readonly contradicted?: DoneRecord;
  /** The connections that have carried the outcome to the transaction or to a repeated one. */
  readonly carriers?: readonly string[];
}

/** A stored transaction, for people's tools. */
export interface StoredEntry extends ParsedEntry {
  readonly id: string;
  readonly file: string;
  readonly isRunning: boolean;
  readonly isSetAside: boolean;
  /** When the file or its name was changed last. */
  readonly changedMs: number;
  /** Why the file cannot be read at all. */
  readonly fault?: string;
}

/** Whether an entry says nothing any more that counts. */
export function isDamaged({ isSetAside, isRunning, sent }: StoredEntry): boolean {
  return isSetAside || (!isRunning && sent === undefined);
}

/** What there is to say of an outcome. */
export type Outcome = Omit<DoneRecord, 'state'>;

/** An entry whose lock this process holds. */
export interface OwnedEntry {
  /** What stood in it when it was taken over. */
  readonly lookup: Lookup;
  /** Stores the outcome and lets go; resolves when it is on the disk. May be tried again after a failure. */
  finish(done: Outcome): Promise<void>;
  /**
   * Stores a result that came after "not charged" was told, and lets go; it counts from then on. As durable as `finish`, and may be
   * tried again like it.
   */
  contradict(done: Outcome): Promise<void>;
  /**
   * Stores the code of no declared meaning with which the transaction itself was answered; one that looks like a secret is not stored.
   * May be tried again.
   */
  note(code: string): Promise<void>;
  /** Likewise the serial number of the terminal that has the transaction, while it is not ended. */
  noteTerminal(serialNumber: string): Promise<void>;
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
  readonly #unborn: UnbornEntries;
  readonly #compareKey: CompareKey;
  /** The connections whose transactions are in this journal. */
  readonly carriers: Carriers;
  readonly #prefix: string;

  private constructor(folder: string, directory: FileHandle, options: JournalOptions) {
    this.folder = folder;
    this.#directory = directory;
    this.#options = options;
    const kind = options.kind ?? 'bridge';
    this.#prefix = kind === 'any' ? '' : KIND_PREFIXES[kind];
    this.#unborn = new UnbornEntries(folder, this.#keptKind, options.clock, options.owners);
    this.#compareKey = new CompareKey(folder);
    this.carriers = new Carriers(folder);
    options.clock.bootTime?.(); // its first call reads a file
  }

  /** Opens the folder, making it (0700) if it is missing. Rejects with JOURNAL_OPEN_FAILED. */
  static async open(folder: string, options: JournalOptions): Promise<Journal> {
    let directory: FileHandle | undefined;
    try {
      if (!options.mustExist) await makeFolder(folder);
      directory = await openFolder(folder);
      if (options.owners !== 'anybody') await checkFolder(folder, directory);
      return new Journal(folder, directory, options);
    } catch (cause) {
      await directory?.close();
      const text = `the journal ${folder} cannot be opened: ${describeFault(cause)}; give another folder with --journal`;
      throw new BridgeError('JOURNAL_OPEN_FAILED', text, { cause });
    }
  }

  /** The lock of the terminal whose journal this is. */
  get lockPath(): string {
    return path.join(this.folder, 'posbridge.lock');
  }

  /**
   * Rejects with JOURNAL_OPEN_FAILED where the folder is not the one any more that was opened: what is found there then, and above all
   * what is not, says nothing about earlier transactions.
   */
  async checkPlace(): Promise<void> {
    if (await isNameOf(this.folder, this.#directory)) return;
    const isGone = (await ifThere(lstat(this.folder))) === undefined;
    const text = isGone
      ? `the folder of the journal ${this.folder} is gone: put it back where it was, with all that was in it`
      : `something else is now where the journal ${this.folder} was: put the old folder back, with all that was in it, or start posbridge ` +
        'anew to begin with what is there now, which knows nothing of earlier transactions';
    throw new BridgeError('JOURNAL_OPEN_FAILED', `${text}; until then no new connection is served`);
  }

  async close(): Promise<void> {
    await this.carriers.close();
    await this.#directory.close();
  }

  /**
   * The name of an entry: `GROUP-MEMBER`, the same for the same register and identifying values.
   *
   * @param first the value that every identity has: entries with the same one are a group.
   * @param rest the other values, as one text; undefined where none was given.
   */
  static idOf(register: string, first: string, rest?: string): string {
    const group = digest(JSON.stringify([register, first])).slice(0, GROUP_LENGTH);
    return `${group}-${rest === undefined ? NO_REST : digest(rest).slice(0, MEMBER_LENGTH)}`;
  }

  /** Whether an entry is the one of its group that has the first value alone. */
  static isBare(id: string): boolean {
    return id.endsWith(`-${NO_REST}`);
  }

  /** Keyed hash of a text that must not be stored. The key lies in the folder, and is made when it is first needed. */
  fingerprint(text: string): Promise<string> {
    return this.#compareKey.fingerprint(text);
  }

  /** The entries of the same group, in no order, also damaged ones. Reads names only. */
  async siblings(id: string): Promise<string[]> {
    const start = this.#prefix + id.slice(0, id.lastIndexOf('-') + 1);
    const ids = new Set<string>();
    for (const file of await this.#names()) {
      if (file.startsWith(start) && (file.endsWith(ENTRY) || file.endsWith(DAMAGED)))
        ids.add(this.#idIn(file));
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
    const file = await openFile(this.#path(id, ENTRY), 'read', this.#options.owners);
    if (file === undefined) return (await this.#isSetAside(id)) ? { state: 'lost' } : { state: 'none' };
    let lookup: Lookup | undefined;
    try {
      // The lock first: an owner that lets go after this cannot have written later than what is read now.
      const isRunning = !this.#locks.tryLock(file.fd, OWNER_BYTE, 'shared');
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
   * Begins a transaction: when this resolves with an entry, its record is on the disk. `exists`: somebody was first. With
   * `done` it begins and ends at once, with `contradiction` it has been contradicted as well. Rejects when the disk does not take it; then no
   * trace of it is left.
   */
  async begin(
    id: string,
    sent: SentRecord,
    done?: Outcome,
    contradiction?: Outcome,
  ): Promise<OwnedEntry | 'exists'> {
    const records = [encodeRecord(sent)];
    if (done !== undefined) records.push(encodeRecord(this.#stamped({ ...done, state: 'done' })));
    if (contradiction !== undefined)
      records.push(encodeRecord(this.#stamped({ ...contradiction, state: 'contradicted' })));
    const mention = this.#unborn.mention(this.#prefix + id);
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
    const entry = this.#path(id, ENTRY);
    const unborn = await this.#unborn.create(this.#prefix + id);
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
      await this.#directory.sync();
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
    const status = await lstat(this.#path(id, ENTRY)).catch(() => undefined);
    return status !== undefined;
  }

  /** Whether there is a file for it, readable or not, or nobody can say, as where the folder is gone, or another. Never rejects. */
  async mayHaveEntry(id: string): Promise<boolean> {
    try {
      const status = await ifThere(lstat(this.#path(id, ENTRY)));
      if (status !== undefined || (await this.#isSetAside(id))) return true;
      return !(await isNameOf(this.folder, this.#directory));
    } catch {
      return true;
    }
  }

  /** Whether a living process is just beginning this transaction, or somebody has. */
  async isBeginning(id: string): Promise<boolean> {
    return (await this.#unborn.has(this.#prefix + id)) || (await this.hasEntry(id));
  }

  /**
   * Stores that a connection has carried the outcome of an ended transaction to a repeated one. Not synced: after a fall of the
   * whole machine no connection is left that it could matter to.
   */
  async carried(id: string, connection: string): Promise<void> {
    const file = await openFile(this.#path(id, ENTRY), 'append');
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

  /** Takes over an entry without a living owner; undefined when there is one, or no entry. Rejects where `checkPlace` does. */
  async claim(id: string): Promise<OwnedEntry | undefined> {
    const file = await this.#takeOver(id);
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
   * Whether everything that was ever stored, and is not too old, can still be read: only then does the absence of a record
   * prove anything. Reads the whole journal and sets aside what is damaged.
   */
  async isComplete(): Promise<boolean> {
    let isComplete = true;
    for await (const entry of this.#entries(this.#keptKind)) {
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

  /** Every entry, also damaged and old ones, in no order. Changes nothing, and holds nothing up while its reader is busy. */
  entries(): AsyncGenerator<StoredEntry> {
    return this.#entries(this.#options.kind ?? 'bridge');
  }

  /** Other kinds' entries are not ours to judge. */
  get #keptKind(): JournalKind {
    const { kind = 'bridge' } = this.#options;
    return kind === 'any' ? 'bridge' : kind;
  }

  async *#entries(kind: JournalKind | 'any'): AsyncGenerator<StoredEntry> {
    for (const file of await this.#names()) {
      if (!file.endsWith(ENTRY) && !file.endsWith(DAMAGED)) continue;
      if (kind !== 'any' && !isOfKind(file, kind)) continue;
      const entry = await this.#read(file);
      if (entry !== undefined) yield entry;
    }
  }

  /** Removes what is of this kind and older than the journal keeps: ended transactions, damaged files, leftovers of dead processes. */
  async prune(): Promise<{ removed: number; unresolved: number; damaged: number }> {
    const count = { removed: 0, unresolved: 0, damaged: 0 };
    for await (const entry of this.#entries(this.#keptKind)) {
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
    let isOpen = true;
    const release = async () => {
      if (!isOpen) return;
      isOpen = false;
      await file.close(); // frees the lock
    };
    const appender = new DurableAppender(file);
    return {
      lookup,
      finish: async (done) => {
        await appender.append(followingRecord(this.#stamped({ ...done, state: 'done' })));
        await release();
      },
      contradict: async (done) => {
        await appender.append(followingRecord(this.#stamped({ ...done, state: 'contradicted' })));
        await release();
      },
      note: async (code) => {
        if (maskText(code) !== code) return;
        await appender.append(followingRecord({ state: 'note', code, time: isoTime(this.#options.clock) }));
      },
      noteTerminal: async (serialNumber) => {
        if (maskField('serial_number', serialNumber) !== serialNumber) return;
        const time = isoTime(this.#options.clock);
        if (isOpen) await appender.append(followingRecord({ state: 'terminal', serialNumber, time }));
      },
      withdraw: async () => {
        if (isOpen) await unlink(this.#path(id, ENTRY));
        await release();
      },
      release,
    };
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.folder);
    await this.checkPlace();
    return names;
  }

  async #read(file: string): Promise<StoredEntry | undefined> {
    const id = this.#idIn(file);
    const isSetAside = file.endsWith(DAMAGED);
    const at = path.join(this.folder, file);
    let handle: FileHandle | undefined;
    let changedMs = Number.POSITIVE_INFINITY;
    try {
      const status = await ifThere(lstat(at));
      if (status !== undefined) changedMs = Math.max(status.mtimeMs, status.ctimeMs);
      handle = await openFile(at, 'read', this.#options.owners);
      if (handle === undefined) return undefined;
      const isRunning = !this.#locks.tryLock(handle.fd, OWNER_BYTE, 'shared');
      return { id, file, isRunning, isSetAside, changedMs, ...(await readEntry(handle)) };
    } catch (cause) {
      const fault = describeFault(cause);
      const nothing = { sent: undefined, done: undefined, isClean: false };
      return { id, file, isRunning: false, isSetAside, changedMs, ...nothing, fault };
    } finally {
      await handle?.close();
    }
  }

  /** Opens an entry and takes its lock; undefined when it is not there, or somebody has it. */
  async #takeOver(id: string): Promise<FileHandle | undefined> {
    const name = this.#path(id, ENTRY);
    const file = await openFile(name, 'append', this.#options.owners);
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

  async #isSetAside(id: string): Promise<boolean> {
    const entry = await this.#read(path.basename(this.#path(id, DAMAGED)));
    return entry !== undefined && this.isMissed(entry);
  }

  /** Renames an entry whose first record cannot be read, unless somebody else is just doing that. Never rejects. */
  async #setAside(id: string): Promise<void> {
    const [from, to] = [this.#path(id, ENTRY), this.#path(id, DAMAGED)];
    const why = 'its first record cannot be read';
    let file: FileHandle | undefined;
    try {
      file = await this.#takeOver(id);
      if (file === undefined) return;
      const entry = await readEntry(file);
      if (judge(entry) !== undefined || entry.otherVersion !== undefined) return;
      while (!(await linkNew(from, to))) await rename(to, this.#path(`${id}.${randomUUID()}`, DAMAGED));
      await unlink(from);
      this.#options.log.error('a journal entry is damaged and set aside', { file: to, why });
    } catch (fault) {
      const details = { file: from, why, 'and then': describeFault(fault) };
      this.#options.log.error('a journal entry is damaged and cannot be set aside', details);
    } finally {
      await file?.close();
    }
  }

  #stamped(done: DoneRecord): DoneRecord {
    return { ...done, ...this.#options.clock.bootTime?.() };
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

  #path(id: string, ending: string): string {
    return path.join(this.folder, `${this.#prefix}${id}${ending}`);
  }

  #idIn(file: string): string {
    const [name = ''] = file.split('.');
    return name.slice(this.#prefix.length);
  }
}

/** How much of a digest names a group, and an entry in it. */
const GROUP_LENGTH = 24;
const MEMBER_LENGTH = 16;
/** In the place of a digest, where there is nothing but the first value. */
const NO_REST = '0';

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The newline ends a record that was torn by the death of an earlier owner. */
function followingRecord(record: JournalRecord): Buffer {
  return Buffer.concat([Buffer.from('\n'), encodeRecord(record)]);
}

/** Undefined where not even the first record can be read. */
function judge({
  sent,
  done,
  isClean,
  directCode,
  serialNumber,
  contradicted,
  carriers,
}: ParsedEntry): Exclude<Lookup, { state: 'none' | 'running' | 'lost' }> | undefined {
  if (sent === undefined) return undefined;
  if (done !== undefined) {
    return {
      state: 'done',
      sent,
      done,
      ...(contradicted !== undefined && { contradicted }),
      ...(carriers !== undefined && { carriers }),
    };
  }
  return {
    state: 'unresolved',
    sent,
    isDoubtful: !isClean,
    ...(directCode !== undefined && { directCode }),
    ...(serialNumber !== undefined && { serialNumber }),
  };
}
