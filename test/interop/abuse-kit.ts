import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Running, type StartOptions, TextLog, type Workbench } from './kit.ts';

/** More for tests that load the program or feed it rubbish. */

/** What one bridge may have resident, whatever comes. */
export const MEMORY_LIMIT_BYTES = 120_000_000;

const MEASURED = path.join(import.meta.dirname, 'fixtures/measured.py');
const PAYMENT = path.join(import.meta.dirname, 'fixtures/payment.mjs');

export interface Measured {
  /** The program that measures: it exits as the bridge did. */
  readonly running: Running;
  /** The most that the bridge ever had resident; once it has exited. */
  peakBytes(): Promise<number>;
}

export interface MeasuredOptions extends StartOptions {
  /** Real pipes as standard input and output: what Node makes are sockets. */
  readonly throughPipes?: boolean;
}

/** `posbridge ARGS` until its end, with its peak memory. Signals do not reach it. */
export function startMeasured(
  bench: Workbench,
  args: readonly string[],
  { throughPipes = false, ...options }: MeasuredOptions = {},
): Measured {
  const file = bench.path('peak');
  const command = ['python3', MEASURED, file, 'posbridge', ...args, '--lock', bench.lockPath];
  const piped = ['bash', '-o', 'pipefail', '-c', 'cat | "$@" | cat', 'bash', ...command];
  const [program = '', ...rest] = throughPipes ? piped : command;
  const running = bench.start(program, rest, options);
  return { running, peakBytes: async () => Number(await readFile(file, 'latin1')) };
}

/** `posbridge serve ARGS`, ready, that logs errors alone: for tests with very many connections. */
export async function startQuietServe(bench: Workbench, args: readonly string[]): Promise<Running> {
  const quiet = ['--log-level', 'error', '--notification-fd', '3', '--lock', bench.lockPath];
  const server = bench.start('posbridge', ['serve', ...args, ...quiet], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ready = server.end(3);
  await new Promise<void>((resolve, reject) => {
    ready.once('data', () => resolve());
    ready.once('end', () => reject(new Error(`not ready: ${server.errors}`)));
  });
  return server;
}

export type Statistics = Readonly<Record<string, number>>;

/** Asks for the statistics of a bridge that was started with `--log-format json`. */
export async function statistics(bridge: Running): Promise<Statistics> {
  const line = await settledLog(bridge);
  return JSON.parse(line) as Statistics;
}

/**
 * Has a bridge write its statistics and gives that line; the log is written in order, so it has everything until now.
 */
export async function settledLog(bridge: Running): Promise<string> {
  const pattern = /^.*statistics.*uptime.*\n/gm;
  if (bridge.stderr === undefined) throw new Error('stderr is no pipe');
  const count = [...bridge.errors.matchAll(pattern)].length + 1;
  bridge.signal('SIGUSR2');
  const lines = await bridge.stderr.waitForAll(pattern, count);
  return lines.at(-1)?.[0] ?? '';
}

/** A payment application in a process of its own, see fixtures/payment.mjs. */
export class PaymentProcess {
  readonly running: Running;
  readonly #log: TextLog;

  private constructor(running: Running, log: TextLog) {
    this.running = running;
    this.#log = log;
  }

  static async start(bench: Workbench): Promise<PaymentProcess> {
    const running = bench.start(process.execPath, [PAYMENT, bench.socketPath]);
    const { stdout } = running.child;
    if (stdout === null) throw new Error('the application has no stdout');
    const payment = new PaymentProcess(running, new TextLog(stdout));
    await payment.gets('"method":"ready"');
    return payment;
  }

  /** What it told about the lines that it got. */
  get lines(): { method?: string; id?: string; n?: number; count?: number }[] {
    const { text } = this.#log;
    const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return whole.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** Waits for a line, by a piece of what it tells. */
  async gets(piece: string): Promise<void> {
    await this.#log.waitFor(piece);
  }
}

/** The JSON texts in a stream of frames that a register would take; throws where one would give up. */
export function jsonTextsOf(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const head = bytes.toString('latin1', at, at + 9);
    if (!/^[0-9a-f]{8}:$/.test(head)) throw new Error(`no frame begins with ${JSON.stringify(head)}`);
    const end = at + 9 + Number.parseInt(head.slice(0, 8), 16);
    if (bytes[end] !== 0x0a) throw new Error(`a frame does not end with a newline, at byte ${end}`);
    const text = bytes.toString('latin1', at + 9, end);
    if (/[^ -~]/.test(text)) throw new Error(`a frame is not plain ASCII: ${text.slice(0, 200)}`);
    texts.push(text);
    at = end + 1;
  }
  return texts;
}

/** A frame around bytes that may be anything. */
export function frameAround(payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload as string);
  const head = Buffer.from(`${bytes.length.toString(16).padStart(8, '0')}:`);
  return Buffer.concat([head, bytes, Buffer.from('\n')]);
}
