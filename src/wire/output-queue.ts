import { afterSilence, type Clock, type Timer } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { Wire } from './wire.ts';

export type Urgency = 'urgent' | 'normal';

export interface OutputQueueOptions {
  readonly clock: Clock;
  /** More than this is high, until no more than half of it is left. Default 1 MiB. */
  readonly highWaterBytes?: number;
  /** How long one write may take. Default 30 s. */
  readonly stallMs?: number;
  /** The queue has become high, or is no longer. May be called from inside `push`. */
  readonly onHigh?: (isHigh: boolean) => void;
  /** Nothing was taken for `stallMs` although output waits; at most once. */
  readonly onStalled?: () => void;
  /** What the link carries, bytes per second, where it carries less than the wire takes. Default: no limit. */
  readonly linkSpeed?: number;
  /** A frame takes the link more than `SLOW_FRAME_S`; it is sent all the same. At most once. */
  readonly onSlowFrame?: (bytes: number) => void;
  /** The wire has taken something. */
  readonly onWritten?: () => void;
}

export const DEFAULT_HIGH_WATER_BYTES = 1024 * 1024;
export const DEFAULT_STALL_MS = 30_000;
export const SLOW_FRAME_S = 4;

/**
 * What waits to be written to one wire. Urgent frames overtake normal ones that wait, never the one that is
 * being written. To keep that wait short a stream gets at most 16 KiB at a time: long frames in slices, short
 * ones joined. When nothing is under way a frame is handed over at once; an urgent one that answers a chunk waits until
 * the rest of the chunk has been read, so that all the answers go together: for 100 keepalives one write instead of
 * two.
 *
 * With a link speed L the wire gets L bytes per second, at most a quarter of that at once, in pieces of 256 bytes: what
 * waits waits here, where it can be overtaken, and not in the kernel.
 *
 *   open ──end──▶ ending ──all written──▶ over          open, ending ──abandon, or a failed write──▶ over
 *
 * The owner hears of a failed write as `closed` of the wire.
 */
export class OutputQueue {
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #highWaterBytes: number;
  readonly #stallMs: number;
  /** Most that one write may take from a stream. */
  #pieceBytes = PIECE_BYTES;
  /** Tokens are bytes; undefined: the link is as fast as the wire. */
  #bucket: TokenBucket | undefined;
  #slowFrameBytes = Number.POSITIVE_INFINITY;
  readonly #onHigh: ((isHigh: boolean) => void) | undefined;
  #onStalled: (() => void) | undefined;
  #onSlowFrame: ((bytes: number) => void) | undefined;
  #onEnded: (() => void) | undefined;
  readonly #onWritten: (() => void) | undefined;
  #state: 'open' | 'ending' | 'over' = 'open';
  readonly #urgent = new Frames();
  readonly #normal = new Frames();
  /** What is left of a frame that is being written. */
  #rest: Uint8Array | undefined;
  #queuedBytes = 0;
  /** Of the write under way; undefined: there is none. */
  #writingBytes: number | undefined;
  /** A microtask is about to pump. */
  #isDue = false;
  #isHigh = false;
  #stall: Timer | undefined;
  /** Runs while the link has to catch up. */
  #pace: Timer | undefined;

  constructor(wire: Wire, options: OutputQueueOptions) {
    this.#wire = wire;
    this.#clock = options.clock;
    this.#highWaterBytes = options.highWaterBytes ?? DEFAULT_HIGH_WATER_BYTES;
    this.#stallMs = options.stallMs ?? DEFAULT_STALL_MS;
    this.#onHigh = options.onHigh;
    this.#onStalled = options.onStalled;
    this.#onSlowFrame = options.onSlowFrame;
    this.#onWritten = options.onWritten;
    if (options.linkSpeed !== undefined) this.pace(options.linkSpeed);
  }

  /** From now on the link carries so many bytes per second. */
  pace(linkSpeed: number): void {
    const burst = linkSpeed / BURSTS_PER_S;
    this.#bucket = new TokenBucket({ ratePerS: linkSpeed, burst, clock: this.#clock });
    this.#pieceBytes = Math.max(1, Math.min(PACED_PIECE_BYTES, Math.floor(burst)));
    this.#slowFrameBytes = linkSpeed * SLOW_FRAME_S;
  }

  /** Bytes that the wire has not taken yet, the write under way included. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** As last told to `onHigh`. */
  get isHigh(): boolean {
    return this.#isHigh;
  }

