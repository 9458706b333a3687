import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CURRENCY_DECIMALS } from '../../src/base/currencies.ts';
import { decimalsOf, formatAmount, parseAmount } from '../../src/base/currency.ts';
import { BridgeError } from '../../src/base/errors.ts';

const accepted: [string, string, number][] = [
  ['12.30', 'EUR', 1230],
  ['12', 'EUR', 1200],
  ['0.01', 'EUR', 1],
  ['0.10', 'EUR', 10],
  ['19.99', 'USD', 1999],
  ['4.35', 'EUR', 435],
  ['500', 'JPY', 500],
  ['1.234', 'BHD', 1234],
  ['1', 'BHD', 1000],
  ['0.0001', 'CLF', 1],
  ['9999999999.99', 'EUR', 999_999_999_999],
  ['999999999999', 'JPY', 999_999_999_999],
];

const refused: [string, string, RegExp][] = [
  ['12,30', 'EUR', /write 12\.30$/],
  ['1e3', 'EUR', /write all digits, as in 12\.30$/],
  ['1 000', 'EUR', /without separators, as in 12\.30$/],
  ['1,000.00', 'EUR', /without separators/],
  ['1.000,00', 'EUR', /without separators/],
  ["1'000.00", 'EUR', /without separators/],
  ['1_000', 'EUR', /without separators/],
  ['+1', 'EUR', /without a sign: 1$/],
  ['-1', 'EUR', /make a refund$/],
  ['.5', 'EUR', /write 0\.5$/],
  ['.50', 'EUR', /write 0\.50$/],
  ['12.', 'EUR', /write 12$/],
  ['12.3', 'EUR', /write 12\.30, if that is meant$/],
  ['012.30', 'EUR', /write 12\.30$/],
  ['12.345', 'EUR', /EUR has 2 decimals$/],
  ['12.0', 'JPY', /JPY has no decimals$/],
  ['1.23', 'BHD', /write 1\.230, if that is meant$/],
  ['0', 'EUR', /nothing is to be paid$/],
  ['0.00', 'EUR', /nothing is to be paid$/],
  ['10000000000.00', 'EUR', /more than 12 digits$/],
  ['1000000000000', 'JPY', /more than 12 digits$/],
  ['', 'EUR', /write digits, as in 12\.30$/],
  [' 12.30', 'EUR', /write digits/],
  ['12.30 ', 'EUR', /write digits/],
  ['12.30\n', 'EUR', /write digits/],
  ['€12.30', 'EUR', /write digits/],
  ['١٢', 'EUR', /write digits/],
  ['0x10', 'EUR', /write digits/],
  ['Infinity', 'JPY', /write digits, as in 12$/],
  ['12.30', 'eur', /"eur" is no currency: write EUR$/],
  ['12.30', 'EUE', /did you mean EUR/],
  ['12.30', 'ERU', /did you mean EUR/],
  ['12.30', 'EURO', /did you mean EUR\?$/],
  ['12.30', 'QQQ', /three letters, as in EUR$/],
  ['12.30', '978', /three letters, as in EUR$/],
  ['12.30', 'XAU', /no currency of ISO 4217 \(20\d\d-\d\d-\d\d\)/],
  ['12.30', '__proto__', /no currency/],
];

function faultOf(text: string, currency: string): BridgeError {
  try {
    parseAmount(text, currency);
  } catch (fault) {
    if (fault instanceof BridgeError) return fault;
    throw fault;
  }
  throw new Error(`${text} ${currency} was accepted`);
}

describe('parseAmount', () => {
  test.each(accepted)('reads %s %s as %d', (text, currency, minor) => {
    expect(parseAmount(text, currency)).toBe(minor);
  });

  test.each(refused)('refuses %j %s with a hint', (text, currency, hint) => {
    const fault = faultOf(text, currency);
    expect(fault.code).toBe('USAGE');
    expect(fault.text).toMatch(hint);
    expect(fault.text).not.toContain('\n');
  });

  test('shows no card number that was typed in the wrong place', () => {
    expect(faultOf('4111111111111111', 'EUR').text).not.toContain('4111111111111111');
  });

  test('reads what formatAmount writes, for every currency', () => {
    const currency = fc.constantFrom(...Object.keys(CURRENCY_DECIMALS));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999_999 }), currency, (minor, code) => {
        const [text = '', written] = formatAmount(minor, code).split(' ');
        expect(written).toBe(code);
        expect(parseAmount(text, code)).toBe(minor);
      }),
    );
  });

  test('accepts nothing but digits with one point', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.,-+e ') }), (text) => {
        let minor: number | undefined;
        try {
          minor = parseAmount(text, 'EUR');
        } catch (fault) {
          expect(fault).toBeInstanceOf(BridgeError);
        }
        if (minor !== undefined) expect(text).toMatch(/^\d+(\.\d\d)?$/);
      }),
    );
  });
});

describe('formatAmount', () => {
  test.each([
    [1230, 'EUR', '12.30 EUR'],
    [1, 'EUR', '0.01 EUR'],
    [0, 'EUR', '0.00 EUR'],
    [500, 'JPY', '500 JPY'],
    [1234, 'BHD', '1.234 BHD'],
    [1, 'CLF', '0.0001 CLF'],
    [-5, 'EUR', '-0.05 EUR'],
    [12_345_678_901_234_567_890n, 'EUR', '123456789012345678.90 EUR'],
    [100, 'QQQ', '100 (minor units of QQQ)'],
  ])('writes %s %s as %s', (minor, currency, text) => {
    expect(formatAmount(minor, currency)).toBe(text);
  });
});

test('decimalsOf knows only currencies with a minor unit', () => {
  expect([decimalsOf('EUR'), decimalsOf('JPY'), decimalsOf('XAU'), decimalsOf('constructor')]).toEqual([
    2,
    0,
    undefined,
    undefined,
  ]);
});
