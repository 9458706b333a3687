import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAction } from '../../src/terminal/screen/action.ts';

describe('an action of a browser', () => {
  test.each([
    { do: 'tap', card: 'visa' },
    { do: 'remove' },
    ...[...'0123456789'].map((key) => ({ do: 'key', key })),
    { do: 'key', key: 'clear' },
    { do: 'key', key: 'stop' },
    { do: 'key', key: 'ok' },
    { do: 'text', text: '' },
    { do: 'sign', accepted: false },
    { do: 'tear-receipt' },
  ])('%j is taken as it is', (action) => {
    expect(parseAction(JSON.stringify(action))).toEqual(action);
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '"remove"',
    '{}',
    '{"do":"explode"}',
    '{"do":"__proto__"}',
    '{"do":["remove"]}',
    '{"do":"remove","card":"visa"}',
    '{"do":"tap"}',
    '{"do":"tap","card":1}',
    '{"do":"tap","card":"visa","more":1}',
    '{"do":"key","key":"10"}',
    '{"do":"key","key":5}',
    '{"do":"key","key":"constructor"}',
    '{"do":"text","text":null}',
    '{"do":"sign","accepted":"yes"}',
    '{"do":"tear-receipt","__proto__":{}}',
  ])('%s is refused', (text) => {
    expect(parseAction(text)).toBeUndefined();
  });

  test('has limits', () => {
    const text = (length: number) => JSON.stringify({ do: 'text', text: 'ä'.repeat(length) });
    const card = (length: number) => JSON.stringify({ do: 'insert', card: 'c'.repeat(length) });
    expect([text(1000), text(1001), card(64), card(65)].map((one) => parseAction(one) !== undefined)).toEqual(
      [true, false, true, false],
    );
  });

  test('is one of the known ones, or nothing, whatever comes', () => {
    const verbs = ['insert', 'tap', 'remove', 'key', 'text', 'sign', 'tear-receipt'];
    const near = fc.record(
      { do: fc.constantFrom(...verbs, 'x'), card: fc.json(), key: fc.constantFrom('1', 'ok', 'x') },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),

          near.map((it) => JSON.stringify(it)),
        ),
        (text) => {
          const action = parseAction(text);
          if (action === undefined) return;
          expect(verbs).toContain(action.do);
          expect(action).toEqual(JSON.parse(text));
        },
      ),
    );
  });
});
