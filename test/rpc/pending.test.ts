import { describe, expect, test } from 'vitest';
import { Pending } from '../../src/rpc/pending.ts';

describe('pending requests', () => {
  test('are taken once', () => {
    const pending = new Pending<number>(4);
    expect(pending.add('a', 1)).toBe(true);
    expect([pending.has('a'), pending.take('a'), pending.take('a'), pending.has('a')]).toEqual([
      true,
      1,
      undefined,
      false,
    ]);
    expect(pending.size).toBe(0);
  });

  test('are bounded, and free again when taken', () => {
    const pending = new Pending<number>(2);
    expect([pending.add('a', 1), pending.add('b', 2), pending.isFull, pending.add('c', 3)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    pending.take('a');
    expect([pending.isFull, pending.add('c', 3)]).toEqual([false, true]);
    expect(pending.ids()).toEqual(['b', 'c']);
  });

  test('keep the first of two with the same id', () => {
    const pending = new Pending<number>(4);
    pending.add('a', 1);
    expect(pending.add('a', 2)).toBe(false);
    expect([pending.size, pending.take('a')]).toEqual([1, 1]);
  });

  test('are settled all, oldest first, each once', () => {
    const pending = new Pending<number>(8);
    for (const id of ['c', 'a', '10', '9', 'b']) pending.add(id, id.length);
    pending.take('a');
    const settled: string[] = [];
    pending.settleAll((value, id) => {
      settled.push(`${id}:${value}`);
      expect(pending.take(id)).toBeUndefined();
      if (id === 'c') pending.add('later', 0);
    });
    expect(settled).toEqual(['c:1', '10:2', '9:1', 'b:1']);
    expect(pending.ids()).toEqual(['later']);
  });

  test('may have any name', () => {
    const pending = new Pending<number>(8);
    expect(pending.take('__proto__')).toBeUndefined();
    expect([pending.add('__proto__', 1), pending.add('', 2), pending.take('__proto__')]).toEqual([
      true,
      true,
      1,
    ]);
  });
});
