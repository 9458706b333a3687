import { decimalsOf } from '../../base/currency.ts';

/** SCA writes at least two decimals, whatever the currency has, and takes up to 999999.99. */
const MIN_DECIMALS = 2;
const MAX_WHOLE_DIGITS = 6;

export type ReadAmount =
  | { readonly ok: true; readonly minor: number }
  | { readonly ok: false; readonly why: string };

/**
 * Reads an amount as registers write it, exactly: `5.35`, `1`, `1.0` and `04.98` are clear; a sign, a third decimal
 * that is no zero, a seventh digit before the point and zero itself are refused.
 */
export function readAmount(name: string, text: string, currency: string): ReadAmount {
  const decimals = decimalsOf(currency) ?? MIN_DECIMALS;
  const [, whole, fraction = ''] = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(text.trim()) ?? [];
  if (whole === undefined) return { ok: false, why: `${name} is no amount such as 5.35` };
  const digits = whole.replace(/^0+(?=\d)/, '');
  if (digits.length > MAX_WHOLE_DIGITS) return { ok: false, why: `${name} is more than 999999.99` };
  if (/[1-9]/.test(fraction.slice(decimals)))
    return { ok: false, why: `${name} has more decimals than ${currency}` };
  const minor = Number(`${digits}${fraction.slice(0, decimals).padEnd(decimals, '0')}`);
  if (minor === 0) return { ok: false, why: `${name} is zero` };
  return { ok: true, minor };
}

/**
 * Writes minor units, given as decimal digits, as SCA has them: 535 of EUR is `5.35`, 500 of JPY is `500.00`.
 * Returns undefined for what is no integer.
 */
export function writeAmount(minor: string, currency: string): string | undefined {
  const [, sign = '', digits] = /^(-?)(\d{1,15})$/.exec(minor) ?? [];
  if (digits === undefined) return undefined;
  const decimals = decimalsOf(currency) ?? MIN_DECIMALS;
  const padded = digits.replace(/^0+(?=\d)/, '').padStart(decimals + 1, '0');
  const whole = padded.slice(0, padded.length - decimals);
  const fraction = decimals === 0 ? '' : padded.slice(-decimals);
  return `${sign}${whole}.${fraction.padEnd(MIN_DECIMALS, '0')}`;
}
