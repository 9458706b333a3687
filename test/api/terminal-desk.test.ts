import { expect, test } from 'vitest';
import { ChangeFeed } from '../../src/api/change-feed.ts';
import { writeMemo } from '../../src/api/memo.ts';
import { RunLog } from '../../src/api/run-log.ts';
import { SaleBook } from '../../src/api/sale-book.ts';
import { TerminalDesk } from '../../src/api/terminal-desk.ts';
import { deferred } from '../../src/base/deferred.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { PosClient } from '../../src/pos/pos-client.ts';
import { PosError } from '../../src/pos/pos-error.ts';
import type { SaleStore } from '../../src/pos/sale-store.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** What is ready happens. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

const MEMO = {
  ...{ terminal: 'counter', by: undefined, reference: undefined, idempotency: 'key', request: 'request' },
  at: '2030-01-01T00:00:00.000Z',
};
const SENT = {
  ...{ state: 'sent', version: 2, register: '', method: 'Purchase', amount: '1230', currency: 'EUR' },
  ...{ identity: { receipt_id: '1', sequence_id: '1' }, time: MEMO.at, memo: writeMemo(MEMO) },
};
const DONE = { state: 'done', kind: 'result', text: '{"charged":true}', time: '2030-01-01T00:01:00.000Z' };

test('an old read of the store never makes an ended sale unknown', async () => {
  const clock = new FakeClock();
  const lookups: ((found: object) => void)[] = [];
  const store = {
    entries: async function* () {},
    nextReceiptId: async () => '1',
    lookup: () => new Promise((resolve) => lookups.push(resolve)),
  } as unknown as SaleStore;
  const book = await SaleBook.load(store, () => ({ state: 'pending' }));
  let progress = (_: object) => {};
  const made = deferred<never>();
  const client = {
    connectionState: 'connected',
    on: (name: string, listener: (value: object) => void) => {
      if (name === 'progress') progress = listener;
    },
    purchase: () => made.promise,
    check: async () => ({ isRecorded: true }),
  } as unknown as PosClient;
  const desk = new TerminalDesk({
    ...{ name: 'counter', place: 'tcp:127.0.0.1:1', protocol: 'jsonpos', client, store, book, clock },
    ...{ feed: new ChangeFeed(new RunLog({ clock, log: silentLogger })), log: silentLogger },
  });
  const selling = desk.sell({ kind: 'purchase', amountMinor: 1230, currency: 'EUR', memo: MEMO });
  await settled();
  progress({ receiptId: '1', step: 'recorded' });
  expect((await selling).state).toBe('pending');
  made.reject(new PosError('OUTCOME_UNKNOWN', 'nobody could tell'));
  await desk.idle();
  // The first read finds no outcome, and takes its time; what the terminal tells meanwhile is read later.
  await settled();
  const [first, second] = lookups;
  second?.({ state: 'done', sent: SENT, done: DONE });
  await settled();
  first?.({ state: 'unresolved', sent: SENT });
  await settled();
  if (second === undefined) lookups[1]?.({ state: 'done', sent: SENT, done: DONE });
  await settled();
  expect(book.get('1')?.state).toBe('approved');
});
