import { describe, expect, test } from 'vitest';
import { comparedText, identify } from '../../src/bridge/identity.ts';

const NAMES = ['receipt_id', 'sequence_id'];

function keyOf(params: string): string {
  const identity = identify(Buffer.from(params), NAMES);
  return typeof identity === 'string' ? identity : identity.key;
}

describe('identifiers are compared by value', () => {
  test.each([
    ['17', '"17"'],
    ['17', '17.0'],
    ['17', '1.7e1'],
    ['17', '170e-1'],
    ['17', '0.0017E+4'],
    ['0', '-0'],
    ['0', '0.0e99999'],
    ['-17', '"-17"'],
    ['90071992547409930000', '9007199254740993e4'],
    ['"R-1"', '"\\u0052-1"'],
  ])('%s is %s', (one, other) => {
    expect(keyOf(`{"receipt_id":${one}}`)).toBe(keyOf(`{"receipt_id":${other}}`));
  });

  test.each([
    ['17', '"017"'],
    ['17', '"17.0"'],
    ['17', '" 17"'],
    ['0', '"-0"'],
    ['10', '"1e1"'],
    ['9007199254740992', '9007199254740993'],
    ['"r-1"', '"R-1"'],
    ['"17"', '""'],
  ])('%s is not %s', (one, other) => {
    expect(keyOf(`{"receipt_id":${one}}`)).not.toBe(keyOf(`{"receipt_id":${other}}`));
  });

  test.each(['17.5', 'true', 'false', '{}', '[]', '["17"]', '1e-1', '1e999999999', '-1e4000'])(
    '%s identifies nothing',
    (value) => {
      expect(keyOf(`{"receipt_id":${value}}`)).toBe('invalid');
      expect(keyOf(`{"receipt_id":1,"sequence_id":${value}}`)).toBe('invalid');
    },
  );
});

test.each([
  ';4111111111111111=25121010000012345678?',
  '4111111111111111=2512',
  '%B4111111111111111^DOE/JANE^25121010000000000000?',
])('track data identifies nothing, for identifiers are stored: %s', (track) => {
  expect(keyOf(JSON.stringify({ receipt_id: track }))).toBe('invalid');
  expect(keyOf(JSON.stringify({ receipt_id: 1, sequence_id: track }))).toBe('invalid');
});

test.each([
  '2026113013150005',
  '12345678901234=1',
  '12345678901=2512',
  'TABLE5=2026',
  'A^B^2512',
  '4111111111111111^AB^CD^2512',
  '4111111111111111',
])('what only looks a little like it identifies a sale: %s', (id) =>
  expect(keyOf(JSON.stringify({ receipt_id: id }))).toContain(id),
);

describe('a member that is not given', () => {
  test('is the same as null, and not the same as any value', () => {
    const bare = keyOf('{"receipt_id":17}');
    expect(keyOf('{"receipt_id":17,"sequence_id":null}')).toBe(bare);
    expect(keyOf('{"receipt_id":17,"sequence_id":""}')).not.toBe(bare);
    expect(keyOf('{"receipt_id":17,"sequence_id":"null"}')).not.toBe(bare);
    expect(keyOf('{"receipt_id":17,"sequence_id":0}')).not.toBe(bare);
  });

  test('is needed where it is the first', () => {
    expect(keyOf('{"sequence_id":1}')).toBe('missing');
    expect(keyOf('{"receipt_id":null,"sequence_id":1}')).toBe('missing');
  });
});

test('a member of params that comes twice is ambiguous, whichever it is', () => {
  expect(keyOf('{"receipt_id":17,"receipt_id":17}')).toBe('ambiguous');
  expect(keyOf('{"receipt_id":17,"note":1,"note":2}')).toBe('ambiguous');
});

test('what an application is asked with has the text of the peer', () => {
  const identity = identify(
    Buffer.from('{"amount":1, "sequence_id" : 1.0e0, "receipt_id":"\\u0052"}'),
    NAMES,
  );
  expect(typeof identity === 'string' ? identity : identity.params.toString()).toBe(
    '{"receipt_id":"\\u0052","sequence_id":1.0e0}',
  );
  expect(identity).toMatchObject({
    first: 'R',
    rest: '["1"]',
    values: { receipt_id: 'R', sequence_id: '1' },
  });
  expect(identify(Buffer.from('{"receipt_id":17,"sequence_id":null}'), NAMES)).toMatchObject({
    first: '17',
    rest: undefined,
    values: { receipt_id: '17' },
    params: Buffer.from('{"receipt_id":17}'),
  });
});

