import { describe, expect, test } from 'vitest';
import { CANCELLED_CODES, DECLINED_CODES, REFUSED_CODES, UNKNOWN_CODES } from '../../src/rpc/outcome.ts';
import { type Any, type Bench, bench, pass, purchase } from './kit.ts';

/**
 * The table "Outcomes" of docs/errors.md, row by row, on a bridge without a journal and with an application that lives.
 */

const OUTCOMES = [...CANCELLED_CODES, ...DECLINED_CODES];
const UNKNOWN = [...UNKNOWN_CODES, 'JSONRPC_INVALID_REQUEST', 'JSONRPC_SOMETHING', 'TRANSACTION_ACTIVE'];

function error(stringCode: string, more: object = {}): Any {
  return { code: 1, message: stringCode, data: { string_code: stringCode, details: stringCode, ...more } };
}

/** What is due happens, and what comes of it. */
const soon = ({ clock }: Bench) => pass(clock, 1);

/** A Purchase that the application has. */
async function bought(more: Parameters<typeof bench>[0] = {}): Promise<Bench & { request: Any }> {
  const one = await bench(more);
  one.register.send(purchase('p'));
  await soon(one);
  return { ...one, request: one.app.requests('Purchase')[0] };
}

const say = ({ app }: Bench, request: Any, answer: object) =>
  app.send({ connection: request.connection, id: request.id, ...answer });
const told = ({ register }: Bench) =>
  register.answerTo('p')?.error?.data.string_code ?? register.answerTo('p')?.result;
const lastCheck = ({ app }: Bench) => app.requests('Check').at(-1);

/** Answers every open Check in this way for a while. */
async function checksSay(one: Bench, answer: object, ms: number): Promise<void> {
  const answered = new Set<string>();
  for (let passed = 0; passed < ms; passed += 250) {
    for (const check of one.app.requests('Check')) {
      if (!answered.has(check.id)) say(one, check, answer);
      answered.add(check.id);
    }
    await pass(one.clock, 250);
  }
}

describe('said to the transaction itself', () => {
  test('a result is given', async () => {
    const one = await bought();
    say(one, one.request, { result: { n: 1 } });
    await soon(one);
    expect(told(one)).toEqual({ n: 1 });
    expect(one.app.requests('Check')).toEqual([]);
  });

  test.each([
    ...OUTCOMES.map((code) => [code, error(code)]),
    ['any code with data.outcome "not-charged"', error('PRINTER_FAILED', { outcome: 'not-charged' })],
    ['even TIMEOUT with it', error('TIMEOUT', { outcome: 'not-charged' })],
    ['a code that the operator declares', error('KAPUTT')],
  ])('%s is given: not charged', async (_, said) => {
    const one = await bought({ outcomeCodes: new Set(['KAPUTT']) });
    say(one, one.request, { error: said });
    await soon(one);
    expect(told(one)).toBe(said.data.string_code);
    expect(one.app.requests('Check')).toEqual([]);
  });

  test.each([...REFUSED_CODES])('%s is passed on, and the same identifiers may come again', async (code) => {
    const one = await bought();
    say(one, one.request, { error: error(code) });
    await soon(one);
    expect(told(one)).toBe(code);
    one.register.send(purchase('again'));
    await soon(one);
    expect(one.app.requests('Purchase')).toHaveLength(2);
    expect(one.app.requests('Check')).toEqual([]);
  });

  test.each([
    ...UNKNOWN.map((code) => [code, error(code)]),
    ['TRANSACTION_NOT_FOUND', error('TRANSACTION_NOT_FOUND')],
    ['DUPLICATE_TRANSACTION', error('DUPLICATE_TRANSACTION')],
    ['a code that nobody has declared', error('PRINTER_FAILED')],
    ['an outcome with data.outcome "unknown"', error('DECLINED', { outcome: 'unknown' })],
  ])('%s is nothing: the application is asked before the register hears anything', async (_, said) => {
    const one = await bought();
    say(one, one.request, { error: said });
    await soon(one);
    expect(told(one)).toBeUndefined();
    expect(one.app.requests('Check')).toHaveLength(1);
    say(one, one.request, { error: said }); // said twice it is no more
    await soon(one);
    expect(told(one)).toBeUndefined();
    const isDuplicate = said.data.string_code === 'DUPLICATE_TRANSACTION';
    say(one, lastCheck(one), { result: { n: 1 } });
    await soon(one);
    expect(told(one)).toEqual(isDuplicate ? 'DUPLICATE_TRANSACTION' : { n: 1 });
  });

  test('after DUPLICATE_TRANSACTION the register hears what is known of the other sale', async () => {
    const details = async (answer: object) => {
      const one = await bought();
      say(one, one.request, { error: error('DUPLICATE_TRANSACTION') });
      await pass(one.clock, 250);
      await checksSay(one, answer, 12_000);
      const { error: heard } = one.register.answerTo('p');
      expect(heard.data.string_code).toBe('DUPLICATE_TRANSACTION');
      return heard.data.details;
    };
    expect(await details({ result: {} })).toMatch(/already paid/);
    expect(await details({ error: error('DECLINED') })).toMatch(/not charged/);
    expect(await details({ error: error('TRANSACTION_NOT_FOUND') })).toMatch(/knows no sale/);
  });
});

