import { fieldOfJson, jsonOfField } from './field-json.ts';
import { METHOD_PREFIX } from './generic.ts';

/** What `--cashback` says of the gross amount of this register. */
export type CashbackRule = 'within' | 'on-top' | 'unknown';

/** A sale that S1 asks for, or an earlier one that it asks about. */
export interface Sale {
  readonly kind: 'sale' | 'earlier';
  readonly ecrId: string;
  readonly paymentId: string;
  /** What the customer pays in all, minor units. */
  readonly total: string;
  readonly currency: string;
  /**
   * What the register adds to the amounts of S2 by itself: nothing, or the cashback that is on top of the gross amount.
   */
  readonly onTop: string;
  /** Text of the params for our vocabulary. */
  readonly params: string;
}

/** The member of params that holds what our vocabulary has no words for. */
const OWN = METHOD_PREFIX.slice(0, -1);

export interface SaleRules {
  readonly cashback: CashbackRule;
  /** The register's name is its ECR id; otherwise that tells sales of several registers apart. */
  readonly namesRegister: boolean;
  readonly takesEarlier: boolean;
}

/** Reads the body of S1, or says why it is refused; nothing has begun then. */
export function readSale(fields: readonly Buffer[], rules: SaleRules): Sale | string {
  const texts = fields.slice(0, NAMES.length).map((field) => field.toString('latin1'));
  const missing = NAMES.findIndex((_, index) => index < REQUIRED && !texts[index]);
  if (missing !== -1) return `${NAMES[missing]} is missing`;
  const [kind = '', ecrId = '', paymentId = '', gross = '', net = '', vat = '', currency = ''] = texts;
  const [cashback = '', limit = ''] = texts.slice(7);
  if (kind !== 'S' && !(kind === 'C' && rules.takesEarlier)) return `kind ${kind} is not carried out here`;
  if (ecrId.length > MAX_ID || paymentId.length > MAX_ID) return `an id is longer than ${MAX_ID} characters`;
  if (hasControls(ecrId) || hasControls(paymentId)) return 'an id holds a control character';
  const wrong = [gross, net, vat, cashback, ...(limit === '' ? [] : [limit])].find(
    (text) => !AMOUNT.test(text),
  );
  if (wrong !== undefined) return 'an amount is not 1 to 12 digits';
  if (!/^[A-Z]{3}$/.test(currency)) return 'the currency is not three letters';
  const cash = BigInt(cashback);
  const isWithin = rules.cashback === 'within' || BigInt(net) + BigInt(vat) + cash === BigInt(gross);
  if (kind === 'S' && cash > 0n && rules.cashback === 'unknown' && !isWithin) return CASHBACK;
  const onTop = rules.cashback === 'on-top' ? cash : 0n;
  const total = BigInt(gross) + onTop;
  if (kind === 'S' && total === 0n) return 'there is nothing to pay';
  if (total > MAX_AMOUNT) return 'the amount is too large';
  const identity = {
    receipt_id: paymentId,
    ...(!rules.namesRegister && { sequence_id: ecrId }),
  };
  const own = {
    ecr_id: ecrId,
    net: Number(net),
    vat: Number(vat),
    cashback: Number(cashback),
    ...(limit !== '' && { cashback_limit: Number(limit) }),
    ...(fields.length > NAMES.length && { fields: fields.slice(NAMES.length).map(jsonOfField) }),
  };
  const money = {
    amount: Number(total),
    currency,
    ...(cash > 0n && { cashback_amount: Number(cash) }),
    [OWN]: own,
  };
  return {
    kind: kind === 'S' ? 'sale' : 'earlier',
    ecrId,
    paymentId,
    total: String(total),
    currency,
    onTop: String(onTop),
    params: JSON.stringify(kind === 'S' ? { ...identity, ...money } : identity),
  };
}

/** No XOR notices a 00 that noise has put between two bytes. */
function hasControls(text: string): boolean {
  return [...text].some((letter) => letter < ' ' || letter === '\x7f');
}

/** What a register's end asks for. */
export interface SaleOrder {
  readonly ecrId: string;
  readonly paymentId: string;
  readonly amount: string;
  readonly currency: string;
  readonly cashback: string;
  readonly own: Readonly<Record<string, unknown>>;
}

/** The body of S1. Net and VAT stand as they were given; where nobody has said, the whole amount is net. */
export function encodeSale({
  ecrId,
  paymentId,
  amount,
  currency,
  cashback,
  own,
}: SaleOrder): Buffer[] | string {
  const net = own['net'] === undefined ? String(BigInt(amount) - BigInt(cashback)) : String(own['net']);
  const vat = String(own['vat'] ?? 0);
  const limit = own['cashback_limit'] === undefined ? [] : [String(own['cashback_limit'])];
  const wrong = [amount, net, vat, cashback, ...limit].find((text) => !AMOUNT.test(text));
  if (wrong !== undefined) return 'an amount is not 1 to 12 digits';
  const texts = ['S', ecrId, paymentId, amount, net, vat, currency, cashback, ...limit];
  const fields = texts.map((text) => fieldOfJson(text));
  if (!fields.every((field) => field !== undefined)) return 'an identifier is not printable ASCII';
  return fields;
}

const NAMES = [
  ...['the kind', 'the ECR id', 'the payment id', 'the gross amount', 'the net amount', 'the VAT'],
  ...['the currency', 'the cashback', 'the cashback limit'],
];
/** The first ones must be there and say something. */
const REQUIRED = 8;
const MAX_ID = 128;
const AMOUNT = /^\d{1,12}$/;
const MAX_AMOUNT = 999_999_999_999n;
const CASHBACK =
  'whether the gross amount includes the cashback is not known: --cashback within or on-top says so';
