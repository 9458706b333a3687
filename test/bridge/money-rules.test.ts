import { afterEach, expect, test } from 'vitest';
import type { Dialect, TransactionRules } from '../../src/dialect/dialect.ts';
import { jsonpos } from '../../src/dialect/jsonpos/dialect.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { openJournal } from '../store/journal-kit.ts';
import { until } from './journal-kit.ts';
import { type Bench, type BenchOptions, bench, pass, purchase, settle } from './kit.ts';

/** What a dialect says of its money methods as data. */

const withoutCheck: TransactionRules = { ...jsonpos.transactions, recovery: undefined };

function withRules(rules: Partial<TransactionRules>): Dialect {
  return { ...jsonpos, transactions: { ...withoutCheck, ...rules } };
}

const kept: Bench[] = [];
afterEach(() => kept.splice(0));

/** Any number of peers before one terminal, on one journal. */
async function site(rules: Partial<TransactionRules>) {
  const { journal } = await openJournal(undefined, { clock: new FakeClock() });
  const connect = async (identity: string, more: BenchOptions = {}) => {
    const peer = { text: '127.0.0.1', identity };
    const one = await bench({ journal, dialect: withRules(rules), peer, ...more });
    kept.push(one); // or the garbage collector lets its entries go
    return one;
  };
  return { connect };
}

/** Lets the application answer the purchase that it has been given last, and waits for the register to have it. */
async function pay({ register, app }: Bench, id: string, result: object): Promise<void> {
  const before = app.requests('Purchase').length;
  register.send(purchase(id));
  await until(() => app.requests('Purchase').length > before);
  app.answer(app.requests('Purchase').at(-1), result);
  await until(() => register.answerTo(id) !== undefined);
}

test('identities are unique to one peer where the dialect scopes them so', async () => {
  const { connect } = await site({ scope: 'identity' });
  const [one, two, again] = [await connect('CP-1'), await connect('CP-2'), await connect('CP-1')];
  await pay(one, 'a', { n: 1 });
  await pay(two, 'b', { n: 2 });
  again.register.send(purchase('c'));
  await until(() => again.register.answerTo('c') !== undefined);
  expect(again.register.answerTo('c').result).toEqual({ n: 1 });
  expect(again.app.requests('Purchase')).toEqual([]);
});

test('without that scope they are unique to the terminal', async () => {
  const { connect } = await site({});
  const [one, two] = [await connect('CP-1'), await connect('CP-2')];
  await pay(one, 'a', { n: 1 });
  two.register.send(purchase('b'));
  await until(() => two.register.answerTo('b') !== undefined);
  expect(two.register.answerTo('b').result).toEqual({ n: 1 });
});

test('where the dialect tells peers apart by their identity, one without is refused before anybody hears of its sale', async () => {
  const { journal } = await openJournal(undefined, { clock: new FakeClock() });
  const dialect = { ...jsonpos, transactions: { ...jsonpos.transactions, scope: 'identity' as const } };
  for (const one of [await bench({ journal, dialect }), await bench({ dialect })]) {
    kept.push(one);
    one.register.send(purchase('a'));
    await until(() => one.register.answerTo('a') !== undefined);
    expect(one.register.answerTo('a').error.data).toEqual({
      string_code: 'JSONRPC_INVALID_PARAMS',
      details: 'transactions are told apart by who the peer is: it has no identity',
    });
    expect(one.app.requests('Purchase')).toEqual([]);
  }
});

test('a protocol without amounts records none, and does not compare what it does not name', async () => {
  const { journal } = await openJournal(undefined, { clock: new FakeClock() });
  const dialect = withRules({ amount: undefined, currency: undefined, isCompared: () => false });
  const one = await bench({ journal, dialect });
  const two = await bench({ journal, dialect });
  kept.push(one, two);
  await pay(one, 'a', { n: 1 });
  two.register.send(purchase('b', { amount: 99, currency: 'SEK' }));
  await until(() => two.register.answerTo('b') !== undefined);
  expect(two.register.answerTo('b').result).toEqual({ n: 1 });
});

test('a transaction without a Check ends with TIMEOUT when the peer waits no longer', async () => {
  const one = await bench({ dialect: withRules({ deadlineMs: 8000 }) });
  one.register.send(purchase('a'));
  await settle();
  expect(one.app.requests('Purchase')).toHaveLength(1);
  await pass(one.clock, 7999);
  expect(one.register.answerTo('a')).toBeUndefined();
  await pass(one.clock, 1);
  expect(one.register.answerTo('a').error.data.string_code).toBe('TIMEOUT');
  one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
  await settle();
  expect(one.register.messages.filter(({ id }) => id === 'a')).toHaveLength(1);
});

test('one with a Check is never answered by invention: the connection ends with OUTCOME_UNKNOWN', async () => {
  const dialect = { ...jsonpos, transactions: { ...jsonpos.transactions, deadlineMs: 8000 } };
  const one = await bench({ dialect });
  one.register.send(purchase('a'));
  await settle();
  await pass(one.clock, 8000);
  expect(one.register.answerTo('a')).toBeUndefined();
  expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
});

test('an answer in time ends the wait for good', async () => {
  const one = await bench({ dialect: withRules({ deadlineMs: 8000 }) });
  one.register.send(purchase('a'));
  await settle();
  one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
  await pass(one.clock, 20_000);
  expect(one.register.messages.filter(({ id }) => id === 'a')).toHaveLength(1);
  expect(one.register.answerTo('a').result).toEqual({ n: 1 });
});
