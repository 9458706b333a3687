import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '../interop/kit.ts';
import { TCPSERVER } from '../interop/super-servers.ts';
import type { Place } from '../kit/application.ts';
import type { JsonObject, TestRegister } from '../kit/register.ts';
import { Terminal } from './kit.ts';
import { Random } from './random.ts';
import { type Question, readAnswer, type Statement, statementsOfPos } from './witnesses.ts';

/**
 * One terminal whose application lies and dies, bridges in front of it that are killed, and registers that ask again
 * and again, cut their connections and are killed as well: everything that is random comes from one seed, but for the
 * moments at which real processes are ready.
 */

const REGISTERS = 2;
const SALES = 3;
/**
 * A register gives up asking after a while: nobody ever does that for good, and `Chaos.settle` asks for all of them.
 */
const PATIENCE_MS = 4000;
const MOST_DEATHS = 3;
/** From one death to the next, at most. */
const LULL_MS = 2500;
const STUCK_MS = 90_000;
/** The sale of `posbridge pos`. */
const POS_RECEIPT = 'P-1';
const POS_KEY = `${POS_RECEIPT}/1`;

/** Bridges behind one address: `posbridge serve`, or one process a connection under tcpserver. */
interface Bridges {
  readonly place: Place;
  /** What they have said last. */
  readonly words: string;
  /** Ends one of them, as far as there is one. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

export class Chaos {
  readonly terminal: Terminal;
  readonly #seed: number;
  readonly #random: Random;
  readonly #bridges: Bridges;
  readonly #questions: Question[] = [];
  readonly #statements: Statement[] = [];
  readonly #asked = new Map<string, JsonObject>();
  /** What happened, with the milliseconds since the beginning. */
  readonly #story: string[] = [];
  readonly #beganMs = performance.now();
  #isOver = false;

  private constructor(terminal: Terminal, seed: number, random: Random, bridges: Bridges) {
    this.terminal = terminal;
    this.#seed = seed;
    this.#random = random;
    this.#bridges = bridges;
  }

  static async open(seed: number): Promise<Chaos> {
    const terminal = await Terminal.open({ settings: { lies: seed } });
    const open = seed % 2 === 0 ? openServe : openTcpserver;
    const random = new Random(seed);
    return new Chaos(terminal, seed, random, await open(terminal, random));
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.terminal.close();
  }

