import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';
import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger } from '../../src/base/logger.ts';
import { JsonposDecoder } from '../../src/dialect/jsonpos/frame.ts';
import { PosClient } from '../../src/pos/pos-client.ts';
import type { PosEvents } from '../../src/pos/pos-events.ts';
import type { PosClientOptions } from '../../src/pos/pos-options.ts';
import { Journal } from '../../src/store/journal.ts';
import { type MemoryWire, memoryWirePair } from '../../src/wire/memory.ts';
import { OutputQueue } from '../../src/wire/output-queue.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** A message on the wire, as loosely as tests need it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every shape
export type Any = any;

const cleanups: (() => void | Promise<void>)[] = [];

/** Runs after the test, last one first. */
export function after(cleanup: () => void | Promise<void>): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An empty folder, removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-pos-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** One turn of the loop: what is ready happens, and the disk may get further. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Enough turns for everything on memory wires to arrive. */
export async function settle(turns = 30): Promise<void> {
  for (let count = 0; count < turns; count += 1) await turn();
}

/** Everything that can happen without time passing has happened: the disk is at rest, messages have arrived. */
export async function rest(turns = 20): Promise<void> {
  for (let quiet = 0; quiet < turns; quiet += 1) {
    await turn();
    if (process.getActiveResourcesInfo().some((name) => /^(?:FSReq|CloseReq)/.test(name))) quiet = 0;
  }
}

/** Waits for the disk and for promises; the clock stands still. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

/** A promise that can be looked at. */
export interface Watched<T> {
  value?: T;
  fault?: Any;
  isSettled: boolean;
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { isSettled: false };
  promise.then(
    (value) => Object.assign(watched, { value, isSettled: true }),
    (fault: unknown) => Object.assign(watched, { fault, isSettled: true }),
  );
  return watched;
}

/** One connection of the played terminal. */
export class PlayedConnection {
  readonly messages: Any[] = [];
  /** The same as they were written. */
  readonly texts: string[] = [];
  isClosed = false;
  hasEnded = false;
  answersKeepalive = true;
  readonly #wire: MemoryWire;
  readonly #output: OutputQueue;

  constructor(wire: MemoryWire, received: (message: Any, connection: PlayedConnection) => void) {
    this.#wire = wire;
    this.#output = new OutputQueue(wire, { clock: new FakeClock() });
    const decoder = new JsonposDecoder({ maxFrameBytes: 262_134 });
    const sink = {
      frame: (payload: Buffer) => {
        const message = JSON.parse(payload.toString());
        this.messages.push(message);
        this.texts.push(payload.toString());
        if (message.method === '_Keepalive' && this.answersKeepalive) this.answer(message, {});
        else received(message, this);
      },
      rejected: (_code: string, why: string) => {
        throw new Error(`the register broke the protocol: ${why}`);
      },
    };
    wire.start({
      chunk: (bytes) => void decoder.push(bytes, sink),
      end: () => {
        this.hasEnded = true;
        wire.endOutput();
      },
      closed: () => {
        this.isClosed = true;
      },
    });
  }

  requests(method: string): Any[] {
    return this.messages.filter((message) => message.method === method);
  }

