import type { PosClient } from '../../src/index.ts';
import { readAnswer, type Statement, untruths } from './oracle.ts';
import { Application } from './peers/application.ts';
import { keyOf, Ledger } from './peers/ledger.ts';
import { drawCharacter, HONEST } from './peers/lies.ts';
import { RawConnection } from './peers/raw-register.ts';
import type { Subject } from './subject.ts';
import type { Roughness } from './world/faults.ts';
import { SMOOTH } from './world/faults.ts';
import type { Machine } from './world/machine.ts';
import { NetworkError } from './world/network.ts';
import { Process } from './world/process.ts';
import type { Random } from './world/random.ts';
import { World } from './world/world.ts';

const APPLICATION = 'tcp:10.0.0.9:9000';
const BRIDGE = 'tcp:10.0.0.5:10001';
const JOURNAL = '/var/lib/posbridge';
const STORE = '/var/lib/till';
/** A register loses its patience after a while; that it asks for ever is what the end of a history is for. */
const PATIENCE_MS = 40_000;
/** The longest that faults go on. */
const ROUGH_MS = 240_000;
/** When the faults have stopped every sale is decided within this time. */
const SETTLED_MS = 2 * 3_600_000;
/** And nobody waits for an outcome any more: longer than --outcome-wait. */
const LEFT_MS = 1_200_000;
const AMOUNT = 1250;

/** What came of one seed. */
export interface Verdict {
  readonly seed: string;
  /** Empty: all was well. */
  readonly wrong: readonly string[];
  readonly digest: string;
  readonly story: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly sales: number;
  readonly statements: number;
  readonly steps: number;
  readonly simulatedMs: number;
}

interface Sale {
  readonly key: string;
  readonly params: { readonly receipt_id: string | number; readonly sequence_id?: number };
  purchases: number;
}

/** One terminal, bridges in front of it, registers that ask again and again, and everything that can go wrong, from one seed. */
export class History {
  readonly #world: World;
  readonly #random: Random;
  readonly #subject: Subject;
  readonly #ledger = new Ledger();
  readonly #application: Application;
  readonly #bridges: Machine;
  readonly #till: Machine;
  readonly #args: readonly string[];
  readonly #isServe: boolean;
  readonly #statements: Statement[] = [];
  readonly #sales = new Map<string, Sale>();
  readonly #wrong: string[] = [];
  #superServer: Process | undefined;
  #children = new Set<Process>();
  #working = 0;
  #questions = 0;
  #isRough = true;

  static async run(subject: Subject, seed: string, options: { readonly isTold: boolean }): Promise<Verdict> {
    const history = new History(subject, seed, options.isTold);
    return history.#run();
  }

