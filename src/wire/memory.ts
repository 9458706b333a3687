import { setImmediate } from 'node:timers';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireFault } from './wire-fault.ts';
import { WireLife } from './wire-life.ts';

export interface MemoryWire extends Wire {
  /** As `destroy`, but the other side loses what it has not taken yet and closes with ECONNRESET. */
  reset(): void;
}

export interface MemoryWireOptions {
  /** Default `stream`. */
  readonly framing?: Wire['framing'];
  /** Who each side believes to talk to; default `memory`. */
  readonly peer?: Peer;
}

/**
 * Two wires joined inside the process: what one writes the other receives, as one chunk, in a later turn. A
 * write is done when the other side has taken it, so `pause` is felt at once. A destroyed side is end of input
 * and closing for the other one; if that had output on its way, it is a broken pipe.
 */
export function memoryWirePair(options: MemoryWireOptions = {}): [MemoryWire, MemoryWire] {
  return MemoryEnd.pair(options);
}

/** A wire with nobody at the other end: nothing comes, what is written is gone, and it closes when its output ends. */
export function silentWire(peer: Peer): Wire {
  const [wire, other] = memoryWirePair({ framing: 'messages', peer });
  other.start({ chunk: () => {}, end: () => other.endOutput(), closed: () => {} });
  return wire;
}

class MemoryEnd implements MemoryWire {
  readonly framing: Wire['framing'];
  readonly peer: Peer;
  readonly #life = new WireLife();
  /** Itself only until `pair` has joined two. */
  #other: MemoryEnd = this;
  /** What the other side is writing. */
  #incoming: Buffer | undefined;
  #inputEnds = false;
  #outputEnds = false;
  #otherIsGone = false;
  #isPaused = false;
  #isScheduled = false;

  constructor(options: MemoryWireOptions) {
    this.framing = options.framing ?? 'stream';
    this.peer = options.peer ?? { text: 'memory' };
  }

  static pair(options: MemoryWireOptions): [MemoryEnd, MemoryEnd] {
    const one = new MemoryEnd(options);
    const other = new MemoryEnd(options);
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.#schedule();
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (!this.#life.take(done)) return;
    if (this.#otherIsGone) this.#doom(new WireFault('EPIPE'));
    else this.#other.#accept(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  endOutput(): void {
    if (!this.#life.endOutput()) return;
    this.#outputEnds = true;
    this.#schedule();
    this.#other.#schedule();
  }

  destroy(): void {
    if (this.#doom()) this.#other.#leftBehind();
  }

  reset(): void {
    if (this.#doom()) this.#other.#doom(new WireFault('ECONNRESET'));
  }

  #accept(bytes: Buffer): void {
    this.#incoming = bytes;
    this.#schedule();
  }

  #leftBehind(): void {
    this.#otherIsGone = true;
    // The writer has its buffer back.
    if (this.#incoming !== undefined) this.#incoming = Buffer.from(this.#incoming);
    if (this.#life.isWriting) this.#doom(new WireFault('EPIPE'));
    this.#schedule();
  }

  #doom(fault?: Error): boolean {
    if (!this.#life.doom(fault)) return false;
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  /** Does one thing that is due: closing, a chunk, the end of input. */
  #turn(): void {
    const incoming = this.#incoming;
    if (this.#life.isDoomed) {
      this.#life.close();
    } else if (this.#isPaused || !this.#life.isStarted) {
      return;
    } else if (incoming !== undefined) {
      this.#incoming = undefined;
      this.#life.chunk(incoming);
      this.#other.#taken();
      this.#schedule();
    } else if (!this.#inputEnds && (this.#otherIsGone || this.#other.#hasWrittenAll)) {
      this.#inputEnds = true;
      this.#life.end();
      this.#schedule();
    } else if (this.#inputEnds && (this.#otherIsGone || this.#hasWrittenAll)) {
      this.#life.close();
    }
  }

  get #hasWrittenAll(): boolean {
    return this.#outputEnds && !this.#life.isWriting;
  }

  #taken(): void {
    this.#life.taken();
    this.#schedule();
  }
}
