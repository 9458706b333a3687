import { PosClient } from '../../src/pos/pos-client.ts';
import type { SaleOutcome } from '../../src/pos/sale.ts';
import type { Running } from '../interop/kit.ts';
import { CutRelay } from './cut-relay.ts';
import { TEST_PROGRAM, Terminal } from './kit.ts';

/**
 * A register, a bridge, and behind that bridge's channels a real terminal: another bridge with a journal and an
 * application that keeps a record of what it charges. Between the two is a relay that can be cut.
 */
export class TerminalBehind {
  readonly terminal: Terminal;
  readonly relay: CutRelay;
  readonly #isGateway: boolean;
  #far: Running | undefined;
  #farPort = 0;
  #gateway: Running | undefined;
  #front: Running | undefined;
  #port = 0;

  /** @param how `bridge`: the terminal is the bridge's own channel; `gateway`: a gateway has its line. */
  static async open(how: 'bridge' | 'gateway'): Promise<TerminalBehind> {
    const terminal = await Terminal.open();
    const { server, port } = await terminal.serve();
    const behind = new TerminalBehind(terminal, await CutRelay.open(port), how === 'gateway');
    behind.#far = server;
    behind.#farPort = port;
    if (how === 'gateway') await behind.startGateway();
    await behind.startFront();
    return behind;
  }

  private constructor(terminal: Terminal, relay: CutRelay, isGateway: boolean) {
    this.terminal = terminal;
    this.relay = relay;
    this.#isGateway = isGateway;
  }

  get #to(): string {
    return `jsonpos+tcp:127.0.0.1:${this.relay.port}`;
  }

  get front(): Running {
    if (this.#front === undefined) throw new Error('the bridge is not started');
    return this.#front;
  }

  get gateway(): Running {
    if (this.#gateway === undefined) throw new Error('the gateway is not started');
    return this.#gateway;
  }

  async startFront(): Promise<void> {
    const { bench } = this.terminal;
    const app = this.#isGateway ? `unix:${bench.path('gateway.sock')}` : this.#to;
    const listen = `tcp:127.0.0.1:${this.#port}`;
    const args = [
      'serve',
      '--listen',
      listen,
      '--app',
      app,
      '--journal',
      bench.path('front'),
      '--register',
      'till',
    ];
    this.#front = bench.start(process.execPath, [TEST_PROGRAM, ...args]);
    const [, port] = await this.#front.says(/listening on=\S+:(\d+)/);
    this.#port = Number(port);
  }

  async startGateway(): Promise<void> {
    const { bench } = this.terminal;
    const listen = `unix:${bench.path('gateway.sock')}`;
    const args = ['gateway', '--listen', listen, '--to', this.#to, '--terminal-store', bench.path('gateway')];
    this.#gateway = bench.start(process.execPath, [TEST_PROGRAM, ...args]);
    await this.#gateway.says(/listening on=/);
  }

  /** kill -9 of the terminal's own end; it comes back at the same place. */
  async killFar(): Promise<void> {
    await this.#far?.kill();
  }

  async startFar(): Promise<void> {
    const { server } = await this.terminal.serve({ args: ['--listen', `tcp:127.0.0.1:${this.#farPort}`] });
    this.#far = server;
  }

  /** A register in front. */
  async client(): Promise<PosClient> {
    return PosClient.open({
      to: `tcp:127.0.0.1:${this.#port}`,
      store: this.terminal.bench.path('store'),
      connectTimeoutMs: 60_000,
      outcomeWaitMs: 300_000,
    });
  }

  async purchase(receiptId: string, amountMinor = 1250): Promise<SaleOutcome> {
    const client = await this.client();
    try {
      return await client.purchase({ amountMinor, currency: 'EUR', receiptId });
    } finally {
      await client.close();
    }
  }

  charges(receiptId: string): number {
    return this.terminal.application.charges(`${receiptId}/1`);
  }

  async close(): Promise<void> {
    await this.relay.close();
    await this.terminal.close();
  }
}
