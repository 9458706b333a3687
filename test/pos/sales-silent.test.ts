import { describe, expect, test } from 'vitest';
import type { PosClientOptions } from '../../src/pos/pos-options.ts';
import {
  type Any,
  approval,
  entriesOf,
  type PlayedConnection,
  type PosBench,
  pass,
  passUntil,
  posBench,
  rest,
  until,
  type Watched,
  watch,
} from './kit.ts';

/** A terminal that lives, for it answers keepalives, and does not answer the sale. */

const SALE = { amountMinor: 1230, currency: 'EUR', receiptId: 17 };

type Answer = (request: Any, connection: PlayedConnection, number: number) => void;

interface Silence extends PosBench {
  readonly sale: Watched<Any>;
  /** When Checks came, since the Purchase. */
  readonly askedMs: number[];
  /** Answers the Purchase. */
  readonly tell: (how: (purchase: Any, connection: PlayedConnection) => void) => void;
}

/** A sale that has been sent, and whose answer does not come. `check` answers the Checks, the first one is number 1. */
async function silence(check: Answer, options: Partial<PosClientOptions> = {}): Promise<Silence> {
  const bench = await posBench(options);
  const { client, terminal, clock } = bench;
  const askedMs: number[] = [];
  let sentMs = 0;
  const carried: { purchase: Any; connection: PlayedConnection }[] = [];
  terminal.on('Purchase', (purchase, connection) => {
    sentMs = clock.nowMs();
    carried.push({ purchase, connection });
  });
  terminal.on('Check', (request, connection) => {
    askedMs.push(clock.nowMs() - sentMs);
    check(request, connection, askedMs.length);
  });
  const sale = watch(client.purchase(SALE));
  await until(() => carried.length > 0);
  return {
    ...bench,
    sale,
    askedMs,
    tell: (how) => {
      for (const { purchase, connection } of carried) how(purchase, connection);
    },
  };
}

const says =
  (...codes: string[]): Answer =>
  (request, connection, number) =>
    connection.fail(request, codes[number - 1] ?? codes.at(-1) ?? '');
const notFound = says('TRANSACTION_NOT_FOUND');

describe('a terminal that lives and does not answer the sale', () => {
  test('is asked every minute, on the same connection, until it has a result', async () => {
    const { sale, clock, askedMs, terminal, events } = await silence((request, connection, number) => {
      if (number < 3) connection.fail(request, 'TRANSACTION_ACTIVE');
      else connection.answer(request, { found: true });
    });
    await passUntil(clock, () => sale.isSettled, 1000);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { found: true }, isRecorded: true });
    expect(askedMs).toEqual([60_000, 120_000, 180_000]);
    expect([terminal.connections.length, terminal.requests('Purchase').length]).toEqual([1, 1]);
    expect(terminal.requests('Check')[0].params).toEqual({ receipt_id: 17, sequence_id: 1 });
    const steps = events.filter(([name]) => name === 'progress').map(([, { step }]) => step);
    expect(steps).toEqual(['recorded', 'connected', 'sent', 'decided']);
  });

  test('is asked where its answer came under an id that nobody has used', async () => {
    const { sale, clock, tell } = await silence((request, connection) =>
      connection.answer(request, { found: true }),
    );
    tell((purchase, connection) => connection.send({ id: 'another', result: approval(purchase) }));
    await passUntil(clock, () => sale.isSettled, 1000);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { found: true } });
  });

  test.each(['DECLINED', 'CANCELLED'])('and says %s to Check ends the sale', async (code) => {
    const { sale, clock } = await silence(says(code));
    await passUntil(clock, () => sale.isSettled, 1000);
    expect(sale.value).toMatchObject({ outcome: code.toLowerCase(), reason: { code } });
  });

  test('and then does answer it is believed, whatever it has said to Check', async () => {
    const { sale, clock, askedMs, tell } = await silence(notFound);
    await pass(clock, 150_000, 1000);
    tell((purchase, connection) => connection.answer(purchase, approval(purchase)));
    await until(() => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { transaction_id: 'T-1' } });
    await pass(clock, 120_000, 1000);
    expect(askedMs).toEqual([60_000, 120_000]);
  });

  test('may say as often as it likes that it does not know the sale: it may be carrying it out', async () => {
    const { sale, clock, askedMs, store } = await silence(notFound, { outcomeWaitMs: 3_600_000 });
    await passUntil(clock, () => sale.isSettled, 5000);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN', sale: { receiptId: '17' } });
    expect(askedMs).toHaveLength(59);
    expect((await entriesOf(store)).get('17').done).toBeUndefined();
  });

  test('and has not known the sale counts for nothing when the connection is lost: it is asked twice anew', async () => {
    const { sale, clock, askedMs, tell } = await silence(notFound);
    await passUntil(clock, () => askedMs.length === 2, 1000);
    tell((_, connection) => connection.vanish());
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'not-reached' });
    const urgent = askedMs.slice(2);
    expect((urgent.at(-1) ?? 0) - (urgent[0] ?? 0)).toBe(5000);
  });

  test('and says so late, after an answer that is no outcome, counts for nothing either', async () => {
    const late: (() => void)[] = [];
    const { sale, clock, askedMs, tell } = await silence((request, connection, number) => {
      if (number === 1) late.push(() => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
      else if (number === 2) connection.fail(request, 'TRANSACTION_NOT_FOUND');
      else connection.answer(request, { found: true });
    });
    await passUntil(clock, () => askedMs.length === 1, 1000);
    await pass(clock, 10_000);
    tell((purchase, connection) => connection.fail(purchase, 'TIMEOUT'));
    await until(() => askedMs.length === 2);
    for (const answer of late) answer();
    await rest();
    expect(sale.isSettled).toBe(false);
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { found: true } });
  });

  test('and is asked before it answers with an error counts with what it then says to that question', async () => {
    const held: (() => void)[] = [];
    const { sale, clock, tell } = await silence((request, connection, number) => {
      if (number === 1) held.push(() => connection.fail(request, 'PRINTER_FAILED'));
    });
    await passUntil(clock, () => held.length === 1, 1000);
    tell((purchase, connection) => connection.fail(purchase, 'PRINTER_FAILED'));
    await rest();
    for (const answer of held) answer();
    await until(() => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'declined', reason: { code: 'PRINTER_FAILED' } });
  });

  test('with a code that nobody has declared is asked again, and the log names what would make it an outcome', async () => {
    const { sale, clock, lines, askedMs } = await silence(says('PAPER_OUT'), { outcomeWaitMs: 200_000 });
    await passUntil(clock, () => sale.isSettled, 1000);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(askedMs).toEqual([60_000, 120_000, 180_000]);
    expect(lines.filter((line) => line.includes('--outcome PAPER_OUT'))).toHaveLength(1);
  });

  test('nor Check either is asked every minute all the same, and a late answer counts', async () => {
    const checks: [Any, PlayedConnection][] = [];
    const { sale, clock, askedMs } = await silence((request, connection) =>
      checks.push([request, connection]),
    );
    await passUntil(clock, () => checks.length === 12, 1000);
    const [first] = checks;
    first?.[1].answer(first[0], { first: true });
    await until(() => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'approved', result: { first: true } });
    expect(askedMs.at(-1)).toBe(720_000);
  });

  test('is not asked where the answer comes within the minute', async () => {
    const { sale, clock, askedMs, tell } = await silence(notFound);
    await pass(clock, 59_000, 1000);
    tell((purchase, connection) => connection.answer(purchase, approval(purchase)));
    await until(() => sale.isSettled);
    await pass(clock, 120_000, 1000);
    expect([sale.value.outcome, askedMs]).toEqual(['approved', []]);
  });
});

