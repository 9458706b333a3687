import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hideLiteral, maskLiteralsInJson } from '../../src/base/mask/literals.ts';
import { maskText, maskValue } from '../../src/base/mask.ts';

describe('a secret that is told to the masker', () => {
  test('is hidden wherever it stands, until it is taken back', () => {
    const show = hideLiteral('hunter2-key');
    expect(maskText('he said hunter2-key twice: hunter2-key.')).toBe('he said *** twice: ***.');
    expect(maskText('{"message":"key hunter2-key"}')).toBe('{"message":"key ***"}');
    expect(maskValue({ why: 'hunter2-key', list: ['xhunter2-keyx'] })).toEqual({
      why: '***',
      list: ['x***x'],
    });
    show();
    show();
    expect(maskText('hunter2-key')).toBe('hunter2-key');
  });

  test('stays hidden as long as anybody wants it', () => {
    const shows = [hideLiteral('hunter2-key'), hideLiteral('hunter2-key')];
    shows[0]?.();
    shows[0]?.();
    expect(maskText('hunter2-key')).toBe('***');
    shows[1]?.();
    expect(maskText('hunter2-key')).toBe('hunter2-key');
  });

  test.each(['', 'short', '1234567890'])(
    'is not hidden when it is %j: amounts and words would go',
    (text) => {
      const show = hideLiteral(text);
      expect(maskText(`x ${text} x`)).toBe(`x ${text} x`);
      show();
    },
  );

  test('is found however JSON escapes it, and the rest stays as it was written', () => {
    const show = hideLiteral('k\u00e9y "quoted"');
    const json = '{"n":1.50,"a":"b\\/c","secret":"x k\\u00e9y \\"quoted\\" x"}';
    expect(maskLiteralsInJson(json)).toBe('{"n":1.50,"a":"b\\/c","secret":"x *** x"}');
    expect(maskText('why=k\u00e9y \\"quoted\\"')).not.toContain('quoted');
    show();
  });

  test('leaves JSON valid, whatever it is', () => {
    fc.assert(
      fc.property(fc.json(), fc.string({ minLength: 6 }), (json, secret) => {
        const show = hideLiteral(secret);
        expect(() => JSON.parse(maskLiteralsInJson(json))).not.toThrow();
        show();
      }),
    );
  });

  test('is forgotten when there are too many', () => {
    const shows = Array.from({ length: 100 }, (_, index) => hideLiteral(`secret-${index}-x`));
    expect(maskText('secret-99-x')).toBe('***');
    expect(maskText('secret-0-x')).toBe('secret-0-x');
    for (const show of shows) show();
    expect(maskText('secret-99-x')).toBe('secret-99-x');
  });
});
