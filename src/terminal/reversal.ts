import type { TransactionKey } from '../application/identifiers.ts';
import type { Presented } from './cardholder.ts';
import { CARDS, type EntryMode, MASTERCARD } from './cards.ts';
import type { Known } from './known.ts';
import type { Purchase } from './purchase.ts';

/** An approved transaction that a Reversal may undo: as a whole, once. */
export interface Original {
  readonly key: TransactionKey;
  /** The card that paid; nobody has to present it again. */
  readonly presented: Presented;
}

const REVERSIBLE: ReadonlySet<string> = new Set(['Purchase', 'Refund']);

/** What a Reversal undoes, or why it cannot. */
export function originalOf(known: Known, { amountMinor, currency }: Purchase): Original | string {
  if (known.state !== 'done') return NOT_DONE[known.state];
  if (known.answer.kind === 'error') return 'the transaction was not approved';
  if (!REVERSIBLE.has(known.method)) return `a ${known.method} cannot be reversed`;
  if (known.isReversed) return 'the transaction has been reversed already';
  const result = JSON.parse(known.answer.text.toString()) as OriginalResult;
  if (result.amount !== amountMinor || result.currency !== currency) {
    return 'amount and currency are not those of the transaction, which can be reversed as a whole only';
  }
  const card = CARDS.find(({ maskedNumber }) => maskedNumber === result.masked_card_number) ?? MASTERCARD;
  return { key: known.key, presented: { card, entryMode: result.entry_mode } };
}

interface OriginalResult {
  readonly amount: number;
  readonly currency: string;
  readonly masked_card_number: string;
  readonly entry_mode: EntryMode;
}

const NOT_DONE: Readonly<Record<Exclude<Known['state'], 'done'>, string>> = {
  none: 'there is no such transaction',
  absent: 'there is no such transaction',
  running: 'the transaction is still running',
  several: 'there are several transactions of this receipt; say which by original_sequence_id',
  lost: 'the record of the transaction is damaged',
};
