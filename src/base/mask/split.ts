import { findDigits } from './digits.ts';
import { MIN_CARD_DIGITS } from './issuers.ts';
import type { MaskRule } from './rules.ts';

/** So many neighbours are looked at together, at most. */
export const MAX_PARTS = 1000;

/** Whether an array's element, as text, may be a part of a number: fewer digits than a whole one has. */
export function isPart(text: string): boolean {
  return text.length <= MAX_LENGTH && PART.test(text);
}

/** Which of an array's neighbouring elements together are a card number. */
export function hiddenParts(texts: readonly string[], rule: MaskRule): boolean[] {
  const nothing = texts.map(() => false);
  if (texts.length < 2 || rule === 'shown') return nothing;
  const joined = texts.join('\n');
  if (rule === 'card') return texts.map(() => joined.replace(/\D/g, '').length >= MIN_CARD_DIGITS);
  if (areBytesOfCard(texts)) return texts.map(() => true);
  let next = 0;
  const cuts = findDigits(joined);
  let from = 0;
  return texts.map((text) => {
    const to = from + text.length;
    while ((cuts[next]?.to ?? to + 1) <= from) next++;
    const isHidden = (cuts[next]?.from ?? to) < to;
    from = to + 1;
    return isHidden;
  });
}

/**
 * A buffer as programs write it in JSON: the characters of a number (`[52,49,…]`), or its digits, two a byte
 * (`[65,17,…]`).
 */
function areBytesOfCard(texts: readonly string[]): boolean {
  if (texts.length < MIN_CARD_DIGITS / 2 || !texts.every((text) => BYTE.test(text) && Number(text) < 256))
    return false;
  const bytes = Buffer.from(texts.map(Number));
  const hex = bytes.toString('hex');
  return findDigits(bytes.toString('latin1')).length > 0 || (PACKED.test(hex) && findDigits(hex).length > 0);
}

const BYTE = /^(?:0|[1-9]\d{0,2})$/;
const PACKED = /^\d{12,19}f?$/;
const MAX_LENGTH = 15;
const PART = /^[\d -]*\d[\d -]*$/;
