import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  encodeFrame,
  encodeWhole,
  JsonposDecoder,
  MAX_FRAME_BYTES,
} from '../../../src/dialect/jsonpos/frame.ts';
import { parseMessage } from '../../../src/rpc/message.ts';
import { mutated, seededRandom } from '../../kit/random.ts';
import { byteByByte, everySplit, inPieces } from '../../kit/splits.ts';

type Outcome = string | { readonly rejected: string };

/** Payloads as text, then the rejection if there is one, the end of input included. */
function decode(chunks: readonly Buffer[], maxFrameBytes = MAX_FRAME_BYTES): Outcome[] {
  const outcomes: Outcome[] = [];
  const decoder = new JsonposDecoder({ maxFrameBytes });
  const sink = {
    frame: (payload: Buffer) => void outcomes.push(payload.toString('latin1')),
    rejected: (code: string, why: string) => {
      expect(code).toBe('JSONRPC_PARSE_ERROR');
      outcomes.push({ rejected: why });
    },
  };
  for (const chunk of chunks) {
    const copy = Buffer.from(chunk);
    decoder.push(copy, sink);
    // What a sink or decoder still holds of a chunk afterwards is rubbish.
    copy.fill('#');
  }
  decoder.end(sink);
  expect(decoder.isInsideFrame).toBe(false);
  return outcomes;
}

function frame(text: string | Buffer): Buffer {
  const payload = Buffer.from(text);
  const length = payload.length.toString(16).padStart(8, '0');
  return Buffer.concat([Buffer.from(`${length}:`), payload, Buffer.from('\n')]);
}

const REJECTED = { rejected: expect.any(String) };
const nothing = { frame() {}, rejected() {} };

describe('frames', () => {
  const TEXTS = ['{"a":1}', '{}', `{"x":"${'y'.repeat(40)}"}`, '1'];
  const STREAM = Buffer.concat(TEXTS.map(frame));

  test('come out of one chunk', () => {
    expect(decode([STREAM])).toEqual(TEXTS);
  });

  test('come out at every split', () => {
    for (const chunks of everySplit(STREAM)) expect(decode(chunks)).toEqual(TEXTS);
  });

  test('come out of pieces of any size, single bytes included', () => {
    for (let size = 1; size < STREAM.length; size += 1) expect(decode(inPieces(STREAM, size))).toEqual(TEXTS);
  });

  test('have lengths in either case', () => {
    const text = `{"x":"${'y'.repeat(0xabc)}"}`;
    const length = frame(text).toString('latin1', 0, 8);
    for (const digits of [
      length.toLowerCase(),
      length.toUpperCase(),
      `${length.slice(0, 6)}${length.slice(6).toUpperCase()}`,
    ]) {
      expect(decode([Buffer.from(`${digits}:${text}\n`)])).toEqual([text]);
    }
  });

  test('count bytes, and may be cut inside a character', () => {
    const text = Buffer.from('{"t":"ä€😀"}');
    for (const chunks of everySplit(frame(text))) expect(decode(chunks)).toEqual([text.toString('latin1')]);
  });

  test('may hold newlines and what looks like a frame', () => {
    const text = '{"t":\n"00000002:{}"\n}';
    expect(decode(byteByByte(frame(text)))).toEqual([text]);
  });

  test('that are complete in a chunk are passed on without a copy', () => {
    const chunk = frame('{"a":1}');
    const payloads: Buffer[] = [];
    new JsonposDecoder({ maxFrameBytes: 100 }).push(chunk, {
      ...nothing,
      frame: (payload) => void payloads.push(payload),
    });
    expect(payloads[0]?.buffer).toBe(chunk.buffer);
    expect(payloads[0]?.byteOffset).toBe(chunk.byteOffset + 9);
  });

  test('come out by the hundred thousand', () => {
    const stream = Buffer.alloc(100_000 * 12, frame('{}'));
    expect(decode([stream])).toHaveLength(100_000);
    expect(decode(inPieces(stream, 4093))).toHaveLength(100_000);
  });

  test('are not validated: that is for the reader of messages', () => {
    const text = '['.repeat(MAX_FRAME_BYTES);
    expect(decode([frame(text)])).toEqual([text]);
    expect(parseMessage(Buffer.from(text), 'wire')).toMatchObject({ ok: false, code: 'JSONRPC_PARSE_ERROR' });
  });
});

