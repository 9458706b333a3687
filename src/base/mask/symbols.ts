/**
 * A text as it reads once its escapes are decoded, one character for each piece of the source, so that what is
 * found in `text` can be replaced in the source.
 *
 * `\u0034` is one character, however many backslashes stand before it; `\n` is a line break. A quote that is
 * itself escaped, as in JSON inside a JSON string, is one character too (see `quoteLevel`). Of `%XX`, digits and what
 * may stand between them are decoded. Digits of every script are ASCII digits.
 */
export interface Symbols {
  readonly text: string;
  /** Where in the source the character at `index` begins; `text.length` gives the end of the source. */
  at(index: number): number;
}

export function readSymbols(source: string): Symbols {
  if (!ESCAPED.test(source)) return { text: source, at: (index) => index };
  const starts: number[] = [];
  let text = '';
  let index = 0;
  while (index < source.length) {
    const symbol = readSymbol(source, index);
    text += String.fromCharCode(symbol.unit);
    starts.push(index);
    index = symbol.end;
  }
  return { text, at: (at) => starts[at] ?? source.length };
}

/**
 * How often a double quote is escaped: 0 for `"`, 1 for `\"` and `\u0022`, 2 for `\\\"`; undefined for other
 * characters. A string that begins at one level ends at the first quote of that level or a lower one.
 */
export function quoteLevel(character: string | undefined): number | undefined {
  if (character === '"') return 0;
  const level = (character?.charCodeAt(0) ?? 0) - ESCAPED_QUOTE;
  return level >= 1 && level <= MAX_LEVEL ? level : undefined;
}

const MAX_LEVEL = 32;
/** Escaped quotes become private-use characters; such characters in the source stand for nothing. */
const ESCAPED_QUOTE = 0xe000;
const REPLACEMENT = 0xfffd;
const ESCAPED = /[\\%\u00b2-\u00b9\u0660-\u2fff\ua000-\uabff\ud800-\udfff\ue000-\ue0ff\uff10-\uff19]/;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DIGIT_SPACE = 0x2007;
const DIGIT_DASH = 0x2010;
const SHORT_ESCAPES: Readonly<Record<string, number>> = { b: 8, f: 12, n: 10, r: 13, t: 9, '/': 0x2f };

interface Symbol {
  readonly unit: number;
  readonly end: number;
}

function readSymbol(source: string, start: number): Symbol {
  const unit = source.charCodeAt(start);
  if (unit === 0x25) return readPercent(source, start);
  if (unit === BACKSLASH) return readEscape(source, start);
  if (unit >= FIRST_FOREIGN_DIGIT) {
    const point = source.codePointAt(start) ?? unit;
    const digit = asciiDigit(point);
    if (digit !== undefined) return { unit: digit, end: start + (point > 0xffff ? 2 : 1) };
  }
  const isPrivate = unit >= ESCAPED_QUOTE && unit <= ESCAPED_QUOTE + 0xff;
  return { unit: isPrivate ? REPLACEMENT : unit, end: start + 1 };
}

/** The ASCII digit that a digit of another script, of another width, superscript or circled stands for. */
function asciiDigit(point: number): number | undefined {
  const known = foreignDigits.get(point);
  if (known !== undefined) return known === NO_DIGIT ? undefined : known;
  const digit = readForeignDigit(point);
  if (foreignDigits.size < MAX_FOREIGN) foreignDigits.set(point, digit ?? NO_DIGIT);
  return digit;
}

/** Characters that came before. */
const foreignDigits = new Map<number, number>();
const MAX_FOREIGN = 10_000;
const NO_DIGIT = 0;

function readForeignDigit(point: number): number | undefined {
  const character = String.fromCodePoint(point);
  if (!/\p{N}/u.test(character)) return undefined;
  const compatible = character.normalize('NFKC');
  if (/^\d$/.test(compatible)) return compatible.charCodeAt(0);
  if (!/\p{Nd}/u.test(character)) return undefined;
  // Each script has its ten digits in a row, from a code point that ends in 0 or 6.
  let zero = point;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && point - zero < 9) zero--;
  return 0x30 + point - zero;
}

/** Superscript two; whatever comes before is ASCII or no digit. */
export const FIRST_FOREIGN_DIGIT = 0xb2;

function readPercent(source: string, start: number): Symbol {
  const hex = source.slice(start + 1, start + 3);
  const code = /^[0-9a-f]{2}$/i.test(hex) ? Number.parseInt(hex, 16) : 0;
  const unit = PERCENT.get(code) ?? (code >= 0x30 && code <= 0x39 ? code : undefined);
  return unit === undefined ? { unit: 0x25, end: start + 1 } : { unit, end: start + 3 };
}

/** No word ends at an encoded space or line break. */
const PERCENT: ReadonlyMap<number, number> = new Map([
  ...[0x09, 0x0a, 0x0d, 0x20].map((code) => [code, DIGIT_SPACE] as const),
  [0x2d, DIGIT_DASH],
  ...[...'./_,:=^'].map((character) => [character.charCodeAt(0), character.charCodeAt(0)] as const),
]);

/** Backslashes, some perhaps written `\u005c`, and what they escape. */
function readEscape(source: string, start: number): Symbol {
  let count = 0;
  let end = start;
  let hex: number | undefined;
  do {
    const from = end;
    while (source.charCodeAt(end) === BACKSLASH) end++;
    count += end - from;
    hex = end > from ? hexEscape(source, end) : undefined;
    if (hex === BACKSLASH) {
      count = afterHexBackslash(count);
      end += 5;
    }
  } while (hex === BACKSLASH);
  if (hex === QUOTE) return { unit: quoteUnit(count, true), end: end + 5 };
  if (hex !== undefined)
    return { unit: hex < FIRST_FOREIGN_DIGIT ? hex : (asciiDigit(hex) ?? hex), end: end + 5 };
  if (source.charCodeAt(end) === QUOTE) return { unit: quoteUnit(count, false), end: end + 1 };
  const short = SHORT_ESCAPES[source.charAt(end)];
  return short === undefined ? { unit: BACKSLASH, end } : { unit: short, end: end + 1 };
}

/** The character that `uXXXX` at this place stands for, after a backslash. */
function hexEscape(source: string, at: number): number | undefined {
  if (source.charCodeAt(at) !== 0x75) return undefined;
  const digits = source.slice(at + 1, at + 5);
  return /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/** How many plain backslashes say the same as `count` of them in front of `u005c`. */
function afterHexBackslash(count: number): number {
  let rest = count;
  let factor = 1;
  while (rest % 2 === 0 && rest > 0) {
    rest /= 2;
    factor *= 2;
  }
  return (rest + 1) * factor;
}

/** Decodes in thought until the quote is a quote. */
function quoteUnit(backslashes: number, isHex: boolean): number {
  let rest = backslashes;
  let hex = isHex;
  let level = 0;
  while (level < MAX_LEVEL && (hex || rest % 2 === 1)) {
    if (rest % 2 === 1) hex = false;
    rest = Math.floor(rest / 2);
    level++;
  }
  return level === 0 ? QUOTE : ESCAPED_QUOTE + level;
}
