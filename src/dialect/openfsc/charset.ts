import { isAscii, isUtf8 } from 'node:buffer';

/**
 * The charsets of OpenFSC, best first. Each holds ASCII, so a line end, a tag and a method look the same in all of
 * them; a connection begins in ASCII.
 */
export const CHARSETS = ['UTF-8', 'WINDOWS-1252', 'ISO-8859-1'] as const;
export type Charset = (typeof CHARSETS)[number] | 'ASCII';

export function isCharset(name: string): name is (typeof CHARSETS)[number] {
  return (CHARSETS as readonly string[]).includes(name);
}

/** Undefined when the bytes are none of this charset: a half character, a byte that means nothing. */
export function decodeText(bytes: Buffer, charset: Charset): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1');
  switch (charset) {
    case 'ASCII':
      return undefined;
    case 'UTF-8':
      return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
    case 'ISO-8859-1':
      return bytes.toString('latin1');
    case 'WINDOWS-1252':
      return decodeWindows1252(bytes);
  }
}

/** A character that the charset does not have is written as `?`; `missing` counts them. */
export function encodeText(text: string, charset: Charset): { bytes: Buffer; missing: number } {
  let missing = 0;
  if (charset === 'UTF-8') {
    const whole = text.replace(LONE_SURROGATE, () => {
      missing += 1;
      return '?';
    });
    return { bytes: Buffer.from(whole, 'utf8'), missing };
  }
  const bytes: number[] = [];
  for (const character of text) {
    const byte = byteOf(character.codePointAt(0) ?? QUESTION_MARK, charset);
    if (byte === undefined) missing += 1;
    bytes.push(byte ?? QUESTION_MARK);
  }
  return { bytes: Buffer.from(bytes), missing };
}

function byteOf(codePoint: number, charset: Exclude<Charset, 'UTF-8'>): number | undefined {
  if (codePoint < 0x80) return codePoint;
  if (charset === 'ASCII') return undefined;
  if (codePoint >= 0xa0 && codePoint <= 0xff) return codePoint;
  if (charset === 'WINDOWS-1252') return WINDOWS_1252_BYTES.get(codePoint);
  return codePoint <= 0x9f ? codePoint : undefined;
}

function decodeWindows1252(bytes: Buffer): string | undefined {
  let text = '';
  for (const byte of bytes) {
    const codePoint = byte >= 0x80 && byte <= 0x9f ? WINDOWS_1252[byte - 0x80] : byte;
    if (codePoint === undefined || codePoint === UNUSED) return undefined;
    text += String.fromCharCode(codePoint);
  }
  return text;
}

const QUESTION_MARK = 0x3f;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * Written out: the runtime's own decoder of this name takes 0x80 to 0x9f for control characters, as ISO 8859-1 has
 * them.
 */
const UNUSED = 0;
// biome-ignore format: a row is what a code page table calls a row
const WINDOWS_1252 = [
  0x20ac, UNUSED, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, UNUSED, 0x017d, UNUSED,
  UNUSED, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, UNUSED, 0x017e, 0x0178,
];
const WINDOWS_1252_BYTES = new Map(
  WINDOWS_1252.flatMap((codePoint, index) => (codePoint === UNUSED ? [] : [[codePoint, 0x80 + index]])),
);
