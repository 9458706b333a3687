import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { type Handler, type Place, TestApplication } from '../kit/application.ts';
import { type Json, type JsonObject, type RegisterOptions, TestRegister } from '../kit/register.ts';

/**
 * Real programs for tests: every process runs `bin/posbridge.js` or a program of the machine, and is gone after the
 * test with everything that it started, wherever that has gone: a mark in the environment is inherited by all of them.
 *
 *     const bench = await Workbench.open();   // beforeEach
 *     await bench.close();                    // afterEach
 */

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const PROGRAM = path.join(ROOT, 'bin/posbridge.js');

/** The suite runs a second time with it: every wire one byte at a time. */
const TORTURE: NodeJS.ProcessEnv = process.env['TEST_TORTURE'] === '1' ? { POSBRIDGE_TORTURE: '1' } : {};

/** Nothing is asserted about time: this only ends a wait that would never end, with words that help. */
const STUCK_MS = 45_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export const exitedWith = (code: number): Exit => ({ code, signal: null });

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Default: three pipes, which Node makes of socket pairs. stderr is gathered wherever it is a pipe. */
  readonly stdio?: SpawnOptions['stdio'];
}

/** Text that arrives, and waiting for some of it. */
export class TextLog {
  /** Resolves when the last process that had the other end has let it go. */
  readonly ended: Promise<void>;
  #text = '';
  #isEnded = false;
  readonly #watchers = new Set<() => void>();

  constructor(stream: Readable) {
    stream.setEncoding('utf8');
    stream.on('error', () => {});
    stream.on('data', (text: string) => {
      this.#text += text;
      this.#look();
    });
    this.ended = new Promise((resolve) => {
      stream.on('close', () => {
        this.#isEnded = true;
        this.#look();
        resolve();
      });
    });
  }

  get text(): string {
    return this.#text;
  }

  get lines(): string[] {
    return this.#text.split('\n').filter((line) => line !== '');
  }

  /** The first match; rejects when the stream ends without. */
  waitFor(wanted: RegExp | string): Promise<RegExpMatchArray> {
    const pattern = typeof wanted === 'string' ? new RegExp(escapeRegExp(wanted)) : wanted;
    return this.#wait(`${pattern}`, (text) => text.match(pattern) ?? undefined);
  }

  /** `count` matches or more of a global pattern. */
  waitForAll(pattern: RegExp, count: number): Promise<RegExpMatchArray[]> {
    return this.#wait(`${pattern} ${count} times`, (text) => {
      const matches = [...text.matchAll(pattern)];
      return matches.length < count ? undefined : matches;
    });
  }

  #wait<T>(what: string, find: (text: string) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (run: () => void) => {
        clearTimeout(stuck);
        this.#watchers.delete(look);
        run();
      };
      const fail = (why: string) => settle(() => reject(new Error(`${why} ${what}:\n${this.#text}`)));
      const look = () => {
        const found = find(this.#text);
        if (found !== undefined) settle(() => resolve(found));
        else if (this.#isEnded) fail('the output ended without');
      };
      const stuck = setTimeout(() => fail('the output is still without'), STUCK_MS);
      this.#watchers.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of [...this.#watchers]) look();
  }
}

