import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { LogLevels } from '../base/log-levels.ts';
import { strangerOf } from '../base/ownership.ts';
import type { ProcessStatus } from './process-status.ts';
import { birthOf, readWishes, type StatusFile, wishesOf } from './status-folder.ts';

/** Between two looks at whether anything has changed, at least; and so many times as long as a look takes. */
const EVERY_MS = 1000;
const TIMES_A_LOOK = 50;
export interface OwnStatusOptions {
  readonly read: () => ProcessStatus;
  readonly levels: LogLevels;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Tells the status of this process in a file of its own, for `posbridge status`: written when something has changed, at
 * most once a second, and removed at the end. What is left behind belonged to a process that died.
 */
export class OwnStatus {
  readonly #file: string;
  readonly #options: OwnStatusOptions;
  #timer: Timer | undefined;
  #written = '';
  #birth: string | undefined;
  #traced: readonly string[] = [];
  #isWriting: Promise<void> = Promise.resolve();
  #isClosed = false;
  #lookMs = 0;
  #hasWarned = false;

  constructor(folder: string, options: OwnStatusOptions) {
    const { pid, started } = options.read();
    this.#file = path.join(folder, `${pid}-${Date.parse(started).toString(36)}.json`);
    this.#options = options;
    this.#isWriting = this.#begin(folder);
  }

  /** Resolves when the look that has begun is over. */
  get written(): Promise<void> {
    return this.#isWriting;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#isWriting;
    await Promise.all(
      [this.#file, wishesOf(this.#file)].map((file) => rm(file, { force: true }).catch(() => {})),
    );
  }

  async #begin(folder: string): Promise<void> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o750 });
      const stranger = strangerOf(await stat(folder), folder);
      if (stranger !== undefined) throw new Error(stranger);
      await this.#write();
      this.#later();
    } catch (fault) {
      this.#warn(fault);
    }
  }

  #later(): void {
    if (this.#isClosed) return;
    const pauseMs = Math.max(EVERY_MS, TIMES_A_LOOK * this.#lookMs);
    this.#timer = this.#options.clock.after(pauseMs, () => {
      this.#isWriting = this.#obey()
        .then(() => this.#write())
        .catch((fault: unknown) => this.#warn(fault))
        .then(() => this.#later());
    });
  }

  async #write(): Promise<void> {
    const beganMs = this.#options.clock.nowMs();
    const status = this.#options.read();
    this.#lookMs = this.#options.clock.nowMs() - beganMs;
    this.#birth ??= await birthOf(status.pid);
    const told: StatusFile = { birth: this.#birth ?? '', status };
    const text = JSON.stringify(told);
    const compared = JSON.stringify({ ...status, time: '', memory_bytes: 0, cpu_seconds: 0 });
    if (compared === this.#written) return;
    const unborn = `${this.#file}.new`;
    await writeFile(unborn, text, { mode: 0o640 });
    await rename(unborn, this.#file);
    this.#written = compared;
  }

  async #obey(): Promise<void> {
    const wanted = (await readWishes(this.#file)).trace;
    const { levels, log } = this.#options;
    for (const connection of wanted.filter((one) => !this.#traced.includes(one))) {
      levels.trace(connection, true);
      log.info('every message of a connection is logged', { connection });
    }
    for (const connection of this.#traced.filter((one) => !wanted.includes(one))) {
      levels.trace(connection, false);
      log.info('messages are logged no longer', { connection });
    }
    this.#traced = wanted;
  }

  #warn(fault: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.log.warn('the status cannot be told', { file: this.#file, why: describeFault(fault) });
  }
}
