import { type Clock, isoTime } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { describeFault } from '../base/errors.ts';
import { faultPoint } from '../base/fault-point.ts';
import type { Logger } from '../base/log.ts';
import { errorText, stringCodeOf } from '../rpc/error-object.ts';
import { type OutcomeText as Answer, meaningOfCheck } from '../rpc/outcome.ts';
import { storable } from '../rpc/storable.ts';
import type { Moment } from '../store/age.ts';
import type { Lookup, Outcome } from '../store/entry-state.ts';
import { Journal } from '../store/journal.ts';
import { type SentRecord, VERSION } from '../store/journal-record.ts';
import type { LockAttempt } from '../store/lock.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import { duplicateText } from './duplicate.ts';
import type { Identity } from './identity.ts';
import { Joiners } from './joiners.ts';
import type { AskedFor, Judge } from './judge.ts';

/** "Not found" for a transaction that was sent counts when it is said again this much later. */
const NOT_FOUND_AGAIN_MS = 5000;
/** How often an application that says "still running" is asked again. */
const ASK_AGAIN_MS = 5000;
/** Who repeats a transaction on one new connection after the other has lost something else than an answer. */
const MAX_CARRIERS = 64;
/** A disk that does not answer must not keep an outcome from the register. */
const RECORD_LIMIT_MS = 5000;
const RECORD_AGAIN_MS = 1000;

export interface JournalDeskOptions {
  readonly journal: Journal;
  /** Part of every identity: the register's name, or the peer's identity where the protocol's identities are unique to that. */
  readonly register: string;
  readonly connection: string;
  /** The register's address. */
  readonly peer?: string;
  readonly repeatWindowMs: number;
  readonly outcomeWaitMs: number;
  /** "Not found" counts only so long after a transaction was sent. */
  readonly notFoundAfterMs: number;
  readonly judge: Judge;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What an application is asked, by the recovery method. */
export interface Question {
  /** The identifying members in the peer's own text. */
  readonly params: Buffer;
  /** The transaction that the journal has: it is asked at the very place where it went. Undefined where there is no record. */
  readonly sent?: SentRecord;
}

/** A request for a transaction, as the journal sees it. */
export interface TransactionRequest {
  readonly identity: Identity;
  /** The `sent` record without what the desk knows itself. */
  readonly record: Pick<SentRecord, 'method' | 'channel' | 'pid' | 'amount' | 'currency'>;
  /** What has to be the same in a repeated request; only a keyed hash of it is stored. */
  readonly compared: string;
  /** Where the request goes; undefined where nobody is. */
  place(): Promise<string | undefined>;
  /** Takes the terminal for the transaction of this name. */
  acquire(id: string): LockAttempt;
  /** Without an outcome it may be handed over again: the application knows a repeated one. */
  readonly isRepeatable?: boolean;
  /** What a repeated one is answered with, however old the outcome is. */
  repeated?(outcome: Answer): Answer | undefined;
  /** Asks the application about it. */
  ask(question: Question): Promise<Answer | undefined>;
  /** It will take longer: others need not wait behind it. */
  delayed(): void;
  /** Whether a transaction that is not recorded yet may begin. */
  mayBegin(): boolean;
  /** Nobody waits for it any more. */
  isAbandoned(): boolean;
}

/** "Not charged", as it was told of a transaction that was handed over. */
export interface Told {
  readonly sent: SentRecord;
  readonly code: string;
  /** ISO 8601. */
  readonly time: string;
}

export type Acceptance =
  | { readonly kind: 'begun'; readonly entry: OwnedEntry; release(): void }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'busy'; readonly attempt: Extract<LockAttempt, { acquired: false }> }
  /** These identifiers belong to another one; `text` is the whole error. */
  | { readonly kind: 'duplicate'; readonly text: Buffer }
  | { readonly kind: 'refused'; readonly code: string; readonly details: string }
  | { readonly kind: 'unknown'; readonly details: string };

