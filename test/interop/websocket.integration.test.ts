import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { TestRegister } from '../kit/register.ts';
import { frameAround, jsonTextsOf, MEMORY_LIMIT_BYTES } from './abuse-kit.ts';
import { exitedWith, freePort, type Running, readAll, Workbench } from './kit.ts';

/** Registers over WebSocket: one JSON object a text message. The clients are those of the `ws` package. */

const MAX_JSON = 262_134;
const PURCHASE = { receipt_id: 'R-1', sequence_id: 1, amount: 1230, currency: 'EUR' };

let bench: Workbench;
let server: Running;
let port: number;
const sockets: (WebSocket | WebSocketServer)[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) {
    if (socket instanceof WebSocket) socket.terminate();
    else socket.close();
  }
  await bench.close();
});

async function serve(...args: string[]): Promise<void> {
  const listen = ['--listen', 'ws://127.0.0.1:0/jsonpos'];
  const app = args.includes('--app') ? [] : ['--app', 'simulator:?delay=300'];
  ({ server, port } = await bench.startServe([...listen, ...app, ...args]));
}

const url = (path = '/jsonpos') => `ws://127.0.0.1:${port}${path}`;

function dial(options: ClientOptions = {}, protocols: string[] = ['jsonrpc2.0']): WebSocket {
  const ws = new WebSocket(url(), protocols, options);
  sockets.push(ws);
  return ws;
}

async function opened(ws: WebSocket): Promise<WebSocket> {
  await once(ws, 'open');
  ws.on('error', () => {});
  return ws;
}

const open = (...args: Parameters<typeof dial>): Promise<WebSocket> => opened(dial(...args));

interface Client {
  readonly ws: WebSocket;
  readonly register: TestRegister;
  /** The status of the closing frame. */
  readonly status: Promise<number>;
}

/** The register of the other tests, its frames taken off and put on. */
function registerOver(ws: WebSocket): TestRegister {
  const readable = new PassThrough();
  const writable = new Writable({
    write(frame: Buffer, _, done) {
      ws.send(jsonTextsOf(frame).join(''));
      done();
    },
  });
  ws.on('message', (data: Buffer, isBinary) => readable.write(isBinary ? 'binary' : frameAround(data)));
  ws.once('close', () => readable.end());
  return new TestRegister({ readable, writable });
}

async function client(options?: ClientOptions): Promise<Client> {
  const ws = dial(options);
  const status = new Promise<number>((resolve) => ws.once('close', resolve));
  const register = registerOver(ws); // before it opens: what is said at once is heard
  await opened(ws);
  return { ws, register, status };
}

async function expectServed({ register }: Client): Promise<void> {
  expect((await register.request('_Keepalive')).result).toEqual({});
  expect((await register.request('Status')).result).toBeDefined();
  expect(register.faults).toEqual([]);
}

/** The answer to an opening request that is refused. */
function refusal(
  path: string,
  options: ClientOptions = {},
  protocols = ['jsonrpc2.0'],
): Promise<IncomingMessage> {
  const ws = new WebSocket(url(path), protocols, options);
  sockets.push(ws);
  return new Promise((resolve, reject) => {
    ws.once('unexpected-response', (_, response) => {
      response.resume();
      resolve(response);
    });
    ws.once('open', () => reject(new Error('it was let in')));
    ws.once('error', reject);
  });
}

