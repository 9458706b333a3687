import path from 'node:path';
import { loadFileLocks } from '../base/file-lock.ts';
import type { OpenFile } from '../base/files.ts';
import { checkFolder, makeFolder, openFolder } from './journal-file.ts';
import { openLockFile } from './lock-file.ts';

/**
 * Makes a folder if it is missing, readable by this user alone. Rejects where it cannot be made, where somebody else
 * may have written it, and where it is on a file system that cannot be trusted to keep what was synced.
 */
export async function openStateFolder(folder: string): Promise<void> {
  await makeFolder(folder);
  const handle = await openFolder(folder);
  try {
    await checkFolder(folder, handle);
  } finally {
    await handle.close();
  }
}

/** Opens a folder for one process alone, until the handle is closed. Rejects where another process has it. */
export async function takeStateFolder(folder: string): Promise<OpenFile> {
  await openStateFolder(folder);
  const lock = await openLockFile(path.join(folder, LOCK_FILE));
  if (loadFileLocks().tryLock(lock.fd, 0, 'exclusive')) return lock;
  await lock.close();
  throw new Error('another process is using it');
}

const LOCK_FILE = 'owner.lock';
