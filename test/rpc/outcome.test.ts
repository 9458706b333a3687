import { describe, expect, test } from 'vitest';
import {
  CANCELLED_CODES,
  DECLINED_CODES,
  isDeclarable,
  isUnrecordedAbsence,
  meaningOfAnswer,
  meaningOfCheck,
  readStatement,
} from '../../src/rpc/outcome.ts';

const result = { kind: 'result' as const, text: Buffer.from('{}') };

function error(code: string, outcome?: unknown) {
  const data = { string_code: code, details: 'd', ...(outcome !== undefined && { outcome }) };
  return { kind: 'error' as const, text: Buffer.from(JSON.stringify({ code: 1, message: 'm', data })) };
}

const direct = (answer: ReturnType<typeof error> | typeof result) =>
  meaningOfAnswer(readStatement(answer).says);
const checked = (answer: ReturnType<typeof error> | typeof result, directCode?: string) =>
  meaningOfCheck(readStatement(answer), directCode);

test('that a transaction is not found is recorded only where the application says so', () => {
  const absence = (data: unknown) => ({
    kind: 'error' as const,
    text: Buffer.from(JSON.stringify({ code: 1, message: 'm', data })),
  });
  const code = { string_code: 'TRANSACTION_NOT_FOUND', details: 'd' };
  for (const recorded of [undefined, false, 'true', 1, null]) {
    expect(isUnrecordedAbsence(absence({ ...code, recorded }))).toBe(true);
  }
  expect(isUnrecordedAbsence(absence({ ...code, recorded: true }))).toBe(false);
  expect(isUnrecordedAbsence(error('DECLINED'))).toBe(false);
  expect(isUnrecordedAbsence(result)).toBe(false);
});

const REFUSALS = [
  'BUSY',
  'JSONRPC_INVALID_PARAMS',
  'JSONRPC_METHOD_NOT_FOUND',
  'CHANNEL_UNAVAILABLE',
  'JOURNAL_UNAVAILABLE',
];
const ABOUT_THE_WAY = [
  'OUTCOME_UNKNOWN',
  'TIMEOUT',
  'CHANNEL_CLOSED',
  'RESPONSE_TOO_LARGE',
  'UNKNOWN',
  'INTERNAL_ERROR',
  'KEEPALIVE',
  'CONNECTION_CLOSED',
  'JSONRPC_PARSE_ERROR',
  'JSONRPC_INVALID_REQUEST',
  'JSONRPC_ANYTHING',
  'ACCESS_DENIED',
  'INVALID_API_KEY',
  'NOT_READY',
  'STORAGE_ERROR',
  'SERVICE_UNAVAILABLE',
];
/** What a terminal may say of a sale that took no money; the same list stands in docs/errors.md. */
const OUTCOMES = [
  'ABORTED',
  'CANCELED',
  'CANCELLED',
  'CARD_BLOCKED',
  'CARD_DECLINED',
  'CARD_EXPIRED',
  'CARD_NOT_SUPPORTED',
  'CARD_REMOVED',
  'CARD_TIMEOUT',
  'DECLINED',
  'INSUFFICIENT_FUNDS',
  'PIN_TIMEOUT',
  'PIN_TRIES_EXCEEDED',
  'SIGNATURE_REFUSED',
  'TRANSACTION_ABORTED',
  'TRANSACTION_CANCELED',
  'TRANSACTION_CANCELLED',
  'TRANSACTION_DECLINED',
  'TRANSACTION_INTERRUPTED',
  'USER_CANCELED',
  'USER_CANCELLED',
];
const UNHEARD_OF = ['PRINTER_FAILED', 'CARD_OF_A_NEW_KIND', 'declined', 'CHANNEL_ANYTHING'];

describe('an answer to the transaction itself', () => {
  test('is a charge when it is a result', () => {
    expect(direct(result)).toBe('charged');
  });

  test.each(OUTCOMES)('is final when it is %s', (code) => {
    expect(direct(error(code))).toBe('not-charged');
  });

  test.each(REFUSALS)('is a refusal when it is %s', (code) => {
    expect(direct(error(code))).toBe('refused');
  });

  test.each([
    ...ABOUT_THE_WAY,
    ...UNHEARD_OF,
    '',
    'TRANSACTION_ACTIVE',
    'TRANSACTION_NOT_FOUND',
    'DUPLICATE_TRANSACTION',
  ])('has to be asked about when it is %j', (code) => {
    expect(direct(error(code))).toBe('ask');
  });
});

