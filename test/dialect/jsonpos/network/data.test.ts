import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame } from '../../../../src/dialect/jsonpos/frame.ts';
import {
  dataBytesIn,
  dataParams,
  frameBytesOf,
  readData,
} from '../../../../src/dialect/jsonpos/network/data.ts';

const id = { key: '7', text: '7' };
const read = (text: string) => readData(Buffer.from(text));

test('what is written is read again, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const data = read(dataParams(id, Buffer.from(bytes)));
      expect(data?.id).toEqual(id);
      expect(data?.bytes?.equals(bytes)).toBe(true);
    }),
  );
});

test('an escaped slash is a slash', () => {
  expect(read('{"id":7,"data":"\\/\\/\\/\\/"}')?.bytes).toEqual(Buffer.from([255, 255, 255]));
});

test.each(['"AAEC/w=="', '"AAEC/w"', '"AAEC\\r\\n/w==\\n"', '"AA\\nEC/w"'])(
  'the data %s may lack its padding and have line breaks',
  (data) => {
    expect(read(`{"id":7,"data":${data}}`)?.bytes).toEqual(Buffer.from([0, 1, 2, 255]));
  },
);

test.each(['"A"', '"AA="', '"AA=="x', '"A A="', '"AB"', '"-_-_"', '"AB=="', '"AA==AA=="', '12', 'null'])(
  'the data %s is no base64',
  (data) => {
    expect(read(`{"id":7,"data":${data}}`)?.bytes).toBeUndefined();
  },
);

test('data without an id is for nobody, and without data it is broken', () => {
  expect(read('{"data":"AAAA"}')).toBeUndefined();
  expect(read('{"id":1.5,"data":"AAAA"}')).toBeUndefined();
  expect(read('{"id":7}')).toEqual({ id, bytes: undefined });
});

test('the size of a frame is known before it is made', () => {
  const usual = { key: '1234567', text: '1234567' };
  for (const count of [0, 1, 2, 3, 510, 512, 12_288]) {
    const params = dataParams(usual, Buffer.alloc(count));
    const frame = encodeFrame(['{"jsonrpc":"2.0","method":"Data","params":', params, '}'], 262_134);
    expect(frameBytesOf(count)).toBe(frame?.length);
  }
  for (const bytes of [0, 100, 1024, 16_384]) {
    const count = dataBytesIn(bytes);
    if (count > 0) expect(frameBytesOf(count)).toBeLessThanOrEqual(bytes);
    expect(frameBytesOf(count + 1)).toBeGreaterThan(bytes);
  }
});
