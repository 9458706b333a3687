import { errorText } from '../../rpc/error-object.ts';
import { integerText } from '../../rpc/integer-text.ts';
import { decodeString, kindOf, scanObject } from '../../rpc/scan.ts';
import type { AnswerText, Refused } from '../dialect.ts';
import { RESULT } from './catalogue.ts';
import { jsonOfField } from './field-json.ts';
import { MAX_ID, paymentIdOf } from './payment-id.ts';
import { encodeSale } from './sale.ts';

/** A sale that the terminal is asked for. */
export interface AskedSale {
  /** `receipt_id` and `sequence_id` by value. */
  readonly key: string;
  /** What the terminal knows it by. */
  readonly paymentId: string;
  readonly amount: string;
  readonly currency: string;
  /** The body of S1. */
  readonly fields: readonly Buffer[];
}

/** Who a register is that has no name. */
const NO_NAME = 'posbridge';

/** What `Purchase` asks for, in the protocol's form. */
export function readPurchase(params: Buffer, register: string | undefined): AskedSale | Refused {
  const names = ['receipt_id', 'sequence_id', 'amount', 'currency', 'cashback_amount', 'ecr-eft'];
  const { values } = scanObject(params, names);
  const [receipt, sequence, amount, currency, cashback, ownText] = values;
  const receiptId = idIn(receipt);
  const sequenceId = idIn(sequence);
  if (receiptId === undefined || receiptId === null || receiptId === '')
    return invalid('receipt_id is no string and no integer');
  if (sequenceId === undefined) return invalid('sequence_id is no string and no integer');
  const amountText = amountIn(amount);
  if (amountText === undefined || amountText === '0')
    return invalid('amount is no whole number of 1 to 12 digits');
  const cashbackText = cashback === undefined || cashback.toString() === 'null' ? '0' : amountIn(cashback);
  if (cashbackText === undefined || BigInt(cashbackText) > BigInt(amountText))
    return invalid('cashback_amount is no whole number up to the amount');
  const currencyText = idIn(currency);
  if (!currencyText || !/^[A-Z]{3}$/.test(currencyText))
    return invalid('currency is not three capital letters');
  const own =
    ownText === undefined || kindOf(ownText) !== 'object'
      ? {}
      : (JSON.parse(ownText.toString()) as Readonly<Record<string, unknown>>);
  const isOwn = typeof own['ecr_id'] === 'string';
  const ecrId = isOwn ? String(own['ecr_id']) : (register ?? NO_NAME);
  if (ecrId === '' || ecrId.length > MAX_ID) return invalid(`an ECR id has 1 to ${MAX_ID} characters`);
  const paymentId = paymentIdOf(receiptId, isOwn && sequenceId === ecrId ? null : sequenceId, isOwn);
  const order = { ecrId, paymentId, amount: amountText, currency: currencyText, cashback: cashbackText, own };
  const fields = encodeSale(order);
  if (typeof fields === 'string') return invalid(fields);
  return {
    key: keyOf(receiptId, sequenceId),
    paymentId,
    amount: amountText,
    currency: currencyText,
    fields,
  };
}

/** Which sale `Check` or `Abort` names; undefined: none. */
export function readKey(params: Buffer): string | undefined {
  const [receipt, sequence] = scanObject(params, ['receipt_id', 'sequence_id']).values;
  const receiptId = idIn(receipt);
  return typeof receiptId === 'string' ? keyOf(receiptId, idIn(sequence) ?? null) : undefined;
}

/** What S2 says about the sale, in our vocabulary. */
export function readEnd(fields: readonly Buffer[], { paymentId, amount, currency }: AskedSale): AnswerText {
  const [
    result = '',
    token = '',
    merchant = '',
    terminal = '',
    id = '',
    moved = '',
    cash = '',
    method = '',
    text = '',
  ] = fields.map((field) => field.toString('latin1'));
  const own = {
    payment_id: paymentId,
    result: /^\d{1,15}$/.test(result) ? Number(result) : result,
    ...pick({ card_token: token, merchant_id: merchant, terminal_id: terminal, transaction_id: id }),
    ...pick({ payment_method: method, message: text }),
    ...(fields.length > KNOWN_FIELDS && { fields: fields.slice(KNOWN_FIELDS).map(jsonOfField) }),
  };
  if (!/^\d+$/.test(result)) return unknownOutcome('the terminal ended the payment without a result', own);
  if (!/^0+$/.test(result)) return failure(Number(result), text, own);
  if (!/^\d{0,12}$/.test(moved) || !/^\d{0,12}$/.test(cash))
    return unknownOutcome('the terminal says that it was paid, and names no readable amount', own);
  const said = {
    amount: moved === '' ? Number(amount) : Number(moved),
    currency,
    ...(cash !== '' && Number(cash) > 0 && { cashback_amount: Number(cash) }),
    ...pick({ transaction_id: id, card_scheme: method, response_text: text }),
    'ecr-eft': own,
  };
  return { kind: 'result', text: Buffer.from(JSON.stringify(said)) };
}

/** Nobody can say on this wire, and a cashier has to know what to do. */
export function unknownOutcome(details: string, own: object = {}): AnswerText {
  const error = JSON.parse(errorText('OUTCOME_UNKNOWN', details, { displayMessage: LOOK }).toString());
  error.data = { ...error.data, outcome: 'unknown', ...(Object.keys(own).length > 0 && { 'ecr-eft': own }) };
  return { kind: 'error', text: Buffer.from(JSON.stringify(error)) };
}

export const LOOK =
  "It is not known whether this was paid. Look at the terminal's receipt or its list of payments before you take money again.";

const KNOWN_FIELDS = 9;

function failure(result: number, text: string, own: object): AnswerText {
  const [code, details] = FAILURES[result] ?? [
    'DECLINED',
    `the terminal refused the payment, result ${result}`,
  ];
  const display = text === '' ? {} : { displayMessage: text };
  const error = JSON.parse(errorText(code, details, display).toString());
  error.data['ecr-eft'] = own;
  return { kind: 'error', text: Buffer.from(JSON.stringify(error)) };
}

const FAILURES: Readonly<Record<number, readonly [string, string]>> = {
  [RESULT.busy]: ['BUSY', 'the terminal is busy or not available'],
  [RESULT.duplicate]: ['DUPLICATE_TRANSACTION', 'the terminal knows this payment id'],
};

function pick(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''));
}

/** `null` where it is not given, undefined where it is no identifier. */
function idIn(literal: Buffer | undefined): string | null | undefined {
  if (literal === undefined || literal.toString() === 'null') return null;
  if (kindOf(literal) === 'string') return decodeString(literal.toString());
  return integerText(literal.toString());
}

function amountIn(literal: Buffer | undefined): string | undefined {
  const text = idIn(literal);
  const digits = typeof text === 'string' ? integerText(text, 12) : undefined;
  return digits?.startsWith('-') ? undefined : digits;
}

function keyOf(receiptId: string, sequenceId: string | null): string {
  return JSON.stringify([receiptId, sequenceId]);
}

function invalid(why: string): Refused {
  return { code: 'JSONRPC_INVALID_PARAMS', why };
}
