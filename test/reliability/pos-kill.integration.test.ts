import { expect, test, vi } from 'vitest';
import type { FaultPoint } from '../../src/base/fault-point.ts';
import type { Step } from './application.ts';
import { TEST_PROGRAM, Terminal } from './kit.ts';
import { isSoak } from './pos-kit.ts';
import { sizeOf } from './random.ts';

/**
 * `posbridge pos`, the bridge and the terminal's application, each a process that dies (kill -9) at one moment of one
 * purchase and is started again; the register then recovers, as it does when a till is switched on.
 */

// They wait for each other, and for the register's and the bridge's next question, much more than they work.
vi.setConfig({ maxConcurrency: 12 });

const SEED = sizeOf('SOAK_SEED', 1);
const RECEIPT = 'R-1';
const KEY = `${RECEIPT}/1`;
/** A register that finds no truth in so many attempts never will. */
const MAX_RECOVERIES = 20;

/** `charging`: the terminal is at it, and the register waits. */
type RegisterDeath = FaultPoint | 'charging';

interface Deaths {
  readonly register: RegisterDeath | undefined;
  readonly bridge: FaultPoint | undefined;
  readonly application: Step | undefined;
}

const REGISTER = [
  undefined,
  'before-sent',
  'after-sent',
  'after-hand-over',
  'charging',
  'before-done',
  'after-done',
] as const;
const BRIDGE = [
  undefined,
  'before-sent',
  'after-sent',
  'after-hand-over',
  'before-done',
  'after-done',
  'after-answer',
] as const;
const APPLICATION = [undefined, 'read', 'begun', 'charged', 'answered'] as const;

/** All of them in a soak; else every pair of a register's and a bridge's death, and an application's from a wheel. */
const CELLS: readonly Deaths[] = REGISTER.flatMap((register, row) =>
  BRIDGE.flatMap((bridge, column) => {
    const turn = (row + column + SEED) % APPLICATION.length;
    const applications = isSoak ? APPLICATION : [APPLICATION[turn]];
    return applications.map((application): Deaths => ({ register, bridge, application }));
  }),
);

/** What `posbridge pos --json` says of a sale. */
interface Told {
  readonly outcome: string;
  readonly result?: object;
  readonly reason?: object;
}

class Shop {
  readonly terminal: Terminal;
  #isOver = false;

  private constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  static async open({ bridge, application }: Deaths): Promise<Shop> {
    const shop = new Shop(await Terminal.open({ settings: { haltAt: application ?? null } }));
    await shop.#startBridge(bridge);
    if (application !== undefined) void shop.#killApplicationAt(application);
    return shop;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.terminal.close();
  }

  /** Whatever the bridge died of, somebody starts it again. */
  async #startBridge(fault?: FaultPoint): Promise<void> {
    const { bench, args } = this.terminal;
    const listen = ['serve', '--listen', `unix:${bench.path('pos.sock')}`, '--keepalive', 'off'];
    const env = fault === undefined ? {} : { POSBRIDGE_FAULT: fault };
    const bridge = bench.start(process.execPath, [TEST_PROGRAM, ...listen, ...args], { env });
    void bridge.exited.then(async ({ signal }) => {
      if (this.#isOver) return;
      expect(signal).toBe('SIGKILL');
      await this.#startBridge().catch(() => {}); // the test is over meanwhile
    });
    await bridge.says('listening');
  }

  async #killApplicationAt(step: Step): Promise<void> {
    const { application } = this.terminal;
    // Some deaths of the others keep the purchase from getting so far.
    const isThere = await application.at(step, KEY).then(
      () => true,
      () => false,
    );
    if (!isThere || this.#isOver) return;
    await application.kill();
    await application.start().catch(() => {}); // the test is over meanwhile
  }

  /** `posbridge pos ARGS`, to its end. */
  async register(args: readonly string[], death?: RegisterDeath) {
    const { bench, application } = this.terminal;
    const place = ['--to', `unix:${bench.path('pos.sock')}`, '--store', bench.path('store')];
    const options = ['--json', '--connect-timeout', '40s', '--outcome-wait', '40s'];
    const env = death === undefined || death === 'charging' ? {} : { POSBRIDGE_FAULT: death };
    const words = [TEST_PROGRAM, 'pos', ...args, ...place, ...options];
    const running = bench.start(process.execPath, words, { env });
    const { stdout } = running;
    if (death === 'charging') {
      void application.at('begun', KEY).then(
        () => running.signal('SIGKILL'),
        () => {}, // the other deaths kept the purchase from getting so far
      );
    }
    const exit = await running.exited;
    await stdout.ended;
    const told = stdout.lines
      .map((line) => JSON.parse(line) as Told & { event: string })
      .filter(({ event }) => event === 'outcome');
    return { ...exit, told, errors: running.errors };
  }
}

/** The till is switched on until nothing is open any more. */
async function recover(shop: Shop): Promise<Told[]> {
  for (let count = 0; count < MAX_RECOVERIES; count += 1) {
    const { code, told, errors } = await shop.register(['recover']);
    if (code === 0) return told;
    expect([75, 111], errors).toContain(code);
  }
  throw new Error('it stays open');
}

const nameOf = ({ register, bridge, application }: Deaths) =>
  `register ${register ?? 'lives'}, bridge ${bridge ?? 'lives'}, application ${application ?? 'lives'}`;

test.concurrent.each(CELLS.map((deaths) => [nameOf(deaths), deaths] as const))(
  'one charge or none, one truth: %s',
  { timeout: 120_000 },
  async (_, deaths) => {
    const shop = await Shop.open(deaths);
    try {
      const { application } = shop.terminal;
      const first = await shop.register(['purchase', '12.50', 'EUR', '--receipt', RECEIPT], deaths.register);
      if (deaths.register === undefined) expect(first.signal, first.errors).toBeNull();
      const told = [...first.told, ...(await recover(shop))];
      const last = await shop.register(['check', RECEIPT]);
      const [truth] = last.told;
      const charges = application.charges(KEY);

      expect(truth?.outcome, last.errors).toMatch(/^(approved|declined|cancelled|not-reached)$/);
      expect(charges).toBe(truth?.outcome === 'approved' ? 1 : 0);
      for (const one of told) {
        expect([one.outcome, one.result, one.reason]).toEqual([truth?.outcome, truth?.result, truth?.reason]);
      }
      expect(last.code).toBe(truth?.outcome === 'approved' ? 0 : 1);
      // Who lived to the end was told, and nobody ever had to guess.
      if (deaths.register === undefined) {
        expect([first.code, told.length]).toEqual([last.code, 1]);
      }
      // What nothing kept from being charged has been charged.
      if (Object.values(deaths).every((death) => death === undefined)) expect(charges).toBe(1);
    } finally {
      await shop.close();
    }
  },
);
