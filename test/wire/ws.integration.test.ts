import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { deferred } from '../../src/base/deferred.ts';
import { type Listener, type ListenOptions, listen } from '../../src/wire/listen.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { connectWs } from '../../src/wire/ws.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { wsEndpoint } from './endpoints.ts';
import { Recorder, someTurns } from './recorder.ts';

const listeners: { close(): unknown }[] = [];

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close();
});

async function listening(options: Partial<ListenOptions> = {}) {
  const accepted = deferred<Wire>();
  const faults: string[] = [];
  const listener: Listener = await listen(wsEndpoint(0, '/pos'), {
    onWire: accepted.resolve,
    onFault: (fault) => faults.push(fault.message),
    ...options,
  });
  listeners.push(listener);
  const port = Number(/:(\d+)\/pos$/.exec(listener.address)?.[1]);
  return { port, url: listener.address, faults, accepted: accepted.promise };
}

/** A client of the library's own, and our wire at its other end. */
async function joined(options: Partial<ListenOptions> = {}, protocols: string[] = []) {
  const { url, accepted } = await listening(options);
  const client = new WebSocket(url, protocols);
  const closed = new Promise<{ status: number; reason: string }>((resolve) => {
    client.on('close', (status, reason) => resolve({ status, reason: reason.toString() }));
  });
  client.on('error', () => {});
  await new Promise((resolve) => client.once('open', resolve));
  return { client, closed, wire: new Recorder(await accepted) };
}

function refusalOf(
  url: string,
  protocols: string[] = [],
  headers: Record<string, string> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const client = new WebSocket(url, protocols, { headers });
    client.on('error', () => {});
    client.on('open', () => reject(new Error('was accepted')));
    client.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      client.terminate();
    });
  });
}

/** Everything that a server sends until it hangs up. */
async function allFrom(socket: Socket): Promise<string> {
  let text = '';
  for await (const bytes of socket) text += bytes;
  return text;
}

