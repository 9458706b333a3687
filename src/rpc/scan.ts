import { isUtf8 } from 'node:buffer';
import {
  aboveAsciiEnd,
  BACKSLASH,
  byteAt,
  CLOSE_BRACE,
  COLON,
  COMMA,
  DIGIT,
  escapeEnd,
  LAST_ASCII,
  MINUS,
  NINE,
  numberEnd,
  OPEN_BRACE,
  OPEN_BRACKET,
  plainEnd,
  plainWordsEnd,
  QUOTE,
  SPACE,
  spaceEnd,
  wordEnd,
} from './json-bytes.ts';

/**
 * What a scan found. `values` stand in the order of the names that were asked for: raw JSON text without
 * surrounding whitespace, a slice of the input, `undefined` when absent. `depth` is the deepest nesting, the
 * object itself being 1.
 */
export type ScanResult =
  | { readonly ok: true; readonly values: readonly (Buffer | undefined)[]; readonly depth: number }
  | ScanFault;

/**
 * `offset` is the byte where the text went wrong (0 for a text that is not UTF-8). `why` never quotes the text.
 * After `duplicate` the text is valid otherwise, and `values` hold the members that were given once.
 */
export interface ScanFault extends MemberFault {
  readonly ok: false;
  readonly values: readonly (Buffer | undefined)[];
}

export interface MemberFault {
  readonly fault: 'not-json' | 'not-object' | 'duplicate';
  readonly offset: number;
  readonly why: string;
}

/**
 * Finds top-level members of a JSON object and validates the whole text, strictly as RFC 8259 and JSON.parse do.
 *
 * Keys are compared after decoding; a top-level key given twice, wanted or not, is a fault. One pass without
 * recursion; memory is one byte a nesting level, plus the decoded keys that are not in `names`.
 *
 * @param names ASCII, without quotes and backslashes.
 */
export function scanObject(text: Buffer, names: readonly string[]): ScanResult {
  const scanner = new MemberScanner(names);
  const fault = scanner.scan(text);
  if (fault === undefined || fault.fault === 'duplicate') {
    const values = names.map((_, index) => scanner.value(text, index));
    return fault === undefined ? { ok: true, values, depth: scanner.depth } : { ok: false, ...fault, values };
  }
  return { ok: false, ...fault, values: [] };
}

