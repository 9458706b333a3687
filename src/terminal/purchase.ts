import { VOCABULARY } from '../dialect/vocabulary.ts';
import { type Checked, readFields, rulesOf } from './fields.ts';

/** What identifies a transaction, as one text: equal exactly when both fields say the same (17 = "17" = 17.0). */
export type TransactionKey = string;

export interface Identifiers {
  readonly key: TransactionKey;
  readonly receiptId: string;
  /** Not every register gives one. */
  readonly sequenceId: string | undefined;
}

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

/** What a register wants ended: the transaction of these identifiers, or whichever of its own is running. */
export interface AbortOrder {
  readonly identifiers: Identifiers | undefined;
  readonly apiKey: string | undefined;
}

const { Purchase: PURCHASE, Reversal: REVERSAL, Check: CHECK, Abort: ABORT } = VOCABULARY;
const PURCHASE_RULES = rulesOf(PURCHASE.params);
const REVERSAL_RULES = rulesOf(REVERSAL.params);
const CHECK_RULES = rulesOf(CHECK.params);
const ABORT_RULES = rulesOf(ABORT.params);

const DEFAULT_LANGUAGE = 'en';

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

/** Checks the identifiers alone, as a Check carries them. */
export function readIdentifiers(params: Buffer): Checked<Identifiers> {
  const fields = readFields(params, CHECK_RULES);
  if (!fields.ok) return fields;
  const { receipt_id: receiptId = '', sequence_id: sequenceId } = fields.value;
  return { ok: true, value: identifiersOf(receiptId, sequenceId) };
}

/** Checks the params of an Abort. */
export function readAbort(params: Buffer): Checked<AbortOrder> {
  const fields = readFields(params, ABORT_RULES);
  if (!fields.ok) return fields;
  const { receipt_id: receiptId, sequence_id: sequenceId, api_key: apiKey } = fields.value;
  if (receiptId !== undefined) {
    return { ok: true, value: { identifiers: identifiersOf(receiptId, sequenceId), apiKey } };
  }
  if (sequenceId !== undefined) return { ok: false, why: 'receipt_id is missing' };
  return { ok: true, value: { identifiers: undefined, apiKey } };
}

export function identifiersOf(receiptId: string, sequenceId: string | undefined): Identifiers {
  return { key: JSON.stringify([receiptId, sequenceId]), receiptId, sequenceId };
}

/** Whether identifiers may mean this transaction: without `sequence_id` any of the receipt. */
export function mayMean(asked: Identifiers, { key, receiptId }: Identifiers): boolean {
  return asked.key === key || (asked.sequenceId === undefined && asked.receiptId === receiptId);
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
