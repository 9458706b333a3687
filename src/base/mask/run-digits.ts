import { isIssued, isIssuedOften, MAX_CARD_DIGITS, MIN_CARD_DIGITS } from './issuers.ts';
import type { Run } from './run.ts';

/**
 * The digits of a run, with the Luhn sums of everything before each, once with the digits at even and once with those
 * at odd places doubled, so that any part is checked by one subtraction.
 */
export class RunDigits {
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

/** What is found out about the groups of a run. */
export class Marks {
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