test('of three identifying members any one that is given tells transactions apart', () => {
  const names = [...NAMES, 'shop'];
  const restOf = (params: string) => {
    const identity = identify(Buffer.from(params), names);
    return typeof identity === 'string' ? identity : identity.rest;
  };
  expect(restOf('{"receipt_id":17}')).toBeUndefined();
  expect(restOf('{"receipt_id":17,"sequence_id":1}')).toBe('["1",null]');
  expect(restOf('{"receipt_id":17,"shop":"A"}')).toBe('[null,"A"]');
});

test('capital and small letters are the same only in members of which that is said', () => {
  const of = (params: string) => identify(Buffer.from(params), NAMES, ['sequence_id']);
  expect(of('{"receipt_id":"a","sequence_id":"Xy"}')).toMatchObject({
    key: '["a","xy"]',
    rest: '["xy"]',
    values: { receipt_id: 'a', sequence_id: 'Xy' },
  });
  expect(of('{"receipt_id":"A","sequence_id":"xY"}')).toMatchObject({ key: '["A","xy"]' });
});

describe('what a repeated request has to have in common', () => {
  const isCompared = (name: string) => /amount|api_key|card/.test(name);
  const textOf = (params: string) => comparedText('Purchase', Buffer.from(params), isCompared);
  const BASE = '{"amount":1230,"api_key":"k"}';

  test.each([
    ['another order', '{"api_key":"k","amount":1230}'],
    ['another timestamp', '{"amount":1230,"time":"12:00","api_key":"k"}'],
    ['other white space and escapes', '{ "amount" : 1230 , "api_key":"\\u006b" }'],
    ['a member that is null', '{"amount":1230,"api_key":"k","cashback_amount":null}'],
    ['an amount as text', '{"amount":"1230","api_key":"k"}'],
    ['an amount with a point', '{"amount":1230.0,"api_key":"k"}'],
    ['an amount with an exponent', '{"amount":1.23e3,"api_key":"k"}'],
    ['a security code', '{"amount":1230,"api_key":"k","card_cvv":"123"}'],
  ])('is not changed by %s', (_, params) => {
    expect(textOf(params)).toBe(textOf(BASE));
  });

  test.each([
    ['amount', '{"amount":1231,"api_key":"k"}'],
    ['amount by a fraction', '{"amount":1230.01,"api_key":"k"}'],
    ['amount in many digits', '{"amount":12300000000000000000001,"api_key":"k"}'],
    ['key', '{"amount":1230,"api_key":"K"}'],
    ['missing key', '{"amount":1230}'],
    ['further money', '{"amount":1230,"api_key":"k","cashback_amount":1}'],
    ['further money in parts', '{"amount":1230,"api_key":"k","amounts":{"net":1}}'],
  ])('is changed by another %s', (_, params) => {
    expect(textOf(params)).not.toBe(textOf(BASE));
  });

  test('is not changed by another way to write a number in a part', () => {
    const parts = textOf('{"amounts":{"net":[1000,-2],"note":"1.0 \\" 2.0"}}');
    expect(textOf('{"amounts":{"net":[1000.0,-20e-1],"note":"1.0 \\" 2.0"}}')).toBe(parts);
    expect(textOf('{"amounts":{"net":[1000,2],"note":"1.0 \\" 2.0"}}')).not.toBe(parts);
    expect(textOf('{"amounts":{"net":[1000,-2],"note":"1 \\" 2"}}')).not.toBe(parts);
  });

  test('is changed by other digits inside of a text in a part, however the text is written', () => {
    for (const [one, other] of [
      ['1.0', '1'],
      ['a\\n1.0', 'a\\n1'],
      ['\\\\ 1.0', '\\\\ 1'],
      ['\\"x\\" 1.0', '\\"x\\" 1'],
    ])
      expect(textOf(`{"amounts":{"note":"${one}","net":2}}`)).not.toBe(
        textOf(`{"amounts":{"note":"${other}","net":2}}`),
      );
    const two = (net: string) => textOf(`{"amounts":["a \\" b \\" c", ${net}, "\\\\", ${net}]}`);
    expect(two('2.0')).toBe(two('2'));
  });

  test('is changed by a truth or a text in the place of a number, and by the number of parts', () => {
    const values = ['1', '"1x"', 'true', 'false', '[]', '[1]', '[1,1]', '{}', '{"amount":1}'];
    const texts = values.map((value) => textOf(`{"amount":${value}}`));
    expect(new Set(texts).size).toBe(values.length);
  });

  test('is changed by another method', () => {
    expect(comparedText('Refund', Buffer.from(BASE), isCompared)).not.toBe(textOf(BASE));
  });

  test('never has card secrets, however deep', () => {
    expect(textOf('{"amounts":{"net":1,"cvv":"123"},"card_pin":"1234"}')).not.toMatch(/123/);
  });
});
