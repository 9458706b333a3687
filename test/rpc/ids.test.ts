import { describe, expect, test } from 'vitest';
import { createIds } from '../../src/rpc/ids.ts';

describe('ids', () => {
  test('count up behind prefix and random text', () => {
    const next = createIds('pt', '9f3a');
    expect([next(), next(), next()]).toEqual(['pt-9f3a-1', 'pt-9f3a-2', 'pt-9f3a-3']);
  });

  test('of two connections differ by the random text', () => {
    const first = createIds('pt', 'a');
    const second = createIds('pt', 'b');
    const ids = new Set(Array.from({ length: 1000 }, () => [first(), second()]).flat());
    expect(ids.size).toBe(2000);
  });

  test('leave room for the largest count within 64 characters', () => {
    const next = createIds('a very long name of a connection that nobody needs', 'r'.repeat(32));
    expect(next().length - 1 + String(Number.MAX_SAFE_INTEGER).length).toBeLessThanOrEqual(64);
    expect(next()).toContain(`-${'r'.repeat(32)}-2`);
  });

  test.each([0, 33])('refuse a random text of %i characters', (length) => {
    expect(() => createIds('pt', 'r'.repeat(length))).toThrow(RangeError);
  });
});
