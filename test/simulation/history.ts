import { Bridges } from './bridges.ts';
import { untruths } from './oracle.ts';
import { Application } from './peers/application.ts';
import { Client } from './peers/client.ts';
import { Ledger } from './peers/ledger.ts';
import { drawCharacter, HONEST } from './peers/lies.ts';
import { AMOUNT, Sales } from './peers/sales.ts';
import { connect, pause, Till, type TillOptions } from './peers/till.ts';
import type { Subject } from './subject.ts';
import { type Roughness, SMOOTH } from './world/faults.ts';
import type { Machine } from './world/machine.ts';
import { Process } from './world/process.ts';
import type { Random } from './world/random.ts';
import { World } from './world/world.ts';

const APPLICATION = 'tcp:10.0.0.9:9000';
const BRIDGE = 'tcp:10.0.0.5:10001';
const JOURNAL = '/var/lib/posbridge';
const TILLS = 3;
/** Of one register; that of the library makes half as many. */
const MOST_SALES = 12;
/** From outside, beside what goes wrong with disks and connections. */
const MOST_STRIKES = 12;
/** The longest that faults go on. */
const ROUGH_MS = 240_000;
/** When the faults have stopped every sale is decided within this time: before --outcome-wait is over. */
const SETTLED_MS = 600_000;
/** And nobody waits for an outcome any more: longer than --outcome-wait. */
const LEFT_MS = 1_200_000;

/** Who plays in a history, and what goes wrong in it: all that the seed has, or less. */
export interface Cast {
  /** Numbers of faults that do not come to pass. */
  readonly without: ReadonlySet<number>;
  /** Numbers of registers that sell nothing. */
  readonly idle: ReadonlySet<number>;
  /** The most that a register sells. */
  readonly sales: number;
  /** Whether the register that is built on the library sells anything, where it does. */
  readonly hasClient: boolean;
}

export const WHOLE: Cast = { without: new Set(), idle: new Set(), sales: Infinity, hasClient: true };

export interface HistoryOptions {
  readonly isTold: boolean;
  readonly cast?: Cast;
}

/** What came of one seed. */
export interface Verdict {
  readonly seed: string;
  /** Empty: all was well. */
  readonly wrong: readonly string[];
  readonly digest: string;
  readonly story: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  /** The numbers of the faults that came to pass. */
  readonly happened: readonly number[];
  readonly sales: number;
  readonly statements: number;
  readonly steps: number;
}

/**
 * One terminal, bridges in front of it, registers that ask again and again, and everything that can go wrong, from one
 * seed.
 */
export class History {
  readonly #world: World;
  readonly #random: Random;
  readonly #subject: Subject;
  readonly #ledger = new Ledger();
  readonly #sales: Sales;
  readonly #application: Application;
  readonly #tills: readonly Machine[];
  /** What the bridges call their registers: where each has a name of its own, several may use the same numbers. */
  readonly #naming: 'none' | 'one' | 'peer';
  readonly #args: readonly string[];
  readonly #cast: Cast;
  readonly #isServe: boolean;
  readonly #wrong: string[] = [];
  #working = 0;
  #isRough = true;

  static run(subject: Subject, seed: string, options: HistoryOptions): Promise<Verdict> {
    return new History(subject, seed, options).#run();
  }

