import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { jsonpos } from '../../src/dialect/jsonpos/dialect.ts';
import { Journal } from '../../src/store/journal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { entryFile, openJournal } from '../store/journal-kit.ts';
import { turn, until } from './journal-kit.ts';
import { type Bench, bench, purchase } from './kit.ts';

/** The journal behind whole connections: what registers and applications see. */

const ID = Journal.idOf('', '17', '["1"]');
/** What is in the folder of transactions. */
const entriesIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.entry'));
const check = (id: string, params: object = {}) => ({
  id,
  method: 'Check',
  params: { receipt_id: '17', sequence_id: 1, ...params },
});

let terminals = 0;
const kept: Bench[] = [];

/** A till: any number of connections to one terminal, each as its own process would be, on one journal. */
async function till() {
  terminals += 1;
  const terminal = `simulator:?delay=${90_000 + terminals}`;
  const { journal, folder } = await openJournal(undefined, { clock: new FakeClock() });
  const connect = async (more: Parameters<typeof bench>[0] = {}) => {
    const one = await bench({ journal, terminal, ...more });
    kept.push(one); // or the garbage collector lets its entries go
    return one;
  };
  return { journal, folder, connect };
}

/** The clock stands still: limits of a session must not pass while a disk is slow. */
const answered = ({ register }: Bench, id: string) => until(() => register.answerTo(id) !== undefined);
/** Lets time pass slowly, for what waits for a timer. */
async function passSlowly({ clock }: Bench, isSo: () => boolean, stepMs = 100): Promise<void> {
  while (!isSo()) {
    clock.advance(stepMs);
    for (let turns = 0; turns < 100 && !isSo(); turns += 1) await turn();
  }
}
/** Whoever looks may be in the way: it is tried again a second later. */
async function storedResult({ clock }: Bench, journal: Journal): Promise<void> {
  for (;;) {
    clock.advance(1000);
    for (let turns = 0; turns < 100; turns += 1) await turn();
    const lookup = await journal.lookup(ID);
    if (lookup.state === 'done' && lookup.done.kind === 'result') return;
  }
}
const codeIn = ({ register }: Bench, id: string) => register.answerTo(id).error.data.string_code;

