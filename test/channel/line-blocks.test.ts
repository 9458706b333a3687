import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineBlocks, type Place } from '../../src/channel/line-blocks.ts';

const textAt = ({ block, from, to }: Place) => block.toString('latin1', from, to);

test('lines that follow each other lie one behind the other', () => {
  const blocks = new LineBlocks();
  const one = blocks.add(Buffer.from('one\n'));
  const two = blocks.add(Buffer.from('two\n'));
  expect([two.block === one.block, two.from]).toEqual([true, one.to]);
  expect(textAt({ block: one.block, from: one.from, to: two.to })).toBe('one\ntwo\n');
});

test('a long line stays where it is, and the next one goes on behind the last short one', () => {
  const blocks = new LineBlocks();
  const one = blocks.add(Buffer.from('one\n'));
  const long = Buffer.alloc(16 * 1024 + 1, 'x');
  expect(blocks.add(long).block === long).toBe(true);
  const two = blocks.add(Buffer.from('two\n'));
  expect([two.block === one.block, two.from]).toEqual([true, one.to]);
});

test('every line keeps its bytes, whatever their lengths', () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 20_000 })), {
    maxLength: 100,
  });
  fc.assert(
    fc.property(lengths, (all) => {
      const blocks = new LineBlocks();
      const lines = all.map((length, index) => Buffer.alloc(length, 0x21 + (index % 90)));
      const places = lines.map((line) => blocks.add(line));
      expect(places.map(textAt)).toEqual(lines.map((line) => line.toString('latin1')));
    }),
  );
});

test('the memory of a block is used again, also by others, once it was given back', () => {
  const blocks = new LineBlocks();
  const one = blocks.add(Buffer.from('one\n'));
  blocks.release();
  blocks.release();
  const two = new LineBlocks().add(Buffer.from('two\n'));
  expect([two.block === one.block, two.from, two.to]).toEqual([true, one.from, one.to]);
  expect(textAt(one)).toBe('two\n');
  expect(blocks.add(Buffer.from('three\n')).block === two.block).toBe(false);
});

test('what is released is overwritten before others get the memory', () => {
  const blocks = new LineBlocks();
  const { block, to } = blocks.add(Buffer.from('a secret\n'));
  blocks.release();
  expect(block.subarray(0, to).every((byte) => byte === 0)).toBe(true);
});