  private constructor(subject: Subject, seed: string, { isTold, cast = WHOLE }: HistoryOptions) {
    const world = new World(seed, { isTold, without: cast.without });
    this.#cast = cast;
    const random = world.random.fork('history');
    this.#world = world;
    this.#random = random;
    this.#subject = subject;
    const isOneAddress = random.chance(0.4);
    const address = (number: number) => `10.0.0.${isOneAddress ? 20 : 20 + number}`;
    this.#tills = Array.from({ length: TILLS }, (_, number) =>
      world.machine(`till ${number}`, address(number)),
    );
    const hasJournal = random.chance(0.85);
    const character = drawCharacter(random, hasJournal);
    const terminal = world.machine('terminal', '10.0.0.9');
    this.#application = new Application(terminal, APPLICATION, this.#ledger, character);
    this.#isServe = random.chance(0.5);
    this.#naming = random.oneOf(isOneAddress ? ['none', 'one'] : ['none', 'one', 'peer', 'peer']);
    const mayForget = () => this.#application.character.knowsFinishedOnly;
    this.#sales = new Sales({ hasJournal, mayForget });
    this.#args = [
      ...['--app', APPLICATION],
      ...(hasJournal ? ['--journal', JOURNAL] : []),
      ...{ none: [], one: ['--register', 'shop'], peer: ['--register', '{peer}'] }[this.#naming],
      ...(random.chance(0.3) ? ['--keepalive', 'off'] : []),
      ...(character.knowsFinishedOnly ? ['--not-found-after', '60s'] : []),
    ];
    world.roughness = drawRoughness(random);
  }

  async #run(): Promise<Verdict> {
    const { schedule } = this.#world;
    const machine = this.#world.machine('bridges', '10.0.0.5');
    const bridges = new Bridges({
      ...{ subject: this.#subject, machine, place: BRIDGE, args: this.#args, isServe: this.#isServe },
      wrong: (text) => this.#wrong.push(text),
    });
    this.#application.start();
    this.#keepApplication();
    const registers = 1 + this.#random.below(TILLS);
    for (let till = 0; till < registers; till += 1) {
      if (!this.#cast.idle.has(till)) this.#work(() => this.#keepSelling(till, bridges));
    }
    const client = this.#client();
    const isSelling = this.#random.chance(0.5) && this.#cast.hasClient;
    const count = 1 + this.#random.below(MOST_SALES / 2);
    if (isSelling) this.#work(() => client.sell(count));
    this.#planStrikes(machine, bridges);
    const rough = await schedule.run(() => this.#working === 0, ROUGH_MS);
    this.#world.story.tell('world', `the faults stop (${rough})`);
    await this.#settle(client);
    await this.#closeDown(machine, bridges);
    this.#subject.takeBack();
    return {
      seed: this.#world.seed,
      wrong: [...this.#wrong, ...untruths(this.#sales.statements, this.#ledger)],
      digest: this.#world.story.digest,
      story: this.#world.story.lines,
      faults: this.#world.faults.counts,
      happened: this.#world.faults.happened,
      sales: this.#sales.all.length,
      statements: this.#sales.statements.length,
      steps: schedule.steps,
    };
  }

  /** Something that the present part of the history waits for. */
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

  // Registers.

  async #keepSelling(till: number, bridges: Bridges): Promise<void> {
    const options: TillOptions = {
      place: BRIDGE,
      sales: this.#sales,
      isRough: () => this.#isRough,
      wasSteady: (sinceMs) => bridges.wasSteady(sinceMs),
      wrong: (text) => this.#wrong.push(text),
    };
    const process = new Process(this.#machine(till), `R${till}`);
    const register = new Till(process, options);
    const { random } = process;
    const count = Math.min(1 + random.below(MOST_SALES), this.#cast.sales);
    for (let index = 0; index < count && this.#isRough; index += 1) {
      const receipt_id = this.#naming === 'peer' ? 100 + index : `R${till}-${index}`;
      const identifiers = { receipt_id, ...(random.chance(0.7) && { sequence_id: index }) };
      await register.sell(this.#sales.add(identifiers, till, this.#nameOf(till)));
      if (random.chance(0.3)) register.leave();
    }
    register.leave();
  }

  #client(): Client {
    return new Client({
      ...{ subject: this.#subject, machine: this.#machine(0), till: 0, place: BRIDGE, sales: this.#sales },
      register: this.#nameOf(0),
      isRough: () => this.#isRough,
    });
  }

  #machine(till: number): Machine {
    return this.#tills[till] as Machine;
  }

  #nameOf(till: number): string | undefined {
    return { none: undefined, one: 'shop', peer: this.#machine(till).address }[this.#naming];
  }

  // Strikes from outside, beside what the roughness of the world does.

  #planStrikes(machine: Machine, bridges: Bridges): void {
    const withinMs = this.#random.oneOf([20_000, 60_000, 120_000]);
    for (let count = this.#random.below(MOST_STRIKES + 1); count > 0; count -= 1) {
      this.#world.schedule.after(this.#random.below(withinMs), () => {
        if (this.#isRough) this.#strike(machine, bridges);
      });
    }
  }

  #strike(machine: Machine, bridges: Bridges): void {
    const random = this.#random;
    const bridge = bridges.any();
    const what = random.oneOf([
      'kill bridge',
      'kill bridge',
      'kill application',
      'kill till',
      'power',
      'pause',
      'stop',
      'clock',
    ]);
    if (!this.#world.faults.happens(`strikes: ${what}`)) return;
    if (what === 'kill bridge') bridge?.kill();
    else if (what === 'stop') bridge?.signal('SIGTERM');
    else if (what === 'kill application') this.#application.process?.kill();
    else if (what === 'kill till')
      [...this.#machine(0).processes].find(({ name }) => name.startsWith('client'))?.kill();
    else if (what === 'power') machine.cutPower();
    else if (what === 'clock') machine.clockErrorMs += random.oneOf([-3_600_000, -5000, 5000, 86_400_000]);
    else {
      const ms = random.fraction() * random.oneOf([100, 5000, 60_000]);
      random.oneOf([bridge, this.#application.process])?.pauseFor(ms);
    }
  }

  #keepApplication(): void {
    this.#application.process?.onEnd(() => {
      this.#world.schedule.after(this.#random.below(4000), () => {
        if (this.#application.process !== undefined) return;
        this.#application.start();
        this.#keepApplication();
      });
    });
  }

  // The end: no faults, an honest application, and everybody asks.

  async #settle(client: Client): Promise<void> {
    const { schedule } = this.#world;
    this.#isRough = false;
    this.#world.roughness = SMOOTH;
    // If it lives on, what it was silent about has to be asked for.
    if (this.#random.chance(0.5)) this.#application.process?.kill('SIGKILL: the end of the faults');
    this.#application.character = HONEST;
    this.#application.start();
    for (const machine of this.#tills) {
      for (const process of [...machine.processes]) process.kill('SIGKILL: the end of the faults');
    }
    this.#working = 0;
    for (const till of this.#tills.keys()) this.#work(() => this.#askAll(till));
    this.#work(() => client.recover((key) => this.#isUnknowable(key) || this.#isOtherAmount(key)));
    const end = await schedule.run(() => this.#working === 0, schedule.nowMs + SETTLED_MS);
    if (end === 'over') return;
    const open = this.#sales.all.filter((sale) => !this.#sales.isKnown(sale)).map(({ key }) => key);
    this.#wrong.push(
      `not everything is decided ${SETTLED_MS / 1000} s after the faults have stopped: ${open.join(', ')}`,
    );
  }

  /** Every sale of a till, until each is known that can be. */
  async #askAll(till: number): Promise<void> {
    const process = new Process(this.#machine(till), `asker ${till}`);
    const sales = this.#sales.all.filter((sale) => sale.till === till);
    let connection = await connect(process, BRIDGE);
    let questions = 0;
    for (const sale of sales) {
      const before = this.#sales.toldOf(sale);
      for (let attempt = 0; this.#sales.toldOf(sale) === before; attempt += 1) {
        if (attempt > 5 && this.#isUnknowable(sale.key)) break;
        if (attempt > 0) await pause(process, 3000);
        if (!connection.isOpen) connection = await connect(process, BRIDGE);
        questions += 1;
        await this.#sales.ask(connection, 'Check', sale, `settle-${questions}`);
      }
    }
    connection.close();
    process.kill('done');
  }

  /** A record of it may be torn, and nobody knows what stood there; or nobody can know what its answer means. */
  #isUnknowable(key: string): boolean {
    return this.#isUndeclared(key) || this.#hasTornDisk();
  }

  #hasTornDisk(): boolean {
    return [...this.#world.machines].some(({ disk }) => disk.hasTorn);
  }

  /** Declined with a code of no declared meaning: nobody else can know what it means. */
  #isUndeclared(key: string): boolean {
    return this.#ledger.entry(key).answer?.code === 'OUT_OF_ORDER';
  }

  /** In answer to a Check that may be another sale: the register's library leaves it to a person. */
  #isOtherAmount(key: string): boolean {
    const { answer } = this.#ledger.entry(key);
    return answer?.kind === 'result' && JSON.parse(answer.text).amount !== AMOUNT;
  }

  /** Nothing is left: no process, no lock. */
  async #closeDown(machine: Machine, bridges: Bridges): Promise<void> {
    const { schedule } = this.#world;
    await schedule.run(() => bridges.isAlone, schedule.nowMs + LEFT_MS);
    if (!bridges.isAlone)
      this.#wrong.push(`still running ${LEFT_MS / 1000} s after everybody has left: ${bridges.names}`);
    bridges.stop();
    await schedule.run(() => machine.processes.size === 0, schedule.nowMs + LEFT_MS);
    for (const { name } of machine.processes) this.#wrong.push(`${name} does not end`);
    if (machine.locks.count > 0) this.#wrong.push(`${machine.locks.count} locks are held by nobody`);
  }
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
