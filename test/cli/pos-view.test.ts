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
import type { RecoveredSale, UnapprovedSale } from '../../src/pos/sale.ts';
import { saleOutcome } from '../../src/pos/sale-words.ts';
import { readStatus } from '../../src/pos/status.ts';

const known = { method: 'Purchase', receiptId: '17', sequenceId: '1', amountMinor: 1230, currency: 'EUR' };

function approved(result: object): RecoveredSale {
  const answer = { kind: 'result', text: JSON.stringify(result) } as const;
  return saleOutcome(known, { outcome: 'approved', answer }, true);
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

  test.each([
    [{ amount: 500, currency: 'EUR' }, 'APPROVED  5.00 EUR of 12.30 EUR'],
    [{ amount: '5.00' }, 'APPROVED  5.00 EUR of 12.30 EUR'],
    [{ amount: 1330, currency: 'EUR' }, 'APPROVED  13.30 EUR of 12.30 EUR'],
    [{ amount: 1230, currency: 'SEK' }, 'APPROVED  12.30 SEK of 12.30 EUR'],
    [{ amount: 'five', currency: 'EUR' }, 'APPROVED  another amount than 12.30 EUR'],
    [{ amount: 1230, currency: 'EUR' }, 'APPROVED  12.30 EUR'],
    [{ amount: '12.30', currency: 'eur' }, 'APPROVED  12.30 EUR'],
    [{}, 'APPROVED  12.30 EUR'],
  ])('says first what was approved of what was asked for: %j is %s', (result, title) => {
    expect(outcomeLines(approved(result))[0]).toBe(title);
  });

  test('shows an amount that cannot be read as the terminal wrote it', () => {
    expect(outcomeLines(approved({ amount: 'five' }))).toContain('amount   "five" is what the terminal says');
  });

  test('points at a receipt that is not the one that was asked for', () => {
    expect(outcomeLines(approved({ receipt_id: 71 }))).toContain(
      'but      the terminal says that this is receipt 71',
    );
    expect(outcomeLines(approved({ receipt_id: '17' }))).toEqual(['APPROVED  12.30 EUR', 'receipt  17/1']);
  });

  test.each([
    [['SHOP', 'TOTAL 12.30']],
    [{ text: 'SHOP\nTOTAL 12.30' }],
    [{ text: 'SHOP\r\nTOTAL 12.30\r\n' }],
  ])('prints the papers alike, however they come: %j', (paper) => {
    const sale = approved({ response_text: 'Approved', merchant_receipt: paper, customer_receipt: paper });
    expect(outcomeLines(sale)).toEqual([
      'APPROVED  12.30 EUR',
      'receipt  17/1',
      'answer   Approved',
      '',
      '  SHOP',
      '  TOTAL 12.30',
      '',
      '  SHOP',
      '  TOTAL 12.30',
    ]);
  });

  test('that was refused before anything began is not called a decline', () => {
    const sale = {
      ...declined({ code: 'BUSY', message: 'busy', details: '' }),
      outcome: 'not-started' as const,
    };
    expect(outcomeLines(sale)).toEqual(['NOT STARTED  12.30 EUR', 'receipt  17/1', 'reason   busy (BUSY)']);
  });

  test('that nobody knows is never said not to have reached the terminal', () => {
    const reason = { code: 'TRANSACTION_NOT_FOUND', message: '', details: '' };
    const sale = { ...declined(reason), outcome: 'not-reached' as const };
    expect(outcomeLines(sale)).toEqual([
      'NOT CHARGED  12.30 EUR',
      'receipt  17/1',
      'reason   not known to the terminal',
    ]);
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
          fc.constantFrom('card_scheme', 'amount', 'currency', 'receipt_id', 'merchant_receipt', 'timestamp'),
          fc.jsonValue(),
        ),
        (result) => {
          expect(outcomeLines(approved(result))[0]).toMatch(
            /^APPROVED {2}(.* of |another amount than )?12\.30 EUR$/,
          );
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

  test('of an approval has what the terminal says that it approved', () => {
    expect(
      JSON.parse(outcomeLine(approved({ amount: '5.00', currency: 'eur', receipt_id: 71 }))),
    ).toMatchObject({
      outcome: 'approved',
      amount: '12.30',
      amount_minor: 1230,
      currency: 'EUR',
      approved_amount: '5.00',
      approved_amount_minor: 500,
      approved_currency: 'EUR',
      approved_receipt_id: '71',
    });
    const silent = JSON.parse(outcomeLine(approved({})));
    expect(Object.keys(silent).filter((name) => name.startsWith('approved_'))).toEqual([]);
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
