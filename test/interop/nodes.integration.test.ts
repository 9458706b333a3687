import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { NatsServers } from '../kit/nats.ts';
import { Postgres } from '../kit/postgres.ts';
import type { JsonObject } from '../kit/register.ts';
import { Workbench } from './kit.ts';
import { BOOT, operator, RawChargePoint, START, startCentral, stopOf } from './ocpp-kit.ts';

/** Several nodes, "on several machines", that share one NATS, and charge points also one PostgreSQL. */

let servers: NatsServers;
let postgres: Postgres;
let bench: Workbench;
let client: NatsConnection;

beforeAll(async () => {
  [servers, postgres, bench] = await Promise.all([NatsServers.start(), Postgres.start(), Workbench.open()]);
  client = await servers.client();
});

afterAll(async () => {
  await bench.close();
  await Promise.all([servers.stop(), postgres.stop()]);
});

interface Event {
  readonly connection: string;
  readonly method: string;
  readonly params: JsonObject;
}

/** Which connections came and went, as told to applications. */
async function eventsOf(prefix: string) {
  const events: Event[] = [];
  const watchers = new Set<() => void>();
  client.subscribe(`${prefix}.event`, {
    callback: (_fault, message) => {
      events.push(message.json());
      for (const watch of [...watchers]) watch();
    },
  });
  await client.flush();
  return {
    events,
    until: <T>(look: () => T | undefined): Promise<T> =>
      new Promise((resolve) => {
        const watch = () => {
          const found = look();
          if (found === undefined) return;
          watchers.delete(watch);
          resolve(found);
        };
        watchers.add(watch);
        watch();
      }),
  };
}

const connected = (events: readonly Event[], count: number) =>
  events.filter(({ method }) => method === '_Connected')[count - 1]?.connection;

const ask = async (subject: string, method: string, params: object) =>
  (await client.request(subject, JSON.stringify({ jsonrpc: '2.0', id: 'x', method, params }))).json<{
    id: string;
    result?: JsonObject;
  }>();

describe('charge points', () => {
  const answered: string[] = [];

  test('are known on whichever node they connect to, the newest connection wins, and calls find it', async () => {
    const { events, until } = await eventsOf('grid');
    for (const channel of ['ui', 'payment', 'storage', 'device']) {
      client.subscribe(`grid.${channel}.>`, {
        queue: 'operators',
        callback: (_fault, message) => {
          if (!message.reply) return;
          const line = message.json<{ id: string; method: string }>();
          message.respond(JSON.stringify({ jsonrpc: '2.0', id: line.id, ...operator(line) }));
        },
      });
    }
    await client.flush();
    const args = ['--database', postgres.url, '--app', servers.endpoint('grid')];
    const nodes = [await startCentral(bench, args), await startCentral(bench, args)] as const;

    const before = await RawChargePoint.open(`${nodes[0].url}/CP1`);
    await before.call('BootNotification', BOOT);
    const [, , started] = await before.call('StartTransaction', START);
    // Its line is cut, which the first node cannot see.
    const now = await RawChargePoint.open(`${nodes[1].url}/CP1`);
    await before.until(() => undefined);
    expect(before.closed).toBeDefined();
    // It need not boot again: its registration and its transaction are known.
    const [, , stopped] = await now.call('StopTransaction', stopOf(started.transactionId));
    expect(stopped).not.toHaveProperty('errorCode');

    const connection = await until(() => connected(events, 2));
    for (const subject of ['grid.to.id.CP1', `grid.to.${connection.replaceAll('.', '%2E')}`]) {
      const asked = ask(subject, 'ocpp.ClearCache', {});
      const [, id] = await now.until(() =>
        now.frames.find(([type, of]) => type === 2 && !answered.includes(of)),
      );
      answered.push(id);
      now.ws.send(JSON.stringify([3, id, { status: 'Accepted' }]));
      expect(await asked).toMatchObject({ id: 'x', result: { status: 'Accepted' } });
    }
    now.ws.close();
    await until(() => events.find((one) => one.method === '_Disconnected' && one.connection === connection));
    await expect(ask('grid.to.id.CP1', 'ocpp.ClearCache', {})).rejects.toThrow();
  });
});

describe('terminals of a broker', () => {
  const dialIn = (url: string): Promise<WebSocket> =>
    new Promise((resolve, reject) => {
      const ws = new WebSocket(url, { headers: { 'x-vfi-pinpad-id': 'PP1' } });
      ws.once('open', () => resolve(ws));
      ws.once('error', reject);
    });

  test('are found where they dialled in last', async () => {
    const { events, until } = await eventsOf('broker');
    const start = async () => {
      const args = ['serve', '--dialect', 'sca', '--role', 'broker', '--listen', 'ws://127.0.0.1:0/'];
      const server = bench.start('posbridge', [
        ...args,
        '--app',
        servers.endpoint('broker'),
        '--lock',
        'none',
      ]);
      const [, url = ''] = await server.says(/listening(?: on="?|","on":")([^\s"]+)/);
      return url;
    };
    const urls = [await start(), await start()] as const;
    const before = await dialIn(urls[0]);
    const closed = new Promise((resolve) => before.once('close', resolve));
    const first = await until(() => connected(events, 1));
    const now = await dialIn(urls[1]);
    await closed;
    await until(() => events.find((one) => one.method === '_Disconnected' && one.connection === first));
    const heard = new Promise((resolve) => now.once('message', (data) => resolve(data.toString())));
    client.publish(
      'broker.to.id.PP1',
      JSON.stringify({ jsonrpc: '2.0', id: 'x', method: 'Status', params: {} }),
    );
    expect(await heard).toContain('<TRANSACTION>');
    now.close();
  });
});
