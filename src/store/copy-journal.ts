import type { Outcome } from './entry-state.ts';
import { isDamaged } from './entry-state.ts';
import type { DoneRecord } from './journal-record.ts';
import type { TransactionJournal } from './transaction-journal.ts';

/**
 * Puts the entries of one journal into another, wherever they are kept. What is there already stays as it is, so it may
 * be repeated.
 *
 * Rejects before anything is copied where an entry cannot be copied whole: what is missing from a journal is taken for
 * what never was.
 */
export async function copyJournal(
  from: TransactionJournal,
  to: TransactionJournal,
): Promise<{ copied: number; present: number }> {
  for await (const entry of from.entries()) {
    const { id, isRunning, done, isClean } = entry;
    if (isRunning) throw new Error(`a running posbridge is at ${id}: stop those that use this journal first`);
    if (isDamaged(entry) || (done === undefined && !isClean)) {
      throw new Error(`${id} is damaged: look at it with verify, and settle or prune it first`);
    }
  }
  const key = await from.compareKey();
  if (!key.equals(await to.compareKey(key))) {
    throw new Error(
      `${to.text} has a key of its own, so repeated requests could not be told: copy into a new journal`,
    );
  }
  const count = { copied: 0, present: 0 };
  for await (const {
    id,
    sent,
    done,
    contradicted,
    directCode,
    serialNumber,
    carriers = [],
  } of from.entries()) {
    if (sent === undefined) continue;
    const first = contradicted ?? done;
    const begun = await to.begin(
      id,
      sent,
      first === undefined ? undefined : outcomeOf(first),
      contradicted === undefined || done === undefined ? undefined : outcomeOf(done),
    );
    if (begun === 'exists') {
      count.present += 1;
      continue;
    }
    if (directCode !== undefined && done === undefined) await begun.note(directCode);
    if (serialNumber !== undefined && done === undefined) await begun.noteTerminal(serialNumber);
    await begun.release();
    for (const connection of carriers) {
      if (connection !== done?.connection) await to.carried(id, connection);
    }
    count.copied += 1;
  }
  return count;
}

function outcomeOf({ state: _, ...outcome }: DoneRecord): Outcome {
  return outcome;
}