  /** Sales, lies and deaths, until every register has what it wants to know, or has lost its patience. */
  async run(): Promise<void> {
    this.#keepApplication().catch(() => {}); // the run is over meanwhile
    const deaths = this.#deaths();
    const tills = Array.from({ length: REGISTERS }, (_, index) => this.#till(`T${index}`));
    await Promise.all([...tills, this.#pos(), deaths]);
  }

  /** The application is restarted and honest, and everybody asks: resolves when all outcomes are known that can be. */
  async settle(): Promise<void> {
    this.#isOver = true;
    await this.terminal.application.kill();
    await this.terminal.application.start();
    this.#note('the application is honest');
    await Promise.all([...this.#asked].map(([key, params]) => this.#askUntilKnown(key, params)));
    await this.#recover();
  }

  get statements(): Statement[] {
    return this.#statements;
  }

  /** What happened to these sales, and who died. */
  storyOf(keys: readonly string[]): string {
    const records = this.terminal.application.record.map((line) => `record: ${JSON.stringify(line)}`);
    const all = [...this.#story, ...records];
    const isAbout = (line: string) => keys.some((key) => line.includes(key)) || !line.includes('/');
    return [`seed ${this.#seed}`, ...all.filter(isAbout)].join('\n');
  }

  #note(what: string): void {
    this.#story.push(`${Math.round(performance.now() - this.#beganMs)} ${what}`);
  }

  // Who lives and dies.

  /** Whatever it dies of, it comes back after a while. */
  async #keepApplication(): Promise<void> {
    const { application } = this.terminal;
    for (let life = 1; ; life += 1) {
      await application.dead();
      if (this.#isOver) return;
      this.#note('the application is dead');
      await sleep(this.#random.below(1500));
      if (this.#isOver) return;
      await application.start({ lies: this.#seed, life });
      this.#note('the application is back');
    }
  }

  async #deaths(): Promise<void> {
    for (let count = this.#random.below(MOST_DEATHS + 1); count > 0; count -= 1) {
      await sleep(this.#random.below(LULL_MS));
      const who = this.#random.oneOf('bridge', 'bridge', 'application');
      const signal = this.#random.oneOf('SIGKILL', 'SIGKILL', 'SIGTERM');
      this.#note(`${signal} for the ${who}`);
      if (who === 'application') await this.terminal.application.kill();
      else await this.#bridges.end(signal);
    }
  }

  // Registers that speak for themselves.

  async #till(name: string): Promise<void> {
    for (let sale = 0; sale < SALES; sale += 1) {
      const isShort = this.#random.below(3) === 0;
      const receipt = { receipt_id: `${name}-${sale}` };
      const identifiers = isShort ? receipt : { ...receipt, sequence_id: sale };
      const key = `${receipt.receipt_id}/${isShort ? undefined : sale}`;
      this.#asked.set(key, identifiers);
      await this.#sell(key, identifiers);
    }
  }

  /** One sale, until its register has heard what became of it. */
  async #sell(key: string, identifiers: JsonObject): Promise<void> {
    const purchase = { ...identifiers, amount: 1250, currency: 'EUR' };
    const ask = (register: TestRegister, method: Question['method']) =>
      void this.#ask(register, method, key, method === 'Check' ? identifiers : purchase);
    let register = await this.#connect();
    ask(register, 'Purchase');
    for (const endMs = performance.now() + PATIENCE_MS; performance.now() < endMs; ) {
      await sleep(20 + this.#random.below(700));
      if (this.#isKnown(key)) return;
      const whim = this.#random.below(20);
      if (register.isClosed || whim < 4) {
        if (!register.isClosed) this.#note(`${key}: cuts its connection`);
        register.destroy();
        register = await this.#connect();
        if (!this.#isKnown(key)) ask(register, this.#random.oneOf('Purchase', 'Check'));
      } else if (whim < 7) ask(register, 'Purchase');
      else if (whim < 10) ask(register, 'Check');
      else if (whim < 12) {
        const other = await this.#connect();
        if (!this.#isKnown(key)) ask(other, this.#random.oneOf('Purchase', 'Check'));
      } else if (whim < 13) {
        this.#note(`${key}: Abort`);
        register.notify('Abort', identifiers);
      }
    }
  }

  async #ask(register: TestRegister, method: Question['method'], key: string, params: JsonObject) {
    const id = `${method} ${key} ${this.#questions.length + 1}`;
    const question: Question = { id, method, key, askedMs: Date.now() };
    this.#questions.push(question);
    this.#note(`${id}?`);
    const message = await register.request(method, params, { id }).catch(() => undefined);
    if (message === undefined) {
      this.#note(`${id}: ${register.closeReason?.data['string_code'] ?? 'connection lost'}`);
      return;
    }
    this.#note(`${id}: ${message.text.slice(0, 300)}`);
    const purchases = this.#questions.filter((one) => one.key === key && one.method === 'Purchase');
    const statement = readAnswer(question, message, purchases.length === 1);
    if (statement !== undefined) this.#statements.push(statement);
  }

  #isKnown(key: string): boolean {
    return this.#statements.some((statement) => statement.key === key && statement.says !== 'not begun');
  }

  /** However often it takes: the bridge may be about to start again. */
  async #connect(): Promise<TestRegister> {
    for (const endMs = performance.now() + STUCK_MS; performance.now() < endMs; await sleep(20)) {
      try {
        return await this.terminal.bench.register(this.#bridges.place);
      } catch {}
    }
    throw new Error(`nobody listens: ${this.#bridges.words}\n${this.storyOf([])}`);
  }

  async #askUntilKnown(key: string, identifiers: JsonObject): Promise<void> {
    const known = () => this.#statements.filter((statement) => statement.key === key).length;
    const before = known();
    for (const endMs = performance.now() + STUCK_MS; performance.now() < endMs; await sleep(300)) {
      const register = await this.#connect();
      await this.#ask(register, 'Check', key, identifiers);
      register.destroy();
      if (known() > before) return;
    }
    if (!this.#isUndeclared(key)) throw new Error(`${key} stays unknown\n${this.storyOf([key])}`);
  }

  /**
   * Declined with a code of no declared meaning, which its register perhaps never heard: nobody can know what it means.
   */
  #isUndeclared(key: string): boolean {
    return this.terminal.application.record.some(
      (line) => line.key === key && JSON.stringify(line).includes('OUT_OF_ORDER'),
    );
  }

  // `posbridge pos`.

  async #pos(): Promise<void> {
    const { running, told } = this.#startPos(['purchase', '12.50', 'EUR', '--receipt', POS_RECEIPT]);
    await Promise.race([told, sleep(this.#random.below(2 * PATIENCE_MS))]);
    if (running.isRunning) this.#note('pos is killed');
    running.signal(this.#random.oneOf('SIGKILL', 'SIGTERM'));
    const code = await told;
    const says = code === 0 ? 'charged' : 'not charged';
    if (code === 0 || code === 1)
      this.#statements.push({ key: POS_KEY, says, askedMs: 0, words: `pos: status ${code}` });
  }

  async #recover(): Promise<void> {
    for (const endMs = performance.now() + STUCK_MS; performance.now() < endMs; ) {
      const code = await this.#startPos(['recover', '--outcome-wait', '20s']).told;
      if (code === 0 || this.#isUndeclared(POS_KEY)) return;
    }
    throw new Error(`a sale of pos stays open\n${this.storyOf([POS_KEY])}`);
  }

  /** `told` resolves with the exit status when everything that it said is known; undefined: it was killed. */
  #startPos(words: readonly string[]): { running: Running; told: Promise<number | undefined> } {
    const { bench } = this.terminal;
    const { host, port, path } = this.#bridges.place;
    const to = path === undefined ? `tcp:${host}:${port}` : `unix:${path}`;
    const options = ['--to', to, '--store', bench.path('store'), '--json', '--connect-timeout', '30s'];
    const running = bench.start('posbridge', ['pos', ...words, ...options]);
    const { stdout } = running;
    const told = running.exited.then(async ({ code, signal }) => {
      await stdout.ended;
      const whole = stdout.text.split('\n').slice(0, -1); // the last one may be cut
      this.#statements.push(...statementsOfPos(whole));
      const outcomes = whole.filter((line) => line.includes('"outcome"'));
      this.#note(`pos ${POS_KEY} ${words[0]}: ${signal ?? code} ${outcomes.join(' ').slice(0, 300)}`);
      return code ?? undefined;
    });
    return { running, told };
  }
}

/** Some of these terminals have a name for their registers, some have none. */
function argumentsOf(terminal: Terminal, random: Random): readonly string[] {
  const isNamed = random.below(2) === 0;
  const named = terminal.args.filter((word) => isNamed || !['--register', 'till'].includes(word));
  return ['--keepalive', 'off', ...named];
}

async function openServe(terminal: Terminal, random: Random): Promise<Bridges> {
  const args = argumentsOf(terminal, random);
  const { bench } = terminal;
  const path = bench.path('bridge.sock');
  const start = async (): Promise<Running> => {
    const server = bench.start('posbridge', ['serve', '--listen', `unix:${path}`, ...args]);
    await server.says('listening');
    return server;
  };
  let server = await start();
  return {
    place: { path },
    get words() {
      return server.errors;
    },
    async end(signal) {
      server.signal(signal);
      await server.exited;
      server = await start();
    },
  };
}

async function openTcpserver(terminal: Terminal, random: Random): Promise<Bridges> {
  const args = argumentsOf(terminal, random);
  const listening = await TCPSERVER.start(terminal.bench, ['posbridge', ...args]);
  const { pid } = listening.server;
  return {
    place: listening.place,
    get words() {
      return listening.server.errors;
    },
    async end(signal) {
      const file = `/proc/${pid}/task/${pid}/children`;
      const children = existsSync(file) ? readFileSync(file, 'latin1').trim().split(' ') : [];
      const child = Number(children[random.below(children.length)]);
      try {
        if (child > 0) process.kill(child, signal);
      } catch {} // it has ended by itself
    },
  };
}
