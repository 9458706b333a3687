import { isIssued, isIssuedOften, MAX_CARD_DIGITS, MIN_CARD_DIGITS } from './issuers.ts';
import { knownNumbers } from './literals.ts';
import { MASK } from './rules.ts';
import { FIRST_FOREIGN_DIGIT, quoteLevel, readSymbols, type Symbols } from './symbols.ts';

/** Characters `from` to `to` of a decoded text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What stands there instead. */
export interface Cut extends Span {
  readonly by: string;
}

/**
 * Hides card numbers in any text: digits with a prefix and a length that some card network issues, which pass the Luhn
 * check. They may be joined by spaces and dashes, in groups of any size; by anything else but letters, in groups as
 * people write them; or stand in a longer piece. More than 21 digits in one piece are hidden whatever they are, and so
 * is the number in track data, what follows it there, and the number in EMV's tag 5A. The last four digits stay
 * readable where nothing joins them.
 *
 * Limits: each group of digits is looked at together with at most 20 later ones, so the work is linear
 *
 * @param shown in order: what is not to be looked at
 */
export function maskDigits(source: string, shown: readonly Span[] = []): string {
  if (!hasDigits(source)) return source;
  const symbols = readSymbols(source);
  return replaceCuts(source, symbols, findDigits(symbols.text, shown));
}

/** The same in a decoded text. */
export function findDigits(text: string, shown: readonly Span[] = []): Cut[] {
  const cuts: Cut[] = [];
  let from = 0;
  for (let next = 0; ; ) {
    FIRST_DIGIT.lastIndex = from;
    const first = FIRST_DIGIT.exec(text)?.index;
    if (first === undefined) return cuts;
    while ((shown[next]?.to ?? first + 1) <= first) next++;
    const skipped = shown[next];
    if (skipped !== undefined && skipped.from <= first) from = skipped.to;
    else from = maskRun(text, readRun(text, first), cuts);
  }
}

/** The text of a card field: 12 or more digits are hidden, whatever they are. */
export function maskCardText(source: string): string {
  if (!hasDigits(source)) return source;
  const { text } = readSymbols(source);
  const digits = text.replace(/\D/g, '');
  if (digits.length < MIN_CARD_DIGITS) return source;
  return DIGITS_ONLY.test(text) ? STARS + digits.slice(-SHOWN_DIGITS) : MASK;
}

/** Cuts are in order and do not overlap. */
export function replaceCuts(source: string, symbols: Symbols, cuts: readonly Cut[]): string {
  let result = '';
  let copied = 0;
  for (const cut of cuts) {
    result += source.slice(copied, symbols.at(cut.from)) + cut.by;
    copied = symbols.at(cut.to);
  }
  return result + source.slice(copied);
}

/** Whether there may be as many digits as a card number has. */
export function hasDigits(text: string): boolean {
  let count = 0;
  for (let index = 0; index < text.length && count < MIN_CARD_DIGITS; index++) {
    const unit = text.charCodeAt(index);
    if ((unit >= 0x30 && unit <= 0x39) || unit >= FIRST_FOREIGN_DIGIT) count++;
  }
  return count >= MIN_CARD_DIGITS;
}

/** More in one piece is no identifier that anybody reads. */
const MAX_PIECE = 21;
const SHOWN_DIGITS = 4;
const STARS = '*'.repeat(12);

/** Spaces and dashes of every kind, but no line breaks. */
const JOINER =
  '[ \\t\\-\\u00a0\\u00ad\\u2000-\\u200d\\u2010-\\u2015\\u202f\\u205f\\u2060\\u2212\\u3000\\ufeff\\uff0d]';
