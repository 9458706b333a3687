import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paymentIdOf } from '../../../src/dialect/ecr-eft/payment-id.ts';

describe('the id that a terminal knows a sale by', () => {
  test.each([
    ['6', null, false, '6'],
    ['17', '3', false, '17/3'],
    ['-5', null, false, '-5'],
    ['A/B', null, true, 'A/B'],
  ])('of %s and %s (own: %s) is %s', (receipt, sequence, isOwn, id) => {
    expect(paymentIdOf(receipt, sequence, isOwn)).toBe(id);
  });

  test.each([
    ['too long', '12345678901234567890', '1'],
    ['of a register with long names', 'fe5a0f4e-6a57-4a3f-9b0d-4a3c3f2d9f11', 'POS-RECON-1'],
    ['not ASCII', 'zł', null],
    ['that holds the separator', 'A/B', null],
    ['empty in part', '7', ''],
    ['that looks like a digest', 'H0123456789ABCDEFGHI', null],
  ])('of one %s is a digest', (_, receipt, sequence) => {
    expect(paymentIdOf(receipt, sequence, false)).toMatch(/^H[0-9A-V]{19}$/);
  });

  test('stays what it is for ever: a terminal may be asked for an old payment', () => {
    expect(paymentIdOf('x'.repeat(21), null, false)).toBe('HKBA8FTGMO4CN7FHQFQ0');
  });

  test('is never the same for two sales', () => {
    const part = fc.oneof(
      fc.string({ minLength: 1, maxLength: 24 }),
      fc.stringMatching(/^[AB/]{1,4}$/),
      fc.stringMatching(/^H[0-9A-V]{19}$/),
    );
    const sale = fc.tuple(part, fc.option(part));
    fc.assert(
      fc.property(sale, sale, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        const [id, otherId] = [paymentIdOf(...one, false), paymentIdOf(...other, false)];
        expect(id === otherId).toBe(isSame);
        expect(id).toMatch(/^[\x20-\x7e]{1,20}$/);
        // Also for a sale whose receipt is this id.
        expect(paymentIdOf(id, null, false) === id).toBe(one[1] === null && one[0] === id);
      }),
      { numRuns: 2000 },
    );
  });
});
