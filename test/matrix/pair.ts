import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { vi } from 'vitest';
import type { Running, Workbench } from '../interop/kit.ts';
import { RelayListener } from '../kit/relay.ts';
import type { PaymentEnd, Protocol } from './table.ts';

const BANK = path.join(import.meta.dirname, 'bank.py');
/** Only ends a wait that would never end. */
const STUCK = { timeout: 50_000, interval: 20 };

interface RecordLine {
  readonly what: 'begun' | 'charged' | 'refunded' | 'declined' | 'cancelled' | 'promised';
}

/** One register protocol in front of one payment end, all of it real processes. */
export class Pair {
  readonly #bench: Workbench;
  readonly #register: Protocol;
  readonly #end: PaymentEnd;
  #isOver = false;
  #bridge: Running | undefined;
  #port = 0;
  #app = '';
  #sales = 0;

  private constructor(bench: Workbench, register: Protocol, end: PaymentEnd) {
    this.#bench = bench;
    this.#register = register;
    this.#end = end;
  }

  static async open(bench: Workbench, register: Protocol, end: PaymentEnd): Promise<Pair> {
    const pair = new Pair(bench, register, end);
    await pair.#open();
    return pair;
  }

  async #open(): Promise<void> {
    const { kind, protocol } = this.#end;
    if (kind !== 'simulator') await this.#startBank();
    if (kind === 'simulator') this.#app = `simulator:?delay=600&state=${this.#bench.path('simulator')}`;
    else this.#app = `unix:${this.#bench.socketPath}`;
    if (protocol !== undefined) {
      const { port } = await this.#serve(protocol, this.#app, 'terminal-journal', 0);
      this.#app = terminalAt(protocol, port);
    }
    await this.startBridge();
  }

  /** Ends what would come back by itself. */
  close(): void {
    this.#isOver = true;
  }

  /** A bank that dies is there again at once, as a service manager sees to it. */
  async #startBank(): Promise<void> {
    const bank = this.#bench.start('python3', [BANK, this.#bench.socketPath, this.#record]);

    await bank.stdout.waitFor('listening');
    void bank.exited.then(() => {
      if (!this.#isOver) void this.#startBank().catch(() => {});
    });
  }

  async #serve(protocol: Protocol, app: string, journal: string, at: number) {
    const { server, port } = await this.#bench.startServe([
      ...['--dialect', protocol.name, '--listen', placeOf(protocol, at), '--app', app],
      ...['--journal', this.#bench.path(journal), '--lock', this.#bench.path(`${journal}.lock`)],
      ...protocol.serveArgs,
    ]);
    return { server, port };
  }

  /** At the same place as before. */
  async startBridge(): Promise<void> {
    const { server, port } = await this.#serve(this.#register, this.#app, 'journal', this.#port);
    this.#bridge = server;
    this.#port = port;
  }

  async killBridge(): Promise<void> {
    await this.#bridge?.kill();
  }

  /** A line in front of the bridge that can be cut. */
  async relay(): Promise<RelayListener> {
    return RelayListener.open(this.#port);
  }

  /** `posbridge pos ACTION`. */
  pos(args: readonly string[], port = this.#port): Running {
    const to = terminalAt(this.#register, port);
    const store = ['--store', this.#bench.path('store')];
    return this.#bench.start('posbridge', ['pos', ...args, '--to', to, ...store, ...this.#register.posArgs]);
  }

  /** A sale that runs until it is decided. */
  begin(
    action: 'purchase' | 'refund',
    amount: number,
    more: { port?: number; args?: string[] } = {},
  ): Running {
    const [whole, cents] = [Math.floor(amount / 100), String(amount % 100).padStart(2, '0')];
    return this.pos([action, `${whole}.${cents}`, 'EUR', ...(more.args ?? [])], more.port);
  }

  /** The customer is at it. */
  async underWay(): Promise<void> {
    const begun = this.#sales + 1;
    await vi.waitFor(() => {
      if (this.count('begun') < begun) throw new Error('the payment end has not begun');
    }, STUCK);
    this.#sales = begun;
  }

  /** What waits at the bank goes on. */
  go(): void {
    writeFileSync(`${this.#record}.go`, '');
  }

  /** How often money has moved. */
  async charges(): Promise<number> {
    if (this.#end.kind === 'simulator') return this.#approvals();
    return this.count('charged') + this.count('refunded');
  }

  count(what: RecordLine['what']): number {
    if (!existsSync(this.#record)) return 0;
    const lines = readFileSync(this.#record, 'utf8').split('\n').slice(0, -1);
    return lines.filter((line) => (JSON.parse(line) as RecordLine).what === what).length;
  }

  /** The simulator inside the bridge has no record but the bridge's journal. */
  async #approvals(): Promise<number> {
    const list = this.#bench.start('posbridge', [
      'journal',
      'list',
      '--json',
      '--journal',
      this.#bench.path('journal'),
    ]);
    const { stdout } = list;
    await list.exited;
    return stdout.text.split('\n').filter((line) => line.includes('"done-approved"')).length;
  }

  get #record(): string {
    return this.#bench.path('money');
  }
}

function placeOf({ place }: Protocol, port: number): string {
  return place.replace('{port}', String(port));
}

function terminalAt(protocol: Protocol, port: number): string {
  return `${protocol.name}+${placeOf(protocol, port)}${protocol.query}`;
}
