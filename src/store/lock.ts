import { createHash, randomInt } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BridgeError, describeFault } from '../base/errors.ts';
import { type FileLocks, loadFileLocks } from '../base/file-lock.ts';
import type { OpenFile } from '../base/files.ts';
import { type Environment, findLockDirectory, SYSTEM_LOCK_DIRECTORY } from '../base/lock-directory.ts';
import { openLockFile } from './lock-file.ts';

/** Who has the terminal. */
export interface LockHolder {
  readonly connection: string;
  readonly pid: number;
  /** ISO 8601 time of acquiring. */
  readonly since: string;
  /** Which transaction it is for, where a journal tells them apart. */
  readonly transaction?: string;
}

export type LockAttempt =
  | {
      readonly acquired: true;
      /** Frees the lock before it returns. Safe to repeat. */
      release(): void;
    }
  | {
      readonly acquired: false;
      /** Who has it, as far as can be found out within half a second. Never rejects. */
      holder(): Promise<LockHolder | undefined>;
    };

/**
 * One transaction at a time per terminal. Life: free ⇄ held (`tryAcquire`, `release`), then closed (`close`, which
 * also frees it). An object that holds the lock is refused it a second time, like everybody else.
 */
export interface TransactionLock {
  /** What is locked, for people. */
  readonly text: string;
  /** A promise where other machines have to be asked. */
  tryAcquire(holder: LockHolder): LockAttempt | Promise<LockAttempt>;
  /** Frees the lock if this object holds it. Safe to repeat; `tryAcquire` throws from then on. */
  close(): Promise<void>;
}

/** A lock of this machine, which answers at once. */
export interface LocalLock extends TransactionLock {
  tryAcquire(holder: LockHolder): LockAttempt;
}

/** Names of any length fit a record: the rest of a longer one is left out. */
const MAX_CONNECTION_LENGTH = 256;
const MAX_RECORD_BYTES = 4096;
/** The byte that means "the terminal is taken". */
const LOCK_BYTE = 0;
/** How long to wait for a new holder's record: it is written just after acquiring. */
const RECORD_WAITS_MS: readonly number[] = [2, 5, 10, 20, 50, 100, 200];

/**
 * The lock between processes: on an open file description of `path`, free the moment its owner is gone. The file
 * stays for ever: a new one under the same name would be another lock.
 *
 * The holder's record in the file is one JSON line, written after acquiring. It names a random byte, its proof,
 * which the holder has locked as well. A record counts only while its proof is locked, so what an earlier holder
 * left behind is never taken for the present one.
 */
export async function openKernelLock(path: string): Promise<LocalLock> {
  try {
    const locks = loadFileLocks();
    return new KernelLock(path, locks, await openLockFile(path));
  } catch (cause) {
    const why = lockFault(cause);
    throw new BridgeError(
      'LOCK_UNAVAILABLE',
      `the transaction lock ${path} cannot be had: ${why}; give another place with --lock PATH, or --lock none`,
      { cause },
    );
  }
}

function lockFault(fault: unknown): string {
  if ((fault as NodeJS.ErrnoException).code === 'ELOOP') return 'it is a symbolic link (ELOOP)';
  return describeFault(fault);
}

