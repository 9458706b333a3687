import { describe, expect, test } from 'vitest';
import { closed, entriesOf, passUntil, posBench, until, watch } from './kit.ts';

const SALE = { amountMinor: 1230, currency: 'EUR' };

describe('a lost connection', () => {
  test('is followed by Check on the next one, never by a second purchase', async () => {
    const { client, terminal, clock, events } = await posBench();
    terminal.on('Purchase', (_, connection) => connection.vanish());
    terminal.on('Check', (request, connection) => connection.answer(request, { found: true }));
    const sale = watch(client.purchase({ ...SALE, receiptId: 17 }));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { found: true } });
    expect(terminal.requests('Purchase')).toHaveLength(1);
    expect(terminal.requests('Check').map(({ params }) => params)).toEqual([
      { receipt_id: 17, sequence_id: 1 },
    ]);
    const steps = events.filter(([name]) => name === 'progress').map(([, { step }]) => step);
    expect(steps).toEqual(['recorded', 'connected', 'sent', 'lost', 'asking', 'decided']);
  });

  test('that is lost again and again is made again, as often as it takes', async () => {
    const { client, terminal, clock } = await posBench();
    let checks = 0;
    terminal.on('Purchase', (_, connection) => connection.vanish());
    terminal.on('Check', (request, connection) => {
      checks += 1;
      if (checks < 6) connection.vanish();
      else connection.fail(request, 'DECLINED');
    });
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'declined', reason: { code: 'DECLINED' } });
    expect([checks, terminal.requests('Purchase').length]).toEqual([6, 1]);
    expect(terminal.connections).toHaveLength(7);
  });

  test('of which the terminal says twice that it does not know the sale counts when that is 5 s apart', async () => {
    const { client, terminal, clock } = await posBench();
    const askedMs: number[] = [];
    let lostMs = 0;
    terminal.on('Purchase', (_, connection) => {
      lostMs = clock.nowMs();
      connection.vanish();
    });
    terminal.on('Check', (request, connection) => {
      askedMs.push(clock.nowMs() - lostMs);
      connection.fail(request, 'TRANSACTION_NOT_FOUND');
    });
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value).toMatchObject({
      outcome: 'not-reached',
      reason: { code: 'TRANSACTION_NOT_FOUND' },
      isRecorded: true,
    });
    expect(askedMs.length).toBeGreaterThan(1);
    expect((askedMs.at(-1) ?? 0) - (askedMs[0] ?? 0)).toBe(5000);
  });

  test('to a terminal that knows finished sales only is asked about for as long as a customer takes', async () => {
    const { client, terminal, clock } = await posBench({ notFoundAfterMs: 60_000 });
    terminal.on('Purchase', (_, connection) => connection.vanish());
    terminal.on('Check', (request, connection) => {
      if (clock.nowMs() < 55_000) connection.fail(request, 'TRANSACTION_NOT_FOUND');
      else connection.answer(request, { amount: 1230, currency: 'EUR' });
    });
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled, 500);
    expect(sale.value).toMatchObject({ outcome: 'approved' });
  });

  test('of which the terminal first says "not found" and then knows it ends with what it knows', async () => {
    const { client, terminal, clock } = await posBench();
    let checks = 0;
    terminal.on('Purchase', (_, connection) => connection.vanish());
    terminal.on('Check', (request, connection) => {
      checks += 1;
      if (checks === 1) connection.fail(request, 'TRANSACTION_NOT_FOUND');
      else connection.answer(request, {});
    });
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value?.outcome).toBe('approved');
  });

  test('by a keepalive that is not answered counts as well', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Purchase', (_, connection) => {
      connection.answersKeepalive = false;
    });
    terminal.on('Check', (request, connection) => connection.answer(request, {}));
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value?.outcome).toBe('approved');
    expect(terminal.connections[0]?.goodbye.data.string_code).toBe('KEEPALIVE');
  });

  test('by the goodbye of the terminal counts as well', async () => {
    const { client, terminal, clock } = await posBench();
    const error = { code: 1, message: 'x', data: { string_code: 'OUTCOME_UNKNOWN', details: 'x' } };
    terminal.on('Purchase', (_, connection) =>
      connection.send({ method: '_CloseReason', params: { error } }),
    );
    terminal.on('Check', (request, connection) => connection.fail(request, 'CANCELLED'));
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value?.outcome).toBe('cancelled');
  });
});

