import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, type Running, type StartOptions, Workbench } from '../interop/kit.ts';
import type { JsonObject, RegisterMessage, TestRegister } from '../kit/register.ts';
import { PaymentApplication, type Settings } from './application.ts';
import { SmallDisk } from './small-disk.ts';

/** A terminal with a journal, its application, and registers in front of one bridge after the other. */

export const TEST_PROGRAM = path.join(ROOT, 'test/kit/posbridge-test.mjs');
const STUCK_MS = 45_000;

/** The moments of src/base/fault-point.ts. */
export type FaultPoint =
  | 'before-sent'
  | 'after-sent'
  | 'after-hand-over'
  | 'before-done'
  | 'after-done'
  | 'after-answer';

/** What a register was told. `lost`: no answer; `code` is then that of the close reason, if there was one. */
export interface View {
  readonly kind: 'result' | 'error' | 'lost';
  /** The error's string_code. */
  readonly code: string | undefined;
  /** The result or error as it was on the wire. */
  readonly text: string;
}

export interface BridgeOptions {
  readonly fault?: FaultPoint;
  readonly args?: readonly string[];
  /** A program that runs it: `strace` and its arguments. */
  readonly under?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A register and the bridge in front of it. */
export class Till {
  readonly bridge: Running;
  readonly register: TestRegister;

  constructor(bridge: Running, register: TestRegister) {
    this.bridge = bridge;
    this.register = register;
  }

  /** Never rejects. */
  purchase(key: string, more: JsonObject = {}): Promise<View> {
    return this.#ask('Purchase', { ...identifiers(key), amount: 1250, currency: 'EUR', ...more });
  }

  /** Never rejects. */
  check(key: string): Promise<View> {
    return this.#ask('Check', identifiers(key));
  }

  /** Asks until the transaction is no longer said to be running. */
  async checkUntilOver(key: string): Promise<View> {
    for (const endMs = performance.now() + STUCK_MS; performance.now() < endMs; await sleep(50)) {
      const view = await this.check(key);
      if (view.code !== 'TRANSACTION_ACTIVE') return view;
    }
    throw new Error(`${key}: still said to be running after ${STUCK_MS} ms`);
  }

  /** kill -9. Rejects when the bridge had ended by itself before. */
  async kill(): Promise<void> {
    await this.bridge.kill();
    const { code, signal } = await this.bridge.exited;
    if (signal !== 'SIGKILL') throw new Error(`the bridge ended with ${code}: ${this.bridge.errors}`);
  }

  /** Resolves when it is so; rejects when the bridge ends before. */
  async orDead(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (!this.bridge.isRunning) throw new Error(`the bridge has ended: ${this.bridge.errors}`);
      await sleep(1);
    }
  }

  /** Ends the connection; resolves when the bridge is gone. */
  async close(): Promise<void> {
    this.register.end();
    await this.bridge.exited;
  }

  async #ask(method: string, params: JsonObject): Promise<View> {
    const answer = await this.register.request(method, params).catch(() => undefined);
    if (answer !== undefined) return viewOf(answer);
    await this.register.closed;
    return { kind: 'lost', code: this.register.closeReason?.data.string_code, text: '' };
  }
}

/** `R-1/1` as a register sends it. */
function identifiers(key: string): JsonObject {
  const [receiptId = '', sequenceId = ''] = key.split('/');
  return { receipt_id: receiptId, sequence_id: Number(sequenceId) };
}

function viewOf(message: RegisterMessage): View {
  const kind = message.result === undefined ? 'error' : 'result';
  const text = message.text.slice(message.text.indexOf(`"${kind}":`) + kind.length + 3, -1);
  return { kind, code: message.error?.data.string_code, text };
}

/** Of every bridge. Its trace tells when a request was handed over. */
const USUAL = ['--keepalive', 'off', '--log-level', 'trace'];

export interface TerminalOptions {
  /** Of the application. */
  readonly settings?: Settings;
  /** The journal is on a disk of its own. */
  readonly hasSmallDisk?: boolean;
}

export class Terminal {
  readonly bench: Workbench;
  readonly journal: string;
  readonly application: PaymentApplication;

  readonly #disk: SmallDisk | undefined;

  private constructor(bench: Workbench, application: PaymentApplication, disk: SmallDisk | undefined) {
    this.bench = bench;
    this.application = application;
    this.journal = disk === undefined ? bench.path('journal') : path.join(disk.folder, 'journal');
    this.#disk = disk;
  }

