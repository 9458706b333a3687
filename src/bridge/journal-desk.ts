import { describeFault } from '../base/errors.ts';
import { faultPoint } from '../base/fault-point.ts';
import { pause } from '../base/pause.ts';
import type { OutcomeText as Answer } from '../rpc/outcome.ts';
import { entryId } from '../store/entry-id.ts';
import type { Lookup } from '../store/entry-state.ts';
import type { SentRecord } from '../store/journal-record.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import type { TransactionJournal } from '../store/transaction-journal.ts';
import { orWithdrawn, withdrawn } from '../store/withdrawn.ts';
import { duplicateText } from './duplicate.ts';
import type { Identity } from './identity.ts';
import { Joiners } from './joiners.ts';
import { Carrying } from './journal/carrying.ts';
import { CheckDesk } from './journal/check-desk.ts';
import type { JournalDeskOptions } from './journal/desk-options.ts';
import { Group } from './journal/group.ts';
import { OutcomeRecorder } from './journal/outcome-recorder.ts';
import { Records } from './journal/records.ts';
import type { Acceptance, TransactionRequest } from './journal/request.ts';
import { type Found, foundIn, Resolver } from './journal/resolver.ts';
import { STOPPING } from './stopping.ts';

/** How often an application that says "still running" is asked again. */
const ASK_AGAIN_MS = 5000;
/** A request on its way through the journal. */
interface Try {
  readonly id: string;
  readonly request: TransactionRequest;
  /** What is written where it is new. */
  readonly record: SentRecord;
  /** It has waited for the same transaction: their answer is one. */
  readonly hasJoined: boolean;
}

/**
 * What the journal decides: whether a transaction is new, which answer a repeated one gets, what `Check` is told.
 */
export class JournalDesk {
  readonly #options: JournalDeskOptions;
  readonly #joiners: Joiners;
  readonly #records: Records;
  readonly #carrying: Carrying;
  readonly #recorder: OutcomeRecorder;
  readonly #resolver: Resolver;
  readonly #checks: CheckDesk;

  constructor(options: JournalDeskOptions) {
    this.#options = options;
    this.#records = new Records(options);
    this.#carrying = new Carrying(options);
    this.#recorder = new OutcomeRecorder(options, this.#records, this.#carrying);
    const group = new Group(options.journal, options.register);
    this.#resolver = new Resolver(options, this.#records, group);
    this.#checks = new CheckDesk(options, this.#records, group, this.#resolver);
    this.#joiners = joinersAt(options);
  }