describe('a register', () => {
  test('speaks the subprotocol jsonrpc2.0, or offers none, and no compression', async () => {
    await serve();
    expect((await open()).protocol).toBe('jsonrpc2.0');
    expect((await open({}, ['other', 'jsonrpc2.0'])).protocol).toBe('jsonrpc2.0');
    expect((await open({}, [])).protocol).toBe('');
    expect((await open({ perMessageDeflate: true })).extensions).toBe('');
  });

  test('buys something, is told how it goes, asks again, buys nothing while another does', async () => {
    await serve();
    const [one, two] = [await client(), await client()];
    const purchase = one.register.request('Purchase', PURCHASE);
    await one.register.waitFor('StatusEvent');
    const busy = await two.register.request('Purchase', { ...PURCHASE, sequence_id: 2 });
    expect(busy.error?.data.string_code).toBe('BUSY');
    const { result, response_to } = await purchase;
    expect(result).toBeDefined();
    expect(response_to).toBe('Purchase');
    expect((await two.register.request('Check', PURCHASE)).result).toEqual(result);
    const declined = await two.register.request('Purchase', { ...PURCHASE, sequence_id: 3, amount: 101 });
    expect(declined.error?.data.string_code).toBe('DECLINED');
    for (const { register } of [one, two]) expect(register.faults).toEqual([]);
  });

  test('gets each object in a message of its own, ASCII, without frame or newline', async () => {
    const application = await bench.application(() => ({ result: { text: 'ä€😀\n' } }));
    await serve('--app', `unix:${bench.socketPath}`);
    const ws = await open();
    ws.send(Buffer.from('{"jsonrpc":"2.0","id":"ü","method":"Print","params":{"text":"€"}}'), {
      binary: false,
    });
    const [data, isBinary] = await once(ws, 'message');
    expect(isBinary).toBe(false);
    expect(data.toString()).toBe(
      '{"jsonrpc":"2.0","id":"\\u00fc","response_to":"Print","result":{"text":"\\u00e4\\u20ac\\ud83d\\ude00\\n"}}',
    );
    expect(application.requests('Print')[0]?.text).toContain(',"method":"Print","params":{"text":"€"}}');
  });

  test('may send its message in pieces and pings in between', async () => {
    await serve();
    const ws = await open();
    const text = '{"jsonrpc":"2.0","id":"€","method":"_Keepalive","params":{}}';
    const bytes = Buffer.from(text);
    const pong = once(ws, 'pong');
    const answer = once(ws, 'message');
    for (const [index, byte] of bytes.entries()) {
      ws.send(Buffer.from([byte]), { binary: false, fin: index === bytes.length - 1 });
      if (index === 10) ws.ping('are you there?');
    }
    expect((await pong)[0].toString()).toBe('are you there?');
    expect(JSON.parse((await answer)[0].toString())).toMatchObject({ id: '€', result: {} });
  });

  test('is asked whether it is there, and is given up when it does not answer', async () => {
    await serve('--keepalive', '0.2,0.2,0.4');
    const { register, status } = await client();
    register.answersKeepalive = false;
    await register.waitFor('_Keepalive');
    await register.closed;
    expect(register.closeReason?.data.string_code).toBe('KEEPALIVE');
    await status;
    expect(server.isRunning).toBe(true);
  });

  test('says goodbye and is answered in kind, with status 1000', async () => {
    await serve();
    const { register, status } = await client();
    register.notify('_CloseReason', {
      error: { code: 1, message: 'Bye.', data: { string_code: 'SHOP_CLOSED', details: '' } },
    });
    expect(await status).toBe(1000);
    expect(register.closeReason?.data.string_code).toBe('SHOP_CLOSED');
  });

  test('closes, and its applications hear of it', async () => {
    const application = await bench.application();
    await serve('--app', `unix:${bench.socketPath}`);
    const { ws, register, status } = await client();
    void register.request('Print');
    await application.waitFor('Print');
    ws.close(1000);
    expect(await status).toBe(1000);
    const { message } = await application.waitFor('_Disconnected');
    expect(message?.params).toMatchObject({ reason: 'CONNECTION_CLOSED', pending: [] });
    await application.attachment.closed.catch(() => {});
  });
});

