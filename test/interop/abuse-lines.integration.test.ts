import { execFileSync } from 'node:child_process';
import { appendFileSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApplicationLine, TestApplication } from '../kit/application.ts';
import type { TestRegister } from '../kit/register.ts';
import { MEMORY_LIMIT_BYTES } from './abuse-kit.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';

/** What an application may write, and what it is told when it must not. */

const { O_NONBLOCK, O_RDWR } = constants;
const MAX_LINE = 1024 * 1024;

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** The complaints that an application got, in order. */
function complaints(application: TestApplication): NonNullable<ApplicationLine['message']>[] {
  return application.lines.flatMap(({ message }) =>
    message?.error !== undefined && message.method === undefined ? [message] : [],
  );
}

/** The first complaint with this code after the first `count`. */
function complaint(application: TestApplication, count = 0): Promise<ApplicationLine> {
  return application.waitFor((line) => complaints(application).indexOf(line.message ?? {}) >= count);
}

describe('one application with one register', () => {
  let application: TestApplication;
  let bridge: Running;
  let register: TestRegister;
  let connection = '';

  /** The bridge's own ids by the register's. */
  const ids = new Map<string, string>();

  beforeEach(async () => {
    ids.clear();
    application = await bench.application();
    bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`, '--name', 'till']);
    register = bridge.register();
    const { message } = await application.waitFor('_Connected');
    connection = message?.connection ?? '';
  });

  /** An open request, seen by the application. */
  async function open(id: string, method = 'Print', params = {}): Promise<void> {
    const before = application.requests().length;
    void register.request(method, params, { id });
    const { message } = await application.waitFor((line) => application.requests().indexOf(line) >= before);
    ids.set(id, message?.id ?? '');
  }

  /** A line of the application, in which the register's ids stand for the bridge's. */
  function say(line: string | object): void {
    const text = typeof line === 'string' ? line : `${JSON.stringify(line)}\n`;
    application.send(renamed(Buffer.from(text)).toString());
  }

  function renamed(line: string | Buffer): Buffer {
    const text = (typeof line === 'string' ? Buffer.from(line) : line).toString('latin1');
    const id = /"id":"([\w-]+)"/.exec(text)?.[1] ?? '';
    return Buffer.from(text.replace(`"id":"${id}"`, `"id":"${ids.get(id) ?? id}"`), 'latin1');
  }

  const answer = (id: string) =>
    register.waitFor((message) => message.id === id && message.method === undefined);

  /** The request is still open: the right answer is the first that it gets. */
  async function expectStillOpen(id: string): Promise<void> {
    say({ jsonrpc: '2.0', id, result: { last: id } });
    expect((await answer(id)).result).toEqual({ last: id });
  }

  async function expectWell(): Promise<void> {
    expect((await register.request('_Keepalive')).result).toEqual({});
    expect(register.faults).toEqual([]);
    expect(register.unexpected).toEqual([]);
    expect(bridge.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(bridge.errors).not.toMatch(/internal error|^\s+at /m);
  }

  test('lines of 8 KB to 1 MiB are taken, whatever of them fits a frame goes on', async () => {
    for (const bytes of [8192, 65_536, 262_144, MAX_LINE - 1, MAX_LINE]) {
      // An answer that is small itself, in a line made long by a member that nobody wants.
      const id = `line-${bytes}`;
      await open(id);
      const head = `{"jsonrpc":"2.0","id":"${ids.get(id)}","result":{"n":${bytes}},"filling":"`;
      application.send(`${head}${'f'.repeat(bytes - head.length - 2)}"}\n`);
      expect((await answer(id)).result).toEqual({ n: bytes });
    }
    for (const size of [8000, 65_000, 262_000]) {
      const text = 't'.repeat(size);
      say({ jsonrpc: '2.0', method: 'Large', params: { text } });
      expect((await register.waitFor(({ params }) => params?.['text'] === text)).method).toBe('Large');
    }
    expect(complaints(application)).toEqual([]);
    await expectWell();
  });

  test('a line over 1 MiB is refused by an error line, and what it wanted to answer is still open', async () => {
    await open('x');
    for (const bytes of [MAX_LINE + 1, 5 * MAX_LINE]) {
      const count = complaints(application).length;
      const head = '{"jsonrpc":"2.0","id":"x","result":{"text":"';
      say(`${head}${'t'.repeat(bytes - head.length - 3)}"}}\n`);
      const { message } = await complaint(application, count);
      expect(message).toMatchObject({
        id: null,
        error: { code: -32700, data: { string_code: 'JSONRPC_PARSE_ERROR' } },
      });
    }
    await expectStillOpen('x');
    await expectWell();
  });

  test('100 MB without a line end costs no memory', async () => {
    const megabyte = Buffer.alloc(1_000_000, '{"a":');
    const { socket } = application.attachment;
    for (let sent = 0; sent < 100; sent += 1)
      await new Promise<void>((resolve) => socket.write(megabyte, () => resolve()));
    say('\n');
    expect((await complaint(application)).message?.error?.data?.['string_code']).toBe('JSONRPC_PARSE_ERROR');
    await open('x');
    await expectStillOpen('x');
    expect(bridge.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
    await expectWell();
  });

  test.each([
    ['rubbish', 'Segmentation fault (core dumped)', 'JSONRPC_PARSE_ERROR'],
    [
      'bytes that are no UTF-8',
      Buffer.from('{"jsonrpc":"2.0","id":"x","result":{"a":"\xff"}}', 'latin1'),
      'JSONRPC_PARSE_ERROR',
    ],
    ['half an object', '{"jsonrpc":"2.0","id":"x","result":{"a":1}', 'JSONRPC_PARSE_ERROR'],
    ['an object and more', '{"jsonrpc":"2.0","id":"x","result":{}} {}', 'JSONRPC_PARSE_ERROR'],
    ['a text', '"x"', 'JSONRPC_PARSE_ERROR'],
    ['an empty batch', '[]', 'JSONRPC_PARSE_ERROR'],
    ['a batch with the answer', '[{"jsonrpc":"2.0","id":"x","result":{}}]', 'JSONRPC_PARSE_ERROR'],
    ['a million brackets', '['.repeat(1_000_000), 'JSONRPC_PARSE_ERROR'],
    ['an object without a version', '{"id":"x","result":{}}', 'JSONRPC_INVALID_REQUEST'],
    ['an object with nothing to say', '{"jsonrpc":"2.0","id":"x"}', 'JSONRPC_INVALID_REQUEST'],
    ['a result that is a list', '{"jsonrpc":"2.0","id":"x","result":[1]}', 'JSONRPC_INVALID_REQUEST'],
    ['a result that is a number', '{"jsonrpc":"2.0","id":"x","result":5}', 'JSONRPC_INVALID_REQUEST'],
    ['a result that is a text', '{"jsonrpc":"2.0","id":"x","result":"ok"}', 'JSONRPC_INVALID_REQUEST'],
    [
      'a result and an error',
      '{"jsonrpc":"2.0","id":"x","result":{},"error":{"code":1,"message":""}}',
      'JSONRPC_INVALID_REQUEST',
    ],
    ['a result twice', '{"jsonrpc":"2.0","id":"x","result":{},"result":{}}', 'JSONRPC_INVALID_REQUEST'],
    ['an error that is a text', '{"jsonrpc":"2.0","id":"x","error":"no"}', 'JSONRPC_INVALID_REQUEST'],
    [
      'an error without a code',
      '{"jsonrpc":"2.0","id":"x","error":{"message":"no"}}',
      'JSONRPC_INVALID_REQUEST',
    ],
    [
      'an error with a code that is a text',
      '{"jsonrpc":"2.0","id":"x","error":{"code":"1","message":"no"}}',
      'JSONRPC_INVALID_REQUEST',
    ],
    [
      'params that are a list',
      '{"jsonrpc":"2.0","id":7,"method":"PosMessage","params":[1]}',
      'JSONRPC_INVALID_REQUEST',
    ],
    [
      'a method that is a number',
      '{"jsonrpc":"2.0","id":7,"method":1,"params":{}}',
      'JSONRPC_INVALID_REQUEST',
    ],
    [
      'an id that is an object',
      '{"jsonrpc":"2.0","id":{},"method":"PosMessage","params":{}}',
      'JSONRPC_INVALID_REQUEST',
    ],
    [
      'a connection that is a number',
      '{"connection":1,"jsonrpc":"2.0","id":"x","result":{}}',
      'JSONRPC_INVALID_REQUEST',
    ],
  ])('%s gets one error line, and the request stays open', async (_, line, code) => {
    await open('x');
    application.attachment.socket.write(renamed(line));
    application.send('\n');
    const { message } = await complaint(application);
    expect(message?.error?.data?.['string_code']).toBe(code);
    await expectStillOpen('x');
    expect(complaints(application)).toHaveLength(1);
    await expectWell();
  });

  test('an answer that cannot be one is told apart from a request: id null, the request in data.id', async () => {
    await open('x');
    say('{"jsonrpc":"2.0","id":"x","result":[1]}\n');
    say('{"jsonrpc":"2.0","id":7,"method":"PosMessage","params":[1]}\n');
    const { message: ofAnswer } = await complaint(application);
    expect(ofAnswer).toMatchObject({ id: null, error: { data: { id: ids.get('x') } } });
    const { message: ofRequest } = await complaint(application, 1);
    expect(ofRequest).toMatchObject({ id: 7, error: { data: { string_code: 'JSONRPC_INVALID_REQUEST' } } });
    await expectStillOpen('x');
    await expectWell();
  });

  test('an error line without an id is worth a log line: no answer, so two sides cannot go on for ever', async () => {
    say('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}\n');
    say('{"jsonrpc":"2.0","error":{"code":-32700,"message":"what?"}}\n');
    await open('x');
    await expectStillOpen('x');
    expect(complaints(application)).toEqual([]);
    await expectWell();
  });

  test('empty lines and carriage returns are nothing', async () => {
    await open('x');
    say('\n\r\n\n{"jsonrpc":"2.0","id":"x","result":null}\r\n\r\n');
    expect((await answer('x')).result).toEqual({});
    expect(complaints(application)).toEqual([]);
    await expectWell();
  });

  test('an answer too large for a frame is no answer: the request ends, a purchase stays open', async () => {
    const large = { text: 't'.repeat(262_134) };
    await open('x');
    say({ jsonrpc: '2.0', id: 'x', result: large });
    const { message } = await complaint(application);
    expect(message).toMatchObject({
      connection,
      id: null,
      error: { code: 1, data: { string_code: 'RESPONSE_TOO_LARGE', id: ids.get('x') } },
    });
    expect((await answer('x')).error?.data.string_code).toBe('RESPONSE_TOO_LARGE');

    const params = { receipt_id: 1, sequence_id: 1, amount: 100, currency: 'EUR' };
    await open('purchase', 'Purchase', params);
    say({ jsonrpc: '2.0', id: 'purchase', error: { code: 1, message: 'm', data: large } });
    expect((await complaint(application, 1)).message?.error?.data).toMatchObject({
      string_code: 'RESPONSE_TOO_LARGE',
      id: ids.get('purchase'),
    });
    await expectStillOpen('purchase');
    await expectWell();
  });

  test('a request or notification too large for a frame is refused', async () => {
    const params = { text: 't'.repeat(262_134) };
    say({ jsonrpc: '2.0', id: 12, method: 'PosMessage', params });
    say({ jsonrpc: '2.0', method: 'PosMessage', params });
    const data = { string_code: 'JSONRPC_INVALID_PARAMS' };
    expect((await complaint(application)).message).toMatchObject({ id: 12, error: { data } });
    expect((await complaint(application, 1)).message).toMatchObject({ id: null, error: { data } });
    await expectWell();
  });

  test('the first answer counts, the second, a late one and one to nothing do not', async () => {
    await open('x');
    say({ jsonrpc: '2.0', id: 'x', result: { n: 1 } });
    say({ jsonrpc: '2.0', id: 'x', result: { n: 2 } });
    say({ jsonrpc: '2.0', id: 'x', error: { code: 1, message: 'no' } });
    say({ jsonrpc: '2.0', id: 'never asked', result: {} });
    say({ jsonrpc: '2.0', id: 17, result: {} });
    expect((await answer('x')).result).toEqual({ n: 1 });
    await open('y');
    await expectStillOpen('y');
    expect(register.received.filter(({ id }) => id === 'x')).toHaveLength(1);
    expect(complaints(application)).toEqual([]);
    await expectWell();
  });

  test('what is said for a connection that is not there reaches nobody', async () => {
    await open('x');
    say({ connection: 'other.1', jsonrpc: '2.0', id: 'x', result: { wrong: true } });
    say({
      connection: 'other.1',
      jsonrpc: '2.0',
      method: 'StatusEvent',
      params: { wrong: true },
    });
    say({ connection: 'other.1', jsonrpc: '2.0', id: 3, method: 'PosMessage', params: {} });
    const { message } = await complaint(application);
    expect(message).toMatchObject({ id: 3, error: { data: { string_code: 'CONNECTION_CLOSED' } } });
    await expectStillOpen('x');
    expect(register.received.some(({ text }) => /wrong|PosMessage/.test(text))).toBe(false);
    expect(complaints(application)).toHaveLength(1);
    await expectWell();
  });

  test('names that start with _ do not cross', async () => {
    for (const method of ['_Keepalive', '_CloseReason', '_Connected', '_', '\\u005fSync']) {
      const count = complaints(application).length;
      say(`{"jsonrpc":"2.0","id":"a","method":"${method}","params":{}}\n`);
      const { message } = await complaint(application, count);
      expect(message).toMatchObject({
        id: 'a',
        error: { data: { string_code: 'JSONRPC_METHOD_NOT_FOUND' } },
      });
    }
    say('{"jsonrpc":"2.0","method":"_CloseReason","params":{}}\n');
    await expectWell();
    expect(register.received.some(({ method }) => method === '_Sync' || method === '_Connected')).toBe(false);
  });

  test('ids of an application come back as it wrote them; on the wire they are texts, each its own', async () => {
    register.onRequest = ({ params }) => ({ echo: params?.['n'] ?? null });
    const ids = [
      '1',
      '-7',
      '1.0',
      '1e2',
      '0',
      '9007199254740993',
      '"1"',
      '"\\u0031"',
      '""',
      '"ü\\n"',
      `"${'i'.repeat(256)}"`,
      '1',
    ];
    for (const [n, id] of ids.entries())
      say(`{"jsonrpc":"2.0","id":${id},"method":"PosMessage","params":{"n":${n}}}\n`);
    await application.waitFor(({ message }) => message?.result?.['echo'] === ids.length - 1);
    const answers = application.lines.filter(({ message }) => message?.result !== undefined);
    expect(answers.map(({ text }) => text)).toEqual(
      ids.map((id, n) => `{"connection":"${connection}","jsonrpc":"2.0","id":${id},"result":{"echo":${n}}}`),
    );
    const asked = register.received.filter(({ method }) => method === 'PosMessage').map(({ id }) => id);
    expect(new Set(asked).size).toBe(ids.length);
    await expectWell();
  });

  test('the 4097th request that waits for the register gets BUSY', async () => {
    register.onRequest = () => undefined;
    for (let n = 0; n < 4096; n += 1) say({ jsonrpc: '2.0', id: n, method: 'PosMessage', params: { n } });
    say({ jsonrpc: '2.0', id: 'one more', method: 'PosMessage', params: {} });
    const { message } = await complaint(application);
    expect(message).toMatchObject({ id: 'one more', error: { data: { string_code: 'BUSY' } } });
    const last = await register.waitFor(({ params }) => params?.['n'] === 4095);
    register.respond(last, {});
    expect((await application.waitFor(({ message: one }) => one?.result !== undefined)).message?.id).toBe(
      4095,
    );
    await expectWell();
  });

  test('a late answer, after TIMEOUT, is dropped', async () => {
    const other = bench.startBridge(['--app', `unix:${bench.path('late.sock')}`, '--timeout', '0.2']);
    const late = await bench.application(undefined, { path: bench.path('late.sock') });
    const impatient = other.register();
    const timedOut = await impatient.request('Print', {}, { id: 'x' });
    expect(timedOut.error?.data.string_code).toBe('TIMEOUT');
    late.handler = () => ({ result: { n: 2 } });
    late.send({ jsonrpc: '2.0', id: late.requests('Print')[0]?.message?.id, result: { n: 1 } });
    expect((await impatient.request('Print')).result).toEqual({ n: 2 });
    expect(impatient.unexpected).toEqual([]);
    expect(complaints(late)).toEqual([]);
    await expectWell();
  });
});

describe('one application with several registers', () => {
  async function several() {
    const { server, port } = await bench.startServe(['--app', 'fd:3', '--name', 'till'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const application = bench.applicationOver(server.end(3));
    const [one, two] = [await bench.register(port), await bench.register(port)];
    void one.request('Print', {}, { id: 'x' });
    const { message: first } = await application.waitFor('Print');
    void two.request('Scan', {}, { id: 'x' });
    const { message: second } = await application.waitFor('Scan');
    const names = [first?.connection, second?.connection];
    const ids = [first?.id, second?.id];
    return { application, one, two, names, ids };
  }
  const answer = (register: TestRegister) =>
    register.waitFor(({ id, method }) => id === 'x' && method === undefined);

  test('names the connection of each, and an answer goes where it says', async () => {
    const { application, one, two, names, ids } = await several();
    for (const name of names) expect(name).toMatch(/^till\.[\w.]{12}$/);
    expect(names[0]).not.toBe(names[1]);
    expect(ids[0]).not.toBe(ids[1]);
    const connected = application.lines.filter(({ message }) => message?.method === '_Connected');
    expect(connected.map(({ message }) => message?.connection).toSorted()).toEqual(names.toSorted());
    application.send({ connection: names[1], jsonrpc: '2.0', id: ids[1], result: { for: 2 } });
    application.send({ connection: names[0], jsonrpc: '2.0', id: ids[0], result: { for: 1 } });
    expect((await answer(two)).result).toEqual({ for: 2 });
    expect((await answer(one)).result).toEqual({ for: 1 });
  });

  test('without a connection an answer, a request, a notification are errors as long as there are several', async () => {
    const { application, one, two, names, ids } = await several();
    application.send({ jsonrpc: '2.0', id: ids[0], result: { wrong: true } });
    application.send({ jsonrpc: '2.0', id: 4, method: 'PosMessage', params: { wrong: true } });
    application.send({ jsonrpc: '2.0', method: 'StatusEvent', params: { wrong: true } });
    const data = { string_code: 'JSONRPC_INVALID_REQUEST' };
    expect((await complaint(application)).message).toMatchObject({ id: null, error: { data } });
    expect((await complaint(application, 1)).message).toMatchObject({ id: 4, error: { data } });
    expect((await complaint(application, 2)).message).toMatchObject({ id: null, error: { data } });
    for (const register of [one, two]) {
      expect((await register.request('_Keepalive')).result).toEqual({});
      expect(register.received.some(({ text }) => text.includes('wrong'))).toBe(false);
    }
    // Alone it may be left out again.
    application.send({ connection: names[1], jsonrpc: '2.0', id: ids[1], result: {} });
    await answer(two);
    two.destroy();
    await application.waitFor('_Disconnected');
    application.send({ jsonrpc: '2.0', id: ids[0], result: { for: 1 } });
    expect((await answer(one)).result).toEqual({ for: 1 });
  });

  test('each connection keeps its own ids for what the application asks', async () => {
    const { application, one, two, names } = await several();
    one.onRequest = () => ({ by: 1 });
    two.onRequest = () => ({ by: 2 });
    for (const connection of names)
      application.send({ connection, jsonrpc: '2.0', id: 1, method: 'PosMessage', params: {} });
    for (const [index, connection] of names.entries()) {
      const back = await application.waitFor(
        ({ message }) => message?.connection === connection && message?.result !== undefined,
      );
      expect(back.text).toBe(
        `{"connection":"${connection}","jsonrpc":"2.0","id":1,"result":{"by":${index + 1}}}`,
      );
    }
  });

  test('two share a named pipe line by line, and each has a pipe of its own for its answers', async () => {
    execFileSync('mkfifo', [bench.path('payment')]);
    // Held open for writing too, so that it never ends.
    const pipe = bench.keep(new Socket({ fd: openSync(bench.path('payment'), O_RDWR | O_NONBLOCK) }));
    const { port } = await bench.startServe([
      ...['--payment', `fifo:${bench.path('payment')}`, '--name', 'till'],
      ...['--device', `fifo:${bench.path('device.{connection}')}`],
    ]);
    const application = bench.applicationOver(pipe);
    application.handler = ({ connection, id, method, params }) => {
      if (method !== 'Print') return undefined;
      const answer = { jsonrpc: '2.0', id, result: { n: params?.['n'], connection } };
      appendFileSync(bench.path(`device.${connection}`), `${JSON.stringify(answer)}\n`);
      return undefined;
    };
    const text = 'x'.repeat(8000);
    const registers = [await bench.register(port), await bench.register(port)];
    const answers = registers.map((register) =>
      Array.from({ length: 50 }, (_, n) => register.request('Print', { n, text })),
    );
    const names = await Promise.all(
      answers.map(async (own) => {
        const told = await Promise.all(own);
        expect(told.map(({ result }) => result?.['n'])).toEqual(Array.from({ length: 50 }, (_, n) => n));
        return new Set(told.map(({ result }) => result?.['connection']));
      }),
    );
    expect(names.map(({ size }) => size)).toEqual([1, 1]);
    expect([...(names[0] ?? [])]).not.toEqual([...(names[1] ?? [])]);
    expect(application.lines.filter(({ message }) => message === undefined)).toEqual([]);
    expect(application.requests('Print')).toHaveLength(100);
  });

  test('the simulated terminal is one for all: a purchase of one is BUSY for the other, then known to it', async () => {
    const { port } = await bench.startServe(['--app', 'simulator:?delay=300']);
    const [one, two] = [await bench.register(port), await bench.register(port)];
    const params = { receipt_id: 1, sequence_id: 1, amount: 100, currency: 'EUR' };
    const purchase = one.request('Purchase', params);
    await one.waitFor('StatusEvent');
    const busy = await two.request('Purchase', { ...params, sequence_id: 2 });
    expect(busy.error?.data.string_code).toBe('BUSY');
    const { result } = await purchase;
    expect(result).toBeDefined();
    expect((await two.request('Check', params)).result).toEqual(result);
  });
});
