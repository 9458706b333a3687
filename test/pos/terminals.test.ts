import { describe, expect, test } from 'vitest';
import type { RecoveredSale } from '../../src/pos/sale.ts';
import {
  closed,
  entriesOf,
  PlayedTerminal,
  type PosBench,
  passUntil,
  posBench,
  rest,
  until,
  watch,
} from './kit.ts';

const SALE = { amountMinor: 1230, currency: 'EUR', receiptId: 17 };
const HOME = 'tcp:127.0.0.1:10001';
const AWAY = 'tcp:127.0.0.1:10002';

/** Says who it is; undefined: it knows no such question. */
function terminalOf(serialNumber: string | number | undefined): PlayedTerminal {
  return new PlayedTerminal().on('TerminalInfo', (request, connection) => {
    if (serialNumber === undefined) connection.fail(request, 'JSONRPC_METHOD_NOT_FOUND');
    else connection.answer(request, { version: '20.1.0', serial_number: serialNumber });
  });
}

/** A sale that went to the first terminal and was left open, looked for at the second one. */
async function recoverAt(
  first: { serialNumber: string | undefined; to: string },
  second: { terminal: PlayedTerminal; to: string },
): Promise<{ sale: RecoveredSale | undefined; bench: PosBench }> {
  const { client, terminal, clock, store } = await posBench({
    terminal: terminalOf(first.serialNumber),
    to: first.to,
  });
  const open = watch(client.purchase(SALE));
  await until(() => terminal.requests('Purchase').length > 0);
  await rest();
  await closed(client, clock);
  expect(open.fault.code).toBe('OUTCOME_UNKNOWN');
  const bench = await posBench({ store, ...second });
  second.terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
  const recovered = watch(bench.client.recover().next());
  await passUntil(bench.clock, () => recovered.isSettled);
  return { sale: recovered.value?.value as RecoveredSale | undefined, bench };
}

describe('a sale that was left open', () => {
  test.each([
    ['the terminal with the same serial number', 'A1', HOME, terminalOf('A1'), HOME],
    ['the terminal with the same serial number, at another address', 'A1', HOME, terminalOf('A1'), AWAY],
    [
      'the same address, where the terminal never said who it is',
      undefined,
      HOME,
      terminalOf(undefined),
      HOME,
    ],
    ['the same address, where it says so only now', undefined, HOME, terminalOf('B2'), HOME],
    ['the same address, where it says nothing any more', 'A1', HOME, terminalOf(undefined), HOME],
    ['the same address, where it does not answer', 'A1', HOME, new PlayedTerminal(), HOME],
    ['the same address in other words', undefined, HOME, terminalOf(undefined), 'tcp:localhost:10001'],
  ])('is ended by %s', async (_who, serialNumber, to, terminal, where) => {
    const { sale } = await recoverAt({ serialNumber, to }, { terminal, to: where });
    expect(sale).toMatchObject({ outcome: 'not-reached' });
  });

  test.each([
    ['another terminal at another address', 'A1', terminalOf('B2'), AWAY],
    ['another terminal at the same address', 'A1', terminalOf('B2'), HOME],
    ['a terminal at another address that does not say who it is', 'A1', terminalOf(undefined), AWAY],
    ['another address, where neither ever said who it is', undefined, terminalOf(undefined), AWAY],
  ])('is not ended by %s, which is not even asked', async (_who, serialNumber, terminal, where) => {
    const { sale, bench } = await recoverAt({ serialNumber, to: HOME }, { terminal, to: where });
    if (sale?.outcome !== 'unknown') throw new Error(`it is ${sale?.outcome}`);
    expect(sale.error).toMatchObject({ code: 'OUTCOME_UNKNOWN', sale: { receiptId: '17' } });
    expect(sale.error.text).toContain(`it went to ${JSON.stringify(HOME)}`.replace(/"$/, ''));
    if (serialNumber !== undefined) expect(sale.error.text).toContain(`serial number ${serialNumber}`);
    expect(terminal.requests('Check')).toEqual([]);
    expect((await entriesOf(bench.store)).get('17').done).toBeUndefined();
  });
});

describe('who the terminal is', () => {
  test('is asked once a connection, and a terminal that never says it holds no sale up', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    await client.purchase({ ...SALE, receiptId: 1 });
    await client.purchase({ ...SALE, receiptId: 2 });
    expect(clock.nowMs()).toBe(0);
    expect(terminal.requests('TerminalInfo')).toHaveLength(1);
  });

  test('is in the store with the place before the sale is ended, and the outcome after it', async () => {
    const { client, terminal, store } = await posBench({ terminal: terminalOf(4711) });
    const sale = watch(client.purchase(SALE));
    await until(() => terminal.requests('Purchase').length > 0);
    await rest();
    expect((await entriesOf(store)).get('17')).toMatchObject({
      sent: { place: HOME },
      serialNumber: '4711',
      isClean: true,
    });
    terminal.connection.answer(terminal.requests('Purchase')[0], {});
    await until(() => sale.isSettled);
    expect((await entriesOf(store)).get('17')).toMatchObject({ isClean: true, done: { kind: 'result' } });
  });

  test('is not asked for what is no sale', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Status', (request, connection) => connection.answer(request, {}));
    await client.status();
    expect(terminal.requests('TerminalInfo')).toEqual([]);
  });
});

test('a code that nobody has declared is remembered over the death of the register', async () => {
  const { client, terminal, clock, store } = await posBench();
  terminal.on('Purchase', (request, connection) => connection.fail(request, 'PRINTER_FAILED'));
  const sale = watch(client.purchase(SALE));
  await until(() => terminal.requests('Check').length > 0);
  await closed(client, clock);
  expect(sale.fault.code).toBe('OUTCOME_UNKNOWN');
  const next = await posBench({ store });
  next.terminal.on('Check', (request, connection) => connection.fail(request, 'PRINTER_FAILED'));
  const recovered = watch(next.client.recover().next());
  await passUntil(next.clock, () => recovered.isSettled);
  expect(recovered.value?.value).toMatchObject({ outcome: 'declined', reason: { code: 'PRINTER_FAILED' } });
});

describe('a receipt without its sequence number', () => {
  test('finds the only sale that has it', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    const sale = await client.purchase({ ...SALE, sequenceId: 3 });
    expect(await client.check(17)).toEqual(sale);
    expect(terminal.requests('Check')).toEqual([]);
  });

  test('finds the sale that has none, whatever else has it', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    const bare = await client.purchase({ ...SALE, sequenceId: null });
    await client.purchase({ ...SALE, sequenceId: 1 });
    expect(await client.check(17)).toEqual(bare);
  });

  test('names several sales, and nobody guesses which', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    await client.purchase({ ...SALE, sequenceId: 1 });
    await client.purchase({ ...SALE, sequenceId: 2 });
    const checked = client.check(17);
    await expect(checked).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      text: expect.stringMatching(/one of/),
    });
    expect(terminal.requests('Check')).toEqual([]);
  });

  test('asks the terminal with the receipt alone, and then stands for every sale with it', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
    const checked = watch(client.check(17));
    await passUntil(clock, () => checked.isSettled);
    expect(checked.value).toMatchObject({ outcome: 'not-reached', receiptId: '17', sequenceId: undefined });
    expect(terminal.requests('Check')[0].params).toEqual({ receipt_id: 17 });
    await expect(client.purchase(SALE)).rejects.toMatchObject({ code: 'DUPLICATE_TRANSACTION' });
    expect(terminal.requests('Purchase')).toEqual([]);
  });
});
