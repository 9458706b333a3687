import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PosClient } from '../../src/pos/pos-client.ts';
import type { RecoveredSale } from '../../src/pos/sale.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import {
  approval,
  closed,
  entriesOf,
  type PosBench,
  passUntil,
  posBench,
  rest,
  until,
  watch,
} from './kit.ts';

const SALE = { amountMinor: 1230, currency: 'EUR' };

async function all(client: PosClient): Promise<RecoveredSale[]> {
  const sales: RecoveredSale[] = [];
  for await (const sale of client.recover()) sales.push(sale);
  return sales;
}

/** Begins sales and leaves their entries open, as a register that dies does. */
async function leaveOpen(receiptIds: readonly number[], bench?: PosBench): Promise<PosBench> {
  const used = bench ?? (await posBench());
  const { client, terminal, clock } = used;
  const sent = terminal.requests('Purchase').length + receiptIds.length;
  const sales = receiptIds.map((receiptId) => watch(client.purchase({ ...SALE, receiptId })));
  await until(() => terminal.requests('Purchase').length === sent);
  await closed(client, clock);
  expect(sales.map(({ fault }) => fault.code)).toEqual(receiptIds.map(() => 'OUTCOME_UNKNOWN'));
  return used;
}

describe('recover', () => {
  test('has nothing to do in a new store, and does not connect', async () => {
    const { client, terminal } = await posBench();
    expect(await all(client)).toEqual([]);
    expect(terminal.attempts).toBe(0);
  });

  test('brings every unfinished sale to its end, by Check alone', async () => {
    const { store } = await leaveOpen([1, 2, 3]);
    const { client, terminal } = await posBench({ store });
    terminal.on('Check', (request, connection) => {
      const { receipt_id: receiptId } = request.params;
      if (receiptId === 1) connection.answer(request, { amount: 1230 });
      else connection.fail(request, receiptId === 2 ? 'DECLINED' : 'ABORTED');
    });
    const sales = await all(client);
    expect(sales.map(({ receiptId, outcome }) => [receiptId, outcome]).toSorted()).toEqual([
      ['1', 'approved'],
      ['2', 'declined'],
      ['3', 'cancelled'],
    ]);
    expect(sales[0]).toMatchObject({ method: 'Purchase', amountMinor: 1230, currency: 'EUR' });
    expect(terminal.requests('Purchase')).toEqual([]);
    expect(await all(client)).toEqual([]);
  });

  test('works through more sales than it asks for at a time', async () => {
    const receiptIds = Array.from({ length: 20 }, (_, index) => index + 1);
    const { store } = await leaveOpen(receiptIds);
    const { client, terminal } = await posBench({ store });
    terminal.on('Check', (request, connection) => connection.answer(request, {}));
    expect(await all(client)).toHaveLength(20);
  });

  test('waits again before "not found" counts, however old the sale is', async () => {
    const { store, clock: old } = await leaveOpen([1]);
    old.advance(86_400_000);
    const { client, terminal, clock } = await posBench({ store });
    const askedMs: number[] = [];
    terminal.on('Check', (request, connection) => {
      askedMs.push(clock.nowMs());
      connection.fail(request, 'TRANSACTION_NOT_FOUND');
    });
    const sales = watch(all(client));
    await passUntil(clock, () => sales.isSettled);
    expect(sales.value?.[0]?.outcome).toBe('not-reached');
    expect(askedMs.at(-1)).toBe(5000);
  });

  test('gives what cannot be decided as unknown, and goes on with the others', async () => {
    const { store } = await leaveOpen([1, 2]);
    const { client, terminal, clock } = await posBench({ store, outcomeWaitMs: 30_000 });
    terminal.on('Check', (request, connection) => {
      if (request.params.receipt_id === 1) connection.fail(request, 'OUTCOME_UNKNOWN');
      else connection.answer(request, {});
    });
    const sales = watch(all(client));
    await passUntil(clock, () => sales.isSettled);
    expect(sales.value).toMatchObject([
      { receiptId: '2', outcome: 'approved' },
      { receiptId: '1', outcome: 'unknown', amountMinor: 1230, error: { code: 'OUTCOME_UNKNOWN' } },
    ]);
    const entry = (await entriesOf(store)).get('1');
    expect([entry.done, entry.isRunning]).toEqual([undefined, false]);
  });

  test('leaves the sales of others alone', async () => {
    const busy = await posBench();
    const running = watch(busy.client.purchase({ ...SALE, receiptId: 1 }));
    await until(() => busy.terminal.requests('Purchase').length > 0);
    const { client, terminal } = await posBench({ store: busy.store });
    expect(await all(client)).toEqual([]);
    expect(await all(busy.client)).toEqual([]);
    expect(terminal.attempts).toBe(0);
    busy.terminal.connection.answer(busy.terminal.requests('Purchase')[0], {});
    await until(() => running.isSettled);
    expect(running.value?.outcome).toBe('approved');
  });

  test('of two at once gives every sale to one of them', async () => {
    const { store } = await leaveOpen([1, 2, 3, 4]);
    const clock = new FakeClock(Date.now());
    const benches = [await posBench({ store, clock }), await posBench({ store, clock })];
    for (const { terminal } of benches)
      terminal.on('Check', (request, connection) => connection.answer(request, {}));
    const recovered = watch(Promise.all(benches.map(({ client }) => all(client))));
    await passUntil(clock, () => recovered.isSettled, 20);
    const found = recovered.value?.flat() ?? [];
    expect(found.map(({ receiptId }) => receiptId).toSorted()).toEqual(['1', '2', '3', '4']);
  });

  test('ends with the signal, and leaves everything open', async () => {
    const { store } = await leaveOpen([1]);
    const { client, terminal } = await posBench({ store });
    const controller = new AbortController();
    const sales = watch(
      (async () => {
        const found: RecoveredSale[] = [];
        for await (const sale of client.recover({ signal: controller.signal })) found.push(sale);
        return found;
      })(),
    );
    await until(() => terminal.requests('Check').length > 0);
    controller.abort();
    await until(() => sales.isSettled);
    expect(sales.value).toMatchObject([{ receiptId: '1', outcome: 'unknown' }]);
    expect((await entriesOf(store)).get('1').isRunning).toBe(false);
  });

  test('lets go of everything when nobody wants more of it', async () => {
    const { store } = await leaveOpen([1, 2]);
    const { client, terminal } = await posBench({ store });
    terminal.on('Check', (request, connection) => {
      if (request.params.receipt_id === 1) connection.answer(request, {});
    });
    for await (const sale of client.recover()) {
      expect(sale.receiptId).toBe('1');
      break;
    }
    expect((await entriesOf(store)).get('2').isRunning).toBe(false);
  });

  test('believes no "not found" about a sale whose outcome stood in the store', async () => {
    const { store } = await leaveOpen([1]);
    const [file = ''] = readdirSync(store).filter((name) => name.endsWith('.entry'));
    appendFileSync(path.join(store, file), '\n12345678 {"state":"done","kind":"res');
    const { client, terminal, clock } = await posBench({ store, outcomeWaitMs: 30_000 });
    terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
    const sales = watch(all(client));
    await passUntil(clock, () => sales.isSettled);
    expect(sales.value?.[0]?.outcome).toBe('unknown');
  });

  test('reports what cannot be read and goes on', async () => {
    const { store } = await leaveOpen([1]);
    writeFileSync(path.join(store, `sale-${'0'.repeat(40)}.entry`), 'rubbish');
    const { client, terminal, lines } = await posBench({ store });
    terminal.on('Check', (request, connection) => connection.answer(request, {}));
    expect(await all(client)).toMatchObject([{ receiptId: '1', outcome: 'approved' }]);
    expect(lines.join('\n')).toContain('an entry of the store cannot be read');
  });

  test('counts what it cannot tell anything about', async () => {
    const busy = await posBench();
    watch(busy.client.purchase({ ...SALE, receiptId: 1 }));
    await until(() => busy.terminal.requests('Purchase').length > 0);
    writeFileSync(path.join(busy.store, `sale-${'0'.repeat(40)}.entry`), 'rubbish');
    const { client } = await posBench({ store: busy.store });
    expect(await client.recover().next()).toEqual({ done: true, value: { busy: 1, unreadable: 1 } });
  });

  test('removes what has been kept long enough', async () => {
    const { client, terminal, store, clock } = await posBench({ keepMs: 1000 });
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    await client.purchase(SALE);
    await all(client);
    expect((await entriesOf(store)).size).toBe(1);
    clock.advance(2000);
    await all(client);
    expect((await entriesOf(store)).size).toBe(0);
  });
});

