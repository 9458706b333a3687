import { constants, lstat, open, unlink } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { FileLocks } from '../base/file-lock.ts';
import { FIFO_LOCK } from './fifo-file.ts';

const FIRST_WAIT_MS = 1;
const WAIT_LIMIT_MS = 16;

/**
 * Whose turn it is among all processes that write to a named pipe.
 *
 * idle → queueing → next → owner → idle. Queueing ends by getting the `next` lock, of which there is one, so an
 * owner that wants to write again at once cannot overtake who waited longest at the door. A killed process gives
 * all of this back through the kernel. `stop` ends every state for good; the descriptor is not touched after it.
 */
export class WriteTurns {
  readonly #fd: number;
  readonly #locks: FileLocks;
  readonly #clock: Clock;
  readonly #random: () => number;
  #isNext = false;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(fd: number, locks: FileLocks, clock: Clock, random: () => number) {
    this.#fd = fd;
    this.#locks = locks;
    this.#clock = clock;
    this.#random = random;
  }

  /** True when the turn is ours; false if `stop` came first. Rejects if the kernel refuses to lock at all. */
  async take(): Promise<boolean> {
    let waitMs = FIRST_WAIT_MS;
    while (!this.#isStopped) {
      if (this.#tryTake()) return true;
      await this.#wait(waitMs * (0.5 + this.#random()));
      waitMs = Math.min(waitMs * 2, WAIT_LIMIT_MS);
    }
    return false;
  }

  release(): void {
    if (!this.#isStopped) this.#locks.unlock(this.#fd, FIFO_LOCK.turn);
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(delayMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #tryTake(): boolean {
    if (!this.#isNext) this.#isNext = this.#locks.tryLock(this.#fd, FIFO_LOCK.next, 'exclusive');
    if (!this.#isNext || !this.#locks.tryLock(this.#fd, FIFO_LOCK.turn, 'exclusive')) return false;
    this.#locks.unlock(this.#fd, FIFO_LOCK.next);
    this.#isNext = false;
    return true;
  }
}

/**
 * What outlives a writer that is killed: a file that exists while somebody is inside a line which may arrive in
 * pieces. Only the owner of the turn touches it, so an owner that finds it knows that the one before died inside.
 * Nothing is read from it and nothing depends on whose it is: a mark that a stranger puts there costs empty lines.
 */
export class CutMark {
  readonly #file: string | undefined;

  /** Without a file nothing can be remembered: the mark always counts as set. */
  constructor(file: string | undefined) {
    this.#file = file;
  }

  async isSet(): Promise<boolean> {
    if (this.#file === undefined) return true;
    return await lstat(this.#file).then(
      () => true,
      (fault: NodeJS.ErrnoException) => fault.code !== 'ENOENT',
    );
  }

  /** A full disk is no reason to keep a line from the application. */
  async set(): Promise<void> {
    if (this.#file === undefined) return;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    await open(this.#file, flags, 0o600).then(
      (handle) => handle.close(),
      () => undefined,
    );
  }

  async clear(): Promise<void> {
    if (this.#file !== undefined) await unlink(this.#file).catch(() => undefined);
  }
}