describe('Check', () => {
  test('is asked again for ten minutes while the sale is active', async () => {
    const { client, terminal, clock } = await posBench();
    const askedMs: number[] = [];
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'TIMEOUT'));
    terminal.on('Check', (request, connection) => {
      askedMs.push(clock.nowMs());
      if (clock.nowMs() < 600_000) connection.fail(request, 'TRANSACTION_ACTIVE');
      else connection.answer(request, { late: true });
    });
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled, 500);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { late: true } });
    expect(terminal.requests('Purchase')).toHaveLength(1);
    expect(askedMs.slice(0, 5).map((ms) => ms - (askedMs[0] ?? 0))).toEqual([0, 1000, 3000, 8000, 13_000]);
    expect(askedMs.at(-1)).toBeGreaterThanOrEqual(600_000);
  });

  test('goes out again when it is not answered, and a late answer counts', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'CHANNEL_CLOSED'));
    const checks: [unknown, { answer(request: unknown, result: object): void }][] = [];
    terminal.on('Check', (request, connection) => checks.push([request, connection]));
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => checks.length === 3);
    const [first] = checks;
    first?.[1].answer(first[0], { first: true });
    await until(() => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { first: true } });
  });

  test('that says "active" makes "not found" begin anew: twice again, 5 s apart', async () => {
    const { client, terminal, clock } = await posBench();
    let activeMs = 0;
    const askedMs: number[] = [];
    terminal.on('Purchase', (_, connection) => connection.vanish());
    terminal.on('Check', (request, connection) => {
      askedMs.push(clock.nowMs());
      if (askedMs.length === 4) activeMs = clock.nowMs();
      connection.fail(request, askedMs.length === 4 ? 'TRANSACTION_ACTIVE' : 'TRANSACTION_NOT_FOUND');
    });
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value?.outcome).toBe('not-reached');
    const after = askedMs.filter((ms) => ms > activeMs);
    expect((after.at(-1) ?? 0) - (after[0] ?? 0)).toBe(5000);
  });

  test.each([{ string_code: '', details: '' }, {}])(
    'with an error without a code (%j) is asked again',
    async (data) => {
      const { client, terminal, clock } = await posBench({ outcomeWaitMs: 60_000 });
      terminal.on('Purchase', (_, connection) => connection.vanish());
      terminal.on('Check', ({ id }, connection) =>
        connection.send({ id, error: { code: 1, message: 'x', data } }),
      );
      const sale = watch(client.purchase(SALE));
      await passUntil(clock, () => sale.isSettled, 500);
      expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    },
  );

  test('does not pile up where nothing is ever answered', async () => {
    const { client, terminal, clock } = await posBench({ outcomeWaitMs: 300_000 });
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'CHANNEL_CLOSED'));
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled, 500);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(terminal.requests('Check').length).toBeLessThanOrEqual(8);
  });

  test('gives up after the time for it; the entry stays open and is recovered', async () => {
    const bench = await posBench({ outcomeWaitMs: 20_000 });
    const { client, terminal, clock, store } = bench;
    terminal.on('Purchase', (_, connection) => connection.vanish());
    terminal.on('Check', (request, connection) => connection.fail(request, 'OUTCOME_UNKNOWN'));
    const sale = watch(client.purchase({ ...SALE, receiptId: 17 }));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.fault).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      sale: { receiptId: '17', sequenceId: '1' },
    });
    expect(sale.fault.text).not.toContain('\n');
    expect((await entriesOf(store)).get('17').done).toBeUndefined();
    terminal.on('Check', (request, connection) => connection.answer(request, {}));
    const recovered = await client.recover().next();
    expect(recovered.value).toMatchObject({ outcome: 'approved', receiptId: '17', amountMinor: 1230 });
    expect(terminal.requests('Purchase')).toHaveLength(1);
  });

  test.each([-3_600_000, 3_600_000])('is not misled by a clock that jumps by %d ms', async (jumpMs) => {
    const { client, terminal, clock } = await posBench();
    const wallMs = clock.wallMs.bind(clock);
    let shiftMs = 0;
    clock.wallMs = () => wallMs() + shiftMs;
    const askedMs: number[] = [];
    terminal.on('Purchase', (_, connection) => {
      shiftMs = jumpMs;
      connection.vanish();
    });
    terminal.on('Check', (request, connection) => {
      askedMs.push(clock.nowMs());
      connection.fail(request, 'TRANSACTION_NOT_FOUND');
    });
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value?.outcome).toBe('not-reached');
    expect((askedMs.at(-1) ?? 0) - (askedMs[0] ?? 0)).toBe(5000);
    expect(sale.value?.isRecorded).toBe(true);
  });
});

