import { expect, test, vi } from 'vitest';
import { freePort, type Running, Workbench } from '../interop/kit.ts';
import { CutRelay } from './cut-relay.ts';
import { isSoak } from './pos-kit.ts';
import { pause, Random, sizeOf } from './random.ts';

/**
 * A till, a network, a bridge and a simulated terminal that keeps its state, as `posbridge` gives them to everybody;
 * and a person who pulls every plug during one purchase. Whatever is dead is started again, the till by asking for what
 * is open.
 */

vi.setConfig({ maxConcurrency: 12 });

const SEED = sizeOf('SOAK_SEED', 1);
const PLUGS = ['network', 'bridge', 'terminal', 'register'] as const;
type Plug = (typeof PLUGS)[number];

/** The terminal's time for a purchase; a plug is pulled within this time after the last one. */
const DELAY_MS = 900;
const RECEIPT = 'R-1';
const MAX_RECOVERIES = 20;

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, other) => other !== at)).map((rest) => [item, ...rest]),
  );
}

const ORDERS = permutations(PLUGS).filter((_, index) => isSoak || index % 3 === SEED % 3);

class Demo {
  readonly #bench: Workbench;
  readonly #relay: CutRelay;
  readonly #port: number;
  readonly #random: Random;
  readonly #running = new Map<Plug, Running>();
  #isOver = false;

  static async open(seed: number): Promise<Demo> {
    const port = await freePort();
    const demo = new Demo(await Workbench.open(), await CutRelay.open(port), port, new Random(seed));
    await demo.#start('terminal');
    await demo.#start('bridge');
    return demo;
  }

  private constructor(bench: Workbench, relay: CutRelay, port: number, random: Random) {
    this.#bench = bench;
    this.#relay = relay;
    this.#port = port;
    this.#random = random;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#relay.close();
    await this.#bench.close();
  }

  get #place(): string[] {
    const to = `tcp:127.0.0.1:${this.#relay.port}`;
    return [
      '--to',
      to,
      '--store',
      this.#bench.path('store'),
      '--connect-timeout',
      '40s',
      '--outcome-wait',
      '60s',
    ];
  }

  /** The till at work; two times in three the terminal is, too, when this resolves. */
  async begin(): Promise<void> {
    const register = this.#startRegister(['purchase', '12.30', 'EUR', '--receipt', RECEIPT]);
    if (this.#random.below(3) > 0) await register.says('waiting for the card');
  }

  async pull(plug: Plug): Promise<void> {
    await pause(this.#random.upTo(DELAY_MS));
    if (plug === 'network') this.#relay.cutNow();
    else await this.#running.get(plug)?.kill();
    if (plug === 'register') this.#startRegister(['recover']);
  }

  /** Until nothing is open. */
  async recover(): Promise<void> {
    let last = await this.#running.get('register')?.exited;
    for (let count = 0; count < MAX_RECOVERIES; count += 1) {
      last = await this.#startRegister(['recover']).exited;
      if (last.code === 0) return;
    }
    throw new Error(`it stays open: ${last?.code}`);
  }

  /** `posbridge ARGS`: its exit status, and what it prints. */
  async ask(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const running = this.#bench.start('posbridge', args);
    const { stdout } = running;
    const { code } = await running.exited;
    await stdout.ended;
    return { code, stdout: stdout.text, stderr: running.errors };
  }

  /** What the till says about the sale. */
  check(): ReturnType<Demo['ask']> {
    return this.ask(['pos', 'check', RECEIPT, ...this.#place]);
  }

  /** What the terminal has on its disk. */
  async record(): Promise<{ state: string; done: { kind: string; text: string } } | undefined> {
    const { stdout } = await this.ask(['journal', 'export', '--journal', this.#bench.path('state')]);
    const lines = stdout.split('\n').filter((line) => line !== '');
    expect(lines.length).toBeLessThanOrEqual(1);
    return lines[0] === undefined ? undefined : JSON.parse(lines[0]);
  }

  #startRegister(args: readonly string[]): Running {
    const register = this.#bench.start('posbridge', ['pos', ...args, ...this.#place], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#running.set('register', register);
    return register;
  }

  /** Whatever it dies of, somebody starts it again. */
  async #start(what: 'bridge' | 'terminal'): Promise<void> {
    const terminal = `unix:${this.#bench.path('terminal.sock')}`;
    const running =
      what === 'terminal'
        ? this.#bench.start('posbridge', [
            ...['terminal', '--listen', terminal, '--state', this.#bench.path('state')],
            ...['--delay', String(DELAY_MS)],
          ])
        : this.#bench.startBridge([
            ...['serve', '--listen', `tcp:127.0.0.1:${this.#port}`, '--app', terminal],
            ...['--journal', this.#bench.path('journal'), '--register', 'till'],
          ]);
    this.#running.set(what, running);
    void running.exited.then(async ({ signal }) => {
      if (this.#isOver) return;
      expect(signal, running.errors).toBe('SIGKILL');
      await this.#start(what).catch(() => {}); // the test is over meanwhile
    });
    await running.says('listening');
  }
}

test.concurrent.each(ORDERS.map((order, index) => [order.join(', then '), order, index] as const))(
  'every plug is pulled (%s), and the receipt matches the terminal’s record',
  { timeout: 180_000 },
  async (_, order, index) => {
    const demo = await Demo.open(SEED * 100 + index);
    try {
      await demo.begin();
      for (const plug of order) await demo.pull(plug);
      await demo.recover();

      const { code, stdout, stderr } = await demo.check();
      const record = await demo.record();
      if (record?.state === 'done-approved') {
        const { authorization_code, transaction_id, merchant_receipt } = JSON.parse(record.done.text);
        expect(stdout, stderr).toMatch(/^APPROVED {2}12\.30 EUR\n/);
        expect(stdout).toMatch(new RegExp(`^authorisation +${authorization_code}$`, 'm'));
        expect(stdout).toMatch(new RegExp(`^transaction +${transaction_id}$`, 'm'));
        for (const line of merchant_receipt.text.split('\n')) expect(stdout).toContain(line);
        expect(code).toBe(0);
      } else {
        expect(stdout, stderr).toMatch(/^(DECLINED|CANCELLED|NOT CHARGED|NOT STARTED)/);
        expect(code).toBe(1);
        // Interrupted by its own death, or never reached: refused by a bridge whose terminal was gone.
        if (record !== undefined) expect(record.done.text).toMatch(/TRANSACTION_(INTERRUPTED|NOT_FOUND)/);
      }
      expect((await demo.check()).stdout).toBe(stdout);
    } finally {
      await demo.close();
    }
  },
);
