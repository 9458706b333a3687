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
export interface ScanFault {
  readonly ok: false;
  readonly fault: 'not-json' | 'not-object' | 'duplicate';
  readonly offset: number;
  readonly why: string;
  readonly values: readonly (Buffer | undefined)[];
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
  if (!isUtf8(text)) return fault('not-json', 0, 'the text is not UTF-8');
  const end = text.length;
  const values: (Buffer | undefined)[] = names.map(nothing);
  const repeated: number[] = [];
  let others: Set<string> | undefined;
  let duplicateAt = -1;

  let stack = SHALLOW_STACK;
  let level = 0;
  let depth = 0;
  let slot = -1;
  let valueAt = 0;
  let at = spaceEnd(text, 0);
  const rootAt = at;

  for (;;) {
    // A value begins here.
    if (at >= end) return endsEarly(end);
    const first = text[at] as number;
    let isOpened = false;
    switch (BEGINS[first]) {
      case STRING:
        at = stringEnd(text, at + 1);
        break;
      case NUMBER:
        at = numberEnd(text, at);
        break;
      case WORD:
        at = wordEnd(text, at);
        break;
      case CONTAINER:
        if (level === stack.length) stack = doubled(stack);
        stack[level] = first;
        level += 1;
        if (level > depth) depth = level;
        at = spaceEnd(text, at + 1);
        if (at < end && text[at] === first + CLOSING) {
          level -= 1;
          at += 1;
        } else {
          isOpened = true;
        }
        break;
      default:
        at = ~at;
    }
    if (at < 0) return broken(text, ~at);

    // Behind a value: containers close until one goes on with a comma.
    while (!isOpened) {
      if (level === 1 && slot >= 0) {
        values[slot] = text.subarray(valueAt, at);
        slot = -1;
      }
      at = spaceEnd(text, at);
      if (level === 0) {
        if (at < end) return broken(text, at);
        if (text[rootAt] !== OPEN_BRACE) return fault('not-object', rootAt, 'the text is not a JSON object');
        if (duplicateAt < 0) return { ok: true, values, depth };
        for (const index of repeated) values[index] = undefined;
        return fault('duplicate', duplicateAt, 'a member is given twice', values);
      }
      if (at >= end) return endsEarly(end);
      const next = text[at] as number;
      if (next === COMMA) {
        at = spaceEnd(text, at + 1);
        break;
      }
      if (next !== (stack[level - 1] as number) + CLOSING) return broken(text, at);
      level -= 1;
      at += 1;
    }

    if (stack[level - 1] !== OPEN_BRACE) continue;
    const keyAt = at + 1;
    if (at >= end || text[at] !== QUOTE) return broken(text, at);
    at = stringEnd(text, keyAt);
    if (at < 0) return broken(text, ~at);
    if (level === 1) {
      slot = indexOfName(text, keyAt, at - 1, names);
      if (slot < 0) {
        const key = decodeString(text.toString('utf8', keyAt - 1, at));
        slot = names.indexOf(key);
        if (slot < 0) {
          others ??= new Set();
          if (duplicateAt < 0 && others.has(key)) duplicateAt = keyAt - 1;
          others.add(key);
        }
      }
      if (slot >= 0 && values[slot] !== undefined) {
        if (duplicateAt < 0) duplicateAt = keyAt - 1;
        repeated.push(slot);
      }
    }
    at = spaceEnd(text, at);
    if (at >= end || text[at] !== COLON) return broken(text, at);
    at = spaceEnd(text, at + 1);
    if (level === 1) valueAt = at;
  }
}