describe('the opening handshake', () => {
  test('selects the subprotocol when it is offered, and accepts who offers none', async () => {
    const offered = await joined({}, ['soap', 'jsonrpc2.0']);
    expect(offered.client.protocol).toBe('jsonrpc2.0');
    offered.client.terminate();
    const silent = await joined();
    expect(silent.client.protocol).toBe('');
    silent.client.terminate();
    const other = await joined({ subprotocol: 'ocpp1.6' }, ['ocpp1.6']);
    expect(other.client.protocol).toBe('ocpp1.6');
    other.client.terminate();
  });

  test('without a subprotocol nobody is refused for one', async () => {
    const { url, accepted } = await listening({ subprotocol: undefined });
    const client = new WebSocket(url, ['soap']);
    const selected = new Promise((resolve) => {
      client.on('upgrade', ({ headers }) => resolve(headers['sec-websocket-protocol']));
      client.on('error', () => {}); // this client insists on one
    });
    expect(await selected).toBeUndefined();
    (await accepted).destroy();
  });

  test('sends binary messages alone where that is wanted, and reads both', async () => {
    const { client, wire } = await joined({ subprotocol: undefined, isBinary: true, sendsBinary: true });
    const isBinary = new Promise((resolve) => client.once('message', (_data, binary) => resolve(binary)));
    client.send('text');
    client.send(Buffer.from('bytes'));
    wire.start();
    await wire.received('textbytes'.length);
    await wire.write('plain text');
    expect(await isBinary).toBe(true);
    client.terminate();
  });

  test('refuses other paths, other subprotocols and web pages, and reports each', async () => {
    const { url, faults } = await listening();
    expect(await refusalOf(`${url}/more`)).toBe(404);
    expect(await refusalOf(url, ['soap'])).toBe(400);
    expect(await refusalOf(url, [], { Origin: 'https://shop.example' })).toBe(403);
    expect(faults).toEqual([
      'WIRE_FAULT: refused a WebSocket from 127.0.0.1: no WebSocket at this path (404)',
      'WIRE_FAULT: refused a WebSocket from 127.0.0.1: the subprotocol here is jsonrpc2.0 (400)',
      'WIRE_FAULT: refused a WebSocket from 127.0.0.1: this web page may not connect (403, Origin "https://shop.example")',
    ]);
  });

  test('lets a web page in whose origin is allowed, and ignores the query', async () => {
    const { url, accepted } = await listening({ allowOrigins: ['https://till.example'] });
    expect(await refusalOf(url, [], { Origin: 'https://till.example.evil' })).toBe(403);
    const client = new WebSocket(`${url}?till=4`, { headers: { Origin: 'https://till.example' } });
    await new Promise((resolve) => client.once('open', resolve));
    (await accepted).destroy();
  });

  test('answers a plain request with 426 and hangs up', async () => {
    const { url } = await listening();
    const response = await new Promise<IncomingMessage>((resolve) => {
      get(url.replace('ws:', 'http:'), (answer) => resolve(answer.resume()));
    });
    expect(response.statusCode).toBe(426);
    expect(response.headers).toMatchObject({ upgrade: 'websocket', connection: 'close, Upgrade' });
  });

  test('survives what is no HTTP, and half a request when it closes', async () => {
    const { port, url } = await listening();
    const noise = connect({ port, host: '127.0.0.1' });
    noise.write('\0\0\0\0 nonsense\r\n\r\n');
    expect(await allFrom(noise)).toMatch(/^HTTP\/1\.1 400 /);
    const slow = connect({ port, host: '127.0.0.1' });
    slow.write('GET /pos HTTP/1.1\r\nHost: x\r\n');
    slow.on('error', () => {});
    await new Promise((resolve) => slow.once('connect', resolve));
    expect(await refusalOf(`${url}x`)).toBe(404);
    const gone = new Promise((resolve) => slow.once('close', resolve));
    slow.resume();
    for (const listener of listeners.splice(0)) await listener.close();
    await gone;
  });

  test('is not for TLS', async () => {
    const secure = { ...wsEndpoint(0, '/pos'), secure: true };
    await expect(listen(secure, { onWire() {} })).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
  });

  test('says which address is taken', async () => {
    const { port } = await listening();
    await expect(listen(wsEndpoint(port, '/pos'), { onWire() {} })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
  });
});

describe('messages', () => {
  test('arrive one a chunk, as they were sent, in one piece or in fragments', async () => {
    const { client, wire } = await joined();
    client.send('{"a":1}');
    client.send('');
    client.send('{"b":', { fin: false });
    client.send('"ü"}', { fin: true });
    wire.start();
    await wire.received(17);
    expect(wire.chunks.map(String)).toEqual(['{"a":1}', '', '{"b":"ü"}']);
    client.terminate();
  });

  test('leave one a write, as text', async () => {
    const { client, wire } = await joined();
    const received = new Promise<[string, boolean]>((resolve) => {
      client.once('message', (data, isBinary) => resolve([data.toString(), isBinary]));
    });
    wire.start();
    expect(await wire.write('{"ü":[]}')).toBeUndefined();
    expect(await received).toEqual(['{"ü":[]}', false]);
    client.terminate();
  });

  test('that came in one piece are held when the first one pauses the wire', async () => {
    const { client, wire } = await joined();
    const socket = (client as unknown as { _socket: Socket })._socket;
    wire.onChunk = () => wire.wire.pause();
    wire.start();
    socket.cork();
    for (const text of ['one', 'two', 'three']) client.send(text);
    client.close();
    socket.uncork();
    await wire.received(3);
    await someTurns();
    expect(wire.chunks.map(String)).toEqual(['one']);
    wire.wire.resume();
    await wire.received(6);
    await someTurns();
    expect(wire.chunks.map(String)).toEqual(['one', 'two']);
    expect(wire.order).not.toContain('end');
    wire.onChunk = () => {};
    wire.wire.resume();
    await wire.closed;
    expect(wire.order).toEqual(['chunk', 'chunk', 'chunk', 'end', 'closed']);
  });

  test('cannot be written any more once the peer has begun to close', async () => {
    const { client, wire } = await joined();
    const socket = (client as unknown as { _socket: Socket })._socket;
    const written = new Promise((resolve) => {
      wire.onChunk = () => queueMicrotask(() => resolve(wire.write('too late')));
    });
    wire.start();
    socket.cork();
    client.send('last words');
    client.close();
    socket.uncork();
    expect(await written).toBeInstanceOf(Error);
    expect(await wire.closed).toBeUndefined();
    expect(wire.order).toEqual(['chunk', 'end', 'failed', 'closed']);
  });

  test('that are held do not keep a destroyed wire open', async () => {
    const { client, wire } = await joined();
    const socket = (client as unknown as { _socket: Socket })._socket;
    wire.onChunk = () => wire.wire.pause();
    wire.start();
    socket.cork();
    for (const text of ['one', 'two']) client.send(text);
    client.close();
    socket.uncork();
    await wire.received(3);
    await someTurns();
    wire.destroy();
    expect(await wire.closed).toBeUndefined();
    expect(wire.order).toEqual(['chunk', 'closed']);
    expect(wire.violations).toEqual([]);
  });

  test('over the limit end the wire: the peer reads 1009, we a fault', async () => {
    const { client, closed, wire } = await joined({ maxMessageBytes: 10 });
    wire.start();
    client.send('0123456789');
    client.send('0123456789A');
    expect(await wire.closed).toMatchObject({ code: 'WIRE_MESSAGE_TOO_LARGE' });
    expect((await closed).status).toBe(1009);
    expect(wire.order).toEqual(['chunk', 'closed']);
  });

  test('that are binary end the wire: the peer reads 1003, we a fault', async () => {
    const clock = new FakeClock();
    const { client, closed, wire } = await joined({ clock });
    wire.start();
    client.send(Buffer.from('{}'));
    client.send('{}');
    expect(await wire.closed).toMatchObject({ code: 'WIRE_MESSAGE_BINARY' });
    expect(await closed).toEqual({ status: 1003, reason: 'text messages only' });
    expect(clock.timerCount).toBe(0);
    expect(wire.order).toEqual(['closed']);
  });

  test('that end the wire end it also when the peer does not answer', async () => {
    const clock = new FakeClock();
    const { client, wire } = await joined({ clock });
    wire.start();
    client.pause();
    client.send(Buffer.from('{}'));
    while (clock.timerCount === 0) await someTurns();
    clock.advance(999);
    await someTurns();
    expect(wire.order).toEqual([]);
    clock.advance(1);
    expect(await wire.closed).toMatchObject({ code: 'WIRE_MESSAGE_BINARY' });
    expect(clock.timerCount).toBe(0);
    client.terminate();
  });

  test('that are no UTF-8 end the wire', async () => {
    const { client, closed, wire } = await joined();
    wire.start();
    client.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await wire.closed).toMatchObject({ code: 'WIRE_MESSAGE_INVALID' });
    expect((await closed).status).toBe(1007);
  });
});

