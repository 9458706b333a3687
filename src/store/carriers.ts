import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { type FileLocks, loadFileLocks } from '../base/file-lock.ts';
import type { OpenFile } from '../base/files.ts';
import { openFile } from './journal-file.ts';
import { openLockFile } from './lock-file.ts';
import type { CarrierMarks } from './transaction-journal.ts';

const LOCK_FILE = 'connections.lock';

/** One connection, as long as it is open. */
interface Open {
  /** The transaction whose answer it was given last, while it has sent nothing since. */
  silentSince: string | undefined;
  /** Other processes see it. */
  isShared: boolean;
}

/**
 * Which connections of a journal are open, in all processes, and what they have done since they were given an answer. A
 * connection has a byte of a lock file locked while it is open, and another one while it has sent nothing since the
 * answer to a certain transaction; the kernel frees both when its process dies. The locks are shared ones, for which
 * the file is open for reading only: a disk can be made read-only meanwhile.
 */
export class Carriers implements CarrierMarks {
  readonly #path: string;
  readonly #locks: FileLocks = loadFileLocks();
  readonly #open = new Map<string, Open>();
  #file: Promise<FileHandle> | undefined;
  #fd: number | undefined;

  constructor(folder: string) {
    this.#path = path.join(folder, LOCK_FILE);
  }

  /**
   * A connection whose transactions are in the journal. Rejects where the file cannot be had: until it is tried again
   * with success only this process knows of the connection. Safe to repeat.
   */
  async join(connection: string): Promise<void> {
    const open = this.#open.get(connection) ?? { silentSince: undefined, isShared: false };
    this.#open.set(connection, open);
    if (open.isShared) return;
    this.#file ??= this.#openForReading();
    try {
      this.#fd = (await this.#file).fd;
    } catch (fault) {
      this.#file = undefined; // the disk may be well again the next time
      throw fault;
    }
    if (this.#open.get(connection) !== open) return; // it has left meanwhile
    open.isShared = true;
    this.#locks.tryLock(this.#fd, byteOf(connection), 'shared');
  }

  /** The connection is given the answer to this transaction. */
  carries(connection: string, id: string): void {
    const open = this.#open.get(connection);
    if (open === undefined) return;
    this.spoke(connection);
    open.silentSince = id;
    if (this.#fd !== undefined) this.#locks.tryLock(this.#fd, byteOf(connection, id), 'shared');
  }

  /** The peer has sent something. */
  spoke(connection: string): void {
    const open = this.#open.get(connection);
    if (open?.silentSince === undefined) return;
    if (this.#fd !== undefined) this.#locks.unlock(this.#fd, byteOf(connection, open.silentSince));
    open.silentSince = undefined;
  }

  leave(connection: string): void {
    this.spoke(connection);
    if (this.#open.delete(connection) && this.#fd !== undefined) {
      this.#locks.unlock(this.#fd, byteOf(connection));
    }
  }

  /**
   * Whether one of these connections is open and has sent something since it was given the answer to this transaction.
   * Rejects where the file cannot be written: then nobody knows of other processes.
   */
  async haveGoneOn(connections: readonly string[], id: string): Promise<boolean> {
    const others: string[] = [];
    for (const connection of connections) {
      const open = this.#open.get(connection);
      if (open === undefined) others.push(connection);
      else if (open.silentSince !== id) return true;
    }
    if (others.length === 0) return false;
    const file = await openLockFile(this.#path);
    try {
      return others.some(
        (other) => this.#isLocked(file, byteOf(other)) && !this.#isLocked(file, byteOf(other, id)),
      );
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    const file = await this.#file?.catch(() => undefined);
    this.#file = undefined;
    this.#fd = undefined;
    await file?.close();
  }

  /** By another process. */
  #isLocked({ fd }: OpenFile, byte: number): boolean {
    return !this.#locks.tryLock(fd, byte, 'exclusive');
  }

  /** Made where it is missing. */
  async #openForReading(): Promise<FileHandle> {
    const existing = await openFile(this.#path, 'read');
    if (existing !== undefined) return existing;
    await (await openLockFile(this.#path)).close();
    const made = await openFile(this.#path, 'read');
    if (made === undefined) throw new Error(`${this.#path} is removed all the time`);
    return made;
  }
}

/** 47 bits, which every file system takes for an offset; that two texts meet is as good as impossible. */
function byteOf(...texts: readonly string[]): number {
  const digest = createHash('sha256').update(JSON.stringify(texts)).digest();
  return Math.floor(digest.readUIntBE(0, 6) / 2);
}
