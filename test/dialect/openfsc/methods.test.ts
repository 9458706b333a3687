import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readElement } from '../../../src/dialect/openfsc/elements.ts';
import {
  type ArgumentSpec,
  isMethod,
  METHODS,
  type MethodName,
  readArguments,
  readTimestamp,
} from '../../../src/dialect/openfsc/methods.ts';

const F1 = 'e2f74ef5-f427-4ae6-bdd3-70a96709992f';
const read = (method: MethodName, rest: string) => {
  const result = readArguments(method, rest);
  return result.ok ? { ...result.values, ...(result.list.length > 0 && { list: result.list }) } : result.why;
};

describe('arguments', () => {
  test('are read by the table', () => {
    expect(read('UNLOCKPUMP', `1 EUR 100.00 ${F1} pace 0100 0400`)).toEqual({
      pump: '1',
      currency: 'EUR',
      credit: '100.00',
      fscTransactionId: F1,
      paymentMethod: 'pace',
      list: ['0100', '0400'],
    });
    expect(read('TRANSACTIONS', '')).toEqual({});
    expect(read('TRANSACTIONS', '3 60')).toEqual({ pump: '3', updateTtl: '60' });
    expect(read('SESSION', '1337 1')).toEqual({ sessionId: '1337', priority: '1' });
    expect(read('CAPABILITY', 'PUMP  QUIT')).toEqual({ list: ['PUMP', 'QUIT'] });
    expect(read('CAPABILITY', '')).toEqual({});
  });

  test('a text at the end keeps every character; of the last fixed argument only one space is cut off', () => {
    expect(read('PRICE', '0100 LTR EUR 1.749   Super  Plus ')).toMatchObject({
      description: '  Super  Plus ',
    });
    expect(read('PRICE', ' 0100   LTR EUR  1.749 x')).toMatchObject({
      pricePerUnit: '1.749',
      description: 'x',
    });
    expect(read('PRICE', '0100 LTR EUR 1.749 ')).toBe('description is missing');
    expect(read('PRODUCT', '0100 ron98 19.0 LTR  ')).toMatchObject({ unit: 'LTR', name: ' ' });
    expect(read('PRODUCT', '0100 ron98 19.0')).toEqual({
      productId: '0100',
      category: 'ron98',
      vatRate: '19.0',
    });
    expect(read('ERR', '404')).toEqual({ code: '404' });
    expect(read('ERR', '404 no such thing')).toEqual({ code: '404', reason: 'no such thing' });
    expect(read('QUIT', '')).toEqual({});
  });

  test('older sites leave the price per unit of a TRANSACTION out', () => {
    const older = `3 c71b open 0100 EUR 86.83 72.978 19.0 13.65 LTR 54.40`;
    expect(read('TRANSACTION', older)).not.toHaveProperty('pricePerUnit');
    expect(read('TRANSACTION', `${older} 1.339`)).toHaveProperty('pricePerUnit', '1.339');
  });

  test('too many are a warning, and so are leading zeros', () => {
    expect(readArguments('PUMPSTATUS', '01 30 x')).toMatchObject({
      ok: true,
      warnings: ['pump has leading zeros', 'more arguments than the method has'],
    });
    const nine = '1 2 3 4 5 6 7 8 9';
    const result = readArguments('UNLOCKPUMP', `1 EUR 1 ${F1} pace ${nine}`);
    expect(result.ok && [result.list.length, result.warnings]).toEqual([
      8,
      ['more arguments than the method has'],
    ]);
  });

  test.each([
    ['PUMPSTATUS', '', 'pump is missing'],
    ['PUMPSTATUS', '0', 'pump is not a whole number from 1 on'],
    ['PUMPSTATUS', '1 -30', 'updateTtl is not a whole number'],
    ['PUMPSTATUS', '9'.repeat(17), 'pump is not a whole number from 1 on'],
    ['CLEAR', `3 x ${F1.slice(1)} pace`, 'fscTransactionId is not a uuid'],
    ['UNLOCKPUMP', `1 eur 5 ${F1} pace`, 'currency is not a currency such as EUR'],
    ['NEWSESSION', 'a.b', 'sessionId is not a session id'],
  ] as const)('%s %s is refused', (method, rest, why) => {
    expect(read(method, rest)).toBe(why);
  });

  test('never throw, and a refusal quotes nothing', () => {
    const names = Object.keys(METHODS).filter(isMethod);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 60 }), (method, rest) => {
        const result = readArguments(method, rest);
        if (!result.ok) expect(result.why).toMatch(/^\w+ is (?:missing|not [\w ,.]+(?: \d+\.\d+)?)$/);
      }),
      { numRuns: 300 },
    );
  });

  test('what an application tells is read again as it was told', () => {
    const token = fc.stringMatching(/^[!-~]{1,10}$/);
    const decimal = fc.stringMatching(/^[0-9]{1,8}\.[0-9]{1,4}$/);
    const arbitraries: Record<ArgumentSpec['type'], fc.Arbitrary<string | number>> = {
      pump: fc.integer({ min: 1, max: 2 ** 31 }),
      number: fc.nat(),
      decimal,
      uuid: fc.uuid(),
      currency: fc.stringMatching(/^[A-Z]{3}$/),
      session: fc.constant('s1'),
      token,
      text: fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text)),
    };
    for (const method of ['PRICE', 'PRODUCT', 'PUMP', 'TRANSACTION'] as const) {
      const specs: readonly ArgumentSpec[] = METHODS[method].args;
      const record = fc.record({
        ...Object.fromEntries(specs.map(({ name, type }) => [name, arbitraries[type]])),
        ...(method === 'PUMP' && { status: fc.constant('free') }),
        ...(method === 'TRANSACTION' && { status: fc.constant('deferred') }),
      });
      fc.assert(
        fc.property(record, (object) => {
          const element = readElement(method, object);
          if (!element.ok) throw new Error(element.why);
          const back = readArguments(method, element.element.args.join(' '));
          expect(back.ok && back.values).toEqual(
            Object.fromEntries(Object.entries(object).map(([name, value]) => [name, String(value)])),
          );
        }),
        { numRuns: 50 },
      );
    }
  });
});

describe('timestamps', () => {
  test.each([
    ['2019-11-13T07:00:04Z', '2019-11-13T07:00:04.000Z'],
    ['2019-11-13t08:00:04.25+01:00', '2019-11-13T07:00:04.250Z'],
    ['2019-11-13T07:00:04.123456789-00:30', '2019-11-13T07:30:04.123Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ])('%s', (text, time) => {
    expect(new Date(readTimestamp(text) ?? Number.NaN).toISOString()).toBe(time);
  });

  test.each([
    '',
    'now',
    '2019-11-13',
    '2019-11-13T07:00:04',
    '2019-13-01T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2019-11-13T24:00:00Z',
    '2019-11-13T07:00Z',
    '20191113T070004Z',
    '2019-11-13T07:00:04+0100',
  ])('%s is none', (text) => {
    expect(readTimestamp(text)).toBeUndefined();
  });
});
