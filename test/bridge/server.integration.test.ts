import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import { Statistics } from '../../src/base/statistics.ts';
import type { BridgeContext } from '../../src/bridge/bridge-options.ts';
import { Server, type ServerOptions } from '../../src/bridge/server.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import { jsonpos } from '../../src/dialect/jsonpos/dialect.ts';
import { parseListener } from '../../src/endpoint/listener.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { connectWire } from '../../src/wire/socket.ts';
import { TestApplication } from '../kit/application.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { frameOf } from '../kit/register.ts';
import { temporaryFolder } from '../wire/bundle.ts';
import { until } from './journal-kit.ts';
import { benchParts } from './kit.ts';

/** A server with a dialect whose peers have identities, on real sockets. */

const toClose: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

const named: Dialect = {
  ...jsonpos,
  name: 'named',
  webSocket: { subprotocol: 'named1', isBinary: true, takesPathsBelow: true },
  admit: ({ path, subprotocols }) =>
    path === '' || !subprotocols.includes('named1')
      ? { status: 404, why: 'a name is missing' }
      : { identity: decodeURIComponent(path), subprotocol: 'named1' },
};

interface Serving extends Partial<ServerOptions> {
  readonly app: string;
  readonly listen: string[];
  readonly context?: Partial<BridgeContext>;
}

async function serve({ app, listen, context: given, ...options }: Serving) {
  const { context, options: usual } = benchParts();
  const endpoint = parseEndpoint(app, 'channel');
  const server = await Server.open(
    {
      ...usual,
      channels: new Map([['payment', endpoint]]),
      listeners: listen.map(parseListener),
      maxConnections: 10,
      allowOrigins: [],
      lock: 'none',
      ...options,
    },
    { ...context, clock: systemClock, ...given },
  );
  toClose.push(() => server.stop());
  return server;
}

async function application(path: string): Promise<TestApplication> {
  const listening = await TestApplication.listen({ path });
  toClose.push(() => listening.kill());
  return listening;
}

test('whom the dialect lets in has an identity, which names its applications', async () => {
  const folder = temporaryFolder();
  const [one, two] = [await application(`${folder}/CP%201`), await application(`${folder}/CP2`)];
  const server = await serve({
    dialect: named,
    app: `unix:${folder}/{identity}`,
    listen: ['ws://127.0.0.1:0/cs'],
  });
  const clients = ['CP%201', 'CP2'].map((name) => new WebSocket(`${server.addresses[0]}/${name}`, 'named1'));
  for (const client of clients) toClose.push(() => client.terminate());
  const greetings = await Promise.all([one, two].map((each) => each.waitFor('_Connected')));
  expect(greetings.map(({ message }) => message?.params)).toMatchObject([
    { identity: 'CP 1', connection: expect.stringMatching(/^CP 1\./) },
    { identity: 'CP2', connection: expect.stringMatching(/^CP2\./) },
  ]);
  expect(clients.map(({ protocol }) => protocol)).toEqual(['named1', 'named1']);
});

test('several listeners are told apart by the dialect, in their order', async () => {
  const folder = temporaryFolder();
  const app = await application(`${folder}/app`);
  const ranked: Dialect = { ...jsonpos, ranked: (rank) => ({ ...jsonpos, name: `port ${rank}` }) };
  const server = await serve({
    dialect: ranked,
    app: `unix:${folder}/app`,
    listen: ['tcp:127.0.0.1:0?register=till-1', 'tcp:127.0.0.1:0'],
  });
  for (const [index, address] of server.addresses.entries()) {
    const wire = await connectWire(parseEndpoint(address, 'wire') as Parameters<typeof connectWire>[0]);
    toClose.push(() => wire.destroy());
    await app.waitFor(({ message }) => message?.params?.['dialect'] === `port ${index + 1}`);
  }
  expect(app.lines.map(({ message }) => message?.params?.['register'])).toEqual(['till-1', undefined]);
});

describe('when every place is taken', () => {
  const PLACES = 100;
  /** Begins a frame and goes on with it now and then; or says nothing at all. */
  const beginnings = { 'begin a frame and drip': '0003fff6:{', 'say nothing': '' };

  async function full(beginning: string, count = PLACES) {
    const folder = temporaryFolder();
    await application(`${folder}/app`);
    const clock = new FakeClock();
    const statistics = new Statistics();
    const server = await serve({
      app: `unix:${folder}/app`,
      listen: ['tcp:127.0.0.1:0'],
      maxConnections: PLACES,
      context: { clock, statistics },
    });
    const port = Number(server.addresses[0]?.split(':').at(-1));
    const open = (words: string) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      toClose.push(() => socket.destroy());
      socket.write(words);
      return socket;
    };
    const holders = Array.from({ length: count }, () => open(beginning));
    await until(() => server.connections.length === count);
    return { server, clock, statistics, holders, open };
  }

  test.each(Object.entries(beginnings))('by a hundred that %s, a register gets in', async (_, beginning) => {
    const { clock, statistics, holders, open } = await full(beginning);
    expect(await text(open(KEEPALIVE))).toContain('BUSY');
    clock.advance(10_000);
    if (beginning !== '') for (const holder of holders) holder.write(' ');
    const register = open(KEEPALIVE);
    expect((await once(register, 'data')).toString()).toContain('"result"');
    expect(await text(holders[0] as Socket)).toContain('no more connections');
    expect(statistics.counts['silent connections closed']).toBe(1);
    expect(statistics.counts['connections refused']).toBe(1);
  });

  test('who has said a word stays, and so does the oldest of two when one is enough', async () => {
    const { clock, statistics, holders, open, server } = await full(KEEPALIVE, PLACES - 2);
    await Promise.all(holders.map((holder) => once(holder, 'data')));
    const silent = [open(''), open('')];
    await until(() => server.connections.length === PLACES);
    clock.advance(10_000);
    const register = open(KEEPALIVE);
    await once(register, 'data');
    expect(holders.some(({ closed }) => closed)).toBe(false);
    expect(statistics.counts['silent connections closed']).toBe(1);
    await once(open(KEEPALIVE), 'data');
    expect(await text(open(KEEPALIVE))).toContain('BUSY');
    expect(silent.every(({ destroyed }) => destroyed)).toBe(false);
    expect(statistics.counts['silent connections closed']).toBe(2);
  });
});

const KEEPALIVE = frameOf({ jsonrpc: '2.0', id: 'k', method: '_Keepalive', params: {} });

/** All that is said until the end. */
async function text(socket: Socket): Promise<string> {
  let all = '';
  for await (const chunk of socket) all += chunk;
  return all;
}
