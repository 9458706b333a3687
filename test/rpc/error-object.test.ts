import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { completeError, errorText, stringCodeOf } from '../../src/rpc/error-object.ts';

const read = (text: Buffer | undefined) => (text === undefined ? undefined : JSON.parse(text.toString()));
const complete = (text: string) => completeError(Buffer.from(text))?.toString();

describe('an error of ours', () => {
  test('has a code, a sentence and the details', () => {
    expect(errorText('BUSY', 'till-2 has it since 12:00').toString()).toBe(
      '{"code":1,"message":"The terminal is busy.","data":{"string_code":"BUSY","details":"till-2 has it since 12:00"}}',
    );
  });

  test.each([
    ['JSONRPC_PARSE_ERROR', -32700],
    ['JSONRPC_INVALID_REQUEST', -32600],
    ['JSONRPC_METHOD_NOT_FOUND', -32601],
    ['JSONRPC_INVALID_PARAMS', -32602],
    ['INTERNAL_ERROR', -32603],
    ['KEEPALIVE', -32000],
    ['CHANNEL_UNAVAILABLE', 1],
    ['UNKNOWN', 1],
    ['__proto__', 1],
    ['constructor', 1],
    ['toString', 1],
  ])('%s has the code %i', (stringCode, code) => {
    expect(read(errorText(stringCode, ''))).toEqual({
      code,
      message: expect.stringMatching(/^[A-Z].*\.$/),
      data: { string_code: stringCode, details: '' },
    });
  });

  test.each([
    'CHANNEL_UNAVAILABLE',
    'CHANNEL_CLOSED',
    'BUSY',
    'TIMEOUT',
    'RESPONSE_TOO_LARGE',
    'TRANSACTION_NOT_FOUND',
    'TRANSACTION_ACTIVE',
    'DUPLICATE_TRANSACTION',
    'OUTCOME_UNKNOWN',
    'JOURNAL_UNAVAILABLE',
    'CONNECTION_CLOSED',
    'WIRE_WRITE_TIMEOUT',
  ])('%s has a sentence of its own', (stringCode) => {
    expect(read(errorText(stringCode, '')).message).not.toBe(read(errorText('SOMETHING_ELSE', '')).message);
  });

  test('takes another message, and the id that it is about', () => {
    expect(read(errorText('RESPONSE_TOO_LARGE', 'too long', { message: 'No.', id: 'pos-"1"' }))).toEqual({
      code: 1,
      message: 'No.',
      data: { string_code: 'RESPONSE_TOO_LARGE', details: 'too long', id: 'pos-"1"' },
    });
  });

  test('is cut to what registers take, between characters', () => {
    const long = `x${'😀'.repeat(8192)}`;
    const { message, data } = read(errorText(long, long, { message: long }));
    expect([data.string_code.length, message.length, data.details.length]).toEqual([255, 1023, 8191]);
    for (const text of [data.string_code, message, data.details]) expect(text).toMatch(/^x(😀)+$/u);
    expect(read(errorText('y'.repeat(257), 'y'.repeat(9000)))).toMatchObject({
      data: { string_code: 'y'.repeat(256), details: 'y'.repeat(8192) },
    });
  });
});

