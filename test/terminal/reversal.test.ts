import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { identifiersOf } from '../../src/application/identifiers.ts';
import { silentLogger as log } from '../../src/base/log.ts';
import { JournalStore } from '../../src/terminal/journal-store.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { Texts } from '../../src/terminal/texts.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass } from './kit.ts';

/** Reversal and Totals, over restarts too. */

let folder: string;
let clock: FakeClock;
let terminal: Terminal | undefined;
let till: Attached;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-state-'));
  clock = new FakeClock(Date.now());
});

afterEach(async () => {
  await terminal?.close();
  terminal = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const openStore = () => JournalStore.open(folder, { clock, log, texts: new Texts() });

async function start(where: string): Promise<void> {
  await terminal?.close();
  const store = where === 'a folder' ? { store: await openStore() } : {};
  terminal = new Terminal({ clock, log, delayMs: 30, ...store });
  till = new Attached(terminal);
}

let ids = 0;
/** Asks, and waits for the answer: its result, or its code. */
async function ask(method: string, params: object): Promise<unknown> {
  ids += 1;
  const id = `r-${ids}`;
  await till.request(id, method, params);
  for (let turns = 0; till.answer(id) === undefined && turns < 10_000; turns += 1) {
    await pass(clock, 10);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return till.answer(id)?.result ?? till.code(id);
}

const sale = (receipt_id: string, more: object = {}) => ({
  receipt_id,
  amount: 1250,
  currency: 'EUR',
  ...more,
});
const reversal = (receipt_id: string, original: string, more: object = {}) =>
  sale(receipt_id, { original_receipt_id: original, ...more });

describe.each(['the memory', 'a folder'])('kept in %s', (where) => {
  beforeEach(() => start(where));
  const restart = () => (where === 'a folder' ? start(where) : undefined);

  test.each(['Purchase', 'Refund'])('a Reversal undoes a %s, once, without a card', async (method) => {
    await ask(method, sale('1'));
    till.lines.splice(0);
    const undone = await ask('Reversal', reversal('2', '1'));
    expect(undone).toMatchObject({
      amount: 1250,
      currency: 'EUR',
      card_scheme: 'Mastercard',
      entry_mode: 'CHIP',
    });
    expect(JSON.stringify(undone)).toContain('REVERSAL 12.50 EUR');
    expect(till.statuses).toEqual(['PROCESSING', 'idle']);
    await restart();
    expect(await ask('Reversal', reversal('3', '1'))).toBe('REVERSAL_REFUSED');
    expect(await ask('Check', { receipt_id: '2' })).toEqual(undone);
    expect(await ask('Reversal', reversal('2', '1'))).toBe('DUPLICATE_TRANSACTION');
  });

  test('what finds nothing to undo says so, for ever, and moves nothing', async () => {
    await ask('Purchase', sale('declined', { amount: 1201 }));
    await ask('Purchase', sale('1', { sequence_id: 1 }));
    await ask('Purchase', sale('1', { sequence_id: 2 }));
    await ask('Reversal', reversal('undone', '1', { original_sequence_id: 1 }));
    const refused = [
      ['no such', reversal('a', 'unknown')],
      ['not approved', reversal('b', 'declined', { amount: 1201 })],
      ['a Reversal', reversal('c', 'undone')],
      ['undone already', reversal('d', '1', { original_sequence_id: '1' })],
      ['another amount', reversal('e', '1', { original_sequence_id: 2, amount: 1000 })],
      ['another currency', reversal('f', '1', { original_sequence_id: 2, currency: 'SEK' })],
      ['several', reversal('g', '1')],
      ['itself', reversal('h', 'h')],
    ] as const;
    for (const [why, params] of refused)
      expect([why, await ask('Reversal', params)]).toEqual([why, 'REVERSAL_REFUSED']);
    await restart();
    for (const [why, { receipt_id }] of refused) {
      expect([why, await ask('Check', { receipt_id })]).toEqual([why, 'REVERSAL_REFUSED']);
    }
    expect(await ask('Reversal', reversal('i', '1', { original_sequence_id: 2 }))).toMatchObject({
      amount: 1250,
    });
  });

  test('a refused Reversal is an outcome by its own words', async () => {
    await ask('Reversal', reversal('2', '1'));
    expect(till.messages.at(-1)?.error?.data).toMatchObject({
      string_code: 'REVERSAL_REFUSED',
      outcome: 'not-charged',
      details: 'there is no such transaction',
      display_message: 'Nothing to reverse',
    });
  });

  test('a Reversal that is aborted has undone nothing', async () => {
    await ask('Purchase', sale('1'));
    await till.request('x', 'Reversal', reversal('2', '1'));
    for (let turns = 0; till.statuses.at(-1) !== 'PROCESSING' && turns < 10_000; turns += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await ask('Abort', { receipt_id: '2' })).toEqual({});
    await vi.waitFor(() => expect(till.code('x')).toBe('ABORTED'), { interval: 1, timeout: 30_000 });
    expect(await ask('Reversal', reversal('3', '1'))).toMatchObject({ amount: 1250 });
  });

  test('Totals counts what was approved, until the period is closed', async () => {
    await ask('Purchase', sale('1'));
    await ask('Purchase', sale('2', { amount: 500 }));
    await ask('Purchase', sale('3', { amount: 1201 }));
    await ask('Purchase', sale('4', { currency: 'SEK' }));
    await ask('Refund', sale('5', { amount: 300 }));
    await ask('Reversal', reversal('6', '2', { amount: 500 }));
    await restart();
    const line = (method: string, count: number, amount: number, currency = 'EUR') => ({
      method,
      card_scheme: 'Mastercard',
      currency,
      count,
      amount,
    });
    const totals = [
      line('Purchase', 2, 1750),
      line('Purchase', 1, 1250, 'SEK'),
      line('Refund', 1, 300),
      line('Reversal', 1, 500),
    ];
    const inAnyOrder = { totals: expect.toSatisfy((lines: object[]) => lines.length === totals.length) };
    const running = await ask('Totals', {});
    expect(running).toEqual({ period: 1, closed: false, ...inAnyOrder });
    expect(running).toMatchObject({ totals: expect.arrayContaining(totals) });
    const closing = await ask('Totals', { close: true });
    expect(closing).toEqual({ ...(running as object), closed: true });
    await restart();
    await ask('Purchase', sale('7', { amount: 900 }));
    await restart();
    expect(await ask('Totals', { close: null })).toEqual({
      period: 2,
      closed: false,
      totals: [line('Purchase', 1, 900)],
      last_closed: { period: 1, totals: (running as { totals: unknown }).totals },
    });
  });

  test('a period is not closed while a transaction runs', async () => {
    await till.request('x', 'Purchase', sale('1'));
    expect(await ask('Totals', { close: true })).toBe('BUSY');
    expect(await ask('Totals', { close: 'yes' })).toBe('JSONRPC_INVALID_PARAMS');
  });
});

test('a record that is damaged leaves nobody with TRANSACTION_NOT_FOUND for its receipt', async () => {
  await start('a folder');
  await ask('Purchase', sale('1', { sequence_id: 17 }));
  await terminal?.close();
  terminal = undefined;
  const entry = readdirSync(folder).find((name) => name.endsWith('.entry')) ?? '';
  writeFileSync(path.join(folder, entry), 'rubbish');
  await start('a folder');
  expect(await ask('Check', { receipt_id: '1' })).toBe('INTERNAL_ERROR');
  expect(await ask('Check', { receipt_id: '1', sequence_id: 17 })).toBe('INTERNAL_ERROR');
  expect(await ask('Check', { receipt_id: '1', sequence_id: 18 })).toBe('TRANSACTION_NOT_FOUND');
});

test('of a Check and a Purchase of one receipt that come together, one wins', async () => {
  await start('a folder');
  await till.request('p', 'Purchase', sale('1', { sequence_id: 17 }));
  expect(await ask('Check', { receipt_id: '1' })).toBe('TRANSACTION_ACTIVE');
  const store = await JournalStore.open(path.join(folder, 'other'), { clock, log, texts: new Texts() });
  const bought = {
    ...identifiersOf('1', '17'),
    method: 'Purchase',
    amountMinor: 1,
    cashbackMinor: 0,
    currency: 'EUR',
    language: 'en',
    apiKey: undefined,
  };
  const [begun, absent] = await Promise.all([
    store.begin(bought),
    store.markAbsent(identifiersOf('1', undefined)),
  ]);
  expect([begun === 'known', absent]).toEqual([false, false]);
  const [later, early] = await Promise.all([
    store.markAbsent(identifiersOf('2', undefined)),
    store.begin({ ...bought, ...identifiersOf('2', '17') }),
  ]);
  expect([later, early]).toEqual([true, 'known']);
  if (begun !== 'known') await begun.release();
  await store.close();
});

test('a file of the period that cannot be read is no first period', async () => {
  writeFileSync(path.join(folder, 'period.json'), '{"period":');
  await expect(openStore()).rejects.toMatchObject({ code: 'STATE_OPEN_FAILED' });
});
