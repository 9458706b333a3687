import type { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestApplication } from '../kit/application.ts';
import { frameOf, type RegisterMessage, type TestRegister } from '../kit/register.ts';
import { frameAround, MEMORY_LIMIT_BYTES } from './abuse-kit.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';

/** Texts that are allowed, though nobody expects them, and their neighbours that are not. */

const MAX_JSON = 262_134;

let bench: Workbench;
let application: TestApplication;
let bridge: Running;
let register: TestRegister;
let connection = '';

beforeEach(async () => {
  bench = await Workbench.open();
  application = await bench.application();
  bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`, '--name', 'till']);
  register = bridge.register();
  connection = (await application.waitFor('_Connected')).message?.connection ?? '';
});
afterEach(() => bench.close());

/** The first request that the application gets. */
const asked = async (method?: string) => {
  const { message, text } = await application.waitFor((line) => application.requests(method).includes(line));
  return { id: message?.id ?? '', method: message?.method, text };
};
/** Answers it; a text is JSON as it is. */
const reply = async (result: string | object) => {
  const text = typeof result === 'string' ? result : JSON.stringify(result);
  application.send(`{"jsonrpc":"2.0","id":"${(await asked()).id}","result":${text}}\n`);
};
const answered = (id: string) =>
  register.waitFor((message) => message.id === id && message.method === undefined);

/** A request in exactly these words reaches the application as a line that ends so after its id. */
async function expectLine(request: string, rest: string): Promise<void> {
  register.write(frameAround(request));
  const { id, text } = await asked();
  expect(id).toMatch(/^[\w.]{12}-1$/);
  expect(text).toBe(`{"connection":"${connection}","jsonrpc":"2.0","id":"${id}",${rest}`);
}

async function expectBroken(code: string): Promise<void> {
  await register.closed;
  expect(register.closeReason?.data.string_code).toBe(code);
  expect(register.faults).toEqual([]);
  register.end();
  expect(await bridge.exited).toEqual(exitedWith(76));
  expect(bridge.errors).not.toMatch(/internal error|^\s+at /m);
}

/** The connection goes on, and then ends in good order. */
async function expectWell(): Promise<void> {
  expect((await register.request('_Keepalive')).result).toEqual({});
  expect(register.faults).toEqual([]);
  expect(bridge.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
  register.end();
  expect(await bridge.exited).toEqual(exitedWith(0));
  expect(bridge.errors).not.toMatch(/internal error|^\s+at /m);
}

describe('a frame', () => {
  const padded = (bytes: number) => {
    const head = '{"jsonrpc":"2.0","id":"big","method":"Print","params":{"text":"';
    return `${head}${'x'.repeat(bytes - head.length - 3)}"}}`;
  };

  test('of 262 134 bytes reaches the application, and an answer of that size comes back', async () => {
    const text = padded(MAX_JSON);
    expect(text).toHaveLength(MAX_JSON);
    const params = text.slice(text.indexOf('"params"'));
    await expectLine(text, `"method":"Print",${params}`);
    const frame = '{"jsonrpc":"2.0","id":"big","response_to":"Print","result":{"text":""}}';
    const result = { text: 'y'.repeat(MAX_JSON - frame.length) };
    await reply(result);
    const answer = await answered('big');
    expect(answer.text).toHaveLength(MAX_JSON);
    expect(answer.result).toEqual(result);
    await expectWell();
  });

  test('of 262 135 bytes is refused before its text is there', async () => {
    register.write('0003fff7:{');
    await expectBroken('JSONRPC_PARSE_ERROR');
  });

  test.each([
    ['[', '['.repeat(MAX_JSON)],
    ['{"a":', '{"a":'.repeat(MAX_JSON / 5 + 1).slice(0, MAX_JSON)],
    ['[ closed', `${'['.repeat(MAX_JSON / 2)}${']'.repeat(MAX_JSON / 2)}`],
    ['quotes', '"'.repeat(MAX_JSON)],
    ['backslashes', `{"${'\\'.repeat(MAX_JSON - 2)}`],
    ['spaces', ' '.repeat(MAX_JSON)],
    ['zero bytes', '\0'.repeat(MAX_JSON)],
    ['digits', '1'.repeat(MAX_JSON)],
  ])('of nothing but %s is refused', async (_, text) => {
    expect(text).toHaveLength(MAX_JSON);
    register.write(frameAround(text));
    await expectBroken('JSONRPC_PARSE_ERROR');
    expect(application.requests()).toEqual([]);
  });

  test.each([
    ['a lone continuation byte', Buffer.from([0x80])],
    ['an overlong slash', Buffer.from([0xc0, 0xaf])],
    ['a surrogate half in UTF-8', Buffer.from([0xed, 0xa0, 0x80])],
    ['a character beyond U+10FFFF', Buffer.from([0xf4, 0x90, 0x80, 0x80])],
    ['a character that is cut', Buffer.from([0xe2, 0x82])],
    ['a control character', Buffer.from([0x1f])],
    ['a broken escape', Buffer.from('\\u12g4')],
  ])('with %s in a string is refused', async (_, bytes) => {
    const [head = '', tail = ''] = '{"jsonrpc":"2.0","id":"x","method":"Print","params":{"a":"§"}}'.split(
      '§',
    );
    register.write(frameAround(Buffer.concat([Buffer.from(head), bytes, Buffer.from(tail)])));
    await expectBroken('JSONRPC_PARSE_ERROR');
    expect(application.requests()).toEqual([]);
  });

  test.each([
    ['jsonrpc', '{"jsonrpc":"2.0","jsonrpc":"2.0","id":"x","method":"Print","params":{}}'],
    ['id', '{"jsonrpc":"2.0","id":"x","method":"Print","params":{},"id":"x"}'],
    ['method, once in escapes', '{"jsonrpc":"2.0","id":"x","method":"Print","\\u006dethod":"P","params":{}}'],
    ['params', '{"jsonrpc":"2.0","id":"x","method":"Print","params":{},"params":{"a":1}}'],
    ['connection', '{"connection":"a","connection":"b","jsonrpc":"2.0","id":"x","method":"P","params":{}}'],
    ['a name that nobody knows', '{"jsonrpc":"2.0","id":"x","method":"P","params":{},"q":1,"q":2}'],
    ['__proto__', '{"jsonrpc":"2.0","id":"x","method":"P","params":{},"__proto__":1,"__proto__":2}'],
  ])('with %s twice at the top is refused', async (_, text) => {
    register.write(frameAround(text));
    await expectBroken('JSONRPC_INVALID_REQUEST');
    expect(application.requests()).toEqual([]);
  });

  test('with an id or a method of 256 characters passes, with 257 it is refused', async () => {
    const id = 'i'.repeat(256);
    const method = 'M'.repeat(256);
    void register.request(method, {}, { id });
    expect((await asked()).method).toBe(method);
    await reply({});
    expect((await answered(id)).response_to).toBe(method);
    void register.request(`${method}M`, {}, { id: 'x' });
    await expectBroken('JSONRPC_INVALID_REQUEST');
  });

  test('with an id that is still in use is refused', async () => {
    void register.request('Print', {}, { id: 'twice' });
    await asked();
    register.write(frameAround('{"jsonrpc":"2.0","id":"\\u0074wice","method":"Status","params":{}}'));
    await expectBroken('JSONRPC_INVALID_REQUEST');
    expect(application.requests('Status')).toEqual([]);
  });
});