describe("an application's error", () => {
  test.each([
    '{"code":1,"message":"m","data":{"string_code":"X","details":"d"}}',
    '{ "data" : {"details":"","string_code":"\\u0058","n":1.0} , "x":[ 1 ],"code":-0,"message":"" }',
  ])('stays as it is when it is complete: %s', (text) => {
    expect(complete(text)).toBe(text);
  });

  test.each([
    [
      '{"code":5,"message":"M\\u00e4"}',
      '{"code":5,"message":"M\\u00e4","data":{"string_code":"UNKNOWN","details":"M\\u00e4"}}',
    ],
    [
      '{"code":-32602,"message":"m" }',
      '{"code":-32602,"message":"m" ,"data":{"string_code":"JSONRPC_INVALID_PARAMS","details":"m"}}',
    ],
    [
      '{"code":1,"message":"m","data":{}}',
      '{"code":1,"message":"m","data":{"string_code":"UNKNOWN","details":"m"}}',
    ],
    [
      '{"code":1,"message":"m","data":{ \n}}',
      '{"code":1,"message":"m","data":{"string_code":"UNKNOWN","details":"m" \n}}',
    ],
    [
      '{"data":{ "n" : 1.0 },"code":1,"message":"m"}',
      '{"data":{"string_code":"UNKNOWN","details":"m", "n" : 1.0 },"code":1,"message":"m"}',
    ],
    [
      '{"code":1,"message":"m","data":{"string_code":"X"}}',
      '{"code":1,"message":"m","data":{"details":"m","string_code":"X"}}',
    ],
    [
      '{"code":1,"message":"m","data":{"details":"d","n":0}}',
      '{"code":1,"message":"m","data":{"string_code":"UNKNOWN","details":"d","n":0}}',
    ],
    [
      '{"code":1,"message":"m","data":{"a":0,"string_code":7,"details":null}}',
      '{"code":1,"message":"m","data":{"a":0,"string_code":"UNKNOWN","details":"m"}}',
    ],
    [
      '{"code":1,"message":"m","data":{"string_code":7}}',
      '{"code":1,"message":"m","data":{"details":"m","string_code":"UNKNOWN"}}',
    ],
    [
      '{"code":1,"message":"m","data":null}',
      '{"code":1,"message":"m","data":{"string_code":"UNKNOWN","details":"m"}}',
    ],
    [
      '{"code":1,"message":"m","data":"because"}',
      '{"code":1,"message":"m","data":{"string_code":"UNKNOWN","details":"because"}}',
    ],
    [
      '{"code":1,"message":"m","data":[1]}',
      '{"code":1,"message":"m","data":{"string_code":"UNKNOWN","details":"m"}}',
    ],
  ])('gets what is missing: %s', (text, expected) => {
    expect(complete(text)).toBe(expected);
  });

  test.each([
    '{}',
    '{"code":1}',
    '{"message":"m"}',
    '{"code":"1","message":"m"}',
    '{"code":1.5,"message":"m"}',
    '{"code":1e3,"message":"m"}',
    '{"code":null,"message":"m"}',
    '{"code":12345678901234567890,"message":"m"}',
    '{"code":1,"message":null}',
    '{"code":1,"code":2,"message":"m"}',
    '{"code":1,"message":"m","data":{"details":"a","details":"b"}}',
    'null',
    '',
  ])('is none: %s', (text) => {
    expect(complete(text)).toBeUndefined();
  });

  test('gets details of bounded length from a long message', () => {
    const { data } = JSON.parse(complete(`{"code":1,"message":"${'\\u00e4'.repeat(100_000)}"}`) ?? '');
    expect(data.details).toBe('ä'.repeat(8192));
  });

  test('keeps every other member, whatever they are', () => {
    const member = fc.jsonValue({ maxDepth: 2 });
    const names = fc.string({ unit: 'binary', maxLength: 8 });
    fc.assert(
      fc.property(
        fc.dictionary(names, member),
        fc.dictionary(names, member),
        fc.integer(),
        fc.string(),
        (outer, inner, code, message) => {
          const data = JSON.parse(JSON.stringify(inner));
          const error = { ...JSON.parse(JSON.stringify(outer)), code, data, message };
          const completed = JSON.parse(complete(JSON.stringify(error)) ?? '');
          expect(completed).toMatchObject(error);
          expect(completed.data).toMatchObject({ string_code: expect.any(String), details: message });
          expect(Object.keys(completed)).toEqual(Object.keys(error));
        },
      ),
      { seed: 6, numRuns: 1000 },
    );
  });
});

describe('the string code of an error', () => {
  test.each([
    ['{"code":1,"message":"m","data":{"string_code":"CARD\\u005fEXPIRED"}}', 'CARD_EXPIRED'],
    ['{"code":-32601,"message":"m","data":{"string_code":"X"}}', 'X'],
    ['{"code":-32601,"message":"m"}', 'JSONRPC_METHOD_NOT_FOUND'],
    ['{"code":-32601,"message":"m","data":{"string_code":7}}', 'JSONRPC_METHOD_NOT_FOUND'],
    ['{"code":1,"message":"m"}', 'UNKNOWN'],
    ['{"code":1,"message":"m","data":"TIMEOUT"}', 'UNKNOWN'],
    ['{"data":{"string_code":"A","string_code":"B"}}', 'UNKNOWN'],
    [`{"data":{"string_code":"${'x'.repeat(300)}"}}`, 'x'.repeat(256)],
    ['{}', 'UNKNOWN'],
    ['', 'UNKNOWN'],
  ])('of %s is %s', (text, stringCode) => {
    expect(stringCodeOf(Buffer.from(text))).toBe(stringCode);
  });

  test.each([
    ['{"code":1,"message":"m","data":{"string_code":""}}', 'UNKNOWN'],
    ['{"code":-32603,"message":"m","data":{"string_code":""}}', 'INTERNAL_ERROR'],
  ])('is not empty: %s', (text, stringCode) => {
    expect(stringCodeOf(Buffer.from(text))).toBe(stringCode);
  });

  test('is the one that completing the error puts there', () => {
    const error = Buffer.from('{"code":-32603,"message":"m"}');
    const completed = completeError(error) ?? Buffer.alloc(0);
    expect(stringCodeOf(completed)).toBe(stringCodeOf(error));
  });
});
