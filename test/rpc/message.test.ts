import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type MessageRules, parseMessage } from '../../src/rpc/message.ts';
import { mutated, seededRandom } from '../kit/random.ts';

/** The outcome with every buffer as text. */
function parse(text: string, rules: MessageRules): unknown {
  return JSON.parse(JSON.stringify(parseMessage(Buffer.from(text), rules), (_, value) => texts(value)));
}

function texts(value: unknown): unknown {
  const isBuffer = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
  return isBuffer ? Buffer.from((value as unknown as { data: number[] }).data).toString() : value;
}

const BOTH = ['wire', 'line'] as const;
const refusedAs = (code: string) => expect.objectContaining({ ok: false, code: `JSONRPC_${code}` });
const INVALID = refusedAs('INVALID_REQUEST');

describe.each(BOTH)('on a %s, reads', (rules) => {
  test('a request', () => {
    const text = '{"params":{ "a" : 1.0 },"id":"p\\u002d1","jsonrpc":"2.0","method":"Purchase","x":[[]]}';
    expect(parse(text, rules)).toEqual({
      ok: true,
      message: {
        kind: 'request',
        id: 'p-1',
        idText: '"p\\u002d1"',
        method: 'Purchase',
        methodText: '"Purchase"',
        params: '{ "a" : 1.0 }',
        depth: 3,
      },
    });
  });

  test('a notification', () => {
    expect(parse('{"jsonrpc":"2.0","method":"\\u0053tatus\\/Ä","params":{}}', rules)).toEqual({
      ok: true,
      message: {
        kind: 'notification',
        method: 'Status/Ä',
        methodText: '"\\u0053tatus\\/Ä"',
        params: '{}',
        depth: 2,
      },
    });
  });

  test('a result and an error', () => {
    for (const kind of ['result', 'error']) {
      const text = `{"jsonrpc":"\\u0032.0","response_to":"Purchase","id":"7","${kind}":{"b":[]}}`;
      expect(parse(text, rules)).toEqual({
        ok: true,
        message: { kind, id: '7', idText: '"7"', text: '{"b":[]}', depth: 3 },
      });
    }
  });

  test('an id and a method of 256 characters, whatever they take as bytes', () => {
    for (const character of ['x', 'ä', '\\u0000', '\\n']) {
      const name = character.repeat(256);
      expect(parse(`{"jsonrpc":"2.0","id":"${name}","method":"${name}","params":{}}`, rules)).toMatchObject({
        ok: true,
        message: { idText: `"${name}"`, methodText: `"${name}"` },
      });
      expect(parse(`{"jsonrpc":"2.0","id":"${name}x","method":"m","params":{}}`, rules)).toEqual({
        ok: false,
        code: 'JSONRPC_INVALID_REQUEST',
        why: expect.stringMatching(/^id is .* longer than 256 characters$/),
      });
      expect(parse(`{"jsonrpc":"2.0","id":"7","method":"${name}x","params":{}}`, rules)).toMatchObject({
        ok: false,
        code: 'JSONRPC_INVALID_REQUEST',
        idText: '"7"',
      });
    }
  });

  test('an empty id and an empty method', () => {
    const text = '{"jsonrpc":"2.0","id":"","method":"","params":{}}';
    expect(parse(text, rules)).toMatchObject({ message: { kind: 'request', id: '', method: '' } });
  });
});

