import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  eventLine,
  jsonLine,
  onOneLine,
  outcomeLine,
  outcomeLines,
  statusLine,
  statusLines,
} from '../../src/cli/pos-view.ts';
import { PosError } from '../../src/pos/pos-error.ts';
import type { ApprovedSale, UnapprovedSale } from '../../src/pos/sale.ts';
import { readStatus } from '../../src/pos/status.ts';

const known = { method: 'Purchase', receiptId: '17', sequenceId: '1', amountMinor: 1230, currency: 'EUR' };

function approved(result: object, more: Partial<ApprovedSale> = {}): ApprovedSale {
  const text = JSON.stringify(result);
  return { ...known, outcome: 'approved', result: JSON.parse(text), text, isRecorded: true, ...more };
}

function declined(reason: UnapprovedSale['reason']): UnapprovedSale {
  return { ...known, outcome: 'declined', reason, text: '{}', isRecorded: true };
}

describe('an outcome for people', () => {
  test('has what a cashier needs, and the papers', () => {
    const sale = approved({
      card_scheme: 'Visa',
      masked_card_number: '411111******1111',
      authorization_code: '012345',
      merchant_receipt: ['SHOP', 'TOTAL 12.30'],
    });
    expect(outcomeLines(sale)).toEqual([
      'APPROVED  12.30 EUR',
      'receipt        17/1',
      'card           Visa 411111******1111',
      'authorisation  012345',
      '',
      '  SHOP',
      '  TOTAL 12.30',
    ]);
  });

  test('says the words for the cashier first, then the code and the words for technicians', () => {
    const sale = declined({
      code: 'DECLINED',
      message: 'no',
      details: 'issuer 51',
      displayMessage: 'Hylätty',
    });
    expect(outcomeLines(sale)).toEqual([
      'DECLINED  12.30 EUR',
      'receipt  17/1',
      'reason   Hylätty (DECLINED: issuer 51)',
    ]);
    expect(outcomeLines(declined({ code: 'DECLINED', message: '', details: '' }))[2]).toBe(
      'reason   (DECLINED)',
    );
  });

  test('points at an amount that is not the one that was asked for', () => {
    expect(outcomeLines(approved({ amount: 1200, currency: 'EUR' })).join('\n')).toMatch(
      /amount +1200 .*terminal says/,
    );
    expect(outcomeLines(approved({ amount: 1230, currency: 'EUR' })).join('\n')).not.toContain(
      'terminal says',
    );
  });

  test('of a sale that the store does not know has no amount', () => {
    const sale = {
      ...declined({ code: 'TRANSACTION_NOT_FOUND', message: '', details: '' }),
      outcome: 'not-reached' as const,
      method: '',
      amountMinor: undefined,
      currency: undefined,
    };
    expect(outcomeLines(sale)[0]).toBe('NOT CHARGED');
  });

  test('that is not known says why', () => {
    const error = new PosError('OUTCOME_UNKNOWN', 'no answer within 900 s');
    expect(outcomeLines({ ...known, outcome: 'unknown', error })).toEqual([
      'UNKNOWN  12.30 EUR',
      'receipt  17/1',
      'why      no answer within 900 s',
    ]);
  });

  test('survives a result of any form', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('card_scheme', 'amount', 'merchant_receipt', 'timestamp'),
          fc.jsonValue(),
        ),
        (result) => {
          expect(outcomeLines(approved(result))[0]).toBe('APPROVED  12.30 EUR');
        },
      ),
    );
  });
});

describe('for people and programs alike', () => {
  const evil = `4111111111111111 \u001b[2J\u202e`;

  test('card numbers are masked, and nothing a terminal acts on gets through', () => {
    const sale = approved({ card_scheme: evil, merchant_receipt: [evil], timestamp: evil });
    const status = readStatus(
      JSON.stringify({ transaction_status: evil, update_status: evil, update_eta: evil }),
    );
    const shown = [
      ...outcomeLines(sale),
      ...outcomeLines(declined({ code: evil, message: evil, details: evil, displayMessage: evil })),
      ...statusLines(status),
      statusLine(status),
      outcomeLine(sale),
      outcomeLine(declined({ code: evil, message: evil, details: evil })),
      eventLine({ kind: 'status', status }),
      eventLine({ kind: 'message', text: evil }),
    ];
    for (const line of shown) {
      expect(line).not.toContain('4111111111111111');
      for (const active of ['\u001b', '\u202e', '\n']) expect(line).not.toContain(active);
    }
  });
});

describe('a line for programs', () => {
  test('carries what the terminal wrote, numbers exact, on one line', () => {
    const line = jsonLine({ event: 'result' }, { result: '{"big": 123456789.10,\n\t"rate":1.50}' });
    expect(line).toBe('{"event":"result","result":{"big": 123456789.10,  "rate":1.50}}');
    expect(onOneLine('{\r\n}')).toBe('{  }');
  });

  test('of an outcome has amount, reason and identifiers', () => {
    const reason = { code: 'DECLINED', message: 'no', details: 'issuer', displayMessage: 'Hylätty' };
    expect(JSON.parse(outcomeLine(declined(reason)))).toEqual({
      event: 'outcome',
      outcome: 'declined',
      method: 'Purchase',
      receipt_id: '17',
      sequence_id: '1',
      amount: '12.30',
      amount_minor: 1230,
      currency: 'EUR',
      recorded: true,
      reason: { code: 'DECLINED', message: 'no', details: 'issuer', display_message: 'Hylätty' },
    });
  });

  test('is JSON whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (text, value) => {
          const line = jsonLine({ event: 'x', text }, { value: JSON.stringify(value, null, 1) });
          expect(line).not.toContain('\n');
          expect(JSON.parse(line)).toMatchObject({ event: 'x' });
        },
      ),
    );
  });
});

describe('a status', () => {
  test('in one line says what matters', () => {
    const line = (status: object) => statusLine(readStatus(JSON.stringify(status)));
    expect(line({ ready_for_transaction: true, pending_transaction_count: 0 })).toBe('ready');
    expect(line({ ready_for_transaction: false })).toBe('not ready');
    expect(line({ transaction_status: 'WAIT_CARD_IN' })).toBe('waiting for the card');
    expect(line({ transaction_status: 'NEW_ONE', chip_card_in: true })).toBe('NEW_ONE, chip card in');
    expect(
      line({ ready_for_transaction: true, psp_connection_available: false, pending_transaction_count: 3 }),
    ).toBe('ready, no connection to the PSP, 3 transactions to be sent');
    expect(line({ update_status: 'DOWNLOADING', update_progress: 40 })).toBe('ready, update DOWNLOADING 40');
  });
});
