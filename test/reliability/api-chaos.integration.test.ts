import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type Running, Workbench } from '../interop/kit.ts';
import { PROTOCOLS, type Protocol } from '../matrix/table.ts';
import { PaymentApplication } from './application.ts';
import { CutRelay } from './cut-relay.ts';
import { TEST_PROGRAM } from './kit.ts';
import { isSoak } from './pos-kit.ts';
import { Random, sizeOf } from './random.ts';

/**
 * Tills pay at four terminals of four protocols while the service, the terminals and the links between them die at
 * random. Each till does what docs/api.md tells it: the same key again until there is an answer.
 */

const SALES = isSoak ? 250 : 2;
const SEED = sizeOf('SOAK_SEED', 1);
/** Between two strikes, at most. */
const STRIKE_MS = isSoak ? 1500 : 900;

const benches: Workbench[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close();
});

interface Sale {
  readonly id: string;
  readonly terminal: string;
  readonly state: string;
  readonly endedAt: string | null;
}

/**
 * A terminal of one protocol: a bridge that can be killed, an application with a record, and a link that can be cut.
 */
class FarTerminal {
  readonly protocol: Protocol;
  readonly application: PaymentApplication;
  readonly #bench: Workbench;
  #relay: CutRelay | undefined;
  #server: Running | undefined;
  #port = 0;

  static async open(protocol: Protocol): Promise<FarTerminal> {
    const bench = await Workbench.open();
    benches.push(bench);
    const terminal = new FarTerminal(protocol, bench, await PaymentApplication.start(bench, { delayMs: 40 }));
    await terminal.start();
    terminal.#relay = await CutRelay.open(terminal.#port);
    return terminal;
  }

  private constructor(protocol: Protocol, bench: Workbench, application: PaymentApplication) {
    this.protocol = protocol;
    this.#bench = bench;
    this.application = application;
  }

  get endpoint(): string {
    const { name, place, query } = this.protocol;
    return `${name}+${place.replace('{port}', String(this.#relay?.port))}${query}`;
  }

