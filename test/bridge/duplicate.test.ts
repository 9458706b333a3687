import { describe, expect, test } from 'vitest';
import { duplicateText } from '../../src/bridge/duplicate.ts';
import type { SentRecord } from '../../src/store/journal-record.ts';
import { failure, result } from './journal-kit.ts';

const SENT: SentRecord = {
  state: 'sent',
  version: 2,
  register: 'till-1',
  identity: { receipt_id: '17' },
  method: 'Purchase',
  amount: '1230',
  currency: 'EUR',
  time: '2026-01-31T12:34:56.789Z',
};
const PAID = result('{"n":1}');

/** What the register and the cashier are told. */
function told(sent: Partial<SentRecord>, outcome?: Parameters<typeof duplicateText>[1]) {
  const { code, data } = JSON.parse(duplicateText({ ...SENT, ...sent }, outcome).toString());
  expect([code, data.string_code]).toEqual([1, 'DUPLICATE_TRANSACTION']);
  return { details: data.details, display: data.display_message };
}

describe('a transaction whose identifiers were used is refused with what is known of the first:', () => {
  test('paid, how much and when', () => {
    expect(told({}, PAID)).toEqual({
      details:
        'these identifiers were used: the first was a Purchase of 1230 EUR at 2026-01-31T12:34:56.789Z, charged',
      display: 'already paid 12.30 EUR at 2026-01-31 12:34 UTC',
    });
  });

  test('refunded', () => {
    expect(told({ method: 'Refund' }, PAID).display).toBe(
      'already refunded 12.30 EUR at 2026-01-31 12:34 UTC',
    );
  });

  test('still running', () => {
    expect(told({})).toEqual({
      details: expect.stringMatching(/ at 2026-01-31T12:34:56\.789Z, still running$/),
      display: 'another payment with this receipt number is running',
    });
  });

  test('not charged, with its code', () => {
    expect(told({}, failure('DECLINED'))).toEqual({
      details: expect.stringMatching(/, not charged \(DECLINED\)$/),
      display: 'this receipt number is used up: nothing was charged; use a new one',
    });
  });

  test('asked about only, where no request is known', () => {
    const absent = { state: 'absent', method: '' } as const;
    expect(told(absent, failure('TRANSACTION_NOT_FOUND')).details).toBe(
      'these identifiers were used: they were asked about at 2026-01-31T12:34:56.789Z, not charged (TRANSACTION_NOT_FOUND)',
    );
    const { amount: _, currency: __, ...bare } = SENT;
    const { data } = JSON.parse(duplicateText({ ...bare, ...absent }, PAID).toString());
    expect(data.display_message).toBe('already paid at 2026-01-31 12:34 UTC');
  });
});

describe('the amount is written for people only where it is certain what it means:', () => {
  test.each<[string, Partial<SentRecord>]>([
    ['a currency that is none', { currency: 'XQX' }],
    ['an amount with a point', { amount: '12.30' }],
    ['a negative one', { amount: '-1230' }],
    ['one with something behind it', { amount: '1230x' }],
    ['one with something in front', { amount: 'x1230' }],
    ['one of more than 15 digits', { amount: '1'.repeat(16) }],
    ['an empty one', { amount: '' }],
  ])('not %s', (_, more) => {
    expect(told(more, PAID).display).toBe('already paid at 2026-01-31 12:34 UTC');
  });

  test('one of 15 digits is, and a currency without decimals', () => {
    expect(told({ amount: '1'.repeat(15) }, PAID).display).toContain('already paid 1111111111111.11 EUR at ');
    expect(told({ currency: 'JPY' }, PAID).display).toContain('already paid 1230 JPY at ');
    expect(told({ amount: '7' }, PAID).display).toContain('already paid 0.07 EUR at ');
  });

  test.each(['amount', 'currency'] as const)('not without %s', (missing) => {
    const { [missing]: _, ...sent } = SENT;
    const { data } = JSON.parse(duplicateText(sent, PAID).toString());
    expect(data.display_message).toBe('already paid at 2026-01-31 12:34 UTC');
    expect(data.details).toContain(
      missing === 'amount' ? 'a Purchase of ? EUR at' : 'a Purchase of 1230 ? at',
    );
  });
});
