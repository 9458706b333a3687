import { decodeString } from './scan.ts';

/** A JSON string decoded, and as it was written. */
export interface Literal {
  readonly value: string;
  readonly text: string;
}

/**
 * The string literals read last. The same few methods and connections come all the time: finding one again takes a
 * quarter of the time of decoding it, and makes nothing.
 */
export class LiteralCache {
  readonly #slots: (Entry | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);

  /** @param begin of a valid literal in the text, its quotes included. */
  read(text: Buffer, begin: number, end: number): Literal {
    const length = end - begin;
    if (length > MAX_BYTES) return readLiteral(text, begin, end);
    // Behind the first quote and before the last one.
    const slot = (length + (text[begin + 1] as number) * 5 + (text[end - 2] as number) * 3) % SLOTS;
    const entry = this.#slots[slot];
    if (entry !== undefined && entry.bytes.length === length) {
      const { bytes } = entry;
      let equal = 0;
      while (equal < length && text[begin + equal] === bytes[equal]) equal += 1;
      if (equal === length) return entry.literal;
    }
    const bytes = Uint8Array.prototype.slice.call(text, begin, end);
    const literal = readLiteral(text, begin, end);
    this.#slots[slot] = { bytes, literal };
    return literal;
  }
}

export function readLiteral(source: Buffer, begin: number, end: number): Literal {
  const text = source.toString('utf8', begin, end);
  return { value: decodeString(text), text };
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly literal: Literal;
}

const SLOTS = 64;
/** Longer ones are not kept. */
const MAX_BYTES = 64;
