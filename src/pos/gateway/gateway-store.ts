import { type Identifiers, identifiersOf } from '../../application/identifiers.ts';
import type { Clock } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { OutcomeText } from '../../rpc/outcome.ts';
import { decodeString, kindOf, scanObject } from '../../rpc/scan.ts';
import type { OwnedEntry } from '../../store/owned-entry.ts';
import type { Answer } from '../answer.ts';
import { PosError } from '../pos-error.ts';
import { SaleStore, storedSale } from '../sale-store.ts';
import { passedOn, refusal } from './gateway-answer.ts';

/** As long as a journal keeps by default. */
const KEEP_MS = 30 * 86_400_000;
/** How often what is too old is removed. */
const PRUNE_EVERY_MS = 86_400_000;

/**
 * What became of the sales that went to a terminal which cannot be asked for that. It answers Check in the terminal's
 * place, and never says more than it knows: a sale that was sent and whose answer was lost stays unknown.
 */
export class GatewayStore {
  readonly #sales: SaleStore;
  readonly #place: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #prunedMs = Number.NEGATIVE_INFINITY;

  /** Rejects with STORE_FAILED. */
  static async open(
    folder: string,
    { place, clock, log }: { readonly place: string; readonly clock: Clock; readonly log: Logger },
  ): Promise<GatewayStore> {
    const sales = await SaleStore.open(folder, { clock, log, keepMs: KEEP_MS });
    return new GatewayStore(sales, { place, clock, log });
  }

  private constructor(
    sales: SaleStore,
    { place, clock, log }: { readonly place: string; readonly clock: Clock; readonly log: Logger },
  ) {
    this.#sales = sales;
    this.#clock = clock;
    this.#place = place;
    this.#log = log;
  }

  /** Writes a sale down before it is sent. An answer: it is not to be sent. Never rejects. */
  async begin(
    { receiptId, sequenceId }: Identifiers,
    method: string,
    params: string,
  ): Promise<{ readonly owned: OwnedEntry } | OutcomeText> {
    const { amountMinor, currency } = moneyIn(params);
    this.#pruneDaily();
    try {
      const place = this.#place;
      const owned = await this.#sales.begin({ receiptId, sequenceId, method, amountMinor, currency, place });
      if (owned !== 'exists') return { owned };
      return refusal('DUPLICATE_TRANSACTION', 'not charged again: these identifiers were used before');
    } catch (fault) {
      this.#log.error('a sale cannot be recorded, and is not sent', { why: describeFault(fault) });
      return refusal('JOURNAL_UNAVAILABLE', 'what goes to the terminal cannot be recorded at the moment');
    }
  }

  /** What there is to say to a Check. Never rejects. */
  async check({ receiptId, sequenceId }: Identifiers): Promise<OutcomeText> {
    try {
      const { identity, lookup } = await this.#sales.find({ receiptId, sequenceId });
      switch (lookup.state) {
        case 'done':
          return passedOn(storedSale(lookup)[1]);
        case 'running':
          return refusal('TRANSACTION_ACTIVE', 'the transaction is still running');
        case 'unresolved':
        case 'lost':
          return refusal('OUTCOME_UNKNOWN', NOBODY_CAN_TELL);
        case 'none':
          return await this.#absent(identifiersOf(identity.receiptId, identity.sequenceId));
      }
    } catch (fault) {
      if (fault instanceof PosError && fault.code === 'OUTCOME_UNKNOWN')
        return refusal(fault.code, fault.text);
      this.#log.error('the store of the terminal cannot be read', { why: describeFault(fault) });
      return refusal('OUTCOME_UNKNOWN', 'what went to the terminal cannot be read at the moment');
    }
  }

  /** Never rejects. */
  async finish(entry: OwnedEntry, answer: Answer): Promise<void> {
    await this.#sales.finish(entry, answer);
  }

  /** Never rejects. */
  async withdraw(entry: OwnedEntry): Promise<void> {
    await this.#sales.withdraw(entry);
  }

  /** Never rejects. */
  async release(entry: OwnedEntry): Promise<void> {
    await this.#sales.release(entry);
  }

  async close(): Promise<void> {
    await this.#sales.close();
  }

  #pruneDaily(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#prunedMs < PRUNE_EVERY_MS) return;
    this.#prunedMs = nowMs;
    void this.#sales.prune();
  }

  /** Written down first: from now on these identifiers are refused. */
  async #absent({ receiptId, sequenceId }: Identifiers): Promise<OutcomeText> {
    const absent = refusal(
      'TRANSACTION_NOT_FOUND',
      'no transaction with these identifiers has been sent to the terminal',
    );
    const answer: Answer = { kind: 'error', text: absent.text.toString() };
    const recorded = await this.#sales.recordUnknown({ receiptId, sequenceId }, answer);
    return recorded === 'recorded' ? absent : refusal('TRANSACTION_ACTIVE', 'it has just been begun');
  }
}

const NOBODY_CAN_TELL =
  'the answer of the terminal was lost, and it cannot be asked for it: look at the terminal’s own receipt or totals';

/** For people who look into the store. */
function moneyIn(params: string): { readonly amountMinor: number; readonly currency: string } {
  const [amount, currency] = scanObject(Buffer.from(params), ['amount', 'currency']).values;
  const isText = currency !== undefined && kindOf(currency) === 'string';
  return {
    amountMinor: Number(amount?.toString('latin1') ?? Number.NaN) || 0,
    currency: isText ? decodeString(currency.toString()) : '',
  };
}