describe('the decoder says that it is inside a frame', () => {
  test('from the first byte to the one before the last', () => {
    const decoder = new JsonposDecoder({ maxFrameBytes: 100 });
    const bytes = byteByByte(frame('{"a":1}'));
    const inside = bytes.map((byte) => {
      decoder.push(byte, nothing);
      return decoder.isInsideFrame;
    });
    expect(inside).toEqual(bytes.map((_, index) => index < bytes.length - 1));
  });
});

describe('refuses', () => {
  test.each([
    ['0000000g:{}\n', '0x67 at byte 7 of a frame, instead of a hex digit'],
    ['\n', '0x0a at byte 0 of a frame, instead of a hex digit'],
    ['00000002{}\n', '0x7b at byte 8 of a frame, instead of a colon'],
    ['000000002:{}\n', '0x32 at byte 8 of a frame, instead of a colon'],
    ['00000002:{}\r\n', '0x0d behind the text of a frame, instead of a newline'],
    ['00000002:{}00000002:{}\n', '0x30 behind the text of a frame, instead of a newline'],
    ['00000001:{}\n', '0x7d behind the text of a frame, instead of a newline'],
    [
      '00000003:{}\n00000002:{}\n',
      '0x30 behind the text of a frame, instead of a newline: the one before it was counted as text',
    ],
    ['00000000:\n', 'a frame of length 0'],
    ['00000065:{', 'a frame of 101 bytes is over the limit of 100'],
    ['ffffffff:', 'a frame of 4294967295 bytes is over the limit of 100'],
    ['80000000:', 'a frame of 2147483648 bytes is over the limit of 100'],
    ['0', 'the input ended inside a frame; of a header 1 bytes came, instead of 9'],
    ['00000002', 'the input ended inside a frame; of a header 8 bytes came, instead of 9'],
    ['00000002:', 'the input ended inside a frame; a frame of 2 bytes (00000002) stopped after 0'],
    ['00000002:{', 'the input ended inside a frame; a frame of 2 bytes (00000002) stopped after 1'],
    [
      '00000002:{}',
      'the input ended inside a frame; a frame of 2 bytes (00000002) stopped after 2, without the newline that ends it',
    ],
    [
      '00000003:{}\n',
      'the input ended inside a frame; a frame of 3 bytes (00000003) stopped after 3: the newline is not counted',
    ],
    [
      '00000013:{"id":[1,2,3]}',
      'the input ended inside a frame; a frame of 19 bytes (00000013) stopped after 14',
    ],
    [
      '00000014:{"id":[1,2,3]}',
      'the input ended inside a frame; a frame of 20 bytes (00000014) stopped after 14: the length is hexadecimal, 0000000e',
    ],
    [
      '00000015:{"id":[1,2,3]}\n',
      'the input ended inside a frame; a frame of 21 bytes (00000015) stopped after 15: the length is hexadecimal, 0000000e',
    ],
  ])('%j at every split', (text, why) => {
    for (const chunks of everySplit(Buffer.from(text)))
      expect(decode(chunks, 100)).toEqual([{ rejected: why }]);
    expect(decode(byteByByte(Buffer.from(text)), 100)).toEqual([{ rejected: why }]);
  });

  test('a bad frame behind good ones, and then takes nothing more', () => {
    const stream = Buffer.concat([
      frame('{"a":1}'),
      frame('[]'),
      Buffer.from('x'),
      frame('{}'),
      Buffer.from('y'),
    ]);
    for (const chunks of everySplit(stream)) expect(decode(chunks)).toEqual(['{"a":1}', '[]', REJECTED]);
  });

  test('a frame one byte over the limit, and takes one at the limit', () => {
    expect(decode([frame('x'.repeat(MAX_FRAME_BYTES))])).toEqual(['x'.repeat(MAX_FRAME_BYTES)]);
    expect(decode([frame('x'.repeat(MAX_FRAME_BYTES + 1))])).toEqual([
      { rejected: 'a frame of 262135 bytes is over the limit of 262134' },
    ]);
  });

  test('an oversized frame before its text arrives, without memory for it', () => {
    const allocations = vi.spyOn(Buffer, 'allocUnsafe');
    try {
      const rejected = vi.fn();
      new JsonposDecoder({ maxFrameBytes: 1000 }).push(Buffer.from('000003e9:'), { ...nothing, rejected });
      expect(rejected).toHaveBeenCalledOnce();
      expect(allocations).not.toHaveBeenCalled();
    } finally {
      allocations.mockRestore();
    }
  });

  test('without showing more than one byte of what came', () => {
    for (const text of ['41111111111111111', 'pan=4111111111111111', '00000002:4111111111111111']) {
      for (const chunks of everySplit(Buffer.from(text))) {
        expect(decode(chunks)).toEqual([{ rejected: expect.not.stringMatching(/11/) }]);
      }
    }
  });
});

