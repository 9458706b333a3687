import { pause } from '../../base/pause.ts';
import { type OutcomeText as Answer, meaningOfCheck } from '../../rpc/outcome.ts';
import { leastAgeOf, type Moment } from '../../store/age.ts';
import type { Lookup, Outcome } from '../../store/entry-state.ts';
import type { SentRecord } from '../../store/journal-record.ts';
import type { TransactionJournal } from '../../store/transaction-journal.ts';
import { orWithdrawn, withdrawn } from '../../store/withdrawn.ts';
import type { Identity } from '../identity.ts';
import type { AskedFor } from '../judge.ts';
import type { JournalDeskOptions } from './desk-options.ts';
import type { Group } from './group.ts';
import type { Records } from './records.ts';
import type { TransactionRequest } from './request.ts';

/** "Not found" for a transaction that was sent counts when it is said again this much later. */
const NOT_FOUND_AGAIN_MS = 5000;

/** An outcome that the journal has. */
export interface Found {
  readonly done: Answer & { readonly sent: SentRecord; readonly recorded: Moment };
  /** The connections that have carried it to a transaction; to `Check` does not count. */
  readonly carriers: readonly string[];
}

/** What is known after the application was asked. `busy`: somebody else has the entry. */
export type Resolution = Found | 'active' | 'unknown' | 'busy';

/**
 * Finds out what became of transactions that nobody owns any more: asks the application, believes it or not, and
 * records what it says.
 */
export class Resolver {
  readonly #options: JournalDeskOptions;
  readonly #records: Records;
  readonly #group: Group;

  constructor(options: JournalDeskOptions, records: Records, group: Group) {
    this.#options = options;
    this.#records = records;
    this.#group = group;
  }

