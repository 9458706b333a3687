import { describe, expect, test } from 'vitest';
import { dialogueOf } from '../../src/inspect/dialogue.ts';
import { readSegments } from '../../src/inspect/reading.ts';
import { formOf, segmentsOf } from '../../src/inspect/sources.ts';
import { jsonposFrame, rowOf, segment } from './kit.ts';

const SOCAT = `2026/11/30 22:11:00 socat[1] N listening
> 2026/11/30 22:11:01.000512298  length=18 from=0 to=17
 30 30 30 30 30 30 30 32 3a 7b 7d 0a 30 30 30 30  00000002:{}.0000
 61 62                                            ab
--
< 2026/11/30 22:11:01.250513977  length=3 from=0 to=2
 41 42 43
`;

test('what socat -x writes, with -v or without, is read with times and both directions', () => {
  expect(formOf(Buffer.from(SOCAT))).toBe('socat');
  const [right, left] = segmentsOf('socat', Buffer.from(SOCAT));
  expect([right?.side, right?.bytes.toString()]).toEqual([0, '00000002:{}\n0000ab']);
  expect([left?.side, left?.bytes.toString()]).toEqual([1, 'ABC']);
  expect((left?.timeMs ?? 0) - (right?.timeMs ?? 0)).toBe(250);
});

describe('exports of tshark', () => {
  const hex = (text: string) =>
    Buffer.from(text)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:');
  const fields = (...rows: string[][]) =>
    [['frame.time_epoch', 'tcp.stream', 'ip.src', 'tcp.srcport', 'tcp.seq', 'tcp.payload'], ...rows]
      .map((row) => row.join('\t'))
      .join('\n');

  test('have bytes once that were sent again, and in their order', () => {
    const text = fields(
      ['1.0', '0', '10.0.0.7', '5000', '1', hex('abc')],
      ['1.1', '0', '10.0.0.1', '10001', '1', hex('xyz')],
      ['1.2', '0', '10.0.0.7', '5000', '7', hex('ghi')],
      ['1.3', '0', '10.0.0.7', '5000', '1', hex('abcdef')],
      ['1.4', '0', '10.0.0.7', '5000', '10', ''],
    );
    expect(formOf(Buffer.from(text))).toBe('tshark-fields');
    const segments = segmentsOf('tshark-fields', Buffer.from(text));
    const side = (wanted: number) =>
      segments.filter((one) => one.side === wanted).map(({ bytes }) => bytes.toString());
    expect([side(0).join(''), side(1).join('')]).toEqual(['abcdefghi', 'xyz']);
  });

  test('that lack the payload are refused in words', () => {
    expect(() => segmentsOf('tshark-fields', Buffer.from('frame.time_epoch\ttcp.stream\n'))).toThrow(
      /-e tcp\.payload/,
    );
  });

  test('that are cut off are refused in words', () => {
    const text = '[{"_index": "packets", "_source"';
    expect(formOf(Buffer.from(text))).toBe('tshark-json');
    expect(() => segmentsOf('tshark-json', Buffer.from(text))).toThrow(/no whole JSON/);
  });
});

describe('a dialogue', () => {
  const request = (id: string) => jsonposFrame({ id, method: 'Purchase', params: {} });
  const result = (id: string) => jsonposFrame({ id, result: {}, response_to: 'Purchase' });

  async function dialogue(...said: [side: 0 | 1, timeMs: number, bytes: Buffer][]) {
    const segments = said.map(([side, timeMs, bytes]) => segment(bytes, { side, timeMs }));
    const { turns, unanswered } = dialogueOf(await readSegments(segments, rowOf('jsonpos')));
    return { turns: turns.filter(({ kind }) => kind !== undefined), unanswered };
  }

  test('says how long each answer took', async () => {
    const { turns, unanswered } = await dialogue([0, 1000, request('a')], [1, 13_500, result('a')]);
    expect(turns.map(({ answeredMs, sinceMs }) => [sinceMs, answeredMs])).toEqual([
      [0, undefined],
      [12_500, 12_500],
    ]);
    expect(unanswered).toEqual([]);
  });

  test('marks answers to nothing, ids that are used twice, and requests without an answer', async () => {
    const { turns, unanswered } = await dialogue(
      [0, 0, request('a')],
      [0, 10, request('a')],
      [1, 20, result('b')],
      [0, 30, request('c')],
      [1, 40, result('c')],
    );
    expect(turns.map(({ wrong }) => wrong[0])).toEqual([
      undefined,
      'a request with this id is open already',
      'it answers no request that is open',
      undefined,
      undefined,
    ]);
    expect(unanswered).toEqual(['no answer to Purchase #a, 30 ms before the record ends']);
  });

  test('expects no answers of a side that was not recorded', async () => {
    expect((await dialogue([0, 0, request('a')])).unanswered).toEqual([]);
  });
});