/** A program that was started. */
export class Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it wrote to stderr; undefined unless that is a pipe. */
  readonly stderr: TextLog | undefined;
  /** Resolves when the process has exited and nobody else, such as a child of it, has its stderr open. */
  readonly exited: Promise<Exit>;
  isRunning = true;
  readonly #what: string;
  #stdout: TextLog | undefined;

  constructor(child: ChildProcess, what: string) {
    this.child = child;
    this.#what = what;
    if (child.pid === undefined) throw new Error(`${what}: cannot be started: is it installed?`);
    this.pid = child.pid;
    this.stderr = child.stderr === null ? undefined : new TextLog(child.stderr);
    child.stdin?.on('error', () => {});
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.isRunning = false;
        if (child.stderr === null || child.stderr.destroyed) resolve({ code, signal });
        else child.stderr.once('close', () => resolve({ code, signal }));
      });
    });
    this.exited.catch(() => {});
  }

  get errors(): string {
    return this.stderr?.text ?? '';
  }

  /** What it writes to stdout, from the first look at this on. Not for the wire of a register. */
  get stdout(): TextLog {
    if (this.child.stdout === null) throw new Error(`${this.#what}: stdout is no pipe`);
    this.#stdout ??= new TextLog(this.child.stdout);
    return this.#stdout;
  }

  /** A register at its standard input and output. */
  register(options?: RegisterOptions): TestRegister {
    const { stdin, stdout } = this.child;
    if (stdin === null || stdout === null) throw new Error(`${this.#what}: stdin and stdout are no pipes`);
    return new TestRegister({ readable: stdout, writable: stdin }, options);
  }

  /** The test's end of descriptor `fd`, when that was started as a `pipe`: one end of a socket pair. */
  end(fd: number): Socket {
    const stream = this.child.stdio[fd];
    if (!stream) throw new Error(`${this.#what}: descriptor ${fd} is no pipe`);
    return stream as Socket;
  }

  /** Waits for words on stderr. */
  says(wanted: RegExp | string): Promise<RegExpMatchArray> {
    if (this.stderr === undefined) throw new Error(`${this.#what}: stderr is no pipe`);
    return this.stderr.waitFor(wanted);
  }

  /** To this process alone. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) process.kill(this.pid, signal);
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited.catch(() => {});
  }

  memory(): Memory {
    return memoryOf(this.pid);
  }
}

export interface Memory {
  /** VmHWM: the most that was ever resident, bytes. */
  readonly peakBytes: number;
  /** VmRSS, bytes. */
  readonly nowBytes: number;
}

/** Of a process that lives. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const read = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024;
  return { peakBytes: read('VmHWM'), nowBytes: read('VmRSS') };
}

/** Everything that one test opens and starts. */
export class Workbench {
  /** A folder of this test's own. */
  readonly folder: string;
  readonly #programs: Running[] = [];
  readonly #applications: TestApplication[] = [];
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Workbench> {
    const bench = new Workbench(await mkdtemp(path.join(tmpdir(), 'posbridge-interop-')));
    await mkdir(bench.path('bin'));
    symlinkSync(PROGRAM, bench.path('bin/posbridge'));
    return bench;
  }

