import type { MadeSale, RecoveredSale, RecoverySummary, SaleOutcome } from './sale.ts';
import { SaleDesk, type SalesOptions } from './sale-desk.ts';
import { SaleMaking, type SaleMethod, type SaleRequests } from './sale-making.ts';
import { SaleRecovery } from './sale-recovery.ts';
import { idText, sequenceIdOf } from './sale-request.ts';
import { Working } from './wait.ts';

/**
 * Sales from the register's side: made by `SaleMaking`, found out about by `SaleRecovery`. From `sent` on a sale ends
 * only with what the terminal says about it; whoever stops waiting leaves its entry open for `recover`.
 */
export class Sales {
  readonly #desk: SaleDesk;
  readonly #making: SaleMaking;
  readonly #recovery: SaleRecovery;
  readonly #working = new Working();

  constructor(options: SalesOptions) {
    this.#desk = new SaleDesk(options);
    this.#making = new SaleMaking(this.#desk, this.#working);
    this.#recovery = new SaleRecovery(this.#desk);
  }

  /** Resolves when nothing is under way any more. Never rejects. */
  settled(): Promise<void> {
    return this.#working.settled();
  }

  /** Rejects with a PosError; only OUTCOME_UNKNOWN leaves anything open. */
  async make<M extends SaleMethod>(
    method: M,
    request: SaleRequests[M],
    userSignal: AbortSignal | undefined,
  ): Promise<MadeSale> {
    const sale = await this.#working.keep(this.#making.make(method, request, userSignal));
    const { amountMinor = request.amountMinor, currency = request.currency } = sale;
    return { ...sale, amountMinor, currency };
  }

  /**
   * How an earlier sale ended: from the store, else asked and recorded. Rejects with TRANSACTION_ACTIVE while somebody
   * else is at it.
   */
  async check(
    receiptId: string | number,
    sequenceId: string | number | null | undefined,
    userSignal: AbortSignal | undefined,
  ): Promise<SaleOutcome> {
    const identity = { receiptId: idText('receiptId', receiptId), sequenceId: sequenceIdOf(sequenceId) };
    this.#desk.refuseEnded(userSignal);
    return this.#working.keep(this.#recovery.check(identity, userSignal));
  }

  /** Brings every unfinished sale of the store to its end, several at a time; those of living processes are theirs. */
  async *recover(
    userSignal: AbortSignal | undefined,
  ): AsyncGenerator<RecoveredSale, RecoverySummary, undefined> {
    const store = this.#desk.storeFor('recover');
    this.#desk.refuseEnded(userSignal);
    return yield* this.#recovery.recover(store, userSignal, this.#working);
  }
}
