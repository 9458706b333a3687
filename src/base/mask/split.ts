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

const MAX_LENGTH = 15;
const PART = /^[\d -]*\d[\d -]*$/;
