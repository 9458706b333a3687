import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Charset } from '../../../src/dialect/openfsc/charset.ts';
import {
  encodeLine,
  type Line,
  type LineFault,
  LineReader,
  MAX_LINE_BYTES,
} from '../../../src/dialect/openfsc/line.ts';
import { mutated, seededRandom } from '../../kit/random.ts';
import { byteByByte, everySplit, inPieces } from '../../kit/splits.ts';

function read(chunks: readonly Buffer[], charset: Charset = 'UTF-8'): (Line | LineFault)[] {
  const lines: (Line | LineFault)[] = [];
  const reader = new LineReader(() => charset);
  for (const chunk of chunks) {
    const copy = Buffer.from(chunk);
    reader.push(copy, (line) => lines.push(line));
    copy.fill('#');
  }
  return lines;
}

const readText = (text: string, charset?: Charset) => read([Buffer.from(text)], charset);
const line = (session: string, tag: string, method: string, rest = ''): Line => ({
  kind: 'line',
  session,
  tag,
  method,
  rest,
});
const fault = (code: number, head: string | undefined) =>
  expect.objectContaining({ kind: 'fault', code, head });

const STREAM = Buffer.from(
  'S1 PUMPS\r\n\r\ns1.* QUIT bye  bye \nS2 CLEAR 3 a b c\r\n1337.S9 PRICES \r\nC0 ERR 404 Müller €\r\n',
);
const LINES = [
  line('', 'S1', 'PUMPS'),
  line('s1', '*', 'QUIT', 'bye  bye '),
  line('', 'S2', 'CLEAR', '3 a b c'),
  line('1337', 'S9', 'PRICES'),
  line('', 'C0', 'ERR', '404 Müller €'),
];

describe('lines are read', () => {
  test('from one chunk', () => {
    expect(read([STREAM])).toEqual(LINES);
  });

  test('cut at any byte', () => {
    for (const chunks of everySplit(STREAM)) expect(read(chunks)).toEqual(LINES);
  });

  test('a byte at a time', () => {
    expect(read(byteByByte(STREAM))).toEqual(LINES);
  });

  test('in pieces of any size', () => {
    for (let size = 2; size < 40; size += 1) expect(read(inPieces(STREAM, size))).toEqual(LINES);
  });

  test('a hundred in one chunk', () => {
    const text = 'S1 PUMPS\r\n'.repeat(100);
    expect(readText(text)).toEqual(new Array(100).fill(line('', 'S1', 'PUMPS')));
  });

  test('not before their end has come', () => {
    expect(read([Buffer.from('S1 PUMPS'), Buffer.from('\r')])).toEqual([]);
  });
});

describe('the first word', () => {
  test('is split at the first dot', () => {
    expect(readText('a.S1 PUMPS\n1337.* QUIT\n*.S1 PUMPS\n')).toEqual([
      line('a', 'S1', 'PUMPS'),
      line('1337', '*', 'QUIT'),
      line('*', 'S1', 'PUMPS'),
    ]);
  });

  test('with a second dot, an empty session or an empty tag is malformed', () => {
    expect(readText('S1.S2.S3 PUMPS\n.S1 PUMPS\na. PUMPS\n')).toEqual([
      fault(400, 'S1.S2.S3'),
      fault(400, '.S1'),
      fault(400, 'a.'),
    ]);
  });

  test('is case-sensitive', () => {
    expect(readText('Ab.s1 PUMPS\n')).toEqual([line('Ab', 's1', 'PUMPS')]);
  });

  test('must be followed by a method', () => {
    expect(readText('S1\nS1 \nS1 9\nS1 PU-MPS\n')).toEqual([1, 2, 3, 4].map(() => fault(400, 'S1')));
  });

  test('asks for no answer on a notification, nor on an answer', () => {
    expect(readText('* PU-MPS\ns1.* \u0001\nC1 OK \u0001\nC1 ERR\u0001\n')).toEqual([
      fault(400, undefined),
      fault(400, undefined),
      fault(400, undefined),
      fault(400, undefined),
    ]);
  });
});

