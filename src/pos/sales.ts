import { faultPoint } from '../base/fault-point.ts';
import { memberOf } from '../base/member.ts';
import { pause } from '../base/pause.ts';
import { quoteText } from '../base/printable.ts';
import type { OwnedEntry } from '../store/journal.ts';
import type { DoneRecord, SentRecord } from '../store/journal-record.ts';
import { type Answer, parseObject, readReason } from './answer.ts';
import type { Keeper } from './keeper.ts';
import { compareWithSale, judgeSaleAnswer, outcomeOfStored, type Verdict } from './outcome.ts';
import { searchOutcome } from './outcome-search.ts';
import { PosError, type SaleIdentity } from './pos-error.ts';
import type { ResolvedPosOptions } from './pos-options.ts';
import type { RecoveredSale, RecoverySummary, SaleOutcome, SaleProgress, SaleRequest } from './sale.ts';
import { checkParams, checkSaleRequest, idText, saleParams, sequenceIdOf } from './sale-request.ts';
import { identityOf, type SaleRecord, type SaleStore } from './sale-store.ts';
import { Limit, unlessAborted, Working } from './wait.ts';

export type SaleMethod = 'Purchase' | 'Refund';

/** An allocated number is free but for the case of a store that was put back from a copy. */
const MAX_ALLOCATIONS = 1000;
/** Who only looks at an entry holds it for a moment, too. */
const CLAIM_RETRIES = 3;
const CLAIM_RETRY_MS = 20;
/** Sales that are recovered at the same time. */
const MAX_RECOVERING = 8;

export interface SalesOptions
  extends Pick<
    ResolvedPosOptions,
    'apiKey' | 'cashierLanguage' | 'connectTimeoutMs' | 'outcomeWaitMs' | 'clock' | 'log'
  > {
  readonly to: string;
  readonly keeper: Keeper;
  readonly store: SaleStore | undefined;
  readonly progress: (progress: SaleProgress) => void;
}

interface Recovered {
  readonly identity: SaleIdentity;
  /** Or why there is nothing to tell: somebody else is at it, or has ended it. */
  readonly sale: RecoveredSale | 'busy' | 'ended';
}

/** For how long, and why, an outcome is asked for. */
interface Search {
  readonly limit: Limit;
  readonly userSignal: AbortSignal | undefined;
  /** "Not found" proves nothing: an outcome may have stood in the store. */
  readonly isDoubtful?: boolean;
  /** The terminal has answered the sale with DUPLICATE_TRANSACTION. */
  readonly refusal?: Answer;
}

/** What is known of a sale; a sale that the store does not know has no more than its identifiers. */
type KnownSale = SaleIdentity & {
  readonly method: string;
  readonly amountMinor: number | undefined;
  readonly currency: string | undefined;
};

/**
 * Sales from the register's side:
 *
 *   recorded ──▶ connected ──▶ sent ──answer──▶ decided ──▶ recorded as done ──▶ told
 *       │            │           └─lost, or no outcome─▶ asking (Check) ──▲
 *       └── no connection: withdrawn, nothing sent
 *
 * A sale is sent once or not at all. From `sent` on it ends only with what the terminal says about it; whoever stops
 * waiting leaves its entry open for `recover`. A result that Check finds counts only if it names no other amount or
 * currency: it could be another sale's under the same identifiers.
 */
export class Sales {
  readonly #options: SalesOptions;
  readonly #working = new Working();

  constructor(options: SalesOptions) {
    this.#options = options;
  }

  /** Resolves when nothing is under way any more. Never rejects. */
  settled(): Promise<void> {
    return this.#working.settled();
  }