  async start(): Promise<void> {
    const { name, place, serveArgs } = this.protocol;
    const args = ['serve', '--dialect', name, '--listen', place.replace('{port}', String(this.#port))];
    const app = ['--app', `unix:${this.#bench.socketPath}`, '--journal', this.#bench.path('journal')];
    this.#server = this.#bench.start(process.execPath, [TEST_PROGRAM, ...args, ...app, ...serveArgs]);
    const [, port] = await this.#server.says(/listening on=\S+?:(\d+)(?:\/|\s)/);
    this.#port = Number(port);
  }

  cut(): void {
    this.#relay?.cutNow();
  }

  async kill(): Promise<void> {
    await this.#server?.kill();
    await this.start();
  }

  async close(): Promise<void> {
    await this.#relay?.close();
  }
}

/** The service, which comes back at the same place. */
class Service {
  readonly #bench: Workbench;
  readonly #terminals: readonly FarTerminal[];
  #running: Running | undefined;
  #port = '0';

  constructor(bench: Workbench, terminals: readonly FarTerminal[]) {
    this.#bench = bench;
    this.#terminals = terminals;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const terminals = this.#terminals.flatMap(({ protocol, endpoint }) => [
      '--terminal',
      `${protocol.name}=${endpoint}`,
    ]);
    const args = ['api', '--listen', `tcp:127.0.0.1:${this.#port}`, '--store', this.#bench.path('store')];
    // Who cannot be asked after a restart stays unknown: nobody waits a quarter of an hour for that.
    const waits = ['--connect-timeout', '3s', '--outcome-wait', '30s'];
    const more = ['--rate-limit', 'off', '--register', 'TILL1', ...waits];
    this.#running = this.#bench.start(process.execPath, [TEST_PROGRAM, ...args, ...terminals, ...more]);
    const [, port = ''] = await this.#running.says(/listening on=http:\S+:(\d+)/);
    this.#port = port;
  }

  async kill(): Promise<void> {
    await this.#running?.kill();
    await this.start();
  }
}

/** One sale, as a till makes it. */
async function pay(service: Service, terminal: string, key: string): Promise<Sale> {
  for (;;) {
    try {
      const response = await fetch(`${service.url}/v1/terminals/${terminal}/purchases`, {
        method: 'POST',
        headers: { 'Idempotency-Key': key, 'Content-Type': 'application/json', Prefer: 'wait=60' },
        body: JSON.stringify({ amount: '12.50', currency: 'EUR', reference: key }),
      });
      if (response.status < 300) {
        const sale = (await response.json()) as Sale;
        if (sale.endedAt !== null || sale.state === 'unknown') return sale;
      } else if (response.status < 500 && response.status !== 409) throw new Error(await response.text());
    } catch (fault) {
      if (fault instanceof Error && fault.message.startsWith('{')) throw fault;
    }
    await sleep(50);
  }
}

/** Whoever listens comes again with its last id, as a browser does. */
async function listen(service: Service, seen: Set<string>, over: AbortSignal): Promise<void> {
  let last = '';
  while (!over.aborted) {
    try {
      const headers: Record<string, string> = last === '' ? {} : { 'Last-Event-ID': last };
      const { body } = await fetch(`${service.url}/v1/events`, { headers, signal: over });
      let text = '';
      for await (const chunk of body ?? []) {
        text += Buffer.from(chunk as Uint8Array).toString('latin1');
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          last = /^id: (.*)$/m.exec(block)?.[1] ?? last;
          if (!block.includes('event: sale')) continue;
          const { id, state } = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}') as Sale;
          seen.add(`${id} ${state}`);
        }
      }
    } catch {
      await sleep(20);
    }
  }
}

test(`${4 * SALES} sales at terminals of four protocols: each key one sale, each sale one charge, no change untold`, {
  timeout: 120_000 + SALES * 20_000,
}, async () => {
  const random = new Random(SEED);
  const terminals = await Promise.all(PROTOCOLS.map((protocol) => FarTerminal.open(protocol)));
  const bench = await Workbench.open();
  benches.push(bench);
  const service = new Service(bench, terminals);
  await service.start();
  const seen = new Set<string>();
  const over = new AbortController();
  const listening = listen(service, seen, over.signal);
  await sleep(100); // the first connection has no id to go on from

  let isOver = false;
  const strike = async () => {
    while (!isOver) {
      await sleep(random.upTo(STRIKE_MS));
      const terminal = terminals[random.below(terminals.length)] as FarTerminal;
      const what = random.oneOf('service', 'terminal', 'link', 'link');
      if (what === 'service') await service.kill();
      else if (what === 'terminal') await terminal.kill();
      else terminal.cut();
    }
  };
  const striking = strike();
  const told = await Promise.all(
    terminals.map(async ({ protocol: { name } }) => {
      const sales: Sale[] = [];
      for (let count = 0; count < SALES; count += 1) sales.push(await pay(service, name, `${name}-${count}`));
      return sales;
    }),
  );
  isOver = true;
  await striking;

  const all = told.flat();
  expect(new Set(all.map(({ id }) => id)).size).toBe(4 * SALES);
  const now = await Promise.all(
    all.map(async ({ id }) => (await (await fetch(`${service.url}/v1/sales/${id}`)).json()) as Sale),
  );
  for (const [at, { id, state, endedAt }] of all.entries()) {
    if (endedAt !== null) expect(now[at]).toMatchObject({ id, state });
  }
  for (const { protocol, application } of terminals) {
    const charged = application.record.filter(({ what }) => what === 'charged').map(({ key }) => key);
    expect(new Set(charged).size).toBe(charged.length);
    const of = (state: string) =>
      now.filter((sale) => sale.terminal === protocol.name && sale.state === state).length;
    expect(charged.length).toBeGreaterThanOrEqual(of('approved'));
    expect(charged.length).toBeLessThanOrEqual(of('approved') + of('unknown') + of('pending'));
  }
  // The last changes are on their way; each of them comes.
  const wanted = all.flatMap(({ id, state }) => [`${id} pending`, `${id} ${state}`]);
  while (!wanted.every((change) => seen.has(change))) await sleep(20);
  over.abort();
  await listening;
  for (const terminal of terminals) await terminal.close();
});
