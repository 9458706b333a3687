import { faultPoint } from '../base/fault-point.ts';
import type { OwnedEntry } from '../store/journal.ts';
import type { Answer } from './answer.ts';
import type { Keeper } from './keeper.ts';
import { type Finding, judgeCheckAnswer, type Verdict } from './outcome.ts';
import { searchOutcome } from './outcome-search.ts';
import { PosError, type SaleIdentity } from './pos-error.ts';
import type { ResolvedPosOptions } from './pos-options.ts';
import { type Approved, readApproved } from './result.ts';
import type { SaleOutcome, SaleProgress } from './sale.ts';
import { checkParams } from './sale-request.ts';
import type { SaleStore } from './sale-store.ts';
import { type AskedSale, elsewhere, type KnownSale, misfit, saleOutcome, unknown } from './sale-words.ts';
import type { TerminalRecord, Terminals } from './terminals.ts';
import { Limit } from './wait.ts';

export interface SalesOptions
  extends Pick<
    ResolvedPosOptions,
    | 'apiKey'
    | 'cashierLanguage'
    | 'connectTimeoutMs'
    | 'outcomeWaitMs'
    | 'notFoundAfterMs'
    | 'outcomeCodes'
    | 'clock'
    | 'log'
  > {
  readonly to: string;
  readonly keeper: Keeper;
  readonly terminals: Terminals;
  readonly store: SaleStore | undefined;
  readonly progress: (progress: SaleProgress) => void;
}

/** For how long, and why, an outcome is asked for. */
export interface Search {
  readonly limit: Limit;
  readonly userSignal: AbortSignal | undefined;
  /** "Not found" proves nothing: an outcome may have stood in the store. */
  readonly isDoubtful?: boolean;
}

/** What making sales and finding out about them have in common. */
export class SaleDesk {
  readonly options: SalesOptions;

  constructor(options: SalesOptions) {
    this.options = options;
  }

  storeFor(what: string): SaleStore {
    const { store } = this.options;
    if (store === undefined) throw new TypeError(`store: ${what} needs one`);
    return store;
  }

  /** Nothing begins when it is to end at once. */
  refuseEnded(userSignal: AbortSignal | undefined): void {
    if (userSignal?.aborted || this.options.keeper.closing.aborted) throw this.ended(userSignal);
  }

  /** Nothing was sent, because somebody wanted to stop. */
  ended(userSignal: AbortSignal | undefined): PosError {
    return userSignal?.aborted
      ? new PosError('ABORTED', 'given up; nothing was sent', { cause: userSignal.reason })
      : new PosError('CONNECTION_CLOSED', 'the client is closed; nothing was sent');
  }

  /** The time for an outcome, cut short by any of `signals`. */
  limit(...signals: (AbortSignal | undefined)[]): Limit {
    const { clock, outcomeWaitMs, keeper } = this.options;
    return new Limit(clock, outcomeWaitMs, keeper.closing, ...signals);
  }

  tell({ receiptId, sequenceId, method }: KnownSale, step: SaleProgress['step'], count?: number): void {
    const more = count === undefined ? {} : { count };
    this.options.progress({ receiptId, sequenceId, method, step, ...more });
  }

  /**
   * What the terminal says to Check about a sale, as soon as it says how it ended. A result counts only if it names no other
   * amount, currency or receipt: it could be another sale's under the same identifiers. Rejects with OUTCOME_UNKNOWN.
   */
  async ask(sale: AskedSale, search: Search): Promise<Verdict> {
    const { keeper, clock, apiKey, terminals } = this.options;
    const { terminal } = sale;
    let other: TerminalRecord | undefined;
    const verdict = await searchOutcome({
      keeper,
      clock,
      params: checkParams(sale, { apiKey }),
      signal: search.limit.signal,
      isDoubtful: search.isDoubtful ?? false,
      notFoundAfterMs: this.options.notFoundAfterMs,
      judge: this.#judgeFor(sale),
      isElsewhere: async (connection) => {
        other = await terminals.other(terminal, connection);
        return other !== undefined;
      },
      asked: (count) => this.tell(sale, 'asking', count),
    });
    if (verdict === undefined) {
      throw terminal === undefined || other === undefined
        ? this.unknown(sale, search)
        : elsewhere(sale, terminal, other);
    }
    if (verdict.outcome !== 'approved') return verdict;
    const approved = readApproved(verdict.answer.text, sale);
    if (!isBelieved(approved, sale)) throw misfit(sale, approved);
    return verdict;
  }

  unknown(sale: SaleIdentity, { limit, userSignal }: Search): PosError {
    const why = limit.hasExpired
      ? `no answer within ${this.options.outcomeWaitMs / 1000} s`
      : userSignal?.aborted
        ? 'the waiting was ended'
        : 'the client was closed';
    return unknown(sale, `${why}; it may be charged: recover it, do not repeat it`, userSignal?.reason);
  }

  /** Stores the outcome, if there is one, and lets go of the entry. */
  async end(
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
    this.tell(sale, 'decided');
    return saleOutcome(sale, verdict, isRecorded);
  }

  /** Reads answers to Check, and says once what a code would need to be believed. */
  #judgeFor({ directCode }: AskedSale): (answer: Answer) => Finding {
    const { outcomeCodes, log } = this.options;
    const told = new Set<string>();
    return (answer) => {
      const finding = judgeCheckAnswer(answer, outcomeCodes, directCode);
      const code = finding.is === 'nothing' ? finding.code : undefined;
      if (code !== undefined && told.size < MAX_TOLD && !told.has(code)) {
        told.add(code);
        const hint = `if it means "not charged": --outcome ${code}`;
        log.warn('the terminal answers Check with a code that nobody has declared', { code, hint });
      }
      return finding;
    };
  }
}

const MAX_TOLD = 16;

/** After DUPLICATE_TRANSACTION the sale under these identifiers is this one only if it says so itself. */
function isBelieved({ money, otherReceiptId }: Approved, { directCode }: AskedSale): boolean {
  if (otherReceiptId !== undefined) return false;
  return directCode === 'DUPLICATE_TRANSACTION' ? money === 'same' : money !== 'other';
}
