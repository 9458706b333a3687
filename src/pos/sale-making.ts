import { describeFault } from '../base/errors.ts';
import { faultPoint } from '../base/fault-point.ts';
import { errorText } from '../rpc/error-object.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import type { Answer } from './answer.ts';
import type { Search } from './inquiry.ts';
import { judgeSaleAnswer, outcomeOfStored, type Verdict } from './outcome.ts';
import { PosError, type SaleIdentity } from './pos-error.ts';
import type { ReversalRequest, SaleOutcome, SaleRequest } from './sale.ts';
import type { SaleDesk } from './sale-desk.ts';
import { type CheckedRequest, readReversalRequest, readSaleRequest, saleParams } from './sale-request.ts';
import type { SaleRecord, SaleStore } from './sale-store.ts';
import { named } from './sale-words.ts';
import type { TerminalConnection } from './terminal-connection.ts';
import type { TerminalRecord } from './terminals.ts';
import { Limit, unlessAborted, type Working } from './wait.ts';

/** What each of them is asked for with. */
export interface SaleRequests {
  readonly Purchase: SaleRequest;
  readonly Refund: SaleRequest;
  readonly Reversal: ReversalRequest;
}

export type SaleMethod = keyof SaleRequests;

/** An allocated number is free but for the case of a store that was put back from a copy. */
const MAX_ALLOCATIONS = 1000;

/** A sale whose entry is on the disk. */
interface Recorded {
  readonly store: SaleStore;
  readonly entry: OwnedEntry;
  readonly sale: SaleRecord;
}

/** A sale that is under way. */
interface Sent {
  readonly connection: TerminalConnection;
  readonly answer: Promise<Answer>;
  /** Which terminal has it, as far as it is known yet. */
  readonly terminal: () => TerminalRecord;
}

/**
 * One new sale, from the caller's request to the outcome:
 *
 *   recorded ──▶ connected ──▶ sent ──answer──▶ decided ──▶ recorded as done ──▶ told
 *       │            │           ├─Check, every minute of silence: an outcome──▲
 *       │            │           └─lost, or no outcome─▶ asking (Check) ──▲
 *       └── no connection: withdrawn, nothing sent
 *
 * It is sent once or not at all.
 */
export class SaleMaking {
  readonly #desk: SaleDesk;
  readonly #working: Working;

  /** `working` keeps what is under way after an outcome was told. */
  constructor(desk: SaleDesk, working: Working) {
    this.#desk = desk;
    this.#working = working;
  }

  /** Throws, and then rejects, with a PosError; only OUTCOME_UNKNOWN leaves anything open. */
  make<M extends SaleMethod>(
    method: M,
    request: SaleRequests[M],
    userSignal: AbortSignal | undefined,
  ): Promise<SaleOutcome> {
    const checked =
      method === 'Reversal' ? readReversalRequest(request as ReversalRequest) : readSaleRequest(request);
    const store = this.#desk.storeFor(method);
    this.#desk.refuseEnded(userSignal);
    return this.#make(store, method, checked, userSignal);
  }