describe('said to a Check', () => {
  const asked = async (direct: object, more: Parameters<typeof bench>[0] = {}) => {
    const one = await bought(more);
    say(one, one.request, { error: direct });
    await soon(one);
    return one;
  };

  test.each<[string, object, unknown]>([
    ['a result', { result: { n: 1 } }, { n: 1 }],
    ...OUTCOMES.map((code): [string, object, unknown] => [code, { error: error(code) }, code]),
    ['data.outcome "not-charged"', { error: error('X', { outcome: 'not-charged' }) }, 'X'],
    ['a declared code', { error: error('KAPUTT') }, 'KAPUTT'],
    ['the code that the transaction itself got', { error: error('PRINTER_FAILED') }, 'PRINTER_FAILED'],
  ])('%s is final', async (_, answer, heard) => {
    const one = await asked(error('PRINTER_FAILED'), { outcomeCodes: new Set(['KAPUTT']) });
    say(one, lastCheck(one), answer);
    await soon(one);
    expect(told(one)).toEqual(heard);
  });

  test.each([
    ...[...REFUSED_CODES, ...UNKNOWN].map((code) => [code, error(code)]),
    ['DUPLICATE_TRANSACTION', error('DUPLICATE_TRANSACTION')],
    ['another code than the transaction itself got', error('PAPER_OUT')],
    ['an outcome with data.outcome "unknown"', error('DECLINED', { outcome: 'unknown' })],
  ])('%s is nothing, however often, and the end is OUTCOME_UNKNOWN', async (_, said) => {
    const one = await asked(error('PRINTER_FAILED'), { outcomeWaitMs: 30_000 });
    await checksSay(one, { error: said }, 29_000);
    expect(told(one)).toBeUndefined();
    expect(one.register.closeReason).toBeUndefined();
    expect(one.app.requests('Check').length).toBeGreaterThan(
      said.data.string_code === 'TRANSACTION_ACTIVE' ? 0 : 5,
    );
    await checksSay(one, { error: said }, 130_000);
    expect(told(one)).toBeUndefined();
    if (said.data.string_code !== 'TRANSACTION_ACTIVE') {
      expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    }
  });

  test('TRANSACTION_NOT_FOUND is "not charged" when it is said twice, 5 s apart, after a readable answer', async () => {
    const one = await asked(error('TIMEOUT'));
    say(one, lastCheck(one), { error: error('TRANSACTION_NOT_FOUND') });
    await pass(one.clock, 4750);
    expect(one.app.requests('Check')).toHaveLength(1);
    await pass(one.clock, 500);
    expect(told(one)).toBeUndefined();
    say(one, lastCheck(one), { error: error('TRANSACTION_NOT_FOUND') });
    await soon(one);
    expect(told(one)).toBe('TRANSACTION_NOT_FOUND');
  });

  test('TRANSACTION_NOT_FOUND of an application that has the purchase proves nothing: it is approved a minute later', async () => {
    const one = await bought();
    one.app.send('Segmentation fault (core dumped)');
    await soon(one);
    expect(one.app.requests('Check')).toHaveLength(1);
    await checksSay(one, { error: error('TRANSACTION_NOT_FOUND') }, 60_000);
    expect(told(one)).toBeUndefined();
    say(one, one.request, { result: { n: 1 } });
    await soon(one);
    expect(told(one)).toEqual({ n: 1 });
  });

  test('TRANSACTION_NOT_FOUND counts only --not-found-after later', async () => {
    const one = await asked(error('TIMEOUT'), { notFoundAfterMs: 60_000 });
    await checksSay(one, { error: error('TRANSACTION_NOT_FOUND') }, 59_000);
    expect(told(one)).toBeUndefined();
    await checksSay(one, { error: error('TRANSACTION_NOT_FOUND') }, 8000);
    expect(told(one)).toBe('TRANSACTION_NOT_FOUND');
  });

  test.each([
    ['receipt_id', { receipt_id: '18' }],
    ['currency', { receipt_id: '17', currency: 'SEK' }],
    ['amount, without a journal', { amount: 500, currency: 'eur' }],
  ])('a result with another %s is one of another sale: unknown', async (_, result) => {
    const one = await asked(error('TIMEOUT'), { outcomeWaitMs: 20_000 });
    await checksSay(one, { result }, 19_000);
    expect(told(one)).toBeUndefined();
    await pass(one.clock, 2000);
    expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
  });

  test('a result that names the same by value is believed', async () => {
    const one = await asked(error('TIMEOUT'));
    say(one, lastCheck(one), { result: { receipt_id: '17', amount: 1.23e3, currency: 'eur' } });
    await soon(one);
    expect(told(one)).toMatchObject({ receipt_id: '17' });
  });
});

