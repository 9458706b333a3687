import { type ChildProcess, spawn } from 'node:child_process';
import { connect as connectTo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, JsonObject } from './register.ts';

/** A payment application for tests: it speaks lines, on a socket that it listens on or that it connects to. */

export interface ApplicationLine {
  /** The line exactly as it came, without its newline. */
  readonly text: string;
  /** The line read; undefined when it is no JSON object. */
  readonly message: LineMessage | undefined;
  readonly attachment: Attachment;
  readonly atMs: number;
}

export interface LineMessage {
  readonly connection?: string;
  readonly jsonrpc?: string;
  readonly id?: string;
  readonly method?: string;
  readonly params?: JsonObject;
  readonly result?: JsonObject;
  readonly error?: { code: number; message: string; data?: { [name: string]: Json } };
}

/** Handles a line: what it returns is the answer, when the line was a request. */
export type Handler = (
  message: LineMessage,
  line: ApplicationLine,
) => Answer | undefined | Promise<Answer | undefined>;
export type Answer = { result: Json } | { error: Json };

export interface Place {
  readonly path?: string;
  readonly host?: string;
  readonly port?: number;
}

/** An error answer in the form that the bridge expects. */
export function errorAnswer(stringCode: string, details: string, code = 1): Answer {
  return { error: { code, message: details, data: { string_code: stringCode, details } } };
}

/** One bridge, or one bridge's connection, at the application's end. */
export class Attachment {
  readonly socket: Socket;
  readonly lines: ApplicationLine[] = [];
  readonly closed: Promise<void>;
  #rest: string[] = [];

  constructor(socket: Socket, onLine: (line: ApplicationLine) => void) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (chunk: string) => {
      const parts = chunk.split('\n');
      for (const [index, part] of parts.entries()) {
        this.#rest.push(part);
        if (index === parts.length - 1) break;
        const text = this.#rest.join('');
        this.#rest = [];
        const line = { text, message: readObject(text), attachment: this, atMs: performance.now() };
        this.lines.push(line);
        onLine(line);
      }
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Text as it is, newline included; an object becomes one line. */
  send(line: string | object): void {
    if (this.socket.writable)
      this.socket.write(typeof line === 'string' ? line : `${JSON.stringify(line)}\n`);
  }

  /** Answers a request in the name of its connection. */
  answer(request: LineMessage, answer: Answer): void {
    const { connection, id = '' } = request;
    this.send({ ...(connection !== undefined && { connection }), jsonrpc: '2.0', id, ...answer });
  }
}

export class TestApplication {
  readonly attachments: Attachment[] = [];
  /** Every line of every attachment, in order of arrival. */
  readonly lines: ApplicationLine[] = [];
  handler: Handler;
  readonly #place: Place;
  readonly #watchers = new Set<() => void>();
  #server: Server | undefined;
  #isPaused = false;

  private constructor(place: Place, handler: Handler) {
    this.#place = place;
    this.handler = handler;
  }

  /** Listens; with port 0 `port` says which one it became. */
  static async listen(place: Place, handler: Handler = () => undefined): Promise<TestApplication> {
    const application = new TestApplication(place, handler);
    await application.start();
    return application;
  }

  /** Connects to a bridge's end. */
  static async connect(place: Place, handler: Handler = () => undefined): Promise<TestApplication> {
    const application = new TestApplication(place, handler);
    const socket = connectTo(place as { path: string });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    application.#attach(socket);
    return application;
  }

  /** Speaks on a socket that exists already, for instance one end of a socket pair. */
  static over(socket: Socket, handler: Handler = () => undefined): TestApplication {
    const application = new TestApplication({}, handler);
    application.#attach(socket);
    return application;
  }

  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** The newest attachment that is still there. */
  get attachment(): Attachment {
    const newest = this.attachments.findLast((one) => !one.socket.destroyed);
    if (newest === undefined) throw new Error('application: nobody is attached');
    return newest;
  }

  requests(method?: string): ApplicationLine[] {
    return this.lines.filter(
      ({ message }) =>
        message?.id !== undefined &&
        message.method !== undefined &&
        (method ?? message.method) === message.method,
    );
  }