const JOINERS = new RegExp(`${JOINER}+`, 'y');
/** What else may stand between groups: no letters, no stars, and nothing that separates the fields of a track. */
const SEPARATORS = new RegExp(
  [
    '[\\u0000-)+-/:-<>-@[-\\]_`{-\\u00bf\\u02b0-\\u036f\\u060c\\u061b\\u061c\\u066a-\\u066d\\u06d4\\u180e',
    '\\u2000-\\u2bff\\u3000-\\u303f\\ud800-\\uf8ff\\ufe00-\\ufe6f\\ufeff-\\uff0f\\uff1a-\\uff20\\uffe0-\\uffff]{1,12}',
  ].join(''),
  'y',
);
const DIGITS_ONLY = new RegExp(`^(?:\\d|${JOINER})*$`);
const FIRST_DIGIT = /\d/g;
const DIGITS = /\d+/y;
/** Track 2 as text (`=`) or as hex digits (`D`): expiry, service code, discretionary data. */
const TRACK_2 = new RegExp(`${JOINER}{0,8}[=Dd]${JOINER}{0,8}(?=\\d)`, 'y');
const TRACK_2_DATA = /[0-9A-Fa-f=]+(?: [0-9A-Fa-f]{2}(?![0-9A-Za-z]))*/y;
const TRACK_2_SURE = /[=Dd]\d{7}/y;
/** Track 1: name, expiry and the rest, up to its end sentinel. */
const TRACK_1_END = /[?<>\p{Cc}]/u;
const MAX_TRACK_1 = 128;
/** Seconds, or less, since 1970 in one piece, or a date and a time. */
const TIME =
  /^(?:1[5-9](?:\d{14}|\d{17})$|20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d)/;

/** A group of digits. */
interface Token extends Span {
  /** What stands before it: spaces and dashes behind another group, other separators, or no group. */
  readonly gap: 'tight' | 'loose' | 'none';
}

/** Groups with nothing but separators between them. */
type Run = readonly Token[];

/** The end of a sticky match at this place; the place itself if there is none. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function readRun(text: string, first: number): Run {
  const run: Token[] = [];
  let token: Token | undefined = { from: first, to: skip(DIGITS, text, first), gap: 'none' };
  for (; token !== undefined; token = nextToken(text, token.to)) run.push(token);
  return run;
}

function nextToken(text: string, at: number): Token | undefined {
  for (const [gap, pattern] of GAPS) {
    const from = skip(pattern, text, at);
    const to = from > at ? skip(DIGITS, text, from) : from;
    if (to > from) return { from, to, gap };
  }
  return undefined;
}

const GAPS = [
  ['tight', JOINERS],
  ['loose', SEPARATORS],
] as const;

/** Adds the cuts of one run and returns where the next one may begin. */
function maskRun(text: string, run: Run, cuts: Cut[]): number {
  const marks = new Marks(run.length);
  const last = run.at(-1);
  if (last === undefined) return text.length;
  if (run.length > 1 || last.to - last.from >= MIN_CARD_DIGITS) {
    markCards(text, run, marks);
    if (last.to - last.from >= MIN_CARD_DIGITS && isTrackData(text, last.to)) marks.hide(run.length - 1);
  }
  for (let index = 0; index < run.length; index++) {
    const first = run[index];
    if (first === undefined || !marks.isHidden(index)) continue;
    while (marks.isHidden(index + 1) && (marks.isJoined(index + 1) || run[index + 1]?.gap === 'tight'))
      index++;
    const { from } = first;
    const { to } = run[index] ?? first;
    const isShown = run[index + 1]?.gap !== 'tight' && !marks.isPart(index);
    cuts.push({ from, to, by: STARS + (isShown ? lastDigits(text, from, to) : '') });
  }
  return marks.isHidden(run.length - 1) ? maskTrackRest(text, last.to, cuts) : last.to;
}

/** What is found out about the groups of a run. */
class Marks {
  readonly #hidden: boolean[];
  /** Belongs to the same number as the group before it. */
  readonly #joined: boolean[];
  /** Holds more than a number's last digits. */
  readonly #parts = new Set<number>();
  #markedTo = 0;

  constructor(count: number) {
    this.#hidden = new Array(count).fill(false);
    this.#joined = new Array(count).fill(false);
  }

  hide(index: number): void {
    this.#hidden[index] = true;
  }

  /** The group ends with something else than a number. */
  hidePart(index: number): void {
    this.hide(index);
    this.#parts.add(index);
  }

