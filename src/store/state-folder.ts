import { checkFolder, makeFolder, openFolder } from './journal-file.ts';

/**
 * Makes a folder if it is missing, readable by this user alone. Rejects where it cannot be made, where somebody else may have
 * written it, and where it is on a file system that cannot be trusted to keep what was synced.
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