describe('an answer that could not be taken', () => {
  const lines = (id: string): [string, string | Buffer][] => [
    ['rubbish', 'hello'],
    ['a batch', `[{"jsonrpc":"2.0","id":"${id}","result":{}}]`],
    ['NaN', `{"jsonrpc":"2.0","id":"${id}","result":{"n":NaN}}`],
    ['a result that is a list', `{"jsonrpc":"2.0","id":"${id}","result":[1]}`],
    ['an error that is none', `{"jsonrpc":"2.0","id":"${id}","error":{"code":"x"}}`],
    ['nested too deep', `{"jsonrpc":"2.0","id":"${id}","result":{"a":${'['.repeat(100)}${']'.repeat(100)}}}`],
    ['too large for a frame', `{"jsonrpc":"2.0","id":"${id}","result":{"a":"${'x'.repeat(300_000)}"}}`],
    ['too long a line', `{"jsonrpc":"2.0","id":"${id}","result":{"a":"${'x'.repeat(1_100_000)}"}}`],
    ['under an id that nobody has', '{"jsonrpc":"2.0","id":"other","result":{}}'],
    ['for a connection that is gone', `{"connection":"x","jsonrpc":"2.0","id":"${id}","result":{}}`],
    ['without an id', '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"eh?"}}'],
  ];

  test.each(lines('ID').map(([what]) => what))('(%s) has the application asked at once', async (what) => {
    const one = await bought();
    const [, line = ''] = lines(one.request.id).find(([name]) => name === what) ?? [];
    one.app.send(String(line));
    for (let turns = 0; turns < 5; turns += 1) await soon(one); // a long line comes in many pieces
    expect(one.app.requests('Check')).toHaveLength(1);
    expect(told(one)).toBeUndefined();
    one.app.answer(lastCheck(one), { n: 1 });
    await soon(one);
    expect(told(one)).toEqual({ n: 1 });
  });

  test('and was none, as TRANSACTION_ACTIVE says: nothing ends the purchase but its answer', async () => {
    const one = await bought({ outcomeWaitMs: 30_000 });
    one.app.send('a line of the log');
    await soon(one);
    one.app.fail(lastCheck(one), 'TRANSACTION_ACTIVE');
    await pass(one.clock, 600_000);
    expect(one.register.closeReason).toBeUndefined();
    one.app.answer(one.request, { n: 1 });
    await soon(one);
    expect(told(one)).toEqual({ n: 1 });
  });

  test.each([...REFUSED_CODES])(
    'and was none, as TRANSACTION_ACTIVE says: %s after that may be said of a second try, and ends nothing',
    async (code) => {
      const one = await bought();
      one.app.send('rubbish');
      await soon(one);
      one.app.fail(lastCheck(one), 'TRANSACTION_ACTIVE');
      await soon(one);
      say(one, one.request, { error: error(code) });
      await pass(one.clock, 6000);
      expect(told(one)).toBeUndefined();
      expect(one.app.requests('Check')).toHaveLength(2);
      one.app.answer(lastCheck(one), { n: 1 });
      await soon(one);
      expect(told(one)).toEqual({ n: 1 });
    },
  );

  test('of an application that then is silent: it is asked every minute, and --outcome-wait counts from that answer', async () => {
    const one = await bought({ outcomeWaitMs: 150_000 });
    one.app.send('rubbish');
    await pass(one.clock, 149_000);
    expect(one.app.requests('Check')).toHaveLength(3);
    expect(one.register.closeReason).toBeUndefined();
    await pass(one.clock, 2000);
    expect(told(one)).toBeUndefined();
    expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
  });

  test('to every question as well: it is not asked without end', async () => {
    const one = await bought();
    let answered = 0;
    one.app.send('rubbish');
    for (let ms = 0; ms < 60_000; ms += 250) {
      await pass(one.clock, 250);
      const checks = one.app.requests('Check');
      for (; answered < checks.length; answered += 1) {
        one.app.send('rubbish');
        one.app.fail(checks[answered], 'TRANSACTION_ACTIVE');
        one.app.send('rubbish');
      }
    }
    expect(one.app.requests('Check').length).toBeLessThan(30);
  });
});

