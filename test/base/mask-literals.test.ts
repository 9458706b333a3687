import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HiddenLiterals, hideLiteral } from '../../src/base/mask/literals.ts';
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

  test.each(['', 'short', '12345678901'])(
    'is not hidden when it is %j: amounts and words would go',
    (text) => {
      const show = hideLiteral(text);
      expect(maskText(`x ${text} x`)).toBe(`x ${text} x`);
      show();
    },
  );

  test('is found however JSON escapes it, and the rest stays as it was written', () => {
    const show = hideLiteral('k\u00e9y "quoted"');
    const json = '{"n":1.50,"a":"b\\/c","said":"x k\\u00e9y \\"quoted\\" x"}';
    expect(maskText(json)).toBe('{"n":1.50,"a":"b\\/c","said":"x *** x"}');
    expect(maskText('why=k\u00e9y \\"quoted\\"')).not.toContain('quoted');
    show();
  });

  test('leaves JSON valid, whatever it is', () => {
    fc.assert(
      fc.property(fc.json(), fc.string({ minLength: 6 }), (json, secret) => {
        const show = hideLiteral(secret);
        expect(() => JSON.parse(maskText(`[${json}]`))).not.toThrow();
        show();
      }),
    );
  });

  test('is forgotten when there are too many', () => {
    const shows = Array.from({ length: 300 }, (_, index) => hideLiteral(`secret-${index}-x`));
    expect(maskText('secret-299-x')).toBe('***');
    expect(maskText('secret-0-x')).toBe('secret-0-x');
    for (const show of shows) show();
    expect(maskText('secret-299-x')).toBe('secret-299-x');
  });

  test('is found in groups where it is a number, also where no check digit fits', () => {
    const show = hideLiteral('92873498723498792384');
    expect(maskText('PAN 9287 3498-7234 9879 2384.')).not.toMatch(/9287|3498/);
    expect(maskText('got 192873498723498792384')).toBe('got 1***');
    expect(maskText('{"n":92873498723498792384,"m":9287}')).toBe('{"n":"************2384","m":9287}');
    show();
  });

  test('of a connection is hidden as long as the connection wants it, the last 64 of them', () => {
    const secrets = new HiddenLiterals();
    for (let index = 0; index < 70; index++) secrets.hide(`secret-${index}-x`);
    secrets.hide('secret-69-x');
    expect(maskText('secret-0-x secret-69-x')).toBe('secret-0-x ***');
    secrets.release();
    secrets.release();
    expect(maskText('secret-69-x')).toBe('secret-69-x');
  });
});