type Found = {
  readonly done: Answer & { readonly sent: SentRecord; readonly recorded: Moment };
  /** The connections that have carried it to a transaction; to `Check` does not count. */
  readonly carriers: readonly string[];
};
/** A request on its way through the journal. */
interface Try {
  readonly id: string;
  readonly request: TransactionRequest;
  /** What is written where it is new. */
  readonly record: SentRecord;
  /** It has waited for the same transaction: their answer is one. */
  readonly hasJoined: boolean;
}
type Resolution = Found | 'active' | 'unknown' | 'busy';

/**
 * What the journal decides: whether a transaction is new, which answer a repeated one gets, what `Check` is told.
 */
export class JournalDesk {
  readonly #options: JournalDeskOptions;
  readonly #joiners: Joiners;
  /** The names of the entries that this connection has begun. */
  readonly #begun = new WeakMap<OwnedEntry, string>();
  /** The entries that say that this connection has carried their outcome to a repeated transaction. */
  readonly #marked = new Set<string>();
  #hasLeft = false;

  constructor(options: JournalDeskOptions) {
    this.#options = options;
    this.#joiners = joinersAt(options);
  }

  /** Begins a new transaction, or says what else becomes of the request. */
  async accept(request: TransactionRequest): Promise<Acceptance> {
    const { clock, outcomeWaitMs } = this.#options;
    const id = this.#idOf(request.identity);
    const giveUpMs = clock.nowMs() + outcomeWaitMs;
    let sent: Promise<SentRecord> | undefined;
    let hasJoined = false;
    while (!request.isAbandoned()) {
      sent ??= this.#sentOf(request);
      const acceptance = await sent
        .then((record) => this.#tryAccept({ id, request, record, hasJoined }))
        .catch((fault) => this.#unavailable(id, fault));
      if (acceptance !== 'again' && acceptance !== 'later') {
        if (acceptance.kind === 'begun') this.#begun.set(acceptance.entry, id);
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
  async check(identity: Identity, ask: TransactionRequest['ask']): Promise<Answer> {
    try {
      const target = await this.#targetOf(identity);
      if (typeof target === 'string') return unknown(AMBIGUOUS[target]);
      const { id, lookup } = target;
      if (lookup.state === 'running') return active();
      if (lookup.state === 'none') return await this.#checkUnrecorded(id, identity, ask);
      if ('sent' in lookup) this.#compareAddress(lookup.sent);
      const resolution = await this.#resolve(id, lookup, identity, ask);
      if (resolution === 'active' || resolution === 'busy') return active();
      return resolution === 'unknown' ? unknown('the application cannot say') : resolution.done;
    } catch (fault) {
      this.#options.log.error('the journal cannot be read', { why: describeFault(fault) });
      return unknown('the journal cannot be read');
    }
  }

  /**
   * Stores an outcome. Resolves when it is on the disk, or when the disk refuses it or takes too long: it is then
   * reported and tried again, as long as an outcome is waited for. Never rejects.
   */
  record(entry: OwnedEntry, answer: Answer): Promise<void> {
    const id = this.#begun.get(entry);
    const isCarried = id !== undefined && !this.#hasLeft;
    const done = { ...this.#doneOf(answer), ...(isCarried && { connection: this.#options.connection }) };
    if (isCarried) this.#carries(id);
    return this.#store(entry, () => entry.finish(done));
  }

  /**
   * A result that nobody waits for any more. Where "not charged" was told, it contradicts that, which is reported; where nothing was told yet,
   * it is the outcome. From then on it is what `Check` gives. Resolves like `record`, never rejects.
   *
   * @param told makes the entry anew where none is left: what is refused before anything begins leaves none.
   */
  async contradict(identity: Identity, answer: Answer, told: Told): Promise<void> {
    const id = this.#idOf(identity);
    const { clock, log, outcomeWaitMs } = this.#options;
    const giveUpMs = clock.nowMs() + outcomeWaitMs;
    const facts = { identity: identity.values, entry: id };
    while (answer.kind === 'result' && clock.nowMs() < giveUpMs) {
      const isOver = await this.#tryContradict(id, identity, answer, told).catch((fault) => {
        log.error('A RESULT CANNOT BE RECORDED', { ...facts, why: describeFault(fault) });
        return false;
      });
      if (isOver) return;
      await this.#pause(RECORD_AGAIN_MS);
    }
  }

  /** Whether there is nothing more to do about it. */
  async #tryContradict(id: string, identity: Identity, answer: Answer, told: Told): Promise<boolean> {
    const { journal } = this.#options;
    const entry = await journal.claim(id);
    if (entry === undefined) {
      if (await journal.hasEntry(id)) return false; // somebody is at it
      const refusal: Answer = { kind: 'error', text: errorText(told.code, 'no entry was left of it') };
      const was = { ...this.#doneOf(refusal), time: told.time };
      const begun = await journal.begin(id, told.sent, was, this.#doneOf(answer));
      if (begun === 'exists') return false;
      await begun.release();
      this.#contradicted(identity, told.code, told.time);
      return true;
    }
    const { lookup } = entry;
    if (lookup.state === 'unresolved') await this.record(entry, answer);
    else if (lookup.state === 'done' && lookup.done.kind === 'error') {
      this.#contradicted(identity, stringCodeOf(Buffer.from(lookup.done.text)), lookup.done.time);
      // Of an absence that was recorded after the refusal nothing but the identifiers is known.
      const isAbsent = lookup.sent.state === 'absent';
      const done = { ...this.#doneOf(answer), ...(isAbsent && { of: told.sent }) };
      await this.#store(entry, () => entry.contradict(done));
    } else await entry.release();
    return true;
  }

  #contradicted({ values }: Identity, told: string, since: string): void {
    const facts = { identity: values, told, since };
    this.#options.log.error('A RESULT CONTRADICTS WHAT WAS TOLD: IT IS CHARGED', facts);
  }

  async #store(entry: OwnedEntry, store: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    const stored = store();
    const late = deferred<'late'>();
    const limit = clock.after(RECORD_LIMIT_MS, () => late.resolve('late'));
    try {
      if ((await Promise.race([stored, late.promise])) !== 'late') return;
      log.error('the journal does not take an outcome in time; the register gets it all the same');
      stored.catch((fault) => this.#storeAgain(entry, store, fault));
    } catch (fault) {
      this.#storeAgain(entry, store, fault);
    } finally {
      limit.cancel();
    }
  }

  /**
   * Stores the code with which the application has answered the transaction itself, also for after a crash: where it has no declared meaning a
   * `Check` that says the same is final; after DUPLICATE_TRANSACTION whatever `Check` says is about an earlier sale.
   * Resolves soon, never rejects.
   */
  async note(entry: OwnedEntry, code: string): Promise<void> {
    const late = deferred<void>();
    const limit = this.#options.clock.after(RECORD_LIMIT_MS, () => late.resolve());
    const noted = entry.note(code).catch((fault) => {
      this.#options.log.error('the journal does not take what an application said', {
        code,
        why: describeFault(fault),
      });
    });
    await Promise.race([noted, late.promise]);
    limit.cancel();
  }

  /**
   * The application has told about an earlier sale with these identifiers: the record of this request, which it refused, makes way for what it
   * told, in one step: whoever began to look while there was no entry must not find that there is none again. Resolves like `record`.
   */
  supersede(entry: OwnedEntry, identity: Identity, answer: Answer): Promise<void> {
    const done = { ...this.#doneOf(answer), of: this.#absent(identity) };
    return this.#store(entry, () => entry.finish(done));
  }

  /** Its outcome is unknown, and as long as `isThere` says so the application that took it lives and may still end it. */
  leaveUnderWay(identity: Identity, isThere: () => boolean): void {
    const { journal } = this.#options;
    const entries = underWay.get(journal) ?? new Map<string, () => boolean>();
    underWay.set(journal, entries);
    for (const [id, isStillThere] of entries) if (!isStillThere()) entries.delete(id);
    entries.set(this.#idOf(identity), isThere);
  }

  /** `again`: the same transaction is running; `later`: something else is in the way. */
  async #tryAccept(tried: Try): Promise<Acceptance | 'again' | 'later'> {
    const { id, request } = tried;
    const lookup = await this.#options.journal.lookup(id);
    if (lookup.state === 'running') return this.#join(lookup, tried);
    if (lookup.state === 'none') return this.#begin(tried);
    if (lookup.state === 'unresolved' && request.isRepeatable) return this.#resume(id, request);
    if (lookup.state === 'lost' && request.isRepeatable) return this.#begin(tried);
    if ('sent' in lookup) this.#compareAddress(lookup.sent);
    request.delayed();
    const giveUpMs = this.#options.clock.nowMs() + this.#options.outcomeWaitMs;
    for (;;) {
      const resolution = await this.#resolve(id, lookup, request.identity, request.ask);
      if (resolution === 'busy') return 'again';
      if (resolution === 'unknown' || this.#options.clock.nowMs() >= giveUpMs || request.isAbandoned()) {
        return { kind: 'unknown', details: 'an earlier request for this transaction has no known outcome' };
      }
      if (resolution !== 'active') return this.#repeat(resolution, tried);
      await this.#pause(ASK_AGAIN_MS);
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
    await this.#enter();
    const attempt = request.acquire(id);
    if (!attempt.acquired) {
      const holder = await attempt.holder();
      const isTwin = holder?.transaction === id || (await this.#options.journal.isBeginning(id));
      return isTwin ? 'again' : { kind: 'busy', attempt };
    }
    if (!request.mayBegin()) {
      attempt.release();
      return { kind: 'refused', code: 'CHANNEL_UNAVAILABLE', details: 'the bridge is being stopped' };
    }
    faultPoint('before-sent');
    try {
      const entry = await this.#options.journal.begin(id, record);
      if (entry !== 'exists') {
        const refusal = await this.#refusalByAbsence(request).catch(async (fault) => {
          await withdrawn(entry);
          throw fault;
        });
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

  async #sentOf({ identity, record, compared, place }: TransactionRequest): Promise<SentRecord> {
    const [hash, at] = await Promise.all([this.#options.journal.fingerprint(compared), place()]);
    const where = at === undefined ? {} : { place: at };
    return this.#recordOf(identity, { ...record, ...where, state: 'sent', hash });
  }

  /** Takes over an entry without an outcome, to hand the request over again. */
  async #resume(id: string, request: TransactionRequest): Promise<Acceptance | 'again'> {
    const entry = await this.#options.journal.claim(id);
    if (entry === undefined) return 'again';
    const attempt = request.acquire(id);
    if (entry.lookup.state === 'unresolved' && attempt.acquired) {
      return { kind: 'begun', entry: this.#watched(id, entry), release: attempt.release };
    }
    await entry.release();
    if (attempt.acquired) attempt.release();
    else return { kind: 'busy', attempt };
    return 'again';
  }

  /**
   * Whether it was told that no transaction with this first identifier exists. This looks after the entry is made, and who tells that
   * looks for entries after it is recorded (`#recordAbsent`): of two at the same time at least one sees the other.
   */
  async #refusalByAbsence({
    identity,
    isRepeatable,
  }: TransactionRequest): Promise<Acceptance | 'again' | undefined> {
    if (identity.rest === undefined || isRepeatable) return undefined;
    const { journal, register } = this.#options;
    const lookup = await journal.lookup(Journal.idOf(register, identity.first));
    if (lookup.state === 'running' && lookup.sent?.state === 'absent') return 'again';
    if (lookup.state === 'lost')
      return { kind: 'unknown', details: 'a record about this transaction is damaged' };
    if (lookup.state !== 'done' || lookup.sent.state !== 'absent') return undefined;
    return { kind: 'duplicate', text: duplicateText(lookup.sent, foundIn(lookup).done) };
  }

  /**
   * The same identity once more: the stored answer if it is the same request soon after, and no register can have it already; else
   * a refusal.
   */
  async #repeat({ done, carriers }: Found, { id, request, record, hasJoined }: Try): Promise<Acceptance> {
    const { sent, recorded } = done;
    const { journal, repeatWindowMs, connection } = this.#options;
    const answer = request.repeated?.(done);
    if (answer !== undefined) return { kind: 'answer', answer };
    const isSame = sent.state === 'sent' && sent.hash === record.hash;
    const isTaken = async () => {
      if (request.isRepeatable || hasJoined) return false;
      if (carriers.includes(connection) || carriers.length >= MAX_CARRIERS) return true;
      await this.#enter();
      return journal.carriers.haveGoneOn(carriers, id).catch((fault) => {
        this.#unmarked(fault);
        return false;
      });
    };
    if (!isSame || journal.isOlder(recorded, repeatWindowMs) || (await isTaken())) {
      return { kind: 'duplicate', text: duplicateText(sent, done) };
    }
    if (!carriers.includes(connection) && !this.#marked.has(id)) {
      this.#marked.add(id);
      await journal.carried(id, connection).catch((fault) => this.#unmarked(fault));
    }
    this.#carries(id);
    return { kind: 'answer', answer: done };
  }

  /** The peer has sent something: what it was answered before has reached it. */
  spoke(): void {
    this.#options.journal.carriers.spoke(this.#options.connection);
  }

  /** The peer is gone. */
  left(): void {
    this.#hasLeft = true;
    this.#options.journal.carriers.leave(this.#options.connection);
  }

  async #enter(): Promise<void> {
    const { journal, connection } = this.#options;
    await journal.carriers.join(connection).catch((fault) => this.#unmarked(fault));
    if (this.#hasLeft) journal.carriers.leave(connection);
  }

  #unmarked(fault: unknown): void {
    this.#options.log.warn('which connections have an answer is known to one process only', {
      why: describeFault(fault),
    });
  }

  #carries(id: string): void {
    this.#options.journal.carriers.carries(this.#options.connection, id);
  }

  /**
   * The entry that a recovery request means: its own, else the only one with the same first identifier. `bare`: it names all identifiers, and
   * the only one has the first alone, so that it may be meant or not.
   */
  async #targetOf(identity: Identity): Promise<{ id: string; lookup: Lookup } | 'several' | 'bare'> {
    const { journal } = this.#options;
    const id = this.#idOf(identity);
    const lookup = await journal.lookup(id);
    if (identity.rest !== undefined) {
      return lookup.state === 'none' && (await this.#hasBare(identity)) ? 'bare' : { id, lookup };
    }
    if (!isNothing(lookup)) return { id, lookup };
    const others = await this.#othersOf(id);
    if (others.length > 1) return 'several';
    return others[0] ?? { id, lookup };
  }

  /** Whether there is a transaction of the first identifier alone. */
  async #hasBare({ first }: Identity): Promise<boolean> {
    const { journal, register } = this.#options;
    return !isNothing(await journal.lookup(Journal.idOf(register, first)));
  }

  /** The transactions of the same first identifier. Where one was only asked about and not found there is none. */
  async #othersOf(id: string): Promise<{ id: string; lookup: Lookup }[]> {
    const { journal } = this.#options;
    const others: { id: string; lookup: Lookup }[] = [];
    for (const other of await journal.siblings(id)) {
      const lookup = other === id ? undefined : await journal.lookup(other);
      if (lookup !== undefined && !isNothing(lookup)) others.push({ id: other, lookup });
    }
    return others;
  }

  /** Tills that go behind another address, and two tills that are taken for one, show here. */
  #compareAddress({ peer, identity, time }: SentRecord): void {
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
  async #resolve(
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
      const done = { ...this.#doneOf(answer), ...(isOther && { of: this.#absent(identity) }) };
      try {
        await entry.finish(done);
      } catch (fault) {
        this.#unrecorded(fault);
        // "Not charged" is recorded before it is given.
        if (answer.kind === 'error') return 'unknown';
      }
      return foundIn({ sent: done.of ?? sent, done });
    } finally {
      await entry.release();
    }
  }