  /** Begins a new transaction, or says what else becomes of the request. */
  async accept(request: TransactionRequest): Promise<Acceptance> {
    const { clock, outcomeWaitMs } = this.#options;
    const id = this.#records.idOf(request.identity);
    const giveUpMs = clock.nowMs() + outcomeWaitMs;
    let sent: Promise<SentRecord> | undefined;
    let hasJoined = false;
    while (!request.isAbandoned()) {
      sent ??= this.#records.sentOf(request);
      const acceptance = await sent
        .then((record) => this.#tryAccept({ id, request, record, hasJoined }))
        .catch((fault) => this.#unavailable(id, fault));
      if (acceptance !== 'again' && acceptance !== 'later') {
        if (acceptance.kind === 'begun') this.#recorder.began(acceptance.entry, id);
        return acceptance;
      }
      if (clock.nowMs() >= giveUpMs) break;
      hasJoined ||= acceptance === 'again';
      request.delayed();
      await this.#joiners.wait(id, () => request.isAbandoned() || clock.nowMs() >= giveUpMs);
    }
    return { kind: 'unknown', details: 'the same transaction is still running elsewhere' };
  }

  /** The answer to a recovery request. */
  check(identity: Identity, ask: TransactionRequest['ask']): Promise<Answer> {
    return this.#checks.check(identity, ask);
  }

  /** Where outcomes are stored. */
  get outcomes(): OutcomeRecorder {
    return this.#recorder;
  }

  /**
   * Its outcome is unknown, and as long as `isThere` says so the application that took it lives and may still end it.
   */
  leaveUnderWay(identity: Identity, isThere: () => boolean): void {
    this.#resolver.leaveUnderWay(identity, isThere);
  }

  /** The peer has sent something: what it was answered before has reached it. */
  spoke(): void {
    this.#carrying.spoke();
  }

  /** The peer is gone. */
  left(): void {
    this.#carrying.left();
  }

  /** `again`: the same transaction is running; `later`: something else is in the way. */
  async #tryAccept(tried: Try): Promise<Acceptance | 'again' | 'later'> {
    const { id, request } = tried;
    const lookup = await this.#options.journal.lookup(id);
    if (lookup.state === 'running') return this.#join(lookup, tried);
    if (lookup.state === 'none') return this.#begin(tried);
    if (lookup.state === 'unresolved' && request.isRepeatable) return this.#resume(id, request);
    if (lookup.state === 'lost' && request.isRepeatable) return this.#begin(tried);
    if ('sent' in lookup) this.#resolver.compareAddress(lookup.sent);
    request.delayed();
    const giveUpMs = this.#options.clock.nowMs() + this.#options.outcomeWaitMs;
    for (;;) {
      const resolution = await this.#resolver.resolve(id, lookup, request.identity, request.ask);
      if (resolution === 'busy') return 'again';
      if (resolution === 'unknown' || this.#options.clock.nowMs() >= giveUpMs || request.isAbandoned()) {
        return { kind: 'unknown', details: 'an earlier request for this transaction has no known outcome' };
      }
      if (resolution !== 'active') return this.#repeat(resolution, tried);
      await pause(this.#options.clock, ASK_AGAIN_MS);
    }
  }

  /** The same identity is running: an equal request waits for its outcome. */
  #join(
    { sent, isOver }: Extract<Lookup, { state: 'running' }>,
    { request, record }: Try,
  ): Acceptance | 'again' | 'later' {
    if (isOver) return 'later'; // somebody only looks at it, or adds something
    if (sent?.state !== 'sent' || request.isRepeatable || sent.hash === record.hash) return 'again';
    return { kind: 'duplicate', text: duplicateText(sent, undefined) };
  }

  async #begin({ id, request, record }: Try): Promise<Acceptance | 'again'> {
    await this.#carrying.enter();
    const attempt = await request.acquire(id);
    if (!attempt.acquired) {
      const holder = await attempt.holder();
      const isTwin = holder?.transaction === id || (await this.#options.journal.isBeginning(id));
      // Asking for the holder again takes time, in which a repeated request may begin.
      return isTwin ? 'again' : { kind: 'busy', attempt: { ...attempt, holder: async () => holder } };
    }
    if (!request.mayBegin()) {
      attempt.release();
      return { kind: 'refused', code: 'CHANNEL_UNAVAILABLE', details: STOPPING };
    }
    faultPoint('before-sent');
    try {
      const entry = await this.#options.journal.begin(id, record);
      if (entry !== 'exists') {
        const refusal = await orWithdrawn(entry, this.#refusalByAbsence(request));
        if (refusal === undefined) {
          return { kind: 'begun', entry: this.#watched(id, entry), release: attempt.release };
        }
        await withdrawn(entry);
        attempt.release();
        return refusal;
      }
    } catch (fault) {
      attempt.release();
      throw fault;
    }
    attempt.release();
    return 'again';
  }

  /** Takes over an entry without an outcome, to hand the request over again. */
  async #resume(id: string, request: TransactionRequest): Promise<Acceptance | 'again'> {
    const entry = await this.#options.journal.claim(id);
    if (entry === undefined) return 'again';
    const attempt = await Promise.resolve(request.acquire(id)).catch(async (fault) => {
      await entry.release();
      throw fault;
    });
    if (entry.lookup.state === 'unresolved' && attempt.acquired) {
      return { kind: 'begun', entry: this.#watched(id, entry), release: attempt.release };
    }
    await entry.release();
    if (attempt.acquired) attempt.release();
    else return { kind: 'busy', attempt };
    return 'again';
  }

  /**
   * Whether it was told that no transaction with this first identifier exists. This looks after the entry is made, and
   * who tells that looks for entries after it is recorded (`Resolver.recordAbsent`): of two at the same time at least
   * one sees the other.
   */
  async #refusalByAbsence({
    identity,
    isRepeatable,
  }: TransactionRequest): Promise<Acceptance | 'again' | undefined> {
    if (identity.rest === undefined || isRepeatable) return undefined;
    const { journal, register } = this.#options;
    const lookup = await journal.lookup(entryId(register, identity.first));
    if (lookup.state === 'running' && lookup.sent?.state === 'absent') return 'again';
    if (lookup.state === 'lost')
      return { kind: 'unknown', details: 'a record about this transaction is damaged' };
    if (lookup.state !== 'done' || lookup.sent.state !== 'absent') return undefined;
    return { kind: 'duplicate', text: duplicateText(lookup.sent, foundIn(lookup).done) };
  }

  /**
   * The same identity once more: the stored answer if it is the same request soon after, and no register can have it
   * already; else a refusal.
   */
  async #repeat({ done, carriers }: Found, { id, request, record, hasJoined }: Try): Promise<Acceptance> {
    const { sent, recorded } = done;
    const { journal, repeatWindowMs } = this.#options;
    const answer = request.repeated?.(done);
    if (answer !== undefined) return { kind: 'answer', answer };
    const isSame = sent.state === 'sent' && sent.hash === record.hash;
    const mayBeTaken = !request.isRepeatable && !hasJoined;
    const isOld = () => journal.isOlder(recorded, repeatWindowMs);
    if (!isSame || isOld() || (mayBeTaken && (await this.#carrying.isTaken(id, carriers)))) {
      return { kind: 'duplicate', text: duplicateText(sent, done) };
    }
    await this.#carrying.carriesAgain(id, carriers);
    return { kind: 'answer', answer: done };
  }

  /** Those who wait for it hear what becomes of it. */
  #watched(id: string, entry: OwnedEntry): OwnedEntry {
    const changed = () => this.#joiners.changed(id);
    return {
      lookup: entry.lookup,
      get counts() {
        return entry.counts;
      },
      contradict: (done) => entry.contradict(done),
      note: (code) => entry.note(code),
      noteTerminal: (serialNumber) => entry.noteTerminal(serialNumber),
      finish: (done) => entry.finish(done).then(changed),
      withdraw: () => entry.withdraw().then(changed),
      release: () => entry.release().then(changed),
    };
  }

  /**
   * An entry that is there and cannot be read may be one of a charge: only where there is certainly none is it a
   * refusal.
   */
  async #unavailable(id: string, fault: unknown): Promise<Acceptance> {
    const details = `the transaction cannot be recorded: ${describeFault(fault)}`;
    this.#options.log.error('the journal cannot be used', {
      journal: this.#options.journal.text,
      why: describeFault(fault),
    });
    if (await this.#options.journal.mayHaveEntry(id)) return { kind: 'unknown', details };
    return { kind: 'refused', code: 'JOURNAL_UNAVAILABLE', details };
  }
}

/** By journal: one watch for all connections of the process. */
const joiners = new WeakMap<TransactionJournal, Joiners>();

function joinersAt({ journal, clock }: JournalDeskOptions): Joiners {
  const known = joiners.get(journal);
  if (known !== undefined) return known;
  const own = new Joiners(clock, async (id) => (await journal.lookup(id)).state === 'running');
  joiners.set(journal, own);
  return own;
}
