import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { AllowList, parseAllow } from '../../../src/pos/proxy/allow.ts';
import { CONNECT_MS, dial, Resolver } from '../../../src/pos/proxy/dial.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { after, turn, watch } from '../kit.ts';

const onread = { buffer: Buffer.alloc(10), callback: () => true };
const patterns = (...texts: string[]) => new AllowList(texts.map((text) => parseAllow(text) ?? never()));
const anyone = patterns('psp.example:*', '127.*:*');
const never = () => {
  throw new Error('no pattern');
};

async function listening(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => void server.close());
  return (server.address() as { port: number }).port;
}

function setUp(addresses: readonly string[] | Promise<readonly string[]>, allow = anyone) {
  const clock = new FakeClock();
  const giveUp = new AbortController();
  const asked: string[] = [];
  const options = {
    clock,
    allow,
    onread,
    signal: giveUp.signal,
    resolve: async (host: string) => {
      asked.push(host);
      return addresses;
    },
  };
  return { clock, giveUp, asked, options };
}

test('connects to the address that was found and checked, and to no other', async () => {
  const port = await listening();
  const { options, asked, clock } = setUp(['10.1.1.1', '127.0.0.1']);
  const socket = await dial({ host: '127.0.0.1', port }, options);
  expect(socket.remoteAddress).toBe('127.0.0.1');
  expect(asked).toEqual(['127.0.0.1']);
  expect(clock.timerCount).toBe(0);
  socket.destroy();
});

test('tries the next address when one refuses', async () => {
  const port = await listening();
  const { options } = setUp(['127.0.0.2', '127.0.0.1']);
  const socket = await dial({ host: 'psp.example', port }, options);
  expect(socket.remoteAddress).toBe('127.0.0.1');
  socket.destroy();
});

test('looks up nothing that is not allowed anyway', async () => {
  const { options, asked } = setUp(['127.0.0.1'], patterns('psp.example:443'));
  await expect(dial({ host: 'other.example', port: 443 }, options)).rejects.toMatchObject({
    code: 'NETWORK_NOT_ALLOWED',
  });
  expect(asked).toEqual([]);
});

test('refuses a name that leads to where nobody may go', async () => {
  const { options } = setUp(['127.0.0.1', '::1', '10.0.0.1'], new AllowList([]));
  await expect(dial({ host: 'psp.example', port: 80 }, options)).rejects.toMatchObject({
    code: 'NETWORK_NOT_ALLOWED',
    details: 'psp.example:80: the register does not allow it',
  });
});

test('says why nobody could be reached', async () => {
  const port = await listening();
  const { options } = setUp(['127.0.0.3']);
  await expect(dial({ host: 'psp.example', port }, options)).rejects.toMatchObject({
    code: 'NETWORK_UNREACHABLE',
    details: `psp.example:${port}: connection refused (ECONNREFUSED)`,
  });
});

test('gives up a look-up that takes ten seconds', async () => {
  const { options, clock } = setUp(new Promise<never>(() => {}));
  const dialled = watch(dial({ host: 'psp.example', port: 1 }, options));
  await turn();
  clock.advance(CONNECT_MS - 1);
  await turn();
  expect(dialled.isSettled).toBe(false);
  clock.advance(1);
  await turn();
  expect(dialled.fault).toMatchObject({
    code: 'NETWORK_UNREACHABLE',
    details: 'psp.example:1: no connection within 10 s',
  });
  expect(clock.timerCount).toBe(0);
});

test('ends at once when nobody waits any more', async () => {
  const { options, giveUp, clock } = setUp(new Promise<never>(() => {}));
  const dialled = watch(dial({ host: 'psp.example', port: 1 }, options));
  giveUp.abort();
  await turn();
  expect(dialled.fault).toMatchObject({ code: 'NETWORK_CLOSED' });
  expect(clock.timerCount).toBe(0);
});

test('a look-up finds the hosts of this machine, and an address is its own', async () => {
  const { resolve } = new Resolver();
  expect(await resolve('127.0.0.9')).toEqual(['127.0.0.9']);
  expect(await resolve('::1')).toEqual(['::1']);
  const all = await Promise.all(Array.from({ length: 20 }, () => resolve('localhost')));
  for (const addresses of all) expect(addresses).toContain('127.0.0.1');
});

test('many look-ups of a host that is not there all end', async () => {
  const { resolve } = new Resolver();
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => resolve('no-such-host.invalid')));
  expect(all.map(({ status }) => status)).toEqual(Array(8).fill('rejected'));
});
