import { hasDigits, maskCardText, maskDigits, replaceCuts } from './digits.ts';
import { isNeverStored, MASK, type MaskRule, maskRuleOf } from './rules.ts';
import type { Cut, Span } from './run.ts';
import { quoteLevel, readSymbols } from './symbols.ts';

/**
 * Masks running text: log lines, error texts, URLs, JSON that is quoted, embedded, escaped or cut off.
 *
 * Names are found by what stands before `:`, `=` or `=>`, quoted or not, never by pairing quotes: a text that
 * begins or ends inside a string is read like any other. Where it is not clear how far a secret goes, more is
 * hidden rather than less.
 *
 * Limits: a name is looked for in the 128 characters before its sign, everything else is read once.
 */
export function maskLooseText(source: string): string {
  return maskElements(maskNamed(hasDigits(source) ? maskDigits(source, shownSpans(source)) : source));
}

/**
 * Whether the value of a field that is to be shown is what such fields hold: one word, without names or track data in
 * it.
 */
export function isIdentifier(value: string): boolean {
  if (!IDENTIFIER.test(value) || TRACK_2.test(value)) return false;
  return !value.includes(':') || maskNamed(value) === value;
}

const IDENTIFIER = /^[\w.:/#+-]{1,256}$/;
const TRACK_2 = /\d{12}d\d{7}/i;

/**
 * Identifiers, amounts and times behind their names, a sale as our texts name it (`receipt 17/1`, `1a2b3c4d (17/1)`),
 * and UUIDs: one in 1500 has digits like a card's.
 */
function shownSpans(source: string): Span[] {
  const { text } = readSymbols(source);
  const spans = [...text.matchAll(UUID_OR_SALE)].map(
    ({ index, 0: id }): Span => ({ from: index, to: index + id.length }),
  );
  let settled = 0;
  for (const { index, 0: sign } of text.matchAll(SIGNS)) {
    if (index < settled || isSpace(text[index])) continue;
    const name = nameBefore(text, index, settled);
    // `id` alone may be part of a card field that is cut off.
    if (name?.rule !== 'shown' || name.text.length < MIN_SHOWN_NAME) continue;
    const value = valueAfter(text, index + sign.length, name);
    if (value.to - value.from > MAX_SHOWN || !isIdentifier(text.slice(value.from, value.to))) continue;
    spans.push(value);
    settled = value.to;
  }
  return spans.sort((a, b) => a.from - b.from);
}

const SALE_ID = '[\\w.:#+-]{1,128}';
const UUID_OR_SALE = new RegExp(
  [
    '(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[1-8][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])',
    // Not a card number in groups behind the word.
    `(?<![0-9A-Za-z])(?:receipt |[0-9a-f]{8} \\()${SALE_ID}(?:/${SALE_ID})?(?![\\s,/]{0,4}\\d)`,
  ].join('|'),
  'g',
);

const MIN_SHOWN_NAME = 5;
const MAX_SHOWN = 256;

function maskNamed(source: string): string {
  const symbols = readSymbols(source);
  const { text } = symbols;
  const cuts: Cut[] = [];
  let settled = 0;
  for (const { index, 0: sign } of text.matchAll(SIGNS)) {
    if (index < settled) continue;
    const cut = cutAfter(text, index, index + sign.length, settled);
    if (cut === undefined) continue;
    if (cut.by !== text.slice(cut.from, cut.to)) cuts.push(cut);
    settled = cut.to;
  }
  return replaceCuts(source, symbols, cuts);
}

/** `<pin>1234</pin>`: what an element of XML holds, by its name. */
function maskElements(source: string): string {
  if (!source.includes('<')) return source;
  const symbols = readSymbols(source);
  const cuts: Cut[] = [];
  for (const { index, 0: element, 1: name = '', 2: held = '' } of symbols.text.matchAll(ELEMENT)) {
    const rule = maskRuleOf(name);
    const by = rule === 'secret' || rule === 'line' ? MASK : rule === 'card' ? maskCardText(held) : held;
    const to = index + element.length;
    if (by !== held) cuts.push({ from: to - held.length, to, by });
  }
  return replaceCuts(source, symbols, cuts);
}

const ELEMENT = /<(?:[\w.-]{1,64}:)?([\p{L}\w.-]{1,64})(?:\s[^<>]{0,256})?>([^<]*[^<\s][^<]*)/gu;

/** What separates a name from its value. Spaces do too, but only a card's name from its number: `PAN 4111…`. */
const SIGNS = /[:=\uff1a\uff1d]+>?|(?<=[A-Za-z])[ \t]{1,16}#?(?=\d)/g;
const MAX_NAME = 128;
const MAX_USER_INFO = 2048;

function cutAfter(text: string, sign: number, end: number, settled: number): Cut | undefined {
  if (text.startsWith('://', sign)) return userInfo(text, sign + 3);
  const name = nameBefore(text, sign, settled);
  if (name === undefined || name.rule === 'plain' || name.rule === 'shown') return undefined;
  if (name.rule !== 'card' && isSpace(text[sign])) return codeAfter(text, end, name);
  const value = valueAfter(text, end, name);
  if (name.rule !== 'card') return value.from === value.to ? undefined : { ...value, by: MASK };
  // A card field that holds no number may hold other names.
  const held = text.slice(value.from, value.to);
  const by = maskCardText(held);
  return by === held ? undefined : { ...value, by };
}

/** `PIN 1234`, as printers print it. */
function codeAfter(text: string, end: number, name: Name): Cut | undefined {
  if (!isNeverStored(name.text)) return undefined;
  const to = endOfMatch(CODE, text, end);
  return to === end ? undefined : { from: end, to, by: MASK };
}

const CODE = /\d{3,12}(?![\dA-Za-z])/y;

interface Name {
  readonly text: string;
  readonly rule: MaskRule;
  /** The quote behind it, if any. */
  readonly quote: string | undefined;
}

function nameBefore(text: string, sign: number, settled: number): Name | undefined {
  let end = sign;
  while (end > settled && isSpace(text[end - 1])) end--;
  if (text[end - 1] === ']' && end > settled) end--;
  const quote = text[end - 1];
  const least = Math.max(settled, end - MAX_NAME);
  if (end > settled && isQuote(quote)) {
    let from = end - 1;
    while (from > least && !closes(text[from - 1], quote)) from--;
    const name = text.slice(from, end - 1);
    return { text: name, rule: maskRuleOf(name), quote };
  }
  return nameOfWords(text, least, end);
}

/** The last word, the last two, the last three: `site access key: …`. */
function nameOfWords(text: string, least: number, end: number): Name | undefined {
  let from = end;
  let shown: Name | undefined;
  for (let words = 1; words <= MAX_WORDS; words++) {
    const last = from;
    while (from > least && isWord(text.charCodeAt(from - 1))) from--;
    if (from === last) break;
    const name = text.slice(from, end);
    const rule = LETTER.test(name) ? maskRuleOf(name) : 'plain';
    if (rule === 'shown') shown ??= { text: name, rule, quote: undefined };
    else if (rule !== 'plain') return { text: name, rule, quote: undefined };
    if (from === least || text[from - 1] !== ' ') break;
    from--;
  }
  return shown;
}

const MAX_WORDS = 3;
const LETTER = /[A-Za-z\u00c0-\uffff]/;

/** Letters, digits, `_`, `-` and `$`; of other scripts, everything but punctuation. */
function isWord(unit: number): boolean {
  if (unit < 128) return WORD_UNITS[unit] === true;
  if (unit < 0xc0 || unit >= 0xe000) return false;
  return unit < 0x2000 || unit > 0x303f;
}

const WORD_UNITS: readonly boolean[] = Array.from({ length: 128 }, (_, unit) =>
  /[\w$-]/.test(String.fromCharCode(unit)),
);

function valueAfter(text: string, end: number, name: Name): Span {
  let from = end;
  while (isSpace(text[from])) from++;
  if (name.rule === 'card' && text[from] === '[') from++;
  const first = text[from];
  if (isQuote(first)) {
    const isOuter = name.quote !== undefined && closes(first, name.quote) && first !== name.quote;
    return isOuter ? { from, to: from } : { from: from + 1, to: endOfString(text, from + 1, first) };
  }
  if (name.rule === 'card') return { from, to: endOfMatch(CARD_VALUE, text, from) };
  if (first === '{' || first === '[') return { from, to: endOfBlock(text, from) };
  return { from, to: endOfBare(text, from, name) };
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && SPACES.includes(character);
}

const SPACES = ' \t\n\r\f\v';

/** A double quote at any level, or an apostrophe. */
function isQuote(character: string | undefined): character is string {
  return character === "'" || quoteLevel(character) !== undefined;
}

/** Whether a character ends the string that began with `opening`. */
function closes(character: string | undefined, opening: string): boolean {
  if (opening === "'") return character === "'" || character === '\n' || character === '\r';
  const level = quoteLevel(character);
  return level !== undefined && level <= (quoteLevel(opening) ?? 0);
}

/** The end of what a string holds; the end of the text if it is cut off. */
function endOfString(text: string, from: number, opening: string): number {
  let to = from;
  while (to < text.length && !closes(text[to], opening)) to++;
  return to;
}

/** Behind the bracket that ends an object or array; the end of the text if there is none. */
function endOfBlock(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (quoteLevel(character) !== undefined) at = endOfString(text, at + 1, character);
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
  }
  return text.length;
}

