import { type Checked, readFields, rulesOf } from '../application/fields.ts';
import { type Identifiers, identifiersOf } from '../application/identifiers.ts';
import { VOCABULARY } from '../dialect/vocabulary.ts';
import { DEFAULT_LANGUAGE } from './texts.ts';

/** What moves money: a Purchase, a Refund or a Reversal. */
export interface Purchase extends Identifiers {
  readonly method: string;
  /** In the currency's smallest unit. */
  readonly amountMinor: number;
  readonly cashbackMinor: number;
  readonly currency: string;
  readonly language: string;
  /** Kept in memory alone: an Abort with another one is somebody else's. */
  readonly apiKey: string | undefined;
  /** What a Reversal undoes, as its register names it. */
  readonly original?: Identifiers;
}

const { Purchase: PURCHASE, Reversal: REVERSAL } = VOCABULARY;
const PURCHASE_RULES = rulesOf(PURCHASE.params);
const REVERSAL_RULES = rulesOf(REVERSAL.params);

/** Checks the params of a Purchase or Refund. null counts as not given; unknown members are ignored. */
export function readPurchase(method: string, params: Buffer): Checked<Purchase> {
  const fields = readFields(params, PURCHASE_RULES);
  if (!fields.ok) return fields;
  const purchase = purchaseOf(method, fields.value);
  const cashbackMinor = Number(fields.value.cashback_amount ?? 0);
  if (cashbackMinor > purchase.amountMinor) {
    return { ok: false, why: 'cashback_amount is more than amount, of which it is a part' };
  }
  return { ok: true, value: { ...purchase, cashbackMinor } };
}

/** Checks the params of a Reversal. */
export function readReversal(method: string, params: Buffer): Checked<Purchase> {
  const fields = readFields(params, REVERSAL_RULES);
  if (!fields.ok) return fields;
  const { original_receipt_id: receiptId = '', original_sequence_id: sequenceId } = fields.value;
  const original = identifiersOf(receiptId, sequenceId);
  return { ok: true, value: { ...purchaseOf(method, fields.value), original } };
}

type Fields = Partial<Record<keyof typeof PURCHASE.params, string>>;

function purchaseOf(method: string, fields: Omit<Fields, 'cashback_amount'>): Purchase {
  const { receipt_id: receiptId = '', sequence_id: sequenceId, amount, currency = '' } = fields;
  const { cashier_language: language = DEFAULT_LANGUAGE, api_key: apiKey } = fields;
  const identifiers = identifiersOf(receiptId, sequenceId);
  return {
    ...identifiers,
    method,
    amountMinor: Number(amount),
    cashbackMinor: 0,
    currency,
    language,
    apiKey,
  };
}
