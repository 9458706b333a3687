import { expect, test } from 'vitest';
import { integerText } from '../../src/rpc/integer-text.ts';

test.each([
  ['17', '17'],
  ['17.0', '17'],
  ['1.7e1', '17'],
  ['1.7E+1', '17'],
  ['170e-1', '17'],
  ['17000.000e-3', '17'],
  ['0.017e3', '17'],
  ['-17.00', '-17'],
  ['0', '0'],
  ['-0', '0'],
  ['0.000', '0'],
  ['0e9999999999', '0'],
  ['1e3', '1000'],
  ['9007199254740993', '9007199254740993'],
  ['9007199254740992.0', '9007199254740992'],
  ['900719925474099.3e1', '9007199254740993'],
  ['1e127', `1${'0'.repeat(127)}`],
])('%s is the integer %s', (literal, digits) => {
  expect(integerText(literal)).toBe(digits);
});

test.each(['17.5', '1e-1', '0.1', '-0.5', '1e128', '1e999999999', '1e-999999999', '"17"', 'true', '', '1e'])(
  '%s is no integer that anybody means',
  (literal) => {
    expect(integerText(literal)).toBeUndefined();
  },
);

test('neighbours beyond 2^53 stay apart', () => {
  expect(integerText('9007199254740993')).not.toBe(integerText('9007199254740992'));
});

test('a long literal is read in linear time', () => {
  const zeros = '0'.repeat(1_000_000);
  expect(integerText(`1.${zeros}`)).toBe('1');
  expect(integerText(`${zeros}1${zeros}1`)).toBeUndefined();
});
