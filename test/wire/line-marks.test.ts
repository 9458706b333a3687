import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineMarkDecoder } from '../../src/wire/line-marks.ts';
import { byteByByte, everySplit } from '../kit/splits.ts';

/** What comes out of chunks, and how many damaged bytes were reported. */
function decode(chunks: readonly Buffer[]): { hex: string; damaged: number } {
  const decoder = new LineMarkDecoder();
  const outputs = chunks.map((chunk) => decoder.push(Buffer.from(chunk)));
  return {
    hex: Buffer.concat(outputs.map(({ bytes }) => bytes)).toString('hex'),
    damaged: outputs.reduce((sum, { damaged }) => sum + damaged, 0),
  };
}

describe('the marks of a line', () => {
  test.each([
    ['', '', 0],
    ['00017ffe', '00017ffe', 0],
    ['ffff', 'ff', 0],
    ['ffffffff', 'ffff', 0],
    ['ff0041', 'ff', 1],
    ['ff0000', 'ff', 1],
    ['ff00ff', 'ff', 1],
    ['61ff004162', '61ff62', 1],
    ['ffffff0041ffff', 'ffffff', 1],
    ['ff0041ff0042', 'ffff', 2],
    ['ffff0041', 'ff0041', 0],
    ['ff41', 'ff41', 0],
    ['ff', '', 0],
    ['ff00', '', 0],
  ])('%j is %j with %i damaged, however it is split', (marked, hex, damaged) => {
    const bytes = Buffer.from(marked, 'hex');
    expect(decode([bytes])).toEqual({ hex, damaged });
    expect(decode(byteByByte(bytes))).toEqual({ hex, damaged });
    for (const split of everySplit(bytes)) expect(decode(split)).toEqual({ hex, damaged });
  });

  test('leave a chunk without any as it is, without copying', () => {
    const chunk = Buffer.from('nothing odd');
    expect(new LineMarkDecoder().push(chunk).bytes).toBe(chunk);
  });

  test('give back what a line has read, damage as FF, whatever the bytes and the splits', () => {
    const received = fc.record({ byte: fc.oneof(fc.constantFrom(0, 0xff), fc.nat(255)), ok: fc.boolean() });
    const property = fc.property(
      fc.array(received, { maxLength: 60 }),
      fc.array(fc.nat(200), { maxLength: 8 }),
      (line, cuts) => {
        const marked = Buffer.from(
          line.flatMap(({ byte, ok }) => (ok ? (byte === 0xff ? [0xff, 0xff] : [byte]) : [0xff, 0, byte])),
        );
        const borders = [0, ...cuts.map((cut) => Math.min(cut, marked.length)).sort((a, b) => a - b)];
        const chunks = borders.map((from, at) => marked.subarray(from, borders[at + 1] ?? marked.length));
        expect(decode(chunks)).toEqual({
          hex: Buffer.from(line.map(({ byte, ok }) => (ok ? byte : 0xff))).toString('hex'),
          damaged: line.filter(({ ok }) => !ok).length,
        });
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });

  test('never make more of random bytes than there were, and count no more damage than fits', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        const { hex, damaged } = decode([Buffer.from(random)]);
        expect(hex.length / 2).toBeLessThanOrEqual(random.length);
        expect(damaged).toBeLessThanOrEqual(random.length / 3);
      }),
    );
  });
});
