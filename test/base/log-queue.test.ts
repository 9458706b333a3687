import { expect, test } from 'vitest';
import { LogQueue } from '../../src/base/log-queue.ts';

const ROOM = 256 * 1024;

/** Takes everything out, `size` bytes at a time. */
function drain(queue: LogQueue, size = Number.MAX_SAFE_INTEGER): string {
  const parts: Buffer[] = [];
  for (let head = queue.head(); head !== undefined; head = queue.head()) {
    const part = head.subarray(0, size);
    parts.push(part);
    queue.written(part.length);
  }
  return Buffer.concat(parts).toString();
}

const queueOf = () => new LogQueue((lines) => `${lines} lost`);

test('gives lines back in order, however little is taken at a time', () => {
  for (const size of [1, 2, 3, 100]) {
    const queue = queueOf();
    queue.add('one');
    queue.add('zwölf');
    expect(drain(queue, size)).toBe('one\nzwölf\n');
    expect(queue.bytes).toBe(0);
  }
});

test('holds 256 KiB, counts what does not fit, and reports it where it is missing', () => {
  const queue = queueOf();
  const line = 'x'.repeat(1023);
  for (let n = 0; n < 300; n++) queue.add(line);
  expect(queue.bytes).toBe(ROOM);
  const text = drain(queue);
  expect(text.split('\n').filter((each) => each === line)).toHaveLength(256);
  expect(text.trimEnd().endsWith('\n44 lost')).toBe(true);
});

test('loses nothing more between a report and the lines behind it', () => {
  const queue = queueOf();
  for (let n = 0; n < 257; n++) queue.add('x'.repeat(1023));
  for (let n = 0; n < 128; n++) queue.written(1024);
  queue.add('after');
  expect(drain(queue).trimEnd().endsWith('x\n1 lost\nafter')).toBe(true);
});

test('takes a line that is longer than its room for lost', () => {
  const queue = queueOf();
  queue.add('x'.repeat(ROOM));
  queue.add('next');
  expect(drain(queue)).toBe('1 lost\nnext\n');
});

test('counts lines of a broken sink, reports that were lost included', () => {
  const queue = queueOf();
  queue.add('one');
  queue.add('two');
  queue.lose();
  queue.add('three');
  queue.lose();
  queue.add('four');
  expect(drain(queue)).toBe('3 lost\nfour\n');
});

test('ends a line that was cut before the next one', () => {
  const queue = queueOf();
  queue.add('one');
  queue.written(2);
  queue.lose();
  queue.lose();
  expect(drain(queue)).toBe('\n1 lost\n');
  queue.add('two');
  expect(drain(queue)).toBe('two\n');
});

test('takes back what was not written of a batch', () => {
  const queue = queueOf();
  queue.add('one');
  queue.add('two');
  const batch = queue.take();
  if (batch === undefined) throw new Error('there is a batch');
  queue.add('three');
  queue.putBack(batch, 5);
  expect(drain(queue)).toBe('wo\nthree\n');
});
