import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/pos/answer.ts';
import {
  CANCELLED_CODES,
  compareWithSale,
  DECLINED_CODES,
  judgeCheckAnswer,
  judgeSaleAnswer,
  NO_ANSWER_CODES,
  REFUSED_CODES,
} from '../../src/pos/outcome.ts';

const result: Answer = { kind: 'result', text: '{}' };

function failure(code: string): Answer {
  const error = { code: 1, message: 'm', data: { string_code: code, details: 'd' } };
  return { kind: 'error', text: JSON.stringify(error) };
}

const outcomeOf = (verdict: ReturnType<typeof judgeSaleAnswer>) =>
  verdict === 'ask' ? 'ask' : verdict.outcome;

/** Of the transport and of bridges: they say nothing about the money. */
const TRANSPORT = [
  'CHANNEL_CLOSED',
  'TIMEOUT',
  'INTERNAL_ERROR',
  'KEEPALIVE',
  'CONNECTION_CLOSED',
  'OUTCOME_UNKNOWN',
  'TRANSACTION_ACTIVE',
  'DUPLICATE_TRANSACTION',
  'RESPONSE_TOO_LARGE',
  'JSONRPC_PARSE_ERROR',
  'JSONRPC_INVALID_REQUEST',
  'UNKNOWN',
];

describe('the direct answer to a purchase', () => {
  test('is an approval when it is a result', () => {
    expect(outcomeOf(judgeSaleAnswer(result))).toBe('approved');
  });

  test.each([...TRANSPORT, 'SYNC_FAILED', 'TRANSACTION_NOT_FOUND', 'WHATEVER', '', 'declined', 'CARD'])(
    'is no outcome when it is %j',
    (code) => {
      expect(outcomeOf(judgeSaleAnswer(failure(code)))).toBe('ask');
    },
  );

  test.each([...REFUSED_CODES])('is a refusal when it is %s', (code) => {
    expect(outcomeOf(judgeSaleAnswer(failure(code)))).toBe('declined');
  });

  test.each([...DECLINED_CODES])('is a decline when it is %s', (code) => {
    expect(outcomeOf(judgeSaleAnswer(failure(code)))).toBe('declined');
  });

  test.each([...CANCELLED_CODES])('is a cancellation when it is %s', (code) => {
    expect(outcomeOf(judgeSaleAnswer(failure(code)))).toBe('cancelled');
  });

  test('is no outcome when nobody gave it', () => {
    const lost: Answer = { ...failure('DECLINED'), lost: { code: 'X', text: 'x', by: 'peer' } };
    expect([judgeSaleAnswer(lost), judgeCheckAnswer(lost)]).toEqual(['ask', 'ask']);
  });
});

describe('the answer to Check', () => {
  test('is an approval when it is a result', () => {
    expect(outcomeOf(judgeCheckAnswer(result))).toBe('approved');
  });

  test.each([
    ...TRANSPORT,
    ...NO_ANSWER_CODES,
    'CHANNEL_UNAVAILABLE',
    'CHANNEL_ANYTHING',
    'JSONRPC_METHOD_NOT_FOUND',
    'JSONRPC_INVALID_PARAMS',
    'JSONRPC_ANYTHING',
  ])('says nothing when it is %s', (code) => {
    expect(outcomeOf(judgeCheckAnswer(failure(code)))).toBe('ask');
  });

  test('says that nothing came when it is TRANSACTION_NOT_FOUND', () => {
    expect(outcomeOf(judgeCheckAnswer(failure('TRANSACTION_NOT_FOUND')))).toBe('not-reached');
  });

  test.each([...DECLINED_CODES, 'WHATEVER', 'CARD_OF_A_NEW_KIND', 'NEW_KIND_OF_DECLINE'])(
    'is the outcome when it is %s',
    (code) => {
      expect(outcomeOf(judgeCheckAnswer(failure(code)))).toBe('declined');
    },
  );

  test.each([...CANCELLED_CODES])('is a cancellation when it is %s', (code) => {
    expect(outcomeOf(judgeCheckAnswer(failure(code)))).toBe('cancelled');
  });

  test('without a code of its own says nothing', () => {
    const answer: Answer = { kind: 'error', text: '{"code":1,"message":"m"}' };
    expect([judgeCheckAnswer(answer), judgeSaleAnswer(answer)]).toEqual(['ask', 'ask']);
  });
});

test.each([
  ['{"amount":1230,"currency":"EUR"}', 'same'],
  ['{"amount":1230,"currency":"eur"}', 'same'],
  ['{"amount":1230,"currency":"978"}', 'same'],
  ['{"amount":1230,"currency":978}', 'same'],
  ['{"amount":1231,"currency":"EUR"}', 'more'],
  ['{"amount":1231}', 'more'],
  ['{"amount":1229,"currency":"EUR"}', 'other'],
  ['{"amount":1230,"currency":"SEK"}', 'other'],
  ['{"amount":1231,"currency":"sek"}', 'other'],
  ['{"amount":"1231"}', 'same'],
  ['{}', 'same'],
])('a result %s compared with a sale of 12.30 EUR is %s', (text, fit) => {
  expect(compareWithSale(text, { amountMinor: 1230, currency: 'EUR' })).toBe(fit);
});
