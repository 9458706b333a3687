import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  type DoneRecord,
  encodeRecord,
  parseEntry,
  type SentRecord,
} from '../../src/store/journal-record.ts';
import { mutated, seededRandom } from '../kit/random.ts';

const sent: SentRecord = {
  state: 'sent',
  version: 2,
  register: '192.0.2.7',
  identity: { receipt_id: 'ä-17', sequence_id: '1' },
  method: 'Purchase',
  amount: '1230',
  currency: 'EUR',
  time: '2025-01-31T12:00:00.000Z',
};
const done: DoneRecord = {
  state: 'done',
  kind: 'result',
  text: '{"n":1.10e2, "text":"line\\nbreak \\u2028 ü"}',
  time: '2025-01-31T12:00:09.000Z',
};
const NEWLINE = Buffer.from('\n');
const first = encodeRecord(sent);
const second = Buffer.concat([NEWLINE, encodeRecord(done)]);
const whole = Buffer.concat([first, second]);

describe('a record', () => {
  test('is the CRC-32 of its bytes in hex, a space, JSON, LF: one line', () => {
    const [crc = '', json = ''] = /^([0-9a-f]{8}) (\{.*\})\n$/.exec(first.toString())?.slice(1) ?? [];
    expect(Number.parseInt(crc, 16)).toBe(crc32(Buffer.from(json)));
    expect(JSON.parse(json)).toEqual(sent);
  });

  test('keeps a small checksum eight digits long', () => {
    let record: SentRecord = sent;
    let line = '';
    for (let n = 0; !line.startsWith('0'); n += 1) {
      record = { ...sent, amount: String(n) };
      line = encodeRecord(record).toString();
    }
    expect(line[8]).toBe(' ');
    expect(parseEntry(Buffer.from(line)).sent).toEqual(record);
  });

  test("gives back the application's text byte for byte", () => {
    expect(parseEntry(whole)).toEqual({ sent, done, isClean: true });
    expect(parseEntry(whole).done?.text).toBe(done.text);
  });
});

/** An entry of the first record and these. */
const entryOf = (...records: readonly object[]) =>
  parseEntry(
    Buffer.concat([sent, ...records].flatMap((record) => [NEWLINE, signed(JSON.stringify(record))]).slice(1)),
  );

