import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import type { Endpoint } from '../../../src/endpoint/endpoint.ts';
import type { Wire } from '../../../src/wire/wire.ts';
import { DiskError } from './disk.ts';
import { fileLocksOf, filesOf } from './files.ts';
import type { Process } from './process.ts';
import type { Planned } from './schedule.ts';

/** A descriptor of the kernel's random numbers. */
const RANDOM_FD = 1_000_000;

type Module = Readonly<Record<string, unknown>>;

/**
 * Everything that the code of a simulated process can reach beside the language: it stands where the runtime's own
 * would.
 */
export interface Realm {
  readonly process: unknown;
  readonly modules: Readonly<Record<string, Module>>;
  /** Milliseconds since 1970, as the machine believes. */
  now(): number;
  require(name: string): unknown;
  random(): number;
  setTimeout(run: () => void, ms?: number): Planned;
  setImmediate(run: () => void): Planned;
  clear(planned: Planned | undefined): void;
  forbidden(name: string): never;
  /** For the wires that stand in for sockets and descriptors. */
  connect(endpoint: Endpoint): Promise<Wire>;
  listen(endpoint: Endpoint, onWire: (wire: Wire) => void): () => void;
  inherited(): Wire;
  log(line: string): void;
}

export function realmOf(
  owner: Process,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Realm {
  const { machine, random } = owner;
  const { network, schedule } = machine.world;
  const timer = (ms: number, run: () => void) => owner.after(ms, run);
  const after = (ms: number, run: () => void) =>
    timer(Math.max(1, Math.floor(ms)) + random.fraction() * 0.5, run);
  const forbidden = (name: string): never => {
    throw new Error(`a simulated process reached for ${name}`);
  };
  const process = {
    argv: ['node', 'posbridge', ...argv],
    env,
    pid: owner.pid,
    platform: 'linux',
    arch: 'x64',
    version: 'v20.20.0',
    versions: { node: '20.20.0' },
    execArgv: [],
    exitCode: undefined,
    stdin: { isTTY: false },
    stdout: { isTTY: false, write: (text: string) => owner.tell(`stdout ${text.trimEnd()}`) },
    stderr: { isTTY: false, write: (text: string) => owner.tell(`stderr ${text.trimEnd()}`) },
    exit: (status = 0) => owner.exit(status),
    on: (name: string, run: () => void) => owner.onSignal(name, run),
    once: (name: string, run: () => void) => owner.onSignal(name, run),
    off: () => {},
    removeListener: () => {},
    emitWarning: () => {},
    geteuid: () => 0,
    getuid: () => 0,
    uptime: () => (schedule.nowMs - owner.startedMs) / 1000,
    cwd: () => '/',
    memoryUsage: { rss: () => 40_000_000 },
    nextTick: (run: () => void) => queueMicrotask(run),
  };
  const setTimeout = (run: () => void, ms = 1) => after(ms, run);
  const setImmediate = (run: () => void) => timer(0.001, run);
  const clear = (planned: Planned | undefined) => planned?.cancel();
  const files = filesOf(owner);
  const readSmall = (name: string): string => {
    if (name === '/proc/sys/kernel/random/boot_id') return `${machine.bootId}\n`;
    throw new DiskError('ENOENT', 'open', name);
  };
  const fs = {
    constants,
    readFileSync: readSmall,
    openSync: (name: string) => (name === '/dev/urandom' ? RANDOM_FD : forbidden(`openSync ${name}`)),
    readSync: (fd: number, bytes: Buffer) => {
      if (fd !== RANDOM_FD) forbidden('readSync');
      random.bytes(bytes.length).copy(bytes);
      return bytes.length;
    },
    closeSync: () => {},
    fstatSync: () => ({
      isSocket: () => true,
      isFile: () => false,
      isFIFO: () => false,
      isCharacterDevice: () => false,
    }),
  };
  const uuid = () => {
    const hex = random.bytes(16).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  };
  const randomInt = (...limits: number[]) => {
    const [low = 0, high = 0] = limits.length === 1 ? [0, limits[0]] : limits;
    return low + Math.floor(random.fraction() * (high - low));
  };
  const promisedTimeout = (ms: number) => new Promise<void>((resolve) => after(ms, resolve));
  const addon = fileLocksOf(owner);
  const requireIn = (name: string) => {
    if (name === 'fs-native-extensions/package.json') return { version: '1.5.1' };
    return name.endsWith('fs-native-extensions.node') ? addon : forbidden(`require ${name}`);
  };
  return {
    process,
    now: () => machine.wallMs,
    require: requireIn,
    random: () => random.fraction(),
    setTimeout,
    setImmediate,
    clear,
    forbidden,
    modules: {
      'node:fs': fs,
      'node:fs/promises': files,
      'node:crypto': {
        createHash,
        createHmac,
        timingSafeEqual,
        randomBytes: (length: number) => random.bytes(length),
        randomInt,
        randomUUID: uuid,
      },
      'node:timers': { setTimeout, setImmediate, clearTimeout: clear, clearImmediate: clear },
      'node:timers/promises': { setTimeout: promisedTimeout, setImmediate: () => promisedTimeout(0) },
      'node:os': {
        uptime: () => machine.uptimeMs / 1000,
        hostname: () => machine.name,
        homedir: () => '/root',
      },
    },
    connect: (endpoint) => network.connect(owner, placeOf(endpoint)),
    listen: (endpoint, onWire) => network.listen(owner, placeOf(endpoint), onWire),
    inherited: () => owner.inherited ?? forbidden('a wire that was not inherited'),
    log: (line) => owner.tell(`| ${line}`),
  };
}

function placeOf(endpoint: Endpoint): string {
  return endpoint.kind === 'tcp'
    ? `tcp:${endpoint.host}:${endpoint.port}`
    : endpoint.text.replace(/\?.*$/, '');
}