  async #make(
    store: SaleStore,
    method: SaleMethod,
    asked: CheckedRequest,
    userSignal: AbortSignal | undefined,
  ): Promise<SaleOutcome> {
    const request = await clarified(asked, store);
    const { sale, entry } = await this.#begin(store, method, request);
    this.#desk.tell(sale, 'recorded');
    faultPoint('after-sent');
    return this.#carryOut({ store, entry, sale }, request, userSignal);
  }

  /** Finds free identifiers and writes the entry. */
  async #begin(
    store: SaleStore,
    method: SaleMethod,
    { receiptId, sequenceId, amountMinor, currency, memo }: CheckedRequest,
  ): Promise<{ sale: SaleRecord; entry: OwnedEntry }> {
    const place = await this.#desk.options.terminals.place;
    faultPoint('before-sent');
    for (let attempt = 0; attempt < MAX_ALLOCATIONS; attempt += 1) {
      const sale: SaleRecord = {
        receiptId: receiptId ?? (await store.nextReceiptId()),
        sequenceId,
        method,
        amountMinor,
        currency,
        place,
        memo,
      };
      const entry = await store.begin(sale);
      if (entry !== 'exists') return { sale, entry };
      if (receiptId !== undefined) {
        const text = `${named(sale)} has been used: nothing was sent; check it, or take new identifiers`;
        throw new PosError('DUPLICATE_TRANSACTION', text, { sale });
      }
    }
    throw new PosError('STORE_FAILED', `the store ${store.folder} has no free receipt number`);
  }

  /** From the entry on the disk to the outcome on the disk. */
  async #carryOut(
    recorded: Recorded,
    request: CheckedRequest,
    userSignal: AbortSignal | undefined,
  ): Promise<SaleOutcome> {
    const { store, entry, sale } = recorded;
    let sent: Sent;
    try {
      sent = await this.#send(recorded, request, userSignal);
    } catch (fault) {
      return this.#endUnsent(recorded, fault);
    }
    this.#desk.tell(sale, 'sent');
    faultPoint('after-hand-over');
    const limit = this.#desk.limit(userSignal);
    try {
      const judged = this.#judge(recorded, sent, { limit, userSignal });
      const outcome = await this.#desk.end(store, entry, sale, judged);
      void this.#working.keep(this.#heedLate(recorded, sent, outcome));
      return outcome;
    } finally {
      limit.stop();
    }
  }

  /**
   * Sends the sale, on a connection that has just proved to work. Rejects with NOT_CONNECTED, ABORTED or a RangeError
   * when nothing was sent.
   */
  async #send(
    recorded: Recorded,
    request: CheckedRequest,
    userSignal: AbortSignal | undefined,
  ): Promise<Sent> {
    const { sale } = recorded;
    const { keeper, clock, connectTimeoutMs, apiKey, cashierLanguage, terminals } = this.#desk.options;
    const params = saleParams(sale, request, { apiKey, cashierLanguage });
    const limit = new Limit(clock, connectTimeoutMs, userSignal, keeper.closing);
    keeper.wake();
    try {
      for (;;) {
        const connection = await keeper.speaking(limit.signal);
        if (connection === undefined) throw this.#unsent(sale, limit, userSignal);
        this.#desk.tell(sale, 'connected');
        // Not waited for: who has the sale is good to know, but not now.
        const serialNumber = terminals.serialNumberOf(connection);
        const probe = connection.probe();
        if (probe === 'full') throw tooMany();
        if (probe === 'too-large')
          throw new RangeError('maxFrameBytes: not even a sign of life fits a frame');
        if (probe !== 'none') {
          const sign = probe === 'closed' ? undefined : await unlessAborted(probe, limit.signal);
          if (sign === undefined || sign.lost !== undefined || limit.signal.aborted) continue;
        }
        const answer = connection.ask(sale.method, params);
        if (answer === 'full') throw tooMany();
        if (answer === 'too-large') throw new RangeError('extra: the request does not fit a frame');
        if (answer === 'closed') continue;
        return { connection, answer, terminal: remember(recorded, serialNumber) };
      }
    } finally {
      limit.stop();
    }
  }

  /** Nothing was sent: the entry is withdrawn, or ended where the caller wants to find it again. */
  async #endUnsent({ store, entry, sale }: Recorded, fault: unknown): Promise<SaleOutcome> {
    if (this.#desk.options.keepsUnsent) {
      const answer = unsentAnswer(fault);
      const verdict = { outcome: outcomeOfStored(answer), answer };
      return this.#desk.end(store, entry, sale, Promise.resolve(verdict));
    }
    await store.withdraw(entry);
    throw fault;
  }

  /** What the direct answer means, or what the terminal says about it otherwise. Rejects with OUTCOME_UNKNOWN. */
  async #judge(
    { store, entry, sale }: Recorded,
    { connection, answer: answered, terminal }: Sent,
    search: Search,
  ): Promise<Verdict> {
    const inquiry = this.#desk.inquiry(sale, search);
    try {
      const first = await inquiry.whileUnderWay(connection, answered);
      if ('outcome' in first) return first;
      const judgement = judgeSaleAnswer(first, this.#desk.options.outcomeCodes);
      if (judgement.is === 'outcome') return judgement.verdict;
      const { code } = judgement;
      if (first.lost !== undefined) this.#desk.tell(sale, 'lost');
      if (code !== undefined) await store.noteCode(entry, code);
      return await inquiry.untilFound({ terminal: terminal(), directCode: code });
    } finally {
      inquiry.stop();
    }
  }

  /** A result that answers the sale itself after a Check has said "not charged" must not get lost. Never rejects. */
  async #heedLate({ store, sale }: Recorded, { answer }: Sent, { outcome }: SaleOutcome): Promise<void> {
    if (outcome === 'approved') return;
    const { outcomeCodes, log } = this.#desk.options;
    const late = await answer;
    const judgement = judgeSaleAnswer(late, outcomeCodes);
    if (judgement.is !== 'outcome' || judgement.verdict.outcome !== 'approved') return;
    log.error('A RESULT CAME AFTER "NOT CHARGED" WAS TOLD: IT IS CHARGED', { sale: named(sale) });
    await store.contradict(sale, late);
    this.#desk.tell(sale, 'contradicted');
  }

  #unsent(sale: SaleIdentity, limit: Limit, userSignal: AbortSignal | undefined): PosError {
    const { to, keeper, connectTimeoutMs } = this.#desk.options;
    if (!limit.hasExpired) return this.#desk.ended(userSignal);
    return new PosError('NOT_CONNECTED', keeper.whyNot(to, connectTimeoutMs), { sale });
  }
}

/** Which terminal has the sale: noted in the store as soon as it says so. */
function remember(
  { store, entry, sale: { place } }: Recorded,
  answered: Promise<string | undefined>,
): () => TerminalRecord {
  let known: string | undefined;
  void answered.then((serialNumber) => {
    known = serialNumber;
    if (serialNumber !== undefined) void store.noteTerminal(entry, serialNumber);
  });
  return () => ({ place, serialNumber: known });
}

/**
 * A reversal of a sale whose sequence number the caller has left to the store. Rejects with a RangeError: nothing was
 * begun.
 */
async function clarified(request: CheckedRequest, store: SaleStore): Promise<CheckedRequest> {
  const { original } = request;
  if (!original?.isVague) return request;
  try {
    const { identity } = await store.find(original);
    return { ...request, original: { ...original, sequenceId: identity.sequenceId } };
  } catch (cause) {
    if (!(cause instanceof PosError) || cause.code !== 'OUTCOME_UNKNOWN') throw cause;
    throw new RangeError(`originalSequenceId: ${cause.text}`, { cause });
  }
}

/** As an application would refuse it before anything began, or as a person would have ended it. */
function unsentAnswer(fault: unknown): Answer {
  const isEnded = fault instanceof PosError && fault.code === 'ABORTED';
  const isUnfit = fault instanceof RangeError;
  const code = isEnded ? 'ABORTED' : isUnfit ? 'JSONRPC_INVALID_PARAMS' : 'CHANNEL_UNAVAILABLE';
  const why = fault instanceof PosError ? fault.text : describeFault(fault);
  return { kind: 'error', text: errorText(code, why).toString() };
}

function tooMany(): PosError {
  return new PosError('NOT_CONNECTED', 'too many requests wait for the terminal; nothing was sent');
}