describe('a purchase', () => {
  test('is on the disk before the application has it, and its outcome before the register has that', async () => {
    const { connect, journal, folder } = await till();
    const one = await connect();
    one.register.send(purchase('a', { track2: '4111111111111111=2512', note: 'x' }));
    await until(() => one.app.requests('Purchase').length === 1);
    expect(await journal.lookup(ID)).toMatchObject({ state: 'running' });
    const written = readFileSync(entryFile(folder, ID), 'utf8');
    expect(JSON.parse(written.slice(9))).toEqual({
      state: 'sent',
      version: 2,
      register: '',
      identity: { receipt_id: '17', sequence_id: '1' },
      params: '{"receipt_id":17,"sequence_id":"1"}',
      place: expect.stringMatching(/^simulator:/),
      method: 'Purchase',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      channel: 'payment',
      connection: one.app.requests('Purchase')[0].connection,
      pid: 4711,
      amount: '1230',
      currency: 'EUR',
      time: '2030-01-01T00:00:00.000Z',
    });
    expect(written).not.toContain('4111');
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await until(() => one.register.answerTo('a') !== undefined);
    expect(await journal.lookup(ID)).toMatchObject({
      state: 'done',
      done: { kind: 'result', text: '{"n":1}' },
    });
  });

  test('is refused before anything is handed over when it cannot be recorded, and the connection lives on', async () => {
    const { connect, folder } = await till();
    const one = await connect();
    const obstacle = path.join(folder, 'compare.key'); // where a file has to be
    mkdirSync(obstacle);
    one.register.send(purchase('a'));
    await until(() => one.register.answerTo('a') !== undefined);
    expect(one.register.answerTo('a').error).toMatchObject({
      code: 1,
      data: { string_code: 'JOURNAL_UNAVAILABLE' },
    });
    expect(one.app.requests('Purchase')).toEqual([]);
    rmdirSync(obstacle);
    one.register.send(purchase('b'));
    await until(() => one.app.requests('Purchase').length === 1);
  });

  test('that was charged is not answered when it is repeated while the folder is gone: "refused" would be untrue', async () => {
    const { connect, folder } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await answered(one, 'a');
    const two = await connect();
    renameSync(folder, `${folder}.away`);
    two.register.send(purchase('b'));
    await until(() => two.register.closeReason !== undefined);
    renameSync(`${folder}.away`, folder);
    expect(two.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(two.register.answerTo('b')).toBeUndefined();
    expect(two.app.requests('Purchase')).toEqual([]);
  });

  test('whose entry cannot be read is not answered: OUTCOME_UNKNOWN, and Check says the same', async () => {
    const { connect, folder } = await till();
    const [one, two] = [await connect(), await connect()];
    mkdirSync(entryFile(folder, ID));
    one.register.send(purchase('a'));
    await until(() => one.register.closeReason !== undefined);
    expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(one.register.answerTo('a')).toBeUndefined();
    two.register.send(check('c'));
    await answered(two, 'c');
    expect(codeIn(two, 'c')).toBe('OUTCOME_UNKNOWN');
    expect([...one.app.requests('Purchase'), ...two.app.requests('Check')]).toEqual([]);
  });

  test.each([
    [{ receipt_id: undefined }],
    [{ sequence_id: true }],
    [{ receipt_id: null }],
    [{ sequence_id: [1] }],
  ])('without usable identifiers (%j) is JSONRPC_INVALID_PARAMS, and so is its Check', async (params) => {
    const { connect, folder } = await till();
    const one = await connect();
    one.register.send(purchase('a', params));
    one.register.send(check('c', params));
    await until(() => one.register.answerTo('a') !== undefined && one.register.answerTo('c') !== undefined);
    expect(codeIn(one, 'a')).toBe('JSONRPC_INVALID_PARAMS');
    expect(one.app.requests('Purchase')).toEqual([]);
    expect(one.app.requests('Check')).toEqual([]);
    expect(entriesIn(folder)).toEqual([]);
  });

  test('that no application takes leaves no trace, and its identifiers are free', async () => {
    const { connect, folder } = await till();
    const one = await connect();
    one.app.die();
    await turn();
    one.register.send(purchase('a'));
    await answered(one, 'a');
    expect(codeIn(one, 'a')).toMatch(/^CHANNEL_/);
    expect(entriesIn(folder)).toEqual([]);
    one.app.isThere = true;
    const two = await connect();
    two.register.send(purchase('b'));
    await until(() => two.app.requests('Purchase').length === 1);
  });

  test('whose register is gone before it was recorded is not handed over, and leaves no trace', async () => {
    const { connect, folder } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    one.register.vanish();
    await until(() => one.end.value !== undefined);
    expect(one.app.requests('Purchase')).toEqual([]);
    expect(entriesIn(folder)).toEqual([]);
  });

  test('that the application refuses before it begins leaves no trace, and its identifiers are free', async () => {
    const { connect, folder } = await till();
    const one = await connect();
    for (const [index, code] of ['BUSY', 'JSONRPC_INVALID_PARAMS'].entries()) {
      one.register.send(purchase(code));
      await until(() => one.app.requests('Purchase').length === index + 1);
      one.app.fail(one.app.requests('Purchase')[index], code);
      await answered(one, code);
      expect(codeIn(one, code)).toBe(code);
      expect(readdirSync(folder).filter((name) => name.endsWith('.entry'))).toEqual([]);
    }
    one.register.send(purchase('corrected', { amount: 500 }));
    await until(() => one.app.requests('Purchase').length === 3);
    one.app.answer(one.app.requests('Purchase')[2], { n: 1 });
    await answered(one, 'corrected');
    expect(one.register.answerTo('corrected').result).toEqual({ n: 1 });
    expect(one.app.requests('Check')).toEqual([]);
  });

  test('with a code of no declared meaning is asked about first; a bridge that comes after a crash believes the same code', async () => {
    const { connect, journal } = await till();
    const one = await connect({ outcomeWaitMs: 20_000 });
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.fail(one.app.requests('Purchase')[0], 'PRINTER_FAILED');
    await passSlowly(one, () => one.app.requests('Check').length === 1, 1);
    expect(one.register.answerTo('a')).toBeUndefined();
    await passSlowly(one, () => one.register.closeReason !== undefined, 1000);
    expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    for (;;) if ((await journal.lookup(ID)).state === 'unresolved') break;
    const two = await connect();
    two.register.send(check('c1'));
    await until(() => two.app.requests('Check').length === 1);
    two.app.fail(two.app.requests('Check')[0], 'PAPER_OUT');
    await answered(two, 'c1');
    expect(codeIn(two, 'c1')).toBe('OUTCOME_UNKNOWN');
    two.register.send(check('c2'));
    await until(() => two.app.requests('Check').length === 2);
    two.app.fail(two.app.requests('Check')[1], 'PRINTER_FAILED');
    await answered(two, 'c2');
    expect(codeIn(two, 'c2')).toBe('PRINTER_FAILED');
    expect(await journal.lookup(ID)).toMatchObject({ state: 'done' });
  });

  test('with DUPLICATE_TRANSACTION and no word to Check: the same Purchase later does not get the result of the earlier sale', async () => {
    const { connect, journal } = await till();
    const one = await connect({ outcomeWaitMs: 20_000 });
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.fail(one.app.requests('Purchase')[0], 'DUPLICATE_TRANSACTION');
    await passSlowly(one, () => one.app.requests('Check').length === 1, 1);
    await passSlowly(one, () => one.register.closeReason !== undefined, 1000);
    expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    for (;;) if ((await journal.lookup(ID)).state === 'unresolved') break;
    const two = await connect();
    two.register.send(purchase('b'));
    await until(() => two.app.requests('Check').length === 1);
    two.app.answer(two.app.requests('Check')[0], { amount: 500, currency: 'EUR' });
    await answered(two, 'b');
    expect(codeIn(two, 'b')).toBe('DUPLICATE_TRANSACTION');
    expect(two.register.answerTo('b').error.data.details).toMatch(/asked about at \S+, charged$/);
  });
});

describe('the same identifiers again', () => {
  test('on a wire that the stored answer does not fit are answered with nothing but OUTCOME_UNKNOWN', async () => {
    const { connect } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.answer(one.app.requests('Purchase')[0], { text: 'x'.repeat(20_000) });
    await answered(one, 'a');
    const narrow = { maxFrameBytes: 16_384, keepalive: 'off', sync: false } as const;
    const two = await connect({ protocol: narrow });
    two.register.send(purchase('b'));
    await until(() => two.register.closeReason !== undefined);
    expect(two.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(two.register.answerTo('b')).toBeUndefined();
    const three = await connect({ protocol: narrow });
    three.register.send(check('c'));
    await answered(three, 'c');
    expect(codeIn(three, 'c')).toBe('OUTCOME_UNKNOWN');
  });

  test.each([
    ['numbers as text', { receipt_id: '17', sequence_id: 1, amount: '1230' }],
    ['other params', { receipt_id: 17, note: 'again' }],
  ])('with %s get the stored answer, and the application nothing', async (_, params) => {
    const { connect } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.answer(one.app.requests('Purchase')[0], { n: 1, text: 'ü' });
    await answered(one, 'a');
    const two = await connect();
    two.register.send(purchase('b', params));
    await answered(two, 'b');
    expect(two.register.answerTo('b').result).toEqual({ n: 1, text: 'ü' });
    expect(two.app.requests('Purchase')).toEqual([]);
    two.register.send(check('c'));
    await answered(two, 'c');
    expect(two.register.answerTo('c')).toMatchObject({ response_to: 'Check', result: { n: 1, text: 'ü' } });
    expect(two.app.requests('Check')).toEqual([]);
  });

  test.each([
    ['another amount', { amount: 1231 }],
    ['the amount written differently', { amount: 1230.5 }],
    ['another currency', { currency: 'SEK' }],
  ])('with %s are DUPLICATE_TRANSACTION, and the terminal stays free', async (_, params) => {
    const { connect } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await answered(one, 'a');
    one.register.send(purchase('b', params));
    await answered(one, 'b');
    expect(one.register.answerTo('b').error.data).toEqual({
      string_code: 'DUPLICATE_TRANSACTION',
      details:
        'these identifiers were used: the first was a Purchase of 1230 EUR at 2030-01-01T00:00:00.000Z, charged',
      display_message: 'already paid 12.30 EUR at 2030-01-01 00:00 UTC',
    });
    one.register.send(purchase('c', { receipt_id: 18 }));
    await until(() => one.app.requests('Purchase').length === 2);
  });

  test('of another register are another purchase', async () => {
    const { connect } = await till();
    const [one, two] = [await connect({ register: 'till-1' }), await connect({ register: 'till-2' })];
    for (const { register, app } of [one, two]) {
      register.send(purchase('a'));
      await until(() => app.requests('Purchase').length === 1);
      app.answer(app.requests('Purchase')[0], { n: 1 });
      await until(() => register.answerTo('a') !== undefined);
    }
  });

  test('while the first is running wait for it on another connection, where others are BUSY at once', async () => {
    const { connect } = await till();
    const [one, two] = [await connect(), await connect()];
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    two.register.send(purchase('b'));
    two.register.send(purchase('other', { receipt_id: 18 }));
    two.register.send(check('c'));
    await until(
      () => two.register.answerTo('other') !== undefined && two.register.answerTo('c') !== undefined,
    );
    expect(codeIn(two, 'other')).toBe('BUSY');
    expect(two.register.answerTo('other').error.data.details).toMatch(
      /^a transaction of memory\.\S+ .* since 2030-/,
    );
    expect(codeIn(two, 'c')).toBe('TRANSACTION_ACTIVE');
    await passSlowly(two, () => two.clock.nowMs() > 300_000, 1000);
    expect(two.register.answerTo('b')).toBeUndefined();
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await answered(one, 'a');
    await passSlowly(two, () => two.register.answerTo('b') !== undefined);
    expect(two.register.answerTo('b').result).toEqual({ n: 1 });
    expect(two.app.requests('Purchase')).toEqual([]);
  });
});

describe('at stop', () => {
  test('a repetition of a running purchase hears nothing, a Check and a new purchase are answered', async () => {
    const { connect } = await till();
    const [one, two] = [await connect(), await connect()];
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    two.register.send(purchase('before'));
    await until(() => two.clock.timerCount > 0);
    two.bridge.stop();
    two.register.send(purchase('b'));
    two.register.send(check('c'));
    two.register.send(purchase('new', { receipt_id: 18 }));
    await until(() => two.register.answerTo('c') !== undefined && two.register.answerTo('new') !== undefined);
    expect(codeIn(two, 'c')).toBe('TRANSACTION_ACTIVE');
    expect(codeIn(two, 'new')).toMatch(/^(BUSY|CHANNEL_UNAVAILABLE)$/);
    await passSlowly(two, () => two.register.closeReason !== undefined, 250);
    expect(two.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    for (const id of ['before', 'b']) expect(two.register.answerTo(id)).toBeUndefined();
  });

  test('a repetition of an ended purchase gets the stored answer, a new one is CHANNEL_UNAVAILABLE and leaves no trace', async () => {
    const { connect, journal, folder } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await answered(one, 'a');
    for (;;) if ((await journal.lookup(ID)).state === 'done') break;
    const [two, three] = [await connect(), await connect()];
    // Something open keeps them from saying goodbye at once.
    for (const { register } of [two, three]) register.send({ id: 's', method: 'Status', params: {} });
    await until(() => two.app.requests('Status').length + three.app.requests('Status').length === 2);
    two.bridge.stop();
    three.bridge.stop();
    two.register.send(purchase('b'));
    three.register.send(purchase('new', { receipt_id: 18 }));
    await until(
      () => two.register.answerTo('b') !== undefined && three.register.answerTo('new') !== undefined,
    );
    expect(two.register.answerTo('b').result).toEqual({ n: 1 });
    expect(codeIn(three, 'new')).toBe('CHANNEL_UNAVAILABLE');
    expect(readdirSync(folder).filter((name) => name.endsWith('.entry'))).toHaveLength(1);
  });
});

describe('answers to one purchase', () => {
  test('the first is recorded and given, whatever is said while the disk works', async () => {
    const { connect, journal } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    const [request] = one.app.requests('Purchase');
    one.app.answer(request, { n: 1 });
    one.app.fail(request, 'DECLINED');
    one.app.answer(request, { n: 2 });
    await answered(one, 'a');
    expect(one.register.answerTo('a').result).toEqual({ n: 1 });
    expect(await journal.lookup(ID)).toMatchObject({ done: { text: '{"n":1}' } });
  });

  test('a result after "not charged" was told contradicts it: Check gives the result from then on', async () => {
    const { connect, journal } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.fail(one.app.requests('Purchase')[0], 'DECLINED');
    await answered(one, 'a');
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await storedResult(one, journal);
    one.register.send(check('c'));
    await answered(one, 'c');
    expect(one.register.answerTo('c').result).toEqual({ n: 1 });
  });

  test.each(['BUSY', 'CHANNEL_UNAVAILABLE', 'JSONRPC_INVALID_PARAMS'])(
    'a result after %s contradicts it, with what was asked for, although a refusal leaves no entry',
    async (code) => {
      const { connect, journal, folder } = await till();
      const one = await connect();
      one.register.send(purchase('a'));
      await until(() => one.app.requests('Purchase').length === 1);
      one.app.fail(one.app.requests('Purchase')[0], code);
      await answered(one, 'a');
      expect(codeIn(one, 'a')).toBe(code);
      expect(entriesIn(folder)).toEqual([]);
      one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
      while ((await journal.lookup(ID)).state !== 'done') await turn();
      one.register.send(check('c'));
      await answered(one, 'c');
      expect(one.register.answerTo('c').result).toEqual({ n: 1 });
      expect(await journal.lookup(ID)).toMatchObject({
        sent: { state: 'sent', method: 'Purchase', amount: '1230', currency: 'EUR', channel: 'payment' },
        done: { kind: 'result' },
        contradicted: { kind: 'error', text: expect.stringContaining(code) },
      });
      const two = await connect();
      two.register.send(purchase('b', { amount: 1231 }));
      await answered(two, 'b');
      expect(codeIn(two, 'b')).toBe('DUPLICATE_TRANSACTION');
      expect(two.register.answerTo('b').error.data.details).toMatch(/Purchase of 1230 EUR at \S+, charged$/);
    },
  );

  test('a result after BUSY contradicts it, with what was asked for, also where an absence was recorded meanwhile', async () => {
    const { connect, journal } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.fail(one.app.requests('Purchase')[0], 'BUSY');
    await answered(one, 'a');
    one.register.send(check('c'));
    await until(() => one.app.requests('Check').length === 1);
    one.app.fail(one.app.requests('Check')[0], 'TRANSACTION_NOT_FOUND');
    await answered(one, 'c');
    expect(codeIn(one, 'c')).toBe('TRANSACTION_NOT_FOUND');
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await storedResult(one, journal);
    expect(await journal.lookup(ID)).toMatchObject({
      sent: {
        method: 'Purchase',
        amount: '1230',
        currency: 'EUR',
        place: expect.stringMatching(/^simulator:/),
      },
      contradicted: { kind: 'error', text: expect.stringContaining('TRANSACTION_NOT_FOUND') },
    });
    one.register.send(check('d'));
    await answered(one, 'd');
    expect(one.register.answerTo('d').result).toEqual({ n: 1 });
  });

  test('after DUPLICATE_TRANSACTION the other sale is what Check gives, and no Purchase ever gets its result', async () => {
    const { connect } = await till();
    const one = await connect();
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.fail(one.app.requests('Purchase')[0], 'DUPLICATE_TRANSACTION');
    await passSlowly(one, () => one.app.requests('Check').length === 1, 1);
    one.app.answer(one.app.requests('Check')[0], { n: 1 });
    await answered(one, 'a');
    expect(codeIn(one, 'a')).toBe('DUPLICATE_TRANSACTION');
    const two = await connect();
    two.register.send(check('c'));
    two.register.send(purchase('b'));
    await until(() => two.register.answerTo('c') !== undefined && two.register.answerTo('b') !== undefined);
    expect(two.register.answerTo('c').result).toEqual({ n: 1 });
    expect(codeIn(two, 'b')).toBe('DUPLICATE_TRANSACTION');
  });

  test('that a dialect knows to be no outcome leave the entry unresolved; what it knows to be a refusal leaves none', async () => {
    const { connect, journal } = await till();
    const judge = ({ kind, text }: { kind: string; text: Buffer }) =>
      kind === 'result' ? 'outcome' : text.includes('BUSY') ? 'refused' : 'nothing';
    const dialect = { ...jsonpos, transactions: { ...jsonpos.transactions, recovery: undefined, judge } };
    const one = await connect({ dialect });
    for (const [index, [code, state]] of [
      ['NO', 'unresolved'] as const,
      ['BUSY', 'none'] as const,
    ].entries()) {
      one.register.send(purchase(code));
      await until(() => one.app.requests('Purchase').length === index + 1);
      one.app.fail(one.app.requests('Purchase')[index], code);
      await answered(one, code);
      expect(codeIn(one, code)).toBe(code);
      for (;;) if ((await journal.lookup(ID)).state !== 'running') break;
      expect((await journal.lookup(ID)).state).toBe(state);
    }
  });
});

describe('a register that goes away in mid-purchase', () => {
  test('leaves it running: a new connection hears TRANSACTION_ACTIVE, then the outcome', async () => {
    const { connect } = await till();
    const [one, two] = [await connect(), await connect()];
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.register.vanish();
    two.register.send(check('c1'));
    await answered(two, 'c1');
    expect(codeIn(two, 'c1')).toBe('TRANSACTION_ACTIVE');
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await until(() => one.end.value !== undefined);
    expect(one.end.value).toBe('ended');
    two.register.send(check('c2'));
    await answered(two, 'c2');
    expect(two.register.answerTo('c2').result).toEqual({ n: 1 });
    expect(two.app.requests('Check')).toEqual([]);
  });
});

describe('a bridge that gives up', () => {
  test('leaves it unresolved; whoever is asked next asks the application and remembers', async () => {
    const { connect, journal } = await till();
    const one = await connect({ outcomeWaitMs: 10_000 });
    one.register.send(purchase('a'));
    await until(() => one.app.requests('Purchase').length === 1);
    one.app.die();
    await passSlowly(one, () => one.register.closeReason !== undefined, 250);
    expect(one.register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    for (;;) if ((await journal.lookup(ID)).state === 'unresolved') break;
    const two = await connect();
    two.register.send(check('c'));
    await until(() => two.app.requests('Check').length === 1);
    two.app.fail(two.app.requests('Check')[0], 'DECLINED');
    await answered(two, 'c');
    expect(codeIn(two, 'c')).toBe('DECLINED');
    expect(await journal.lookup(ID)).toMatchObject({ state: 'done' });
  });
});

describe('Check of what never came', () => {
  test('is TRANSACTION_NOT_FOUND, and the purchase that comes late is refused', async () => {
    const { connect, folder } = await till();
    const one = await connect();
    one.register.send(check('c'));
    await until(() => one.app.requests('Check').length === 1);
    one.app.fail(one.app.requests('Check')[0], 'TRANSACTION_NOT_FOUND');
    await answered(one, 'c');
    expect(codeIn(one, 'c')).toBe('TRANSACTION_NOT_FOUND');
    expect(existsSync(entryFile(folder, ID))).toBe(true);
    one.register.send(purchase('a'));
    await answered(one, 'a');
    expect(codeIn(one, 'a')).toBe('DUPLICATE_TRANSACTION');
    expect(one.app.requests('Purchase')).toEqual([]);
  });

  test('is OUTCOME_UNKNOWN when nobody is there to be asked', async () => {
    const { connect, folder } = await till();
    const one = await connect();
    one.app.die();
    await turn();
    one.register.send(check('c'));
    await answered(one, 'c');
    expect(codeIn(one, 'c')).toBe('OUTCOME_UNKNOWN');
    expect(entriesIn(folder)).toEqual([]);
  });
});

test('an answer with card secrets goes to the register as it is; Check gives it without them', async () => {
  const { connect } = await till();
  const one = await connect();
  one.register.send(purchase('a'));
  await until(() => one.app.requests('Purchase').length === 1);
  const full = { amount: 1230, track2: '4111111111111111=2512', card: { cvv: '123', scheme: 'x' } };
  one.app.answer(one.app.requests('Purchase')[0], full);
  await answered(one, 'a');
  expect(one.register.answerTo('a').result).toEqual(full);
  one.register.send(check('c'));
  await answered(one, 'c');
  expect(one.register.answerTo('c').result).toEqual({ amount: 1230, card: { scheme: 'x' } });
});

test('a card number in the place of a currency, and track data in that of an amount, are not stored', async () => {
  const { connect, folder } = await till();
  const one = await connect();
  const track = ';4111111111111111=25121010000012345678?';
  one.register.send(purchase('a', { currency: '4111111111111111', amount: track }));
  await until(() => one.app.requests('Purchase').length === 1);
  expect(one.app.requests('Purchase')[0].params).toMatchObject({
    currency: '4111111111111111',
    amount: track,
  });
  expect(readFileSync(entryFile(folder, ID), 'utf8')).not.toContain('4111111111');
});
