import type { Clock, Timer } from '../base/clock.ts';
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
}

export const DEFAULT_HIGH_WATER_BYTES = 1024 * 1024;
export const DEFAULT_STALL_MS = 30_000;

/**
 * What waits to be written to one wire. Urgent frames overtake normal ones that wait, never the one that is
 * being written. To keep that wait short a stream gets at most 16 KiB at a time: long frames in slices, short
 * ones joined. When nothing is under way a frame is handed over at once.
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
  readonly #onHigh: ((isHigh: boolean) => void) | undefined;
  #onStalled: (() => void) | undefined;
  #onEnded: (() => void) | undefined;
  #state: 'open' | 'ending' | 'over' = 'open';
  readonly #urgent = new Frames();
  readonly #normal = new Frames();
  /** What is left of a frame that is being written. */
  #rest: Uint8Array | undefined;
  #queuedBytes = 0;
  #isWriting = false;
  #isHigh = false;
  #stall: Timer | undefined;

  constructor(wire: Wire, options: OutputQueueOptions) {
    this.#wire = wire;
    this.#clock = options.clock;
    this.#highWaterBytes = options.highWaterBytes ?? DEFAULT_HIGH_WATER_BYTES;
    this.#stallMs = options.stallMs ?? DEFAULT_STALL_MS;
    this.#onHigh = options.onHigh;
    this.#onStalled = options.onStalled;
  }

  /** Bytes that the wire has not taken yet, the write under way included. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** The frame belongs to the queue from now on. After `end` and `abandon` it goes nowhere. */
  push(frame: Uint8Array, urgency: Urgency): void {
    if (this.#state !== 'open') return;
    (urgency === 'urgent' ? this.#urgent : this.#normal).add(frame);
    this.#queuedBytes += frame.length;
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
    this.#urgent.clear();
    this.#normal.clear();
    this.#rest = undefined;
    this.#queuedBytes = 0;
  }

  #pump(): void {
    if (this.#isWriting || this.#state === 'over') return;
    const piece = this.#wire.framing === 'messages' ? this.#takeFrame() : this.#takePiece();
    if (piece !== undefined) this.#write(piece);
    else if (this.#state === 'ending') this.#finish();
  }

  #write(piece: Uint8Array): void {
    this.#isWriting = true;
    this.#stall = this.#clock.after(this.#stallMs, () => {
      const report = this.#onStalled;
      this.#onStalled = undefined;
      report?.();
    });
    this.#wire.write(piece, (fault) => {
      this.#isWriting = false;
      this.#stall?.cancel();
      if (fault !== undefined) this.abandon();
      if (this.#state === 'over') return;
      this.#queuedBytes -= piece.length;
      this.#measure();
      this.#pump();
    });
  }

  #finish(): void {
    this.#state = 'over';
    this.#wire.endOutput();
    this.#onEnded?.();
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

  /** At most PIECE_BYTES: the next slice, then whole frames as long as they fit. */
  #takePiece(): Uint8Array | undefined {
    const first = this.#rest ?? this.#takeFrame();
    if (first === undefined) return undefined;
    this.#rest = first.length > PIECE_BYTES ? first.subarray(PIECE_BYTES) : undefined;
    if (this.#rest !== undefined) return first.subarray(0, PIECE_BYTES);
    const parts = [first];
    let bytes = first.length;
    for (
      let frames = this.#nextFrames();
      bytes + frames.nextBytes <= PIECE_BYTES;
      frames = this.#nextFrames()
    ) {
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
