import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameScanner } from '../../../src/dialect/jsonpos/frame-scanner.ts';
import { mutated, seededRandom } from '../../kit/random.ts';
import { byteByByte, everySplit, inPieces } from '../../kit/splits.ts';

const framed = (text: string, length = text.length) =>
  Buffer.from(`${length.toString(16).padStart(8, '0')}:${text}\n`, 'latin1');
const SYNC = '{"jsonrpc":"2.0","id":"pos-1","method":"_Sync","params":{}}';
const isSync = (text: Buffer) => text.toString('latin1') === SYNC;

/** Everything behind the accepted frame; undefined when none was accepted. */
function scan(chunks: readonly Buffer[], accepts = isSync): string | undefined {
  const scanner = new FrameScanner();
  for (const [index, chunk] of chunks.entries()) {
    const rest = scanner.push(chunk, accepts);
    if (rest !== undefined) return Buffer.concat([rest, ...chunks.slice(index + 1)]).toString('latin1');
  }
  return undefined;
}

/** Texts that were offered, none being accepted. */
function offered(chunks: readonly Buffer[]): string[] {
  const texts: string[] = [];
  scan(chunks, (text) => {
    texts.push(text.toString('latin1'));
    return false;
  });
  return texts;
}

const inAllWays = (bytes: Buffer) => [...everySplit(bytes), byteByByte(bytes), inPieces(bytes, 7)];

