import { type Checked, OPTIONAL_TEXT, type Rule, readFields } from './fields.ts';

/** What identifies a transaction, as one text: equal exactly when both fields say the same (17 = "17"). */
export type TransactionKey = string;

export interface Identifiers {
  readonly key: TransactionKey;
  readonly receiptId: string;
  readonly sequenceId: string;
}

export interface Purchase extends Identifiers {
  readonly method: string;
  /** In the currency's smallest unit. */
  readonly amountMinor: number;
  readonly currency: string;
  readonly language: string;
}

const IDENTIFIER: Rule = {
  isNeeded: true,
  form: /^(".{1,128}"|0|-?[1-9]\d{0,14})$/s,
  words: 'a string of 1 to 128 characters or an integer of at most 15 digits',
};
const IDENTIFIER_RULES = { receipt_id: IDENTIFIER, sequence_id: IDENTIFIER };

const PURCHASE_RULES = {
  ...IDENTIFIER_RULES,
  amount: {
    isNeeded: true,
    form: /^[1-9]\d{0,11}$/,
    words: 'a positive integer of at most 12 digits, in minor units (123 is 1.23 EUR)',
  },
  currency: { isNeeded: true, form: /^"[A-Z]{3}"$/, words: 'three upper-case letters, as in "EUR"' },
  api_key: OPTIONAL_TEXT,
  cashier_language: OPTIONAL_TEXT,
  forced_authorization: { isNeeded: false, form: /^(true|false)$/, words: 'true or false' },
} satisfies Record<string, Rule>;

const DEFAULT_LANGUAGE = 'en';

/** Checks the params of a Purchase or Refund. null counts as not given; unknown members are ignored. */
export function readPurchase(method: string, params: Buffer): Checked<Purchase> {
  const fields = readFields(params, PURCHASE_RULES);
  if (!fields.ok) return fields;
  const { amount, currency = '', cashier_language: language = DEFAULT_LANGUAGE } = fields.value;
  const identifiers = identifiersOf(fields.value);
  return { ok: true, value: { ...identifiers, method, amountMinor: Number(amount), currency, language } };
}

/** Checks the identifiers alone, as a Check carries them. */
export function readIdentifiers(params: Buffer): Checked<Identifiers> {
  const fields = readFields(params, IDENTIFIER_RULES);
  return fields.ok ? { ok: true, value: identifiersOf(fields.value) } : fields;
}

function identifiersOf({
  receipt_id: receiptId = '',
  sequence_id: sequenceId = '',
}: Partial<Record<'receipt_id' | 'sequence_id', string>>): Identifiers {
  return { key: JSON.stringify([receiptId, sequenceId]), receiptId, sequenceId };
}
