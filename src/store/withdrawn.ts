import type { OwnedEntry } from './owned-entry.ts';

/** Where the disk does not take it back it is unresolved, and the application is asked. */
export async function withdrawn(entry: OwnedEntry): Promise<void> {
  await entry.withdraw().catch(() => entry.release());
}

/**
 * What decides whether a new entry stays. Where it cannot be found out the entry goes: nobody would ever let go of it.
 */
export async function orWithdrawn<T>(entry: OwnedEntry, decision: Promise<T>): Promise<T> {
  try {
    return await decision;
  } catch (fault) {
    await withdrawn(entry);
    throw fault;
  }
}
