import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import { Server, type ServerOptions } from '../../src/bridge/server.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import { jsonpos } from '../../src/dialect/jsonpos/dialect.ts';
import { parseListener } from '../../src/endpoint/listener.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { connectWire } from '../../src/wire/socket.ts';
import { TestApplication } from '../kit/application.ts';
import { temporaryFolder } from '../wire/bundle.ts';
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

async function serve(more: Partial<ServerOptions> & { readonly app: string; readonly listen: string[] }) {
  const { app, listen, ...options } = more;
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
    { ...context, clock: systemClock },
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
