/**
 * Memory for lines that wait, one behind the other in blocks: lines that follow each other are written as one piece
 * without being copied together, and no other queue's lines keep a block alive.
 */
export class LineBlocks {
  #block: Buffer = NOTHING;
  #used = 0;

  /** Copies a line behind the one before it; a long one stays where it is. */
  add(line: Buffer): Place {
    const bytes = line.length;
    if (bytes > MAX_COPIED_BYTES) return { block: line, from: 0, to: bytes };
    if (this.#used + bytes > this.#block.length) {
      this.#block = spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#used = 0;
    }
    const from = this.#used;
    this.#block.set(line, from);
    this.#used += bytes;
    return { block: this.#block, from, to: this.#used };
  }

  /** Nothing that was added is needed any more: others may have the memory, and find nothing in it. */
  release(): void {
    if (this.#block === NOTHING) return;
    this.#block.fill(0, 0, this.#used);
    if (spare.length < MAX_SPARE) spare.push(this.#block);
    this.#block = NOTHING;
    this.#used = 0;
  }
}

/** Blocks that nobody uses: an attachment that has nothing to write keeps none. */
const spare: Buffer[] = [];
const MAX_SPARE = 8;

/** Where a line lies. */
export interface Place {
  readonly block: Buffer;
  readonly from: number;
  readonly to: number;
}

/** The most that is written at a time, unless one line is longer. */
const BLOCK_BYTES = 128 * 1024;
/** So little of a block is left over when the next line does not fit. */
const MAX_COPIED_BYTES = BLOCK_BYTES / 8;
const NOTHING = Buffer.alloc(0);
