// Writes src/base/currencies.ts from ISO 4217 List One (XML): node scripts/make-currencies.mjs [LIST-ONE.XML]
// The list is published by SIX,
// https://www.six-group.com/en/products-services/financial-information/data-standards.html With --print: to stdout
// instead.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const args = process.argv.slice(2).filter((arg) => arg !== '--print');
const require = createRequire(import.meta.url);
const packaged = () =>
  path.join(path.dirname(require.resolve('currency-codes/package.json')), 'iso-4217-list-one.xml');
const xml = readFileSync(args[0] ?? packaged(), 'utf8');

const published = /<ISO_4217\s[^>]*Pblshd="(\d{4}-\d\d-\d\d)"/.exec(xml)?.[1];
if (published === undefined) throw new Error('this is no ISO 4217 List One: its date is missing');

/**
 * What amendments of ISO 4217 have changed since the packaged list was published. The test beside this script compares
 * the outcome with the Unicode CLDR, which is published twice a year: it fails when a country has a currency that is
 * not here.
 */
const AMENDED = args[0] === undefined ? '2026-01-01' : published;
const ADDED =
  args[0] === undefined
    ? [
        { code: 'XAD', number: '396', units: '2' }, // Arab accounting dinar
        { code: 'XCG', number: '532', units: '2' }, // Caribbean guilder, since 2025-03-31
      ]
    : [];
/** The guilder of the Antilles, the lev (Bulgaria has the euro since 2026-01-01), the convertible peso. */
const WITHDRAWN = args[0] === undefined ? ['ANG', 'BGN', 'CUC'] : [];

/** Gold, bonds and the like have no minor unit, some countries have no currency. */
const decimals = new Map();
const numbers = new Map();
for (const [entry] of xml.matchAll(/<CcyNtry>.*?<\/CcyNtry>/gs)) {
  const code = /<Ccy>([A-Z]{3})<\/Ccy>/.exec(entry)?.[1];
  const units = /<CcyMnrUnts>(\d)<\/CcyMnrUnts>/.exec(entry)?.[1];
  if (code === undefined || units === undefined) continue;
  if ((decimals.get(code) ?? units) !== units) throw new Error(`${code} has two numbers of decimals`);
  decimals.set(code, units);
  const number = /<CcyNbr>(\d{3})<\/CcyNbr>/.exec(entry)?.[1];
  if (number === undefined) throw new Error(`${code} has no number`);
  numbers.set(code, number);
}
for (const { code, number, units } of ADDED) {
  numbers.set(code, number);
  decimals.set(code, units);
}
for (const code of WITHDRAWN) {
  numbers.delete(code);
  decimals.delete(code);
}
if (decimals.size < 100) throw new Error(`only ${decimals.size} currencies: the list has another form`);

const linesOf = (values, write) =>
  [...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, value]) => `  ${code}: ${write(value)},`);
const text = `/** Made by scripts/make-currencies.mjs from ISO 4217 List One; not to be edited. */

/** The day up to which the list and its amendments go. */
export const CURRENCIES_PUBLISHED = '${AMENDED}';

/** Alphabetic code to decimals; codes without a minor unit are left out. */
export const CURRENCY_DECIMALS: Readonly<Record<string, number>> = {
${linesOf(decimals, String).join('\n')}
};

/** Alphabetic code to the numeric one, of the same currencies. */
export const CURRENCY_NUMBERS: Readonly<Record<string, string>> = {
${linesOf(numbers, (number) => `'${number}'`).join('\n')}
};
`;
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(path.join(import.meta.dirname, '../src/base/currencies.ts'), text);
