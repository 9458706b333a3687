import { CURRENCIES_PUBLISHED, CURRENCY_DECIMALS } from './currencies.ts';
import { BridgeError } from './errors.ts';
import { maskText } from './mask.ts';
import { quoteText } from './printable.ts';

/** Digits of an amount in minor units that every receiver takes. */
const MAX_AMOUNT_DIGITS = 12;
const MAX_SHOWN = 40;
const MAX_NEAR = 3;

/** How many decimals a currency has; undefined for what is no currency, or one without a minor unit. */
export function decimalsOf(currency: string): number | undefined {
  return Object.hasOwn(CURRENCY_DECIMALS, currency) ? CURRENCY_DECIMALS[currency] : undefined;
}

/**
 * Reads an amount as a person writes it, exactly: `12.30` EUR is 1230, `12` EUR is 1200, `500` JPY is 500, `1.234` BHD
 * is
 * 1234. All decimals of the currency or none: `12.3` may be an unfinished `12.35`.
 *
 * Errors: USAGE, one line that quotes the amount, says what is wrong and how to write it
 */
export function parseAmount(text: string, currency: string): number {
  const decimals = decimalsOf(currency);
  if (decimals === undefined) throw new BridgeError('USAGE', whyNoCurrency(currency));
  const [, whole, , fraction = ''] = /^(0|[1-9]\d*)(\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) throw complaint(text, currency, whyNoAmount(text, decimals));
  if (fraction.length > decimals) {
    const places = decimals === 0 ? 'no decimals' : `${decimals} decimals`;
    throw complaint(text, currency, `${currency} has ${places}`);
  }
  if (fraction !== '' && fraction.length < decimals) {
    throw complaint(text, currency, `write ${whole}.${fraction.padEnd(decimals, '0')}, if that is meant`);
  }
  const digits = `${whole}${fraction.padEnd(decimals, '0')}`.replace(/^0+/, '');
  if (digits === '') throw complaint(text, currency, 'nothing is to be paid');
  if (digits.length > MAX_AMOUNT_DIGITS) {
    throw complaint(text, currency, `more than ${MAX_AMOUNT_DIGITS} digits`);
  }
  return Number(digits);
}

/** `12.30 EUR`, exactly. A currency that is not known is named after the number of minor units. */
export function formatAmount(amountMinor: number | bigint, currency: string): string {
  const decimals = decimalsOf(currency);
  if (decimals === undefined) return `${amountMinor} (minor units of ${currency})`;
  const sign = amountMinor < 0 ? '-' : '';
  const digits = String(amountMinor)
    .replace('-', '')
    .padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  return `${sign}${decimals === 0 ? whole : `${whole}.${digits.slice(-decimals)}`} ${currency}`;
}

function complaint(text: string, currency: string, why: string): BridgeError {
  return new BridgeError('USAGE', `${shown(text)} ${currency} is no amount: ${why}`);
}

function shown(text: string): string {
  return quoteText(maskText(text), MAX_SHOWN);
}

/** Guesses what was meant, and says how to write it. */
function whyNoAmount(text: string, decimals: number): string {
  const example = decimals === 0 ? '12' : `12.${'30'.padEnd(decimals, '0').slice(0, decimals)}`;
  if (/^\d+,\d+$/.test(text)) return `decimals come after a point: write ${text.replace(',', '.')}`;
  if (/^0\d+(\.\d+)?$/.test(text)) return `write ${text.replace(/^0+(?=\d)/, '')}`;
  if (/^\d+([.,'\u2019_\s]\d+)+$/.test(text)) {
    return `write the digits without separators, as in ${example}`;
  }
  if (/^\+\d/.test(text)) return `write it without a sign: ${text.slice(1)}`;
  if (/^[-\u2212]\s*\d/.test(text)) return 'amounts are positive; to pay back, make a refund';
  if (/^\.\d+$/.test(text)) return `write 0${text}`;
  if (/^\d+\.$/.test(text)) return `write ${text.slice(0, -1)}`;
  if (/^\d[\d.]*e[+-]?\d+$/i.test(text)) return `write all digits, as in ${example}`;
  return `write digits, as in ${example}`;
}

function whyNoCurrency(currency: string): string {
  const upper = currency.toUpperCase();
  if (currency !== upper && decimalsOf(upper) !== undefined) {
    return `${shown(currency)} is no currency: write ${upper}`;
  }
  const near = nearCurrencies(upper);
  const hint = near.length === 0 ? 'three letters, as in EUR' : `did you mean ${near.join(', ')}?`;
  return `${shown(currency)} is no currency of ISO 4217 (${CURRENCIES_PUBLISHED}): ${hint}`;
}

/** Codes that a slip of the finger makes of it: one letter wrong, missing or too many, or two changed round. */
function nearCurrencies(text: string): string[] {
  if (!/^[A-Z]{2,4}$/.test(text)) return [];
  const known = Object.keys(CURRENCY_DECIMALS);
  const sorted = (letters: string) => [...letters].sort().join('');
  const changedRound = known.filter((code) => sorted(code) === sorted(text));
  const moreOrLess = known.filter((code) => isOneLetterLess(code, text) || isOneLetterLess(text, code));
  const oneWrong = known.filter(
    (code) =>
      code.length === text.length && [...code].filter((letter, at) => letter !== text[at]).length === 1,
  );
  return [...new Set([...changedRound, ...moreOrLess, ...oneWrong])].slice(0, MAX_NEAR);
}

function isOneLetterLess(shorter: string, longer: string): boolean {
  if (longer.length !== shorter.length + 1) return false;
  return [...longer].some((_, at) => longer.slice(0, at) + longer.slice(at + 1) === shorter);
}
