import path from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Running, Workbench } from '../interop/kit.ts';
import { NatsServers } from '../kit/nats.ts';
import type { RegisterMessage, TestRegister } from '../kit/register.ts';
import { sizeOf } from './random.ts';

/**
 * Four bridge processes with two connections each, "on four machines", two terminals, two applications, three servers.
 * One after the other dies, stands still, or is started again, while registers pay: in a soak all of that, else each
 * kind of process once. In the end what registers were told is what the applications' store says, each sale once.
 */

const isSoak = (process.env['SOAK'] ?? '') !== '';
const PURCHASES = isSoak ? sizeOf('SOAK_PURCHASES', 500) : 10;
const EXAMPLE = path.join(import.meta.dirname, '../../examples/application-nats.mjs');
const PROCESSES = 4;
const REGISTERS = 8;
const PREFIX = 'cluster';

let servers: NatsServers;
let bench: Workbench;

beforeAll(async () => {
  [servers, bench] = await Promise.all([NatsServers.start(3), Workbench.open()]);
}, 30_000);

afterAll(async () => {
  await bench.close();
  await servers.stop();
});

interface Node {
  server: Running;
  port: number;
}

const nodes: Node[] = [];
const applications: Running[] = [];

async function startNode(at: number): Promise<void> {
  const app = servers.endpoint(PREFIX, at % 3);
  const journal = servers.endpoint(`${PREFIX}-terminal${at % 2}`, (at + 1) % 3);
  const listen = ['--listen', 'tcp:127.0.0.1:0'];
  const args = ['serve', ...listen, '--app', app, '--journal', journal, '--outcome-wait', '60s'];
  const server = bench.start('posbridge', args);
  const [, port] = await server.says(/listening on="?tcp:127\.0\.0\.1:(\d+)/);
  nodes[at] = { server, port: Number(port) };
}

async function startApplication(at: number): Promise<void> {
  const application = bench.start('node', [EXAMPLE, servers.hosts(at), PREFIX, '3'], {
    env: { DELAY: '0.01' },
  });
  await application.stdout.waitFor('ready');
  applications[at] = application;
}

const figures = { charged: 0, declined: 0, again: 0, unknown: 0, reconnected: 0 };
const told = new Map<string, boolean>();
let ended = 0;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Words that end nothing: the same is tried again. */
const AGAIN = new Set([
  'BUSY',
  'JOURNAL_UNAVAILABLE',
  'CHANNEL_UNAVAILABLE',
  'TRANSACTION_ACTIVE',
  'OUTCOME_UNKNOWN',
]);
const codeIn = ({ error }: RegisterMessage) => String(error?.data.string_code ?? '');

/** A register, which takes any machine that is there. */
class Till {
  #register: TestRegister | undefined;
  #at: number;

  constructor(at: number) {
    this.#at = at % PROCESSES;
  }

  async pay(receipt: string): Promise<void> {
    const params = {
      receipt_id: receipt,
      sequence_id: 1,
      amount: Number(receipt) % 7 === 0 ? 1299 : 1250,
      currency: 'EUR',
    };
    let method = 'Purchase';
    for (;;) {
      const answer = await this.#ask(method, params);
      if (answer === undefined) {
        method = 'Check'; // it may have been charged
        figures.unknown += 1;
      } else if (answer.result !== undefined) {
        told.set(receipt, true);
        figures.charged += 1;
        return;
      } else if (AGAIN.has(codeIn(answer))) {
        // A refusal ends nothing; what ended without an answer can only be asked about.
        figures.again += 1;
        await pause(50);
      } else {
        told.set(receipt, false);
        figures.declined += 1;
        return;
      }
    }
  }

  /** Undefined: no answer. */
  async #ask(
    method: string,
    params: Parameters<TestRegister['request']>[1],
  ): Promise<RegisterMessage | undefined> {
    try {
      if (this.#register === undefined || this.#register.isClosed) {
        this.#register = undefined;
        const { port } = nodes[this.#at] as Node;
        this.#register = await bench.register(port);
        figures.reconnected += 1;
      }
    } catch {
      await pause(100);
      return {
        error: { code: 1, message: '', data: { string_code: 'CHANNEL_UNAVAILABLE', details: '' } },
      } as never;
    }
    return this.#register.request(method, params).catch(() => undefined);
  }
}

/** What happens after so many sales, in this order. */
function troubles(): [string, () => Promise<void>][] {
  const restart = async (at: number) => {
    await servers.restart(at);
  };
  const eachAlone: [string, () => Promise<void>][] = [
    ['a server is killed', () => servers.kill(0)],
    ['and is back', () => restart(0)],
    [
      'an application is killed',
      async () => {
        await applications[0]?.kill();
        await startApplication(0);
      },
    ],
    [
      'a machine dies',
      async () => {
        await nodes[2]?.server.kill();
        await startNode(2);
      },
    ],
  ];
  if (!isSoak) return eachAlone;
  return [
    ...eachAlone,
    [
      'a server is cut off for a while',
      async () => {
        servers.pause(1);
        await pause(3000);
        servers.resume(1);
      },
    ],
    [
      'two servers are killed: no majority',
      async () => {
        await Promise.all([servers.kill(0), servers.kill(1)]);
        await pause(5000);
        await Promise.all([restart(0), restart(1)]);
      },
    ],
    [
      'a machine stands still for longer than its lease, and goes on',
      async () => {
        nodes[1]?.server.signal('SIGSTOP');
        await pause(8000);
        nodes[1]?.server.signal('SIGCONT');
      },
    ],
    [
      'all are started again',
      async () => {
        for (const at of [0, 1, 2]) {
          await servers.kill(at);
          await restart(at);
        }
      },
    ],
  ];
}

/** What the applications have recorded: whether each sale was charged. */
async function readStore(): Promise<Map<string, boolean>> {
  const store = await new Kvm(jetstream(await servers.client())).open(`${PREFIX}-sales`);
  const truth = new Map<string, boolean>();
  for await (const key of await store.keys()) {
    const sale = (await store.get(key))?.json<{ outcome?: { result?: { receipt_id: string } } }>();
    const [receipt = ''] = key.split('.').map((word) => Buffer.from(word, 'base64url').toString());
    truth.set(receipt, sale?.outcome?.result !== undefined);
  }
  return truth;
}

/** Servers that have just been started may still elect those who answer. */
async function patiently<T>(task: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await task();
    } catch (fault) {
      if (!(fault instanceof Error && fault.name === 'TimeoutError')) throw fault;
    }
  }
}

