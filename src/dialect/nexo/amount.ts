import { decimalsOf } from '../../base/currency.ts';
import { type Json, JsonNumber } from '../../rpc/json-tree.ts';

/** Digits before and behind the point of a nexo amount: 99999999.999999 is the largest. */
const MAX_WHOLE_DIGITS = 8;
const MAX_DECIMALS = 6;
/**
 * Digits before the point of a sum of amounts, which no limit of nexo is meant for; in minor units it is a safe
 * integer.
 */
export const MAX_SUM_DIGITS = 11;

export type ReadAmount =
  | { readonly ok: true; readonly minor: number }
  | { readonly ok: false; readonly why: string };

/**
 * A nexo amount in minor units, exactly: `1.23` EUR is 123, `500` JPY is 500, `1.5` KWD is 1500. The digits are read
 * from the text, which may be a number's or a string's (some vendors write `"11.00"`). Never rounded.
 */
export function readAmount(
  value: Json | undefined,
  currency: string,
  maxWholeDigits = MAX_WHOLE_DIGITS,
): ReadAmount {
  const decimals = decimalsOf(currency);
  if (decimals === undefined) return { ok: false, why: 'the currency is not one of ISO 4217' };
  const text = value instanceof JsonNumber ? value.text : value;
  if (typeof text !== 'string') return { ok: false, why: 'the amount is no number' };
  const [, whole, given = ''] = PLAIN.exec(text) ?? [];
  if (whole === undefined) return { ok: false, why: 'the amount is no plain decimal number' };
  const fraction = given.replace(/0+$/, '');
  if (fraction.length > decimals) {
    return { ok: false, why: `the amount has more decimals than the ${decimals} of ${currency}` };
  }
  const significant = whole.replace(/^0+/, '');
  if (significant.length > maxWholeDigits) return { ok: false, why: 'the amount is too large' };
  return { ok: true, minor: Number(`${significant}${fraction.padEnd(decimals, '0')}` || '0') };
}

/** Digits are bounded, so that a long text of zeros is not worth sending. */
const PLAIN = /^(\d{1,32})(?:\.(\d{1,32}))?$/;

/**
 * An amount in minor units as a nexo number, without zeros at its end: 123 EUR is `1.23`, 100 EUR is `1`. Undefined
 * where nexo cannot say it: more than 99999999.999999, or a currency that is none.
 */
export function writeAmount(
  minor: number,
  currency: string,
  maxWholeDigits = MAX_WHOLE_DIGITS,
): JsonNumber | undefined {
  const decimals = decimalsOf(currency);
  if (decimals === undefined || !Number.isSafeInteger(minor) || minor < 0 || decimals > MAX_DECIMALS)
    return undefined;
  const digits = String(minor).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  if (whole.length > maxWholeDigits) return undefined;
  const fraction = digits.slice(whole.length).replace(/0+$/, '');
  return new JsonNumber(fraction === '' ? whole : `${whole}.${fraction}`);
}
