import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { ProcessStatus } from './process-status.ts';

const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** What a dead process has left is shown so long. */
const KEPT_MS = 24 * 3_600_000;

/** What somebody else wants of a running process: a file beside its status, which it reads within a second. */
export interface Wishes {
  /** Connections of which every message is to be logged. */
  readonly trace: readonly string[];
}

export interface StatusFile {
  readonly birth: string;
  readonly status: ProcessStatus;
}

/** What one process has told. `isAlive`: it runs; else it died, and this is what it did then. */
export interface ToldStatus {
  readonly file: string;
  readonly isAlive: boolean;
  readonly status: ProcessStatus;
}

/**
 * Everything that processes have told in a folder, the oldest process first. What cannot be read is not there. Rejects
 * for the folder alone.
 */
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
export async function birthOf(pid: number): Promise<string | undefined> {
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

/** Where a process reads what is wanted of it. */
export function wishesOf(file: string): string {
  return file.replace(/\.json$/, '.wishes');
}
