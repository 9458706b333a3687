import { beforeEach, describe, expect, test } from 'vitest';
import { Statistics } from '../../src/base/statistics.ts';
import { SpeechWatch, type SpeechWatchOptions } from '../../src/bridge/speech-watch.ts';
import { findDialect } from '../../src/dialect/registry.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { bench, pass, purchase, settle } from './kit.ts';

const watch = (options: SpeechWatchOptions) => new SpeechWatch(options);
const BEGINNING = '0003fff6:{';

describe('a peer that is slow with a message', () => {
  let clock: FakeClock;
  let statistics: Statistics;
  let speech: { isInsideMessage: boolean; messagesHeard: number };
  let isBusy: boolean;
  let slow: string[];
  let watched: SpeechWatch;

  beforeEach(() => {
    clock = new FakeClock();
    statistics = new Statistics();
    speech = { isInsideMessage: false, messagesHeard: 0 };
    isBusy = false;
    slow = [];
    watched = new SpeechWatch({
      ...{ clock, statistics, speech },
      isKnown: false,
      isBusy: () => isBusy,
      tooSlow: (why) => slow.push(why),
    });
  });

  /** So many bytes every second, inside one message. */
  const send = (bytesPerS: number, seconds: number) => {
    speech.isInsideMessage = true;
    for (let second = 0; second < seconds; second += 1) {
      watched.came(bytesPerS);
      clock.advance(1000);
    }
  };

  test('a byte now and then ends after twenty seconds', () => {
    send(1, 19);
    expect(slow).toEqual([]);
    send(1, 2);
    expect(slow).toEqual([expect.stringMatching(/^a message came too slowly: 2[01] bytes in 20 s$/)]);
    expect(statistics.counts['slow messages']).toBe(1);
    expect(clock.timerCount).toBe(0);
  });

  test('1000 bytes a second are enough, for as long as it takes', () => {
    send(1000, 600);
    expect(slow).toEqual([]);
    send(0, 600);
    expect(slow).toHaveLength(1);
  });

  test('a line of 1200 bit/s has twenty seconds for each message', () => {
    for (let message = 0; message < 20; message += 1) {
      send(120, 15);
      speech.messagesHeard += 1;
    }
    expect(slow).toEqual([]);
  });

  test('what is between messages may take its time', () => {
    send(1, 5);
    speech.isInsideMessage = false;
    watched.came(1);
    clock.advance(3_600_000);
    expect(slow).toEqual([]);
  });

  test('it stays while something of it is open', () => {
    isBusy = true;
    send(1, 300);
    expect(slow).toEqual([]);
    isBusy = false;
    send(1, 30);
    expect(slow).toHaveLength(1);
  });

  test('the time in which nothing of it was read does not count', () => {
    send(1, 15);
    watched.resumed();
    send(1, 15);
    expect(slow).toEqual([]);
  });
});

describe('on a connection', () => {
  test('a register that sends a byte every ten seconds hears why it is cut off', async () => {
    const { register, clock, end } = await bench({ watch });
    register.send({ id: 'k', method: '_Keepalive', params: {} });
    for (const byte of [BEGINNING, ' ', ' ', ' ']) {
      register.sendBytes(byte);
      await pass(clock, 10_000);
    }
    expect(register.closeReason.data.details).toContain('too slowly');
    expect(end.value).toBe('broken');
  });

  test('a register whose purchase is running is never cut off', async () => {
    const { register, app, clock, end } = await bench({ watch });
    register.send(purchase('p'));
    await settle();
    for (const byte of [BEGINNING, ...Array(12).fill(' ')]) {
      register.sendBytes(byte);
      await pass(clock, 10_000);
    }
    expect(end.value).toBeUndefined();
    app.answer(app.requests('Purchase')[0], { approved: true });
    await settle();
    expect(register.answerTo('p').result).toEqual({ approved: true });
  });

  test.each([
    ['jsonpos', BEGINNING],
    ['ecr-eft', '\x0206023132\x1cT1'],
    ['nexo', '\0\0\x01\0{"SaleToPOIRequest"'],
    ['sca', '<TRANSACTION><FUNCTION_TYPE>PAY'],
  ])('half a message of %s is cut off', async (name, half) => {
    const dialect = await findDialect(name)?.setUp({
      text: (option) => ({ currency: 'EUR', 'poi-id': 'poi' })[option],
      flag: () => false,
      isSimulated: false,
      environment: () => undefined,
      fault: (option, why) => new Error(`${option}: ${why}`),
    });
    if (dialect === undefined) throw new Error(`there is no dialect ${name}`);
    const { register, clock, statistics, end } = await bench({ watch, dialect, lock: 'none' });
    register.sendBytes(half);
    await pass(clock, 19_000);
    expect(end.value).toBeUndefined();
    await pass(clock, 5000);
    expect(statistics.counts['slow messages']).toBe(1);
    expect(register.closed).toBe(true);
    expect(end.value).toBeDefined();
  });

  test('without a watch, as one process for each connection has it, nobody is cut off', async () => {
    const { register, clock, end } = await bench();
    for (const byte of [BEGINNING, ...Array(6).fill(' ')]) {
      register.sendBytes(byte);
      await pass(clock, 10_000);
    }
    expect(end.value).toBeUndefined();
  });
});
