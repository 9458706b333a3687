import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { SaleRequest } from '../../src/pos/sale.ts';
import {
  after,
  approval,
  closed,
  entriesOf,
  PlayedTerminal,
  pass,
  passUntil,
  posBench,
  settle,
  until,
  watch,
} from './kit.ts';

const SALE = { amountMinor: 1230, currency: 'EUR' };

describe('a purchase', () => {
  test('is approved by a result', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
    const outcome = await client.purchase(SALE);
    expect(outcome).toMatchObject({
      outcome: 'approved',
      method: 'Purchase',
      sequenceId: '1',
      amountMinor: 1230,
      currency: 'EUR',
      result: { amount: 1230, currency: 'EUR' },
      isRecorded: true,
    });
    expect(outcome.reason).toBeUndefined();
    expect(outcome.receiptId).toMatch(/^\d{14,15}$/);
  });

  test('goes out as the protocol wants it, after a keepalive that was answered', async () => {
    const { client, terminal } = await posBench({ apiKey: 'key', cashierLanguage: 'fi' });
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    await client.purchase({ ...SALE, receiptId: 17, extra: { forced_authorization: true } });
    const [purchase] = terminal.requests('Purchase');
    expect(purchase.params).toEqual({
      api_key: 'key',
      cashier_language: 'fi',
      receipt_id: 17,
      sequence_id: 1,
      amount: 1230,
      currency: 'EUR',
      forced_authorization: true,
    });
    const methods = terminal.connection.messages.map(({ method }) => method);
    expect(methods.indexOf('_Keepalive')).toBeLessThan(methods.indexOf('Purchase'));
    expect(purchase.id).toMatch(/^pos-[\w.]+-\d+$/);
  });

  test.each([
    [17, 17],
    ['17', 17],
    ['017', '017'],
    ['A-17', 'A-17'],
    ['1234567890123456', '1234567890123456'],
    ['ä "1"', 'ä "1"'],
  ])('sends the identifier %j as %j', async (given, sent) => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    const { receiptId } = await client.purchase({ ...SALE, receiptId: given });
    expect(terminal.requests('Purchase')[0].params.receipt_id).toBe(sent);
    expect(receiptId).toBe(String(given));
  });

  test('is on the disk before it is sent', async () => {
    const { client, terminal, store } = await posBench();
    let entries: string[] = [];
    terminal.on('Purchase', (request, connection) => {
      entries = readdirSync(store).filter((name) => name.endsWith('.entry'));
      connection.answer(request, {});
    });
    await client.purchase(SALE);
    expect(entries).toHaveLength(1);
  });

  test('is told when its outcome is on the disk', async () => {
    const { client, terminal, store } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, { amount: 1230 }));
    const { receiptId } = await client.purchase(SALE);
    const entry = (await entriesOf(store)).get(receiptId);
    expect(entry.sent).toMatchObject({ method: 'Purchase', amount: '1230', currency: 'EUR', state: 'sent' });
    expect(entry.done).toMatchObject({ kind: 'result', text: '{"amount":1230}' });
  });

  test('reports its steps', async () => {
    const { client, terminal, events } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    await client.purchase(SALE);
    const steps = events.filter(([name]) => name === 'progress').map(([, { step }]) => step);
    expect(steps).toEqual(['recorded', 'connected', 'sent', 'decided']);
  });

  test('is declined with the reason, and what the cashier is to read', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) =>
      connection.fail(request, 'DECLINED', { display_message: 'Hylätty' }),
    );
    expect(await client.purchase(SALE)).toMatchObject({
      outcome: 'declined',
      reason: {
        code: 'DECLINED',
        message: 'DECLINED',
        details: 'details of DECLINED',
        displayMessage: 'Hylätty',
      },
    });
  });

  test('keeps numbers that a double cannot hold, in the text', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', ({ id }, connection) =>
      connection.sendText(`{"jsonrpc":"2.0","id":"${id}","result":{"stan": 12345678901234567890.10}}`),
    );
    expect((await client.purchase(SALE)).text).toBe('{"stan": 12345678901234567890.10}');
  });

  test('is stored without card secrets', async () => {
    const { client, terminal, store, lines } = await posBench();
    terminal.on('Purchase', (request, connection) =>
      connection.answer(request, { ok: 1, track2: '4111111111111111=2512', card: { cvv: '123' } }),
    );
    const { receiptId } = await client.purchase(SALE);
    const entry = (await entriesOf(store)).get(receiptId);
    expect(entry.done.text).toBe('{"ok":1,"card":{}}');
    expect(lines.join('\n')).not.toContain('4111111111111111');
  });

  test('never shows the key in a log', async () => {
    const { client, terminal, lines } = await posBench({ apiKey: 'S3CR3T-KEY-0001' });
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    await client.purchase(SALE);
    expect(lines.join('\n')).toContain('Purchase');
    expect(lines.join('\n')).not.toContain('S3CR3T-KEY-0001');
  });

  test('survives an answer that is nested deeply', async () => {
    const { client, terminal } = await posBench();
    const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    terminal.on('Purchase', ({ id }, connection) =>
      connection.sendText(`{"jsonrpc":"2.0","id":"${id}","result":${deep}}`),
    );
    expect(await client.purchase(SALE)).toMatchObject({ outcome: 'approved', isRecorded: true });
  });

  test('does not take a late or a second answer', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => {
      connection.answer(request, { first: true });
      connection.fail(request, 'DECLINED');
    });
    expect(await client.purchase(SALE)).toMatchObject({ outcome: 'approved', result: { first: true } });
    await settle();
    expect(await client.ping()).toBe(0);
  });

  test.each([
    [{ amountMinor: 0, currency: 'EUR' }, /amountMinor/],
    [{ amountMinor: -1, currency: 'EUR' }, /amountMinor/],
    [{ amountMinor: 12.5, currency: 'EUR' }, /amountMinor/],
    [{ amountMinor: Number.NaN, currency: 'EUR' }, /amountMinor/],
    [{ amountMinor: 1_000_000_000_000, currency: 'EUR' }, /amountMinor/],
    [{ amountMinor: 1, currency: 'eur' }, /currency/],
    [{ amountMinor: 1, currency: 'EURO' }, /currency/],
    [{ ...SALE, receiptId: '' }, /receiptId/],
    [{ ...SALE, receiptId: 1.5 }, /receiptId/],
    [{ ...SALE, receiptId: 'x'.repeat(129) }, /receiptId/],
    [{ ...SALE, sequenceId: '' }, /sequenceId/],
    [{ ...SALE, extra: { amount: 1 } }, /extra: amount/],
    [{ ...SALE, extra: { api_key: 'x' } }, /extra: api_key/],
    [{ amountMinor: '1230' as unknown as number, currency: 'EUR' }, /amountMinor/],
    [{ amountMinor: 1, currency: ['EUR'] as unknown as string }, /currency/],
    [{ ...SALE, receiptId: Number.NaN }, /receiptId/],
    [{ ...SALE, receiptId: null as unknown as string }, /receiptId/],
    [{ ...SALE, extra: 'x' as unknown as { x: string } }, /extra/],
    [null as unknown as typeof SALE, /request/],
  ])('of %j is refused', async (request, why) => {
    const { client, terminal } = await posBench();
    await expect(client.purchase(request as SaleRequest)).rejects.toThrow(why);
    expect(terminal.attempts).toBe(0);
  });

  test('that does not fit a frame is refused and leaves nothing', async () => {
    const { client, terminal, store } = await posBench();
    const request = { ...SALE, extra: { note: 'x'.repeat(300_000) } };
    await expect(client.purchase(request)).rejects.toThrow(RangeError);
    expect(terminal.requests('Purchase')).toEqual([]);
    expect(await entriesOf(store)).toEqual(new Map());
  });

  test('with identifiers that have been used is refused before anything is sent', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    await client.purchase({ ...SALE, receiptId: 17 });
    await expect(client.purchase({ ...SALE, receiptId: '17' })).rejects.toMatchObject({
      code: 'DUPLICATE_TRANSACTION',
      sale: { receiptId: '17', sequenceId: '1' },
    });
    expect(terminal.requests('Purchase')).toHaveLength(1);
    await client.purchase({ ...SALE, receiptId: 17, sequenceId: 2 });
    expect(terminal.requests('Purchase')).toHaveLength(2);
  });

  test('is the one that was asked for, whatever the caller does to the request meanwhile', async () => {
    const { client, terminal, store } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
    const request = { ...SALE, receiptId: 17, extra: { cashback_amount: 500, tags: ['a'] } };
    const made = client.purchase(request);
    Object.assign(request, { amountMinor: 99_900, currency: 'SEK', receiptId: 18 });
    Object.assign(request.extra, { cashback_amount: 90_000, amount: 5 });
    request.extra.tags.push('b');
    expect(await made).toMatchObject({ receiptId: '17', amountMinor: 1230, currency: 'EUR' });
    expect(terminal.requests('Purchase').map(({ params }) => params)).toEqual([
      { receipt_id: 17, sequence_id: 1, amount: 1230, currency: 'EUR', cashback_amount: 500, tags: ['a'] },
    ]);
    expect((await entriesOf(store)).get('17').sent).toMatchObject({ amount: '1230', currency: 'EUR' });
  });

  test('reads every member of the request once', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
    const values: Record<string, unknown[]> = {
      amountMinor: [1230, -5, Number.NaN],
      currency: ['EUR', 'x', 'y'],
      receiptId: [17, -5, 1.5],
      sequenceId: ['2', '', ''],
      extra: [{ note: 'n' }, { amount: 5 }, { amount: 6 }],
    };
    const request = Object.defineProperties(
      {},
      Object.fromEntries(Object.entries(values).map(([name, given]) => [name, { get: () => given.shift() }])),
    );
    expect(await client.purchase(request as typeof SALE)).toMatchObject({ outcome: 'approved' });
    expect(terminal.requests('Purchase').map(({ params }) => params)).toEqual([
      { receipt_id: 17, sequence_id: 2, amount: 1230, currency: 'EUR', note: 'n' },
    ]);
  });

  test('goes out without a sequence number where that is wanted', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
    const sale = await client.purchase({ ...SALE, receiptId: 17, sequenceId: null });
    expect(sale).toMatchObject({ receiptId: '17', sequenceId: undefined, outcome: 'approved' });
    expect(Object.keys(terminal.requests('Purchase')[0].params)).not.toContain('sequence_id');
    expect(await client.check(17, null)).toEqual(sale);
  });

  test('for which the terminal names another amount or currency is approved, and says so', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Purchase', (request, connection) =>
      connection.answer(request, { amount: '5.00', currency: 'EUR', receipt_id: 71 }),
    );
    expect(await client.purchase({ ...SALE, receiptId: 17 })).toMatchObject({
      outcome: 'approved',
      isAsAsked: false,
      approvedAmountMinor: 500,
      approvedCurrency: 'EUR',
      otherReceiptId: '71',
    });
  });

  test.each(['BUSY', 'CHANNEL_UNAVAILABLE', 'JOURNAL_UNAVAILABLE', 'JSONRPC_INVALID_PARAMS'])(
    'that is refused by %s has not started',
    async (code) => {
      const { client, terminal } = await posBench();
      terminal.on('Purchase', (request, connection) => connection.fail(request, code));
      expect(await client.purchase(SALE)).toMatchObject({ outcome: 'not-started', reason: { code } });
      expect(terminal.requests('Check')).toEqual([]);
    },
  );

  test('needs a store', async () => {
    const terminal = new PlayedTerminal();
    const { PosClient } = await import('../../src/pos/pos-client.ts');
    const client = await PosClient.open({ to: 'tcp:127.0.0.1:1', openWire: terminal.openWire });
    after(() => client.close());
    await expect(client.purchase(SALE)).rejects.toThrow(/store: Purchase needs one/);
    await expect(client.refund(SALE)).rejects.toThrow(/store/);
    await expect(client.recover().next()).rejects.toThrow(/store/);
    expect(terminal.attempts).toBe(0);
  });
});