/** The value of a valid JSON string literal. */
export function decodeString(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

/** Which kind of value a trimmed, valid JSON text holds. */
export function kindOf(text: Buffer): 'object' | 'array' | 'string' | 'number' | 'word' {
  const first = text[0];
  if (first === OPEN_BRACE) return 'object';
  if (first === OPEN_BRACKET) return 'array';
  if (first === QUOTE) return 'string';
  return first !== undefined && BEGINS[first] === NUMBER ? 'number' : 'word';
}

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
const SMALL_U = 0x75;
const OPEN_BRACE = 0x7b;
/** From an opening bracket or brace to its closing one. */
const CLOSING = 2;

const STRING = 1;
const NUMBER = 2;
const WORD = 3;
const CONTAINER = 4;

/** What a value is, by its first byte; 0 begins none. */
const BEGINS = table({ '"': STRING, '-0123456789': NUMBER, tfn: WORD, '{[': CONTAINER });
/** 1: stands for itself inside a string. */
const PLAIN = new Uint8Array(256).fill(1, 0x20);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;
/** After a backslash; `u` is apart. */
const ESCAPED = table({ '"\\/bfnrt': 1 });
const HEX = table({ '0123456789abcdefABCDEF': 1 });
const WORDS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

/** So many plain bytes of a string are read one by one before words are worth while. */
const SHORT_RUN = 64;
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

function nothing(): undefined {
  return undefined;
}

// The functions below answer the offset behind what they read, or ~offset of the byte that does not belong.

function spaceEnd(text: Buffer, from: number): number {
  let at = from;
  while (at < text.length) {
    const byte = text[at] as number;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    at += 1;
  }
  return at;
}

/** @param from behind the opening quote. */
function stringEnd(text: Buffer, from: number): number {
  const end = text.length;
  let at = from;
  for (;;) {
    const shortEnd = Math.min(end, at + SHORT_RUN);
    while (at < shortEnd && PLAIN[text[at] as number] === 1) at += 1;
    if (at >= end) return ~end;
    if (at === shortEnd) {
      at = plainWordsEnd(text, at);
      continue;
    }
    const byte = text[at] as number;
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) return ~at;
    at = escapeEnd(text, at + 1);
    if (at < 0) return at;
  }
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

function numberEnd(text: Buffer, from: number): number {
  let at = text[from] === MINUS ? from + 1 : from;
  if (text[at] === ZERO) at += 1;
  else at = digitsEnd(text, at);
  if (at >= 0 && at < text.length && text[at] === DOT) at = digitsEnd(text, at + 1);
  if (at >= 0 && at < text.length && ((text[at] as number) | 0x20) === 0x65) {
    at += 1;
    if (at < text.length && (text[at] === PLUS || text[at] === MINUS)) at += 1;
    at = digitsEnd(text, at);
  }
  return at;
}

/** One digit at least. */
function digitsEnd(text: Buffer, from: number): number {
  let at = from;
  while (at < text.length) {
    const byte = text[at] as number;
    if (byte < ZERO || byte > NINE) break;
    at += 1;
  }
  return at === from ? ~at : at;
}

function wordEnd(text: Buffer, from: number): number {
  for (const word of WORDS) {
    if (word[0] !== text[from]) continue;
    for (let index = 1; index < word.length; index += 1) {
      if (text[from + index] !== word[index]) return ~Math.min(from + index, text.length);
    }
    return from + word.length;
  }
  return ~from;
}

/** Compares the raw bytes of a key: a name that is written with escapes is not found. */
function indexOfName(text: Buffer, from: number, to: number, names: readonly string[]): number {
  const length = to - from;
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] as string;
    if (name.length !== length) continue;
    let equal = 0;
    while (equal < length && text[from + equal] === name.charCodeAt(equal)) equal += 1;
    if (equal === length) return index;
  }
  return -1;
}

function broken(text: Buffer, at: number): ScanFault {
  if (at >= text.length) return endsEarly(text.length);
  return fault('not-json', at, `the text is not JSON: an unexpected character at byte ${at}`);
}

function endsEarly(length: number): ScanFault {
  return fault('not-json', length, `the text is not JSON: it ends too early, after ${length} bytes`);
}

function fault(
  kind: ScanFault['fault'],
  offset: number,
  why: string,
  values: ScanFault['values'] = [],
): ScanFault {
  return { ok: false, fault: kind, offset, why, values };
}