/** A value without quotes ends at a space, a quote that closes something, or punctuation that ends a clause. */
function endOfBare(text: string, from: number, name: Name): number {
  const stop = name.rule === 'line' ? LINE_END : name.quote === undefined ? WORD_END : LITERAL_END;
  let to = from;
  while (to < text.length && !stop.includes(text.charAt(to)) && !isClosingQuote(text, to)) to++;
  if (name.quote !== undefined || name.rule === 'line') return to;
  while (to > from && CLAUSE_END.includes(text.charAt(to - 1))) to--;
  return to;
}

const LINE_END = '\n\r';
const WORD_END = `${SPACES}&`;
const LITERAL_END = `${SPACES},}]`;
const CLAUSE_END = ',;.)}]>';

function isClosingQuote(text: string, at: number): boolean {
  if (quoteLevel(text[at]) === undefined) return false;
  const next = text.charAt(at + 1);
  return next === '' || `${SPACES},;:}])`.includes(next) || quoteLevel(next) !== undefined;
}

/** Digits with spaces and dashes between them, or any other word. */
const CARD_VALUE = /\d(?:[ \t-]{0,8}\d){0,64}|[^\s,;&"'}\]]{0,128}/y;

function endOfMatch(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}

/** `user:password@` behind the `//` of a URL, also where the password holds a `/`. */
function userInfo(text: string, from: number): Cut | undefined {
  const limit = Math.min(text.length, from + MAX_USER_INFO);
  if (!text.slice(from, limit).includes('@')) return undefined;
  const authority = text.slice(from, endOfWord(text, from, limit, '/?#'));
  const mayBePort = /(?:^[^:]*|:\d*|\])$/.test(authority);
  const isWhole = authority.includes('@') || mayBePort;
  const end = (isWhole ? authority : text.slice(from, endOfWord(text, from, limit, ''))).lastIndexOf('@');
  return end <= 0 ? undefined : { from, to: from + end, by: MASK };
}

function endOfWord(text: string, from: number, limit: number, stop: string): number {
  let to = from;
  while (to < limit && !isSpace(text[to]) && !isQuote(text[to]) && !stop.includes(text.charAt(to))) to++;
  return to;
}
