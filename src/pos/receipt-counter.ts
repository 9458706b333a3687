import { randomInt } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { loadFileLocks } from '../base/file-lock.ts';
import { maskText } from '../base/mask.ts';
import { pause } from '../base/pause.ts';

const FILE_NAME = 'receipt-number';
const LOCK_BYTE = 0;
/** Digits of a stored number; always as many, so that one write replaces another. */
const DIGITS = 15;
const NUMBER = /^(\d{15})\n/;
const RETRY_MS = 5;
/** Nobody holds the lock for longer than a sync of the disk. */
const MAX_RETRIES = 2000;

/**
 * Receipt numbers of a store, each given once, to any number of processes: a file with the last number, in a kernel
 * lock while it is changed, on the disk before a number is given.
 *
 * A file that is not there or cannot be read starts from the time in seconds and a random part, so that a store that
 * was lost does not give old numbers again, nor two registers of one terminal the same ones. The first number of each
 * process starts from there too unless the last one was higher, for the store may have been put back from a copy.
 * Numbers that would be taken for card numbers, and masked in every log, are left out.
 */
export class ReceiptCounter {
  readonly #folder: string;
  readonly #clock: Clock;
  #isFirst = true;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** Rejects when the number is not on the disk. */
  async next(): Promise<number> {
    const file = await openCounter(this.#folder);
    try {
      await this.#lock(file);
      const last = (await readNumber(file)) ?? 0;
      const least = this.#isFirst || last === 0 ? freshStart(this.#clock) : 0;
      let number = Math.max(last + 1, least);
      while (maskText(String(number)) !== String(number)) number += 1;
      const { bytesWritten } = await file.write(`${String(number).padStart(DIGITS, '0')}\n`, 0);
      if (bytesWritten !== DIGITS + 1)
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      await file.datasync();
      this.#isFirst = false;
      return number;
    } finally {
      await file.close(); // frees the lock
    }
  }

  async #lock(file: FileHandle): Promise<void> {
    const locks = loadFileLocks();
    for (let retry = 0; !locks.tryLock(file.fd, LOCK_BYTE, 'exclusive'); retry += 1) {
      if (retry === MAX_RETRIES) throw new Error(`${FILE_NAME} is locked by another process`);
      await pause(this.#clock, RETRY_MS);
    }
  }
}

/** Seconds since 2020 and five random digits: 14 digits, 15 from 2051 on. */
function freshStart(clock: Clock): number {
  const seconds = Math.floor((clock.wallMs() - Date.UTC(2020, 0, 1)) / 1000);
  return Math.max(1, seconds) * 100_000 + randomInt(100_000);
}

async function openCounter(folder: string): Promise<FileHandle> {
  const name = path.join(folder, FILE_NAME);
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return await open(name, flags);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ENOENT') throw fault;
  }
  const file = await open(name, flags | constants.O_CREAT, 0o600);
  const directory = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync().finally(() => directory.close());
  return file;
}

async function readNumber(file: FileHandle): Promise<number | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(DIGITS + 1), 0, DIGITS + 1, 0);
  const [, digits] = NUMBER.exec(buffer.toString('latin1', 0, bytesRead)) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
