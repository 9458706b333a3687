import { expect, test } from 'vitest';
import { writeMemo } from '../../src/api/memo.ts';
import { SaleBook } from '../../src/api/sale-book.ts';
import type { SaleStore } from '../../src/pos/sale-store.ts';
import { type SentRecord, VERSION } from '../../src/store/journal-record.ts';

const memoOf = (id: string) => ({
  ...{ terminal: 'counter', by: undefined, reference: undefined, request: 'request' },
  ...{ idempotency: `key ${id}`, at: '2030-01-01T00:00:00.000Z' },
});
const sentOf = (id: string): SentRecord => ({
  ...{ state: 'sent', version: VERSION, register: '', method: 'Purchase', amount: '1230', currency: 'EUR' },
  ...{ identity: { receipt_id: id, sequence_id: '1' }, time: memoOf(id).at, memo: writeMemo(memoOf(id)) },
});
const storedOf = (id: string) => ({
  sent: sentOf(id),
  memo: memoOf(id),
  done: undefined,
  isContradicted: false,
});

test('an unknown sale has its reason, also when it is read again from the store', async () => {
  const store = {
    entries: async function* () {},
    lookup: async ({ receiptId }: { receiptId: string }) => ({
      state: 'unresolved',
      sent: sentOf(receiptId),
    }),
  } as unknown as SaleStore;
  const book = await SaleBook.load(store, () => ({ state: 'pending' }));
  const reason = { code: 'OUTCOME_UNKNOWN', message: 'nobody could tell' };
  const sale = book.put(storedOf('first'), { state: 'unknown', reason });
  const told = book.known('first')?.text;
  for (let at = 0; at < 5000; at += 1) book.put(storedOf(`other ${at}`), { state: 'pending' });
  expect(book.known('first')).toBeUndefined();
  expect((await book.whole(sale))?.text).toBe(told);
  expect(told).toContain('nobody could tell');
});

test('a sale whose clock was set back before it ended is as new as its beginning', async () => {
  const store = { entries: async function* () {} } as unknown as SaleStore;
  const book = await SaleBook.load(store, () => ({ state: 'pending' }));
  const done = { state: 'done', kind: 'result', text: '{}', time: '2029-12-31T23:05:00.000Z' } as const;
  book.put({ ...storedOf('first'), done }, { state: 'pending' });
  const told = (since: string) => book.changesSince(since).map(({ isBegin, time }) => ({ isBegin, time }));
  const both = [true, false].map((isBegin) => ({ isBegin, time: '2030-01-01T00:00:00.000Z' }));
  expect(told('2029-12-31T23:00:00.000Z')).toEqual(both);
  expect(told('2029-12-31T23:30:00.000Z')).toEqual(both);
  expect(told('2030-01-01T00:30:00.000Z')).toEqual([]);
});