describe('DUPLICATE_TRANSACTION', () => {
  const duplicate = async (result: object) => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'DUPLICATE_TRANSACTION'));
    terminal.on('Check', (request, connection) => connection.answer(request, result));
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(terminal.requests('Purchase')).toHaveLength(1);
    return sale.value;
  };

  test('is no outcome: Check tells it', async () => {
    expect(await duplicate({ amount: 1230, currency: 'EUR' })).toMatchObject({ outcome: 'approved' });
  });

  test.each([
    { amount: 1230, currency: 'eur' },
    { amount: 1230, currency: '978' },
  ])('is no outcome: Check tells it, however the currency is written (%j)', async (result) => {
    expect(await duplicate(result)).toMatchObject({ outcome: 'approved' });
  });

  test('and a larger amount may be a tip: nobody can tell', async () => {
    const { client, terminal, clock, store } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'DUPLICATE_TRANSACTION'));
    terminal.on('Check', (request, connection) =>
      connection.answer(request, { amount: 1330, currency: 'EUR' }),
    );
    const sale = watch(client.purchase({ ...SALE, receiptId: 17 }));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN', sale: { receiptId: '17' } });
    expect(sale.fault.text).toContain('1330 EUR');
    const entry = (await entriesOf(store)).get('17');
    expect([entry.done, entry.isRunning]).toEqual([undefined, false]);
  });

  test('that a dead register has seen takes no other sale for its own after the start', async () => {
    const { client, terminal, clock, store } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'DUPLICATE_TRANSACTION'));
    const sale = watch(client.purchase({ ...SALE, receiptId: 7 }));
    await until(() => terminal.requests('Check').length > 0);
    await closed(client, clock);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    for (const other of [
      { amount: 9900, currency: 'EUR' },
      { amount: 5 },
      { amount: 1230, currency: 'SEK' },
    ]) {
      const next = await posBench({ store });
      next.terminal.on('Check', (request, connection) => connection.answer(request, other));
      const recovered = watch(next.client.recover().next());
      await passUntil(next.clock, () => recovered.isSettled);
      expect(recovered.value?.value).toMatchObject({ outcome: 'unknown', amountMinor: 1230 });
    }
  });

  test.each([
    { amount: 99, currency: 'EUR' },
    { amount: 1230, currency: 'USD' },
    { amount: 1230 },
    { currency: 'EUR' },
    { amount: 1230, currency: 'EUR', receipt_id: 4711 },
    {},
  ])('is not ended by a sale that does not name what was asked for (%j)', async (result) => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'DUPLICATE_TRANSACTION'));
    terminal.on('Check', (request, connection) => connection.answer(request, result));
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  test('without a transaction behind it is no charge', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.fail(request, 'DUPLICATE_TRANSACTION'));
    terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
    const sale = watch(client.purchase(SALE));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value?.outcome).toBe('not-reached');
  });
});

