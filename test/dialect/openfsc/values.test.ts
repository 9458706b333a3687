import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { sumFaults } from '../../../src/dialect/openfsc/sums.ts';
import { F1, faultIn, loggedIn, SERVER_CAPS, TRANSACTION } from './kit.ts';

/** What applications say: only what the grammar allows reaches the server. */

describe('values that the grammar does not have are refused toward the application', () => {
  const faultOf = (method: string, params: object) =>
    faultIn(
      loggedIn()
        .connection()
        .peer.notify(JSON.stringify(method), Buffer.from(JSON.stringify(params))),
    );

  test.each(['86', '86.', '.86', '+8.6', '8,60', '1e2', ' 8.60'])('an amount of %j', (amount) => {
    expect(faultOf('openfsc.transaction', { ...TRANSACTION, priceWithVat: amount })).toEqual({
      code: 'JSONRPC_INVALID_PARAMS',
      why: 'priceWithVat is not a decimal number such as 12.30',
    });
  });

  test.each(['ä', 'a b', 'a\u0007', '\u20ac', '\u00a0', ''])('an id of %j', (id) => {
    const why = 'siteTransactionId is not one word of printable ASCII characters';
    expect(faultOf('openfsc.transaction', { ...TRANSACTION, siteTransactionId: id })?.why).toBe(why);
  });

  test('and so are they in answers, before anything of the answer is on the wire', () => {
    const bench = loggedIn();
    bench.receive('S1 PRICES');
    const price = {
      productId: '0100',
      unit: 'LTR',
      currency: 'EUR',
      pricePerUnit: '1.749',
      description: 'ä',
    };
    const result = { prices: [price, { ...price, pricePerUnit: '2' }] };
    expect(faultIn(bench.connection().last.prepare('result', Buffer.from(JSON.stringify(result))))?.why).toBe(
      'prices[1]: pricePerUnit is not a decimal number such as 12.30',
    );
    expect(bench.lines()).toEqual([]);
  });

  test.each(['tired', 'Aborted', '', 'aborted '])('LOCKEDPUMP because of %j', (reason) => {
    const bench = loggedIn();
    const asked = bench.connection().ask('openfsc.lockedPump', { pump: 2, fscTransactionId: F1, reason });
    expect(asked.answer?.json.code).toBe(-32602);
    expect(bench.lines()).toEqual([]);
  });
});

describe('LOCKEDPUMP', () => {
  test.each([
    '* CAPABILITY CLEAR HEARTBEAT LOCKPUMP PRICES PUMPS PUMPSTATUS QUIT TRANSACTIONS UNLOCKPUMP',
    SERVER_CAPS.replace(' LOCKEDPUMP', ''),
  ])('goes to a server that announces %s; its refusal is the answer', (capabilities) => {
    const bench = loggedIn({ capabilities });
    const params = { pump: 2, fscTransactionId: F1, reason: 'aborted' };
    const asked = bench.connection().ask('openfsc.lockedPump', params);
    expect(bench.lines()).toEqual([`C1 LOCKEDPUMP 2 ${F1} aborted`]);
    bench.receive('C1 ERR 405 Method unknown');
    expect(asked.answer?.json.data.fscCode).toBe(405);
  });
});

describe('a receipt', () => {
  test.each([
    ['no list', 'receiptInfo is no array'],
    [[{ key: 'bad key', value: '1' }], 'receiptInfo[0]: key and value have to be strings'],
    [[{ key: 'Receipt-No', value: '1' }, null], 'receiptInfo[1]: key and value'],
    [[{ key: 'Receipt-No', value: 17 }], 'receiptInfo[0]: key and value'],
    [[{ key: 'Receipt-No', value: 'ä' }], 'receiptInfo[0]: key and value'],
    [Array.from({ length: 33 }, () => ({ key: 'k', value: 'v' })), 'receiptInfo has more than 32 entries'],
  ])('of %j is told to the application, whether the server takes receipts or not', (receiptInfo, why) => {
    const bench = loggedIn();
    bench.receive(`S1 CLEAR 3 x ${F1} pace`);
    const text = Buffer.from(JSON.stringify({ receiptInfo }));
    const fault = faultIn(bench.connection().last.prepare('result', text));
    expect(fault).toMatchObject({ code: 'JSONRPC_INVALID_PARAMS', why: expect.stringContaining(why) });
  });
});

describe('sums', () => {
  const sale = { gross: '79.58', net: '66.87', vat: '12.71', volume: '45.50', pricePerUnit: '1.749' };

  test.each([
    {},
    { net: '66.874', vat: '12.706' },
    { gross: '79.580', net: '66.87', vat: '12.71' },
    // Rounded up, rounded down.
    { gross: '79.57', net: '66.86' },
    { net: '66.8739', vat: '12.7061' },
  ])('that add up, but for rounding: %j', (change) => {
    expect(sumFaults({ ...sale, ...change })).toEqual([]);
  });

  test.each([
    [{ vat: '12.72' }, ['net price and VAT do not add up to the gross price']],
    [{ volume: '45.51' }, ['volume times price per unit is not the gross price']],
    [{ gross: '79.59', net: '66.88' }, ['volume times price per unit is not the gross price']],
    [
      { gross: '86.83', net: '72.978', vat: '13.65', volume: '54.40', pricePerUnit: '1.339' },
      ['net', 'volume'],
    ],
    [{ volume: '0.00' }, ['volume']],
  ])('that do not: %j', (change, faults) => {
    const found = sumFaults({ ...sale, ...change });
    expect(found).toEqual(faults.map((fault) => expect.stringContaining(fault)));
  });

  test('that do not add up are sent, and warned about once as long as nothing changes', () => {
    const warnings: unknown[] = [];
    const log = { ...silentLogger, warn: (_event: string, fields?: object) => void warnings.push(fields) };
    const bench = loggedIn({ log });
    const odd = { ...TRANSACTION, vatAmount: '12.72' };
    for (let round = 0; round < 3; round += 1) {
      bench.receive('S1 TRANSACTIONS');
      bench.connection().result({ transactions: [odd] });
    }
    expect(bench.lines().filter((line) => line.includes('12.72'))).toHaveLength(3);
    expect(warnings).toEqual([
      {
        session: 's1',
        message: 'TRANSACTION',
        why: 'net price and VAT do not add up to the gross price',
      },
    ]);
  });
});