class KernelLock implements LocalLock {
  readonly text: string;
  readonly #locks: FileLocks;
  readonly #file: OpenFile;
  /** The proof of the present holder while this object holds the lock. */
  #proof: number | undefined;
  #record: LockHolder | undefined;
  #recording: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(path: string, locks: FileLocks, file: OpenFile) {
    this.text = path;
    this.#locks = locks;
    this.#file = file;
  }

  tryAcquire(holder: LockHolder): LockAttempt {
    refuseClosed(this.#closing !== undefined, this.text);
    const own = this.#record;
    if (own !== undefined) return { acquired: false, holder: async () => own };
    if (!this.#locks.tryLock(this.#file.fd, LOCK_BYTE, 'exclusive')) {
      return { acquired: false, holder: () => this.#readHolder() };
    }
    const proof = randomInt(1, 2 ** 47);
    this.#locks.tryLock(this.#file.fd, proof, 'exclusive');
    this.#proof = proof;
    this.#record = holder;
    this.#recording = this.#recording.then(() => this.#writeRecord(proof, holder));
    return { acquired: true, release: () => this.#release(proof) };
  }

  close(): Promise<void> {
    if (this.#proof !== undefined) this.#release(this.#proof);
    this.#closing ??= this.#recording.then(() => this.#file.close());
    return this.#closing;
  }

  #release(proof: number): void {
    if (this.#proof !== proof) return;
    this.#proof = undefined;
    this.#record = undefined;
    this.#locks.unlock(this.#file.fd, proof);
    this.#locks.unlock(this.#file.fd, LOCK_BYTE);
  }

  /** Nothing depends on the record but a better word for people, so a full disk is no fault. */
  async #writeRecord(proof: number, holder: LockHolder): Promise<void> {
    if (this.#proof !== proof) return;
    await this.#file.write(encodeRecord(proof, holder)).catch(() => undefined);
  }

  async #readHolder(): Promise<LockHolder | undefined> {
    for (const waitMs of RECORD_WAITS_MS) {
      const holder = await this.#readRecord().catch(() => undefined);
      if (holder !== undefined || this.#closing !== undefined) return holder;
      await sleep(waitMs);
    }
    return undefined;
  }

  async #readRecord(): Promise<LockHolder | undefined> {
    const record = decodeRecord((await this.#file.read(MAX_RECORD_BYTES)).toString());
    if (record === undefined || this.#closing !== undefined) return undefined;
    // Shared, so that two who ask at once do not take each other for the holder.
    if (!this.#locks.tryLock(this.#file.fd, record.proof, 'shared')) return record.holder;
    this.#locks.unlock(this.#file.fd, record.proof);
    return undefined;
  }
}

function encodeRecord(proof: number, holder: LockHolder): string {
  const connection = holder.connection.slice(0, MAX_CONNECTION_LENGTH);
  return `${JSON.stringify({ ...holder, connection, proof })}\n`;
}

/** Reads the first line only: a shorter record does not wipe out the end of a longer one. */
function decodeRecord(text: string): { holder: LockHolder; proof: number } | undefined {
  const end = text.indexOf('\n');
  if (end < 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.slice(0, end));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { connection, pid, since, transaction, proof } = value as Record<string, unknown>;
  if (typeof connection !== 'string' || typeof pid !== 'number' || typeof since !== 'string')
    return undefined;
  if (!Number.isSafeInteger(proof) || (proof as number) <= LOCK_BYTE) return undefined;
  const holder = { connection, pid, since, ...(typeof transaction === 'string' && { transaction }) };
  return { holder, proof: proof as number };
}

/** Who holds which name inside this process. */
const heldNames = new Map<string, LockHolder>();

/** A lock inside this process, for terminals that no other process can reach: equal names are one lock. */
export function processLock(name: string): LocalLock {
  let release: (() => void) | undefined;
  let closed = false;
  return {
    text: `${name} (inside this process)`,
    tryAcquire(holder) {
      refuseClosed(closed, name);
      const other = heldNames.get(name);
      if (other !== undefined) return { acquired: false, holder: async () => other };
      const own = { ...holder };
      heldNames.set(name, own);
      release = () => {
        if (heldNames.get(name) === own) heldNames.delete(name);
      };
      return { acquired: true, release };
    },
    async close() {
      closed = true;
      release?.();
    },
  };
}

/** For `--lock none`: everybody may. */
export const noLock: LocalLock = {
  text: 'none',
  tryAcquire: () => ({ acquired: true, release: () => undefined }),
  close: async () => undefined,
};

/**
 * The lock file of a terminal without a journal, named after the place where transactions go (`placeOf`):
 * `posbridge-unix:_run_pay.sock.lock` in the machine's lock folder.
 */
export async function defaultLockPath(place: string, env: Environment): Promise<string> {
  const directory = await findLockDirectory(env);
  if (directory === undefined) {
    throw new BridgeError(
      'LOCK_UNAVAILABLE',
      `no folder for the transaction lock: ${SYSTEM_LOCK_DIRECTORY} is not writable, ${xdgFault(env)}; ` +
        'say where with --lock PATH, or --lock none',
    );
  }
  return lockPathIn(directory, place);
}

/** The same file in a folder of the caller's choice. Different texts have different names. */
export function lockPathIn(folder: string, place: string): string {
  const written = place.replace(/[^A-Za-z0-9.:=?&@,/-]/g, escaped).replaceAll('/', '_');
  return path.join(folder, `posbridge-${written.length > MAX_WRITTEN ? hashed(written) : written}.lock`);
}

/** One UTF-16 code unit. */
function escaped(unit: string): string {
  return `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** For a name that no folder would take. Not for every one: `node:crypto` costs a start 3 ms. */
function hashed(written: string): string {
  return `${written.slice(0, MAX_WRITTEN / 2)}%-${createHash('sha256').update(written).digest('hex').slice(0, 32)}`;
}

/** With what stands around it less than the 255 bytes of a file's name. */
const MAX_WRITTEN = 200;

function xdgFault({ XDG_RUNTIME_DIR }: Environment): string {
  return XDG_RUNTIME_DIR ? `nor is XDG_RUNTIME_DIR (${XDG_RUNTIME_DIR})` : 'XDG_RUNTIME_DIR is not set';
}

function refuseClosed(closed: boolean, text: string): void {
  if (closed) throw new Error(`the transaction lock ${text} is closed`);
}
