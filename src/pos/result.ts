import { CURRENCY_NUMBERS } from '../base/currencies.ts';
import { decimalsOf } from '../base/currency.ts';
import { integerText } from '../rpc/integer-text.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';

/** What was asked for; of a sale that the store does not know no more than the receipt. */
export interface Asked {
  readonly receiptId: string;
  readonly amountMinor: number | undefined;
  readonly currency: string | undefined;
}

/** What a result says that it is the result of, and whether that is what was asked for. */
export interface Approved {
  /** Undefined where the result names no amount, or none that can be read. */
  readonly amountMinor: number | undefined;
  readonly currency: string | undefined;
  /**
   * `other` also where an amount is named that cannot be read; `unnamed`: nothing differs, but one of the two is
   * missing.
   */
  readonly money: 'same' | 'unnamed' | 'other';
  /** The receipt that it names instead of the one that was asked for. */
  readonly otherReceiptId: string | undefined;
  /** Amount and currency as they are written, for people. */
  readonly written: string;
}

/**
 * Compares a result with what was asked for. Amounts are in the smallest unit, as numbers or as texts of digits; a text
 * with all decimals of the currency is read as it looks (`"12.30"` EUR is 1230). Currencies are compared in either
 * case, and by their numbers (`978` is EUR); what is neither cannot differ. Receipts are compared by value: 17, 17.0
 * and "17" are one.
 */
export function readApproved(resultText: string, asked: Asked): Approved {
  const scan = scanObject(Buffer.from(resultText), ['amount', 'currency', 'receipt_id']);
  const [amount, named, receiptId] = scan.values.map(readValue);
  const currency = currencyOf(named?.text ?? '');
  const amountMinor = amount && amountOf(amount, currency ?? asked.currency);
  const isOther =
    !scan.ok || // a member twice: who knows which of the two is meant
    (amount !== undefined && asked.amountMinor !== undefined && amountMinor !== asked.amountMinor) ||
    (currency !== undefined && asked.currency !== undefined && currency !== asked.currency);
  const isNamed = amountMinor !== undefined && currency !== undefined;
  return {
    amountMinor,
    currency,
    money: isOther ? 'other' : isNamed ? 'same' : 'unnamed',
    otherReceiptId: receiptId?.isScalar && receiptId.text !== asked.receiptId ? receiptId.text : undefined,
    written: [amount, named].flatMap((value) => value?.text ?? []).join(' '),
  };
}

interface Value {
  readonly isText: boolean;
  /** A string or a number. */
  readonly isScalar: boolean;
  readonly text: string;
}

/** A member's value; undefined for what is empty or null. */
function readValue(value: Buffer | undefined): Value | undefined {
  if (value === undefined) return undefined;
  const written = value.toString();
  const kind = kindOf(value);
  const text = kind === 'string' ? decodeString(written).trim() : (integerText(written) ?? written);
  if (text === '' || written === 'null') return undefined;
  return {
    isText: kind === 'string',
    isScalar: kind === 'string' || kind === 'number',
    text,
  };
}

function amountOf({ isText, text }: Value, currency: string | undefined): number | undefined {
  const [, whole, fraction] = /^(-?\d{1,15})(?:\.(\d{1,4}))?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  if (fraction === undefined) return Number(whole);
  const decimals = currency === undefined ? undefined : decimalsOf(currency);
  return isText && fraction.length === decimals ? Number(`${whole}${fraction}`) : undefined;
}

/** Three letters; undefined where it is neither letters nor a number of ISO 4217. */
function currencyOf(text: string): string | undefined {
  if (/^[A-Za-z]{3}$/.test(text)) return text.toUpperCase();
  if (!/^\d{1,3}$/.test(text)) return undefined;
  const number = text.padStart(3, '0');
  return Object.keys(CURRENCY_NUMBERS).find((code) => CURRENCY_NUMBERS[code] === number);
}