describe('a code that nobody has declared', () => {
  const answered = async (direct: string, checks: string[], options: object = {}) => {
    const bench = await posBench({ outcomeWaitMs: 30_000, ...options });
    bench.terminal.on('Purchase', (request, connection) => connection.fail(request, direct));
    bench.terminal.on('Check', (request, connection) =>
      connection.fail(request, checks.shift() ?? 'OUTCOME_UNKNOWN'),
    );
    const sale = watch(bench.client.purchase(SALE));
    await passUntil(bench.clock, () => sale.isSettled, 500);
    return { sale, bench };
  };

  test('is final when Check says the same, not before', async () => {
    const { sale } = await answered('PRINTER_FAILED', ['NOT_READY', 'PAPER_OUT', 'PRINTER_FAILED']);
    expect(sale.value).toMatchObject({ outcome: 'declined', reason: { code: 'PRINTER_FAILED' } });
  });

  test('is no outcome when Check says another, and the log names what would make it one', async () => {
    const { sale, bench } = await answered('PRINTER_FAILED', ['PAPER_OUT', 'PAPER_OUT', 'PAPER_OUT']);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(bench.lines.filter((line) => line.includes('--outcome PAPER_OUT'))).toHaveLength(1);
  });

  test('is final at once where it has been declared', async () => {
    const { sale, bench } = await answered('PRINTER_FAILED', [], { outcomeCodes: ['PRINTER_FAILED'] });
    expect(sale.value).toMatchObject({ outcome: 'declined' });
    expect(bench.terminal.requests('Check')).toEqual([]);
  });

  test.each(['TIMEOUT', 'BUSY', 'TRANSACTION_NOT_FOUND', 'JSONRPC_X', 'DUPLICATE_TRANSACTION', 'A B', ''])(
    'cannot be %j, which means something else',
    async (code) => {
      await expect(posBench({ outcomeCodes: [code] })).rejects.toThrow(/outcomeCodes/);
    },
  );

  test.each([
    'NOT_READY',
    'INVALID_API_KEY',
    'ACCESS_DENIED',
    'STORAGE_ERROR',
    'SERVICE_UNAVAILABLE',
    'BUSY',
    'JSONRPC_METHOD_NOT_FOUND',
    'DUPLICATE_TRANSACTION',
  ])('is not %s: to a Check that is nothing, however often it is said', async (code) => {
    const { sale } = await answered('CHANNEL_CLOSED', Array(50).fill(code));
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });
});

describe('a result of Check', () => {
  test.each([
    { amount: 500, currency: 'EUR' },
    { amount: '5.00' },
    { amount: 1230, currency: 'SEK' },
    { amount: 1230, currency: 'EUR', receipt_id: 71 },
  ])('for another sale (%j) is for a person', async (result) => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Purchase', (_, connection) => connection.vanish());
    terminal.on('Check', (request, connection) => connection.answer(request, result));
    const sale = watch(client.purchase({ ...SALE, receiptId: 17 }));
    await passUntil(clock, () => sale.isSettled);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(sale.fault.text).toContain('settle the entry by hand');
  });
});

describe('a signal while the outcome is awaited', () => {
  test('ends the waiting, the entry stays open', async () => {
    const { client, terminal, store } = await posBench();
    const controller = new AbortController();
    const sale = watch(client.purchase({ ...SALE, receiptId: 17 }, { signal: controller.signal }));
    await until(() => terminal.requests('Purchase').length > 0);
    controller.abort();
    await until(() => sale.isSettled);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    const entry = (await entriesOf(store)).get('17');
    expect([entry.done, entry.isRunning]).toEqual([undefined, false]);
  });

  test('is not needed to close the client', async () => {
    const { client, terminal, clock, store } = await posBench();
    const sale = watch(client.purchase({ ...SALE, receiptId: 17 }));
    await until(() => terminal.requests('Purchase').length > 0);
    await closed(client, clock);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect((await entriesOf(store)).get('17').isRunning).toBe(false);
    expect(terminal.connection.goodbye.data.string_code).toBe('CONNECTION_CLOSED');
  });
});