describe('stopped', () => {
  test('from inside a callback, nothing more comes out, not even at the end', () => {
    const stream = Buffer.concat([frame('1'), frame('2'), frame('3'), Buffer.from('broken')]);
    for (const chunks of everySplit(stream)) {
      const decoder = new JsonposDecoder({ maxFrameBytes: 100 });
      const seen: string[] = [];
      const sink = {
        frame(payload: Buffer) {
          seen.push(payload.toString());
          if (seen.length === 2) decoder.stop();
        },
        rejected: () => void seen.push('rejected'),
      };
      for (const chunk of chunks) decoder.push(chunk, sink);
      decoder.end(sink);
      expect(seen).toEqual(['1', '2']);
    }
  });

  test('inside a frame, that frame is forgotten', () => {
    const decoder = new JsonposDecoder({ maxFrameBytes: 100 });
    decoder.push(Buffer.from('00000002:{'), nothing);
    decoder.stop();
    const sink = { frame: vi.fn(), rejected: vi.fn() };
    decoder.push(Buffer.from('}\n'), sink);
    decoder.end(sink);
    expect(sink.frame).not.toHaveBeenCalled();
    expect(sink.rejected).not.toHaveBeenCalled();
  });
});

test.each([1, 1000])('the largest frame in pieces of %i is allocated once and copied once', (pieceBytes) => {
  const allocations = vi.spyOn(Buffer, 'allocUnsafe');
  const copies = vi.spyOn(Buffer.prototype, 'copy');
  const sets = vi.spyOn(Uint8Array.prototype, 'set');
  try {
    const decoder = new JsonposDecoder({ maxFrameBytes: MAX_FRAME_BYTES });
    const payloads: number[] = [];
    const sink = { ...nothing, frame: (payload: Buffer) => void payloads.push(payload.length) };
    const stream = frame('x'.repeat(MAX_FRAME_BYTES));
    for (const spy of [allocations, copies, sets]) spy.mockClear();
    for (let at = 0; at < stream.length; at += pieceBytes)
      decoder.push(stream.subarray(at, at + pieceBytes), sink);
    expect(payloads).toEqual([MAX_FRAME_BYTES]);
    expect(allocations.mock.calls).toEqual([[MAX_FRAME_BYTES]]);
    // A few bytes are copied one by one.
    const copied = copies.mock.results.reduce((sum, { value }) => sum + Number(value), 0);
    expect(copied).toBe(pieceBytes === 1 ? 0 : MAX_FRAME_BYTES);
    expect(sets).not.toHaveBeenCalled();
  } finally {
    for (const spy of [allocations, copies, sets]) spy.mockRestore();
  }
});