describe.each(BOTH)('on a %s, refuses', (rules) => {
  test.each([
    '',
    '{',
    '{"id":"7"',
    '[]',
    '[{"jsonrpc":"2.0","method":"m","params":{}}]',
    '"x"',
    'null',
    '\ufeff{}',
  ])('%j as no JSON object', (text) => {
    expect(parse(text, rules)).toEqual(refusedAs('PARSE_ERROR'));
  });

  test('bytes that are not UTF-8', () => {
    const text = Buffer.from('{"jsonrpc":"2.0","method":"m\xff","params":{}}', 'latin1');
    expect(parseMessage(text, rules)).toMatchObject({ ok: false, code: 'JSONRPC_PARSE_ERROR' });
  });

  test.each([
    '{}',
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","id":"7"}',
    '{"method":"m","params":{}}',
    '{"jsonrpc":"1.0","method":"m","params":{}}',
    '{"jsonrpc":2.0,"method":"m","params":{}}',
    '{"jsonrpc":null,"method":"m","params":{}}',
    '{"jsonrpc":"2.0 ","method":"m","params":{}}',
    '{"jsonrpc":"2.0","method":7,"params":{}}',
    '{"jsonrpc":"2.0","method":null,"params":{}}',
    '{"jsonrpc":"2.0","method":"m","params":null}',
    '{"jsonrpc":"2.0","method":"m","params":[]}',
    '{"jsonrpc":"2.0","method":"m","params":"{}"}',
    '{"jsonrpc":"2.0","id":null,"method":"m","params":{}}',
    '{"jsonrpc":"2.0","id":true,"method":"m","params":{}}',
    '{"jsonrpc":"2.0","id":["7"],"method":"m","params":{}}',
    '{"jsonrpc":"2.0","id":"7","method":"m","params":{},"result":{}}',
    '{"jsonrpc":"2.0","id":"7","method":"m","params":{},"error":null}',
    '{"jsonrpc":"2.0","id":"7","result":{},"error":{}}',
    '{"jsonrpc":"2.0","id":"7","result":{},"error":null}',
    '{"jsonrpc":"2.0","id":"7","result":null,"error":{}}',
    '{"jsonrpc":"2.0","id":"7","result":{},"params":{}}',
    '{"jsonrpc":"2.0","id":"7","error":{},"params":{}}',
    '{"jsonrpc":"2.0","id":"7","result":[]}',
    '{"jsonrpc":"2.0","id":"7","result":"ok"}',
    '{"jsonrpc":"2.0","id":"7","error":null}',
    '{"jsonrpc":"2.0","id":"7","error":"bad"}',
    '{"jsonrpc":"2.0","id":null,"result":{}}',
    '{"jsonrpc":"2.0","result":{}}',
  ])('%s as no message', (text) => {
    expect(parse(text, rules)).toEqual(INVALID);
  });

  test.each(['jsonrpc', 'id', 'method', 'params', 'result', 'response_to', 'connection', 'other'])(
    'a second %s',
    (name) => {
      const text = `{"jsonrpc":"2.0","id":"7","method":"m","params":{},"${name}":1,"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}":1}`;
      expect(parse(text, rules)).toEqual(INVALID);
    },
  );

  test('naming the id as it was written', () => {
    const idText = '"\\u0037"';
    expect(parse(`{"jsonrpc":"2.0","id":${idText},"method":"m","params":[]}`, rules)).toMatchObject({
      idText,
    });
    expect(parse(`{"jsonrpc":"2.0","id":${idText},"method":"m","method":"n"}`, rules)).toMatchObject({
      idText,
    });
    expect(parse(`{"jsonrpc":"1.0","id":${idText},"result":{}}`, rules)).toMatchObject({ idText });
  });

  test('without an id that is given twice', () => {
    expect(parse('{"jsonrpc":"2.0","id":"7","id":"8","method":"m"}', rules)).not.toHaveProperty('idText');
  });

  test('without quoting the message', () => {
    const pan = '4111111111111111';
    for (const text of [
      `{"jsonrpc":"${pan}"}`,
      `{"jsonrpc":"2.0","method":${pan}}`,
      `{"jsonrpc":"2.0","id":[${pan}],"method":"m","params":{}}`,
      `{"jsonrpc":"2.0","method":"m","params":"${pan}"}`,
      `{"jsonrpc":"2.0","method":"m","connection":${pan}}`,
      `{"${pan}":1,"${pan}":1}`,
    ]) {
      expect(parse(text, rules)).toMatchObject({ ok: false, why: expect.not.stringContaining('4111') });
    }
  });
});

describe('on a wire only, refuses', () => {
  test.each([
    '{"jsonrpc":"2.0","method":"m"}',
    '{"jsonrpc":"2.0","id":"7","method":"m"}',
    '{"jsonrpc":"2.0","id":7,"method":"m","params":{}}',
    '{"jsonrpc":"2.0","id":7,"result":{}}',
    '{"jsonrpc":"2.0","id":"7","result":null}',
    '{"jsonrpc":"2.0","id":null,"error":{}}',
  ])('%s', (text) => {
    expect(parse(text, 'wire')).toEqual(INVALID);
    expect(parse(text, 'wire')).not.toHaveProperty('isErrorWithoutId');
  });

  test('nothing because of a connection, which it does not know', () => {
    const text = '{"jsonrpc":"2.0","method":"m","params":{},"connection":7}';
    expect(parse(text, 'wire')).toMatchObject({ ok: true });
    expect(parse(text, 'wire')).not.toHaveProperty('connection');
  });
});

