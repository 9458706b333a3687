import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { LineDecoder } from '../../src/frame/lines.ts';
import { byteByByte, everySplit, inPieces } from '../kit/splits.ts';

type Outcome = string | { readonly overlong: number } | { readonly cut: number };

function decode(chunks: readonly Buffer[], maxLineBytes = 10): Outcome[] {
  const outcomes: Outcome[] = [];
  const sink = {
    line: (line: Buffer) => void outcomes.push(line.toString('latin1')),
    overlong: (bytes: number) => void outcomes.push({ overlong: bytes }),
    cut: (bytes: number) => void outcomes.push({ cut: bytes }),
  };
  const decoder = new LineDecoder({ maxLineBytes });
  for (const chunk of chunks) {
    const copy = Buffer.from(chunk);
    decoder.push(copy, sink);
    // What a sink or decoder still holds of a chunk afterwards is rubbish.
    copy.fill('#');
  }
  decoder.end(sink);
  return outcomes;
}

/** The same by string functions. */
function expected(bytes: Buffer, maxLineBytes: number): Outcome[] {
  const lines = bytes.toString('latin1').split('\n');
  const tail = lines.pop() ?? '';
  const outcomes: Outcome[] = [];
  for (const line of lines) {
    const bare = line.replace(/\r$/, '');
    if (bare.length > maxLineBytes) outcomes.push({ overlong: line.length });
    else if (bare !== '') outcomes.push(bare);
  }
  if (tail.length > maxLineBytes + 1) outcomes.push({ overlong: tail.length });
  else if (tail !== '') outcomes.push({ cut: tail.length });
  return outcomes;
}

const STREAM = Buffer.from(
  '{"a":1}\n\r\n\n{}\r\n1234567890\n1234567890\r\n\r\r\n12345678901\nz\n 12345678901234\r\nend\n',
);
const LINES = [
  '{"a":1}',
  '{}',
  '1234567890',
  '1234567890',
  '\r',
  { overlong: 11 },
  'z',
  { overlong: 16 },
  'end',
];

describe('lines', () => {
  test('come out of one chunk', () => {
    expect(decode([STREAM])).toEqual(LINES);
  });

  test('come out at every split', () => {
    for (const chunks of everySplit(STREAM)) expect(decode(chunks)).toEqual(LINES);
  });

  test('come out of pieces of any size', () => {
    for (let size = 1; size < STREAM.length; size += 1) expect(decode(inPieces(STREAM, size))).toEqual(LINES);
  });

  test('cut inside a character are whole again', () => {
    const text = Buffer.from('"ä€😀"\n');
    for (const chunks of everySplit(text)) {
      const [line] = decode(chunks, 100);
      expect(Buffer.from(String(line), 'latin1').toString()).toBe('"ä€😀"');
    }
  });

  test('that the input ends in are never passed on', () => {
    expect(decode([Buffer.from('a\n{"b"')])).toEqual(['a', { cut: 4 }]);
    expect(decode(byteByByte(Buffer.from('a\n\r')))).toEqual(['a', { cut: 1 }]);
    expect(decode([Buffer.from('a\n')])).toEqual(['a']);
    expect(decode([Buffer.from('12345678901234')])).toEqual([{ overlong: 14 }]);
  });

  test('agree with splitting a string, whatever the bytes and pieces', () => {
    const bytes = fc.array(fc.constantFrom(0x0a, 0x0d, 0x61, 0xff, 0x00), { maxLength: 60 });
    fc.assert(
      fc.property(
        bytes,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 8 }),
        (list, size, limit) => {
          const stream = Buffer.from(list);
          expect(decode(inPieces(stream, size), limit)).toEqual(expected(stream, limit));
        },
      ),
      { seed: 8, numRuns: 5000 },
    );
  });
});

describe('an overlong line', () => {
  test('is reported once, with its length, and costs no memory', () => {
    const allocations = vi.spyOn(Buffer, 'allocUnsafe');
    try {
      const piece = Buffer.alloc(1000, 'x');
      const chunks = [...Array.from({ length: 5000 }, () => piece), Buffer.from('\nok\n')];
      expect(decode(chunks, 4096)).toEqual([{ overlong: 5_000_000 }, 'ok']);
      expect(allocatedBytes(allocations)).toBeLessThan(3 * 4096);
    } finally {
      allocations.mockRestore();
    }
  });

  test('begins one byte over the limit', () => {
    for (const end of ['\n', '\r\n']) {
      const exact = `${'x'.repeat(10)}${end}`;
      const over = `${'x'.repeat(11)}${end}`;
      for (const chunks of everySplit(Buffer.from(exact + over))) {
        expect(decode(chunks)).toEqual(['x'.repeat(10), { overlong: 10 + end.length }]);
      }
    }
  });
});

test('a line of 1 MiB in single bytes costs a few copies at most', () => {
  const LENGTH = 1024 * 1024;
  const allocations = vi.spyOn(Buffer, 'allocUnsafe');
  const copies = vi.spyOn(Uint8Array.prototype, 'set');
  try {
    const decoder = new LineDecoder({ maxLineBytes: LENGTH });
    const sink = { line: vi.fn<(line: Buffer) => void>(), overlong: vi.fn() };
    const byte = Buffer.from('x');
    for (let count = 0; count < LENGTH; count += 1) decoder.push(byte, sink);
    decoder.push(Buffer.from('\n'), sink);
    expect(sink.line.mock.calls[0]?.[0]).toHaveLength(LENGTH);
    expect(sink.overlong).not.toHaveBeenCalled();
    expect(allocatedBytes(allocations)).toBeLessThan(3 * LENGTH);
    const copied = copies.mock.calls.reduce((sum, [from]) => sum + from.length, 0);
    expect(copied).toBeLessThan(4 * LENGTH);
  } finally {
    allocations.mockRestore();
    copies.mockRestore();
  }
});

function allocatedBytes(spy: { readonly mock: { readonly calls: readonly (readonly [number])[] } }): number {
  return spy.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0);
}
