import { expect, test } from 'vitest';
import { decodeFrame, encodeCall, encodeError, encodeResult } from '../../../src/dialect/ocpp/frame.ts';

const decode = (text: string | Buffer) => decodeFrame(Buffer.from(text));

test('reads a CALL, a CALLRESULT and a CALLERROR', () => {
  expect(decode('[2,"19223201","BootNotification",{"a":1}]')).toEqual({
    kind: 'call',
    id: '19223201',
    action: 'BootNotification',
    payload: { text: '{"a":1}', value: { a: 1 } },
  });
  expect(decode('[3,"a",{}]')).toMatchObject({ kind: 'result', id: 'a', payload: { text: '{}' } });
  expect(decode('[4,"a","NotImplemented","why",{"x":1}]')).toEqual({
    kind: 'error',
    id: 'a',
    code: 'NotImplemented',
    description: 'why',
    details: { text: '{"x":1}', value: { x: 1 } },
  });
});

test('a payload keeps its own text: numbers, escapes, the order of members', () => {
  const payload = '{ "z": 1.10, "n": 12345678901234567890, "e": "\\u00e4,]\\"", "a": [1e2] }';
  for (const text of [`[2,"i","A",${payload}]`, ` [ 2 , "i\\"," , "A\\\\" ,${payload} ] \n`])
    expect(decode(text)).toMatchObject({ payload: { text: payload } });
  expect(decode(`[3,"i",${payload}]`)).toMatchObject({ payload: { text: payload } });
});

test.each(['[2,"i","A",null]', '[2,"i","A"]', '[3,"i"]', '[3,"i",null]'])(
  'the payload of %s is empty',
  (text) => {
    expect(decode(text)).toMatchObject({ payload: { text: '{}', value: {} } });
  },
);

test('takes a CALL with an element too many', () => {
  expect(decode('[2,"i","A",{"a":1},7]')).toMatchObject({ kind: 'call', payload: { text: '{"a":1}' } });
});

test('takes a CALLERROR with elements too few', () => {
  expect(decode('[4,"i","GenericError"]')).toMatchObject({
    kind: 'error',
    id: 'i',
    code: 'GenericError',
    description: '',
  });
});

test.each(['', 'x', '{}', '[]', '"2"', Buffer.from([0x5b, 0xff, 0x5d])])(
  'refuses %j without an answer',
  (text) => {
    expect(decode(text)).toMatchObject({ kind: 'bad' });
    expect(decode(text)).not.toHaveProperty('refuse');
  },
);

test.each(['[5,"i","A",{}]', '["2","i","A",{}]', '[null]'])('ignores %s', (text) => {
  expect(decode(text)).toMatchObject({ kind: 'ignored' });
});

test.each(['[2,7,"A",{}]', '[2,null,"A",{}]'])('answers %s under -1', (text) => {
  expect(decode(text)).toMatchObject({ kind: 'bad', refuse: { id: '-1', code: 'FormationViolation' } });
});

test('refuses a CALL whose id is empty or too long, under that id', () => {
  const long = 'x'.repeat(37);
  expect(decode('[2,"","A",{}]')).toMatchObject({
    kind: 'bad',
    refuse: { id: '', code: 'FormationViolation' },
  });
  expect(decode(`[2,"${long}","A",{}]`)).toMatchObject({ kind: 'bad', refuse: { id: long } });
  expect(decode(`[2,"${'x'.repeat(36)}","A",{}]`)).toMatchObject({ kind: 'call' });
});

test('an id of a megabyte and nesting of a million are refused, or read, without harm', () => {
  expect(decode(`[3,"${'x'.repeat(1e6)}",{"a":1.0}]`)).toMatchObject({
    kind: 'result',
    payload: { text: '{"a":1}' },
  });
  expect(['bad', 'call']).toContain(decode(`[2,"i","A",${'['.repeat(1e6)}${']'.repeat(1e6)}]`).kind);
  expect(['bad', 'call']).toContain(decode(`[2,"i","A",${'['.repeat(1e6)}${']'.repeat(1e6)},1]`).kind);
});

test('writes what the protocol wants: always five elements of a CALLERROR', () => {
  expect(encodeCall('a', 'Reset', '{"type":"Soft"}').toString()).toBe('[2,"a","Reset",{"type":"Soft"}]');
  expect(encodeResult('a', '{}').toString()).toBe('[3,"a",{}]');
  expect(encodeError('a', 'InternalError', '').toString()).toBe('[4,"a","InternalError","",{}]');
  const long = JSON.parse(encodeError('a', 'GenericError', 'x'.repeat(300)).toString());
  expect(long[3]).toHaveLength(255);
});
