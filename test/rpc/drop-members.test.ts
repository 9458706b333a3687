import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isNeverStored } from '../../src/base/mask/rules.ts';
import { dropMembers } from '../../src/rpc/drop-members.ts';

const isX = (name: string) => name === 'x';

describe('what is kept', () => {
  test.each([
    ['{}'],
    ['{ }'],
    ['[ 1 , {"y" : 2 } ]'],
    ['{"a": 1.10e2,\n"b":"\\u00e4\\"x\\"", "c" :[true,false , null]}'],
    ['"x"'],
    ['{"y":"x"}'],
    ['-0.0'],
  ])('is the same text where nothing is dropped: %s', (text) => {
    expect(dropMembers(text, isX)).toBe(text);
  });

  test('keeps the text of its values: numbers, escapes, order', () => {
    expect(dropMembers('{"a": 1.10e2 , "x": 1, "ü\\u0062":"\\u00e4\\"}]", "c":-0.0}', isX)).toBe(
      '{"a":1.10e2,"ü\\u0062":"\\u00e4\\"}]","c":-0.0}',
    );
  });
});

describe('what is dropped', () => {
  test.each([
    ['{"x":1}', '{}'],
    ['{"x":1,"a":2}', '{"a":2}'],
    ['{"a":2,"x":1}', '{"a":2}'],
    ['{"a":1,"x":{"y":[{"x":2}]},"b":3}', '{"a":1,"b":3}'],
    ['{"x":1,"x":2,"a":3,"x":4}', '{"a":3}'],
    ['[{"x":1},{"a":{"x":[]}}]', '[{},{"a":{}}]'],
    ['{"\\u0078":1}', '{}'],
    [' { "x" : "}" , "a" : "x" } ', '{"a":"x"}'],
    ['{"x":"\\\\","a":1}', '{"a":1}'],
    ['{"__proto__":1,"x":2}', '{"__proto__":1}'],
  ])('%s becomes %s', (text, expected) => {
    expect(dropMembers(text, isX)).toBe(expected);
    expect(() => JSON.parse(expected)).not.toThrow();
  });

  test('is found at the deepest nesting that gets so far', () => {
    const nested = `${'{"a":['.repeat(50)}{"x":1,"b":2}${']}'.repeat(50)}`;
    expect(dropMembers(nested, isX)).toBe(nested.replace('"x":1,', ''));
  });

  test('is exactly what a reader of the JSON would leave out, however it is written', () => {
    const keys = fc.constantFrom('x', 'a', 'b', '', '"x"', 'ü', '\\', '\u2028');
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(null, true, 0, -1.5e-7, 'x', '{"x":1}', ',]}"\\', '\u0000'),
        fc.array(tie('json'), { maxLength: 4 }),
        fc.dictionary(keys, tie('json'), { maxKeys: 5 }),
      ),
    }));
    const without = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(without);
      if (typeof value !== 'object' || value === null) return value;
      const kept = Object.entries(value).filter(([name]) => name !== 'x');
      return Object.fromEntries(kept.map(([name, member]) => [name, without(member)]));
    };
    const property = fc.property(json, fc.constantFrom(0, 1, '\t\r\n '), (value, indent) => {
      const dropped = dropMembers(JSON.stringify(value, null, indent), isX);
      expect(JSON.parse(dropped)).toEqual(without(value));
    });
    fc.assert(property, { numRuns: 2000 });
  });
});

describe('what no journal may keep', () => {
  test.each([
    'track2',
    'track_2',
    'Track1',
    'track_data',
    'track2_equivalent_data',
    'magstripe',
    'swipe_data',
    'cvv',
    'cvv2',
    'CVC',
    'card_cvc',
    'cvn',
    'csc',
    'cav2',
    'security_code',
    'card_verification_value',
    'cid2',
    'pin',
    'PIN',
    'online_pin',
    'pin_block',
    'encrypted_pin',
    'pinblock',
    'wrongPin',
  ])('%s', (name) => {
    expect(isNeverStored(name)).toBe(true);
  });

  test.each([
    'trace_number',
    'tracking',
    'transaction_id',
    'card_number',
    'masked_card_number',
    'amount',
    'api_key',
    'mac',
    'password',
    'pin_entry_required',
    'shipping',
    'mapping',
    'pin_verified',
    'cid',
    'receipt',
    'security_level',
  ])('%s may stay', (name) => {
    expect(isNeverStored(name)).toBe(false);
  });
});