describe('whatever comes in', () => {
  /** What the rules say, by a regular expression on the whole. */
  function expected(stream: Buffer, maxFrameBytes: number): Outcome[] {
    const outcomes: Outcome[] = [];
    let rest = stream.toString('latin1');
    while (rest !== '') {
      const length = Number.parseInt(/^([0-9a-fA-F]{8}):/.exec(rest)?.[1] ?? '0', 16);
      if (length === 0 || length > maxFrameBytes || rest[9 + length] !== '\n')
        return [...outcomes, REJECTED as Outcome];
      outcomes.push(rest.slice(9, 9 + length));
      rest = rest.slice(10 + length);
    }
    return outcomes;
  }

  test('random bytes are taken or refused as the rules say', () => {
    const bytes = fc.array(fc.constantFrom(...Buffer.from('0000012aF:\n{}\r')), { maxLength: 40 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 20 }), (list, size) => {
        const stream = Buffer.from(list);
        expect(decode(inPieces(stream, size), 20)).toEqual(expected(stream, 20));
      }),
      { seed: 9, numRuns: 5000 },
    );
  });

  test('so are frames with mistakes', () => {
    const stream = Buffer.concat(['{"a":1}', '{}', '{"b":[1,2,3]}'].map(frame));
    const random = seededRandom(10);
    const alphabet = Buffer.from('0123456789abcdefABCDEF:\n{}\r ');
    let complete = 0;
    for (let count = 0; count < 20_000; count += 1) {
      const broken = mutated(stream, random, alphabet);
      const outcomes = decode(inPieces(broken, 1 + (count % 50)), 40);
      expect(outcomes).toEqual(expected(broken, 40));
      complete += Number(outcomes.every((outcome) => typeof outcome === 'string'));
    }
    expect(complete).toBeGreaterThan(100);
    expect(complete).toBeLessThan(19_000);
  });

  test('nothing throws on bytes of any value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decode([Buffer.from(bytes)]).length).toBeLessThanOrEqual(1);
      }),
      { seed: 11, numRuns: 5000 },
    );
  });
});

