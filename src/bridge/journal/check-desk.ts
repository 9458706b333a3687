import { describeFault } from '../../base/errors.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { OutcomeText as Answer } from '../../rpc/outcome.ts';
import type { Lookup } from '../../store/entry-state.ts';
import type { Identity } from '../identity.ts';
import type { JournalDeskOptions } from './desk-options.ts';
import { type Group, isNothing } from './group.ts';
import type { Records } from './records.ts';
import type { TransactionRequest } from './request.ts';
import type { Resolver } from './resolver.ts';

/** What is told to whoever asks what became of a transaction. */
export class CheckDesk {
  readonly #options: JournalDeskOptions;
  readonly #records: Records;
  readonly #group: Group;
  readonly #resolver: Resolver;

  constructor(options: JournalDeskOptions, records: Records, group: Group, resolver: Resolver) {
    this.#options = options;
    this.#records = records;
    this.#group = group;
    this.#resolver = resolver;
  }

  /** The answer to a recovery request. */
  async check(identity: Identity, ask: TransactionRequest['ask']): Promise<Answer> {
    try {
      const target = await this.#targetOf(identity);
      if (typeof target === 'string') return unknown(AMBIGUOUS[target]);
      const { id, lookup } = target;
      if (lookup.state === 'running') return active();
      if (lookup.state === 'none') return await this.#checkUnrecorded(id, identity, ask);
      if ('sent' in lookup) this.#resolver.compareAddress(lookup.sent);
      const resolution = await this.#resolver.resolve(id, lookup, identity, ask);
      if (resolution === 'active' || resolution === 'busy') return active();
      return resolution === 'unknown' ? unknown('the application cannot say') : resolution.done;
    } catch (fault) {
      this.#options.log.error('the journal cannot be read', { why: describeFault(fault) });
      return unknown('the journal cannot be read');
    }
  }

  /**
   * The entry that a recovery request means: its own, else the only one with the same first identifier. `bare`: it
   * names all identifiers, and the only one has the first alone, so that it may be meant or not.
   */
  async #targetOf(identity: Identity): Promise<{ id: string; lookup: Lookup } | 'several' | 'bare'> {
    const { journal } = this.#options;
    const id = this.#records.idOf(identity);
    const lookup = await journal.lookup(id);
    if (identity.rest !== undefined) {
      return lookup.state === 'none' && (await this.#group.hasBare(identity)) ? 'bare' : { id, lookup };
    }
    if (!isNothing(lookup)) return { id, lookup };
    const others = await this.#group.othersOf(id);
    if (others.length > 1) return 'several';
    return others[0] ?? { id, lookup };
  }

  async #checkUnrecorded(id: string, identity: Identity, ask: TransactionRequest['ask']): Promise<Answer> {
    const answer = await ask({ params: identity.params });
    if (answer === undefined) return unknown('the application cannot say');
    const meaning = this.#resolver.meaningOf(answer, this.#resolver.askedAbout(identity));
    if (meaning === 'active') return active();
    if (meaning === 'nothing') return unknown('the application cannot say');
    if (meaning === 'not-found' && !(await this.#options.journal.isComplete())) {
      return unknown('a part of the journal is damaged');
    }
    if (meaning === 'not-found' && identity.rest !== undefined && (await this.#group.hasBare(identity))) {
      return unknown(AMBIGUOUS.bare); // it has begun in between
    }
    const recorded = await this.#resolver.recordAbsent(id, identity, answer);
    if (recorded === 'busy') return active(); // a request for it has come in between
    return recorded === 'unknown' || recorded === 'active'
      ? unknown('the journal takes no record')
      : recorded.done;
  }
}

/** Why it is not known which transaction a recovery request means. */
const AMBIGUOUS = {
  several: 'several transactions have these identifiers; name all of them',
  bare: 'the only transaction with this receipt number was made without the other identifiers; ask without them',
} as const;

function active(): Answer {
  return { kind: 'error', text: errorText('TRANSACTION_ACTIVE', 'ask again in a few seconds') };
}

function unknown(why: string): Answer {
  const text = errorText('OUTCOME_UNKNOWN', `${why}; look at the terminal, and ask again`, {
    displayMessage: 'it is not known whether this was paid: look at the terminal',
  });
  return { kind: 'error', text };
}