test('an application that is silent is asked every minute, and silence never ends the purchase', async () => {
  const one = await bought();
  await pass(one.clock, 59_000);
  expect(one.app.requests('Check')).toEqual([]);
  await pass(one.clock, 2 * 3_600_000 - 59_000);
  expect(one.app.requests('Check')).toHaveLength(120);
  expect(one.register.closeReason).toBeUndefined();
  one.app.answer(one.request, { n: 1 });
  await soon(one);
  expect(told(one)).toEqual({ n: 1 });
});

test('a question carries the api_key of the purchase, else the one that the operator gave', async () => {
  const params = async (own: object, carried: Record<string, string> = {}) => {
    const one = await bench({ carried });
    one.register.send(purchase('p', own));
    await soon(one);
    one.app.send('rubbish');
    await soon(one);
    return lastCheck(one).params;
  };
  const identity = { receipt_id: 17, sequence_id: '1' };
  expect(await params({ api_key: 'k' }, { api_key: '"other"' })).toEqual({ ...identity, api_key: 'k' });
  expect(await params({}, { api_key: '"other"' })).toEqual({ ...identity, api_key: 'other' });
  expect(await params({})).toEqual(identity);
});

test('a result that comes after "not charged" was told ends nothing', async () => {
  const one = await bought();
  one.app.fail(one.request, 'DECLINED');
  one.register.send(purchase('q', { receipt_id: 18 }));
  await soon(one);
  one.app.answer(one.request, { n: 1 });
  await soon(one);
  expect(told(one)).toBe('DECLINED');
  expect(one.register.answerTo('q')).toBeUndefined();
  expect(one.register.messages.filter(({ id }) => id === 'p')).toHaveLength(1);
});