  path(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  /** The lock of this test's bridges. */
  get lockPath(): string {
    return this.path('terminal.lock');
  }

  /** Where the applications of this test usually listen. */
  get socketPath(): string {
    return this.path('pay.sock');
  }

  /** The environment of a user: `posbridge` is in PATH, nothing of the test runner is left. */
  environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(POSBRIDGE_|VITEST|NODE_|npm_|PROTO$|TCP|IPC)/.test(name),
    );
    const env = { ...Object.fromEntries(own), ...TORTURE };
    return { ...env, PATH: `${this.path('bin')}:${env['PATH'] ?? ''}`, [MARK]: this.folder, ...more };
  }

  /** Any program, found in PATH. */
  start(command: string, args: readonly string[] = [], options: StartOptions = {}): Running {
    const { env, cwd = this.folder, stdio = 'pipe' } = options;
    const child = spawn(command, args, { cwd, env: this.environment(env), stdio });
    child.on('error', () => {}); // `exited` says it
    const running = new Running(child, [command, ...args].join(' '));
    this.#programs.push(running);
    return running;
  }

  /** `posbridge ARGS`; with the test's own lock unless ARGS name one. */
  startBridge(args: readonly string[], options?: StartOptions): Running {
    return this.start('posbridge', this.#withLock(args), options);
  }

  /** `posbridge serve --listen tcp:127.0.0.1:0 ARGS`, ready; ARGS may name another endpoint. */
  async startServe(
    args: readonly string[],
    options?: StartOptions,
  ): Promise<{ server: Running; port: number }> {
    const listen = args.includes('--listen') ? [] : ['--listen', 'tcp:127.0.0.1:0'];
    const server = this.start('posbridge', this.#withLock(['serve', ...listen, ...args]), options);
    const [, address = ''] = await server.says(/listening(?: on="?|","on":")([^\s"]+)/);
    return { server, port: Number(/:(\d+)(\/|$)/.exec(address)?.[1] ?? Number.NaN) };
  }

  /** An application that listens; on this test's usual socket unless told otherwise. */
  async application(handler?: Handler, place: Place = { path: this.socketPath }): Promise<TestApplication> {
    const application = await TestApplication.listen(place, handler);
    this.#applications.push(application);
    return application;
  }

  /** An application at one end of a socket pair. */
  applicationOver(socket: Socket, handler?: Handler): TestApplication {
    const application = TestApplication.over(socket, handler);
    this.#applications.push(application);
    return application;
  }

  /** A connected socket. */
  async connect(place: Place | number): Promise<Socket> {
    const target = typeof place === 'number' ? { host: '127.0.0.1', port: place } : place;
    const socket = connect({ ...target, allowHalfOpen: true } as { path: string });
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  }

  /** A register on a new connection. */
  async register(place: Place | number, options?: RegisterOptions): Promise<TestRegister> {
    return TestRegister.on(await this.connect(place), options);
  }

  /** Listens as a register that is called does; `connection` is the first who comes. */
  async listen(
    place: Place = { host: '127.0.0.1', port: 0 },
  ): Promise<{ port: number; connection: Promise<Socket> }> {
    const server = createServer({ allowHalfOpen: true });
    this.#servers.push(server);
    const connection = new Promise<Socket>((resolve) => {
      server.once('connection', (socket) => resolve(this.keep(socket)));
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(place, resolve));
    const address = server.address();
    return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, connection };
  }

  /** Takes a socket that a test made; it is destroyed at the end. */
  keep<S extends Socket>(socket: S): S {
    this.#sockets.push(socket);
    return socket;
  }

  /** Processes that this test has started and that live, those that they have started included. */
  get processes(): number[] {
    return processesMarked(this.folder);
  }

  /** Kills and removes everything. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    for (let left = this.processes; left.length > 0; left = this.processes) {
      for (const pid of left) killIfThere(pid);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(this.#programs.map(({ exited }) => exited.catch(() => {})));
    for (const application of this.#applications) await application.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  #withLock(args: readonly string[]): string[] {
    const hasLock = args.some((arg) => arg === '--lock' || arg.startsWith('--lock='));
    return hasLock ? [...args] : [...args, '--lock', this.lockPath];
  }
}

/** A TCP port on the loopback that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}

/** Bytes until the stream ends. */
export async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A purchase that nobody else makes. */
export function purchase(receiptId: string | number, more: JsonObject = {}): JsonObject {
  return { receipt_id: receiptId, sequence_id: 1, amount: 1250, currency: 'EUR', ...more };
}

/** The error's `string_code`. */
export function codeOf({
  error,
}: {
  readonly error?: { data?: { [name: string]: Json } };
}): Json | undefined {
  return error?.data?.['string_code'];
}

/** Resolves when a stream takes more again. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => stream.once('drain', resolve).once('error', reject));
}

/** A descriptor for `stdio`; close it with `closeSync` after the start. */
export function withDescriptor<T>(file: string, flags: string, use: (fd: number) => T): T {
  const fd = openSync(file, flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** In the environment of every process of a test; its value is the test's folder. */
const MARK = 'POSBRIDGE_TEST_FOLDER';

/** Zombies and processes that are about to end have no environment any more. */
function processesMarked(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => environmentOf(pid).includes(`${MARK}=${folder}`));
}

export function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone in the meantime
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
