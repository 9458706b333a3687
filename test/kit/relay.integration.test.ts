import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Relay, RelayListener, type RelayOptions } from './relay.ts';

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A client, the server's side of its connection, and the relay between. */
async function joined(options: RelayOptions = {}): Promise<{ client: Socket; server: Socket; relay: Relay }> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  closing.push(() => listener.close());
  const relays = await RelayListener.open((listener.address() as AddressInfo).port, options);
  closing.push(() => relays.close());
  const accepted = once(listener, 'connection');
  const next = relays.next();
  const client = connect({ port: relays.port, host: '127.0.0.1', allowHalfOpen: true });
  const [server] = (await accepted) as [Socket];
  for (const socket of [client, server]) {
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
  }
  return { client, server, relay: await next };
}

/** Everything until the end. */
async function read(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  return Buffer.concat(chunks);
}

const bytes = Buffer.from(Array.from({ length: 5000 }, (_, n) => n % 251));

test('passes bytes and the end of input on, both ways', async () => {
  const { client, server, relay } = await joined();
  client.end(bytes);
  expect((await read(server)).equals(bytes)).toBe(true);
  server.end('answer');
  expect((await read(client)).toString()).toBe('answer');
  await relay.closed;
  expect([relay.there.passed, relay.back.passed]).toEqual([5000, 6]);
});

test('does faults at their places, while they are switched on', async () => {
  const { client, server, relay } = await joined({
    there: {
      faults: [
        { at: 0, kind: 'insert', bytes: Buffer.from('>>') },
        { at: 1, kind: 'drop' },
        { at: 2, kind: 'double' },
        { at: 3, kind: 'flip' },
        { at: 4, kind: 'flip', mask: 0x20 },
        { at: 7, kind: 'drop' },
      ],
    },
  });
  client.write('abcde');
  await once(server, 'readable');
  expect(server.read().toString()).toBe('>>acceE');
  expect(relay.there.faultsDone).toBe(5);
  relay.there.isFaulty = false;
  client.end('fghij');
  expect((await read(server)).toString()).toBe('fghij');
});

test('makes the same noise for the same seed', async () => {
  const heard: string[] = [];
  for (const seed of [7, 7, 8]) {
    const { client, server, relay } = await joined({ there: { noise: { rate: 0.01, seed } } });
    client.end(bytes);
    heard.push((await read(server)).toString('hex'));
    expect(relay.there.faultsDone).toBeGreaterThan(10);
    expect(relay.there.faultsDone).toBeLessThan(200);
  }
  expect(heard[0]).toBe(heard[1]);
  expect(heard[0]).not.toBe(heard[2]);
});

test('cuts after exactly so many bytes, either way', async () => {
  for (const direction of ['there', 'back'] as const) {
    const { client, server, relay } = await joined();
    const [from, to] = direction === 'there' ? [client, server] : [server, client];
    const cut = relay.cutAfter(1234, direction);
    from.write(bytes);
    expect((await read(to)).equals(bytes.subarray(0, 1234))).toBe(true);
    await cut;
    await relay.closed;
  }
});

test('is no faster than it is told, and not much slower', async () => {
  const { client, server } = await joined({ there: { bytesPerS: 10_240 } });
  const startedMs = performance.now();
  client.end(bytes);
  expect((await read(server)).equals(bytes)).toBe(true);
  expect(performance.now() - startedMs).toBeGreaterThan((bytes.length / 10_240) * 1000 - 110);
});

test('keeps every byte for the latency', async () => {
  const { client, server } = await joined({ there: { latencyMs: 100 } });
  const startedMs = performance.now();
  client.end('late');
  expect((await read(server)).toString()).toBe('late');
  expect(performance.now() - startedMs).toBeGreaterThan(99);
});

test('stops reading while nothing is passed on', async () => {
  const { client, server, relay } = await joined({ there: { bufferBytes: 1000 } });
  relay.there.stall();
  const much = Buffer.alloc(32 * 1024 * 1024);
  let isTaken = false;
  client.end(much, () => {
    isTaken = true;
  });
  // The other direction is a witness that time passes.
  server.write('meanwhile');
  await once(client, 'data');
  expect(isTaken).toBe(false);
  expect(relay.there.received).toBeLessThan(100_000);
  relay.there.resume();
  expect((await read(server)).length).toBe(much.length);
});
