import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { LogLevels } from '../base/log-levels.ts';
import { strangerOf } from '../base/ownership.ts';
import type { ProcessStatus } from './process-status.ts';

/** Between two looks at whether anything has changed. */
const EVERY_MS = 1000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** What a dead process has left is shown so long. */
const KEPT_MS = 24 * 3_600_000;

/** What somebody else wants of a running process: a file beside its status, which it reads within a second. */
export interface Wishes {
  /** Connections of which every message is to be logged. */
  readonly trace: readonly string[];
}

export interface OwnStatusOptions {
  readonly read: () => ProcessStatus;
  readonly levels: LogLevels;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Tells the status of this process in a file of its own, for `posbridge status`: written when something has changed, at most once a second,
 * and removed at the end. What is left behind belonged to a process that died.
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
  #hasWarned = false;

  constructor(folder: string, options: OwnStatusOptions) {
    const { pid, started } = options.read();
    this.#file = path.join(folder, `${pid}-${Date.parse(started).toString(36)}.json`);
    this.#options = options;
    this.#isWriting = this.#begin(folder);
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
    this.#timer = this.#options.clock.after(EVERY_MS, () => {
      this.#isWriting = this.#obey()
        .then(() => this.#write())
        .catch((fault: unknown) => this.#warn(fault))
        .then(() => this.#later());
    });
  }

  async #write(): Promise<void> {
    const status = this.#options.read();
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

interface StatusFile {
  readonly birth: string;
  readonly status: ProcessStatus;
}

/** What one process has told. `isAlive`: it runs; else it died, and this is what it did then. */
export interface ToldStatus {
  readonly file: string;
  readonly isAlive: boolean;
  readonly status: ProcessStatus;
}

/** Everything that processes have told in a folder, the oldest process first. What cannot be read is not there. Rejects for the folder alone. */
export async function readStatusFolder(folder: string, clock: Clock): Promise<ToldStatus[]> {
  const names = (await readdir(folder)).filter((name) => STATUS_FILE.test(name));
  const told = await Promise.all(names.map((name) => readTold(path.join(folder, name), clock)));
  return told
    .filter((one) => one !== undefined)
    .toSorted((a, b) => (a.status.started < b.status.started ? -1 : 1));
}

async function readTold(file: string, clock: Clock): Promise<ToldStatus | undefined> {
  try {
    const { size, mtimeMs } = await stat(file);
    if (size > MAX_FILE_BYTES) return undefined;
    const { birth, status } = JSON.parse(await readFile(file, 'utf8')) as StatusFile;
    if (typeof status?.pid !== 'number' || !Array.isArray(status.connections)) return undefined;
    const isAlive = (await birthOf(status.pid)) === birth;
    const isOld = clock.wallMs() - mtimeMs > KEPT_MS;
    // It died without anything open, or so long ago that nobody asks any more.
    if (!isAlive && (isOld || status.connections.every((one) => one.open_requests === 0))) {
      await Promise.all([file, wishesOf(file)].map((one) => rm(one, { force: true }).catch(() => {})));
      if (isOld) return undefined;
    }
    return { file, isAlive, status };
  } catch {
    return undefined; // it has just ended, or is none of ours
  }
}

/** When a process began, in ticks since the machine was started: it tells one from a later one with the same number. */
async function birthOf(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in parentheses, may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[BIRTH_FIELD];
  } catch {
    return undefined;
  }
}

/** Of /proc/PID/stat, counted from behind the name. */
const BIRTH_FIELD = 19;
const STATUS_FILE = /^\d+-[0-9a-z]+\.json$/;

export async function readWishes(file: string): Promise<Wishes> {
  try {
    const value: unknown = JSON.parse(await readFile(wishesOf(file), 'utf8'));
    const { trace } = value as { readonly trace?: unknown };
    return { trace: Array.isArray(trace) ? trace.filter((one) => typeof one === 'string') : [] };
  } catch {
    return { trace: [] };
  }
}

/** Asks a process, by the file of its status. Rejects where that cannot be written. */
export async function writeWishes(file: string, wishes: Wishes): Promise<void> {
  await writeFile(`${wishesOf(file)}.new`, JSON.stringify(wishes), { mode: 0o640 });
  await rename(`${wishesOf(file)}.new`, wishesOf(file));
}

function wishesOf(file: string): string {
  return file.replace(/\.json$/, '.wishes');
}
