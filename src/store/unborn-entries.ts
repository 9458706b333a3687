import { randomUUID } from 'node:crypto';
import { type FileHandle, lstat, readdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { loadFileLocks } from '../base/file-lock.ts';
import { wallAgeOf } from './age.ts';
import {
  createFile,
  ifThere,
  isOfKind,
  type JournalKind,
  OWNER_BYTE,
  type Owners,
  openFile,
} from './journal-file.ts';

const UNBORN = '.new';
/**
 * Younger than this, a file in the making is taken for a living one unseen: looking at its lock could get in the
 * owner's way.
 */
const FRESH_MS = 10_000;
/** Older than this, what nobody owns was left behind by a dead process. */
const LEFT_BEHIND_MS = 3_600_000;

/** The files of entries that have no name of their own yet, `ID.….new`: locked by who makes them, as entries are. */
export class UnbornEntries {
  readonly #folder: string;
  readonly #kind: JournalKind;
  readonly #clock: Clock;
  readonly #owners: Owners | undefined;
  readonly #locks = loadFileLocks();
  /** What this process is about to begin. */
  readonly #mentioned = new Set<{ readonly id: string }>();

  constructor(folder: string, kind: JournalKind, clock: Clock, owners?: Owners) {
    this.#folder = folder;
    this.#kind = kind;
    this.#clock = clock;
    this.#owners = owners;
  }

  /** Until its end, this entry counts as being made. */
  mention(id: string): { end(): void } {
    const mention = { id };
    this.#mentioned.add(mention);
    return { end: () => void this.#mentioned.delete(mention) };
  }

  /**
   * A new file with the owner's lock; undefined where another process looked at it and had the lock first: nothing is
   * left then.
   */
  async create(id: string): Promise<{ readonly file: FileHandle; readonly name: string } | undefined> {
    const name = path.join(this.#folder, `${id}.${randomUUID()}${UNBORN}`);
    const file = await createFile(name);
    let isOurs = false;
    try {
      isOurs = this.#locks.tryLock(file.fd, OWNER_BYTE, 'exclusive');
    } finally {
      if (!isOurs) {
        await unlink(name).catch(() => {});
        await file.close();
      }
    }
    return isOurs ? { file, name } : undefined;
  }

  /** Whether a living process is making this entry. */
  async has(id: string): Promise<boolean> {
    if ([...this.#mentioned].some((mention) => mention.id === id)) return true;
    for (const name of await this.#names()) {
      if (name.startsWith(`${id}.`) && (await this.#isBeingMade(name))) return true;
    }
    return false;
  }

  /** Removes what dead processes left behind, and counts it. */
  async prune(): Promise<number> {
    let removed = 0;
    for (const name of await this.#names()) {
      const ageMs = await this.#ageOf(name);
      if (ageMs === undefined || ageMs <= LEFT_BEHIND_MS || (await this.#isOwned(name))) continue;
      await ifThere(unlink(path.join(this.#folder, name)));
      removed += 1;
    }
    return removed;
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.#folder);
    return names.filter((name) => name.endsWith(UNBORN) && isOfKind(name, this.#kind));
  }

  async #isBeingMade(name: string): Promise<boolean> {
    const ageMs = await this.#ageOf(name);
    if (ageMs !== undefined && ageMs >= 0 && ageMs < FRESH_MS) return true;
    return this.#isOwned(name);
  }

  /** Undefined where the file is gone, or nobody knows. */
  async #ageOf(name: string): Promise<number | undefined> {
    const status = await ifThere(lstat(path.join(this.#folder, name)));
    return status === undefined ? undefined : wallAgeOf(status.mtimeMs, this.#clock);
  }

  async #isOwned(name: string): Promise<boolean> {
    const file = await openFile(path.join(this.#folder, name), 'read', this.#owners);
    if (file === undefined) return false;
    try {
      return !this.#locks.tryLock(file.fd, OWNER_BYTE, 'shared');
    } finally {
      await file.close();
    }
  }
}
