import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMinor } from '../../src/terminal/screen/web/amount.ts';
import { exchangesOf } from '../../src/terminal/screen/web/exchanges.ts';
import { gistOf } from '../../src/terminal/screen/web/gist.ts';
import { layOutJson } from '../../src/terminal/screen/web/json-tokens.ts';
import type { LoggedMessage } from '../../src/terminal/screen-model.ts';
import { ScriptedModel } from './screen-kit.ts';

describe('an amount', () => {
  test.each([
    [1230, 'EUR', '12.30 EUR'],
    [5, 'EUR', '0.05 EUR'],
    [0, 'EUR', '0.00 EUR'],
    [-150, 'EUR', '-1.50 EUR'],
    [1230, 'JPY', '1230 JPY'],
    [1230, 'KWD', '1.230 KWD'],
    [1230, 'nonsense', '12.30 nonsense'],
  ])('%i %s is %s', (amountMinor, currency, text) => {
    expect(formatMinor(amountMinor, currency)).toBe(text);
  });
});

describe('the layout of JSON', () => {
  const textOf = (json: string) =>
    layOutJson(json)
      .map(({ text }) => text)
      .join('');

  test('is that of everybody', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(textOf(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
      }),
    );
  });

  test('leaves numbers and escapes as they are written', () => {
    expect(textOf('{"n":12345678901234567890.10,"s":"\\u00e4\\"}"}')).toBe(
      '{\n  "n": 12345678901234567890.10,\n  "s": "\\u00e4\\"}"\n}',
    );
  });

  test('shows a text that was cut off up to its end', () => {
    const json = '{"a":{"b":[1,"x, y"]}}';
    for (let end = 0; end < json.length; end += 1) {
      expect(textOf(json.slice(0, end)).replace(/\n */g, '').replaceAll(': ', ':')).toBe(json.slice(0, end));
    }
  });

  test('loses nothing but white space, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bare = (one: string) => one.replace(/\s/g, '');
        expect(bare(textOf(text))).toBe(bare(text));
      }),
    );
  });

  test('tells keys from strings', () => {
    const kinds = layOutJson('{"a":"b","c":[1]}').filter(({ text }) => /\w/.test(text));
    expect(kinds.map(({ kind, text }) => [kind, text])).toEqual([
      ['key', '"a"'],
      ['string', '"b"'],
      ['key', '"c"'],
      ['other', '1'],
    ]);
  });
});

describe('the conversation', () => {
  const purchase = JSON.stringify({ receipt_id: 1, amount: 1230, currency: 'EUR' });
  const status = (value: string) => ({
    channel: 'device' as const,
    method: 'StatusEvent',
    id: '',
    kind: 'notification' as const,
    direction: 'out' as const,
    text: JSON.stringify({ transaction_status: value }),
  });
  const exchanges = (...messages: Partial<LoggedMessage>[]) => {
    const model = new ScriptedModel();
    for (const message of messages) model.log(message);
    return exchangesOf(model.messages);
  };

  test('pairs a request with its answer, with the steps between', () => {
    const [one] = exchanges(
      { text: purchase },
      status('WAIT_CARD_IN'),
      { method: 'PosMessage', kind: 'notification', direction: 'out', id: '', text: '{"message":"x"}' },
      status('PROCESSING'),
      { direction: 'out', kind: 'result', text: '{}' },
    );
    expect(one).toMatchObject({
      method: 'Purchase',
      amount: '12.30 EUR',
      steps: ['WAIT_CARD_IN', 'PROCESSING'],
      answer: { kind: 'result', text: 'Approved' },
    });
  });

  test('knows answers by connection and id, in whatever order they come', () => {
    const busy = '{"code":1,"message":"busy","data":{"string_code":"BUSY","details":""}}';
    const all = exchanges(
      { connection: 'a', id: '1', text: purchase },
      { connection: 'a', id: '2', text: purchase },
      { connection: 'b', id: '1', method: 'Status', text: '{}' },
      { connection: 'a', id: '2', direction: 'out', kind: 'error', text: busy },
      { connection: 'b', id: '1', method: 'Status', direction: 'out', kind: 'result' },
    );
    expect(all.map(({ connection, answer }) => [connection, answer?.text])).toEqual([
      ['a', undefined],
      ['a', 'Busy'],
      ['b', 'OK'],
    ]);
  });

  test('stands texts that were cut off, and answers without a request', () => {
    const all = exchanges(
      { direction: 'out', kind: 'result', id: 'unknown', text: '{' },
      { text: '{"amount":12' },
      { direction: 'out', kind: 'error', text: '{"code":1,"mess' },
    );
    expect(all).toMatchObject([{ amount: undefined, answer: { kind: 'error', text: 'Error' } }]);
  });
});

describe('the gist of a message', () => {
  const gist = (message: Partial<LoggedMessage>) =>
    gistOf({ kind: 'notification', method: 'StatusEvent', text: '{}', ...message });

  test('is the state, the amount or the code', () => {
    const error = '{"code":1,"message":"no","data":{"string_code":"DECLINED","details":""}}';
    const purchase = '{"receipt_id":17,"sequence_id":1,"amount":1230,"currency":"EUR"}';
    expect(gist({ text: '{"ready_for_transaction":false,"transaction_status":"WAIT_PIN"}' })).toBe(
      'WAIT_PIN',
    );
    expect(gist({ text: '{"ready_for_transaction":true}' })).toBe('ready');
    expect(gist({ method: 'PosMessage', text: '{"message":"Insert the card"}' })).toBe('Insert the card');
    expect(gist({ method: 'Purchase', kind: 'request', text: purchase })).toBe('12.30 EUR 17/1');
    expect(gist({ method: 'Purchase', kind: 'result', text: purchase })).toBe('Approved 12.30 EUR 17/1');
    expect(gist({ method: 'Purchase', kind: 'error', text: error })).toBe('DECLINED');
    expect(gist({ method: '_Disconnected', text: '{"reason":"KEEPALIVE"}' })).toBe('KEEPALIVE');
  });

  test('stands texts that were cut off', () => {
    expect(gist({ text: '{"ready_for' })).toBe('');
    expect(gist({ kind: 'error', text: '{"code":1,"mess' })).toBe('');
  });
});