  /** Rejects with a PosError; only OUTCOME_UNKNOWN leaves anything open. */
  async make(
    method: SaleMethod,
    request: SaleRequest,
    userSignal: AbortSignal | undefined,
  ): Promise<SaleOutcome> {
    checkSaleRequest(request);
    const store = this.#storeFor(method);
    this.#refuseEnded(userSignal);
    const begun = this.#begin(store, method, request).then(({ sale, entry }) => {
      this.#tell(sale, 'recorded');
      faultPoint('after-sent');
      return this.#carryOut(store, entry, sale, request, userSignal);
    });
    return this.#working.keep(begun);
  }

  /**
   * How an earlier sale ended: from the store, else asked and recorded. Rejects with TRANSACTION_ACTIVE while somebody
   * else is at it.
   */
  async check(
    receiptId: string | number,
    sequenceId: string | number | undefined,
    userSignal: AbortSignal | undefined,
  ): Promise<SaleOutcome> {
    const identity = { receiptId: idText('receiptId', receiptId), sequenceId: sequenceIdOf(sequenceId) };
    this.#refuseEnded(userSignal);
    return this.#working.keep(this.#check(identity, userSignal));
  }

  async #check(identity: SaleIdentity, userSignal: AbortSignal | undefined): Promise<SaleOutcome> {
    const limit = this.#limit(userSignal);
    try {
      const search = { limit, userSignal };
      const known = await this.#lookUp(identity, search);
      if (typeof known !== 'string') return known;
      const { sale, isTaken } = await this.#checkUnrecorded(identity, {
        ...search,
        isDoubtful: known === 'lost',
      });
      if (!isTaken) return sale;
      const again = await this.#lookUp(identity, search);
      return typeof again === 'string' ? sale : again;
    } finally {
      limit.stop();
    }
  }

  /** What the store can tell about a sale, with the terminal's help where its entry is open; `lost`: it cannot be read. */
  async #lookUp(identity: SaleIdentity, search: Search): Promise<SaleOutcome | 'none' | 'lost'> {
    const { store, keeper } = this.#options;
    const lookup = (await store?.lookup(identity)) ?? { state: 'none' };
    if (lookup.state === 'done') return storedOutcome(lookup);
    if (lookup.state === 'running') throw running(identity);
    keeper.wake();
    if (store === undefined || lookup.state !== 'unresolved')
      return lookup.state === 'lost' ? 'lost' : 'none';
    const entry = await store.claim(identity);
    if (entry === undefined) throw running(identity);
    return this.#resolve(store, entry, identity, search);
  }

  /** Brings every unfinished sale of the store to its end, several at a time; those of living processes are theirs. */
  async *recover(
    userSignal: AbortSignal | undefined,
  ): AsyncGenerator<RecoveredSale, RecoverySummary, undefined> {
    const store = this.#storeFor('recover');
    this.#refuseEnded(userSignal);
    const { unfinished: left, hasOld, running: others, unreadable } = await store.survey();
    let busy = others;
    if (left.length > 0) this.#options.keeper.wake();
    const working = new Map<SaleIdentity, Promise<Recovered>>();
    const over = new AbortController();
    const limit = this.#limit(userSignal, over.signal);
    try {
      for (;;) {
        while (working.size < MAX_RECOVERING) {
          const identity = left.shift();
          if (identity === undefined) break;
          const work = this.#recoverOne(store, identity, { limit, userSignal });
          const kept = this.#working.keep(work.then((sale) => ({ identity, sale })));
          working.set(identity, kept);
        }
        if (working.size === 0) break;
        const { identity, sale } = await Promise.race(working.values());
        working.delete(identity);
        if (sale === 'busy') busy += 1;
        else if (sale !== 'ended') yield sale;
      }
      if (hasOld) await store.prune();
      return { busy, unreadable };
    } finally {
      over.abort();
      limit.stop();
      await Promise.allSettled(working.values());
    }
  }

  async #recoverOne(store: SaleStore, identity: SaleIdentity, search: Search): Promise<Recovered['sale']> {
    let entry = await store.claim(identity);
    for (let retry = 0; entry === undefined && retry < CLAIM_RETRIES; retry += 1) {
      await pause(this.#options.clock, CLAIM_RETRY_MS, search.limit.signal);
      entry = await store.claim(identity);
    }
    if (entry === undefined) {
      const { state } = await store.lookup(identity);
      return state === 'none' || state === 'done' ? 'ended' : 'busy';
    }
    if (entry.lookup.state !== 'unresolved') {
      await store.release(entry);
      return 'ended';
    }
    const sale = knownSale(entry.lookup.sent, identity);
    try {
      return await this.#resolve(store, entry, identity, search);
    } catch (fault) {
      if (!(fault instanceof PosError)) throw fault;
      return { ...sale, outcome: 'unknown', error: fault };
    }
  }

  /** Asks about an entry that this process has taken over, and lets go of it. */
  async #resolve(
    store: SaleStore,
    entry: OwnedEntry,
    identity: SaleIdentity,
    search: Search,
  ): Promise<SaleOutcome> {
    const { lookup } = entry;
    if (lookup.state === 'unresolved') {
      const sale = knownSale(lookup.sent, identity);
      const { isDoubtful } = lookup;
      const verdict = this.#search(sale, { ...search, isDoubtful });
      return this.#end(store, entry, sale, verdict);
    }
    await store.release(entry);
    if (lookup.state === 'done') return storedOutcome(lookup);
    throw new PosError('STORE_FAILED', `the entry of ${named(identity)} cannot be read`, { sale: identity });
  }

  /**
   * A sale that the store does not know, or that cannot be read any more. `isTaken`: meanwhile somebody has begun it, so
   * the store knows better.
   */
  async #checkUnrecorded(
    identity: SaleIdentity,
    search: Search,
  ): Promise<{ readonly sale: SaleOutcome; readonly isTaken: boolean }> {
    const sale = { ...identity, method: '', amountMinor: undefined, currency: undefined };
    const verdict = await this.#search(sale, search);
    const { store, log } = this.#options;
    let recorded: 'recorded' | 'exists' | undefined;
    try {
      recorded = await store?.recordUnknown(identity, verdict.answer);
    } catch (fault) {
      if (!(fault instanceof PosError)) throw fault;
      log.error('the store does not take an outcome', { why: fault.text });
    }
    if (recorded !== 'exists') this.#tell(sale, 'decided');
    return { sale: outcomeOf(sale, verdict, recorded === 'recorded'), isTaken: recorded === 'exists' };
  }

  /** Finds free identifiers and writes the entry. */
  async #begin(
    store: SaleStore,
    method: SaleMethod,
    { receiptId, sequenceId, amountMinor, currency }: SaleRequest,
  ): Promise<{ sale: SaleRecord; entry: OwnedEntry }> {
    const given = receiptId === undefined ? undefined : idText('receiptId', receiptId);
    const sequence = sequenceIdOf(sequenceId);
    faultPoint('before-sent');
    for (let attempt = 0; attempt < MAX_ALLOCATIONS; attempt += 1) {
      const sale: SaleRecord = {
        receiptId: given ?? (await store.nextReceiptId()),
        sequenceId: sequence,
        method,
        amountMinor,
        currency,
      };
      const entry = await store.begin(sale);
      if (entry !== 'exists') return { sale, entry };
      if (given !== undefined) {
        const text = `${named(sale)} has been used: nothing was sent; check it, or take new identifiers`;
        throw new PosError('DUPLICATE_TRANSACTION', text, { sale });
      }
    }
    throw new PosError('STORE_FAILED', `the store ${store.folder} has no free receipt number`);
  }

  /** From the entry on the disk to the outcome on the disk. */
  async #carryOut(
    store: SaleStore,
    entry: OwnedEntry,
    sale: SaleRecord,
    request: SaleRequest,
    userSignal: AbortSignal | undefined,
  ): Promise<SaleOutcome> {
    const { answer } = await this.#send(sale, request, userSignal).catch(async (fault: unknown) => {
      await store.withdraw(entry);
      throw fault;
    });
    this.#tell(sale, 'sent');
    faultPoint('after-hand-over');
    const limit = this.#limit(userSignal);
    try {
      return await this.#end(store, entry, sale, this.#judge(sale, answer, { limit, userSignal }));
    } finally {
      limit.stop();
    }
  }

  /**
   * Sends the sale, on a connection that has just proved to work. Rejects with NOT_CONNECTED, ABORTED or a RangeError
   * when nothing was sent.
   */
  async #send(
    sale: SaleRecord,
    request: SaleRequest,
    userSignal: AbortSignal | undefined,
  ): Promise<{ readonly answer: Promise<Answer> }> {
    const { keeper, clock, connectTimeoutMs, apiKey, cashierLanguage } = this.#options;
    const params = saleParams(sale, request, { apiKey, cashierLanguage });
    const limit = new Limit(clock, connectTimeoutMs, userSignal, keeper.closing);
    keeper.wake();
    try {
      for (;;) {
        const connection = await keeper.speaking(limit.signal);
        if (connection === undefined) throw this.#unsent(sale, limit, userSignal);
        this.#tell(sale, 'connected');
        const ping = connection.ask('_Keepalive', '{}');
        if (ping === 'full') throw tooMany();
        if (ping === 'too-large') throw new RangeError('maxFrameBytes: not even a _Keepalive fits a frame');
        const pong = typeof ping === 'string' ? undefined : await unlessAborted(ping, limit.signal);
        if (pong === undefined || pong.lost !== undefined || limit.signal.aborted) continue;
        const answer = connection.ask(sale.method, params);
        if (answer === 'full') throw tooMany();
        if (answer === 'too-large') throw new RangeError('extra: the request does not fit a frame');
        if (answer !== 'closed') return { answer };
      }
    } finally {
      limit.stop();
    }
  }

  /** What the direct answer means, or what the terminal says about it later. Rejects with OUTCOME_UNKNOWN. */
  async #judge(sale: SaleRecord, answered: Promise<Answer>, search: Search): Promise<Verdict> {
    const answer = await unlessAborted(answered, search.limit.signal);
    if (answer === undefined) throw this.#unknown(sale, search);
    const verdict = judgeSaleAnswer(answer);
    if (verdict !== 'ask') return verdict;
    if (answer.lost !== undefined) {
      this.#tell(sale, 'lost');
      return this.#search(sale, search);
    }
    const isDuplicate = readReason(answer).code === 'DUPLICATE_TRANSACTION';
    return this.#search(sale, isDuplicate ? { ...search, refusal: answer } : search);
  }

  /** What the terminal says to Check. Rejects with OUTCOME_UNKNOWN. */
  async #search(sale: KnownSale, search: Search): Promise<Verdict> {
    const { keeper, clock, apiKey } = this.#options;
    const { limit, isDoubtful = false, refusal } = search;
    const verdict = await searchOutcome({
      keeper,
      clock,
      params: checkParams(sale, { apiKey }),
      signal: limit.signal,
      isDoubtful,
      asked: (count) => this.#tell(sale, 'asking', count),
    });
    if (verdict === undefined) throw this.#unknown(sale, search);
    const { amountMinor, currency } = sale;
    if (verdict.outcome !== 'approved' || amountMinor === undefined || currency === undefined) return verdict;
    const fit = compareWithSale(verdict.answer.text, { amountMinor, currency });
    if (fit === 'same') return verdict;
    // The identifiers are another sale's, and this one was refused because of it.
    if (fit === 'other' && refusal !== undefined) return { outcome: 'declined', answer: refusal };
    throw misfit(sale, verdict.answer);
  }

  /** Stores the outcome, if there is one, and lets go of the entry. */
  async #end(
    store: SaleStore,
    entry: OwnedEntry,
    sale: KnownSale,
    judged: Promise<Verdict>,
  ): Promise<SaleOutcome> {
    const verdict = await judged.catch(async (fault: unknown) => {
      await store.release(entry);
      throw fault;
    });
    faultPoint('before-done');
    const isRecorded = await store.finish(entry, verdict.answer);
    faultPoint('after-done');
    this.#tell(sale, 'decided');
    return outcomeOf(sale, verdict, isRecorded);
  }

  #limit(...signals: (AbortSignal | undefined)[]): Limit {
    const { clock, outcomeWaitMs, keeper } = this.#options;
    return new Limit(clock, outcomeWaitMs, keeper.closing, ...signals);
  }

  #tell({ receiptId, sequenceId, method }: KnownSale, step: SaleProgress['step'], count?: number): void {
    this.#options.progress({
      receiptId,
      sequenceId,
      method,
      step,
      ...(count !== undefined && { count }),
    });
  }

  #storeFor(what: string): SaleStore {
    const { store } = this.#options;
    if (store === undefined) throw new TypeError(`store: ${what} needs one`);
    return store;
  }

  /** Nothing begins when it is to end at once. */
  #refuseEnded(userSignal: AbortSignal | undefined): void {
    if (userSignal?.aborted || this.#options.keeper.closing.aborted)
      throw ended(userSignal, 'nothing was sent');
  }

  #unsent(sale: SaleIdentity, limit: Limit, userSignal: AbortSignal | undefined): PosError {
    const { to, keeper, connectTimeoutMs } = this.#options;
    if (!limit.hasExpired) return ended(userSignal, 'nothing was sent');
    return new PosError('NOT_CONNECTED', keeper.whyNot(to, connectTimeoutMs), { sale });
  }

  #unknown(sale: SaleIdentity, { limit, userSignal }: Search): PosError {
    const why = limit.hasExpired
      ? `no answer within ${this.#options.outcomeWaitMs / 1000} s`
      : userSignal?.aborted
        ? 'the waiting was ended'
        : 'the client was closed';
    const text = `the outcome of ${named(sale)} is not known: ${why}; it may be charged: recover it, do not repeat it`;
    return new PosError('OUTCOME_UNKNOWN', text, { sale, cause: userSignal?.reason });
  }
}