describe('nesting', () => {
  const nested = (depth: number) =>
    `{"jsonrpc":"2.0","id":"d${depth}","method":"Print","params":${'{"a":'.repeat(depth - 2)}{}${'}'.repeat(depth - 1)}`;

  test('of 100 levels passes, one more is answered with JSONRPC_INVALID_PARAMS', async () => {
    register.write(frameAround(nested(101)));
    expect((await answered('d101')).error?.data.string_code).toBe('JSONRPC_INVALID_PARAMS');
    register.write(frameAround(nested(100)));
    await asked();
    expect(application.requests()).toHaveLength(1);
    await reply({});
    expect((await answered('d100')).result).toEqual({});
    await expectWell();
  });

  test('as deep as a frame can be is answered, in an object or in arrays, and from an application too', async () => {
    const braces = Math.floor((MAX_JSON - 100) / 6);
    register.write(frameAround(nested(braces)));
    expect((await answered(`d${braces}`)).error?.data.string_code).toBe('JSONRPC_INVALID_PARAMS');
    const half = MAX_JSON / 2 - 40;
    const arrays = `{"a":${'['.repeat(half)}${']'.repeat(half)}}`;
    register.write(frameAround(`{"jsonrpc":"2.0","id":"e","method":"Print","params":${arrays}}`));
    expect((await answered('e')).error?.data.string_code).toBe('JSONRPC_INVALID_PARAMS');

    void register.request('Print', {}, { id: 'f' });
    const { id } = await asked();
    await reply(arrays);
    const complaint = await application.waitFor(({ message }) => message?.error !== undefined);
    expect(complaint.message).toMatchObject({
      id: null,
      error: { data: { string_code: 'JSONRPC_INVALID_PARAMS', id } },
    });
    await reply({});
    expect((await answered('f')).result).toEqual({});
    await expectWell();
  });
});

