import { entryId } from '../../store/entry-id.ts';
import type { Lookup } from '../../store/entry-state.ts';
import type { TransactionJournal } from '../../store/transaction-journal.ts';
import type { Identity } from '../identity.ts';

/** The transactions of one first identifier, a receipt number for instance, as far as the journal has them. */
export class Group {
  readonly #journal: TransactionJournal;
  readonly #register: string;

  constructor(journal: TransactionJournal, register: string) {
    this.#journal = journal;
    this.#register = register;
  }

  /** Whether there is a transaction of the first identifier alone. */
  async hasBare({ first }: Identity): Promise<boolean> {
    return !isNothing(await this.#journal.lookup(entryId(this.#register, first)));
  }

  /** Those beside this one. Where one was only asked about and not found there is none. */
  async othersOf(id: string): Promise<{ id: string; lookup: Lookup }[]> {
    const others: { id: string; lookup: Lookup }[] = [];
    for (const other of await this.#journal.siblings(id)) {
      const lookup = other === id ? undefined : await this.#journal.lookup(other);
      if (lookup !== undefined && !isNothing(lookup)) others.push({ id: other, lookup });
    }
    return others;
  }
}

/** No transaction: not recorded, or asked about and not found. */
export function isNothing(lookup: Lookup): boolean {
  if (lookup.state === 'none') return true;
  return lookup.state === 'done' && lookup.sent.state === 'absent' && lookup.done.kind === 'error';
}