describe('on a line only', () => {
  test('reads missing params as an empty object', () => {
    const text = '{"jsonrpc":"2.0","id":"7","method":"m"}';
    expect(parse(text, 'line')).toMatchObject({ message: { kind: 'request', params: '{}' } });
  });

  test('reads a null result as an empty object', () => {
    const text = '{"jsonrpc":"2.0","id":"7","result":null}';
    expect(parse(text, 'line')).toMatchObject({ message: { kind: 'result', text: '{}' } });
  });

  test.each(['7', '-1', '1.0', '1e2', '123456789012345678901234567890', `1${'0'.repeat(255)}`])(
    'keeps the number %s as an id exactly as it is written',
    (id) => {
      const written = { id, idText: id };
      expect(parse(`{"jsonrpc":"2.0","id":${id},"method":"m"}`, 'line')).toMatchObject({ message: written });
      expect(parse(`{"jsonrpc":"2.0","id":${id},"result":{}}`, 'line')).toMatchObject({ message: written });
      expect(parse(`{"jsonrpc":"2.0","id":${id}}`, 'line')).toMatchObject({ ok: false, idText: id });
    },
  );

  test('refuses a number of more than 256 digits as an id', () => {
    const refused = parse(`{"jsonrpc":"2.0","id":1${'0'.repeat(256)},"method":"m"}`, 'line');
    expect(refused).toEqual(INVALID);
    expect(refused).not.toHaveProperty('idText');
  });

  test('reads the connection', () => {
    for (const body of ['"method":"m"', '"id":"7","result":{}']) {
      const text = `{"jsonrpc":"2.0","connection":"till\\u002d1",${body}}`;
      expect(parse(text, 'line')).toMatchObject({ ok: true, connection: 'till-1' });
    }
  });

  test.each(['7', 'null', '{}', `"${'x'.repeat(257)}"`])('refuses the connection %s', (connection) => {
    const text = `{"jsonrpc":"2.0","id":"7","method":"m","connection":${connection}}`;
    expect(parse(text, 'line')).toMatchObject({ ok: false, code: 'JSONRPC_INVALID_REQUEST', idText: '"7"' });
  });

  test.each(['{"jsonrpc":"2.0","id":null,"error":{"code":1}}', '{"jsonrpc":"2.0","error":{}}'])(
    'tells %s apart: it answers no request',
    (text) => {
      expect(parse(text, 'line')).toEqual({
        ok: false,
        code: 'JSONRPC_INVALID_REQUEST',
        why: 'an error without an id',
        isErrorWithoutId: true,
      });
    },
  );
});

describe('whatever comes in', () => {
  const SEED = Buffer.from(
    '{"jsonrpc":"2.0","id":"7","method":"m","params":{"a":[1]},"result":{},"error":null}',
  );
  const ALPHABET = Buffer.from('{}[]":,\\u0127mnull ä');

  test('answers without throwing', () => {
    const random = seededRandom(7);
    for (let count = 0; count < 20_000; count += 1) {
      const text = mutated(count % 2 === 0 ? SEED : SEED.subarray(0, -25), random, ALPHABET);
      for (const rules of BOTH) expect(parseMessage(text, rules)).toHaveProperty('ok');
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const rules of BOTH) expect(parseMessage(Buffer.from(bytes), rules).ok).toBe(false);
      }),
      { seed: 4, numRuns: 2000 },
    );
  });

  test('keeps every value as it was written', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.string({ unit: 'binary', maxLength: 20 }), (value, id) => {
        const params = `{"v":${value}}`;
        const idText = JSON.stringify(id);
        const text = ` { "params" : ${params} , "id" : ${idText} ,"jsonrpc":"2.0","method":${idText}}`;
        expect(parse(text, 'wire')).toMatchObject({
          message: { params, id, idText, method: id, methodText: idText },
        });
      }),
      { seed: 5, numRuns: 1000 },
    );
  });
});

test('gives empty objects as they were written, and leaves what it has given alone', () => {
  const paramsOf = (params: string) => {
    const parsed = parseMessage(
      Buffer.from(`{"jsonrpc":"2.0","id":"1","method":"m","params":${params}}`),
      'wire',
    );
    return parsed.ok && parsed.message.kind === 'request' ? parsed.message.params : undefined;
  };
  const first = paramsOf('{}');
  expect(['{ }', '{\n}', '{}', '{"a":1}'].map((params) => paramsOf(params)?.toString())).toEqual([
    '{ }',
    '{\n}',
    '{}',
    '{"a":1}',
  ]);
  expect(first?.toString()).toBe('{}');
});