describe('is refused', () => {
  test('a message that is no JSON, no object, no request, with _CloseReason and 1000', async () => {
    await serve();
    const bystander = await client();
    for (const [text, code] of [
      ['', 'JSONRPC_PARSE_ERROR'],
      ['hello', 'JSONRPC_PARSE_ERROR'],
      ['00000002:{}', 'JSONRPC_PARSE_ERROR'],
      ['[]', 'JSONRPC_PARSE_ERROR'],
      ['{}{}', 'JSONRPC_PARSE_ERROR'],
      ['['.repeat(MAX_JSON), 'JSONRPC_PARSE_ERROR'],
      ['{}', 'JSONRPC_INVALID_REQUEST'],
      ['{"jsonrpc":"2.0","id":1,"method":"Status","params":{}}', 'JSONRPC_INVALID_REQUEST'],
      ['{"jsonrpc":"2.0","id":"1","method":"Status"}', 'JSONRPC_INVALID_REQUEST'],
    ] as const) {
      const { ws, register, status } = await client();
      ws.send(text);
      await register.closed;
      expect(register.closeReason?.data.string_code, text.slice(0, 60)).toBe(code);
      expect(await status).toBe(1000);
      await expectServed(bystander);
    }
  });

  test('a binary message, with 1003', async () => {
    await serve();
    const bystander = await client();
    const { ws, register, status } = await client();
    ws.send(Buffer.from('{"jsonrpc":"2.0","id":"1","method":"Status","params":{}}'), { binary: true });
    expect(await status).toBe(1003);
    expect(register.closeReason).toMatchObject({
      data: { string_code: 'JSONRPC_PARSE_ERROR', details: 'a binary WebSocket message' },
    });
    await expectServed(bystander);
  });

  test('a message over 262 134 bytes, with 1009, in one piece or in many; one of that size passes', async () => {
    const application = await bench.application(() => ({ result: {} }));
    await serve('--app', `unix:${bench.socketPath}`);
    const bystander = await client();
    const padded = (bytes: number) => {
      const head = '{"jsonrpc":"2.0","id":"big","method":"Print","params":{"text":"';
      return `${head}${'x'.repeat(bytes - head.length - 3)}"}}`;
    };
    const fitting = await client();
    fitting.ws.send(padded(MAX_JSON));
    expect((await fitting.register.waitFor(({ id }) => id === 'big')).result).toEqual({});

    const large = await client();
    large.ws.send(padded(MAX_JSON + 1));
    expect(await large.status).toBe(1009);
    expect(large.register.closeReason).toMatchObject({
      data: { string_code: 'JSONRPC_PARSE_ERROR', details: 'a WebSocket message over the limit' },
    });

    const pieces = await client();
    for (let sent = 0; sent < 200; sent += 1) pieces.ws.send('x'.repeat(10_000), { fin: false });
    expect(await pieces.status).toBe(1009);
    await expectServed(bystander);
    expect(application.requests('Print')).toHaveLength(1);
    expect(server.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
  });

  test('a message in too many pieces, with 1008', async () => {
    await serve();
    const { ws, register, status } = await client();
    for (let sent = 0; sent < 20_000; sent += 1) ws.send(' ', { fin: false });
    expect(await status).toBe(1008);
    expect(register.closeReason).toMatchObject({
      data: { string_code: 'JSONRPC_PARSE_ERROR', details: 'Too many message fragments' },
    });
    await expectServed(await client());
  });

  test('text that is not UTF-8, with 1007', async () => {
    await serve();
    const { ws, register, status } = await client();
    ws.send(Buffer.from('{"a":"\xff"}', 'latin1'), { binary: false });
    expect(await status).toBe(1007);
    expect(register.closeReason?.data.string_code).toBe('JSONRPC_PARSE_ERROR');
    await expectServed(await client());
  });

  test('a subprotocol that is not ours (400), another path (404), a web page (403)', async () => {
    await serve();
    expect((await refusal('/jsonpos', {}, ['chat'])).statusCode).toBe(400);
    for (const path of ['/', '/jsonpos/', '/jsonpos/x', '/JSONPOS', '/%6asonpos'])
      expect((await refusal(path)).statusCode, path).toBe(404);
    for (const origin of ['https://till.example', 'http://127.0.0.1', 'null'])
      expect((await refusal('/jsonpos', { origin })).statusCode, origin).toBe(403);
    await expectServed(await client());
  });

  test('a web page that is not named; one that is may connect', async () => {
    await serve('--allow-origin', 'https://till.example', '--allow-origin', 'http://localhost:8080');
    for (const origin of ['https://till.example', 'http://localhost:8080'])
      await expectServed(await client({ origin }));
    expect((await refusal('/jsonpos', { origin: 'https://evil.example' })).statusCode).toBe(403);
    await server.says(/this web page may not connect \(403, Origin .*https:\/\/evil\.example/);
    for (const origin of [
      'http://till.example',
      'https://till.example.evil',
      'https://till.example:444',
      'null',
    ])
      expect((await refusal('/jsonpos', { origin })).statusCode, origin).toBe(403);
    await expectServed(await client());
  });

  test('plain HTTP (426), and what is no HTTP at all', async () => {
    await serve();
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const asked = httpRequest({ host: '127.0.0.1', port, path: '/jsonpos', method });
      asked.end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(426);
      expect(response.headers.upgrade).toBe('websocket');
      expect((await readAll(response)).toString()).toMatch(/WebSocket/);
    }
    for (const rubbish of [
      '00000002:{}\n',
      '\0\0\0\0\r\n\r\n',
      `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      const socket = await bench.connect(port);
      const answer = readAll(socket).catch(() => Buffer.alloc(0));
      socket.write(rubbish);
      expect((await answer).toString()).toMatch(/^HTTP\/1\.1 4\d\d |^$/);
    }
    await expectServed(await client());
  });

  test('a frame that breaks the WebSocket protocol', async () => {
    await serve();
    const bystander = await client();
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    for (const frame of [
      Buffer.from([0x81, 0x02, 0x7b, 0x7d]), // not masked
      Buffer.from([0x83, 0x80, 0, 0, 0, 0]), // no such opcode
      Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), // reserved bits
      Buffer.from([0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]), // 2^63 bytes
    ]) {
      const socket = await bench.connect(port);
      socket.write(
        [
          'GET /jsonpos HTTP/1.1',
          'Host: x',
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          `Sec-WebSocket-Key: ${key}`,
          '',
          '',
        ].join('\r\n'),
      );
      const answer = readAll(socket).catch(() => Buffer.from('broken off'));
      socket.write(frame);
      expect((await answer).length).toBeGreaterThan(0);
      socket.destroy();
      await expectServed(bystander);
    }
  });
});

describe('each connection is apart', () => {
  test('one that floods, one that reads nothing, one that stalls in a message, one that is gone', async () => {
    const filling = 'y'.repeat(2000);
    await bench.application(({ method, params }) => {
      return { result: method === 'Purchase' ? { approved: true } : { n: params?.['n'] ?? 0, filling } };
    });
    // Without keepalives of its own, whose answers would get into the message that stalls.
    await serve('--app', `unix:${bench.socketPath}`, '--keepalive', 'off');
    const well = await client();
    const stalled = await client();
    stalled.ws.send('{"jsonrpc":', { fin: false });
    const deaf = await client();
    deaf.ws.pause();
    const flood = await client();
    const answers = [];
    for (let n = 0; n < 3000; n += 1) {
      deaf.ws.send(`{"jsonrpc":"2.0","id":"${n}","method":"Print","params":{"n":${n}}}`);
      answers.push(flood.register.request('Print', { n }));
      if (n % 300 === 0) {
        const leaver = await client();
        void leaver.register.request('Print', { n });
        leaver.ws.terminate();
        await expectServed(well);
      }
    }
    for (const [n, { result }] of (await Promise.all(answers)).entries()) expect(result).toMatchObject({ n });
    await expectServed(well);
    expect((await well.register.request('Purchase', PURCHASE)).result).toEqual({ approved: true });
    stalled.ws.send('"2.0","id":"s","method":"Print","params":{"n":7}}', { fin: true });
    expect((await stalled.register.waitFor(({ id }) => id === 's')).result).toMatchObject({ n: 7 });
    deaf.ws.resume();
    await deaf.register.waitFor(({ id }) => id === '2999', 45_000);
    expect(deaf.register.unexpected.filter(({ result }) => result !== undefined)).toHaveLength(3000);
    expect(deaf.register.faults).toEqual([]);
    expect(server.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
  });

  test('SIGTERM ends each with _CloseReason and 1000', async () => {
    await serve();
    const clients = [await client(), await client(), await client()];
    for (const one of clients) await expectServed(one);
    server.signal('SIGTERM');
    for (const { register, status } of clients) {
      await register.closed;
      expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
      expect(register.received.at(-1)?.method).toBe('_CloseReason');
      expect(await status).toBe(1000);
    }
    expect(await server.exited).toEqual(exitedWith(0));
    await expect(open()).rejects.toThrow(/ECONNREFUSED/);
  });

  test('more than are allowed are told BUSY, and closed', async () => {
    await serve('--max-connections', '1');
    const one = await client();
    await expectServed(one);
    const two = await client();
    expect(await two.status).toBe(1000);
    expect(two.register.closeReason?.data.string_code).toBe('BUSY');
    await expectServed(one);
  });
});

describe('peers that say nothing', () => {
  test('hundreds of them keep no register out, with 256 descriptors, and are gone after 5 s', async () => {
    const command = [
      'serve',
      '--listen',
      'ws://127.0.0.1:0/jsonpos',
      '--app',
      'simulator:',
      '--lock',
      'none',
    ];
    const limited = bench.start('sh', ['-c', 'ulimit -n 256; exec posbridge "$@"', 'sh', ...command]);
    const [, found = ''] = await limited.says(/listening on="?ws:\/\/127\.0\.0\.1:(\d+)/);
    port = Number(found);
    const first = await client();
    await expectServed(first);
    const gone: Promise<unknown>[] = [];
    for (let count = 0; count < 300; count += 1) {
      const idle = await bench.connect(port);
      gone.push(new Promise((resolve) => idle.on('error', resolve).once('close', resolve)));
      idle.resume().once('end', () => idle.destroy());
    }
    await expectServed(await client());
    await expectServed(first);
    await Promise.all(gone);
    await expectServed(first);
    expect(limited.errors).not.toMatch(/EMFILE|internal error/);
  });
});

describe('posbridge as the client', () => {
  /** A server that takes one connection; `greeting` is its first message. */
  async function accept(greeting?: string | Buffer) {
    const acceptor = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'jsonrpc2.0' });
    sockets.push(acceptor);
    await once(acceptor, 'listening');
    const { port: target } = acceptor.address() as AddressInfo;
    const connected = new Promise<{ ws: WebSocket; asked: IncomingMessage; register: TestRegister }>(
      (resolve) => {
        acceptor.once('connection', (ws, asked) => {
          resolve({ ws, asked, register: registerOver(ws) });
          if (greeting !== undefined) ws.send(greeting, { binary: typeof greeting !== 'string' });
        });
      },
    );
    return { target, connected };
  }

  test('bridges a WebSocket that it opened, with the subprotocol in the handshake', async () => {
    const { target, connected } = await accept();
    const wire = `ws://127.0.0.1:${target}/api/v2/terminal/7/jsonpos`;
    const bridge = bench.startBridge(['--wire', wire, '--app', 'simulator:?delay=1']);
    const { ws, asked, register } = await connected;
    expect(asked.url).toBe('/api/v2/terminal/7/jsonpos');
    expect(asked.headers['sec-websocket-protocol']).toBe('jsonrpc2.0');
    expect((await register.request('Purchase', PURCHASE)).result).toBeDefined();
    ws.close(1000);
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test.each([
    ['that is no JSON', '{"jsonrpc":"2.0"'],
    ['that is binary', Buffer.from('{"jsonrpc":"2.0","id":"1","method":"Status","params":{}}')],
    ['that is too large', ' '.repeat(MAX_JSON + 1)],
  ])('ends with 76 after a message %s', async (_, message) => {
    const { target } = await accept(message);
    const bridge = bench.startBridge(['--wire', `ws://127.0.0.1:${target}/`, '--app', 'null:']);
    expect(await bridge.exited).toEqual(exitedWith(76));
  });

  test('takes a message as large as --max-frame says', async () => {
    const { target, connected } = await accept();
    const app = await bench.application(() => ({ result: {} }));
    const args = ['--wire', `ws://127.0.0.1:${target}/`, '--app', `unix:${bench.socketPath}`];
    bench.startBridge([...args, '--max-frame', '500000']);
    const { register } = await connected;
    const answer = await register.request('Print', { text: 'x'.repeat(400_000) });
    expect(answer.result).toEqual({});
    expect(app.requests('Print')).toHaveLength(1);
  });

  test('ends with 111 where nobody listens, or a server has other plans', async () => {
    const nobody = await freePort();
    const lonely = bench.startBridge(['--wire', `ws://127.0.0.1:${nobody}/`, '--app', 'null:']);
    expect(await lonely.exited).toEqual(exitedWith(111));
    expect(lonely.errors).toMatch(new RegExp(`^posbridge: .*127\\.0\\.0\\.1:${nobody}`, 'm'));
    await serve('--app', 'null:');
    const astray = bench.startBridge(['--wire', url('/elsewhere'), '--app', 'null:']);
    expect(await astray.exited).toEqual(exitedWith(111));
    expect(astray.errors).toMatch(/404/);
  });

  test('refuses a password in the address and does not repeat it', async () => {
    const bridge = bench.startBridge(['--wire', 'ws://till:s3cret@127.0.0.1:1/', '--app', 'null:']);
    expect(await bridge.exited).toEqual(exitedWith(100));
    expect(bridge.errors).toMatch(/password/);
    expect(bridge.errors).not.toContain('s3cret');
  });
});
