import { HEX_VALUES, LENGTH_DIGITS, NO_HEX } from './frame.ts';

/** Longest JSON text of a frame that is looked for, bytes. */
export const MAX_SCANNED_BYTES = 1024;

/**
 * Finds one frame in a stream of rubbish, at any byte offset.
 *
 * Whatever looks like the header of a frame of at most 1024 bytes is a candidate, also inside the length that another
 * one announces: none swallows anything. A candidate is a frame if a newline stands where it ends and its text looks
 * like an object; the caller decides whether it is the one that is looked for.
 *
 * Limits: one look at a byte, and one more for each frame that it is part of, 103 at most; 10 KiB of memory
 */
export class FrameScanner {
  #seen = 0;
  /** The last eight hex digits in a row, as a number of 32 bits, and how many there were. */
  #value = 0;
  #digits = 0;
  /** By offset: one more than the place of the last candidate that ends there; 0: none does. */
  readonly #endings = new Uint16Array(RING);
  /** By the offset at which a candidate's text begins: the same of the one before it that ends at the same byte. */
  readonly #others = new Uint16Array(RING);
  /** The last bytes before the current chunk: all that a text may need. */
  readonly #kept = Buffer.alloc(2 * MAX_SCANNED_BYTES);
  #keptBytes = 0;

  /** Bytes looked at since it was made or reset, without the chunk in which a frame was accepted. */
  get seen(): number {
    return this.#seen;
  }

  /** Forgets everything: what comes next begins a stream. */
  reset(): void {
    this.#seen = 0;
    this.#digits = 0;
    this.#endings.fill(0);
    this.#keptBytes = 0;
  }

  /**
   * Looks through a chunk. `accepts` is called with the JSON text of each frame, valid only during the call; when it
   * says true the scan is over, until a reset.
   *
   * @returns what stands behind the accepted frame in this chunk, perhaps nothing; undefined: not found yet.
   */
  push(chunk: Buffer, accepts: (text: Buffer) => boolean): Buffer | undefined {
    const endings = this.#endings;
    const start = this.#seen % RING;
    let value = this.#value;
    let digits = this.#digits;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index] as number;
      const place = (start + index) % RING;
      if (endings[place] !== 0) {
        if (byte === LF && this.#isFound(chunk, index, place, accepts)) return chunk.subarray(index + 1);
        endings[place] = 0;
      }
      const digit = HEX_VALUES[byte] as number;
      if (digit !== NO_HEX) {
        // A shift may make it negative; eight digits later nothing of that is left.
        value = (value << 4) | digit;
        digits += 1;
      } else {
        if (byte === COLON && digits >= LENGTH_DIGITS) this.#begin(place + 1, value);
        digits = 0;
      }
    }
    this.#value = value;
    this.#digits = digits;
    this.#seen += chunk.length;
    this.#keep(chunk);
    return undefined;
  }

  #begin(offset: number, length: number): void {
    if (length < 1 || length > MAX_SCANNED_BYTES) return;
    const from = offset % RING;
    const end = (offset + length) % RING;
    this.#others[from] = this.#endings[end] as number;
    this.#endings[end] = from + 1;
  }

  /** Offers the texts that end before an index of the chunk, the shortest one first. */
  #isFound(chunk: Buffer, index: number, end: number, accepts: (text: Buffer) => boolean): boolean {
    let next = this.#endings[end] as number;
    while (next !== 0) {
      const from = next - 1;
      const length = (end - from + RING) % RING;
      const text = this.#text(chunk, index - length, index);
      if (isBetweenBraces(text) && accepts(text)) return true;
      next = this.#others[from] as number;
    }
    return false;
  }

  /** Between two indices of the chunk; a negative one counts back from its beginning. */
  #text(chunk: Buffer, from: number, to: number): Buffer {
    if (from >= 0) return chunk.subarray(from, to);
    const kept = this.#kept.subarray(this.#keptBytes + from, this.#keptBytes);
    return Buffer.concat([kept, chunk.subarray(0, to)]);
  }

  #keep(chunk: Buffer): void {
    if (chunk.length >= MAX_SCANNED_BYTES) {
      this.#keptBytes = chunk.copy(this.#kept, 0, chunk.length - MAX_SCANNED_BYTES);
      return;
    }
    if (this.#keptBytes + chunk.length > this.#kept.length) {
      this.#keptBytes = this.#kept.copy(this.#kept, 0, this.#keptBytes - MAX_SCANNED_BYTES, this.#keptBytes);
    }
    this.#keptBytes += chunk.copy(this.#kept, this.#keptBytes);
  }
}

/** Cheap, and false for almost all rubbish. */
function isBetweenBraces(text: Buffer): boolean {
  let from = 0;
  let to = text.length - 1;
  while (from < to && isSpace(text[from] as number)) from += 1;
  while (from < to && isSpace(text[to] as number)) to -= 1;
  return text[from] === OPENING_BRACE && text[to] === CLOSING_BRACE;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;
}

/** Offsets are counted modulo this: a power of two, and more than the length of a text. */
const RING = 2048;
const LF = 0x0a;
const COLON = 0x3a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
