import { constants } from 'node:fs';
import path from 'node:path';
import { OpenFile, stat } from '../base/files.ts';
import { describeStranger, isStrangers, ownUid, strangerInFolder, strangerOf } from '../base/ownership.ts';

const EXISTING = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const NEW = EXISTING | constants.O_CREAT | constants.O_EXCL;

/**
 * Opens a lock file of its own description for reading and writing, made with mode 0600 if it is missing, never
 * emptied. In a folder that everybody may write, somebody else may have put anything in its place: symbolic
 * links, second names of another file and whatever is no regular file are refused. So is a file that somebody else than
 * we and root can write, replace or remove: with the file gone, two processes would hold two locks.
 *
 * The first attempt leaves out O_CREAT: with it, Linux (fs.protected_regular) refuses a file of another user
 * there, even to those who may write it.
 */
export async function openLockFile(file: string): Promise<OpenFile> {
  const handle = await openOrMake(file).catch(async (fault: NodeJS.ErrnoException) => {
    const status = fault.code === 'EACCES' ? await stat(file).catch(() => undefined) : undefined;
    throw status === undefined || status.uid === ownUid() ? fault : anothersFile(status.uid);
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new Error('it is no regular file');
    if (status.nlink > 1) throw new Error('it has a second name (hard link)');
    if (isStrangers(status)) throw anothersFile(status.uid);
    const stranger = strangerOf(status, file) ?? (await strangerInFolder(path.dirname(file)));
    if (stranger !== undefined) throw new Error(stranger);
    return handle;
  } catch (fault) {
    await handle.close();
    throw fault;
  }
}

/** Names of its own for each user would let two bridges of one terminal run at once. */
function anothersFile(owner: number): Error {
  const text = `it ${describeStranger(owner)}: run every bridge of this terminal as one user, or remove the file when none runs`;
  return new Error(text);
}

async function openOrMake(file: string): Promise<OpenFile> {
  const existing = await openUnless('ENOENT', file, EXISTING);
  if (existing !== undefined) return existing;
  const made = await openUnless('EEXIST', file, NEW);
  return made ?? (await OpenFile.open(file, EXISTING));
}

async function openUnless(code: string, file: string, flags: number): Promise<OpenFile | undefined> {
  try {
    return await OpenFile.open(file, flags, 0o600);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === code) return undefined;
    throw fault;
  }
}