  private constructor(subject: Subject, seed: string, isTold: boolean) {
    const world = new World(seed, { isTold });
    const random = world.random.fork('history');
    this.#world = world;
    this.#random = random;
    this.#subject = subject;
    this.#bridges = world.machine('bridges', '10.0.0.5');
    this.#till = world.machine('till', '10.0.0.20');
    const terminal = world.machine('terminal', '10.0.0.9');
    const character = drawCharacter(random);
    this.#application = new Application(terminal, APPLICATION, this.#ledger, character);
    this.#isServe = random.chance(0.5);
    world.roughness = drawRoughness(random);
    const notFoundAfter = character.knowsFinishedOnly ? ['--not-found-after', '60s'] : [];
    this.#args = [
      ...['--app', APPLICATION, '--journal', JOURNAL, '--log-level', 'info'],
      ...(random.chance(0.4) ? ['--register', 'till'] : []),
      ...(random.chance(0.3) ? ['--keepalive', 'off'] : []),
      ...notFoundAfter,
    ];
  }

  async #run(): Promise<Verdict> {
    const { schedule } = this.#world;
    this.#startBridges();
    this.#application.start();
    const registers = 1 + this.#random.below(3);
    for (let index = 0; index < registers; index += 1) this.#work(() => this.#keepSelling(`R${index}`));
    if (this.#random.chance(0.5)) this.#work(() => this.#keepSellingWithClient());
    this.#planDeaths();
    const rough = await schedule.run(() => this.#working === 0, ROUGH_MS);
    this.#world.story.tell('world', `the faults stop (${rough})`);
    await this.#settle();
    const wrong = [...this.#wrong, ...untruths(this.#statements, this.#ledger)];
    return {
      seed: this.#world.seed,
      wrong,
      digest: this.#world.story.digest,
      story: this.#world.story.lines,
      faults: this.#world.faults.counts,
      sales: this.#sales.size,
      statements: this.#statements.length,
      steps: schedule.steps,
      simulatedMs: schedule.nowMs,
    };
  }

  /** Something that the first part of the history waits for. */
  #work(task: () => Promise<void>): void {
    this.#working += 1;
    const done = () => {
      this.#working -= 1;
    };
    task().then(done, (fault: unknown) => {
      done();
      this.#wrong.push(`a peer failed: ${fault instanceof Error ? fault.stack : String(fault)}`);
    });
  }

  // Bridges.

  #startBridges(): void {
    if (this.#isServe) {
      const process = this.#subject.program(this.#bridges, 'serve', [
        'serve',
        '--listen',
        BRIDGE,
        ...this.#args,
      ]);
      this.#superServer = process;
      this.#restartLater(process);
      return;
    }
    const server = new Process(this.#bridges, 'tcpserver');
    this.#superServer = server;
    this.#restartLater(server);
    this.#world.network.listen(server, BRIDGE, (end) => {
      const child = this.#subject.program(
        this.#bridges,
        `bridge ${this.#children.size + 1}`,
        this.#args,
        end,
      );
      this.#children.add(child);
      child.onEnd(() => this.#judgeEnd(child));
    });
  }

  /** Whatever it dies of. */
  #restartLater(process: Process): void {
    process.onEnd(() => {
      this.#judgeEnd(process);
      this.#world.schedule.after(this.#random.below(3000), () => this.#startBridges());
    });
  }

  #judgeEnd({ name, status }: Process): void {
    if (typeof status === 'number' && ![0, 76, 111].includes(status))
      this.#wrong.push(`${name} exits with ${status}`);
  }

  // Deaths.

  #planDeaths(): void {
    const { schedule } = this.#world;
    const count = this.#random.below(7);
    for (let index = 0; index < count; index += 1) {
      schedule.after(this.#random.below(60_000), () => {
        if (this.#isRough) this.#strike();
      });
    }
    this.#keepApplication();
  }

  #keepApplication(): void {
    const { process } = this.#application;
    process?.onEnd(() => {
      this.#world.schedule.after(this.#random.below(4000), () => {
        if (this.#application.process !== undefined) return;
        this.#application.start();
        this.#keepApplication();
      });
    });
  }

  #strike(): void {
    const { faults } = this.#world;
    const random = this.#random;
    const children = [...this.#children].filter(({ isAlive }) => isAlive);
    const bridge = this.#isServe || children.length === 0 ? this.#superServer : random.oneOf(children);
    const what = random.oneOf(['bridge', 'bridge', 'application', 'power', 'pause', 'stop']);
    faults.count(`strikes: ${what}`);
    if (what === 'bridge') bridge?.kill();
    else if (what === 'stop') bridge?.signal('SIGTERM');
    else if (what === 'application') this.#application.process?.kill();
    else if (what === 'power') this.#bridges.cutPower();
    else {
      const paused = random.oneOf([bridge, this.#application.process]);
      paused?.pauseFor(random.fraction() * random.oneOf([100, 5000, 60_000]));
    }
  }

  // Registers that speak for themselves.

  async #keepSelling(name: string): Promise<void> {
    const process = new Process(this.#till, name);
    const count = 1 + this.#random.below(3);
    for (let index = 0; index < count; index += 1) {
      await this.#sell(process, {
        receipt_id: `${name}-${index}`,
        ...(this.#random.chance(0.7) && { sequence_id: index }),
      });
    }
  }

  async #sell(process: Process, params: Sale['params']): Promise<void> {
    const { random } = this.#world;
    const sale = this.#saleOf(params);
    const untilMs = this.#world.nowMs + PATIENCE_MS;
    let connection = await this.#connect(process);
    void this.#ask(connection, 'Purchase', sale);
    while (this.#world.nowMs < untilMs && this.#isRough) {
      await pause(process, 50 + random.below(3000));
      if (this.#isKnown(sale.key)) break;
      const whim = random.below(20);
      if (!connection.isOpen || whim < 4) {
        connection.close();
        connection = await this.#connect(process);
        void this.#ask(connection, random.oneOf(['Purchase', 'Check']), sale);
      } else if (whim < 7) void this.#ask(connection, 'Purchase', sale);
      else if (whim < 10) void this.#ask(connection, 'Check', sale);
      else if (whim < 12) {
        const other = await this.#connect(process);
        void this.#ask(other, random.oneOf(['Purchase', 'Check']), sale).finally(() => other.close());
      } else if (whim < 13) connection.notify('Abort', params);
    }
    connection.close();
  }

  #saleOf(params: Sale['params']): Sale {
    const key = keyOf(params);
    const sale = this.#sales.get(key) ?? { key, params, purchases: 0 };
    this.#sales.set(key, sale);
    return sale;
  }

  async #ask(connection: RawConnection, method: string, sale: Sale): Promise<void> {
    const { key } = sale;
    // Who reuses ids is foolish, and must not be told of another request for it.
    this.#questions += 1;
    const id = `q${this.#random.chance(0.1) ? 'again' : this.#questions}`;
    if (method === 'Purchase') sale.purchases += 1;
    const spelled = this.#random.chance(0.1) && 'sequence_id' in sale.params;
    const params = {
      ...sale.params,
      ...(spelled && { sequence_id: String(sale.params.sequence_id) }),
      ...(method === 'Purchase' && { amount: AMOUNT, currency: 'EUR' }),
    };
    const askedMs = this.#world.nowMs;
    connection.process.tell(`${method} ${key} (${id})?`);
    const message = await connection.request(method, params, id);
    const words =
      message === undefined ? (connection.closeReason ?? 'connection lost') : JSON.stringify(message);
    connection.process.tell(`${method} ${key} (${id}): ${words.slice(0, 300)}`);
    if (message === undefined) return;
    const statement = readAnswer({ method, key, askedMs, isOnly: sale.purchases === 1 }, message);
    if (statement !== undefined) this.#statements.push(statement);
  }

  #isKnown(key: string): boolean {
    return this.#statements.some((statement) => statement.key === key && statement.says !== 'not begun');
  }

  /** However often it takes. */
  async #connect(process: Process): Promise<RawConnection> {
    for (;;) {
      try {
        return new RawConnection(process, await this.#world.network.connect(process, BRIDGE));
      } catch (fault) {
        if (!(fault instanceof NetworkError)) throw fault;
        await pause(process, 200);
      }
    }
  }

  // The register's library.

  async #keepSellingWithClient(): Promise<void> {
    const process = new Process(this.#till, 'client');
    const client = await this.#openClient(process);
    const count = 1 + this.#random.below(2);
    for (let index = 0; index < count && this.#isRough; index += 1) {
      const params = { receipt_id: `C-${index}`, sequence_id: 1 };
      const sale = this.#saleOf(params);
      const askedMs = this.#world.nowMs;
      try {
        const outcome = await client.purchase({
          amountMinor: AMOUNT,
          currency: 'EUR',
          receiptId: params.receipt_id,
        });
        const says = outcome.outcome === 'approved' ? 'charged' : 'not charged';
        process.tell(`hears ${outcome.outcome} of ${sale.key}`);
        this.#statements.push({ key: sale.key, says, askedMs, words: `PosClient: ${outcome.outcome}` });
      } catch (fault) {
        process.tell(`hears nothing of ${sale.key}: ${String(fault)}`);
      }
    }
    await client.close();
    process.kill('done');
  }

  /** However often it takes: a disk may be full for a while. */
  async #openClient(process: Process): Promise<PosClient> {
    for (;;) {
      try {
        return await this.#subject.client(process, { to: BRIDGE, store: STORE, outcomeWaitMs: 120_000 });
      } catch (fault) {
        process.tell(`has no store: ${String(fault)}`);
        await pause(process, 1000);
      }
    }
  }

  /** Every open sale of its store. */
  async #recover(): Promise<void> {
    const process = new Process(this.#till, 'recovery');
    const client = await this.#openClient(process);
    for (;;) {
      let isOpen = false;
      for await (const sale of client.recover()) {
        const key = `${sale.receiptId}/${sale.sequenceId ?? ''}`;
        process.tell(`hears ${sale.outcome} of ${key}`);
        if (sale.outcome === 'unknown') isOpen ||= !this.#isUndeclared(key);
        else {
          const says = sale.outcome === 'approved' ? 'charged' : 'not charged';
          this.#statements.push({ key, says, askedMs: 0, words: `recover: ${sale.outcome}` });
        }
      }
      if (!isOpen) break;
      await pause(process, 5000);
    }
    await client.close();
    process.kill('done');
  }

  // The end: no faults, an honest application, and everybody asks.

  async #settle(): Promise<void> {
    const { schedule } = this.#world;
    this.#isRough = false;
    this.#world.roughness = SMOOTH;
    this.#application.process?.kill('SIGKILL: the end of the faults');
    this.#application.character = HONEST;
    this.#application.start();
    for (const process of [...this.#till.processes]) process.kill('SIGKILL: the end of the faults');
    this.#working = 0;
    for (const sale of this.#sales.values()) this.#work(() => this.#askUntilKnown(sale));
    this.#work(() => this.#recover());
    const end = await schedule.run(() => this.#working === 0, schedule.nowMs + SETTLED_MS);
    if (end !== 'over')
      this.#wrong.push(`not everything is decided ${SETTLED_MS / 1000} s after the faults have stopped`);
    await this.#closeDown();
  }

  async #askUntilKnown(sale: Sale): Promise<void> {
    const process = new Process(this.#till, `asks for ${sale.key}`);
    const told = () => this.#statements.filter(({ key }) => key === sale.key).length;
    const before = told();
    for (let attempt = 0; ; attempt += 1) {
      const connection = await this.#connect(process);
      await this.#ask(connection, 'Check', sale);
      connection.close();
      if (told() > before || (attempt > 5 && this.#isUndeclared(sale.key))) break;
      await pause(process, 3000);
    }
    process.kill('done');
  }

  /** Declined with a code of no declared meaning: nobody else can know what it means. */
  #isUndeclared(key: string): boolean {
    return this.#ledger.entry(key).answer?.code === 'OUT_OF_ORDER';
  }

  /** Nothing is left: no lock, no process. */
  async #closeDown(): Promise<void> {
    const { schedule } = this.#world;
    const bridges = this.#bridges;
    const isAlone = () => !this.#isServe && bridges.processes.size <= 1;
    await schedule.run(isAlone, schedule.nowMs + LEFT_MS);
    if (!this.#isServe && !isAlone()) {
      const names = [...bridges.processes].map(({ name }) => name).join(', ');
      this.#wrong.push(`still running ${LEFT_MS / 1000} s after everybody has left: ${names}`);
    }
    this.#superServer?.signal('SIGTERM');
    this.#superServer = undefined;
    await schedule.run(() => bridges.processes.size === 0, schedule.nowMs + 2000);
    for (const process of bridges.processes) process.kill('the end');
    if (bridges.locks.count > 0) this.#wrong.push(`${bridges.locks.count} locks are held by nobody`);
  }
}

function pause(process: Process, ms: number): Promise<void> {
  return new Promise((resolve) => process.after(ms, resolve));
}

function drawRoughness(random: Random): Roughness {
  const level = random.oneOf([0, 0.3, 1]);
  return {
    diskFault: level * random.oneOf([0, 0.001, 0.01]),
    slowDisk: level * random.oneOf([0, 0.002]),
    cut: level * random.oneOf([0, 0.002, 0.02]),
    kill: level * random.oneOf([0, 0.001, 0.005]),
  };
}
