import { isUtf8 } from 'node:buffer';

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
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CAPITAL_E = 0x45;
const SMALL_E = 0x65;
const SMALL_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LAST_ASCII = 0x7f;
/** From an opening bracket or brace to its closing one. */
const CLOSING = 2;

/** 1: ASCII that stands for itself inside a string. */
const PLAIN = new Uint8Array(256).fill(1, SPACE, LAST_ASCII + 1);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;
/** After a backslash; `u` is apart. */
const ESCAPED = table({ '"\\/bfnrt': 1 });
const IS_SPACE = table({ ' \n\r\t': 1 });
const DIGIT = table({ '0123456789': 1 });
const HEX = table({ '0123456789abcdefABCDEF': 1 });
const [TRUE, FALSE, NULL] = ['true', 'false', 'null'].map((word) => Buffer.from(word)) as [
  Buffer,
  Buffer,
  Buffer,
];

/**
 * So many plain bytes of a string are read one by one before words are worth while; only in a text of some length are
 * there so many that it is worth while to count them.
 */
const SHORT_RUN = 64;
const LONG_TEXT = 2048;
const EACH_TOP_BIT = 0x80808080;

/** Scratch for one scan at a time; deeper texts get a stack of their own. */
const SHALLOW_STACK = new Uint8Array(128);

function doubled(stack: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(stack.length * 2);
  larger.set(stack);
  return larger;
}

function table(classes: Readonly<Record<string, number>>): Uint8Array {
  const result = new Uint8Array(256);
  for (const [characters, value] of Object.entries(classes)) {
    for (const byte of Buffer.from(characters)) result[byte] = value;
  }
  return result;
}

// The functions below answer the offset behind what they read, or ~offset of the byte that does not belong.

function spaceEnd(text: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && IS_SPACE[text[at] as number] === 1) at += 1;
  return at;
}

function plainEnd(text: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && PLAIN[text[at] as number] === 1) at += 1;
  return at;
}

function aboveAsciiEnd(text: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && (text[at] as number) > LAST_ASCII) at += 1;
  return at;
}

/** @param from behind the backslash. */
function escapeEnd(text: Buffer, from: number): number {
  if (from >= text.length) return ~from;
  const escaped = text[from] as number;
  if (ESCAPED[escaped] === 1) return from + 1;
  if (escaped !== SMALL_U) return ~from;
  const last = from + 5;
  for (let at = from + 1; at < last; at += 1) {
    if (at >= text.length || HEX[text[at] as number] !== 1) return ~at;
  }
  return last;
}

/**
 * Skips plain bytes of a string eight at a time, as far as that goes. (Base64 of 64 KB: a quarter of the time.)
 */
function plainWordsEnd(text: Buffer, from: number): number {
  const view = new DataView(text.buffer, text.byteOffset, text.length);
  const end = text.length - 7;
  let at = from;
  while (at < end) {
    const special = specialBytes(view.getInt32(at, true)) | specialBytes(view.getInt32(at + 4, true));
    if ((special & EACH_TOP_BIT) !== 0) break;
    at += 8;
  }
  return at;
}

/** Has a top bit set if one of four bytes is a quote, a backslash or below 0x20 (`n - k & ~n`: a borrow shows it). */
function specialBytes(four: number): number {
  const quote = four ^ 0x22222222;
  const backslash = four ^ 0x5c5c5c5c;
  return (
    ((four - 0x20202020) & ~four) | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)
  );
}

function numberEnd(text: Buffer, from: number, end: number): number {
  let at = text[from] === MINUS ? from + 1 : from;
  let byte = byteAt(text, at, end);
  if (byte < ZERO || byte > NINE) return ~at;
  at += 1;
  if (byte !== ZERO) while (at < end && DIGIT[text[at] as number] === 1) at += 1;
  byte = byteAt(text, at, end);
  if (byte === DOT) {
    at = digitsEnd(text, at + 1, end);
    if (at < 0) return at;
    byte = byteAt(text, at, end);
  }
  if (byte !== SMALL_E && byte !== CAPITAL_E) return at;
  byte = byteAt(text, at + 1, end);
  return digitsEnd(text, byte === PLUS || byte === MINUS ? at + 2 : at + 1, end);
}

/** One digit at least. */
function digitsEnd(text: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && DIGIT[text[at] as number] === 1) at += 1;
  return at === from ? ~at : at;
}

function wordEnd(text: Buffer, from: number, end: number): number {
  const first = text[from];
  const word = first === NULL[0] ? NULL : first === TRUE[0] ? TRUE : FALSE;
  let at = from;
  for (let index = 0; index < word.length; index += 1, at += 1) {
    if (byteAt(text, at, end) !== word[index]) return ~at;
  }
  return at;
}

/** A byte of the text; behind its end one that belongs nowhere. */
function byteAt(text: Buffer, at: number, end: number): number {
  return at < end ? (text[at] as number) : 0;
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