test(
  'whatever dies, each sale is charged at most once, and registers were told what is in the store',
  async () => {
    await startApplication(0);
    await startApplication(1);
    await Promise.all(Array.from({ length: PROCESSES }, (_, at) => startNode(at)));
    let next = 0;
    const startMs = performance.now();
    const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
    const tills = Array.from({ length: REGISTERS }, async (_, at) => {
      const till = new Till(at);
      for (let receipt = next++; receipt < PURCHASES; receipt = next++) {
        // Numbers are unique to a terminal; here they are unique to all, since both terminals have one store.
        await till.pay(String(receipt + 1));
        ended += 1;
      }
    });
    const all = Promise.all(tills);
    const list = troubles();
    for (const [index, [what, happens]] of list.entries()) {
      while (ended < ((index + 1) * PURCHASES) / (list.length + 1)) await pause(10);
      if (isSoak) console.log(`${seconds()} s, ${ended} sales: ${what}`);
      await happens();
    }
    await all;
    if (isSoak) console.log(`${PURCHASES} sales in ${seconds()} s`, figures);

    const truth = await patiently(readStore);
    expect(told.size).toBe(PURCHASES);
    for (const [receipt, isCharged] of told) {
      expect([receipt, truth.get(receipt) ?? false]).toEqual([receipt, isCharged]);
    }
  },
  isSoak ? 600_000 : 120_000,
);
