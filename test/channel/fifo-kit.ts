import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { findLockDirectory } from '../../src/base/lock-directory.ts';
import { openFifoReader, openFifoWriter } from '../../src/channel/fifo.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { LineCollector } from './fifo-lines.ts';

/** A folder with programs and named pipes, and everything that a test opened or started in it. */
export class FifoPlace {
  readonly folder: string;
  readonly #wires = new Set<OpenWire>();
  readonly #fifos = new Set<string>();
  readonly #children = new Set<ChildProcess>();

  constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<FifoPlace> {
    return new FifoPlace(await mkdtemp(path.join(tmpdir(), 'posbridge-fifo-')));
  }

  async buildPrograms(): Promise<void> {
    await build({
      entryPoints: ['fifo-writer-child.ts', 'fifo-reader-child.ts'].map((file) =>
        path.join(import.meta.dirname, file),
      ),
      outdir: this.folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
    });
  }

  makeFifo(name: string): string {
    const fifo = path.join(this.folder, name);
    execFileSync('mkfifo', [fifo]);
    this.#fifos.add(fifo);
    return fifo;
  }

  async openReader(fifo: string, create = false): Promise<OpenWire> {
    return this.#keep(await openFifoReader(fifo, { create }));
  }

  async openWriter(fifo: string, clock: Clock = systemClock): Promise<OpenWire> {
    return this.#keep(await openFifoWriter(fifo, { clock, env: process.env }));
  }

  start(
    program: 'fifo-writer-child' | 'fifo-reader-child',
    ...args: readonly (string | number)[]
  ): ChildProcess {
    const child = fork(path.join(this.folder, `${program}.mjs`), args.map(String), {
      env: { ...process.env, NODE_PATH: path.join(process.cwd(), 'node_modules') },
    });
    this.#children.add(child);
    return child;
  }

  async reset(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#children.clear();
    for (const open of this.#wires) {
      open.wire.destroy();
      await open.closed;
    }
    this.#wires.clear();
    for (const fifo of this.#fifos) await rm(await markOf(fifo), { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }

  #keep(wire: Wire): OpenWire {
    const open = new OpenWire(wire);
    this.#wires.add(open);
    return open;
  }
}

/** A started wire, with what came out of it. */
export class OpenWire {
  readonly wire: Wire;
  readonly received = new LineCollector();
  readonly closed: Promise<Error | undefined>;
  isClosed = false;
  isEnded = false;
  onChunk: () => void = () => undefined;

  constructor(wire: Wire) {
    this.wire = wire;
    this.closed = new Promise((resolve) => {
      wire.start({
        chunk: (bytes) => {
          this.received.push(bytes);
          this.onChunk();
        },
        end: () => {
          this.isEnded = true;
        },
        closed: (fault) => {
          this.isClosed = true;
          resolve(fault);
        },
      });
    });
  }

  /** The fault of the write, if it had one. */
  write(bytes: Uint8Array | string): Promise<Error | undefined> {
    return new Promise((resolve) => this.wire.write(Buffer.from(bytes), resolve));
  }
}

/** What the programs report. */
export interface ChildMessage {
  readonly begun?: true;
  readonly opened?: true;
  readonly refused?: string;
  /** How many lines it wrote. */
  readonly written?: number;
}

export async function messageOf(child: ChildProcess): Promise<ChildMessage> {
  const [message] = (await once(child, 'message')) as [ChildMessage];
  return message;
}

export async function killNow(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 45_000,
): Promise<void> {
  const begun = performance.now();
  while (!(await holds())) {
    if (performance.now() - begun > limitMs) throw new Error(`still not so after ${limitMs} ms: ${what}`);
    await sleep(2);
  }
}

/** Where a writer notes that it is inside a long line of this pipe. */
export async function markOf(fifo: string): Promise<string> {
  const { dev, ino, birthtimeNs } = statSync(fifo, { bigint: true });
  const folder = (await findLockDirectory(process.env)) ?? '';
  return path.join(
    folder,
    `posbridge-fifo-${[dev, ino, birthtimeNs].map((part) => part.toString(16)).join('-')}.cut`,
  );
}

export async function isMarked(fifo: string): Promise<boolean> {
  return existsSync(await markOf(fifo));
}