  /**
   * Its outcome is unknown, and as long as `isThere` says so the application that took it lives and may still end it.
   */
  leaveUnderWay(identity: Identity, isThere: () => boolean): void {
    const { journal } = this.#options;
    const entries = underWay.get(journal) ?? new Map<string, () => boolean>();
    underWay.set(journal, entries);
    for (const [id, isStillThere] of entries) if (!isStillThere()) entries.delete(id);
    entries.set(this.#records.idOf(identity), isThere);
  }

  /** Tills that go behind another address, and two tills that are taken for one, show here. */
  compareAddress({ peer, identity, time }: SentRecord): void {
    const { log, peer: own } = this.#options;
    if (peer === own || peer === undefined) return;
    log.warn('a transaction is asked about, or repeated, from another address than it came from', {
      identity,
      time,
      first: peer,
      now: own,
    });
  }

  /** Asks the application about an entry without a living owner, and records what it says. */
  async resolve(
    id: string,
    lookup: Exclude<Lookup, { state: 'none' | 'running' }>,
    identity: Identity,
    ask: TransactionRequest['ask'],
  ): Promise<Resolution> {
    if (lookup.state === 'done') return foundIn(lookup);
    if (lookup.state === 'lost') return this.#resolveLost(id, identity, ask);
    const entry = await this.#options.journal.claim(id);
    if (entry === undefined) return 'busy';
    try {
      if (entry.lookup.state === 'done') return foundIn(entry.lookup);
      if (entry.lookup.state !== 'unresolved') return 'unknown';
      const { sent } = entry.lookup;
      const params = sent.params === undefined ? identity.params : Buffer.from(sent.params);
      const answer = await this.#askTwice(id, () => ask({ params, sent }), entry.lookup);
      if (typeof answer === 'string') return answer;
      // The application had refused the request itself: what it tells is about an earlier sale.
      const isOther = entry.lookup.directCode === 'DUPLICATE_TRANSACTION';
      const done = {
        ...this.#records.doneOf(answer),
        ...(isOther && { of: this.#records.absent(identity) }),
      };
      try {
        await entry.finish(done);
      } catch (fault) {
        this.#records.notTaken(fault);
        // "Not charged" is recorded before it is given.
        if (answer.kind === 'error') return 'unknown';
      }
      return foundIn({ sent: done.of ?? sent, done: entry.counts ?? done });
    } finally {
      await entry.release();
    }
  }

  /** The record is damaged: an outcome is believed, but nothing proves that there is none. */
  async #resolveLost(id: string, identity: Identity, ask: TransactionRequest['ask']): Promise<Resolution> {
    const answer = await ask({ params: identity.params });
    if (answer === undefined) return 'unknown';
    const meaning = this.meaningOf(answer, this.askedAbout(identity));
    if (meaning === 'active') return 'active';
    if (meaning !== 'charged' && meaning !== 'not-charged') return 'unknown';
    return this.recordAbsent(id, identity, answer);
  }

  /** Stores what the application said about a transaction of which there is no record. */
  async recordAbsent(id: string, identity: Identity, answer: Answer): Promise<Resolution> {
    const sent = this.#records.absent(identity);
    const done = this.#records.doneOf(answer);
    try {
      const entry = await this.#options.journal.begin(id, sent, done);
      if (entry === 'exists') return 'busy';
      if (await orWithdrawn(entry, this.#mayBeMeant(id, identity, answer))) {
        await withdrawn(entry);
        return 'busy';
      }
      await entry.release();
    } catch (fault) {
      this.#records.notTaken(fault);
      if (answer.kind === 'error') return 'unknown';
    }
    return foundIn({ sent, done });
  }

  /** Whether a transaction has begun meanwhile that could be the one that is recorded as absent. */
  async #mayBeMeant(id: string, identity: Identity, { kind }: Answer): Promise<boolean> {
    if (identity.rest === undefined) return (await this.#group.othersOf(id)).length > 0;
    return kind === 'error' && this.#group.hasBare(identity);
  }

  /** "Not found" has to be said twice, and not too soon: the request may still lie unread in a socket. */
  async #askTwice(
    id: string,
    ask: () => Promise<Answer | undefined>,
    { sent, isDoubtful, directCode }: Extract<Lookup, { state: 'unresolved' }>,
  ): Promise<Answer | 'active' | 'unknown'> {
    const { receipt } = this.#options.judge.names;
    const asked = { receipt: sent.identity[receipt], currency: sent.currency?.toUpperCase() };
    const first = await ask();
    if (first === undefined) return 'unknown';
    const meaning = this.meaningOf(first, asked, directCode);
    if (meaning === 'charged' || meaning === 'not-charged') return first;
    if (meaning === 'active') return 'active';
    if (meaning !== 'not-found' || isDoubtful || isUnderWay(this.#options.journal, id)) return 'unknown';
    await pause(this.#options.clock, NOT_FOUND_AGAIN_MS);
    const second = await ask();
    if (second === undefined) return 'unknown';
    const again = this.meaningOf(second, asked, directCode);
    if (again === 'charged' || again === 'not-charged') return second;
    if (again === 'active') return 'active';
    const { clock, notFoundAfterMs } = this.#options;
    const ageMs = Math.max(NOT_FOUND_AGAIN_MS, leastAgeOf(sent, clock) ?? 0);
    const isOldEnough = ageMs >= notFoundAfterMs;
    return again === 'not-found' && isOldEnough ? second : 'unknown';
  }

  meaningOf(answer: Answer, asked: AskedFor, directCode?: string): ReturnType<typeof meaningOfCheck> {
    return meaningOfCheck(this.#options.judge.check(answer, asked), directCode);
  }

  /** Without a record only the identifiers are known. */
  askedAbout({ values }: Identity): AskedFor {
    return { receipt: values[this.#options.judge.names.receipt], currency: undefined };
  }
}

/** Transactions that this process has given up while their application lives. */
const underWay = new WeakMap<TransactionJournal, Map<string, () => boolean>>();

function isUnderWay(journal: TransactionJournal, id: string): boolean {
  return underWay.get(journal)?.get(id)?.() === true;
}

/** As it is stored: whoever asks again gets the same. */
export function foundIn({ sent, done, carriers = [] }: Stored): Found {
  return { done: { kind: done.kind, text: Buffer.from(done.text), sent, recorded: done }, carriers };
}

interface Stored {
  readonly sent: SentRecord;
  readonly done: Outcome;
  readonly carriers?: readonly string[];
}
