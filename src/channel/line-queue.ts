import { Queue } from '../base/queue.ts';
import type { LineFate, OutgoingLine, QueuedLine } from './channel.ts';
import { LineBlocks, type Place } from './line-blocks.ts';

/** Bytes of lines that may wait for one application. */
const MAX_QUEUE_BYTES = 4 * 1024 * 1024;
/** What an entry costs beside its bytes, so that many short lines are bounded too. */
const ENTRY_BYTES = 128;
/** Of withdrawn lines, before they are thrown out. */
const MIN_COMPACTED_BYTES = 64 * 1024;

/** A line in the queue: where its bytes are, and who wants to know what becomes of it. */
export class QueueEntry implements QueuedLine {
  readonly connection: string;
  readonly kind: OutgoingLine['kind'];
  readonly fate: LineFate | undefined;
  readonly bytes: number;
  place: Place;
  /** Neither handed over nor withdrawn nor refused. */
  isQueued = true;
  readonly #leave: (entry: QueueEntry) => void;

  constructor(connection: string, line: OutgoingLine, place: Place, leave: (entry: QueueEntry) => void) {
    this.connection = connection;
    this.kind = line.kind;
    this.fate = line.fate;
    this.bytes = line.bytes.length;
    this.place = place;
    this.#leave = leave;
  }

  get cost(): number {
    return this.bytes + ENTRY_BYTES;
  }

  withdraw(): boolean {
    if (!this.isQueued) return false;
    this.isQueued = false;
    this.#leave(this);
    return true;
  }
}

/** Lines that lie together and are handed over with one write. */
export interface LineRun {
  readonly bytes: Buffer;
  /** What it costs until it is written. */
  readonly cost: number;
}

/**
 * The lines that wait for one application, in a bounded number of bytes. Every line can be withdrawn until it is handed
 * over.
 */
export class LineQueue {
  readonly #entries = new Queue<QueueEntry>();
  #blocks = new LineBlocks();
  #waitingBytes = 0;
  /** Of withdrawn lines that are still in the queue. */
  #withdrawnBytes = 0;

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether a line of so many bytes may still wait, beside those that are being written. */
  hasRoom(lineBytes: number, writingBytes: number): boolean {
    return this.#waitingBytes + writingBytes + lineBytes + ENTRY_BYTES <= MAX_QUEUE_BYTES;
  }

  /** Whether there is room again, and enough of it to tell somebody. */
  isHalfEmpty(writingBytes: number): boolean {
    return this.#waitingBytes + writingBytes <= MAX_QUEUE_BYTES / 2;
  }

  push(connection: string, line: OutgoingLine): QueueEntry {
    const entry = this.#entryOf(connection, line);
    this.#entries.push(entry);
    return entry;
  }

  /** Puts lines before all others, in the order given. */
  unshift(lines: readonly { readonly connection: string; readonly line: OutgoingLine }[]): void {
    this.#entries.unshift(lines.map(({ connection, line }) => this.#entryOf(connection, line)));
  }

  /**
   * Hands over the lines that lie together, and tells of each. What waits behind them can still be withdrawn.
   * Undefined: nothing waits.
   */
  takeRun(handedOver: (connection: string, line: Place) => void): LineRun | undefined {
    let first: Place | undefined;
    let to = 0;
    let cost = 0;
    for (let entry = this.#entries.peek(); entry !== undefined; entry = this.#entries.peek()) {
      if (entry.isQueued) {
        const { place } = entry;
        if (first === undefined) first = place;
        else if (place.block !== first.block || place.from !== to) break;
        to = place.to;
        cost += entry.cost;
        entry.isQueued = false;
        handedOver(entry.connection, place);
        entry.fate?.handedOver?.();
      } else this.#withdrawnBytes -= entry.cost;
      this.#entries.shift();
    }
    if (first === undefined) {
      this.#blocks.release(); // nothing waits and nothing is being written
      return undefined;
    }
    this.#waitingBytes -= cost;
    return { bytes: first.block.subarray(first.from, to), cost };
  }

  /** Empties the queue: the lines that were neither handed over nor withdrawn, and are not any more. */
  drain(): QueueEntry[] {
    const entries = this.#entries.drain().filter(({ isQueued }) => isQueued);
    for (const entry of entries) entry.isQueued = false;
    this.#waitingBytes = 0;
    this.#withdrawnBytes = 0;
    return entries;
  }

  #entryOf(connection: string, line: OutgoingLine): QueueEntry {
    const entry = new QueueEntry(connection, line, this.#blocks.add(line.bytes), this.#leave);
    this.#waitingBytes += entry.cost;
    return entry;
  }

  readonly #leave = (entry: QueueEntry): void => {
    this.#waitingBytes -= entry.cost;
    this.#withdrawnBytes += entry.cost;
    // Withdrawn lines must not pile up behind an application that never reads.
    if (this.#withdrawnBytes > Math.max(MIN_COMPACTED_BYTES, this.#waitingBytes)) this.#compact();
  };

  #compact(): void {
    this.#withdrawnBytes = 0;
    this.#blocks = new LineBlocks();
    for (const entry of this.#entries.drain()) {
      if (!entry.isQueued) continue;
      const { block, from, to } = entry.place;
      entry.place = this.#blocks.add(block.subarray(from, to));
      this.#entries.push(entry);
    }
  }
}
