import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Bridge } from '../../src/bridge/bridge.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { openJournal } from '../store/journal-kit.ts';
import { until } from './journal-kit.ts';
import { type Bench, bench, benchParts, pass, purchase, settle, WireRegister } from './kit.ts';

/** A bridge on a stream that is synchronised by `_Sync`. */

const FILLER = '\n'.repeat(64);
const protocol = { maxFrameBytes: 262_134, keepalive: 'off', sync: true } as const;
const check = (id: string) => ({ id, method: 'Check', params: { receipt_id: 17, sequence_id: '1' } });

async function begin({ register }: Bench, id: string): Promise<void> {
  register.sendBytes(FILLER);
  register.send({ id, method: '_Sync', params: {} });
  await settle();
}

describe('a register on a synchronised stream', () => {
  test('is not there for the applications before its first _Sync', async () => {
    const one = await bench({ protocol });
    one.register.send(purchase('stale'));
    one.register.sendBytes('rubbish');
    await settle();
    expect(one.app.lines).toEqual([]);
    await begin(one, 's');
    expect(one.app.lines.map(({ method }) => method)).toEqual(['_Connected']);
    expect(one.register.messages).toMatchObject([{ id: 's', result: {} }]);
    one.register.send(purchase('p'));
    await settle();
    expect(one.app.requests('Purchase')).toHaveLength(1);
  });

  test('that begins anew is another connection; what the old one was asked goes nowhere', async () => {
    const one = await bench({ protocol });
    const { app, register } = one;
    await begin(one, '1');
    app.send({ id: 7, method: 'Ask' });
    register.send({ id: 'a', method: 'Status', params: {} });
    await settle();
    await begin(one, '2');
    const [first, second] = app.lines
      .filter(({ method }) => method === '_Connected')
      .map(({ params }) => params.connection);
    expect(first).not.toBe(second);
    expect(app.requests('_Disconnected')).toMatchObject([{ connection: first, params: { pending: [] } }]);
    expect(app.lines.find(({ id }) => id === 7).error.data.string_code).toBe('CONNECTION_CLOSED');
    app.answer(app.requests('Status')[0], { late: true });
    register.send({ id: 'b', method: 'Status', params: {} });
    await settle();
    app.answer(app.requests('Status')[1], { late: false });
    await settle();
    expect(register.answerTo('a')).toBeUndefined();
    expect(register.answerTo('b').result).toEqual({ late: false });
  });

  test('gets a goodbye for a broken frame, and nothing that was still queued for it', async () => {
    const one = await bench({ protocol });
    const { app, register, end } = one;
    await begin(one, '1');
    register.pause();
    for (let n = 0; n < 100; n += 1) app.send({ method: 'Note', params: { n, text: 'x'.repeat(10_000) } });
    await settle();
    register.sendBytes('rubbish');
    await settle();
    register.resume();
    await settle();
    const notes = register.messages.filter(({ method }) => method === 'Note');
    expect(notes.length).toBeLessThan(5);
    expect(register.closeReason.data.string_code).toBe('JSONRPC_PARSE_ERROR');
    await begin(one, '2');
    expect(register.answerTo('2').result).toEqual({});
    expect(end.value).toBeUndefined();
  });
});