describe('a frame scanner', () => {
  test.each([
    ['nothing', ''],
    ['newlines', '\n'.repeat(64)],
    ['half a frame that announces 262134 bytes', '0003fff6:{"jsonrpc":"2.0","id":"pos-9","meth'],
    ['half a frame that announces 1024 bytes', '00000400:{"jsonrpc":"2.0"'],
    ['half a header', '000000'],
    ['more hex digits', '00000400'.repeat(5)],
    ['a colon that belongs to nothing', ':::'],
    ['half of the same frame', framed(SYNC).toString('latin1', 0, 40)],
    ['the same frame without its newline', framed(SYNC).toString('latin1', 0, SYNC.length + 9)],
    ['the same frame with a wrong length', framed(SYNC, SYNC.length + 1).toString('latin1')],
    ['bytes of every value', Buffer.from([...Array(256).keys()]).toString('latin1')],
  ])('finds it behind %s, however the bytes are cut', (_what, before) => {
    const bytes = Buffer.concat([Buffer.from(before, 'latin1'), framed(SYNC), Buffer.from('the rest')]);
    for (const chunks of inAllWays(bytes)) expect(scan(chunks)).toBe('the rest');
  });

  test('finds it where a false header announces exactly its newline, and one more behind it', () => {
    const sync = framed(SYNC).toString('latin1');
    for (const more of [-1, 0, 1]) {
      const length = (sync.length - 1 + more).toString(16).padStart(8, '0');
      for (const chunks of inAllWays(Buffer.from(`${length}:${sync}}\n`))) expect(scan(chunks)).toBe('}\n');
    }
  });

  test('offers a frame that lies in another one, and the other one as well', () => {
    const inner = framed('{"inner":1}').toString('latin1');
    const outer = framed(`{${inner}}`);
    for (const chunks of inAllWays(outer)) expect(offered(chunks)).toEqual(['{"inner":1}', `{${inner}}`]);
  });

  test('offers two frames that end at the same newline', () => {
    const inner = '{"y":1}';
    const outer = `{x 00000007:${inner}`;
    for (const chunks of inAllWays(framed(outer))) expect(offered(chunks)).toEqual([inner, outer]);
  });

  test('takes lengths of 1 to 1024 bytes, in either case, with blanks around the object', () => {
    const object = (length: number) => `{"x":"${'y'.repeat(length - 8)}"}`;
    expect(offered([framed(object(1024))])).toEqual([object(1024)]);
    expect(offered([framed(object(1025))])).toEqual([]);
    expect(offered([Buffer.from('0000000A:{"a": 111}\n')])).toEqual(['{"a": 111}']);
    expect(offered([Buffer.from('0000000b:{"a": 1111}\n')])).toEqual(['{"a": 1111}']);
    expect(offered([framed(' \r\n\t{"a":1} \t\r\n')])).toEqual([' \r\n\t{"a":1} \t\r\n']);
    for (const text of ['{', '}', '{"a":1', '"a":1}', '[]', ' ', ''])
      expect(offered([framed(text)])).toEqual([]);
    expect(offered([framed('{}', 0xffff_fff0)])).toEqual([]);
  });

  test('after a reset knows nothing of what was before, and counts anew', () => {
    const bytes = framed(SYNC);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const [half, rest] = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const scanner = new FrameScanner();
      scanner.push(half, isSync);
      expect(scanner.seen).toBe(half.length);
      scanner.reset();
      expect(scanner.seen).toBe(0);
      expect(scanner.push(rest, isSync)).toBeUndefined();
      expect(scanner.push(bytes, isSync)?.length).toBe(0);
    }
  });

  test('offers each frame of a stream once, whatever is between them', () => {
    const texts = [...Array(200).keys()].map((n) => `{"n":${n}}`);
    const bytes = Buffer.concat(texts.flatMap((text, n) => [Buffer.alloc(n % 11, '\n0{}:'), framed(text)]));
    for (const size of [1, 3, 64, 1000, bytes.length]) expect(offered(inPieces(bytes, size))).toEqual(texts);
  });

  test('finds it behind rubbish of a thousand seeds', () => {
    for (let seed = 0; seed < 1000; seed += 1) {
      const random = seededRandom(seed);
      const alphabet = Buffer.from('0000014f:{}"\n\\,');
      const rubbish = Buffer.from(
        [...Array(Math.floor(random() * 5000))].map(() =>
          random() < 0.7
            ? (alphabet[Math.floor(random() * alphabet.length)] as number)
            : Math.floor(random() * 256),
        ),
      );
      // What is left of the first one may still be whole: then it is the one that is found.
      const spoilt = mutated(framed(SYNC), random, alphabet);
      const size = 1 + Math.floor(random() * 300);
      const bytes = Buffer.concat([rubbish, spoilt, framed(SYNC)]);
      expect(scan(inPieces(bytes, size)), `seed ${seed}`).toBeDefined();
    }
  });

  test('says the same however the bytes are cut', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '00000400:',
        '00000010:{',
        '0000001c:{"',
        '}\n',
        '\n',
        '}',
        ':',
        '0',
        SYNC,
        framed(SYNC).toString(),
      ),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (pieces, size) => {
        const bytes = Buffer.from(pieces.join(''));
        expect(offered(inPieces(bytes, size))).toEqual(offered([bytes]));
        expect(scan(inPieces(bytes, size))).toBe(scan([bytes]));
      }),
    );
  });

  test('examines a bounded number of bytes for each one, also where headers stand everywhere', () => {
    // As many candidates as there can be, all ending at the same newline, all looking like objects.
    const HEADER = 10;
    let worst = '';
    for (let left = 1023; left >= HEADER; left -= HEADER) {
      worst += `${(left - HEADER + 1).toString(16).padStart(8, '0')}:{`;
    }
    worst = `${worst.padEnd(1023, '}')}}\n`;
    const bytes = Buffer.from(worst.repeat(200));
    let examined = 0;
    scan([bytes], (text) => {
      examined += text.length;
      return false;
    });
    expect(examined / bytes.length).toBeLessThan(64);
  });

  test(`goes through ${process.env['SOAK'] === undefined ? 4 : 100} MB of rubbish in flat memory`, () => {
    const random = seededRandom(1);
    const kinds = [
      Buffer.from([...Array(65_536)].map(() => Math.floor(random() * 256))),
      Buffer.from('00000400:{"'.repeat(6000)),
      Buffer.from('0'.repeat(65_536)),
      Buffer.alloc(65_536, framed('{"jsonrpc":"2.0","method":"Note","params":{}}')),
    ];
    const rounds = process.env['SOAK'] === undefined ? 16 : 400;
    const scanner = new FrameScanner();
    const before = process.memoryUsage();
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of kinds) expect(scanner.push(kind, isSync)).toBeUndefined();
    }
    const { arrayBuffers } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
    expect(scanner.push(framed(SYNC), isSync)?.length).toBe(0);
  });
});
