import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { RelayOptions } from './relay.ts';
import { RelayDirection } from './relay-direction.ts';

export interface LineOptions {
  /** Names of the two links in the folder. Default `ttyUSB0` for the bridge, `register`. */
  readonly bridgeName?: string;
  readonly registerName?: string;
  readonly toBridge?: RelayOptions['there'];
  readonly toRegister?: RelayOptions['back'];
}

/**
 * A serial line for tests: two pseudo-terminals, at `bridgeEnd` and `registerEnd`, joined by a relay in this process.
 *
 *   bridge ── bridgeEnd ── socat ══ relay ══ socat ── registerEnd ── register
 *
 * Pseudo-terminals know no speed: the kernel and socat take some 30 KB (80 KB without a rate) before a slow relay is
 * felt by the writer, and a writer that limits itself never feels it.
 */
export class Line {
  readonly toBridge: RelayDirection;
  readonly toRegister: RelayDirection;
  readonly #folder: string;
  readonly #blockBytes: number;
  #bridge: LineEnd | undefined;
  #register: LineEnd | undefined;

  static async open(folder: string, options: LineOptions = {}): Promise<Line> {
    const line = new Line(folder, options);
    line.#register = await LineEnd.open(
      path.join(folder, options.registerName ?? 'register'),
      line.#blockBytes,
    );
    line.toBridge.from(line.#register.output);
    line.toRegister.to(line.#register.input);
    await line.plug(options.bridgeName);
    return line;
  }

  private constructor(folder: string, options: LineOptions) {
    this.#folder = folder;
    const isSlow = options.toBridge?.bytesPerS !== undefined || options.toRegister?.bytesPerS !== undefined;
    this.#blockBytes = isSlow ? SLOW_BLOCK_BYTES : BLOCK_BYTES;
    this.toBridge = new RelayDirection({ ...options.toBridge, passesEnd: false });
    this.toRegister = new RelayDirection({ ...options.toRegister, passesEnd: false });
  }

  /** Where the bridge's terminal is now. */
  get bridgeEnd(): string {
    if (this.#bridge === undefined) throw new TypeError('the line is unplugged');
    return this.#bridge.link;
  }

  get registerEnd(): string {
    return this.#register?.link ?? '';
  }

  /** Plugs the bridge's end in again, under this name; resolves with where it is. */
  async plug(name = 'ttyUSB0'): Promise<string> {
    this.#bridge = await LineEnd.open(path.join(this.#folder, name), this.#blockBytes);
    this.toBridge.clear();
    this.toRegister.clear();
    this.toBridge.to(this.#bridge.input);
    this.toRegister.from(this.#bridge.output);
    return this.#bridge.link;
  }

  /** The bridge's end hangs up and its link goes; what is sent to it meanwhile is lost. */
  async unplug(): Promise<void> {
    const end = this.#bridge;
    this.#bridge = undefined;
    this.toBridge.to(undefined);
    this.toRegister.from(undefined);
    await end?.hangUp();
  }

  /**
   * Unplugs the bridge's end when exactly so many bytes more have passed in that direction. What passed to the bridge
   * has reached the terminal by then; what the bridge has not read is lost with it.
   */
  async cutAfter(bytes: number, direction: 'toBridge' | 'toRegister'): Promise<void> {
    await this[direction].pass(bytes);
    const end = this.#bridge;
    if (direction === 'toBridge') await end?.finish();
    await this.unplug();
    this[direction].clear();
    this[direction].resume();
  }

  async close(): Promise<void> {
    await this.unplug();
    this.toBridge.close();
    this.toRegister.close();
    await this.#register?.hangUp();
  }
}

/** Small blocks fill the way to the relay sooner. */
const SLOW_BLOCK_BYTES = 16;
const BLOCK_BYTES = 8192;

/** One terminal, with socat as its other side. */
class LineEnd {
  readonly link: string;
  readonly #socat: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #gone: Promise<void>;
  /** Keeps the terminal alive while no program has it open. */
  #fd = -1;

  static async open(link: string, blockBytes: number): Promise<LineEnd> {
    const end = new LineEnd(link, blockBytes);
    await end.#isThere();
    end.#fd = openSync(link, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    return end;
  }

  private constructor(link: string, blockBytes: number) {
    this.link = link;
    this.#socat = spawn(
      'socat',
      ['-d', '-d', '-t', '0.01', '-b', `${blockBytes}`, '-', `PTY,link=${link},raw,echo=0`],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    this.#gone = new Promise((resolve) => this.#socat.once('exit', () => resolve()));
    this.#socat.stdin.on('error', () => {}); // it is gone: the relay hears of it
  }

  get input(): Writable {
    return this.#socat.stdin;
  }

  get output(): Readable {
    return this.#socat.stdout;
  }

  async hangUp(): Promise<void> {
    this.#socat.kill('SIGKILL');
    await this.#over();
  }

  /** Hangs up when everything that was written has reached the terminal. */
  async finish(): Promise<void> {
    this.#socat.stdin.end();
    await this.#over();
  }

  async #over(): Promise<void> {
    await this.#gone;
    // Killed, socat leaves it behind, and the number of the terminal goes to somebody else.
    rmSync(this.link, { force: true });
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #isThere(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socat.once('error', reject);
      this.#socat.stderr.on('data', (bytes: Buffer) => {
        if (bytes.includes('starting data transfer')) resolve();
      });
      this.#socat.once('exit', () => reject(new Error(`socat has not made ${this.link}`)));
    });
  }
}