describe('values', () => {
  const VALUES: [string, string][] = [
    [
      'keys of every object',
      '{"__proto__":{"x":1},"constructor":{"prototype":{"y":2}},"hasOwnProperty":1,"toString":null}',
    ],
    ['lone surrogates', '{"high":"\\ud800","low":"\\uDFFF","wrong way round":"\\udc00\\ud800"}'],
    ['surrogate pairs', '{"pair":"\\ud83d\\ude00","mixed":"\\uD83D\\uDE00\\ud83d"}'],
    ['huge numbers', '{"a":1e400,"b":-1E+400,"c":1e-400,"d":0.1000,"e":-0,"f":1.0e0,"g":1E5}'],
    [
      'integers of 400 digits',
      `{"n":${'9'.repeat(400)},"m":-${'1234567890'.repeat(40)},"exact":9007199254740993}`,
    ],
    ['members given twice', '{"a":1,"a":2,"":0,"":1,"b":{"c":1,"c":[]}}'],
    ['spaces', '{ "a" : [ 1 , 2 ] ,  "b":{ } }'],
    ['escapes', '{"\\u0061\\/b":"\\u0041\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u007f\\u2028"}'],
    ['keys out of order', '{"b":1,"2":2,"a":3,"1":4}'],
    ['empty things', '{"":"","a":{},"b":[],"c":[[]],"d":null}'],
  ];

  test.each(VALUES)('%s arrive byte for byte, in either direction', async (_, params) => {
    await expectLine(
      `{"jsonrpc":"2.0","id":"v","method":"Print","params":${params}}`,
      `"method":"Print","params":${params}}`,
    );
    await reply(params);
    expect((await answered('v')).text).toBe(
      `{"jsonrpc":"2.0","id":"v","response_to":"Print","result":${params}}`,
    );

    // The other way round: a request of the application and its answer.
    application.send(`{"jsonrpc":"2.0","id":1.50,"method":"PosMessage","params":${params}}\n`);
    const question = await register.waitFor('PosMessage');
    expect(question.text).toBe(
      `{"jsonrpc":"2.0","id":${JSON.stringify(question.id)},"method":"PosMessage","params":${params}}`,
    );
    register.write(frameAround(`{"jsonrpc":"2.0","id":${JSON.stringify(question.id)},"result":${params}}`));
    const back = await application.waitFor(({ message }) => message?.result !== undefined);
    expect(back.text).toBe(`{"connection":"${connection}","jsonrpc":"2.0","id":1.50,"result":${params}}`);
    application.send(`{"jsonrpc":"2.0","method":"StatusEvent","params":${params}}\n`);
    expect((await register.waitFor('StatusEvent')).text).toBe(
      `{"jsonrpc":"2.0","method":"StatusEvent","params":${params}}`,
    );
    await expectWell();
  });

  test('line breaks between tokens become spaces, nothing else does', async () => {
    await expectLine(
      '{\r\n"jsonrpc":"2.0",\n"id":"l"\n,"method"\n:"Print","params":{\r\n "a":\n1 ,\t"b":"\\n"\n}\n}\n',
      `"method":"Print","params":{   "a": 1 ,\t"b":"\\n" }}`,
    );
    await reply({});
    await answered('l');
    await expectWell();
  });

  test('text that is not ASCII reaches the application as it is and the register as ASCII', async () => {
    const text = 'Käse 1,23 € 日本 😀 \u007f \u0080 \u2028\u2029\ufeff\uffff \u{10ffff}';
    await expectLine(
      `{"jsonrpc":"2.0","id":"ü€😀","method":"Drück","params":{"ключ":"${text}"}}`,
      `"method":"Drück","params":{"ключ":"${text}"}}`,
    );
    await reply(`{"ключ":"${text}"}`);
    // The register of this test takes nothing but ASCII.
    const answer = await answered('ü€😀');
    expect(answer.result).toEqual({ ключ: text });
    expect(answer.response_to).toBe('Drück');
    expect(answer.text).toContain('"id":"\\u00fc\\u20ac\\ud83d\\ude00"');
    expect(answer.text).toContain('\\u007f');
    application.send(`{"jsonrpc":"2.0","method":"Zäh","params":{"a":"${text}\\ud800"}}\n`);
    expect((await register.waitFor('Zäh')).params).toEqual({ a: `${text}\ud800` });
    await expectWell();
  });

  test('an answer that is too large only because it must be escaped is RESPONSE_TOO_LARGE', async () => {
    void register.request('Print', {}, { id: 'x' });
    await reply({ text: '€'.repeat(50_000) });
    expect((await answered('x')).error?.data.string_code).toBe('RESPONSE_TOO_LARGE');
    await expectWell();
  });

  test('members of the register that are no part of JSON-RPC are left out, its connection first of all', async () => {
    await expectLine(
      '{"connection":"other.1","response_to":"y","params":{"connection":"mine"},"method":"\\u0050rint","extra":[1],"id":"\\u0061","jsonrpc":"\\u0032.0","__proto__":{}}',
      `"method":"\\u0050rint","params":{"connection":"mine"}}`,
    );
    application.send({ connection, jsonrpc: '2.0', id: (await asked()).id, result: {}, extra: 1 });
    expect((await answered('a')).text).toBe(
      '{"jsonrpc":"2.0","id":"\\u0061","response_to":"\\u0050rint","result":{}}',
    );
    await expectWell();
  });

  test('a transaction with an identifier given twice is refused before anybody sees it', async () => {
    register.write(
      frameAround(
        '{"jsonrpc":"2.0","id":"p","method":"Purchase","params":{"receipt_id":1,"receipt_id":2,"sequence_id":1,"amount":1}}',
      ),
    );
    expect((await answered('p')).error?.data.string_code).toBe('JSONRPC_INVALID_PARAMS');
    expect(application.requests()).toEqual([]);
    await expectWell();
  });
});

