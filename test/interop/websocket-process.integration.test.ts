import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { exitedWith, type Running, Workbench } from './kit.ts';

/** `posbridge --websocket`: one process a connection under a super-server, which a test plays. */

let bench: Workbench;
const servers: Server[] = [];
const clients: WebSocket[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const server of servers.splice(0)) server.close();
  await bench.close();
});

type Wiring = 'socket' | 'pipes';

/** Starts `posbridge ARGS` for every connection: on the socket itself, or on pipes that are joined to it. */
async function superServer(args: string[], wiring: Wiring = 'socket') {
  const started: Running[] = [];
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    bench.keep(socket);
    socket.on('error', () => {});
    const stdio = wiring === 'socket' ? [socket, socket, 'pipe'] : (['pipe', 'pipe', 'pipe'] as const);
    const process = bench.startBridge(['--websocket', ...args], { stdio: [...stdio] as never });
    started.push(process);
    if (wiring === 'pipes') join(socket, process);
    else socket.destroy(); // the process has it now
  });
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, started };
}

function join(socket: Socket, { child }: Running): void {
  if (child.stdin === null || child.stdout === null) throw new Error('no pipes');
  socket.pipe(child.stdin);
  child.stdout.pipe(socket);
}

function dial(port: number, path = '/', options: ClientOptions = {}): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'jsonrpc2.0', options);
  client.on('error', () => {});
  clients.push(client);
  return client;
}

describe.each<Wiring>(['socket', 'pipes'])('on %s', (wiring) => {
  test('answers the handshake, serves the register, and ends with it', async () => {
    const { port, started } = await superServer(['--app', 'simulator:?delay=1'], wiring);
    const client = dial(port, '/any/path');
    await once(client, 'open');
    expect(client.protocol).toBe('jsonrpc2.0');
    const purchase = { receipt_id: 'R-1', sequence_id: 1, amount: 1230, currency: 'EUR' };
    const answer = new Promise((resolve) => {
      client.on('message', (data) => {
        const message = JSON.parse(String(data));
        if (message.id === 'p') resolve(message);
      });
    });
    client.send(JSON.stringify({ jsonrpc: '2.0', id: 'p', method: 'Purchase', params: purchase }));
    expect(await answer).toMatchObject({ result: { amount: 1230 } });
    const closed = once(client, 'close');
    client.close(1000);
    await closed;
    expect(await started[0]?.exited).toEqual(exitedWith(0));
  });

  test('SIGTERM says goodbye and closes with 1000', async () => {
    const { port, started } = await superServer(['--app', 'null:'], wiring);
    const client = dial(port);
    await once(client, 'open');
    const closed = once(client, 'close');
    started[0]?.signal('SIGTERM');
    expect((await closed)[0]).toBe(1000);
    expect(await started[0]?.exited).toEqual(exitedWith(0));
  });
});

describe('who is not let in ends the process with 76', () => {
  test('a web page', async () => {
    const { port, started } = await superServer(['--app', 'null:']);
    const client = dial(port, '/', { origin: 'https://shop.example' });
    const [, response] = await once(client, 'unexpected-response');
    expect(response.statusCode).toBe(403);
    expect(await started[0]?.exited).toEqual(exitedWith(76));
    expect(started[0]?.errors).toContain('this web page may not connect (403');
  });

  test('unless its origin is allowed', async () => {
    const { port } = await superServer(['--app', 'null:', '--allow-origin', 'https://till.example']);
    await once(dial(port, '/', { origin: 'https://till.example' }), 'open');
  });

  test.each([
    ['a plain request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 426 /],
    ['another protocol', '0000000f:{"jsonrpc":"2.0"}\n', /^HTTP\/1\.1 400 /],
    ['headers without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['nothing at all', '', /^$/],
  ])('%s', async (_, words, answer) => {
    const { port, started } = await superServer(['--app', 'null:']);
    const socket = bench.keep(connect(port, '127.0.0.1'));
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
    });
    if (words === '') socket.end();
    else socket.write(words);
    await once(socket, 'close');
    expect(text).toMatch(answer);
    expect(await started[0]?.exited).toEqual(exitedWith(76));
  });
});

describe('is refused at the start', () => {
  test.each([
    [['--wire', 'tcp:127.0.0.1:1', '--websocket'], '--websocket: goes with a socket or pipes'],
    [['--allow-origin', 'https://till.example'], '--allow-origin: goes with --websocket'],
  ])('%j', async (args, text) => {
    const bridge = bench.startBridge(['--app', 'null:', ...args]);
    expect(await bridge.exited).toEqual(exitedWith(100));
    expect(bridge.errors).toContain(text);
  });
});
