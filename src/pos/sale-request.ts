import { scanObject } from '../rpc/scan.ts';
import type { JsonObject } from './answer.ts';
import type { SaleIdentity } from './pos-error.ts';
import type { SaleRequest } from './sale.ts';

const MAX_AMOUNT_MINOR = 999_999_999_999;
const MAX_ID = 128;
const DEFAULT_SEQUENCE_ID = '1';
/** Digits of an integer that every receiver can hold. */
const INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;
/** Members that the client fills in itself. */
const OWN_MEMBERS = ['api_key', 'cashier_language', 'receipt_id', 'sequence_id', 'amount', 'currency'];

/** What every request of a client carries. */
export interface CommonParams {
  readonly apiKey: string | undefined;
  readonly cashierLanguage: string | undefined;
}

/** Throws RangeError or TypeError, naming the member. */
export function checkSaleRequest({ amountMinor, currency, extra }: SaleRequest): void {
  if (!Number.isSafeInteger(amountMinor) || amountMinor < 1 || amountMinor > MAX_AMOUNT_MINOR) {
    throw new RangeError(`amountMinor: ${amountMinor} is no integer from 1 to ${MAX_AMOUNT_MINOR}`);
  }
  if (!/^[A-Z]{3}$/.test(currency)) {
    throw new RangeError(`currency: ${JSON.stringify(currency)} is not three upper-case letters, as in EUR`);
  }
  const own = Object.keys(extra ?? {}).find((name) => OWN_MEMBERS.includes(name));
  if (own !== undefined) throw new RangeError(`extra: ${own} has an option of its own`);
}

/** An identifier as text. Throws RangeError. */
export function idText(name: string, id: string | number): string {
  if (typeof id === 'number') {
    if (!INTEGER.test(String(id))) throw new RangeError(`${name}: ${id} is no integer of at most 15 digits`);
    return String(id);
  }
  if (typeof id !== 'string' || id.length < 1 || id.length > MAX_ID) {
    throw new RangeError(`${name}: not a text of 1 to ${MAX_ID} characters`);
  }
  return id;
}

/** The identifiers of a request; undefined where the store is to give the number. */
export function sequenceIdOf(sequenceId: string | number | undefined): string {
  return sequenceId === undefined ? DEFAULT_SEQUENCE_ID : idText('sequenceId', sequenceId);
}

/** The params of a Purchase or Refund, as JSON text. */
export function saleParams(
  identity: SaleIdentity,
  { amountMinor, currency, extra }: SaleRequest,
  { apiKey, cashierLanguage }: CommonParams,
): string {
  return objectText([
    ['api_key', valueText(apiKey)],
    ['cashier_language', valueText(cashierLanguage)],
    ...identityMembers(identity),
    ['amount', String(amountMinor)],
    ['currency', valueText(currency)],
    ...Object.entries(extra ?? {}).map(([name, value]): Member => [name, valueText(value)]),
  ]);
}

/** The params of a Check. */
export function checkParams(identity: SaleIdentity, { apiKey }: Pick<CommonParams, 'apiKey'>): string {
  return objectText([['api_key', valueText(apiKey)], ...identityMembers(identity)]);
}

/**
 * Any params, with the key where they have none; a text is kept as it is written. Throws TypeError for what is no
 * JSON object, or has a member twice.
 */
export function plainParams(params: JsonObject | string, apiKey: string | undefined): string {
  const text = typeof params === 'string' ? params.trim() : JSON.stringify(params);
  const scan = scanObject(Buffer.from(text), ['api_key']);
  if (!scan.ok) throw new TypeError(`params: ${scan.why}`);
  if (apiKey === undefined || scan.values[0] !== undefined) return text;
  const rest = text.slice(1);
  return `{"api_key":${JSON.stringify(apiKey)}${/^\s*\}$/.test(rest) ? '' : ','}${rest}`;
}

type Member = readonly [name: string, valueText: string | undefined];

function identityMembers({ receiptId, sequenceId }: SaleIdentity): Member[] {
  return [
    ['receipt_id', identifierText(receiptId)],
    ['sequence_id', identifierText(sequenceId)],
  ];
}

/** An integer where it is one in every way, so that 17 and "17" name one sale; else a string. */
function identifierText(id: string): string {
  return INTEGER.test(id) ? id : JSON.stringify(id);
}

function valueText(value: unknown): string | undefined {
  return JSON.stringify(value);
}

/** Members without a value are left out. */
function objectText(members: readonly Member[]): string {
  const written = members.flatMap(([name, text]) =>
    text === undefined ? [] : [`${JSON.stringify(name)}:${text}`],
  );
  return `{${written.join(',')}}`;
}