  /** The frame belongs to the queue from now on. After `end` and `abandon` it goes nowhere. */
  push(frame: Uint8Array, urgency: Urgency): void {
    if (this.#state !== 'open') return;
    (urgency === 'urgent' ? this.#urgent : this.#normal).add(frame);
    this.#queuedBytes += frame.length;
    if (frame.length > this.#slowFrameBytes) this.#reportSlow(frame.length);
    if (urgency === 'urgent' && this.#wire.isDelivering) this.#pumpSoon();
    else this.#pump();
    this.#measure();
  }

  /** Forgets the frames that are not begun; what is left of one that is being written still goes out. */
  discard(): void {
    if (this.#state === 'over') return;
    if (this.#isDue) this.#pump(); // begins what would have been begun by now
    this.#urgent.clear();
    this.#normal.clear();
    this.#queuedBytes = (this.#writingBytes ?? 0) + (this.#rest?.length ?? 0);
    this.#pump();
    this.#measure();
  }

  /** Ends the wire's output, then calls `onEnded`, when everything is written: at once if nothing waits. */
  end(onEnded?: () => void): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#onEnded = onEnded;
    this.#pump();
  }

  /** Forgets what waits; nothing is called any more. */
  abandon(): void {
    this.#state = 'over';
    this.#stall?.cancel();
    this.#pace?.cancel();
    this.#urgent.clear();
    this.#normal.clear();
    this.#rest = undefined;
    this.#queuedBytes = 0;
  }

  #pumpSoon(): void {
    if (this.#isDue || this.#writingBytes !== undefined) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#writingBytes !== undefined || this.#state === 'over' || this.#mustWait()) return;
    const piece = this.#wire.framing === 'stream' ? this.#takePiece() : this.#takeFrame();
    if (piece !== undefined) this.#write(piece);
    else if (this.#state === 'ending') this.#finish();
  }

  /** The link has to catch up; a timer pumps then. What goes next is decided by then, not now. */
  #mustWait(): boolean {
    const bytes = this.#nextBytes;
    const waitMs = bytes === 0 ? 0 : (this.#bucket?.msUntil(bytes) ?? 0);
    if (waitMs === 0) {
      this.#pace?.cancel();
      this.#pace = undefined;
      return false;
    }
    this.#pace ??= this.#clock.after(waitMs, () => {
      this.#pace = undefined;
      this.#pump();
    });
    return true;
  }

  /** Length of the piece that would be next; never too little. Asked only while no write is under way. */
  get #nextBytes(): number {
    if (this.#wire.framing !== 'stream') return this.#nextFrames().nextBytes;
    return Math.min(this.#queuedBytes, this.#pieceBytes);
  }

  #write(piece: Uint8Array): void {
    this.#writingBytes = piece.length;
    this.#bucket?.take(piece.length);
    this.#wire.write(piece, this.#written);
    if (this.#wire.isTaken !== true)
      this.#stall = afterSilence(this.#clock, this.#stallMs, () => this.#reportStalled());
  }

  readonly #written = (fault?: Error): void => {
    const bytes = this.#writingBytes ?? 0;
    this.#writingBytes = undefined;
    this.#stall?.cancel();
    this.#stall = undefined;
    if (fault !== undefined) this.abandon();
    if (this.#state === 'over') return;
    this.#queuedBytes -= bytes;
    this.#measure();
    this.#pump();
    this.#onWritten?.();
  };

  #reportStalled(): void {
    const report = this.#onStalled;
    this.#onStalled = undefined;
    report?.();
  }

  #finish(): void {
    this.#state = 'over';
    this.#wire.endOutput();
    this.#onEnded?.();
  }

  #reportSlow(bytes: number): void {
    const report = this.#onSlowFrame;
    this.#onSlowFrame = undefined;
    report?.(bytes);
  }

  #measure(): void {
    const isHigh = this.#queuedBytes > (this.#isHigh ? this.#highWaterBytes / 2 : this.#highWaterBytes);
    if (isHigh === this.#isHigh) return;
    this.#isHigh = isHigh;
    this.#onHigh?.(isHigh);
  }

  #takeFrame(): Uint8Array | undefined {
    return this.#urgent.take() ?? this.#normal.take();
  }

  /** At most `#pieceBytes`: the next slice, then whole frames as long as they fit. */
  #takePiece(): Uint8Array | undefined {
    const first = this.#rest ?? this.#takeFrame();
    if (first === undefined) return undefined;
    const limit = this.#pieceBytes;
    this.#rest = first.length > limit ? first.subarray(limit) : undefined;
    if (this.#rest !== undefined) return first.subarray(0, limit);
    const parts = [first];
    let bytes = first.length;
    for (let frames = this.#nextFrames(); bytes + frames.nextBytes <= limit; frames = this.#nextFrames()) {
      const frame = frames.take();
      if (frame === undefined) break;
      parts.push(frame);
      bytes += frame.length;
    }
    return parts.length === 1 ? first : Buffer.concat(parts, bytes);
  }

  #nextFrames(): Frames {
    return this.#urgent.isEmpty ? this.#normal : this.#urgent;
  }
}

interface Link {
  readonly frame: Uint8Array;
  next: Link | undefined;
}

/** Frames in order; adding and taking cost the same however many there are. */
class Frames {
  #first: Link | undefined;
  #last: Link | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Length of the frame that `take` would give; 0 when there is none. */
  get nextBytes(): number {
    return this.#first?.frame.length ?? 0;
  }

  add(frame: Uint8Array): void {
    const link: Link = { frame, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
  }

  take(): Uint8Array | undefined {
    const link = this.#first;
    if (link === undefined) return undefined;
    this.#first = link.next;
    if (this.#first === undefined) this.#last = undefined;
    return link.frame;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
  }
}

/** Small enough that an urgent frame never waits long for the kernel, large enough for few system calls. */
const PIECE_BYTES = 16 * 1024;
/** What a slow link gets at a time; its burst is a quarter of a second. */
const PACED_PIECE_BYTES = 256;
const BURSTS_PER_S = 4;