/** Nothing was sent, because somebody wanted to stop. */
function ended(userSignal: AbortSignal | undefined, what: string): PosError {
  return userSignal?.aborted
    ? new PosError('ABORTED', `given up; ${what}`, { cause: userSignal.reason })
    : new PosError('CONNECTION_CLOSED', `the client is closed; ${what}`);
}

function tooMany(): PosError {
  return new PosError('NOT_CONNECTED', 'too many requests wait for the terminal; nothing was sent');
}

function running(sale: SaleIdentity): PosError {
  return new PosError('TRANSACTION_ACTIVE', `${named(sale)} is still being carried out; ask again`, { sale });
}

/** The terminal has a result under the sale's identifiers that may belong to another sale, or have a tip in it. */
function misfit(sale: SaleIdentity, { text }: Answer): PosError {
  const result = parseObject(text);
  const [amount, currency] = ['amount', 'currency'].map((name) => String(memberOf(result, name) ?? ''));
  const has = quoteText(`${amount} ${currency}`.trim(), 64);
  const why = `the terminal has a sale of ${has} under it; compare it with the terminal's receipt, then settle the entry by hand`;
  return new PosError('OUTCOME_UNKNOWN', `the outcome of ${named(sale)} is not known: ${why}`, { sale });
}

/** For people. */
function named({ receiptId, sequenceId }: SaleIdentity): string {
  return `receipt ${quoteText(receiptId, 128)}/${quoteText(sequenceId, 128)}`.replaceAll('"', '');
}

function knownSale({ method, amount, currency }: SentRecord, identity: SaleIdentity): KnownSale {
  const amountMinor = amount === undefined ? undefined : Number(amount);
  return { ...identity, method, amountMinor, currency };
}

function storedOutcome({ sent, done }: { sent: SentRecord; done: DoneRecord }): SaleOutcome {
  const identity = identityOf(sent) ?? { receiptId: '', sequenceId: '' };
  const answer: Answer = { kind: done.kind, text: done.text };
  return outcomeOf(knownSale(sent, identity), { outcome: outcomeOfStored(answer), answer }, true);
}

function outcomeOf(
  { receiptId, sequenceId, method, amountMinor, currency }: KnownSale,
  { outcome, answer }: Verdict,
  isRecorded: boolean,
): SaleOutcome {
  const sale = { receiptId, sequenceId, method, amountMinor, currency, text: answer.text, isRecorded };
  return outcome === 'approved'
    ? { outcome, ...sale, result: parseObject(answer.text) }
    : { outcome, ...sale, reason: readReason(answer) };
}
