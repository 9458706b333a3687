import { execFile } from 'node:child_process';
import { type BigIntStats, constants, lstatSync, unlinkSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FileLocks } from '../base/file-lock.ts';
import { closeFile, FIFO_LOCK, FifoTaken, isSameFile, openFifo } from './fifo-file.ts';

const run = promisify(execFile);
const MKFIFO_LIMIT_MS = 5000;

/** Pipes of ours that are still there; what is left when the process exits is removed by `removeAll`. */
const made = new Map<string, BigIntStats>();

/**
 * Makes a named pipe (0600) that is ours to remove. One that a dead bridge left behind is replaced, not taken over:
 * who still writes to the old one means somebody else. Anything else under that name is refused.
 */
export async function makeFifo(path: string, locks: FileLocks): Promise<BigIntStats> {
  const existing = await statIfThere(path);
  if (existing !== undefined) await removeDead(path, existing, locks);
  await runMkfifo(path);
  const status = await lstat(path, { bigint: true });
  if (made.size === 0) process.on('exit', removeAll);
  made.set(path, status);
  return status;
}

/** Removes what `makeFifo` made, unless somebody has put something else in its place. Never rejects. */
export async function removeFifo(path: string, status: BigIntStats): Promise<void> {
  try {
    if (isSameFile(await lstat(path, { bigint: true }), status)) await unlink(path);
  } catch {
    // It is gone already, or its folder is no longer ours to change.
  }
  if (made.get(path) !== status) return;
  made.delete(path);
  if (made.size === 0) process.off('exit', removeAll);
}

/** Nothing asynchronous happens any more when a process exits. */
function removeAll(): void {
  for (const [path, status] of made) {
    try {
      if (isSameFile(lstatSync(path, { bigint: true }), status)) unlinkSync(path);
    } catch {
      // As above.
    }
  }
}

async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fault;
  }
}

/** The kernel knows whether its reader lives: only a living one has the lock. */
async function removeDead(path: string, existing: BigIntStats, locks: FileLocks): Promise<void> {
  if (!existing.isFIFO()) throw new Error('something else has that name');
  const { fd } = await openFifo(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    if (!locks.tryLock(fd, FIFO_LOCK.reader, 'exclusive')) throw new FifoTaken();
    const present = await statIfThere(path);
    if (present !== undefined && isSameFile(present, existing)) await unlink(path);
  } finally {
    await closeFile(fd);
  }
}

async function runMkfifo(path: string): Promise<void> {
  try {
    await run('mkfifo', ['-m', '600', '--', path], { timeout: MKFIFO_LIMIT_MS });
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    throw new Error(stderr.trim().split('\n').at(-1) || message, { cause });
  }
}
