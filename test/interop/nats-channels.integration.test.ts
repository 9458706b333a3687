import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NatsServers } from '../kit/nats.ts';
import type { JsonObject } from '../kit/register.ts';
import { codeOf, exitedWith, purchase, Workbench } from './kit.ts';

/** Applications on NATS, with a real server. */

/** What waits for real seconds; the rules themselves are tested with a clock. */
const isSoak = (process.env['SOAK'] ?? '') !== '';

let servers: NatsServers;
let bench: Workbench;
let client: NatsConnection;
let prefix: string;
let tests = 0;

beforeAll(async () => {
  servers = await NatsServers.start();
  client = await servers.client();
});

afterAll(() => servers.stop());

beforeEach(async () => {
  tests += 1;
  prefix = `shop${tests}`;
  bench = await Workbench.open();
});

afterEach(() => bench.close());

interface Line {
  readonly connection: string;
  readonly id?: string;
  readonly method: string;
  readonly params: JsonObject;
}

/** A member of the group `apps`: what the handler returns is the answer. */
async function member(handle: (line: Line, message: Msg) => object | undefined, subjects = '>') {
  const heard: string[] = [];
  const subscriptions = ['ui', 'payment', 'storage', 'device'].map((channel) =>
    client.subscribe(`${prefix}.${channel}.${subjects}`, {
      queue: 'apps',
      callback: (_fault, message) => {
        heard.push(message.subject);
        const line = message.json<Line>();
        const answer = handle(line, message);
        if (answer !== undefined && line.id !== undefined) {
          message.respond(JSON.stringify({ jsonrpc: '2.0', id: line.id, ...answer }));
        }
      },
    }),
  );
  await client.flush();
  return { heard, leave: () => subscriptions.forEach((one) => void one.unsubscribe()) };
}

const echo = ({ method, params }: Line) => ({ result: { method, ...params } });

/** What is said on a subject. */
async function listenTo(subject: string) {
  const lines: Line[] = [];
  client.subscribe(subject, { callback: (_fault, message) => void lines.push(message.json()) });
  await client.flush();
  return lines;
}

describe('a bridge with its channels on NATS', () => {
  test('sends each request to the subject of its channel and method, and takes the answer to the register', async () => {
    const { heard } = await member(echo);
    const events = await listenTo(`${prefix}.event`);
    const bridge = bench.startBridge(['--app', servers.endpoint(prefix)]);
    const register = bridge.register();
    expect(await register.request('Purchase', purchase('1'))).toMatchObject({
      result: { method: 'Purchase', receipt_id: '1' },
    });
    expect(await register.request('Own.Method', {})).toMatchObject({ result: { method: 'Own.Method' } });
    expect(await register.request('DisplayScreen', {})).toMatchObject({ result: {} });
    expect(heard).toEqual([
      `${prefix}.payment.Purchase`,
      `${prefix}.payment.Own%2EMethod`,
      `${prefix}.ui.DisplayScreen`,
    ]);
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    await client.flush();
    expect(events.map(({ method }) => method)).toEqual(['_Connected', '_Disconnected']);
  });

  test('takes requests of applications to the register and the answers back, however alike their ids are', async () => {
    const events = await listenTo(`${prefix}.event`);
    const { server, port } = await bench.startServe(['--app', servers.endpoint(prefix)]);
    await member(echo);
    const register = await bench.register(port, {
      onRequest: ({ params }) => ({ told: params?.['text'] ?? '' }),
    });
    await register.request('Status', {});
    const connection = String(events[0]?.params['connection']);
    const subject = `${prefix}.to.${encodeURIComponent(connection).replaceAll('.', '%2E')}`;
    const ask = async (text: string) => {
      const line = { jsonrpc: '2.0', id: 7, method: 'Tell', params: { text } };
      return (await client.request(subject, `${JSON.stringify(line)}\n`)).json();
    };
    expect(await Promise.all([ask('one'), ask('other')])).toEqual([
      { connection, jsonrpc: '2.0', id: 7, result: { told: 'one' } },
      { connection, jsonrpc: '2.0', id: 7, result: { told: 'other' } },
    ]);
    client.publish(
      subject,
      JSON.stringify({ jsonrpc: '2.0', method: 'StatusEvent', params: { ready: true } }),
    );
    await register.waitFor(({ method }) => method === 'StatusEvent');
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
  });

  test('says CHANNEL_UNAVAILABLE at once where nobody listens, and the same sale can be made later', async () => {
    const journal = bench.path('journal');
    const bridge = bench.startBridge(['--app', servers.endpoint(prefix), '--journal', journal]);
    const register = bridge.register();
    expect(codeOf(await register.request('Purchase', purchase('1')))).toBe('CHANNEL_UNAVAILABLE');
    await member(echo);
    expect(await register.request('Purchase', purchase('1'))).toMatchObject({ result: { receipt_id: '1' } });
  });

  test.runIf(isSoak)(
    'asks another member every 10 s whether the one that took a sale has died, and believes what is recorded',
    async () => {
      const dead = await member(() => undefined);
      const bridge = bench.startBridge(['--app', servers.endpoint(prefix), '--not-found-after', '5']);
      const register = bridge.register();
      const paid = register.request('Purchase', purchase('1'));
      while (dead.heard.length === 0) await client.flush();
      dead.leave();
      let asked = 0;
      await member(({ method }) => {
        if (method !== 'Check') return undefined;
        asked += 1;
        const recorded = asked > 1;
        return {
          error: {
            code: 1,
            message: 'not found',
            data: { string_code: 'TRANSACTION_NOT_FOUND', details: '', ...(recorded && { recorded }) },
          },
        };
      });
      expect(codeOf(await paid)).toBe('TRANSACTION_NOT_FOUND');
      // What one member does not find says nothing about the others; recorded, it has to be said twice.
      expect(asked).toBe(3);
    },
    60_000,
  );

  test('finds the outcome after its server was killed and another one is there', async () => {
    const two = await NatsServers.start();
    try {
      const first = await two.client();
      first.subscribe('till.payment.>', { queue: 'apps', callback: () => {} });
      await first.flush();
      const bridge = bench.startBridge(['--app', two.endpoint('till')]);
      const register = bridge.register();
      const heard = new Promise<void>((resolve) => {
        first.subscribe('till.payment.Purchase', { callback: () => resolve() });
      });
      await first.flush();
      const paid = register.request('Purchase', purchase('1'));
      await heard;
      await two.kill(0);
      await bridge.says(/application gone/);
      await two.restart(0);
      const again = await two.client();
      again.subscribe('till.>', {
        callback: (_fault, message) => {
          const { id, method, params } = message.json<Line>();
          if (method !== 'Check') return;
          message.respond(JSON.stringify({ jsonrpc: '2.0', id, result: { ...params, card: 'found' } }));
        },
      });
      expect(await paid).toMatchObject({ result: { card: 'found' } });
    } finally {
      await two.stop();
    }
  }, 30_000);
});
