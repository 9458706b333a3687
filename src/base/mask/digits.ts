import { quoteLevel, readSymbols, type Symbols } from './symbols.ts';

/**
 * Hides card numbers in any text: 12 to 21 digits that pass the Luhn check, spaces or dashes allowed between;
 * more than 21 digits in one piece; the number in track data, and what follows it there. The last four digits
 * stay readable where nothing joins them.
 *
 * Limits: each group of digits is looked at together with at most 20 later ones, so the work is linear.
 */
export function maskDigits(source: string): string {
  if (!hasDigits(source, MIN_DIGITS)) return source;
  const symbols = readSymbols(source);
  const cuts: Cut[] = [];
  let from = 0;
  for (let run = nextRun(symbols.text, from); run !== undefined; run = nextRun(symbols.text, from)) {
    from = maskRun(symbols.text, run, cuts);
  }
  return replaceCuts(source, symbols, cuts);
}

/** The text of a card field: 12 or more digits are hidden, whatever they are. */
export function maskCardText(text: string): string {
  if (!hasDigits(text, MIN_DIGITS)) return text;
  return DIGITS_ONLY.test(text) ? STARS + text.replace(/\D/g, '').slice(-SHOWN_DIGITS) : MASK;
}

export const MASK = '***';

/** Characters `from` to `to` of a decoded text, and what stands there instead. */
export interface Cut {
  readonly from: number;
  readonly to: number;
  readonly by: string;
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

const MIN_DIGITS = 12;
const MAX_DIGITS = 21;
const SHOWN_DIGITS = 4;
const STARS = '*'.repeat(12);

/** Spaces and dashes of every kind, but no line breaks. */
const JOINER =
  '[ \\t\\-\\u00a0\\u00ad\\u2000-\\u200d\\u2010-\\u2015\\u202f\\u205f\\u2060\\u2212\\u3000\\ufeff\\uff0d]';
const JOINERS = new RegExp(`${JOINER}+`, 'y');
const DIGITS_ONLY = new RegExp(`^(?:\\d|${JOINER})*$`);
const FIRST_DIGIT = /\d/g;
const DIGITS = /\d+/y;
/** Track 2 as text (`=`) or as hex digits (`D`): expiry, service code, discretionary data. */
const TRACK_2 = new RegExp(`${JOINER}{0,8}[=Dd]${JOINER}{0,8}(?=\\d)`, 'y');
const TRACK_2_DATA = /[0-9A-Fa-f=]+/y;
const TRACK_2_SURE = /[=Dd]\d{7}/y;
/** Track 1: name, expiry and the rest, up to its end sentinel. */
const TRACK_1_END = /[?<>\p{Cc}]/u;
const MAX_TRACK_1 = 128;

interface Token {
  readonly from: number;
  readonly to: number;
}

/** Groups of digits with nothing but joiners between them. */
type Run = Token[];

function hasDigits(text: string, least: number): boolean {
  let count = 0;
  for (let index = 0; index < text.length && count < least; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x30 && unit <= 0x39) count++;
  }
  return count >= least;
}

/** The end of a sticky match at this place; the place itself if there is none. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function nextRun(text: string, from: number): Run | undefined {
  FIRST_DIGIT.lastIndex = from;
  const first = FIRST_DIGIT.exec(text);
  if (first === null) return undefined;
  const run: Run = [];
  let at = first.index;
  for (;;) {
    const to = skip(DIGITS, text, at);
    if (to === at) return run;
    run.push({ from: at, to });
    at = skip(JOINERS, text, to);
    if (at === to) return run;
  }
}

/** Adds the cuts of one run and returns where the next one may begin. */
function maskRun(text: string, run: Run, cuts: Cut[]): number {
  const hidden = hiddenTokens(text, run);
  const last = run.at(-1);
  if (last === undefined) return text.length;
  const isTrack = last.to - last.from >= MIN_DIGITS && isTrackData(text, last.to);
  if (isTrack) hidden[run.length - 1] = true;
  for (let index = 0; index < run.length; index++) {
    if (!hidden[index]) continue;
    const first = run[index];
    while (hidden[index + 1]) index++;
    const end = run[index];
    if (first === undefined || end === undefined) break;
    const shown = end === last ? lastDigits(text, first.from, end.to) : '';
    cuts.push({ from: first.from, to: end.to, by: STARS + shown });
  }
  return hidden[run.length - 1] ? maskTrackRest(text, last.to, cuts) : last.to;
}

/** Digits, then what only track data has behind them: no Luhn check is asked for. */
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
    .slice(Math.max(from, to - 2 * MAX_DIGITS), to)
    .replace(/\D/g, '')
    .slice(-SHOWN_DIGITS);
}

/** Which groups belong to some card number; neighbours that form one together are all marked. */
function hiddenTokens(text: string, run: Run): boolean[] {
  const sums = new LuhnSums(text, run);
  const hidden: boolean[] = run.map((token) => token.to - token.from > MAX_DIGITS);
  let markedTo = 0;
  for (let first = 0; first < run.length; first++) {
    for (let end = first + 1; end <= run.length; end++) {
      const count = sums.count(first, end);
      if (count > MAX_DIGITS) break;
      if (count < MIN_DIGITS || !sums.passes(first, end)) continue;
      hidden.fill(true, Math.max(first, markedTo), end);
      markedTo = Math.max(markedTo, end);
    }
  }
  return hidden;
}

/**
 * Luhn sums of everything before each group, with the digits at even and at odd places doubled, so that any
 * sequence of groups is checked by one subtraction.
 */
class LuhnSums {
  readonly #digits: number[] = [0];
  readonly #evenDoubled: number[] = [0];
  readonly #oddDoubled: number[] = [0];

  constructor(text: string, run: Run) {
    let digits = 0;
    let even = 0;
    let odd = 0;
    for (const token of run) {
      for (let at = token.from; at < token.to; at++) {
        const digit = text.charCodeAt(at) - 0x30;
        const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
        even += digits % 2 === 0 ? doubled : digit;
        odd += digits % 2 === 0 ? digit : doubled;
        digits++;
      }
      this.#digits.push(digits);
      this.#evenDoubled.push(even);
      this.#oddDoubled.push(odd);
    }
  }

  /** Digits in the groups from `first` up to, not including, `end`. */
  count(first: number, end: number): number {
    return at(this.#digits, end) - at(this.#digits, first);
  }

  passes(first: number, end: number): boolean {
    // The last digit is never doubled, so the doubled places are those like the place behind it.
    const sums = at(this.#digits, end) % 2 === 0 ? this.#evenDoubled : this.#oddDoubled;
    return (at(sums, end) - at(sums, first)) % 10 === 0;
  }
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] ?? 0;
}