describe('an encoded frame', () => {
  const encoded = (...parts: (string | Uint8Array)[]) =>
    encodeFrame(parts, MAX_FRAME_BYTES)?.toString('latin1');

  test('has a lower-case length, the text and a newline', () => {
    expect(encoded('{}')).toBe('00000002:{}\n');
    expect(encoded(`"${'x'.repeat(0xab)}"`)).toBe(`000000ad:"${'x'.repeat(0xab)}"\n`);
  });

  test('joins its parts', () => {
    expect(encoded('{"id":', '"7"', ',"result":', Buffer.from('{"a":[1.0]}'), new Uint8Array([0x7d]))).toBe(
      '0000001f:{"id":"7","result":{"a":[1.0]}}\n',
    );
    expect(encoded('', Buffer.alloc(0), '1')).toBe('00000001:1\n');
  });

  test('is ASCII: everything above 0x7e is escaped in lower case', () => {
    const escapes = '"~\\u007f\\u0080\\u00e4\\u20ac\\uffff\\ud83d\\ude00"';
    const text = '"~\u007f\u0080ä€\uffff😀"';
    const expected = `${escapes.length.toString(16).padStart(8, '0')}:${escapes}\n`;
    expect(encoded(text)).toBe(expected);
    expect(encoded(Buffer.from(text))).toBe(expected);
    expect(encoded(Buffer.from('"~'), '\u007f', Buffer.from('\u0080ä'), '€\uffff😀"')).toBe(expected);
    expect(encoded('"\u007f"')).toBe('00000008:"\\u007f"\n');
    expect(encoded(Buffer.from('"\u007f"'))).toBe('00000008:"\\u007f"\n');
  });

  test('puts a character together again that is cut between parts', () => {
    const bytes = Buffer.from('"ä€😀"');
    for (const [head = bytes, tail = bytes] of everySplit(bytes)) {
      expect(encoded(head, tail)).toBe(encoded(bytes));
      expect(encoded('[', head, tail, ']')).toBe(encoded(`["ä€😀"]`));
    }
  });

  test('keeps a lone surrogate of a string, and a pair that is cut between strings', () => {
    expect(encoded('"\ud800x\udc00"')).toBe('0000000f:"\\ud800x\\udc00"\n');
    expect(encoded('"\ud83d', '\ude00"')).toBe(encoded('"😀"'));
  });

  test('leaves the escapes of the text alone', () => {
    expect(encoded('"\\u00E4\\/\\n"')).toBe('0000000c:"\\u00E4\\/\\n"\n');
  });

  test('fits exactly, or is none', () => {
    for (const character of ['x', 'ä']) {
      const width = character === 'x' ? 1 : 6;
      const text = `"${character.repeat(10)}"`;
      const length = 2 + 10 * width;
      for (const part of [text, Buffer.from(text)]) {
        expect(encodeFrame([part], length)).toHaveLength(length + 10);
        expect(encodeFrame([part], length - 1)).toBeUndefined();
        expect(encodeWhole([part], length)).toHaveLength(length);
        expect(encodeWhole([part], length - 1)).toBeUndefined();
      }
    }
  });

  test('that is far too long costs nothing', () => {
    const allocations = vi.spyOn(Buffer, 'allocUnsafe');
    try {
      expect(encodeFrame([Buffer.alloc(1_000_000, 'ä')], MAX_FRAME_BYTES)).toBeUndefined();
      expect(allocations).not.toHaveBeenCalled();
    } finally {
      allocations.mockRestore();
    }
  });

  test('without its frame is the same text', () => {
    const parts = ['{"a":', Buffer.from('"ä"'), '}'];
    expect(encodeWhole(parts, 100)?.toString()).toBe('{"a":"\\u00e4"}');
  });

  test('comes back as the same value', () => {
    const strings = fc.string({
      unit: fc.oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        fc.constantFrom('\u007f', '\ud800', '\udfff', '😀', 'ä', '"', '\\', '\n'),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(strings),
        fc.integer({ min: 1, max: 30 }),
        fc.boolean(),
        (list, size, asString) => {
          // Written out in UTF-8 except for lone surrogates, which JSON.stringify escapes.
          const json = JSON.stringify(list);
          const parts = asString ? [json] : inPieces(Buffer.from(json), size);
          const bytes = encodeFrame(parts, MAX_FRAME_BYTES) ?? Buffer.alloc(0);
          expect(bytes.every((byte) => byte < 0x7f)).toBe(true);
          const [text] = decode(inPieces(bytes, size));
          expect(JSON.parse(String(text))).toEqual(list);
        },
      ),
      { seed: 12, numRuns: 3000 },
    );
  });
});