describe('check', () => {
  test('tells a stored outcome without asking', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
    const first = await client.purchase({ ...SALE, receiptId: 17 });
    const again = await client.check('17');
    expect(again).toEqual(first);
    expect(terminal.requests('Check')).toEqual([]);
  });

  test('finishes a sale that was left open', async () => {
    const { store } = await leaveOpen([17]);
    const { client, terminal } = await posBench({ store });
    terminal.on('Check', (request, connection) => connection.fail(request, 'DECLINED'));
    expect(await client.check(17, 1)).toMatchObject({ outcome: 'declined', amountMinor: 1230 });
    expect((await entriesOf(store)).get('17').done.kind).toBe('error');
  });

  test('asks about a sale that the store does not know, and records the answer', async () => {
    const { client, terminal, store } = await posBench();
    terminal.on('Check', (request, connection) => connection.answer(request, { amount: 5 }));
    const outcome = await client.check('other', 'B');
    expect(outcome).toMatchObject({ outcome: 'approved', receiptId: 'other', sequenceId: 'B', method: '' });
    expect(outcome.amountMinor).toBeUndefined();
    expect((await entriesOf(store)).get('other').sent.state).toBe('absent');
    await client.check('other', 'B');
    expect(terminal.requests('Check')).toHaveLength(1);
  });

  test('believes no "not found" about a sale whose record cannot be read', async () => {
    const { client, terminal, clock, store } = await posBench({ outcomeWaitMs: 30_000 });
    terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
    await client.purchase({ ...SALE, receiptId: 17 });
    const [file = ''] = readdirSync(store).filter((name) => name.endsWith('.entry'));
    const text = readFileSync(path.join(store, file), 'utf8');
    writeFileSync(path.join(store, file), `X${text.slice(1)}`);
    terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
    const checked = watch(client.check(17));
    await passUntil(clock, () => checked.isSettled, 500);
    expect(checked.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  test('of a sale that somebody begins meanwhile tells what became of that', async () => {
    const busy = await posBench();
    busy.terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
    const { client, terminal, clock } = await posBench({ store: busy.store });
    const checked = watch(client.check(77));
    await passUntil(clock, () => terminal.requests('Check').length > 3);
    await busy.client.purchase({ ...SALE, receiptId: 77 });
    terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
    terminal.connection.fail(terminal.requests('Check').at(-1), 'TRANSACTION_NOT_FOUND');
    await passUntil(clock, () => checked.isSettled);
    expect(checked.value).toMatchObject({ outcome: 'approved', amountMinor: 1230, isRecorded: true });
  });

  test('works without a store', async () => {
    const { client, terminal } = await posBench({ store: undefined });
    terminal.on('Check', (request, connection) => connection.answer(request, {}));
    expect(await client.check(1)).toMatchObject({ outcome: 'approved' });
  });

  test('of a sale that is being carried out says so', async () => {
    const { client, terminal } = await posBench();
    const sale = watch(client.purchase({ ...SALE, receiptId: 17 }));
    await until(() => terminal.requests('Purchase').length > 0);
    await expect(client.check(17)).rejects.toMatchObject({ code: 'TRANSACTION_ACTIVE' });
    terminal.connection.answer(terminal.requests('Purchase')[0], {});
    await until(() => sale.isSettled);
    await rest();
    expect(await client.check(17)).toMatchObject({ outcome: 'approved' });
  });

  test('refuses what is no identifier', async () => {
    const { client } = await posBench();
    await expect(client.check('')).rejects.toThrow(/receiptId/);
    await expect(client.check(1, 0.5)).rejects.toThrow(/sequenceId/);
  });
});