describe('the end', () => {
  test.each([1000, 1001])('in good order when the peer closes with %i', async (status) => {
    const { client, wire } = await joined();
    wire.start();
    client.close(status);
    expect(await wire.closed).toBeUndefined();
    expect(wire.order).toEqual(['end', 'closed']);
  });

  test('is a fault when the peer closes with an error status', async () => {
    const { client, wire } = await joined();
    wire.start();
    client.close(1011, 'out of paper');
    expect(await wire.closed).toMatchObject({
      code: 'WIRE_PEER_FAILED',
      message: 'the peer closed the WebSocket with status 1011: out of paper',
    });
  });

  test('is a fault when the peer goes away without closing', async () => {
    const { client, wire } = await joined();
    wire.start();
    client.terminate();
    expect(await wire.closed).toMatchObject({ code: 'WIRE_LOST' });
    expect(wire.order).toEqual(['closed']);
  });

  test('reaches a wire that is started only afterwards', async () => {
    const { client, closed, wire } = await joined();
    client.send('last words');
    client.close(1000);
    wire.start();
    expect(await wire.closed).toBeUndefined();
    expect(wire.order).toEqual(['chunk', 'end', 'closed']);
    expect((await closed).status).toBe(1000);
  });
});

describe('connectWs', () => {
  test('sends name and password from the URL, further headers and the subprotocol', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    listeners.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const request = new Promise<Record<string, unknown>>((resolve) => {
      server.once('connection', (_client, { headers }) => resolve(headers));
    });
    const { port } = server.address() as { port: number };
    const endpoint = wsEndpoint(port, '/pos', { userinfo: 'till:p%40ss@' });
    const wire = new Recorder(await connectWs(endpoint, { headers: { 'X-Till': '4' } })).start();
    expect(await request).toMatchObject({
      authorization: `Basic ${Buffer.from('till:p@ss').toString('base64')}`,
      'x-till': '4',
      'sec-websocket-protocol': 'jsonrpc2.0',
    });
    expect((await request)['sec-websocket-extensions']).toBeUndefined();
    wire.destroy();
    await wire.closed;
  });

  test('gives no secret away when it fails', async () => {
    const { port } = await listening();
    const endpoint = wsEndpoint(port, '/other?api_key=1234', { userinfo: 'till:secret@' });
    await expect(connectWs(endpoint)).rejects.toMatchObject({
      code: 'WIRE_OPEN_FAILED',
      text: `cannot connect to ws://127.0.0.1:${port}/other: the server has nothing under this path (HTTP 404)`,
    });
  });

  test('gives up after its timeout, and when it is called off', async () => {
    const accepted: Socket[] = [];
    const { createServer } = await import('node:net');
    const silent = createServer((socket) => accepted.push(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    listeners.push(silent);
    const { port } = silent.address() as { port: number };
    const clock = new FakeClock();
    const connecting = connectWs(wsEndpoint(port, '/pos'), { clock, timeoutMs: 300 });
    const refused = expect(connecting).rejects.toMatchObject({
      text: `cannot connect to ws://127.0.0.1:${port}/pos: no connection within 300 ms`,
    });
    while (accepted.length === 0) await new Promise(setImmediate);
    clock.advance(300);
    await refused;
    const controller = new AbortController();
    const calledOff = expect(
      connectWs(wsEndpoint(port, '/pos'), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'WIRE_OPEN_FAILED' });
    controller.abort();
    await calledOff;
    await expect(connectWs(wsEndpoint(port, '/pos'), { signal: controller.signal })).rejects.toMatchObject({
      code: 'WIRE_OPEN_FAILED',
    });
  });
});