test('a refund goes the same way', async () => {
  const { client, terminal } = await posBench();
  terminal.on('Refund', (request, connection) => connection.answer(request, approval(request)));
  expect(await client.refund(SALE)).toMatchObject({ outcome: 'approved', method: 'Refund' });
  expect(terminal.requests('Purchase')).toEqual([]);
});

describe('without a connection', () => {
  test('nothing is sent, and no trace is left', async () => {
    const { client, terminal, clock, store } = await posBench();
    terminal.isThere = false;
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.fault).toMatchObject({ code: 'NOT_CONNECTED' });
    expect(sale.fault.text).toBe(
      'no connection to tcp:127.0.0.1:10001 within 10 s: connection refused (ECONNREFUSED); nothing was sent',
    );
    expect(clock.nowMs()).toBe(10_000);
    expect(await entriesOf(store)).toEqual(new Map());
  });

  test('a terminal that comes back in time gets the sale', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.isThere = false;
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    const sale = watch(client.purchase(SALE));
    await pass(clock, 2000);
    terminal.isThere = true;
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value?.outcome).toBe('approved');
  });

  test('a terminal that does not answer the keepalive gets no sale', async () => {
    const { client, terminal, clock, store } = await posBench();
    terminal.answersKeepalive = false;
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.fault).toMatchObject({ code: 'NOT_CONNECTED' });
    expect(terminal.requests('Purchase')).toEqual([]);
    expect(await entriesOf(store)).toEqual(new Map());
  });

  test('a signal ends it at once', async () => {
    const { client, terminal, store } = await posBench();
    terminal.isThere = false;
    const controller = new AbortController();
    const sale = watch(client.purchase(SALE, { signal: controller.signal }));
    await until(() => terminal.attempts > 0);
    controller.abort();
    await until(() => sale.isSettled);
    expect(sale.fault).toMatchObject({ code: 'ABORTED' });
    expect(await entriesOf(store)).toEqual(new Map());
  });

  test('a signal that has aborted already lets nothing begin', async () => {
    const { client, terminal, store } = await posBench();
    const sale = client.purchase(SALE, { signal: AbortSignal.abort() });
    await expect(sale).rejects.toMatchObject({ code: 'ABORTED' });
    expect(terminal.attempts).toBe(0);
    expect(await entriesOf(store)).toEqual(new Map());
  });

  test('closing the client ends it, nothing sent', async () => {
    const { client, terminal, clock, store } = await posBench();
    terminal.isThere = false;
    const sale = watch(client.purchase(SALE));
    await until(() => terminal.attempts > 0);
    await closed(client, clock);
    expect(sale.fault).toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(await entriesOf(store)).toEqual(new Map());
  });
});

test('two purchases at once keep to their own answers', async () => {
  const { client, terminal } = await posBench();
  const requests: unknown[] = [];
  terminal.on('Purchase', (request) => requests.push(request));
  const sales = [
    watch(client.purchase({ ...SALE, receiptId: 1 })),
    watch(client.purchase({ ...SALE, receiptId: 2 })),
  ];
  await until(() => requests.length === 2);
  for (const request of requests.reverse()) {
    const { params } = request as { params: { receipt_id: number } };
    terminal.connection.answer(request, { of: params.receipt_id });
  }
  await until(() => sales.every(({ isSettled }) => isSettled));
  expect(sales.map(({ value }) => value?.result)).toEqual([{ of: 1 }, { of: 2 }]);
});
