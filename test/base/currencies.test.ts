import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { CURRENCIES_PUBLISHED, CURRENCY_DECIMALS } from '../../src/base/currencies.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CLDR = createRequire(import.meta.url)('cldr-core/supplemental/currencyData.json');
const SCRIPT = path.join(ROOT, 'scripts/make-currencies.mjs');
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function made(xml?: string): string {
  const args = [SCRIPT, '--print'];
  if (xml !== undefined) {
    const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-currencies-'));
    folders.push(folder);
    writeFileSync(path.join(folder, 'list.xml'), xml);
    args.push(path.join(folder, 'list.xml'));
  }
  return execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describe('src/base/currencies.ts', () => {
  test('is what the script makes of the list', () => {
    expect(readFileSync(path.join(ROOT, 'src/base/currencies.ts'), 'utf8')).toBe(made());
  });

  test('has every currency that a country pays with, and none that no country has any more', () => {
    type Use = { readonly _to?: string; readonly _tender?: string };
    const regions: Readonly<Record<string, Readonly<Record<string, Use>>[]>> =
      CLDR.supplemental.currencyData.region;
    const uses = Object.values(regions).flatMap((list) => list.flatMap((use) => Object.entries(use)));
    const paidWith = uses.filter(([, use]) => use._to === undefined && use._tender !== 'false');
    const missing = paidWith.map(([code]) => code).filter((code) => !Object.hasOwn(CURRENCY_DECIMALS, code));
    expect(missing).toEqual([]);
    const isEnded = (code: string) => {
      const own = uses.filter(([used]) => used === code);
      return own.length > 0 && own.every(([, use]) => use._to !== undefined);
    };
    // ISO 4217 keeps the colón, which El Salvador has never withdrawn.
    expect(Object.keys(CURRENCY_DECIMALS).filter(isEnded)).toEqual(['SVC']);
  });

  test('carries the date of the list', () => {
    expect(CURRENCIES_PUBLISHED).toMatch(/^20\d\d-\d\d-\d\d$/);
  });

  test('has currencies of every number of decimals', () => {
    expect(CURRENCY_DECIMALS).toMatchObject({ EUR: 2, USD: 2, JPY: 0, BHD: 3, CLF: 4, UYW: 4 });
  });

  test('leaves out what has no minor unit', () => {
    for (const code of ['XAU', 'XDR', 'XXX', 'XTS'])
      expect(Object.hasOwn(CURRENCY_DECIMALS, code)).toBe(false);
  });
});

describe('scripts/make-currencies.mjs', () => {
  test('refuses what is no list', () => {
    expect(() => made('<html></html>')).toThrow(/no ISO 4217 List One/);
  });

  test('refuses a list that has shrunk', () => {
    const entry = '<CcyNtry><Ccy>EUR</Ccy><CcyNbr>978</CcyNbr><CcyMnrUnts>2</CcyMnrUnts></CcyNtry>';
    expect(() => made(`<ISO_4217 Pblshd="2030-01-01">${entry}</ISO_4217>`)).toThrow(/only 1 currencies/);
  });
});
