import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readConnectionId, readPort } from '../../../../src/dialect/jsonpos/network/connection-id.ts';

const read = (text: string) => readConnectionId(Buffer.from(text));

describe('a connection id', () => {
  test('keeps every 64-bit integer exactly, as a number and as a string', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(read(`${value}`)).toEqual({ key: `${value}`, text: `${value}` });
        expect(read(`"${value}"`)).toEqual({ key: `${value}`, text: `"${value}"` });
      }),
    );
  });

  test.each(['9223372036854775807', '-9223372036854775808', '0', '"\\u0031\\u0032"'])('may be %s', (text) => {
    expect(read(text)).toBeDefined();
  });

  test('has one key for minus nothing and nothing', () => {
    expect(read('-0')?.key).toBe('0');
  });

  test.each([
    '9223372036854775808',
    '-9223372036854775809',
    '1.0',
    '1e3',
    '01',
    '""',
    '" 1"',
    '"0x1"',
    'null',
    'true',
    '{}',
    '[1]',
    `"${'1'.repeat(500)}"`,
  ])('is never %s', (text) => {
    expect(read(text)).toBeUndefined();
  });

  test('may be missing', () => {
    expect(readConnectionId(undefined)).toBeUndefined();
  });
});

test.each([
  ['443', 443],
  ['"443"', 443],
  ['65535', 65535],
  ['0', undefined],
  ['65536', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['null', undefined],
])('the port %s is read as %s', (text, port) => {
  expect(readPort(Buffer.from(text))).toBe(port);
});
