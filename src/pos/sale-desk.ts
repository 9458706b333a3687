import { faultPoint } from '../base/fault-point.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import { Inquiry, type InquiryOptions, type Search } from './inquiry.ts';
import type { Verdict } from './outcome.ts';
import { PosError } from './pos-error.ts';
import type { ResolvedPosOptions } from './pos-options.ts';
import type { SaleOutcome, SaleProgress } from './sale.ts';
import type { SaleStore } from './sale-store.ts';
import { type AskedSale, type KnownSale, saleOutcome } from './sale-words.ts';
import { Limit } from './wait.ts';

export interface SalesOptions
  extends InquiryOptions,
    Pick<ResolvedPosOptions, 'cashierLanguage' | 'connectTimeoutMs' | 'keepsUnsent'> {
  readonly to: string;
  readonly store: SaleStore | undefined;
  readonly progress: (progress: SaleProgress) => void;
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

  /** Questions to the terminal about a sale; `stop` them in the end. */
  inquiry(sale: AskedSale, search: Search): Inquiry {
    return new Inquiry(this.options, sale, search, (count) => this.tell(sale, 'asking', count));
  }

  /**
   * What the terminal says to Check about an earlier sale, as soon as it says how it ended. Rejects with
   * OUTCOME_UNKNOWN.
   */
  async ask(sale: AskedSale, search: Search): Promise<Verdict> {
    const inquiry = this.inquiry(sale, search);
    try {
      return await inquiry.untilFound();
    } finally {
      inquiry.stop();
    }
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
    const endedAt = await store.finish(entry, verdict.answer);
    faultPoint('after-done');
    this.tell(sale, 'decided');
    const outcome = saleOutcome(sale, verdict, endedAt !== undefined);
    return endedAt === undefined ? outcome : { ...outcome, endedAt };
  }
}
