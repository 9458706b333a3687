import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHARSETS, type Charset, decodeText, encodeText } from '../../../src/dialect/openfsc/charset.ts';

const NAME = 'Müller €';
const ALL: readonly Charset[] = [...CHARSETS, 'ASCII'];
const bytesFrom = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('a name with ü and €', () => {
  test.each([
    ['UTF-8', '4d c3 bc 6c 6c 65 72 20 e2 82 ac', 0],
    ['WINDOWS-1252', '4d fc 6c 6c 65 72 20 80', 0],
    ['ISO-8859-1', '4d fc 6c 6c 65 72 20 3f', 1],
    ['ASCII', '4d 3f 6c 6c 65 72 20 3f', 2],
  ] as const)('is written in %s byte for byte', (charset, hex, missing) => {
    expect(encodeText(NAME, charset)).toEqual({ bytes: bytesFrom(hex), missing });
  });
});

describe('single bytes', () => {
  /** Unicode's own mapping table for code page 1252, 0x80 to 0x9f. */
  const TABLE = '€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ';

  test('0x80 to 0x9f are those of code page 1252; five mean nothing', () => {
    for (const [index, character] of [...TABLE].entries()) {
      const decoded = decodeText(Buffer.from([0x80 + index]), 'WINDOWS-1252');
      expect([index, decoded]).toEqual([index, character === '\0' ? undefined : character]);
    }
  });

  test('every other byte is the code point of its own number in both tables', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const isSpecial = byte >= 0x80 && byte <= 0x9f;
      const own = String.fromCharCode(byte);
      expect(decodeText(Buffer.from([byte]), 'ISO-8859-1')).toBe(own);
      if (!isSpecial) expect(decodeText(Buffer.from([byte]), 'WINDOWS-1252')).toBe(own);
    }
  });

  test('above 0x7f there is nothing in ASCII, and no whole character in UTF-8', () => {
    for (let byte = 0x80; byte < 256; byte += 1) {
      expect(decodeText(Buffer.from([byte]), 'ASCII')).toBeUndefined();
      expect(decodeText(Buffer.from([byte]), 'UTF-8')).toBeUndefined();
    }
  });

  test('what a charset decodes it encodes to the same byte', () => {
    for (const charset of ALL) {
      for (let byte = 0; byte < 256; byte += 1) {
        const text = decodeText(Buffer.from([byte]), charset);
        if (text !== undefined) {
          expect(encodeText(text, charset)).toEqual({ bytes: Buffer.from([byte]), missing: 0 });
        }
      }
    }
  });
});

test('any text comes out of UTF-8 as it went in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const { bytes, missing } = encodeText(text, 'UTF-8');
      expect([missing, decodeText(bytes, 'UTF-8')]).toEqual([0, text]);
    }),
  );
});

test('a surrogate without its other half is missing from every charset', () => {
  for (const charset of ALL) {
    expect(encodeText('a\ud800b', charset)).toEqual({ bytes: Buffer.from('a?b'), missing: 1 });
  }
});

test('encoding never fails, and what is not missing survives', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...ALL), (text, charset) => {
      const { bytes, missing } = encodeText(text, charset);
      const decoded = decodeText(bytes, charset);
      expect(decoded).toBeDefined();
      if (missing === 0) expect(decoded).toBe(text);
      else expect([...(decoded ?? '')].length).toBe([...text].length);
    }),
    { numRuns: 50 },
  );
});

test('UTF-8 that is cut, overlong or a surrogate is refused', () => {
  for (const hex of ['c3', 'e282', 'c0af', 'eda080', 'f4908080', 'ff']) {
    expect(decodeText(bytesFrom(hex), 'UTF-8')).toBeUndefined();
  }
});