describe('a line is refused', () => {
  test('with 400 where there is a CR, a NUL or a TAB inside it', () => {
    expect(readText('S1 PU\rMPS\nS2 QUIT a\0b\nS3\tPUMPS\n')).toEqual([
      fault(400, 'S1'),
      fault(400, 'S2'),
      expect.objectContaining({ code: 400 }),
    ]);
  });

  test('with 406 where its bytes do not fit the charset, before anything else is looked at', () => {
    const bytes = Buffer.from('S1 UNLOCKPUMP 1 EUR 5.00 x m\xfcller\n', 'latin1');
    expect(read([bytes], 'UTF-8')).toEqual([fault(406, 'S1')]);
    expect(read([bytes], 'ASCII')).toEqual([fault(406, 'S1')]);
    expect(read([bytes], 'ISO-8859-1')).toEqual([line('', 'S1', 'UNLOCKPUMP', '1 EUR 5.00 x müller')]);
  });

  test('of 8193 bytes, and one of 8192 bytes is taken', () => {
    const text = (bytes: number) => `S1 PUMPS ${'x'.repeat(bytes - 'S1 PUMPS \r\n'.length)}\r\n`;
    expect(text(MAX_LINE_BYTES).length).toBe(8192);
    expect(readText(text(8192))).toEqual([expect.objectContaining({ kind: 'line', method: 'PUMPS' })]);
    for (const chunks of [[Buffer.from(text(8193))], inPieces(Buffer.from(text(8193)), 100)]) {
      expect(read(chunks)).toEqual([
        expect.objectContaining({ kind: 'fault', code: 400, head: 'S1', isOverlong: true }),
      ]);
    }
  });

  test('of any length, under its tag, and memory does not grow', () => {
    const chunks = [
      Buffer.from('s1.S7 PUMPS '),
      ...new Array(1000).fill(Buffer.alloc(65_536, 'x')),
      Buffer.from('\n'),
    ];
    expect(read(chunks)).toEqual([expect.objectContaining({ head: 's1.S7', isOverlong: true })]);
  });
});

test('random bytes never break the reader, and what is read has its form', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 })),
      fc.constantFrom<Charset>('UTF-8', 'ASCII', 'WINDOWS-1252'),
      (chunks, charset) => {
        for (const one of read(
          chunks.map((chunk) => Buffer.from(chunk)),
          charset,
        )) {
          if (one.kind !== 'line') continue;
          expect(one.tag).toMatch(/^(\*|[A-Za-z][A-Za-z0-9]*)$/);
          expect(one.method).toMatch(/^[A-Za-z][A-Za-z0-9]*$/);
          expect(one.session).not.toContain('.');
        }
      },
    ),
  );
});

test('mutated conversations are read alike however they are cut', () => {
  const random = seededRandom(8);
  for (let round = 0; round < 300; round += 1) {
    const bytes = mutated(STREAM, random, Buffer.from(' .*\r\nS1C0\x00\xff'));
    expect(read(byteByByte(bytes))).toEqual(read([bytes]));
  }
});

describe('writing', () => {
  test('a line that was written is read as it was meant', () => {
    const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,8}$/);
    const session = fc.oneof(fc.constant(''), fc.stringMatching(/^[!-\-/-~]{1,12}$/));
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !/\p{Cc}/u.test(value));
    fc.assert(
      fc.property(session, fc.oneof(word, fc.constant('*')), word, text, (prefix, tag, method, rest) => {
        const { bytes, missing } = encodeLine({ session: prefix, tag }, [method, rest], 'UTF-8');
        expect([missing, read([bytes])]).toEqual([0, [line(prefix, tag, method, rest)]]);
      }),
    );
  });

  test('a line break in an argument is a mistake of the caller', () => {
    expect(() => encodeLine({ session: '', tag: '*' }, ['QUIT', 'a\nb'], 'UTF-8')).toThrow(TypeError);
  });
});

test('lines that carry secrets, and malformed ones, are gone from the chunk when they are read', () => {
  const secret = '92873498723498792384';
  for (const text of [
    `* TRANSACTIONINFO x PAN ${secret}`,
    `S1 PAN x ${secret}`,
    `C1 PLAINAUTH x ${secret}`,
    `?! ${secret}`,
    `* TRANSACTIONINFO ${secret}\u0001`,
  ]) {
    const chunk = Buffer.from(`S1 PUMPS\r\n${text}\r\nS2 PRICES\r\n`);
    const lines: (Line | LineFault)[] = [];
    new LineReader(() => 'UTF-8').push(chunk, (one) => lines.push(one));
    expect(lines).toHaveLength(3);
    expect(chunk.toString()).not.toContain(secret);
    expect(chunk.toString()).toContain('S2 PRICES');
  }
});
