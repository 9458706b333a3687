import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const EXISTING = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const NEW = EXISTING | constants.O_CREAT | constants.O_EXCL;

/**
 * Opens a lock file of its own description for reading and writing, made with mode 0600 if it is missing, never
 * emptied. In a folder that everybody may write, somebody else may have put anything in its place: symbolic
 * links, second names of another file and whatever is no regular file are refused.
 *
 * The first attempt leaves out O_CREAT: with it, Linux (fs.protected_regular) refuses a file of another user
 * there, even to those who may write it.
 */
export async function openLockFile(path: string): Promise<FileHandle> {
  const handle = await openOrMake(path);
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new Error('it is no regular file');
    if (status.nlink > 1) throw new Error('it has a second name (hard link)');
    return handle;
  } catch (fault) {
    await handle.close();
    throw fault;
  }
}

async function openOrMake(path: string): Promise<FileHandle> {
  const existing = await openUnless('ENOENT', path, EXISTING);
  if (existing !== undefined) return existing;
  const made = await openUnless('EEXIST', path, NEW);
  return made ?? (await open(path, EXISTING));
}

async function openUnless(code: string, path: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags, 0o600);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === code) return undefined;
    throw fault;
  }
}