describe('fixtures', () => {
  const folder = new URL('../../fixtures/jsonpos/', import.meta.url);
  const files = (kind: string) =>
    readdirSync(new URL(kind, folder)).filter((name) => name.endsWith('.frames'));

  /** Kinds of the messages, then the code of the rejection if there is one. */
  function read(chunks: readonly Buffer[]): string[] {
    const seen: string[] = [];
    const decoder = new JsonposDecoder({ maxFrameBytes: MAX_FRAME_BYTES });
    const sink = {
      frame(payload: Buffer) {
        const parsed = parseMessage(payload, 'wire');
        if (!parsed.ok) decoder.stop();
        seen.push(parsed.ok ? parsed.message.kind : parsed.code);
      },
      rejected: (code: string) => void seen.push(code),
    };
    for (const chunk of chunks) decoder.push(chunk, sink);
    decoder.end(sink);
    return seen;
  }

  test.each(files('accept'))('accept/%s is taken, cut anywhere', (name) => {
    const bytes = readFileSync(new URL(`accept/${name}`, folder));
    const seen = read([bytes]);
    expect(seen).not.toEqual([]);
    for (const kind of seen) expect(kind).toMatch(/^(request|notification|result|error)$/);
    for (const chunks of [...everySplit(bytes), byteByByte(bytes)]) expect(read(chunks)).toEqual(seen);
  });

  test.each(files('reject'))('reject/%s is refused with its code, cut anywhere', (name) => {
    const bytes = readFileSync(new URL(`reject/${name}`, folder));
    const code = `JSONRPC_${name.startsWith('parse-error-') ? 'PARSE_ERROR' : 'INVALID_REQUEST'}`;
    for (const chunks of [[bytes], ...everySplit(bytes), byteByByte(bytes)])
      expect(read(chunks).at(-1)).toBe(code);
  });
});

describe('where a stream stands', () => {
  const decoderBehind = (chunks: readonly Buffer[]) => {
    const decoder = new JsonposDecoder({ maxFrameBytes: MAX_FRAME_BYTES });
    for (const chunk of chunks) expect(decoder.push(chunk, nothing)).toBe(chunk.length);
    return decoder;
  };

  test.each([
    ['', { due: 9, isInsideFrame: false, isInsideText: false }],
    ['0', { due: 8, isInsideFrame: true, isInsideText: false }],
    ['0000000B', { due: 1, isInsideFrame: true, isInsideText: false }],
    ['0000000B:', { due: 11, isInsideFrame: true, isInsideText: true }],
    ['0000000B:{"a"', { due: 7, isInsideFrame: true, isInsideText: true }],
    ['0000000B:{"a": 1234}', { due: 0, isInsideFrame: true, isInsideText: true }],
  ])('is told: %j', (part, where) => {
    const bytes = Buffer.concat([frame('{}'), Buffer.from(part)]);
    for (const chunks of [...everySplit(bytes), byteByByte(bytes)]) {
      const { due, isInsideFrame, isInsideText } = decoderBehind(chunks);
      expect({ due, isInsideFrame, isInsideText }).toEqual(where);
    }
  });

  test.each([
    ['', '\n\n0000', false],
    ['0000', '\n0000', true],
    ['00000002', 'x{}\n', true],
    ['00000000:', '{}\n', true],
    ['FFFFFFFF:', '{}\n', true],
    ['00000002:{}', 'x0000', true],
  ])('and what was not looked at, when it breaks: %j in front of %j', (fragment, rest, isInsideFrame) => {
    const bytes = Buffer.concat([frame('{"a":1}'), Buffer.from(fragment + rest)]);
    for (const chunks of [...everySplit(bytes), byteByByte(bytes)]) {
      const decoder = new JsonposDecoder({ maxFrameBytes: MAX_FRAME_BYTES });
      const wasInside: boolean[] = [];
      const rejected = () => void wasInside.push(decoder.isInsideFrame);
      const left = chunks.map((chunk) =>
        chunk.subarray(decoder.push(chunk, { frame() {}, rejected })).toString(),
      );
      expect(left.join('')).toBe(rest);
      expect(wasInside).toEqual([isInsideFrame]);
      expect(decoder.isInsideFrame).toBe(false);
    }
  });

  test('and what was not looked at, after a stop', () => {
    const decoder = new JsonposDecoder({ maxFrameBytes: MAX_FRAME_BYTES });
    const two = Buffer.concat([frame('{}'), frame('{"a":1}')]);
    expect(decoder.push(two, { frame: () => decoder.stop(), rejected() {} })).toBe(frame('{}').length);
    expect(decoder.isInsideFrame).toBe(false);
  });
});
