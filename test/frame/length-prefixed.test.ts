import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLengthPrefixed, LengthPrefixedDecoder } from '../../src/frame/length-prefixed.ts';
import { byteByByte, everySplit, inPieces } from '../kit/splits.ts';

function decode(chunks: readonly Buffer[], maxMessageBytes = 1000) {
  const outcomes: string[] = [];
  const decoder = new LengthPrefixedDecoder({ maxMessageBytes });
  for (const chunk of chunks) {
    const copy = Buffer.from(chunk);
    decoder.push(copy, {
      message: (bytes) => void outcomes.push(bytes.toString('latin1')),
      rejected: (why) => void outcomes.push(`rejected: ${why}`),
    });
    // What a sink or decoder still holds of a chunk afterwards is rubbish.
    copy.fill('#');
  }
  return { outcomes, isInsideMessage: decoder.isInsideMessage };
}

const TWO = Buffer.concat([
  encodeLengthPrefixed(Buffer.from('{}')),
  encodeLengthPrefixed(Buffer.from('[1,2]')),
]);

describe('messages with a length in front', () => {
  test('the length is four bytes, big-endian, and does not count itself', () => {
    expect(encodeLengthPrefixed(Buffer.from('{}')).toString('hex')).toBe('000000027b7d');
  });

  test('two messages come out of one read, of any two reads and of single bytes', () => {
    const whole = { outcomes: ['{}', '[1,2]'], isInsideMessage: false };
    expect(decode([TWO])).toEqual(whole);
    for (const chunks of everySplit(TWO)) expect(decode(chunks)).toEqual(whole);
    expect(decode(byteByByte(TWO))).toEqual(whole);
  });

  test('whatever was encoded comes out again, in pieces of any size', () => {
    const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 });
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 50 }), (texts, size) => {
        const bytes = Buffer.concat(texts.map(encodeLengthPrefixed));
        const expected = texts.map((text) => Buffer.from(text).toString('latin1'));
        expect(decode(inPieces(bytes, size)).outcomes).toEqual(expected);
      }),
    );
  });

  test('a length of 0, or above the limit, is rejected once, and nothing comes after it', () => {
    const zero = Buffer.concat([Buffer.alloc(4), TWO]);
    expect(decode([zero]).outcomes).toEqual([
      'rejected: a message of 0 bytes is announced; 1 to 1000 bytes are allowed',
    ]);
    const long = Buffer.concat([Buffer.from([0, 0, 3, 0xe9]), TWO]);
    expect(decode(byteByByte(long)).outcomes).toEqual([
      'rejected: a message of 1001 bytes is announced; 1 to 1000 bytes are allowed',
    ]);
    const fits = encodeLengthPrefixed(Buffer.alloc(1000, 'x'));
    expect(decode([fits]).outcomes).toEqual(['x'.repeat(1000)]);
  });

  test('an input that ends early has ended inside a message', () => {
    for (let length = 1; length < 6; length += 1) {
      expect(decode([TWO.subarray(0, length)]).isInsideMessage).toBe(true);
    }
    expect(decode([TWO.subarray(0, 6)]).isInsideMessage).toBe(false);
  });

  test('a large length takes no memory before its bytes come', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from(
      { length: 100 },
      () => new LengthPrefixedDecoder({ maxMessageBytes: 1 << 30 }),
    );
    const sink = { message: () => {}, rejected: () => {} };
    for (const decoder of decoders) decoder.push(Buffer.from([0x3f, 0xff, 0xff, 0xff, 1]), sink);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });
});