  /** Begins to listen, again after `kill` too. */
  async start(): Promise<void> {
    const server = createServer((socket) => this.#attach(socket));
    const place = this.#place;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(place, resolve));
    this.#server = server;
  }

  /** As if the process had died: no goodbye, nobody listens; `start` brings it back on the same place. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const attachment of this.attachments) attachment.socket.destroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Stops and restarts reading on every attachment, present and to come. */
  pause(): void {
    this.#isPaused = true;
    for (const { socket } of this.attachments) socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const { socket } of this.attachments) socket.resume();
  }

  /** To the newest attachment. */
  send(line: string | object): void {
    this.attachment.send(line);
  }

  /** The first line, past or future, that passes; a text is a method. */
  waitFor(
    predicate: string | ((line: ApplicationLine) => boolean),
    limitMs = 45_000,
  ): Promise<ApplicationLine> {
    const passes =
      typeof predicate === 'string'
        ? (line: ApplicationLine) => line.message?.method === predicate
        : predicate;
    return new Promise((resolve, reject) => {
      let next = 0;
      const look = () => {
        for (; next < this.lines.length; next += 1) {
          const line = this.lines[next];
          if (line === undefined || !passes(line)) continue;
          clearTimeout(timer);
          this.#watchers.delete(look);
          return resolve(line);
        }
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(look);
        reject(new Error(`application: nothing in ${limitMs} ms that passes ${predicate}`));
      }, limitMs);
      this.#watchers.add(look);
      look();
    });
  }

  #attach(socket: Socket): void {
    const attachment = new Attachment(socket, (line) => {
      this.lines.push(line);
      for (const look of [...this.#watchers]) look();
      void this.#handle(line);
    });
    this.attachments.push(attachment);
    if (this.#isPaused) socket.pause();
  }

  async #handle(line: ApplicationLine): Promise<void> {
    if (line.message?.method === undefined) return;
    const answer = await this.handler(line.message, line);
    if (answer && line.message.id !== undefined) line.attachment.answer(line.message, answer);
  }
}

export interface SpawnedApplication {
  readonly child: ChildProcess;
  /** What it printed on stdout and stderr. */
  readonly output: () => string;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGSTOP and SIGCONT to the whole process group: it stands still, its sockets stay open. */
  pause(): void;
  resume(): void;
  /** To the whole process group; SIGKILL unless told otherwise. Resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

export interface SpawnOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Waits until this UNIX socket takes connections. */
  readonly socket?: string;
}

const INTERPRETERS: Readonly<Record<string, string>> = {
  mjs: process.execPath,
  js: process.execPath,
  ts: process.execPath,
  py: 'python3',
  sh: 'bash',
};

/** An application as a process of its own, in its own process group. */
export async function spawnApplication(
  scriptPath: string,
  options: SpawnOptions = {},
): Promise<SpawnedApplication> {
  const interpreter = INTERPRETERS[scriptPath.split('.').at(-1) ?? ''] ?? 'sh';
  const child = spawn(interpreter, [scriptPath, ...(options.args ?? [])], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  let isGone = false;
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      isGone = true;
      resolve({ code, signal });
    });
  });
  const signalGroup = (signal: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // the group is gone already
    }
  };
  const application: SpawnedApplication = {
    child,
    output: () => output,
    exited,
    pause: () => signalGroup('SIGSTOP'),
    resume: () => signalGroup('SIGCONT'),
    async kill(signal = 'SIGKILL') {
      signalGroup(signal);
      await exited;
      signalGroup('SIGKILL'); // children that outlived it
    },
  };
  if (options.socket !== undefined) {
    await untilListening(options.socket, () => isGone).catch(async (fault: Error) => {
      await application.kill();
      throw new Error(`${scriptPath}: ${fault.message}\n${output}`);
    });
  }
  return application;
}

async function untilListening(path: string, isGone: () => boolean, limitMs = 45_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    if (isGone()) throw new Error('ended before it listened');
    const taken = await new Promise<boolean>((resolve) => {
      const socket = connectTo(path);
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (taken) return;
    if (performance.now() > endMs) throw new Error(`does not listen on ${path} after ${limitMs} ms`);
    await sleep(20);
  }
}

function readObject(text: string): LineMessage | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
