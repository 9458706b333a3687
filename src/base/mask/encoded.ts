import { findDigits, hasDigits, maskDigits } from './digits.ts';
import { MASK } from './rules.ts';

/**
 * Hides words in base64 (either alphabet) that hold a secret, and digits that are written as the hex of their
 * characters.
 *
 * @param mask what the decoded text is judged by
 */
export function maskEncoded(source: string, mask: (decoded: string) => string): string {
  if (source.length < MIN_WORD) return source;
  const text = maskWords(source, mask);
  return hasDigits(text) ? text.replace(HEX_OF_DIGITS, MASK) : text;
}

function maskWords(source: string, mask: (decoded: string) => string): string {
  let result = '';
  let copied = 0;
  for (let from = 0; from < source.length; from++) {
    let to = from;
    let kinds = 0;
    for (let kind = kindAt(source, to); kind !== 0; kind = kindAt(source, ++to)) kinds |= kind;
    // Texts and digits always have capitals and others in base64; words in small letters and UUIDs do not.
    const mayBeBase64 = to - from >= MIN_WORD && (kinds & CAPITAL) !== 0 && (kinds & OTHER) !== 0;
    if (mayBeBase64 && holdsSecret(source.slice(from, to), mask)) {
      while (source[to] === '=') to++;
      result += source.slice(copied, from) + MASK;
      copied = to;
    }
    from = to;
  }
  return result + source.slice(copied);
}

/** What base64 has of either alphabet. */
function kindAt(text: string, index: number): number {
  return KINDS[text.charCodeAt(index)] ?? 0;
}

const CAPITAL = 1;
const OTHER = 2;
const SIGN = 4;
const KINDS = new Uint8Array(128);
for (const [characters, kind] of [
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZ', CAPITAL],
  ['abcdefghijklmnopqrstuvwxyz0123456789', OTHER],
  ['+/-_', SIGN],
] as const) {
  for (const character of characters) KINDS[character.charCodeAt(0)] = kind;
}

/** Base64 of 12 digits has 16 characters. */
const MIN_WORD = 16;
const HEX_OF_DIGITS =
  /(?<![0-9A-Za-z])(?:(?:0x|\\x)?3[0-9][ \t\r\n:,.-]{0,2}){11,255}(?:0x|\\x)?3[0-9](?![0-9A-Za-z])/g;

/** Whether nothing in a text can be a secret but a literal: a few words of letters. */
export function isHarmless(text: string): boolean {
  if (text.length > MAX_HARMLESS) return false;
  let length = 0;
  let kinds = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    const kind = KINDS[unit] ?? 0;
    if (unit >= DIGIT_0 && unit <= DIGIT_9) return false;
    if (kind === 0 && unit !== SPACE && unit !== DOT && unit !== COMMA) return false;
    length = kind === 0 ? 0 : length + 1;
    kinds = kind === 0 ? 0 : kinds | kind;
    if (length >= MIN_WORD && (kinds & CAPITAL) !== 0 && (kinds & OTHER) !== 0) return false;
  }
  return true;
}

const MAX_HARMLESS = 256;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const SPACE = 0x20;
const DOT = 0x2e;
const COMMA = 0x2c;

function holdsSecret(word: string, mask: (decoded: string) => string): boolean {
  const bytes = Buffer.from(word, 'base64');
  const text = bytes.toString();
  if (!UNPRINTABLE.test(text)) return mask(text) !== text;
  if (
    findDigits(bytes.toString('latin1')).length > 0 ||
    maskDigits(bytes.toString('hex')) !== bytes.toString('hex')
  ) {
    return true;
  }
  // There may be something else in front of it.
  return [1, 2, 3].some(
    (at) => findDigits(Buffer.from(word.slice(at), 'base64').toString('latin1')).length > 0,
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what texts do not have
const UNPRINTABLE = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\ufffd]/;
