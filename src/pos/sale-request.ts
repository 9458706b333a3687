import { scanObject } from '../rpc/scan.ts';
import type { JsonObject } from './answer.ts';
import type { SaleIdentity } from './pos-error.ts';
import type { ReversalRequest, SaleRequest } from './sale.ts';

const MAX_AMOUNT_MINOR = 999_999_999_999;
const MAX_ID = 128;
const DEFAULT_SEQUENCE_ID = '1';
/** Digits of an integer that every receiver can hold. */
const INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;
/** Members that the client fills in itself. */
const OWN_MEMBERS = [
  'api_key',
  'cashier_language',
  'receipt_id',
  'sequence_id',
  'amount',
  'currency',
  'original_receipt_id',
  'original_sequence_id',
];

/** What every request of a client carries. */
export interface CommonParams {
  readonly apiKey: string | undefined;
  readonly cashierLanguage: string | undefined;
}

/** A request, read once and checked: nothing of it is the caller's any more. */
export interface CheckedRequest {
  readonly amountMinor: number;
  readonly currency: string;
  /** Undefined: the store gives the number. */
  readonly receiptId: string | undefined;
  readonly sequenceId: string | undefined;
  readonly extra: readonly Member[];
  /** JSON text. */
  readonly memo: string | undefined;
  /** What a reversal undoes. */
  readonly original?: OriginalSale;
}

export interface OriginalSale extends SaleIdentity {
  /** The caller has not said whether it had a sequence number. */
  readonly isVague: boolean;
}

/**
 * Reads each member of the caller's object once; what the caller does to it afterwards changes nothing. Throws
 * RangeError or TypeError, naming the member.
 */
export function readSaleRequest(request: SaleRequest): CheckedRequest {
  if (typeof request !== 'object' || request === null) throw new TypeError('request: not an object');
  const { amountMinor, currency, receiptId, sequenceId, extra, memo } = request;
  if (!Number.isSafeInteger(amountMinor) || amountMinor < 1 || amountMinor > MAX_AMOUNT_MINOR) {
    throw new RangeError(`amountMinor: ${String(amountMinor)} is no integer from 1 to ${MAX_AMOUNT_MINOR}`);
  }
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) {
    throw new RangeError(`currency: ${JSON.stringify(currency)} is not three upper-case letters, as in EUR`);
  }
  return {
    amountMinor,
    currency,
    receiptId: receiptId === undefined ? undefined : idText('receiptId', receiptId),
    sequenceId: sequenceId === undefined ? DEFAULT_SEQUENCE_ID : sequenceIdOf(sequenceId),
    extra: readExtra(extra),
    memo: memo === undefined ? undefined : JSON.stringify(memo),
  };
}

/** As `readSaleRequest`, with what is undone. */
export function readReversalRequest(request: ReversalRequest): CheckedRequest {
  const checked = readSaleRequest(request);
  const { originalReceiptId, originalSequenceId } = request;
  const original = {
    receiptId: idText('originalReceiptId', originalReceiptId),
    sequenceId:
      originalSequenceId === undefined || originalSequenceId === null
        ? undefined
        : idText('originalSequenceId', originalSequenceId),
    isVague: originalSequenceId === undefined,
  };
  return { ...checked, original };
}

function readExtra(extra: JsonObject | undefined): Member[] {
  if (extra === undefined) return [];
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) {
    throw new TypeError('extra: not an object');
  }
  return Object.entries(extra).map(([name, value]): Member => {
    if (OWN_MEMBERS.includes(name)) throw new RangeError(`extra: ${name} has an option of its own`);
    return [name, valueText(value)];
  });
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

/** A sequence number as text; undefined where the sale has none. Throws RangeError. */
export function sequenceIdOf(sequenceId: string | number | null | undefined): string | undefined {
  return sequenceId === undefined || sequenceId === null ? undefined : idText('sequenceId', sequenceId);
}

/** The params of a request that moves money, as JSON text. */
export function saleParams(
  identity: SaleIdentity,
  { amountMinor, currency, extra, original }: Omit<CheckedRequest, 'receiptId' | 'sequenceId' | 'memo'>,
  { apiKey, cashierLanguage }: CommonParams,
): string {
  return objectText([
    ['api_key', valueText(apiKey)],
    ['cashier_language', valueText(cashierLanguage)],
    ...identityMembers(identity),
    ['amount', String(amountMinor)],
    ['currency', valueText(currency)],
    ...(original === undefined ? [] : originalMembers(original)),
    ...extra,
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
  const text = typeof params === 'string' ? params.trim() : (JSON.stringify(params) ?? '');
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
    ['sequence_id', sequenceId === undefined ? undefined : identifierText(sequenceId)],
  ];
}

function originalMembers({ receiptId, sequenceId }: SaleIdentity): Member[] {
  return identityMembers({ receiptId, sequenceId }).map(([name, text]): Member => [`original_${name}`, text]);
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