describe('a transaction of a register that began anew', () => {
  test('before it was recorded is not handed over, and the terminal is free', async () => {
    const { journal } = await openJournal(undefined, { clock: new FakeClock() });
    const one = await bench({ protocol, journal });
    const { app, register } = one;
    await begin(one, '1');
    register.send(purchase('p'));
    register.sendBytes(FILLER);
    register.send({ id: '2', method: '_Sync', params: {} });
    await until(() => register.answerTo('2') !== undefined);
    for (let n = 3; app.requests('Purchase').length === 0; n += 1) {
      register.send(purchase(`q${n}`, { receipt_id: n }));
      await until(() => register.answerTo(`q${n}`) !== undefined || app.requests('Purchase').length > 0);
      // Until the journal has said what became of the first the terminal may still be taken.
      expect(n).toBeLessThan(2000);
      await sleep(10); // the disk may take its time
    }
    expect(app.requests('Purchase')[0].params.receipt_id).not.toBe(17);
  });

  test('is awaited; Check finds its outcome, and the application is asked once', async () => {
    const { journal } = await openJournal(undefined, { clock: new FakeClock() });
    const one = await bench({ protocol, journal });
    const { app, register } = one;
    await begin(one, '1');
    register.send(purchase('p'));
    await until(() => app.requests('Purchase').length === 1);
    await begin(one, '2');
    await until(() => app.requests('_Connected').length === 2);
    expect(app.requests('_Disconnected')).toMatchObject([
      { params: { pending: [app.requests('Purchase')[0].id] } },
    ]);

    register.send(check('c1'));
    await until(() => register.answerTo('c1') !== undefined);
    expect(register.answerTo('c1').error.data.string_code).toBe('TRANSACTION_ACTIVE');

    app.answer(app.requests('Purchase')[0], { approved: true });
    await settle();
    for (let asked = 2; ; asked += 1) {
      register.send(check(`c${asked}`));
      await until(() => register.answerTo(`c${asked}`) !== undefined);
      const { result, error } = register.answerTo(`c${asked}`);
      if (error?.data.string_code === 'TRANSACTION_ACTIVE') continue; // the disk is not done yet
      expect(result).toEqual({ approved: true });
      break;
    }
    expect(register.answerTo('p')).toBeUndefined();
    expect([app.requests('Purchase').length, app.requests('Check').length]).toEqual([1, 0]);
  });

  test('without a journal: the application knows', async () => {
    const one = await bench({ protocol });
    const { app, register } = one;
    await begin(one, '1');
    register.send(purchase('p'));
    await settle();
    await begin(one, '2');
    app.answer(app.requests('Purchase')[0], { approved: true });
    register.send(check('c'));
    await settle();
    app.answer(app.requests('Check')[0], { approved: true });
    await settle();
    expect(register.answerTo('c').result).toEqual({ approved: true });
  });
});

describe('the end', () => {
  test('a stop while nothing is synchronised ends at once', async () => {
    const one = await bench({ protocol });
    one.register.sendBytes('rubbish');
    await settle();
    one.bridge.stop();
    await settle();
    expect(one.register.ended).toBe(true);
    await pass(one.clock, 2000);
    expect(one.end.value).toBe('ended');
    expect(one.clock.timerCount).toBe(0);
  });

  test('a stop in a conversation says goodbye', async () => {
    const one = await bench({ protocol });
    await begin(one, '1');
    one.bridge.stop();
    await pass(one.clock, 2000);
    expect(one.register.closeReason.data.string_code).toBe('CONNECTION_CLOSED');
    expect(one.end.value).toBe('ended');
  });

  test('a stop while the outcome of an old connection is awaited takes less than 5 s', async () => {
    const one = await bench({ protocol });
    await begin(one, '1');
    one.register.send(purchase('p'));
    await settle();
    one.register.sendBytes('\n');
    await settle();
    one.bridge.stop();
    await pass(one.clock, 4900);
    expect(one.end.value).toBe('unknown');
  });

  test('a stop reaches a register that synchronises just then', async () => {
    const one = await bench({ protocol });
    await begin(one, '1');
    one.register.send({ id: 'a', method: 'Status', params: {} });
    await settle();
    one.bridge.stop();
    await begin(one, '2');
    await pass(one.clock, 2000);
    expect(one.end.value).toBe('ended');
  });

  test('end of input while nothing is synchronised', async () => {
    const one = await bench({ protocol });
    one.register.sendBytes('rubbish');
    one.register.endOutput();
    await settle();
    expect([one.register.ended, one.end.value]).toEqual([true, 'ended']);
  });

  test('a lost wire while nothing is synchronised', async () => {
    const one = await bench({ protocol });
    one.register.vanish();
    await settle();
    expect(one.end.value).toBe('ended');
  });
});

test('a bridge that is stopped before it speaks says goodbye and ends', async () => {
  const { clock, context, options } = benchParts();
  const [ours, theirs] = memoryWirePair();
  const bridge = await Bridge.open(theirs, options, context);
  bridge.stop();
  const end = bridge.run();
  const register = new WireRegister(ours);
  await pass(clock, 2000);
  expect(register.closeReason.data.string_code).toBe('CONNECTION_CLOSED');
  expect(await end).toBe('ended');
});
