import { describe, expect, test } from 'vitest';
import { approval, entriesOf, PlayedTerminal, pass, posBench, settle, watch } from './kit.ts';

const SALE = { amountMinor: 1230, currency: 'EUR' };

/** A terminal that approves everything. */
const willing = () =>
  new PlayedTerminal()
    .on('Purchase', (request, connection) => connection.answer(request, approval(request)))
    .on('Reversal', (request, connection) => connection.answer(request, approval(request)));

describe('a reversal', () => {
  test('has a receipt of its own, and names what it undoes', async () => {
    const { client, terminal } = await posBench({ terminal: willing(), apiKey: 'key' });
    const reversed = await client.reverse({
      ...SALE,
      receiptId: 18,
      originalReceiptId: 17,
      originalSequenceId: 3,
    });
    expect(reversed).toMatchObject({
      outcome: 'approved',
      method: 'Reversal',
      receiptId: '18',
      sequenceId: '1',
    });
    expect(terminal.requests('Reversal')[0].params).toEqual({
      api_key: 'key',
      receipt_id: 18,
      sequence_id: 1,
      amount: 1230,
      currency: 'EUR',
      original_receipt_id: 17,
      original_sequence_id: 3,
    });
  });

  test('finds the sequence of what it undoes in the store, and leaves it out where there is none', async () => {
    const { client, terminal } = await posBench({ terminal: willing() });
    const { receiptId } = await client.purchase({ ...SALE, sequenceId: 7 });
    await client.purchase({ ...SALE, receiptId: 90, sequenceId: null });
    await client.reverse({ ...SALE, originalReceiptId: receiptId });
    await client.reverse({ ...SALE, originalReceiptId: 90 });
    await client.reverse({ ...SALE, originalReceiptId: 'elsewhere' });
    await client.reverse({ ...SALE, originalReceiptId: receiptId, originalSequenceId: null });
    const sequences = terminal.requests('Reversal').map(({ params }) => params.original_sequence_id);
    expect(sequences).toEqual([7, undefined, undefined, undefined]);
  });

  test('of one of several sales of a receipt wants to know of which, and begins nothing', async () => {
    const { client, terminal, store } = await posBench({ terminal: willing() });
    for (const sequenceId of [1, 2]) await client.purchase({ ...SALE, receiptId: 17, sequenceId });
    await expect(client.reverse({ ...SALE, originalReceiptId: 17 })).rejects.toThrow(RangeError);
    expect(terminal.requests('Reversal')).toEqual([]);
    expect((await entriesOf(store)).size).toBe(1);
    const { outcome } = await client.reverse({ ...SALE, originalReceiptId: 17, originalSequenceId: 2 });
    expect(outcome).toBe('approved');
  });

  test('that is refused is declined', async () => {
    const terminal = new PlayedTerminal().on('Reversal', (request, connection) =>
      connection.fail(request, 'REVERSAL_REFUSED', { outcome: 'not-charged' }),
    );
    const { client } = await posBench({ terminal });
    const refused = await client.reverse({ ...SALE, originalReceiptId: 17 });
    expect(refused).toMatchObject({ outcome: 'declined', reason: { code: 'REVERSAL_REFUSED' } });
  });

  test('whose answer is lost is asked for by its own identifiers, and sent once', async () => {
    const terminal = new PlayedTerminal()
      .on('Reversal', (_request, connection) => connection.vanish())
      .on('Check', (request, connection) => connection.answer(request, { amount: 1230, currency: 'EUR' }));
    const { client, clock } = await posBench({ terminal });
    const reversed = watch(client.reverse({ ...SALE, receiptId: 18, originalReceiptId: 17 }));
    await pass(clock, 2000);
    expect(reversed.value).toMatchObject({ outcome: 'approved', method: 'Reversal' });
    expect(terminal.requests('Reversal')).toHaveLength(1);
    expect(terminal.requests('Check')[0].params).toEqual({ receipt_id: 18, sequence_id: 1 });
  });

  test.each([
    [{ originalReceiptId: '' }, 'originalReceiptId'],
    [{ originalReceiptId: 17, originalSequenceId: '' }, 'originalSequenceId'],
    [{ originalReceiptId: 17, extra: { original_receipt_id: 3 } }, 'extra'],
  ])('of %j is refused', async (more, name) => {
    const { client, terminal } = await posBench({ terminal: willing() });
    await expect(client.reverse({ ...SALE, ...more })).rejects.toThrow(name);
    expect(terminal.connections).toEqual([]);
  });

  test('is never a plain call', async () => {
    const { client } = await posBench();
    await expect(client.call('Reversal')).rejects.toThrow('reverse()');
  });
});

describe('totals', () => {
  const REPORT = {
    period: 3,
    closed: true,
    totals: [{ method: 'Purchase', card_scheme: 'Visa', currency: 'EUR', count: 2, amount: 2460 }],
    last_closed: { period: 2, totals: [] },
  };

  test('are read, and a period is closed only by whoever says so', async () => {
    const terminal = new PlayedTerminal().on('Totals', (request, connection) =>
      connection.answer(request, REPORT),
    );
    const { client } = await posBench({ terminal });
    const totals = await client.totals({ close: true });
    await client.totals({ close: false });
    await client.totals();
    expect(totals).toMatchObject({
      period: 3,
      closed: true,
      lines: [{ method: 'Purchase', cardScheme: 'Visa', currency: 'EUR', count: 2, amountMinor: 2460 }],
      lastClosed: { period: 2, lines: [] },
    });
    expect(terminal.requests('Totals').map(({ params }) => params)).toEqual([{ close: true }, {}, {}]);
  });

  test.each([
    [{}, { period: undefined, closed: false, lines: [], lastClosed: undefined }],
    [
      { totals: [5, null, {}], closed: 'yes', period: '3' },
      { period: undefined, closed: false, lines: [{}, {}, {}] },
    ],
    [{ totals: [{ amount: 1e300, count: 1.5 }] }, { lines: [{ amountMinor: undefined, count: undefined }] }],
  ])('of a terminal that says %j are no other numbers', async (report, read) => {
    const terminal = new PlayedTerminal().on('Totals', (request, connection) =>
      connection.answer(request, report),
    );
    const { client } = await posBench({ terminal });
    expect(await client.totals()).toMatchObject(read);
    await settle();
  });
});
