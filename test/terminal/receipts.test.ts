import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import { openSimulator } from '../../src/terminal/simulator.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass, purchase } from './kit.ts';

/** Registers that name a receipt and no sequence, and how receipts are printed. */

let clock: FakeClock;
let register: Attached;

beforeEach(() => {
  clock = new FakeClock();
  register = new Attached(new Terminal({ clock, log, delayMs: 300 }));
});

async function pay(id: string, changes: object, method = 'Purchase'): Promise<void> {
  await register.request(id, method, purchase({ ...changes }));
  await pass(clock, 300);
}

describe.each([
  ['missing', undefined],
  ['null', null],
])('sequence_id %s', (_, sequence_id) => {
  test.each(['Purchase', 'Refund'])('a %s is approved, and Check finds it', async (method) => {
    await pay('1', { sequence_id }, method);
    expect(register.answer('1')?.result).toMatchObject({ amount: 1250 });
    await register.request('2', 'Check', { receipt_id: 'r1', sequence_id });
    expect(register.outcomeText('2')).toBe(register.outcomeText('1'));
    await register.request('3', method, purchase({ sequence_id }));
    expect(register.code('3')).toBe('DUPLICATE_TRANSACTION');
  });

  test('Check finds the only transaction of the receipt', async () => {
    await pay('1', { sequence_id: 17 });
    await register.request('2', 'Check', { receipt_id: 'r1', sequence_id });
    expect(register.outcomeText('2')).toBe(register.outcomeText('1'));
  });

  test('of several, Check finds the one without; without such a one it cannot say', async () => {
    await pay('1', { sequence_id: 1 });
    await pay('2', { sequence_id: 2, amount: 200 });
    await register.request('3', 'Check', { receipt_id: 'r1', sequence_id });
    expect(register.code('3')).toBe('OUTCOME_UNKNOWN');
    await pay('4', { sequence_id, amount: 300 });
    await register.request('5', 'Check', { receipt_id: 'r1', sequence_id });
    expect(register.outcomeText('5')).toBe(register.outcomeText('4'));
  });

  test('while any of the receipt runs, Check says so', async () => {
    await register.request('1', 'Purchase', purchase({ sequence_id: 5 }));
    await register.request('2', 'Check', { receipt_id: 'r1', sequence_id });
    expect(register.code('2')).toBe('TRANSACTION_ACTIVE');
  });

  test('an absence refuses every sequence_id of the receipt from then on', async () => {
    await register.request('1', 'Check', { receipt_id: 'r1', sequence_id });
    expect(register.code('1')).toBe('TRANSACTION_NOT_FOUND');
    for (const late of [17, '18', undefined]) {
      await pay(`late ${late}`, { sequence_id: late });
      expect(register.code(`late ${late}`)).toBe('DUPLICATE_TRANSACTION');
      await register.request(`check ${late}`, 'Check', { receipt_id: 'r1', sequence_id: late });
      expect(register.code(`check ${late}`)).toBe('TRANSACTION_NOT_FOUND');
    }
    await pay('other', { receipt_id: 'r2', sequence_id: 17 });
    expect(register.answer('other')?.result).toBeDefined();
  });

  test('an absence of one sequence_id leaves the others of the receipt free', async () => {
    await register.request('1', 'Check', { receipt_id: 'r1', sequence_id: 1 });
    await pay('2', { sequence_id: 1 });
    expect(register.code('2')).toBe('DUPLICATE_TRANSACTION');
    await pay('3', { sequence_id });
    expect(register.answer('3')?.result).toBeDefined();
  });

  test('what is busy with something else refuses one of a receipt that has another one', async () => {
    await pay('1', { sequence_id: 1 });
    await register.request('2', 'Purchase', purchase({ receipt_id: 'r2' }));
    await register.request('3', 'Purchase', purchase({ sequence_id }));
    expect(register.code('3')).toBe('BUSY');
  });
});

/** What a public point-of-sale plug-in does with a result; it throws where a member is missing. */
function readAsOdooDoes(result: Record<string, unknown>): string[] {
  if (result['response_text'] !== 'Approved') throw new Error('not approved');
  const receipt = result['merchant_receipt'] as { text: string };
  const lines = receipt.text.split('\n');
  return [lines[4]?.split(': ')[1], lines[5]?.split(' ').at(-1), lines[6]?.split(': ').at(-1)].map(String);
}

describe('receipts', () => {
  test.each([
    ['simulator:', () => openSimulator({}, { clock, log })],
    ['a terminal', async () => new Terminal({ clock, log })],
  ])('of %s come as one text each, as public registers read them', async (_, open) => {
    const attached = new Attached(await open());
    await attached.request('1', 'Purchase', purchase({ sequence_id: undefined }));
    await pass(clock, 1000);
    const result = attached.answer('1')?.result ?? {};
    expect(result['merchant_receipt']).toEqual({
      text: expect.stringMatching(/^SIMULATED TERMINAL\n.*\nMERCHANT COPY$/s),
    });
    expect(result['customer_receipt']).toEqual({ text: expect.stringMatching(/\nCUSTOMER COPY$/) });
    expect(readAsOdooDoes(result)).toHaveLength(3);
  });

  test.each([
    ['simulator:', () => openSimulator({ receipts: 'lines' }, { clock, log })],
    ['a terminal', async () => new Terminal({ clock, log, receipts: 'lines' })],
  ])('of %s come as arrays of lines where that is wanted', async (_, open) => {
    const attached = new Attached(await open());
    await attached.request('1', 'Purchase', purchase());
    await pass(clock, 1000);
    expect(attached.answer('1')?.result).toMatchObject({
      merchant_receipt: expect.arrayContaining(['PURCHASE 12.50 EUR', 'APPROVED', 'MERCHANT COPY']),
      customer_receipt: expect.arrayContaining(['PURCHASE 12.50 EUR', 'APPROVED', 'CUSTOMER COPY']),
    });
  });

  test('say what part of the amount was cash', async () => {
    await pay('1', { amount: 5000, cashback_amount: 2000 });
    const { result } = register.answer('1') ?? {};
    expect(result).toMatchObject({ amount: 5000, cashback_amount: 2000 });
    expect(JSON.stringify(result)).toContain('OF WHICH CASH 20.00 EUR');
  });
});
