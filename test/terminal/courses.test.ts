import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, identifiers, pass, purchase } from './kit.ts';

let clock: FakeClock;
let terminal: Terminal;
let register: Attached;
let deaths: number;

beforeEach(() => {
  clock = new FakeClock();
  deaths = 0;
  terminal = new Terminal({
    clock,
    log,
    delayMs: 900,
    die: () => {
      deaths += 1;
    },
  });
  register = new Attached(terminal);
});

const buy = (amount: number) => register.request('1', 'Purchase', purchase({ amount }));

describe('the last two digits of the amount', () => {
  test('01: declined', async () => {
    await buy(1201);
    await pass(clock, 900);
    expect(register.code('1')).toBe('DECLINED');
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', 'idle']);
  });

  test('02: the card is removed while the issuer is asked', async () => {
    await buy(2);
    await pass(clock, 450);
    expect(register.code('1')).toBe('CARD_REMOVED');
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'idle']);
  });

  test('03: no card within the delay', async () => {
    await buy(1203);
    await pass(clock, 899);
    expect(register.answer('1')).toBeUndefined();
    await pass(clock, 1);
    expect(register.code('1')).toBe('CARD_TIMEOUT');
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'idle']);
  });

  test('04: a wrong PIN, then the right one', async () => {
    await buy(1204);
    await pass(clock, 1200);
    expect(register.answer('1')?.result).toMatchObject({ amount: 1204, verification_method: 'PIN' });
    expect(register.cashierTexts).toEqual([
      'Insert or tap the card',
      'Please wait',
      'Enter PIN',
      'Wrong PIN, try again',
      'Please wait',
      'Remove the card',
    ]);
  });

  test('05: dies when the outcome is recorded and nobody knows', async () => {
    await buy(1205);
    await pass(clock, 599);
    expect(deaths).toBe(0);
    await pass(clock, 1);
    expect(deaths).toBe(1);
    expect(register.answer('1')).toBeUndefined();
  });

  test('05 without a way to die drops every attachment, and Check on a new one tells', async () => {
    terminal = new Terminal({ clock, log, delayMs: 900 });
    register = new Attached(terminal);
    const other = new Attached(terminal);
    await buy(1205);
    await pass(clock, 600);
    expect([register.isDestroyed, other.isDestroyed]).toEqual([true, true]);
    register.close();
    await pass(clock, 300);
    expect(register.answer('1')).toBeUndefined();
    const back = new Attached(terminal);
    await back.request('2', 'Check', identifiers);
    expect(back.answer('2')?.result).toMatchObject({ amount: 1205 });
  });

  test('06: 90 seconds, whatever the delay is', async () => {
    await buy(1206);
    await pass(clock, 300);
    await pass(clock, 89_400);
    await pass(clock, 299);
    expect(register.answer('1')).toBeUndefined();
    await pass(clock, 1);
    expect(register.answer('1')?.result).toMatchObject({ amount: 1206 });
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', 'idle']);
  });

  test('07: a signature, which the cashier accepts', async () => {
    await buy(1207);
    await pass(clock, 1200);
    expect(register.answer('1')?.result).toMatchObject({
      verification_method: 'SIGNATURE',
      merchant_receipt: { text: expect.stringMatching(/^Signature: _+$/m) },
    });
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_POS', 'WAIT_CARD_OUT', 'idle']);
  });

  test.each([1200, 1208, 1299, 99, 100])('others, such as %i: approved', async (amount) => {
    await buy(amount);
    await pass(clock, 900);
    expect(register.answer('1')?.result).toMatchObject({ amount });
  });

  test('mean the same for a refund', async () => {
    await register.request('1', 'Refund', purchase({ amount: 701 }));
    await pass(clock, 900);
    expect(register.code('1')).toBe('DECLINED');
  });
});

test('every outcome but an approval is told in the language of the cashier', async () => {
  await register.request('1', 'Purchase', purchase({ amount: 1202, cashier_language: 'fi-FI' }));
  await pass(clock, 900);
  expect(register.answer('1')?.error?.data?.['display_message']).toBe('Kortti poistettu liian aikaisin');
  expect(register.cashierTexts[0]).toBe('Syötä tai näytä kortti');
});
