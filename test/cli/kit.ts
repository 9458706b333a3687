import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BridgeError } from '../../src/base/errors.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const PROGRAM = path.join(ROOT, 'bin/posbridge.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  /** Resolves with what was printed as soon as it matches, on stdout and stderr together. */
  until(pattern: RegExp): Promise<string>;
  /** To the whole process group. */
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

export interface RunOptions extends Pick<SpawnOptions, 'cwd'> {
  readonly env?: NodeJS.ProcessEnv;
  /** Goes to standard input, which then ends; without it standard input is empty, or open for `start`. */
  readonly input?: string;
}

/** The environment without anything that the program reads. */
export function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('POSBRIDGE_') && !['PROTO', 'NODE_OPTIONS'].includes(name),
  );
  return { ...Object.fromEntries(entries), ...more };
}

const started = new Set<Running>();

/** Kills what `start` started and what has not ended: for `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const running of started) {
    running.signal('SIGKILL');
    await running.ended;
  }
}

/** A program in a process group of its own. */
export function start(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
    stdio: 'pipe',
    detached: true,
  });
  let [stdout, stderr] = ['', ''];
  const watchers = new Set<() => void>();
  const read = (take: (text: string) => void) => (text: string) => {
    take(text);
    for (const look of [...watchers]) look();
  };
  child.stdout.setEncoding('utf8').on(
    'data',
    read((text) => {
      stdout += text;
    }),
  );
  child.stderr.setEncoding('utf8').on(
    'data',
    read((text) => {
      stderr += text;
    }),
  );
  child.stdin.on('error', () => {}); // it may have ended without reading
  if (options.input !== undefined) child.stdin.end(options.input);
  let hasEnded = false;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      hasEnded = true;
      for (const look of [...watchers]) look();
      resolve({ code, signal, stdout, stderr });
    });
  });
  const running: Running = {
    child,
    ended,
    output: () => ({ stdout, stderr }),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const isThere = pattern.test(stdout) || pattern.test(stderr);
          if (!isThere && !hasEnded) return;
          watchers.delete(look);
          if (isThere) resolve(stdout + stderr);
          else reject(new Error(`ended without ${pattern}:\n${stdout}${stderr}`));
        };
        watchers.add(look);
        look();
      }),
    signal: (signal) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // gone already
      }
    },
  };
  started.add(running);
  const forget = () => started.delete(running);
  ended.then(forget, forget);
  return running;
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return start(command, args, { input: '', ...options }).ended;
}

/** `posbridge ARGS`, to its end. */
export function posbridge(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return run(PROGRAM, args, options);
}

export interface Folder {
  readonly path: string;
  remove(): void;
}

/** A private folder for one test. */
export function temporaryFolder(): Folder {
  const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-'));
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The BridgeError that an action ends in, as `CODE: text`. */
export async function complaintOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (fault) {
    if (fault instanceof BridgeError) return fault.message;
    throw fault;
  }
  throw new Error('nothing was refused');
}

/** One frame as a register writes it; ASCII only. */
export function frame(id: string, method: string, params: object): string {
  const json = JSON.stringify({ jsonrpc: '2.0', id, method, params });
  return `${json.length.toString(16).padStart(8, '0')}:${json}\n`;
}

/** The messages of frames, each on a line of its own. */
export function messagesIn(output: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter((line) => /^[0-9a-f]{8}:\{/.test(line))
    .map((line) => JSON.parse(line.slice(9)));
}