test('a whole conversation goes one byte a write, in both directions', async () => {
  application.handler = ({ method }) => (method === 'Status' ? { result: { ok: true } } : undefined);
  const conversation = [
    { jsonrpc: '2.0', id: 's-1', method: '_Sync', params: {} },
    { jsonrpc: '2.0', id: 'a-1', method: 'Status', params: { text: 'ä€😀' } },
    { jsonrpc: '2.0', id: 'k-1', method: '_Keepalive', params: {} },
    { jsonrpc: '2.0', method: 'Note', params: {} },
    { jsonrpc: '2.0', id: 'a-2', method: 'Print', params: { lines: ['1', '2'] } },
  ];
  const frames = conversation.map((message) => frameAround(JSON.stringify(message)));
  await byBytes(bridge.child.stdin as Writable, Buffer.concat(frames));
  expect((await answered('s-1')).result).toEqual({});
  expect((await answered('k-1')).result).toEqual({});
  expect((await answered('a-1')).result).toEqual({ ok: true });
  expect((await application.waitFor('Note')).message?.params).toEqual({});
  const { id } = await asked('Print');
  const lines = [
    { jsonrpc: '2.0', id, result: { text: 'ä€😀' } },
    { jsonrpc: '2.0', method: 'StatusEvent', params: {} },
  ];
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\r\n`).join('\n'));
  await byBytes(application.attachment.socket, bytes);
  expect((await answered('a-2')).result).toEqual({ text: 'ä€😀' });
  await register.waitFor('StatusEvent');
  await byBytes(
    bridge.child.stdin as Writable,
    Buffer.from(frameOf({ jsonrpc: '2.0', method: '_CloseReason', params: { error: reason('BYE') } })),
  );
  await register.closed;
  expect(register.closeReason?.data.string_code).toBe('BYE');
  expect(register.faults).toEqual([]);
  register.end();
  expect(await bridge.exited).toEqual(exitedWith(0));
});

function reason(code: string): RegisterMessage['error'] {
  return { code: 1, message: 'Bye.', data: { string_code: code, details: '' } };
}

async function byBytes(stream: Writable, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 1)
    await new Promise<void>((resolve, reject) => {
      stream.write(bytes.subarray(at, at + 1), (fault) => (fault ? reject(fault) : resolve()));
    });
}