describe('an answer to Check', () => {
  test('is a charge when it is a result', () => {
    expect(checked(result)).toBe('charged');
  });

  test.each(OUTCOMES)('is final when it is %s', (code) => {
    expect(checked(error(code))).toBe('not-charged');
  });

  test.each([...REFUSALS, ...ABOUT_THE_WAY, ...UNHEARD_OF, '', 'DUPLICATE_TRANSACTION'])(
    'says nothing when it is %j',
    (code) => {
      expect([checked(error(code)), checked(error(code), 'ANOTHER')]).toEqual(['nothing', 'nothing']);
    },
  );

  test.each([...REFUSALS, ...ABOUT_THE_WAY, 'DUPLICATE_TRANSACTION'])(
    'says nothing when it repeats %s',
    (code) => {
      expect(checked(error(code), code)).toBe('nothing');
    },
  );

  test.each(UNHEARD_OF)('is final when it repeats %s, which the transaction was answered with', (code) => {
    expect(checked(error(code), code)).toBe('not-charged');
  });

  test('tells not found and active apart', () => {
    expect(checked(error('TRANSACTION_NOT_FOUND'))).toBe('not-found');
    expect(checked(error('TRANSACTION_ACTIVE'))).toBe('active');
  });
});

describe('data.outcome', () => {
  test.each([...UNHEARD_OF, ...ABOUT_THE_WAY, ...REFUSALS, 'TRANSACTION_ACTIVE', 'TRANSACTION_NOT_FOUND'])(
    'makes %s final where it is not-charged',
    (code) => {
      expect(direct(error(code, 'not-charged'))).toBe('not-charged');
      expect(checked(error(code, 'not-charged'))).toBe('not-charged');
    },
  );

  test.each(['unknown', 'charged', '', 'Not-Charged', 5, 0, true, false, {}, ['not-charged']])(
    'makes no code final where it is %j',
    (outcome) => {
      for (const code of ['DECLINED', 'BUSY', 'TRANSACTION_NOT_FOUND', 'PRINTER_FAILED']) {
        expect(direct(error(code, outcome))).toBe('ask');
        expect(checked(error(code, outcome), code)).toBe('nothing');
      }
    },
  );

  test('does not count where it is null', () => {
    expect(direct(error('DECLINED', null))).toBe('not-charged');
    expect(direct(error('PRINTER_FAILED', null))).toBe('ask');
  });

  test.each([
    '{"string_code":"DECLINED","outcome":"not-charged","outcome":"unknown"}',
    '{"string_code":"DECLINED","details":"d"},"data":{"string_code":"DECLINED","outcome":"unknown"}',
  ])('makes no code final where two readers could see two: %s', (data) => {
    const answer = { kind: 'error' as const, text: Buffer.from(`{"code":1,"message":"m","data":${data}}`) };
    expect(direct(answer)).toBe('ask');
    expect(checked(answer, 'DECLINED')).toBe('nothing');
  });
});

test('the outcome list is these codes and no others', () => {
  expect([...CANCELLED_CODES, ...DECLINED_CODES].toSorted()).toEqual(OUTCOMES);
});

test('a statement comes with the code that it was made with', () => {
  expect(readStatement(result)).toEqual({ says: 'charged', code: '' });
  expect(readStatement(error('DUPLICATE_TRANSACTION'))).toEqual({
    says: 'duplicate',
    code: 'DUPLICATE_TRANSACTION',
  });
  expect(readStatement(error('DECLINED', 'unknown'))).toEqual({ says: 'unknown', code: 'DECLINED' });
});

test('data that is no object says nothing about the outcome: a JSON-RPC error with it is what its number says', () => {
  for (const data of ['"not-charged"', '["x"]', '5', 'null']) {
    const text = Buffer.from(`{"code":-32601,"message":"Method not found","data":${data}}`);
    expect(direct({ kind: 'error', text })).toBe('refused');
  }
});

describe('a code that may be declared to mean "not charged"', () => {
  test.each([...UNHEARD_OF, 'DECLINED', '!', '~'.repeat(256)])('is %s', (code) => {
    expect(isDeclarable(code)).toBe(true);
  });

  test.each([
    ...REFUSALS,
    ...ABOUT_THE_WAY,
    'DUPLICATE_TRANSACTION',
    'TRANSACTION_ACTIVE',
    'TRANSACTION_NOT_FOUND',
    '',
    'TWO WORDS',
    ' LED',
    'TRAILED ',
    'UMLÄUT',
    '~'.repeat(257),
  ])('is not %j, which has another meaning or is no code', (code) => {
    expect(isDeclarable(code)).toBe(false);
  });
});

test('further codes can be declared to mean "not charged"', () => {
  const codes = new Set(['PRINTER_FAILED', 'NOT_READY']);
  expect(readStatement(error('PRINTER_FAILED'), codes).says).toBe('not-charged');
  expect(readStatement(error('NOT_READY'), codes).says).toBe('not-charged');
});

test('an error without a code says nothing', () => {
  const answer = { kind: 'error' as const, text: Buffer.from('{"code":1,"message":"m"}') };
  expect(readStatement(answer)).toEqual({ says: 'unknown', code: 'UNKNOWN' });
});