/** A line whose checksum is right, whatever it says. */
const signed = (json: string) => Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`);

const TIME = '2025-01-31T12:01:00.000Z';

describe('what is told of how it went', () => {
  test('is the code that the transaction itself was answered with: the last one', () => {
    const notes = ['PRINTER_FAILED', 'PAPER_OUT'].map((code) => ({ state: 'note', code, time: TIME }));
    expect(entryOf(...notes)).toEqual({ sent, done: undefined, directCode: 'PAPER_OUT', isClean: true });
    expect(entryOf(...notes, done)).toEqual({ sent, done, directCode: 'PAPER_OUT', isClean: true });
  });

  test('is the terminal that has it', () => {
    const terminal = { state: 'terminal', serialNumber: 'S-1', time: TIME };
    expect(entryOf(terminal)).toEqual({ sent, done: undefined, serialNumber: 'S-1', isClean: true });
  });

  test('are the connections that have carried the outcome, the first one of them included', () => {
    const own = { ...done, connection: 'till.a' };
    const others = ['till.b', 'till.c'].map((connection) => ({ state: 'carried', connection, time: TIME }));
    expect(entryOf(own)).toEqual({ sent, done: own, carriers: ['till.a'], isClean: true });
    expect(entryOf(own, ...others)).toEqual({
      sent,
      done: own,
      carriers: ['till.a', 'till.b', 'till.c'],
      isClean: true,
    });
    expect(entryOf(done, ...others)).toMatchObject({ carriers: ['till.b', 'till.c'] });
  });
});

describe('a result after "not charged" was told', () => {
  const told = { ...done, kind: 'error' as const, text: '{}', connection: 'till.a' };
  const result = { ...done, state: 'contradicted' as const };

  test('counts, with what was told beside it, and nobody has carried it yet', () => {
    expect(entryOf(told, result)).toEqual({ sent, done: result, contradicted: told, isClean: true });
    const carried = { state: 'carried', connection: 'till.b', time: TIME };
    expect(entryOf(told, result, carried)).toMatchObject({ done: result, carriers: ['till.b'] });
  });

  test('counts also where an outcome follows it, or none came before it', () => {
    expect(entryOf(told, result, told)).toMatchObject({ done: result, contradicted: told });
    expect(entryOf(result)).toStrictEqual({ sent, done: result, isClean: true });
  });
});

describe('a record that is signed and is not what it says', () => {
  const { kind: _, ...without } = done;
  test.each<[string, object]>([
    ['an outcome without a kind', without],
    ['an outcome without a text', { state: 'done', kind: 'result', time: TIME }],
    ['an outcome without a time', { state: 'done', kind: 'result', text: '{}' }],
    ['an outcome whose text is an object', { ...done, text: {} }],
    ['a contradiction without a text', { state: 'contradicted', kind: 'result', time: TIME }],
    ['an outcome of an unknown state', { ...done, state: 'finished' }],
    ['an outcome without a state', { ...done, state: undefined }],
    ['a note without a code', { state: 'note', time: TIME }],
    ['a note whose code is a number', { state: 'note', code: 5, time: TIME }],
    ['a code that is no note', { code: 'PAPER_OUT', time: TIME }],
    ['a terminal without a number', { state: 'terminal', time: TIME }],
    ['a terminal whose number is one', { state: 'terminal', serialNumber: 5, time: TIME }],
    ['a terminal of another state', { state: 'device', serialNumber: 'S-1', time: TIME }],
    ['a carrier without a name', { state: 'carried', time: TIME }],
    ['a carrier whose name is a number', { state: 'carried', connection: 5, time: TIME }],
    ['a carrier of another state', { state: 'lost', connection: 'till.a', time: TIME }],
  ])('counts as not there, and makes the entry unclean: %s', (_, record) => {
    expect(entryOf(record)).toEqual({ sent, done: undefined, isClean: false });
    expect(entryOf(record, done)).toEqual({ sent, done, isClean: false });
  });

  test('or is no JSON, does the same', () => {
    const bytes = Buffer.concat([first, signed('{"state":"done"'), signed('5'), second]);
    expect(parseEntry(bytes)).toEqual({ sent, done, isClean: false });
  });
});

test('an entry of another version is told apart from a damaged one, and nothing in it counts', () => {
  for (const version of [1, 3]) {
    const head = signed(JSON.stringify({ ...sent, version }));
    expect(parseEntry(Buffer.concat([head, second]))).toEqual({
      sent: undefined,
      done: undefined,
      isClean: false,
      otherVersion: version,
    });
  }
  for (const version of ['2', null, undefined]) {
    const head = signed(JSON.stringify({ ...sent, version }));
    expect(parseEntry(head)).toEqual({ sent: undefined, done: undefined, isClean: false });
  }
});

describe('an outcome of something else than the first record', () => {
  const absent: SentRecord = { ...sent, state: 'absent', method: '' };
  const other: DoneRecord = { ...done, of: absent };
  const told: DoneRecord = { ...done, kind: 'error', text: '{}' };

  test('replaces it from then on, in one record: half of it changes nothing', () => {
    const bytes = Buffer.concat([first, NEWLINE, encodeRecord(other)]);
    expect(parseEntry(bytes)).toEqual({ sent: absent, done: other, isClean: true });
    for (let length = first.length; length < bytes.length; length += 1)
      expect(parseEntry(bytes.subarray(0, length))).toMatchObject({ sent, done: undefined });
  });

  test('is a contradiction before it is a first outcome', () => {
    const contradicted: DoneRecord = { ...done, state: 'contradicted', of: sent };
    const records = [absent, { ...told, of: absent }, contradicted].map(encodeRecord);
    expect(parseEntry(Buffer.concat(records))).toMatchObject({ sent, done: contradicted });
    expect(parseEntry(Buffer.concat(records.slice(0, 2)))).toMatchObject({ sent: absent });
  });
});

describe('an entry', () => {
  test('without an outcome is clean', () => {
    expect(parseEntry(first)).toStrictEqual({ sent, done: undefined, isClean: true });
  });

  test('of which several outcomes are recorded has the last one', () => {
    const later = { ...done, kind: 'error' as const, text: '{}' };
    const bytes = Buffer.concat([whole, NEWLINE, encodeRecord(later)]);
    expect(parseEntry(bytes)).toEqual({ sent, done: later, isClean: true });
  });

  test('cut in its first record, at any byte, has nothing', () => {
    for (let length = 0; length < first.length; length += 1) {
      expect(parseEntry(first.subarray(0, length))).toEqual({
        sent: undefined,
        done: undefined,
        isClean: false,
      });
    }
  });

  test('cut in its second record, at any byte, has the first, and is unclean unless nothing of the second is left', () => {
    for (let length = 1; length < second.length; length += 1) {
      const torn = Buffer.concat([first, second.subarray(0, length)]);
      expect(parseEntry(torn)).toEqual({ sent, done: undefined, isClean: length === 1 });
    }
  });

  test('cut in its second record and continued, at any byte, has the outcome of the third', () => {
    for (let length = 0; length < second.length; length += 1) {
      const bytes = Buffer.concat([first, second.subarray(0, length), second]);
      expect(parseEntry(bytes)).toMatchObject({ sent, done });
    }
  });

  test('with one byte changed never says something else', () => {
    for (let at = 0; at < whole.length; at += 1) {
      for (const change of [0x01, 0x20, 0x80]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const parsed = parseEntry(bytes);
        if (parsed.sent !== undefined) expect(parsed.sent).toEqual(sent);
        if (parsed.done !== undefined) expect(parsed.done).toEqual(done);
        expect(parsed.isClean && parsed.done !== undefined && parsed.sent !== undefined).toBe(false);
      }
    }
  });

  test.each([
    ['nothing', ''],
    ['an empty line', '\n'],
    ['text', 'hello\n'],
    ['JSON without a checksum', '{"state":"sent","version":1}\n'],
    ['zeros', '\0'.repeat(4096)],
    ['bytes that are no UTF-8', '\xff\xfe\xfd\n'],
    ['an outcome only', encodeRecord(done).toString('latin1')],
    ['an empty line before the first record', `\n${first.toString('latin1')}`],
    ['a line before the first record', `hello\n${first.toString('latin1')}`],
  ])('that is %s has nothing', (_, text) => {
    const { sent, done, isClean } = parseEntry(Buffer.from(text, 'latin1'));
    expect({ sent, done, isClean }).toEqual({ sent: undefined, done: undefined, isClean: false });
  });

  test.each([
    ['another version', '{"state":"sent","version":3,"register":""}'],
    ['no version', '{"state":"sent"}'],
    ['an unknown state', '{"state":"begun","version":2}'],
    ['no state', '{"version":2}'],
    ['no object', '"sent"'],
    ['null', 'null'],
    ['no JSON', '{"state":"sent"'],
  ])('whose first record is %s has nothing, however well it is signed', (_, json) => {
    const line = `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
    expect(parseEntry(Buffer.from(line)).sent).toBeUndefined();
  });

  test('that says "sent" twice keeps the first and is unclean', () => {
    const bytes = Buffer.concat([first, encodeRecord({ ...sent, amount: '1' })]);
    expect(parseEntry(bytes)).toEqual({ sent, done: undefined, isClean: false });
  });

  test('with random damage is never read wrong, and never throws', () => {
    const random = seededRandom(20_250_131);
    const alphabet = Buffer.from('0123456789abcdef {}"\n');
    for (let round = 0; round < 5000; round += 1) {
      const parsed = parseEntry(mutated(whole, random, alphabet));
      if (parsed.sent !== undefined) expect(parsed.sent).toEqual(sent);
      if (parsed.done !== undefined) expect(parsed.done).toEqual(done);
    }
  });
});
