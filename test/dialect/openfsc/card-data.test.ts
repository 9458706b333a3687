import { describe, expect, test } from 'vitest';
import { TransactionInfo } from '../../../src/dialect/openfsc/transaction-info.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { F1, F2, loggedIn, type SiteBench } from './kit.ts';

/** Card data is there for as long as somebody has to decide about the payment, and no longer. */

const PAN = '92873498723498792384';
const info = (bench: SiteBench, id = F1) => bench.receive(`* TRANSACTIONINFO ${id} PAN ${PAN}`);
const own = (code: string) =>
  Buffer.from(JSON.stringify({ code: 1, message: 'm', data: { string_code: code } }));

/** The transaction information of a CLEAR, and what is answered to it. */
function cleared(bench: SiteBench, answer: (request: SiteBench['connections'][0]) => void): unknown {
  bench.receive(`S1 CLEAR 3 x ${F1} pace`);
  const { transactionInfo } = bench.connection().last.json;
  answer(bench.connection());
  return transactionInfo;
}

describe('card data', () => {
  test.each(['CHANNEL_UNAVAILABLE', 'CHANNEL_CLOSED', 'BUSY', 'JOURNAL_UNAVAILABLE'])(
    'stays after %s, until the repeated request is answered with OK',
    (code) => {
      const bench = loggedIn();
      info(bench);
      const expected = { pan: PAN, mileage: 0 };
      for (let round = 0; round < 3; round += 1)
        expect(cleared(bench, ({ last }) => reply(last, 'error', own(code)))).toEqual(expected);
      expect(cleared(bench, (connection) => connection.error(500, 'no idea'))).toEqual(expected);
      expect(cleared(bench, (connection) => connection.result({}))).toEqual(expected);
      expect(cleared(bench, (connection) => connection.result({}))).toBeUndefined();
    },
  );

  test('stays after an answer that makes no sense', () => {
    const bench = loggedIn();
    info(bench);
    cleared(bench, ({ last }) => reply(last, 'error', own('INTERNAL_ERROR')));
    expect(cleared(bench, (connection) => connection.result({}))).toBeDefined();
  });

  test.each([403, 404, 410, 412])('is gone when the application has decided: %i', (code) => {
    const bench = loggedIn();
    info(bench);
    expect(cleared(bench, (connection) => connection.error(code, 'no'))).toBeDefined();
    expect(cleared(bench, (connection) => connection.result({}))).toBeUndefined();
  });

  test('that nobody decides about is gone ten minutes after it came', () => {
    const bench = loggedIn();
    info(bench);
    cleared(bench, ({ last }) => reply(last, 'error', own('CHANNEL_UNAVAILABLE')));
    bench.clock.advance(599_999);
    expect(cleared(bench, ({ last }) => reply(last, 'error', own('CHANNEL_UNAVAILABLE')))).toBeDefined();
    bench.clock.advance(1);
    expect(cleared(bench, (connection) => connection.result({}))).toBeUndefined();
  });

  test('is gone with the session', () => {
    const bench = loggedIn();
    info(bench);
    info(bench, F2);
    bench.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
    expect(bench.clock.timerCount).toBe(0);
  });

  test('that was not announced is dropped and counted', () => {
    const bench = loggedIn({ transactionInfo: false });
    info(bench);
    bench.receive(`S0 TRANSACTIONINFO ${F1} PAN ${PAN}`);
    expect(bench.lines()).toEqual(['S0 OK']);
    expect(cleared(bench, (connection) => connection.result({}))).toBeUndefined();
    expect(bench.statistics.snapshot()).toMatchObject({
      'transaction information that was not announced': 2,
    });
  });
});

test('every byte that is let go is overwritten first', () => {
  const filled: string[] = [];
  const { fill } = Buffer.prototype;
  Buffer.prototype.fill = function (this: Buffer, ...args: Parameters<typeof fill>) {
    filled.push(this.toString('latin1'));
    return fill.apply(this, args);
  } as typeof fill;
  try {
    const store = new TransactionInfo(new FakeClock());
    store.put(F1, 'PAN', PAN);
    store.put(F1, 'Mileage', '17');
    store.copy(F1)?.fill(0);
    store.wipe(F1);
  } finally {
    Buffer.prototype.fill = fill;
  }
  expect(filled).toEqual([`"pan":"${PAN}"`, '"mileage":17', `{"pan":"${PAN}","mileage":17}`, PAN, '17']);
});
