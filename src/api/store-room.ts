import { access, constants, statfs } from 'node:fs/promises';

/** Less than a sale may take: its entry, the number that it gets, and the folder's own blocks. */
const LEAST_BYTES = 32 * 1024;

/**
 * Whether a new sale would find room in this folder. A look, not a write: whoever asks may ask often. Rejects with the
 * system's error otherwise.
 */
export async function checkRoom(folder: string): Promise<void> {
  await access(folder, constants.W_OK);
  const { bavail, bsize, files, ffree } = await statfs(folder);
  const isFull = bavail * bsize < LEAST_BYTES || (files > 0 && ffree === 0);
  if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}
