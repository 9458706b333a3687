import { type Identifiers, identifiersOf, type TransactionKey } from '../application/identifiers.ts';

/** `sale`: a transaction, running or over. `absent`: a Check was told that there is none. */
type Use = 'sale' | 'absent';

/**
 * Which identifiers are used up. It lives in memory, where finding and claiming are one step: of a Purchase and a Check
 * that come at the same time exactly one wins.
 */
export class ReceiptIndex {
  readonly #receipts = new Map<string, Map<TransactionKey, Use>>();

  /** Takes identifiers; false: they are used up. Without `sequence_id` an absence is one of the whole receipt. */
  claim({ key, receiptId, sequenceId }: Identifiers, use: Use): boolean {
    const receipt = this.#receipts.get(receiptId) ?? new Map<TransactionKey, Use>();
    if (receipt.has(key) || receipt.get(wholeOf(receiptId)) === 'absent') return false;
    if (use === 'absent' && sequenceId === undefined && [...receipt.values()].includes('sale')) return false;
    this.#receipts.set(receiptId, receipt.set(key, use));
    return true;
  }

  release({ key, receiptId }: Identifiers): void {
    const receipt = this.#receipts.get(receiptId);
    receipt?.delete(key);
    if (receipt?.size === 0) this.#receipts.delete(receiptId);
  }

  /** The transaction that identifiers mean; `none`: nothing is known of them. */
  find({ key, receiptId, sequenceId }: Identifiers): TransactionKey | 'none' | 'several' | Absent {
    const receipt = this.#receipts.get(receiptId);
    const use = receipt?.get(key);
    if (use === 'sale') return key;
    if (use === 'absent' || receipt?.get(wholeOf(receiptId)) === 'absent') return ABSENT;
    if (receipt === undefined || sequenceId !== undefined) return 'none';
    const [first, second] = [...receipt].filter(([, one]) => one === 'sale').map(([one]) => one);
    return second === undefined ? (first ?? 'none') : 'several';
  }
}

type Absent = typeof ABSENT;
const ABSENT = 'absent';

function wholeOf(receiptId: string): TransactionKey {
  return identifiersOf(receiptId, undefined).key;
}