  /** By growing `first`, so that each is marked once. */
  hideTogether(first: number, end: number): void {
    const from = Math.max(first, this.#markedTo);
    this.#hidden.fill(true, from, end);
    this.#joined.fill(true, Math.max(first + 1, from), end);
    this.#markedTo = Math.max(this.#markedTo, end);
  }

  isHidden(index: number): boolean {
    return this.#hidden[index] === true;
  }

  isJoined(index: number): boolean {
    return this.#joined[index] === true;
  }

  isPart(index: number): boolean {
    return this.#parts.has(index);
  }
}

/** Marks the groups that belong to some card number; neighbours that form one together are all marked. */
function markCards(text: string, run: Run, marks: Marks): void {
  const digits = new RunDigits(text, run);
  for (let first = 0; first < run.length; first++) {
    const length = digits.count(first, first + 1);
    if (length > MAX_PIECE) marks.hide(first);
    else if (length >= MIN_CARD_DIGITS && !digits.isCard(first, first + 1))
      markInside(text, run[first], first, digits, marks);
    let isLoose = false;
    for (let end = first + 1; end <= run.length; end++) {
      isLoose ||= end > first + 1 && run[end - 1]?.gap === 'loose';
      const count = digits.count(first, end);
      if (count > MAX_CARD_DIGITS) break;
      if (count < MIN_CARD_DIGITS || !digits.isCard(first, end)) continue;
      if (isLoose && !isWrittenSo(text, run, first, end)) continue;
      if (end === first + 1 && isOther(text, run[first])) continue;
      marks.hideTogether(first, end);
    }
  }
  for (const number of knownNumbers()) digits.markAll(number, marks);
}

/** In one piece: behind a tag of EMV, or with other digits before or behind. */
function markInside(
  text: string,
  token: Span | undefined,
  index: number,
  digits: RunDigits,
  marks: Marks,
): void {
  if (token === undefined || isOther(text, token)) return;
  if (isTagged(text, token) || digits.hasLengthBefore(index)) marks.hide(index);
  if (TIME.test(text.slice(token.from, token.to))) return;
  const place = digits.inside(index);
  if (place === 'end') marks.hide(index);
  else if (place === 'elsewhere') marks.hidePart(index);
}

/** `5A08` and a number of 16 digits, in hex. */
function isTagged(text: string, { from, to }: Span): boolean {
  const tag = text.slice(Math.max(0, from - 4), from + 2).toUpperCase();
  const length = /5A0([6-9])$/.exec(tag)?.[1];
  if (length !== undefined) return to - from - 2 >= 2 * Number(length) - 1;
  return tag.slice(0, -2).endsWith('5A0A');
}

/** A phone number behind `+`, or what passes the check of an EAN-13, as one in ten card numbers of 13 digits would. */
function isOther(text: string, token: Span | undefined): boolean {
  if (token === undefined || token.to - token.from > EAN_DIGITS) return false;
  if (text[token.from - 1] === '+') return true;
  if (token.to - token.from < EAN_DIGITS) return false;
  let sum = 0;
  for (let index = 0; index < EAN_DIGITS; index++)
    sum += (text.charCodeAt(token.from + index) - 0x30) * (index % 2 === 0 ? 1 : 3);
  return sum % 10 === 0;
}

const EAN_DIGITS = 13;

/**
 * Whether people and programs write card numbers in such groups: all alike but for a shorter last one, or 4-6-5. Lists
 * of other numbers look the same, so they must begin or end the list; groups of three or less, with the same between
 * them, must be all of it.
 */
function isWrittenSo(text: string, run: Run, first: number, end: number): boolean {
  const sizes = run.slice(first, end).map(({ from, to }) => to - from);
  const [size = 0] = sizes;
  const isEven = sizes.every(
    (other, index) => other === size || (index === sizes.length - 1 && other < size),
  );
  if (first > 0 && end < run.length) return false;
  if (!isEven) return OTHER_GROUPS.test(sizes.join('-'));
  if (size > 3) return true;
  const gaps = run.slice(first + 1, end).map(({ from }, index) => text.slice(run[first + index]?.to, from));
  return first === 0 && end === run.length && new Set(gaps).size === 1;
}

const OTHER_GROUPS = /^4-6-[45]$/;

/** Digits, then what only track data has behind them: no check digit is asked for. */
function isTrackData(text: string, at: number): boolean {
  return text[at] === '^' || skip(TRACK_2_SURE, text, at) > at;
}

/** Hides the data behind a card number and returns where it ends. */
function maskTrackRest(text: string, at: number, cuts: Cut[]): number {
  let from = skip(TRACK_2, text, at);
  let to = skip(TRACK_2_DATA, text, from);
  if (from === at) {
    if (text[at] !== '^') return at;
    from = at + 1;
    to = endOfTrack1(text, from);
  }
  if (to > from) cuts.push({ from, to, by: MASK });
  return to;
}

function endOfTrack1(text: string, from: number): number {
  const limit = Math.min(text.length, from + MAX_TRACK_1);
  let to = from;
  while (to < limit && quoteLevel(text[to]) === undefined && !TRACK_1_END.test(text.charAt(to))) to++;
  return to;
}

function lastDigits(text: string, from: number, to: number): string {
  return text
    .slice(Math.max(from, to - 2 * MAX_PIECE), to)
    .replace(/\D/g, '')
    .slice(-SHOWN_DIGITS);
}

/**
 * The digits of a run, with the Luhn sums of everything before each, once with the digits at even and once with those
 * at odd places doubled, so that any part is checked by one subtraction.
 */
class RunDigits {
  readonly #digits: string;
  /** Where each group begins, and the end. */
  readonly #starts: number[] = [0];
  readonly #evenDoubled: Uint8Array;
  readonly #oddDoubled: Uint8Array;

