import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonNumber, listAt, memberAt, readTree, textAt, writeTree } from '../../src/rpc/json-tree.ts';

const read = (text: string) => {
  const tree = readTree(Buffer.from(text));
  if (!tree.ok) throw new Error(tree.why);
  return tree.value;
};

describe('a JSON tree', () => {
  test('numbers keep their text', () => {
    const text = '{"a":1.10,"b":12345678901234567890.0123456789,"c":-0,"d":[1e2]}';
    expect(writeTree(read(text))).toBe(text);
  });

  test('whatever JSON.stringify writes is read and written as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.parse(writeTree(read(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('names that every object has are members like others', () => {
    const tree = read('{"__proto__":{"x":"y"},"constructor":"z"}');
    expect(textAt(tree, '__proto__', 'x')).toBe('y');
    expect(textAt(tree, 'constructor')).toBe('z');
    expect(memberAt(tree, 'toString')).toBeUndefined();
    expect(writeTree(tree)).toBe('{"__proto__":{"x":"y"},"constructor":"z"}');
  });

  test('a member that comes twice is refused at any depth', () => {
    expect(readTree(Buffer.from('{"a":1,"a":1}'))).toMatchObject({ ok: false });
    expect(readTree(Buffer.from('{"x":[{"a":1,"\\u0061":2}]}'))).toEqual({
      ok: false,
      why: 'a member is given twice',
    });
  });

  test('what is no object, no JSON or too deep is refused', () => {
    for (const text of ['[]', '1', '', '{', '{"a":01}', '{"a":\u0001}']) {
      expect(readTree(Buffer.from(text)).ok, text).toBe(false);
    }
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(readTree(Buffer.from(nested(100))).ok).toBe(true);
    expect(readTree(Buffer.from(nested(101))).ok).toBe(false);
  });

  test('a single value counts as a list of one', () => {
    const tree = read('{"one":{"a":"b"},"many":["x","y"],"none":null}');
    expect(listAt(tree, 'one')).toHaveLength(1);
    expect(listAt(tree, 'many')).toEqual(['x', 'y']);
    expect(listAt(tree, 'none')).toEqual([]);
    expect(listAt(tree, 'absent')).toEqual([]);
  });

  test('undefined members are left out when written', () => {
    expect(writeTree({ a: undefined, b: new JsonNumber(7), c: [true, null, 'é'] })).toBe(
      '{"b":7,"c":[true,null,"é"]}',
    );
  });
});
