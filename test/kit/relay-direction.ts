import type { Readable, Writable } from 'node:stream';
import { seededRandom } from './random.ts';

/** What happens to the byte that comes at `at`, counted from the first one that the direction has received. */
export type Fault =
  | { readonly at: number; readonly kind: 'drop' | 'double' }
  /** `mask`: which bits; default 1. */
  | { readonly at: number; readonly kind: 'flip'; readonly mask?: number }
  /** In front of that byte. */
  | { readonly at: number; readonly kind: 'insert'; readonly bytes: Uint8Array };

export interface RelaySettings {
  /** How fast bytes are passed on; default: as fast as they are taken. */
  readonly bytesPerS?: number;
  /** How long each byte is on its way, at least. Default 0. */
  readonly latencyMs?: number;
  /** How much may be on its way; beyond it the source is not read. Default 64 KiB. */
  readonly bufferBytes?: number;
  readonly faults?: readonly Fault[];
  /** Every byte is dropped, doubled or flipped with this probability, repeatably. */
  readonly noise?: { readonly rate: number; readonly seed: number };
  /** Whether the end of the source ends the target. Default true. */
  readonly passesEnd?: boolean;
}

const DEFAULT_BUFFER_BYTES = 64 * 1024;
/** Bytes go out in steps of this length; what a late timer has missed is made up for, up to ten steps. */
const STEP_MS = 10;

/**
 * One direction of a relay: reads from a stream, writes to another, in real time. Streams may be exchanged on the way;
 * without a target bytes are lost, as on a line that is plugged in nowhere.
 */
export class RelayDirection {
  /** Bytes from the source; bytes handed to the target (or lost without one); faults done. */
  received = 0;
  passed = 0;
  faultsDone = 0;
  /** Switches faults and noise off and on. */
  isFaulty = true;
  #settings: RelaySettings;
  #noise: (() => number) | undefined;
  #faults: readonly Fault[] = [];
  #source: Readable | undefined;
  #target: Writable | undefined;
  #queue: { bytes: Buffer; readonly dueMs: number }[] = [];
  #queued = 0;
  #allowance = 0;
  #filledMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #isBlocked = false;
  #isStalled = false;
  #hasEnded = false;
  #limit: { readonly at: number; readonly reached: () => void } | undefined;

  constructor(settings: RelaySettings = {}) {
    this.#settings = settings;
    this.set(settings);
  }

  /** Changes some settings from now on. Faults stay as they are unless they are among them. */
  set(settings: RelaySettings): void {
    this.#settings = { ...this.#settings, ...settings };
    if (settings.faults !== undefined) this.#faults = settings.faults;
    if (settings.noise !== undefined) this.#noise = seededRandom(settings.noise.seed);
    this.#allowance = 0;
    this.#filledMs = performance.now();
    this.#pump();
  }

  from(source: Readable | undefined): void {
    this.#source?.removeListener('data', this.#receive).removeListener('end', this.#end);
    this.#source = source;
    this.#hasEnded = false;
    source?.on('data', this.#receive).on('end', this.#end);
    this.#flow();
  }

  to(target: Writable | undefined): void {
    this.#target?.removeListener('drain', this.#drained);
    this.#target = target;
    this.#isBlocked = false;
    target?.on('drain', this.#drained);
    this.#pump();
  }

  /** Passes nothing on until `resume`, as if nobody took it. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    this.#isStalled = false;
    this.#pump();
  }

  /** Passes exactly so many bytes more, then stalls; resolves when the target has them. */
  pass(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#limit = { at: this.passed + bytes, reached: resolve };
      if (bytes === 0) this.#reachLimit();
      else this.resume();
    });
  }

  /** Loses what is on its way. */
  clear(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#flow();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.from(undefined);
    this.to(undefined);
    this.clear();
  }