  constructor(text: string, run: Run) {
    this.#digits = run.map(({ from, to }) => text.slice(from, to)).join('');
    for (const { from, to } of run) this.#starts.push((this.#starts.at(-1) ?? 0) + to - from);
    const count = this.#digits.length;
    this.#evenDoubled = new Uint8Array(count + 1);
    this.#oddDoubled = new Uint8Array(count + 1);
    let even = 0;
    let odd = 0;
    for (let at = 0; at < count; at++) {
      const digit = this.#digits.charCodeAt(at) - 0x30;
      const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
      even = (even + (at % 2 === 0 ? doubled : digit)) % 10;
      odd = (odd + (at % 2 === 0 ? digit : doubled)) % 10;
      this.#evenDoubled[at + 1] = even;
      this.#oddDoubled[at + 1] = odd;
    }
  }

  /** Digits in the groups from `first` up to, not including, `end`. */
  count(first: number, end: number): number {
    return this.#start(end) - this.#start(first);
  }

  /** Whether these groups together are a card number. */
  isCard(first: number, end: number): boolean {
    return this.#isCardAt(this.#start(first), this.#start(end));
  }

  /**
   * Where in a group there is a card number with other digits before or behind it: of any network among zeros, of the
   * big ones among other digits.
   */
  inside(index: number): 'end' | 'elsewhere' | undefined {
    const start = this.#start(index);
    const end = this.#start(index + 1);
    let firstOther = start;
    while (this.#digits[firstOther] === '0') firstOther++;
    let endOfOthers = end;
    while (this.#digits[endOfOthers - 1] === '0') endOfOthers--;
    let found: 'elsewhere' | undefined;
    for (let length = Math.min(MAX_CARD_DIGITS, end - start - 1); length >= MIN_CARD_DIGITS; length--) {
      for (let at = end - length; at >= start; at--) {
        const isAmongZeros = at <= firstOther && at + length >= endOfOthers;
        if (!this.#isCardAt(at, at + length, isAmongZeros ? isIssued : isIssuedOften)) continue;
        if (at + length === end) return 'end';
        found = 'elsewhere';
      }
    }
    return found;
  }

  /** Whether a group is a card number with its length in two digits before it. */
  hasLengthBefore(index: number): boolean {
    const start = this.#start(index);
    const from = start + 2;
    const to = this.#start(index + 1);
    return Number(this.#digits.slice(start, from)) === to - from && this.#isCardAt(from, to);
  }

  /** Marks the groups that this number is in. */
  markAll(number: string, marks: Marks): void {
    let index = 0;
    for (let at = this.#digits.indexOf(number); at !== -1; at = this.#digits.indexOf(number, at + 1)) {
      while (this.#start(index + 1) <= at) index++;
      let end = index;
      while (this.#start(end) < at + number.length) end++;
      const isAlone = this.#start(index) === at && this.#start(end) === at + number.length;
      marks.hideTogether(index, end);
      if (!isAlone) marks.hidePart(end - 1);
    }
  }

  #start(index: number): number {
    return this.#starts[index] ?? this.#digits.length;
  }

  #isCardAt(from: number, to: number, isOf = isIssued): boolean {
    // The last digit is never doubled, so the doubled places are those like the place behind it.
    const sums = to % 2 === 0 ? this.#evenDoubled : this.#oddDoubled;
    return sums[from] === sums[to] && isOf(Number(this.#digits.slice(from, from + 6)), to - from);
  }
}