  /** The record is damaged: an outcome is believed, but nothing proves that there is none. */
  async #resolveLost(id: string, identity: Identity, ask: TransactionRequest['ask']): Promise<Resolution> {
    const answer = await ask({ params: identity.params });
    if (answer === undefined) return 'unknown';
    const meaning = this.#meaningOf(answer, this.#askedAbout(identity));
    if (meaning === 'active') return 'active';
    if (meaning !== 'charged' && meaning !== 'not-charged') return 'unknown';
    return this.#recordAbsent(id, identity, answer);
  }

  async #checkUnrecorded(id: string, identity: Identity, ask: TransactionRequest['ask']): Promise<Answer> {
    const answer = await ask({ params: identity.params });
    if (answer === undefined) return unknown('the application cannot say');
    const meaning = this.#meaningOf(answer, this.#askedAbout(identity));
    if (meaning === 'active') return active();
    if (meaning === 'nothing') return unknown('the application cannot say');
    if (meaning === 'not-found' && !(await this.#options.journal.isComplete())) {
      return unknown('a part of the journal is damaged');
    }
    if (meaning === 'not-found' && identity.rest !== undefined && (await this.#hasBare(identity))) {
      return unknown(AMBIGUOUS.bare); // it has begun in between
    }
    const recorded = await this.#recordAbsent(id, identity, answer);
    if (recorded === 'busy') return active(); // a request for it has come in between
    return recorded === 'unknown' || recorded === 'active'
      ? unknown('the journal takes no record')
      : recorded.done;
  }

  /** Stores what the application said about a transaction of which there is no record. */
  async #recordAbsent(id: string, identity: Identity, answer: Answer): Promise<Resolution> {
    const sent = this.#absent(identity);
    const done = this.#doneOf(answer);
    try {
      const entry = await this.#options.journal.begin(id, sent, done);
      if (entry === 'exists') return 'busy';
      if (identity.rest === undefined && (await this.#othersOf(id)).length > 0) {
        await entry.withdraw();
        return 'busy';
      }
      await entry.release();
    } catch (fault) {
      this.#unrecorded(fault);
      if (answer.kind === 'error') return 'unknown';
    }
    return foundIn({ sent, done });
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
    const meaning = this.#meaningOf(first, asked, directCode);
    if (meaning === 'charged' || meaning === 'not-charged') return first;
    if (meaning === 'active') return 'active';
    if (meaning !== 'not-found' || isDoubtful || isUnderWay(this.#options.journal, id)) return 'unknown';
    await this.#pause(NOT_FOUND_AGAIN_MS);
    const second = await ask();
    if (second === undefined) return 'unknown';
    const again = this.#meaningOf(second, asked, directCode);
    if (again === 'charged' || again === 'not-charged') return second;
    if (again === 'active') return 'active';
    const { journal, notFoundAfterMs } = this.#options;
    const isOldEnough = NOT_FOUND_AGAIN_MS >= notFoundAfterMs || journal.isOlder(sent, notFoundAfterMs);
    return again === 'not-found' && isOldEnough ? second : 'unknown';
  }

  #meaningOf(answer: Answer, asked: AskedFor, directCode?: string): ReturnType<typeof meaningOfCheck> {
    return meaningOfCheck(this.#options.judge.check(answer, asked), directCode);
  }

  /** Without a record only the identifiers are known. */
  #askedAbout({ values }: Identity): AskedFor {
    return { receipt: values[this.#options.judge.names.receipt], currency: undefined };
  }

  /** Those who wait for it hear what becomes of it. */
  #watched(id: string, entry: OwnedEntry): OwnedEntry {
    const changed = () => this.#joiners.changed(id);
    return {
      ...entry,
      finish: (done) => entry.finish(done).then(changed),
      withdraw: () => entry.withdraw().then(changed),
      release: () => entry.release().then(changed),
    };
  }

  #storeAgain(entry: OwnedEntry, store: () => Promise<void>, fault: unknown): void {
    this.#unrecorded(fault);
    const { clock, outcomeWaitMs, log } = this.#options;
    const giveUpMs = clock.nowMs() + outcomeWaitMs;
    const retry = async (): Promise<void> => {
      try {
        await store();
        log.warn('the journal has taken the outcome after all');
      } catch (again) {
        if (clock.nowMs() < giveUpMs) clock.after(RECORD_AGAIN_MS, retry);
        else {
          this.#unrecorded(again);
          await entry.release();
        }
      }
    };
    clock.after(RECORD_AGAIN_MS, retry);
  }

  #unrecorded(fault: unknown): void {
    this.#options.log.error('THE JOURNAL CANNOT TAKE AN OUTCOME', {
      folder: this.#options.journal.folder,
      why: describeFault(fault),
    });
  }

  /** An entry that is there and cannot be read may be one of a charge: only where there is certainly none is it a refusal. */
  async #unavailable(id: string, fault: unknown): Promise<Acceptance> {
    const details = `the transaction cannot be recorded: ${describeFault(fault)}`;
    this.#options.log.error('the journal cannot be used', {
      folder: this.#options.journal.folder,
      why: describeFault(fault),
    });
    if (await this.#options.journal.mayHaveEntry(id)) return { kind: 'unknown', details };
    return { kind: 'refused', code: 'JOURNAL_UNAVAILABLE', details };
  }

  #idOf(identity: Identity): string {
    return Journal.idOf(this.#options.register, identity.first, identity.rest);
  }

  /** Of a transaction of which no request is known. */
  #absent(identity: Identity): SentRecord {
    return this.#recordOf(identity, { state: 'absent', method: '' });
  }

  /** A first record, with what the desk knows itself. */
  #recordOf<R extends Pick<SentRecord, 'state' | 'method'>>(identity: Identity, record: R): SentRecord {
    const { register, connection, peer, clock } = this.#options;
    const { values, params } = identity;
    return {
      ...record,
      version: VERSION,
      register,
      identity: values,
      params: params.toString(),
      connection,
      ...(peer !== undefined && { peer }),
      time: isoTime(clock),
    };
  }

  /** The outcome for the disk: never with card data or other secrets. */
  #doneOf({ kind, text }: Answer): Outcome {
    const own = text.toString();
    const kept = storable(own);
    if (kept !== own) this.#options.log.warn('an answer has card secrets; it is stored without them');
    return { kind, text: kept, time: isoTime(this.#options.clock) };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve));
  }
}