  readonly #receive = (chunk: Buffer): void => {
    const bytes = this.#damaged(chunk);
    this.received += chunk.length;
    if (bytes.length === 0) return;
    this.#queue.push({ bytes, dueMs: performance.now() + (this.#settings.latencyMs ?? 0) });
    this.#queued += bytes.length;
    this.#flow();
    this.#pump();
  };

  readonly #end = (): void => {
    this.#hasEnded = true;
    this.#pump();
  };

  readonly #drained = (): void => {
    this.#isBlocked = false;
    this.#pump();
  };

  #flow(): void {
    if (this.#queued >= (this.#settings.bufferBytes ?? DEFAULT_BUFFER_BYTES)) this.#source?.pause();
    else this.#source?.resume();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    for (;;) {
      const head = this.#queue[0];
      if (head === undefined) break;
      if (this.#isBlocked || this.#isStalled) return;
      const nowMs = performance.now();
      const allowed = this.#allowed(nowMs);
      const waitMs = head.dueMs > nowMs ? head.dueMs - nowMs : allowed < 1 ? STEP_MS : 0;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        return;
      }
      const length = Math.min(head.bytes.length, allowed, (this.#limit?.at ?? Infinity) - this.passed);
      const piece = head.bytes.subarray(0, length);
      head.bytes = head.bytes.subarray(length);
      if (head.bytes.length === 0) this.#queue.shift();
      this.#queued -= length;
      if (this.#settings.bytesPerS !== undefined) this.#allowance -= length;
      this.#write(piece);
      this.#flow();
    }
    if (this.#hasEnded && this.#settings.passesEnd !== false) this.#target?.end();
  }

  #write(piece: Buffer): void {
    this.passed += piece.length;
    const isLast = this.passed === this.#limit?.at;
    const done = () => {
      if (isLast) this.#reachLimit();
    };
    if (isLast) this.#isStalled = true;
    if (this.#target === undefined || this.#target.destroyed) done();
    else this.#isBlocked = !this.#target.write(piece, done);
  }

  #reachLimit(): void {
    this.#isStalled = true;
    const limit = this.#limit;
    this.#limit = undefined;
    limit?.reached();
  }

  #allowed(nowMs: number): number {
    const { bytesPerS } = this.#settings;
    if (bytesPerS === undefined) return Infinity;
    const most = Math.max(1, (bytesPerS * STEP_MS * 10) / 1000);
    this.#allowance = Math.min(most, this.#allowance + ((nowMs - this.#filledMs) * bytesPerS) / 1000);
    this.#filledMs = nowMs;
    return Math.floor(this.#allowance);
  }

  #damaged(chunk: Buffer): Buffer {
    const [first, end] = [this.received, this.received + chunk.length];
    const here = this.isFaulty ? this.#faults.filter(({ at }) => at >= first && at < end) : [];
    const noise = this.isFaulty ? this.#settings.noise : undefined;
    if (here.length === 0 && noise === undefined) return Buffer.from(chunk);
    const bytes: number[] = [];
    for (const [at, byte] of chunk.entries()) {
      const faults: Fault[] = here.filter((fault) => fault.at === first + at);
      const drawn = noise === undefined ? undefined : this.#draw(noise.rate);
      if (drawn !== undefined) faults.push(drawn);
      this.faultsDone += faults.length;
      bytes.push(...withFaults(byte, faults));
    }
    return Buffer.from(bytes);
  }

  #draw(rate: number): Fault | undefined {
    const random = this.#noise ?? Math.random;
    if (random() >= rate) return undefined;
    const kind = (['drop', 'double', 'flip'] as const)[Math.floor(random() * 3)] ?? 'drop';
    return kind === 'flip' ? { at: 0, kind, mask: 1 << Math.floor(random() * 8) } : { at: 0, kind };
  }
}

function withFaults(byte: number, faults: readonly Fault[]): number[] {
  let bytes = [byte];
  for (const fault of faults) {
    if (fault.kind === 'insert') bytes = [...fault.bytes, ...bytes];
    else if (fault.kind === 'flip') bytes = bytes.map((each) => each ^ (fault.mask ?? 1));
    else bytes = fault.kind === 'drop' ? bytes.slice(1) : bytes.flatMap((each) => [each, each]);
  }
  return bytes;
}
