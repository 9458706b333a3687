import { MAX_CARD_DIGITS, MIN_CARD_DIGITS } from './issuers.ts';
import { knownNumbers } from './literals.ts';
import { MASK } from './rules.ts';
import { type Cut, JOINER, type Run, readRun, type Span } from './run.ts';
import { Marks, RunDigits } from './run-digits.ts';
import { FIRST_FOREIGN_DIGIT, readSymbols, type Symbols } from './symbols.ts';
import { isTrackData, maskTrackRest } from './track.ts';

/**
 * Hides card numbers in any text: digits with a prefix and a length that some card network issues, which pass the Luhn
 * check. They may be joined by spaces and dashes, in groups of any size; by anything else but letters, in groups as
 * people write them; or stand in a longer piece. More than 21 digits in one piece are hidden whatever they are, and so
 * is the number in track data, what follows it there, and the number in EMV's tag 5A. The last four digits stay
 * readable where nothing joins them.
 *
 * Limits: each group of digits is looked at together with at most 20 later ones, so the work is linear.
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

const DIGITS_ONLY = new RegExp(`^(?:\\d|${JOINER})*$`);
const FIRST_DIGIT = /\d/g;
/** Seconds, or less, since 1970 in one piece, or a date and a time. */
const TIME =
  /^(?:1[5-9](?:\d{14}|\d{17})$|20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d)/;

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

function lastDigits(text: string, from: number, to: number): string {
  return text
    .slice(Math.max(from, to - 2 * MAX_PIECE), to)
    .replace(/\D/g, '')
    .slice(-SHOWN_DIGITS);
}
