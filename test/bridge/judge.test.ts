import { describe, expect, test } from 'vitest';
import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger } from '../../src/base/logger.ts';
import { Judge } from '../../src/bridge/judge.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { failure, result } from './journal-kit.ts';

function judging(outcomeCodes: readonly string[] = []) {
  const sink = memorySink();
  const log = createLogger({ format: 'human', clock: new FakeClock(), level: 'info', sink });
  const names = { receipt: 'receipt_id', amount: 'amount', currency: 'currency' };
  return { judge: new Judge({ outcomeCodes: new Set(outcomeCodes), names, log }), lines: sink.lines };
}

const ASKED = { receipt: '17', currency: 'EUR', amount: '1230' };

describe('an answer to a question of the bridge', () => {
  test.each([
    '{"receipt_id":"17","currency":"EUR","amount":1230}',
    '{"receipt_id":17,"currency":"eur","amount":"1230"}',
    '{"receipt_id":1.7e1,"currency":"Eur","amount":1230.0}',
    '{"amount":1230}',
    '{}',
    '{"receipt_id":null,"currency":["USD"],"amount":{"value":1}}',
  ])('is the charge that was asked about where nothing in it says otherwise: %s', (text) => {
    const { judge, lines } = judging();
    expect(judge.check(result(text), ASKED)).toEqual({ says: 'charged', code: '' });
    expect(lines).toEqual([]);
  });

  test.each([
    ['receipt_id', '{"receipt_id":"18","currency":"EUR","amount":1230}', '17', '18'],
    ['currency', '{"receipt_id":17,"currency":"usd","amount":1230}', 'EUR', 'USD'],
    ['amount', '{"receipt_id":17,"currency":"EUR","amount":1231}', '1230', '1231'],
    ['amount', '{"amount":12.3}', '1230', '12.3'],
  ])('says nothing, and is reported, where its %s is of another sale: %s', (member, text, asked, told) => {
    const { judge, lines } = judging();
    expect(judge.check(result(text), ASKED)).toEqual({ says: 'unknown', code: '' });
    expect(lines).toEqual([
      `error THE APPLICATION TELLS THE RESULT OF ANOTHER SALE; somebody has to look member=${member} asked=${asked} told=${told}`,
    ]);
  });

  test('is not compared in what was not asked for', () => {
    const { judge, lines } = judging();
    const text = '{"receipt_id":"18","currency":"USD","amount":1}';
    expect(judge.check(result(text), { receipt: undefined, currency: undefined }).says).toBe('charged');
    expect(lines).toEqual([]);
  });

  test('that is an error is what it says, whatever sale it names', () => {
    const { judge, lines } = judging();
    expect(judge.check(failure('DECLINED'), ASKED)).toEqual({ says: 'not-charged', code: 'DECLINED' });
    expect(judge.check(failure('TRANSACTION_ACTIVE'), ASKED).says).toBe('active');
    const text = Buffer.from('{"receipt_id":"18","code":1,"message":"m","data":{"string_code":"DECLINED"}}');
    expect(judge.check({ kind: 'error', text }, ASKED).says).toBe('not-charged');
    expect(lines).toEqual([]);
  });
});

test('a code that the operator has declared is an outcome, in answer to the transaction and to a question', () => {
  const { judge } = judging(['PAPER_OUT']);
  expect(judge.answer(failure('PAPER_OUT')).says).toBe('not-charged');
  expect(judge.check(failure('PAPER_OUT'), ASKED).says).toBe('not-charged');
  expect(judging().judge.answer(failure('PAPER_OUT')).says).toBe('other');
});

test("the names of the members are the dialect's", () => {
  const sink = memorySink();
  const log = createLogger({ format: 'human', clock: new FakeClock(), level: 'info', sink });
  const names = { receipt: 'ticket', amount: 'sum', currency: 'cur' };
  const judge = new Judge({ outcomeCodes: new Set(), names, log });
  expect(judge.names).toBe(names);
  expect(judge.asked(Buffer.from('{"ticket":"17","sum":5,"cur":"EUR","amount":1}'))).toEqual({
    receipt: '17',
    amount: '5',
    currency: 'EUR',
  });
});

test('what was asked for is read by value, and texts as they are', () => {
  const { judge } = judging();
  const read = (json: string) => judge.asked(Buffer.from(json));
  expect(read('{"receipt_id":"0017","currency":"eur","amount":1.23e3}')).toEqual({
    receipt: '0017',
    currency: 'EUR',
    amount: '1230',
  });
  expect(read('{"receipt_id":"\\u0041-1","amount":"1230"}')).toEqual({
    receipt: 'A-1',
    currency: undefined,
    amount: '1230',
  });
  expect(read('{"receipt_id":true,"currency":null,"amount":[1]}')).toEqual({
    receipt: undefined,
    currency: undefined,
    amount: undefined,
  });
});
