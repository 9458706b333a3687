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

/** What a register wants ended: the transaction of these identifiers, or whichever of its own is running. */
export interface AbortOrder {
  readonly identifiers: Identifiers | undefined;
  readonly apiKey: string | undefined;
}

const CHECK_RULES = rulesOf(VOCABULARY.Check.params);
const ABORT_RULES = rulesOf(VOCABULARY.Abort.params);

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
