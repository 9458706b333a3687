import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';

/** What identifies a transaction, as one text: equal exactly when both fields say the same (17 = "17"). */
export type TransactionKey = string;

export interface Purchase {
  readonly key: TransactionKey;
  /** In the currency's smallest unit. */
  readonly amountMinor: number;
  readonly currency: string;
  readonly language: string;
}

/** `why` names the field and goes to the register. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string };

interface Rule {
  readonly isNeeded: boolean;
  /** What the field's JSON text looks like, without needless escapes: numbers are never rounded before they are judged. */
  readonly form: RegExp;
  readonly words: string;
}

const IDENTIFIER: Rule = {
  isNeeded: true,
  form: /^(".{1,128}"|0|-?[1-9]\d{0,14})$/s,
  words: 'a string of 1 to 128 characters or an integer of at most 15 digits',
};
const TEXT: Rule = { isNeeded: false, form: /^"/, words: 'a string' };

const RULES = {
  receipt_id: IDENTIFIER,
  sequence_id: IDENTIFIER,
  amount: {
    isNeeded: true,
    form: /^[1-9]\d{0,11}$/,
    words: 'a positive integer of at most 12 digits, in minor units (123 is 1.23 EUR)',
  },
  currency: { isNeeded: true, form: /^"[A-Z]{3}"$/, words: 'three upper-case letters, as in "EUR"' },
  api_key: TEXT,
  cashier_language: TEXT,
  forced_authorization: { isNeeded: false, form: /^(true|false)$/, words: 'true or false' },
} satisfies Record<string, Rule>;
type Field = keyof typeof RULES;

const DEFAULT_LANGUAGE = 'en';

/** Checks the params of a Purchase or Refund. null counts as not given; unknown members are ignored. */
export function readPurchase(params: Buffer): Checked<Purchase> {
  const fields = readFields(params, Object.keys(RULES) as Field[]);
  if (!fields.ok) return fields;
  const { receipt_id, sequence_id, amount, currency = '', cashier_language } = fields.value;
  return {
    ok: true,
    value: {
      key: JSON.stringify([receipt_id, sequence_id]),
      amountMinor: Number(amount),
      currency,
      language: cashier_language ?? DEFAULT_LANGUAGE,
    },
  };
}

/** Checks the identifiers alone, as a Check carries them. */
export function readKey(params: Buffer): Checked<TransactionKey> {
  const fields = readFields(params, ['receipt_id', 'sequence_id']);
  if (!fields.ok) return fields;
  return { ok: true, value: JSON.stringify([fields.value.receipt_id, fields.value.sequence_id]) };
}

/** The fields as text: a string's characters, else the JSON text. */
function readFields(params: Buffer, names: readonly Field[]): Checked<Partial<Record<Field, string>>> {
  const scan = scanObject(params, names);
  if (!scan.ok) return { ok: false, why: `params: ${scan.why}` };
  const value: Partial<Record<Field, string>> = {};
  for (const [index, name] of names.entries()) {
    const { isNeeded, form, words } = RULES[name];
    const written = scan.values[index];
    if (written === undefined || written.equals(NULL)) {
      if (isNeeded) return { ok: false, why: `${name} is missing` };
      continue;
    }
    const text = kindOf(written) === 'string' ? decodeString(written.toString()) : undefined;
    if (!form.test(text === undefined ? written.toString('latin1') : JSON.stringify(text))) {
      return { ok: false, why: `${name} is not ${words}` };
    }
    value[name] = text ?? written.toString('latin1');
  }
  return { ok: true, value };
}

const NULL = Buffer.from('null');

export interface ApprovalDetails {
  readonly method: string;
  readonly purchase: Purchase;
  /** Counts the transactions of this terminal. */
  readonly trace: number;
  readonly transactionId: string;
  readonly timestamp: string;
}

/** The result of an approved transaction, as a terminal gives it. */
export function approval({ method, purchase, trace, transactionId, timestamp }: ApprovalDetails): object {
  const traceNumber = String(trace % 1_000_000).padStart(6, '0');
  const authorizationCode = String((trace * 7919) % 1_000_000).padStart(6, '0');
  const receipt = [
    'SIMULATED TERMINAL',
    'NOT A REAL PAYMENT',
    timestamp,
    `${method.toUpperCase()} ${amountText(purchase)}`,
    `${CARD.scheme} ${CARD.number}`,
    `AUTH ${authorizationCode} TRACE ${traceNumber}`,
    'APPROVED',
  ];
  return {
    timestamp,
    amount: purchase.amountMinor,
    currency: purchase.currency,
    transaction_id: transactionId,
    trace_number: traceNumber,
    authorization_code: authorizationCode,
    masked_card_number: CARD.number,
    card_scheme: CARD.scheme,
    entry_mode: 'CHIP',
    merchant_receipt: [...receipt, 'MERCHANT COPY'],
    customer_receipt: [...receipt, 'CUSTOMER COPY'],
  };
}

const CARD = { number: '541333******0010', scheme: 'Mastercard' } as const;

/** "12.50 EUR", made of digits only. */
function amountText({ amountMinor, currency }: Purchase): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  const digits = String(amountMinor).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  return `${decimals === 0 ? whole : `${whole}.${digits.slice(-decimals)}`} ${currency}`;
}
