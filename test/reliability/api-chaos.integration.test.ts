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

/** Those in which a sale has the same receipt and sequence at the terminal; the others make names of their own. */
const KEEPS_NAMES: ReadonlySet<string> = new Set(['jsonpos', 'ecr-eft']);

const benches: Workbench[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close();
});

interface Sale {
  readonly id: string;
  readonly terminal: string;
  readonly reference: string;
  readonly state: string;
  readonly amountMinor: number;
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

/** One sale, as a till makes it: the same request with the same key until it has ended, or nobody can tell so far. */
async function pay(service: Service, terminal: string, number: number): Promise<Sale> {
  const key = `${terminal}-${number}`;
  // Another one for every sale, by which it is found in the ledger.
  const amount = `${12 + number}.50`;
  for (;;) {
    try {
      const response = await fetch(`${service.url}/v1/terminals/${terminal}/purchases`, {
        method: 'POST',
        headers: { 'Idempotency-Key': key, 'Content-Type': 'application/json', Prefer: 'wait=60' },
        body: JSON.stringify({ amount, currency: 'EUR', reference: key }),
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

/** What somebody who listens has heard, in order. Comes again with the last id, as a browser does. */
class Listener {
  readonly heard: Sale[] = [];
  reconnections = -1;
  readonly #over = new AbortController();
  readonly #listening: Promise<void>;

  constructor(service: Service) {
    this.#listening = this.#listen(service);
  }

  async end(): Promise<void> {
    this.#over.abort();
    await this.#listening;
  }

  async #listen(service: Service): Promise<void> {
    let last = '';
    while (!this.#over.signal.aborted) {
      try {
        const headers: Record<string, string> = last === '' ? {} : { 'Last-Event-ID': last };
        const { body } = await fetch(`${service.url}/v1/events`, { headers, signal: this.#over.signal });
        this.reconnections += 1;
        let text = '';
        for await (const chunk of body ?? []) {
          text += Buffer.from(chunk as Uint8Array).toString('latin1');
          const blocks = text.split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) {
            last = /^id: (.*)$/m.exec(block)?.[1] ?? last;
            if (block.includes('event: sale'))
              this.heard.push(JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? ''));
          }
        }
      } catch {
        await sleep(20);
      }
    }
  }
}

/** Every sale of the service, page by page. */
async function allSales(service: Service): Promise<Sale[]> {
  const sales: Sale[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = await (await fetch(`${service.url}/v1/sales?limit=200${query}`)).json();
    sales.push(...(page as { sales: Sale[] }).sales);
    cursor = (page as { next: string | null }).next;
  }
  return sales;
}

/** Those that the terminal can still be asked about, and has not told yet. */
function awaited(sales: readonly Sale[]): Sale[] {
  const canTell = new Set<string>(
    PROTOCOLS.filter(({ recoversAfterRestart }) => recoversAfterRestart).map(({ name }) => name),
  );
  return sales.filter(
    ({ terminal, state }) => state === 'pending' || (state === 'unknown' && canTell.has(terminal)),
  );
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
  const listener = new Listener(service);
  while (listener.reconnections < 0) await sleep(20);
  await sleep(100); // the first connection has no id to go on from

  let isOver = false;
  const strikes = { service: 0, terminal: 0, link: 0 };
  const strike = async () => {
    while (!isOver) {
      await sleep(random.upTo(STRIKE_MS));
      const terminal = terminals[random.below(terminals.length)] as FarTerminal;
      const what = random.oneOf('service', 'terminal', 'link', 'link');
      strikes[what] += 1;
      if (what === 'service') await service.kill();
      else if (what === 'terminal') await terminal.kill();
      else terminal.cut();
    }
  };
  const striking = strike();
  const told = await Promise.all(
    terminals.map(async ({ protocol: { name } }) => {
      const sales: Sale[] = [];
      for (let count = 0; count < SALES; count += 1) sales.push(await pay(service, name, count));
      return sales;
    }),
  );
  isOver = true;
  await striking;
  const atPeace = await allSales(service);
  while (awaited(await allSales(service)).length > 0) await sleep(200);
  const now = await allSales(service);

  // Each key is one sale, and what was told of its end stands.
  const keys = terminals.flatMap(({ protocol: { name } }) =>
    Array.from({ length: SALES }, (_, count) => `${name}-${count}`),
  );
  expect(now.map(({ reference }) => reference).sort()).toEqual(keys.sort());
  expect(new Set(now.map(({ id }) => id)).size).toBe(now.length);
  const byId = new Map(now.map((sale) => [sale.id, sale]));
  for (const sale of told.flat()) {
    const { id, state, endedAt } = sale;
    expect(byId.get(id)).toMatchObject(endedAt === null ? { id } : { id, state, endedAt });
  }

  // Each sale is one charge in the terminal's own ledger, or none, as it says; and each charge is a sale.
  for (const { protocol, application } of terminals) {
    const charges = application.record.filter(({ what }) => what === 'charged');
    const sales = now.filter(({ terminal }) => terminal === protocol.name);
    const amounts = charges.map(({ answer }) => /"amount":(\d+)/.exec(answer?.result ?? '')?.[1]);
    for (const { id, state, amountMinor } of sales) {
      const [at = -1, ...more] = indicesOf(amounts, String(amountMinor));
      const key = charges[at]?.key;
      const wanted = state === 'unknown' ? expect.any(Boolean) : state === 'approved';
      expect({ id, state, isCharged: at !== -1, more }).toEqual({ id, state, isCharged: wanted, more: [] });
      if (key !== undefined && KEEPS_NAMES.has(protocol.name))
        expect(key.split('/').slice(0, 2)).toEqual([id, '1']);
    }
    expect(new Set(charges.map(({ key }) => key)).size).toBe(charges.length);
    expect(
      amounts.filter((amount) => !sales.some(({ amountMinor }) => String(amountMinor) === amount)),
    ).toEqual([]);
  }

  // Of each sale the stream has told that it was begun, and at last how it ended.
  const lastHeard = () => new Map(listener.heard.map(({ id, state }) => [id, state]));
  const untold = () => {
    const states = lastHeard();
    const begun = new Set(listener.heard.filter(({ state }) => state === 'pending').map(({ id }) => id));
    return now.filter(({ id, state }) => !begun.has(id) || states.get(id) !== state);
  };
  while (untold().length > 0) await sleep(20);
  await listener.end();
  for (const terminal of terminals) await terminal.close();
  if (isSoak) {
    const figures = { strikes, reconnections: listener.reconnections, events: listener.heard.length };
    console.info({ ...figures, atPeace: statesIn(atPeace), inTheEnd: statesIn(now) });
  }
});

function indicesOf<T>(list: readonly T[], wanted: T): number[] {
  return list.flatMap((one, at) => (one === wanted ? [at] : []));
}

/** How many sales of each terminal are in each state. */
function statesIn(sales: readonly Sale[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { terminal, state } of sales) {
    const what = `${terminal} ${state}`;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}