  send(message: object): void {
    this.sendText(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  sendText(json: string): void {
    const bytes = Buffer.from(json);
    const head = Buffer.from(`${bytes.length.toString(16).padStart(8, '0')}:`);
    this.#output.push(Buffer.concat([head, bytes, Buffer.from('\n')]), 'normal');
  }

  answer(request: Any, result: object): void {
    this.send({ id: request.id, response_to: request.method, result });
  }

  fail(request: Any, code: string, more: object = {}): void {
    const error = {
      code: 1,
      message: code,
      data: { string_code: code, details: `details of ${code}`, ...more },
    };
    this.send({ id: request.id, response_to: request.method, error });
  }

  /** The answer to one of its own requests. */
  answerTo(id: string): Any {
    return this.messages.find((message) => message.id === id && message.method === undefined);
  }

  get goodbye(): Any {
    return this.messages.find((message) => message.method === '_CloseReason')?.params.error;
  }

  endOutput(): void {
    this.#output.end();
  }

  /** The connection is gone at once. */
  vanish(): void {
    this.#wire.reset();
  }

  /** Reads nothing more. */
  pause(): void {
    this.#wire.pause();
  }
}

type Handler = (request: Any, connection: PlayedConnection) => void;

/** A terminal that a test plays, over as many connections as the register makes. */
export class PlayedTerminal {
  readonly connections: PlayedConnection[] = [];
  /** Attempts to connect, those that were refused included. */
  attempts = 0;
  isThere = true;
  /** Of connections to come. */
  answersKeepalive = true;
  readonly #framing: Wire['framing'];
  readonly #handlers = new Map<string, Handler>();

  constructor(framing: Wire['framing'] = 'stream') {
    this.#framing = framing;
  }

  readonly openWire = async (): Promise<Wire> => {
    this.attempts += 1;
    if (!this.isThere) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const [register, terminal] = memoryWirePair({ framing: this.#framing });
    const connection = new PlayedConnection(terminal, (message, from) => {
      if (message.method !== undefined && message.id !== undefined)
        this.#handlers.get(message.method)?.(message, from);
    });
    connection.answersKeepalive = this.answersKeepalive;
    this.connections.push(connection);
    return register;
  };

  /** What it does with a request; without a handler it leaves it open. */
  on(method: string, handler: Handler): this {
    this.#handlers.set(method, handler);
    return this;
  }

  get connection(): PlayedConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('the register has not connected');
    return connection;
  }

  /** Of all connections. */
  requests(method: string): Any[] {
    return this.connections.flatMap((connection) => connection.requests(method));
  }
}

export interface PosBench {
  readonly client: PosClient;
  readonly clock: FakeClock;
  readonly terminal: PlayedTerminal;
  readonly store: string;
  /** What was logged. */
  readonly lines: string[];
  /** What was reported, in order. */
  readonly events: [keyof PosEvents, Any][];
}

const EVENTS = ['connected', 'disconnected', 'status', 'message', 'progress', 'notification'] as const;

/** A client on a played terminal and a clock that stands still; closed after the test. */
export async function posBench(
  options: Partial<PosClientOptions> & { readonly terminal?: PlayedTerminal } = {},
): Promise<PosBench> {
  const { terminal = new PlayedTerminal(), ...more } = options;
  const clock = more.clock instanceof FakeClock ? more.clock : new FakeClock(Date.now());
  const store = more.store ?? path.join(temporaryFolder(), 'store');
  const sink = memorySink();
  const log = createLogger({ format: 'human', clock, level: 'trace', sink });
  const client = await PosClient.open({
    to: 'tcp:127.0.0.1:10001',
    openWire: terminal.openWire,
    store,
    clock,
    log,
    ...more,
  });
  const events: PosBench['events'] = [];
  for (const name of EVENTS) client.on(name, (event) => events.push([name, event]));
  after(() => closed(client, clock));
  return { client, clock, terminal, store, lines: sink.lines, events };
}

/** Closes a client; time passes as far as it must. */
export async function closed(client: PosClient, clock: FakeClock): Promise<void> {
  const closing = watch(client.close());
  while (!closing.isSettled) {
    await rest();
    if (!closing.isSettled) clock.advance(1000);
  }
}

/** Lets time pass in small steps until it is so. */
export async function passUntil(clock: FakeClock, isSo: () => boolean, stepMs = 100): Promise<void> {
  await rest();
  while (!isSo()) {
    clock.advance(stepMs);
    await rest();
  }
}

/** Lets time pass, a step at a time. */
export async function pass(clock: FakeClock, ms: number, stepMs = 100): Promise<void> {
  await rest();
  for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
    clock.advance(Math.min(stepMs, ms - passedMs));
    await rest();
  }
}

/** A result as a terminal gives it. */
export function approval(request: Any): object {
  const { amount, currency } = request.params;
  return { amount, currency, transaction_id: 'T-1' };
}

/** The entries of a store by receipt number. */
export async function entriesOf(store: string): Promise<Map<string, Any>> {
  const clock = new FakeClock(Date.now());
  const log = createLogger({ format: 'human', clock, level: 'error', sink: memorySink() });
  const journal = await Journal.open(store, { clock, log, keepMs: 1e12, kind: 'sales' });
  const entries = new Map<string, Any>();
  for await (const entry of journal.entries()) {
    entries.set(entry.sent?.identity['receipt_id'] ?? entry.id, entry);
  }
  await journal.close();
  return entries;
}
