import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  answerLine,
  bridgeLine,
  complaintLine,
  lineStart,
  notificationLine,
  requestLine,
} from '../../src/channel/application-line.ts';

const START = lineStart('till "é".1');
const NAME = '"connection":"till \\"é\\".1","jsonrpc":"2.0"';

test('each kind of line has its members in one order', () => {
  const value = Buffer.from('{"a":1.50}');
  expect(requestLine(START, '"p-1"', '"Status"', value).toString()).toBe(
    `{${NAME},"id":"p-1","method":"Status","params":{"a":1.50}}\n`,
  );
  expect(notificationLine(START, '"St\\u00e9"', value).toString()).toBe(
    `{${NAME},"method":"St\\u00e9","params":{"a":1.50}}\n`,
  );
  expect(answerLine(START, '7', 'result', value).toString()).toBe(`{${NAME},"id":7,"result":{"a":1.50}}\n`);
  expect(bridgeLine(lineStart('b', 'till-1'), '_Dropped', { count: 3 }).toString()).toBe(
    '{"connection":"b","register":"till-1","jsonrpc":"2.0","method":"_Dropped","params":{"count":3}}\n',
  );
  const complaint = JSON.parse(complaintLine(lineStart('b'), undefined, 'BUSY', 'why', 'x').toString());
  expect(complaint).toMatchObject({
    connection: 'b',
    id: null,
    error: { message: 'The peer takes no more requests for now.', data: { string_code: 'BUSY' } },
  });
  expect(complaintLine(undefined, '"1"', 'BUSY', 'why').toString()).toMatch(/^\{"jsonrpc":"2\.0","id":"1",/);
});

test('line breaks between tokens become spaces, one for one', () => {
  const value = Buffer.from('{\n"a":\r\n[1,\r2]}');
  expect(notificationLine(START, '"M"', value).toString()).toBe(
    `{${NAME},"method":"M","params":{ "a":  [1, 2]}}\n`,
  );
  expect(value.toString()).toBe('{\n"a":\r\n[1,\r2]}'); // the peer's bytes are left alone
});

test('lines keep their bytes, however many come after them, short and long', () => {
  const sizes = fc.array(fc.oneof(fc.nat(200), fc.nat(9000), fc.integer({ min: 60_000, max: 70_000 })), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(sizes, fc.string({ unit: 'binary' }), (all, name) => {
      const start = lineStart(name);
      const lines = all.map((size) =>
        requestLine(start, '1', '"M"', Buffer.from(JSON.stringify({ text: 'é'.repeat(size / 2) }))),
      );
      for (const [index, size] of all.entries()) {
        const text = lines[index]?.toString() ?? '';
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(JSON.parse(text)).toEqual({
          connection: Buffer.from(name).toString(),
          jsonrpc: '2.0',
          id: 1,
          method: 'M',
          params: { text: 'é'.repeat(size / 2) },
        });
      }
    }),
  );
});
