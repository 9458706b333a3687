import { constants } from 'node:fs';
import path from 'node:path';
import { access } from './files.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The place for locks on a UNIX machine; gone after a restart, as the locks are. */
export const SYSTEM_LOCK_DIRECTORY = '/run/lock';

/** Where processes of one user meet: /run/lock, else `$XDG_RUNTIME_DIR`; undefined if neither can be written. */
export async function findLockDirectory(
  { XDG_RUNTIME_DIR }: Environment,
  systemDirectory = SYSTEM_LOCK_DIRECTORY,
): Promise<string | undefined> {
  for (const directory of [systemDirectory, XDG_RUNTIME_DIR]) {
    if (directory === undefined || !path.isAbsolute(directory)) continue;
    if (await isWritable(directory)) return directory;
  }
  return undefined;
}

async function isWritable(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