/** `scanObject` for one who asks for the same names again and again, and makes slices of what it needs only. */
export class MemberScanner {
  readonly #names: readonly string[];
  /** The first name of each hash, and behind each name the next one of the same hash. */
  readonly #firsts = new Int16Array(HASHES).fill(NONE);
  readonly #nexts: Int16Array;
  /** By name: where its value is in the text. */
  readonly #begins: Int32Array;
  readonly #ends: Int32Array;
  #depth = 0;
  /** The text has bytes above ASCII, and they are UTF-8. */
  #isUtf8 = false;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#nexts = new Int16Array(names.length);
    this.#begins = new Int32Array(names.length);
    this.#ends = new Int32Array(names.length);
    for (const [index, name] of names.entries()) {
      const hash = hashOf(name === '' ? QUOTE : name.charCodeAt(0), name.length);
      this.#nexts[index] = this.#firsts[hash] as number;
      this.#firsts[hash] = index;
    }
  }

  /** Of the last text, if it had no fault: its deepest nesting, the object itself being 1. */
  get depth(): number {
    return this.#depth;
  }

  // Of the last text, if it had no fault but a duplicate; `index` is that of the name.

  has(index: number): boolean {
    return this.#begins[index] !== NONE;
  }

  /** Offsets in the text, of a value that is there. */
  begin(index: number): number {
    return this.#begins[index] as number;
  }

  end(index: number): number {
    return this.#ends[index] as number;
  }

  value(text: Buffer, index: number): Buffer | undefined {
    return this.has(index) ? text.subarray(this.#begins[index], this.#ends[index]) : undefined;
  }

  kindOf(text: Buffer, index: number): ValueKind | undefined {
    return this.has(index) ? kindOfFirst(text[this.begin(index)]) : undefined;
  }

  scan(text: Buffer): MemberFault | undefined {
    const end = text.length;
    const begins = this.#begins;
    for (let index = 0; index < begins.length; index += 1) begins[index] = NONE;
    const ends = this.#ends;
    let repeated: number[] | undefined;
    let others: Set<string> | undefined;
    let duplicateAt = NONE;
    this.#isUtf8 = false;

    let stack = SHALLOW_STACK;
    let level = 0;
    let depth = 0;
    let closing = 0;
    let slot = NONE;
    let valueAt = 0;
    let at = 0;

    for (;;) {
      // A value begins here.
      let byte = byteAt(text, at, end);
      if (byte <= SPACE) {
        at = spaceEnd(text, at, end);
        byte = byteAt(text, at, end);
      }
      if (level === 1) valueAt = at;
      let isOpened = false;
      if (byte === QUOTE) {
        at = end > LONG_TEXT ? at + 1 : plainEnd(text, at + 1, end);
        at = byteAt(text, at, end) === QUOTE ? at + 1 : this.#stringEnd(text, at, end);
      } else if (byte <= NINE) {
        at = numberEnd(text, at, end);
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        closing = byte + CLOSING;
        level += 1;
        if (level > depth) depth = level;
        if (level === stack.length) stack = doubled(stack);
        stack[level] = closing;
        at += 1;
        byte = byteAt(text, at, end);
        if (byte <= SPACE) {
          at = spaceEnd(text, at, end);
          byte = byteAt(text, at, end);
        }
        isOpened = byte !== closing;
      } else {
        at = wordEnd(text, at, end);
      }
      if (at < 0) return broken(text, ~at);

      // Behind a value: containers close until one goes on with a comma.
      while (!isOpened) {
        if (level === 1 && slot !== NONE) {
          begins[slot] = valueAt;
          ends[slot] = at;
          slot = NONE;
        }
        byte = byteAt(text, at, end);
        if (byte <= SPACE) {
          at = spaceEnd(text, at, end);
          byte = byteAt(text, at, end);
        }
        if (level === 0) {
          if (at < end) return broken(text, at);
          if (depth === 0 || stack[1] !== CLOSE_BRACE) return notObject(text);
          this.#depth = depth;
          if (duplicateAt === NONE) return undefined;
          for (const index of repeated ?? []) begins[index] = NONE;
          return fault('duplicate', duplicateAt, 'a member is given twice');
        }
        if (byte !== COMMA && byte !== closing) return broken(text, at);
        at += 1;
        if (byte === COMMA) {
          byte = byteAt(text, at, end);
          if (byte <= SPACE) {
            at = spaceEnd(text, at, end);
            byte = byteAt(text, at, end);
          }
          break;
        }
        level -= 1;
        closing = stack[level] as number;
      }

      if (closing !== CLOSE_BRACE) continue;
      if (byte !== QUOTE) return broken(text, at);
      const keyAt = at + 1;
      at = end > LONG_TEXT ? keyAt : plainEnd(text, keyAt, end);
      at = byteAt(text, at, end) === QUOTE ? at + 1 : this.#stringEnd(text, at, end);
      if (at < 0) return broken(text, ~at);
      if (level === 1) {
        slot = this.#indexOf(text, keyAt, at - 1);
        if (slot === NONE) {
          const key = decodeString(text.toString('utf8', keyAt - 1, at));
          slot = this.#names.indexOf(key);
          if (slot === NONE) {
            others ??= new Set();
            if (duplicateAt === NONE && others.has(key)) duplicateAt = keyAt - 1;
            others.add(key);
          }
        }
        if (slot !== NONE && begins[slot] !== NONE) {
          if (duplicateAt === NONE) duplicateAt = keyAt - 1;
          repeated ??= [];
          repeated.push(slot);
        }
      }
      byte = byteAt(text, at, end);
      if (byte <= SPACE) {
        at = spaceEnd(text, at, end);
        byte = byteAt(text, at, end);
      }
      if (byte !== COLON) return broken(text, at);
      at += 1;
    }
  }

  /** Compares the raw bytes of a key: a name that is written with escapes is not found. */
  #indexOf(text: Buffer, from: number, to: number): number {
    const length = to - from;
    let index = this.#firsts[hashOf(text[from] as number, length)] as number;
    for (; index !== NONE; index = this.#nexts[index] as number) {
      const name = this.#names[index] as string;
      if (name.length !== length) continue;
      let equal = 0;
      while (equal < length && text[from + equal] === name.charCodeAt(equal)) equal += 1;
      if (equal === length) break;
    }
    return index;
  }

  /** The rest of a string, whatever is in it. */
  #stringEnd(text: Buffer, from: number, end: number): number {
    let at = from;
    for (;;) {
      at = plainEnd(text, at, Math.min(end, at + SHORT_RUN));
      const byte = byteAt(text, at, end);
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) {
        at = escapeEnd(text, at + 1);
        if (at < 0) return at;
      } else {
        if (byte < SPACE || !(this.#isUtf8 || isUtf8(text))) return ~at;
        this.#isUtf8 = true;
        at = byte > LAST_ASCII ? aboveAsciiEnd(text, at, end) : plainWordsEnd(text, at);
      }
    }
  }
}

/** The value of a valid JSON string literal. */
export function decodeString(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

export type ValueKind = 'object' | 'array' | 'string' | 'number' | 'word';

/** Which kind of value a trimmed, valid JSON text holds. */
export function kindOf(text: Buffer): ValueKind {
  return kindOfFirst(text[0]);
}

function kindOfFirst(byte: number | undefined): ValueKind {
  if (byte === OPEN_BRACE) return 'object';
  if (byte === OPEN_BRACKET) return 'array';
  if (byte === QUOTE) return 'string';
  return byte === MINUS || (byte !== undefined && DIGIT[byte] === 1) ? 'number' : 'word';
}

const NONE = -1;
/** From an opening bracket or brace to its closing one. */
const CLOSING = 2;

/**
 * So many plain bytes of a string are read one by one before words are worth while; only in a text of some length are
 * there so many that it is worth while to count them.
 */
const SHORT_RUN = 64;
const LONG_TEXT = 2048;

/** Scratch for one scan at a time; deeper texts get a stack of their own. */
const SHALLOW_STACK = new Uint8Array(128);

function doubled(stack: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(stack.length * 2);
  larger.set(stack);
  return larger;
}

function notObject(text: Buffer): MemberFault {
  return fault('not-object', spaceEnd(text, 0, text.length), 'the text is not a JSON object');
}

function broken(text: Buffer, at: number): MemberFault {
  if (!isUtf8(text)) return fault('not-json', 0, 'the text is not UTF-8');
  if (at < text.length)
    return fault('not-json', at, `the text is not JSON: an unexpected character at byte ${at}`);
  const { length } = text;
  return fault('not-json', length, `the text is not JSON: it ends too early, after ${length} bytes`);
}

function fault(kind: MemberFault['fault'], offset: number, why: string): MemberFault {
  return { fault: kind, offset, why };
}

/** Of a name, by its first byte and its length; an empty one has its closing quote. */
function hashOf(first: number, length: number): number {
  return (first + 4 * length) % HASHES;
}

const HASHES = 64;
