/**
 * A text as one JSON string on one line, with nothing in it that a terminal or a line reader acts on. What is
 * longer than `maxLength` ends in `…`.
 */
export function quoteText(text: string, maxLength: number): string {
  return escapeActive(JSON.stringify(cutText(text, maxLength)));
}

/** Replaces control and format characters in JSON, or in text, by `\uXXXX`. */
export function escapeActive(text: string): string {
  return text.replace(ACTIVE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** At most `maxLength` characters and, where something was left out, `…`. */
export function cutText(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${shorten(text, maxLength)}…`;
}

/**
 * At most `maxLength` characters from the beginning. A number at the cut is left out whole: half of a card number would
 * not be recognised as one any more. So is half of a surrogate pair.
 */
export function shorten(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  let end = maxLength;
  while (end > 0 && NUMBER_PART.test(text.charAt(end - 1))) end -= 1;
  if (HIGH_SURROGATE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

const NUMBER_PART = /[0-9 -]/;
const HIGH_SURROGATE = /[\ud800-\udbff]/;

/** Control and format characters of the basic plane, and the line separators. */
const ACTIVE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
