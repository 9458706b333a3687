import { expect, expectTypeOf, test } from 'vitest';
import type { ErrorReason, JsonObject, RecoveredSale, SaleOutcome } from '../../src/index.ts';

/** As a strict register reads an outcome; the compiler checks it with the other types. */
function wordsOf(sale: RecoveredSale): string {
  if (sale.outcome === 'unknown') return sale.error.text;
  if (sale.outcome === 'approved') return `approved ${String(sale.result['authorization_code'])}`;
  return sale.reason.displayMessage ?? sale.reason.message;
}

test('an outcome tells whether there is a result or a reason', () => {
  expectTypeOf<Extract<SaleOutcome, { outcome: 'approved' }>['result']>().toEqualTypeOf<JsonObject>();
  expectTypeOf<Exclude<SaleOutcome, { outcome: 'approved' }>['reason']>().toEqualTypeOf<ErrorReason>();
  const sale = { receiptId: '17', sequenceId: '1', method: 'Purchase', amountMinor: 1230, currency: 'EUR' };
  const ended = { ...sale, text: '{}', isRecorded: true };
  const reason = { code: 'DECLINED', message: 'no', details: '' };
  const approved = {
    result: { authorization_code: 'A1' },
    isAsAsked: true,
    approvedAmountMinor: 1230,
    approvedCurrency: 'EUR',
    otherReceiptId: undefined,
  };
  expect(wordsOf({ ...ended, outcome: 'approved', ...approved })).toBe('approved A1');
  expect(wordsOf({ ...ended, outcome: 'declined', reason })).toBe('no');
});