/** Why it is not known which transaction a recovery request means. */
const AMBIGUOUS = {
  several: 'several transactions have these identifiers; name all of them',
  bare: 'the only transaction with this receipt number was made without the other identifiers; ask without them',
} as const;

/** By journal: one watch for all connections of the process. */
const joiners = new WeakMap<Journal, Joiners>();

function joinersAt({ journal, clock }: JournalDeskOptions): Joiners {
  const known = joiners.get(journal);
  if (known !== undefined) return known;
  const own = new Joiners(clock, async (id) => (await journal.lookup(id)).state === 'running');
  joiners.set(journal, own);
  return own;
}

/** Transactions that this process has given up while their application lives. */
const underWay = new WeakMap<Journal, Map<string, () => boolean>>();

function isUnderWay(journal: Journal, id: string): boolean {
  return underWay.get(journal)?.get(id)?.() === true;
}

/** Where the disk does not take it back it is unresolved, and the application is asked. */
async function withdrawn(entry: OwnedEntry): Promise<void> {
  await entry.withdraw().catch(() => entry.release());
}

/** No transaction: not recorded, or asked about and not found. */
function isNothing(lookup: Lookup): boolean {
  if (lookup.state === 'none') return true;
  return lookup.state === 'done' && lookup.sent.state === 'absent' && lookup.done.kind === 'error';
}

/** As it is stored: whoever asks again gets the same. */
function foundIn({ sent, done, carriers = [] }: Stored): Found {
  return { done: { kind: done.kind, text: Buffer.from(done.text), sent, recorded: done }, carriers };
}

interface Stored {
  readonly sent: SentRecord;
  readonly done: Outcome;
  readonly carriers?: readonly string[];
}

function active(): Answer {
  return { kind: 'error', text: errorText('TRANSACTION_ACTIVE', 'ask again in a few seconds') };
}

function unknown(why: string): Answer {
  const text = errorText('OUTCOME_UNKNOWN', `${why}; look at the terminal, and ask again`, {
    displayMessage: 'it is not known whether this was paid: look at the terminal',
  });
  return { kind: 'error', text };
}
