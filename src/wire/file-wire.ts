import { read, write } from 'node:fs';
import { setImmediate } from 'node:timers';
import type { DescriptorUse } from './descriptor.ts';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireLife } from './wire-life.ts';

/**
 * Input from what the event loop cannot wait for: a regular file or a character device. Reads at the
 * descriptor's own position, in the thread pool. A device that blocks a read for ever is not for this: the
 * descriptor is given back when the read under way is over.
 */
export function fileInput(use: DescriptorUse): Wire {
  return new FileInput(use);
}

/** Output to a regular file or character device, at the descriptor's own position. */
export function fileOutput(use: DescriptorUse): Wire {
  return new FileOutput(use);
}

class FileInput implements Wire {
  readonly framing = 'stream';
  readonly peer: Peer;
  readonly #fd: number;
  readonly #life = new WireLife({ hasOutput: false });
  readonly #pool: PoolUse;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  /** Bytes in the buffer that arrived while the wire was paused. */
  #held = 0;
  #isPaused = false;

  constructor(use: DescriptorUse) {
    this.peer = use.peer ?? FILE;
    this.#fd = use.fd;
    this.#pool = new PoolUse(this.#life, use.release);
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.#next();
  }

  write(_bytes: Uint8Array, done: (fault?: Error) => void): void {
    this.#life.take(done);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#next();
  }

  endOutput(): void {}

  destroy(): void {
    this.#life.doom();
    this.#pool.over();
  }

  #next(): void {
    if (this.#isPaused || !this.#life.isStarted || !this.#pool.isFree) return;
    const took = (count: number) => this.#took(count);
    if (this.#held > 0) this.#pool.call((back) => setImmediate(back, null, this.#held), took);
    else this.#pool.call((back) => read(this.#fd, this.#buffer, 0, READ_BYTES, null, back), took);
  }

  #took(count: number): void {
    if (count === 0) {
      this.#life.end();
      this.#pool.over();
      return;
    }
    this.#held = this.#isPaused ? count : 0;
    if (!this.#isPaused) this.#life.chunk(this.#buffer.subarray(0, count));
    this.#next();
  }
}

class FileOutput implements Wire {
  readonly framing = 'stream';
  readonly peer: Peer;
  readonly #fd: number;
  readonly #life = new WireLife();
  readonly #pool: PoolUse;
  #isEnding = false;

  constructor(use: DescriptorUse) {
    this.peer = use.peer ?? FILE;
    this.#fd = use.fd;
    this.#pool = new PoolUse(this.#life, use.release);
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (this.#life.take(done)) this.#put(bytes);
  }

  pause(): void {}
  resume(): void {}

  endOutput(): void {
    if (!this.#life.endOutput()) return;
    this.#isEnding = true;
    this.#pool.over();
  }

  destroy(): void {
    this.#life.doom();
    this.#pool.over();
  }

  #put(bytes: Uint8Array): void {
    this.#pool.call(
      (back) => write(this.#fd, bytes, 0, bytes.length, null, back),
      (count) => {
        if (count < bytes.length) return this.#put(bytes.subarray(count));
        this.#life.taken();
        if (this.#isEnding) this.#pool.over();
      },
    );
  }
}

type PoolCallback = (fault: Error | null, count: number) => void;

/** The calls of one wire on its descriptor: one at a time, and none once the descriptor is given back. */
class PoolUse {
  readonly #life: WireLife;
  readonly #release: DescriptorUse['release'];
  #isFree = true;

  constructor(life: WireLife, release: DescriptorUse['release']) {
    this.#life = life;
    this.#release = release;
  }

  get isFree(): boolean {
    return this.#isFree;
  }

  /** `after` hears of success if the wire is still wanted. */
  call(run: (back: PoolCallback) => void, after: (count: number) => void): void {
    this.#isFree = false;
    run((fault, count) => {
      this.#isFree = true;
      if (fault !== null) this.#life.doom(fault);
      if (this.#life.isDoomed) this.over();
      else after(count);
    });
  }

  /** Ends the wire from a later turn; if a call is under way, its owner says this again afterwards. */
  over(): void {
    if (!this.#isFree) return;
    this.#isFree = false;
    setImmediate(() => this.#release(() => this.#life.close()));
  }
}

const FILE = { text: 'file' };
const READ_BYTES = 64 * 1024;
