import { describe, expect, test } from 'vitest';
import { decimalsOf } from '../../../src/base/currency.ts';
import { readAmount, writeAmount } from '../../../src/dialect/nexo/amount.ts';
import { JsonNumber } from '../../../src/rpc/json-tree.ts';

describe('amounts', () => {
  test.each([
    [1, 'EUR', '0.01'],
    [10, 'EUR', '0.1'],
    [100, 'EUR', '1'],
    [29, 'EUR', '0.29'],
    [115, 'EUR', '1.15'],
    [9_999_999_999, 'EUR', '99999999.99'],
    [500, 'JPY', '500'],
    [1500, 'KWD', '1.5'],
    [1, 'KWD', '0.001'],
    [1001, 'IQD', '1.001'],
    [50_000, 'HUF', '500'],
    [12_345, 'CLF', '1.2345'],
    [0, 'EUR', '0'],
  ])('%i minor units of %s are written %s and read back', (minor, currency, text) => {
    expect(writeAmount(minor, currency)?.text).toBe(text);
    expect(readAmount(new JsonNumber(text), currency)).toEqual({ ok: true, minor });
  });

  test.each([
    ['11.00', 'EUR', 1100],
    ['00320.00', 'EUR', 32_000],
    ['1.230', 'EUR', 123],
    ['500.0', 'JPY', 500],
  ])('the string %s %s is read, too', (text, currency, minor) => {
    expect(readAmount(text, currency)).toEqual({ ok: true, minor });
  });

  test('a number is read by its text, however many zeros it has', () => {
    expect(readAmount(new JsonNumber('56.1'), 'EUR')).toEqual({ ok: true, minor: 5610 });
    expect(readAmount(new JsonNumber('56.100000'), 'EUR')).toEqual({ ok: true, minor: 5610 });
  });

  test.each([
    ['1.234', 'EUR'],
    ['500.5', 'JPY'],
    ['1e3', 'EUR'],
    ['-1', 'EUR'],
    ['1,50', 'EUR'],
    ['', 'EUR'],
    ['.5', 'EUR'],
    ['5.', 'EUR'],
    [' 5', 'EUR'],
    ['123456789', 'EUR'],
    ['1.15000000000000002', 'EUR'],
    ['1', 'eur'],
    ['1', 'XXX'],
  ])('%s %s is refused, as a string and as a number', (text, currency) => {
    expect(readAmount(text, currency).ok).toBe(false);
    expect(readAmount(new JsonNumber(text), currency).ok).toBe(false);
  });

  test('what is neither number nor string is refused', () => {
    for (const value of [undefined, null, true, [], {}]) expect(readAmount(value, 'EUR').ok).toBe(false);
  });

  test.each([
    [1.5, 'EUR'],
    [-1, 'EUR'],
    [10_000_000_000, 'EUR'],
    [1, 'eur'],
    [1, 'XXX'],
    [Number.MAX_SAFE_INTEGER + 1, 'EUR'],
  ])('%d %s cannot be written', (minor, currency) => {
    expect(writeAmount(minor, currency)).toBeUndefined();
  });

  test('every amount of five digits survives both ways, with 0, 2, 3 and 4 decimals', () => {
    for (const currency of ['JPY', 'EUR', 'KWD', 'CLF']) {
      const scale = 10n ** BigInt(decimalsOf(currency) ?? 0);
      let wrong = 0;
      for (let minor = 0; minor < 100_000; minor += 1) {
        const written = writeAmount(minor, currency);
        const read = readAmount(written, currency);
        const [whole = '', fraction = ''] = (written?.text ?? '').split('.');
        const exact = BigInt(whole) * scale + BigInt(fraction.padEnd(decimalsOf(currency) ?? 0, '0') || '0');
        if (!read.ok || read.minor !== minor || exact !== BigInt(minor)) wrong += 1;
      }
      expect(wrong, currency).toBe(0);
    }
  });
});
