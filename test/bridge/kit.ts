import type { ChannelName } from '../../src/base/channel-name.ts';
import { silentLogger } from '../../src/base/log.ts';
import { Statistics } from '../../src/base/statistics.ts';
import { Bridge } from '../../src/bridge/bridge.ts';
import type { BridgeContext, BridgeEnd, BridgeOptions } from '../../src/bridge/bridge-options.ts';
import { AttachmentPool } from '../../src/channel/pool.ts';
import { Presence } from '../../src/channel/presence.ts';
import { jsonpos } from '../../src/dialect/jsonpos/dialect.ts';
import type { Endpoint } from '../../src/endpoint/endpoint.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import type { Journal } from '../../src/store/journal.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { OutputQueue } from '../../src/wire/output-queue.ts';
import type { Peer, Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
export type Any = any;

/** Lets everything that is ready happen; no clock is involved. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Advances the fake clock in small steps, so that what timers start can go on in between. */
export async function pass(clock: FakeClock, ms: number): Promise<void> {
  await settle();
  for (let left = ms; left > 0; left -= 250) {
    clock.advance(Math.min(left, 250));
    await settle();
  }
}

/** The register's end of a memory wire, framed by hand. */
export class WireRegister {
  readonly messages: Any[] = [];
  ended = false;
  closed = false;
  readonly #wire: Wire;
  readonly #output: OutputQueue;
  #text = '';

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#output = new OutputQueue(wire, { clock: new FakeClock() });
    wire.start({
      chunk: (bytes) => {
        this.#text += bytes.toString('latin1');
        for (;;) {
          const length = Number.parseInt(this.#text.slice(0, 8), 16);
          if (Number.isNaN(length) || this.#text.length < length + 10) break;
          this.messages.push(JSON.parse(this.#text.slice(9, 9 + length)));
          this.#text = this.#text.slice(length + 10);
        }
      },
      end: () => {
        this.ended = true;
      },
      closed: () => {
        this.closed = true;
      },
    });
  }

  send(message: object): void {
    this.sendText(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  sendText(json: string): void {
    const bytes = Buffer.from(json);
    const head = Buffer.from(`${bytes.length.toString(16).padStart(8, '0')}:`);
    this.#output.push(Buffer.concat([head, bytes, Buffer.from('\n')]), 'normal');
  }

  /** As they are: filler, rubbish, part of a frame. */
  sendBytes(bytes: Uint8Array | string): void {
    this.#output.push(Buffer.from(bytes), 'normal');
  }

  answerTo(id: string): Any {
    return this.messages.find((message) => message.id === id && message.method === undefined);
  }

  get closeReason(): Any {
    return this.messages.find((message) => message.method === '_CloseReason')?.params.error;
  }

  endOutput(): void {
    this.#output.end();
  }

  /** As a killed machine would go: everything at once. */
  vanish(): void {
    this.#wire.destroy();
  }

  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }
}

/** An application that the test plays; it can go away and come back. */
export class PlayedApplication {
  /** Lines by conversation: a new list whenever the bridge attaches again. */
  readonly conversations: Any[][] = [];
  isThere = true;
  #wire: Wire | undefined;
  #output: OutputQueue | undefined;

  attach(wire: Wire): void {
    if (!this.isThere) throw new Error('not there');
    const lines: Any[] = [];
    this.conversations.push(lines);
    this.#wire = wire;
    this.#output = new OutputQueue(wire, { clock: new FakeClock() });
    let text = '';
    wire.start({
      chunk: (bytes) => {
        text += bytes.toString();
        const parts = text.split('\n');
        text = parts.pop() ?? '';
        for (const part of parts) lines.push(JSON.parse(part));
      },
      end: () => {},
      closed: () => {},
    });
  }

  get lines(): Any[] {
    return this.conversations.flat();
  }

  requests(method: string): Any[] {
    return this.lines.filter((line) => line.method === method);
  }

  send(line: object | string): void {
    const text = typeof line === 'string' ? line : JSON.stringify({ jsonrpc: '2.0', ...line });
    this.#output?.push(Buffer.from(`${text}\n`), 'normal');
  }

  answer(request: Any, result: object): void {
    this.send({ connection: request.connection, id: request.id, result });
  }

  fail(request: Any, stringCode: string, code = 1): void {
    const error = { code, message: stringCode, data: { string_code: stringCode, details: stringCode } };
    this.send({ connection: request.connection, id: request.id, error });
  }

  die(): void {
    this.isThere = false;
    this.#wire?.destroy();
  }

  pause(): void {
    this.#wire?.pause();
  }
}

export interface Bench {
  readonly clock: FakeClock;
  readonly register: WireRegister;
  readonly app: PlayedApplication;
  readonly bridge: Bridge;
  readonly statistics: Statistics;
  /** Set when the bridge has ended. */
  readonly end: { value?: BridgeEnd };
}

let benches = 0;

export interface BenchOptions extends Partial<BridgeOptions> {
  readonly journal?: Journal;
  readonly terminal?: string;
  readonly channelNames?: readonly ChannelName[];
  readonly endpoint?: string;
  /** Who has connected. */
  readonly peer?: Peer;
}

/** What bridges on a fake clock are made of: one played application behind all their channels. */
export function benchParts(more: BenchOptions = {}) {
  benches += 1;
  const {
    journal,
    terminal = `simulator:?delay=${benches}`,
    channelNames = ['ui', 'payment', 'storage', 'device'],
    endpoint,
    ...given
  } = more;
  const clock = new FakeClock();
  const app = new PlayedApplication();
  const statistics = new Statistics();
  const poolOptions = {
    clock,
    log: silentLogger,
    statistics,
    random: () => 0,
    presence: new Presence(),
    env: {},
    simulate: async () => (wire: Wire) => app.attach(wire),
    askTerminal: async () => (wire: Wire) => app.attach(wire),
  };
  let ids = 0;
  const first = benches;
  const context: BridgeContext = {
    ...poolOptions,
    version: '1.2.3',
    pid: 4711,
    pool: new AttachmentPool(poolOptions),
    journal,
    randomId: () => {
      ids += 1;
      return `r${first}.${ids}`;
    },
  };
  const target: Endpoint = parseEndpoint(endpoint ?? terminal, 'channel');
  const options: BridgeOptions = {
    dialect: jsonpos,
    channels: new Map(channelNames.map((name) => [name, target])),
    routes: [],
    timeoutMs: () => 60_000,
    outcomeWaitMs: 900_000,
    repeatWindowMs: 900_000,
    protocol: { maxFrameBytes: 262_134, keepalive: 'off', sync: false },
    ...given,
  };
  return { clock, app, statistics, context, options };
}

/** A bridge between a register and one played application, on memory wires and a fake clock. */
export async function bench({ peer, ...more }: BenchOptions = {}): Promise<Bench> {
  const { clock, app, statistics, context, options } = benchParts(more);
  const [ours, theirs] = memoryWirePair({ ...(peer !== undefined && { peer }) });
  const bridge = await Bridge.open(theirs, options, context);
  const end: { value?: BridgeEnd } = {};
  void bridge.run().then((value) => {
    end.value = value;
  });
  const register = new WireRegister(ours);
  await settle();
  return { clock, register, app, bridge, statistics, end };
}

export function purchase(id: string, params: object = {}): object {
  return {
    id,
    method: 'Purchase',
    params: { receipt_id: 17, sequence_id: '1', amount: 1230, currency: 'EUR', ...params },
  };
}