  static async open({ settings = {}, hasSmallDisk = false }: TerminalOptions = {}): Promise<Terminal> {
    const bench = await Workbench.open();
    const disk = hasSmallDisk ? new SmallDisk(bench.path('disk')) : undefined;
    const terminal = new Terminal(bench, await PaymentApplication.start(bench, settings), disk);
    mkdirSync(terminal.journal, { mode: 0o700 });
    // The first transaction ever makes it: system calls that tests count are those of every later one.
    writeFileSync(path.join(terminal.journal, 'compare.key'), randomBytes(32), { mode: 0o600 });
    return terminal;
  }

  async close(): Promise<void> {
    this.#disk?.close();
    await this.bench.close();
  }

  get disk(): SmallDisk {
    if (this.#disk === undefined) throw new Error('this terminal has no disk of its own');
    return this.#disk;
  }

  /** What every bridge of this terminal gets. The lock is where it is by default: in the journal's folder. */
  get args(): string[] {
    return ['--app', `unix:${this.bench.socketPath}`, '--journal', this.journal, '--register', 'till'];
  }

  /** A new bridge with a register on its standard input and output. */
  till(options: BridgeOptions = {}): Till {
    const bridge = this.#start([...USUAL, ...(options.args ?? [])], options, {});
    return new Till(bridge, bridge.register());
  }

  /** `posbridge serve`; registers come by TCP. */
  async serve(options: BridgeOptions = {}): Promise<{ server: Running; port: number }> {
    const args = [...USUAL, ...(options.args ?? [])];
    const server = this.#start(['serve', '--listen', 'tcp:127.0.0.1:0', ...args], options, {});
    const [, port] = await server.says(/listening on=\S+:(\d+)/);
    return { server, port: Number(port) };
  }

  /** Of the journal's folder. */
  files(ending: string): string[] {
    if (!existsSync(this.journal)) return [];
    return readdirSync(this.journal)
      .filter((name) => name.endsWith(ending))
      .map((name) => path.join(this.journal, name));
  }

  #start(args: readonly string[], { fault, under = [], env }: BridgeOptions, options: StartOptions): Running {
    const [program = process.execPath, ...more] = [...under, process.execPath, TEST_PROGRAM];
    const faults = fault === undefined ? {} : { POSBRIDGE_FAULT: fault };
    const [command, ...rest] = args;
    const words = command === 'serve' ? ['serve', ...rest, ...this.args] : [...args, ...this.args];
    return this.bench.start(program, [...more, ...words], { ...options, env: { ...faults, ...env } });
  }
}

/** Resolves when it is so. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + STUCK_MS;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`${what}: not in ${STUCK_MS} ms`);
    await sleep(2);
  }
}

/** Resolves when the first transaction of an application that does not read lies in its socket. */
export async function handedOver(till: Till): Promise<void> {
  const { bridge } = till;
  await until(() => /application attached/.test(bridge.errors), 'the application is attached');
  await until(() => /line out .*\\"method\\":\\"Purchase/.test(bridge.errors), 'the purchase goes out');
  await till.register.request('_Keepalive'); // the bridge has done what it said
}

/**
 * Options for a bridge whose `call` number `count` lasts a second: strace holds it up before it is made
 * (fdatasync), or after it was made (fsync, of the journal's folder).
 */
export function delayed(call: 'fdatasync' | 'fsync', count = 1): BridgeOptions {
  const delay = call === 'fsync' ? 'delay_exit' : 'delay_enter';
  return injecting(`${call}:${delay}=1000000:when=${count}`);
}

/** Options for a bridge that is killed -9 when it is about to make a system call for the `count`th time. */
export function killedIn(call: string, count = 1): BridgeOptions {
  return injecting(`${call}:signal=SIGKILL:when=${count}`);
}

/** Options for a bridge that strace lets meet a fault. strace counts by thread, so there is only one for files. */
export function injecting(what: string): BridgeOptions {
  const [calls] = what.split(':');
  const under = ['strace', '-f', '-qqq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${what}`];
  return { under: [...under, '--'], env: { UV_THREADPOOL_SIZE: '1' } };
}

/** Options for a bridge to which permissions mean something even when root runs it. */
export function unprivileged(): BridgeOptions {
  if (process.getuid?.() !== 0) return {};
  const rights = '-dac_override,-dac_read_search';
  return { under: ['setpriv', `--bounding-set=${rights}`, `--inh-caps=${rights}`] };
}
