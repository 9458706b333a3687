import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiteralCache } from '../../src/rpc/literal-cache.ts';

function read(cache: LiteralCache, literal: string) {
  const text = Buffer.from(`{"x":${literal}}`);
  return cache.read(text, 5, text.length - 1);
}

describe('a cache of literals', () => {
  test('decodes, and keeps the literal as it was written', () => {
    const cache = new LiteralCache();
    expect(read(cache, '"_Keepalive"')).toEqual({ value: '_Keepalive', text: '"_Keepalive"' });
    expect(read(cache, '"\\u0041\\n"')).toEqual({ value: 'A\n', text: '"\\u0041\\n"' });
    expect(read(cache, '"äöü€"')).toEqual({ value: 'äöü€', text: '"äöü€"' });
    expect(read(cache, '""')).toEqual({ value: '', text: '""' });
  });

  test('makes the same literal once, unless it is long', () => {
    const cache = new LiteralCache();
    expect(read(cache, '"Purchase"')).toBe(read(cache, '"Purchase"'));
    const long = JSON.stringify('x'.repeat(100));
    expect(read(cache, long)).toEqual(read(cache, long));
    expect(read(cache, long)).not.toBe(read(cache, long));
  });

  test('keeps no part of the text that it was read from', () => {
    const cache = new LiteralCache();
    const text = Buffer.from('"Purchase"');
    const literal = cache.read(text, 0, text.length);
    text.fill('x');
    expect(literal).toEqual({ value: 'Purchase', text: '"Purchase"' });
    expect(read(cache, '"Purchase"')).toBe(literal);
  });

  test('never takes one for another', () => {
    const cache = new LiteralCache();
    const text = fc.string({ unit: fc.constantFrom(...'abä"\\\n'), maxLength: 6 });
    fc.assert(
      fc.property(text, (value) => {
        const literal = JSON.stringify(value);
        expect(read(cache, literal)).toEqual({ value, text: literal });
      }),
      { numRuns: 5000 },
    );
  });
});
