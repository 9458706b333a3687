// Writes src/base/currencies.ts from ISO 4217 List One (XML): node scripts/make-currencies.mjs [LIST-ONE.XML]
// The list is published by SIX, https://www.six-group.com/en/products-services/financial-information/data-standards.html
// With --print: to stdout instead.
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
if (decimals.size < 100) throw new Error(`only ${decimals.size} currencies: the list has another form`);

const linesOf = (values, write) =>
  [...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, value]) => `  ${code}: ${write(value)},`);
const text = `/** Made by scripts/make-currencies.mjs from ISO 4217 List One; not to be edited. */

/** The day on which the list was published. */
export const CURRENCIES_PUBLISHED = '${published}';

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