describe('a result of Check that does not fit, while the sale is not answered', () => {
  const other: Answer = (request, connection) => connection.answer(request, { amount: 500, currency: 'EUR' });

  test('does not keep the terminal from answering the sale itself', async () => {
    const { sale, clock, askedMs, tell } = await silence(other);
    await passUntil(clock, () => askedMs.length === 2, 1000);
    tell((purchase, connection) => connection.fail(purchase, 'DECLINED'));
    await until(() => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'declined' });
  });

  test('is for a person when the time is over, and when the connection is lost', async () => {
    const waited = await silence(other, { outcomeWaitMs: 150_000 });
    await passUntil(waited.clock, () => waited.sale.isSettled, 1000);
    expect(waited.askedMs).toHaveLength(2);
    const lost = await silence(other);
    await passUntil(lost.clock, () => lost.askedMs.length === 1, 1000);
    lost.tell((_, connection) => connection.vanish());
    await passUntil(lost.clock, () => lost.sale.isSettled);
    for (const { sale } of [waited, lost]) {
      expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
      expect(sale.fault.text).toContain('500 EUR');
      expect(sale.fault.text).toContain('settle the entry by hand');
    }
  });
});

test('a result that answers the sale after Check said "not charged" is logged as an error, and counts from then on', async () => {
  const { client, sale, clock, lines, store, tell } = await silence(says('DECLINED'));
  await passUntil(clock, () => sale.isSettled, 1000);
  expect(sale.value).toMatchObject({ outcome: 'declined' });
  tell((purchase, connection) => connection.answer(purchase, approval(purchase)));
  await rest();
  expect(lines.filter((line) => line.includes('IT IS CHARGED'))).toHaveLength(1);
  expect(await client.check(17)).toMatchObject({ outcome: 'approved', result: { transaction_id: 'T-1' } });
  expect((await entriesOf(store)).get('17').contradicted).toMatchObject({ kind: 'error' });
});

describe('a terminal that has answered the sale with no outcome', () => {
  test('and then leaves four Checks unanswered is asked every minute, not never', async () => {
    const { sale, clock, askedMs, tell } = await silence(() => {}, { outcomeWaitMs: 300_000 });
    tell((purchase, connection) => connection.fail(purchase, 'TIMEOUT'));
    await passUntil(clock, () => sale.isSettled, 500);
    expect(sale.fault).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(askedMs).toEqual([0, 1000, 3000, 8000, 68_000, 128_000, 188_000, 248_000]);
  });

  test('and then answers again is asked every 5 s again', async () => {
    const checks: [Any, PlayedConnection][] = [];
    const { sale, clock, askedMs, tell } = await silence((request, connection, number) => {
      if (number <= 4) checks.push([request, connection]);
      else connection.fail(request, number < 8 ? 'OUTCOME_UNKNOWN' : 'DECLINED');
    });
    tell((purchase, connection) => connection.fail(purchase, 'TIMEOUT'));
    await passUntil(clock, () => checks.length === 4);
    await pass(clock, 20_000);
    for (const [request, connection] of checks) connection.fail(request, 'OUTCOME_UNKNOWN');
    await passUntil(clock, () => sale.isSettled);
    expect(sale.value).toMatchObject({ outcome: 'declined' });
    expect(askedMs.slice(4)).toEqual([28_000, 33_000, 38_000, 43_000]);
  });
});
