import { stringCodeOf } from '../../rpc/error-object.ts';
import { integerText } from '../../rpc/integer-text.ts';
import { decodeString, kindOf, scanObject } from '../../rpc/scan.ts';
import type { Refused } from '../dialect.ts';
import { RESULT } from './catalogue.ts';
import { plainText } from './field-json.ts';
import type { Sale } from './sale.ts';

/** What an answer to a sale says to the register: the body of S2, or why this protocol cannot say it. */
export type EndOfSale =
  | { readonly ok: true; readonly fields: readonly Buffer[] }
  | { readonly ok: false; readonly why: Refused };

/** S2 for a result: the money has moved. */
export function encodeResult(result: Buffer, sale: Pick<Sale, 'currency' | 'onTop'>): EndOfSale {
  const members = membersOf(result);
  const own = membersOf(members.get('ecr-eft'));
  const currency = textOf(members.get('currency'));
  // S2 has no field for it: the register would take the amount for its own currency.
  if (currency !== undefined && currency !== sale.currency)
    return cannotSay('the currency of the result is another one');
  const amount = amountOf(members.get('amount'));
  const cashback = amountOf(members.get('cashback_amount'));
  if (amount === undefined || cashback === undefined)
    return cannotSay('an amount of the result is not 0 to 12 digits');
  const gross = amount === '' ? '' : String(BigInt(amount) - BigInt(sale.onTop));
  if (gross.startsWith('-')) return cannotSay('the amount of the result is less than the cashback');
  const said = (name: string, length: number, ...others: string[]) => {
    const text = [own.get(name), ...others.map((other) => members.get(other))].map(textOf).find((one) => one);
    return plainText(text ?? '', length);
  };
  const token = textOf(own.get('card_token')) ?? '';
  return {
    ok: true,
    fields: [
      Buffer.from(String(RESULT.success)),
      Buffer.from(/^(?:[0-9A-F]{2})*$/i.test(token) ? token.toUpperCase() : ''),
      said('merchant_id', ID, 'merchant_id'),
      said('terminal_id', ID, 'terminal_id'),
      said('transaction_id', ID, 'transaction_id', 'trace_number'),
      Buffer.from(gross),
      Buffer.from(cashback),
      said('payment_method', METHOD, 'card_scheme'),
      said('message', MESSAGE, 'response_text'),
    ].map((field, index) => (index === METHOD_FIELD && field.length === 0 ? CARD : field)),
  };
}

/** S2 for an error: no money has moved. The result that a terminal gave under this protocol stays what it was. */
export function encodeError(error: Buffer): readonly Buffer[] {
  const data = membersOf(membersOf(error).get('data'));
  const code = stringCodeOf(error);
  const given = integerText(
    membersOf(data.get('ecr-eft')).get('result')?.toString() ?? '',
    MAX_RESULT_DIGITS,
  );
  const result = given !== undefined && isFailure(given) ? given : String(resultOf(code));
  const text = BUSY_CODES.has(code)
    ? BUSY_TEXT
    : (textOf(data.get('display_message')) ?? textOf(membersOf(error).get('message')));
  return encodeRefusal(Number(result), text ?? code);
}

/** S2 for what never began, or did not come to pass. */
export function encodeRefusal(result: number, message: string): readonly Buffer[] {
  const texts = [String(result), '', 'M000', 'T000', 'N/A', '', '', 'NONE'];
  return [...texts.map((text) => Buffer.from(text)), plainText(message, MESSAGE)];
}

const ID = 20;
const METHOD = 40;
const MESSAGE = 80;
const METHOD_FIELD = 7;
const CARD = Buffer.from('CARD');
const MAX_RESULT_DIGITS = 10;
const MAX_RESULT = 2 ** 32 - 1;
export const BUSY_TEXT = 'Payment endpoint busy';
const BUSY_CODES: ReadonlySet<string> = new Set(['BUSY', 'CHANNEL_UNAVAILABLE']);

function resultOf(code: string): number {
  if (BUSY_CODES.has(code)) return RESULT.busy;
  return code === 'DUPLICATE_TRANSACTION' ? RESULT.duplicate : RESULT.refused;
}

/** Success is said by results only. */
function isFailure(result: string): boolean {
  return !result.startsWith('-') && result !== '0' && Number(result) <= MAX_RESULT;
}

function cannotSay(why: string): EndOfSale {
  return { ok: false, why: { code: 'JSONRPC_INVALID_PARAMS', why } };
}

const MEMBERS = [
  ...[
    'amount',
    'currency',
    'cashback_amount',
    'transaction_id',
    'trace_number',
    'card_scheme',
    'response_text',
  ],
  ...[
    'merchant_id',
    'terminal_id',
    'card_token',
    'payment_method',
    'message',
    'display_message',
    'result',
    'data',
  ],
  'ecr-eft',
];

/** Members as their JSON text; nothing at all where there is no object. */
function membersOf(object: Buffer | undefined): ReadonlyMap<string, Buffer> {
  if (object === undefined || kindOf(object) !== 'object') return new Map();
  const { values } = scanObject(object, MEMBERS);
  return new Map(
    MEMBERS.flatMap((name, index) => {
      const value = values[index];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** A string, or the digits of a number. */
function textOf(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (kindOf(value) === 'string') return decodeString(value.toString());
  return kindOf(value) === 'number' ? value.toString() : undefined;
}

/** Empty where nothing is said, undefined where it is no amount that the protocol can carry. */
function amountOf(value: Buffer | undefined): string | undefined {
  if (value === undefined || value.toString() === 'null') return '';
  const literal = kindOf(value) === 'string' ? decodeString(value.toString()) : value.toString();
  const digits = integerText(literal, 12);
  return digits === undefined || digits.startsWith('-') ? undefined : digits;
}
