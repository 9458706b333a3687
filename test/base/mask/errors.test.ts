import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { maskText, maskValue } from '../../../src/base/mask.ts';
import { DISGUISES } from './disguises.ts';
import { CARD_NUMBERS, withCheckDigit } from './networks.ts';

/** Both errors of the masking, measured: card numbers that get out, and identifiers that are lost. */

const NUMBERS = CARD_NUMBERS.flatMap(([network, ...numbers]) =>
  numbers.map((number) => ({ network, number })),
);

describe('card numbers that get out', () => {
  test('there are more than 30 disguises, and every number has its check digit', () => {
    expect(DISGUISES.length).toBeGreaterThan(30);
    for (const { number } of NUMBERS) expect(withCheckDigit(number.slice(0, -1))).toBe(number);
  });

  test.each(DISGUISES)('none: %s', (_, disguise) => {
    const out = NUMBERS.filter(({ number }) => {
      const text = disguise(number);
      const masked = [maskText(text), maskText(`said: "${text}"`), JSON.stringify(maskValue({ said: text }))];
      return maskText(text) === text || masked.some((shown) => digitsOf(shown).includes(number.slice(0, -4)));
    });
    expect(out).toEqual([]);
  });
});

/** As a reader sees them, whatever their script; digits of escapes do not matter here. */
function digitsOf(text: string): string {
  return text.normalize('NFKC').replace(/\D/g, '');
}

const COUNT = 7000;
const HOUR_MS = 3_600_000;

/** Numbers that look random and are the same in every run. */
function digits(kind: string, index: number, length: number): string {
  const hash = createHash('sha256').update(`${kind} ${index}`).digest('hex');
  return BigInt(`0x${hash}`)
    .toString()
    .slice(5, 5 + length);
}

function time(index: number): Date {
  return new Date(Date.UTC(2020, 0, 1) + index * 9 * HOUR_MS + index * 1013);
}

function uuid(index: number): string {
  const hex = createHash('sha256').update(String(index)).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function article(prefix: string, index: number): string {
  const body = `${prefix}${digits('article', index, 12 - prefix.length)}`;
  const sum = [...body].reduce((total, digit, at) => total + Number(digit) * (at % 2 === 0 ? 1 : 3), 0);
  return `${body}${(10 - (sum % 10)) % 10}`;
}

type Kind = readonly [kind: string, identifier: (index: number) => string];

/** They have a form that no card number has, so they stay in free text, too. */
const FORMED: readonly Kind[] = [
  ['date and time', (index) => time(index).toISOString().replace(/\D/g, '').slice(0, 14)],
  [
    'date, time, counter',
    (index) => `${time(index).toISOString().replace(/\D/g, '').slice(0, 14)}${digits('c', index, 2)}`,
  ],
  [
    'date and number',
    (index) => `${time(index).toISOString().replace(/\D/g, '').slice(0, 8)}${digits('d', index, 8)}`,
  ],
  ['milliseconds since 1970', (index) => String(time(index).getTime())],
  ['microseconds since 1970', (index) => `${time(index).getTime()}${digits('us', index, 3)}`],
  ['RFC 3339', (index) => time(index).toISOString()],
  ['our receipt numbers', (index) => String(21_820_740_411_588 + index)],
  ['EAN-13', (index) => article(String(300 + (index % 199)), index)],
  ['phone numbers', (index) => `+${49 + (index % 2)}${digits('p', index, 11)}`],
  ['UUIDs', uuid],
  ['addresses', (index) => `10.${index % 256}.${(index * 7) % 256}.1:${10_000 + index}`],
];

/** Digits alone: some of these are such as networks issue. */
const BARE: readonly Kind[] = [
  ['sequential, 16 digits from 4000123400000000', (index) => String(4_000_123_400_000_000 + index)],
  ['random, 16 digits', (index) => digits('16', index, 16)],
  ['random, 14 digits', (index) => digits('14', index, 14)],
  ['random, 19 digits', (index) => digits('19', index, 19)],
  ['digits of UUIDs', (index) => uuid(index).replace(/\D/g, '').slice(0, 17)],
];

const FIELDS = [
  'receipt_id',
  'sequence_id',
  'transactionId',
  'register',
  'connection',
  'trace_number',
  'id',
  'amount',
  'timestamp',
];

describe('identifiers that are lost', () => {
  test('there are more than 100 000', () => {
    expect((FORMED.length + BARE.length) * COUNT).toBeGreaterThan(100_000);
  });

  test.each([...FORMED, ...BARE])('none in a field for them: %s', (_, identifier) => {
    const values = Array.from({ length: COUNT }, (_unused, index) => ({
      [FIELDS[index % FIELDS.length] ?? '']: identifier(index),
    }));
    expect(lost(values, (value) => maskValue(value))).toEqual([]);
    expect(lost(values, (value) => JSON.parse(maskText(JSON.stringify(value))))).toEqual([]);
  });

  test.each([...FORMED, ...BARE])('none behind their name in free text: %s', (_, identifier) => {
    const texts = Array.from(
      { length: COUNT },
      (_unused, index) => `wait for receipt_id=${identifier(index)}, then pay`,
    );
    expect(texts.filter((text) => maskText(text) !== text)).toEqual([]);
  });

  test.each(FORMED)('none in free text: %s', (_, identifier) => {
    const texts = Array.from({ length: COUNT }, (_unused, index) => `asked for ${identifier(index)} again`);
    expect(texts.filter((text) => maskText(text) !== text)).toEqual([]);
  });

  /** What docs/masking.md says of them. */
  test.each([
    ['sequential, 16 digits from 4000123400000000', 0.11],
    ['random, 16 digits', 0.06],
    ['random, 14 digits', 0.02],
    ['random, 19 digits', 0.15],
    ['digits of UUIDs', 0.08],
  ])('not more than some in free text, as digits alone: %s', (kind, share) => {
    const [, identifier] = BARE.find(([name]) => name === kind) ?? [];
    const texts = Array.from({ length: COUNT }, (_unused, index) => `asked for ${identifier?.(index)} again`);
    const masked = texts.filter((text) => maskText(text) !== text).length;
    expect(masked / COUNT).toBeLessThanOrEqual(share);
  });
});

function lost<T>(values: readonly T[], mask: (value: T) => unknown): unknown[] {
  return values.filter((value) => JSON.stringify(mask(value)) !== JSON.stringify(value)).slice(0, 5);
}
