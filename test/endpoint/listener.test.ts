import { describe, expect, test } from 'vitest';
import { parseListener } from '../../src/endpoint/listener.ts';

describe("a listener's endpoint", () => {
  test.each([
    ['tcp:0.0.0.0:10001?register=till-1', 'tcp:0.0.0.0:10001', 'till-1'],
    ['tcp:[::1]:1?register={peer}', 'tcp:[::1]:1', '{peer}'],
    ['unix:/run/pos.sock?mode=0660&register=a:b', 'unix:/run/pos.sock?mode=0660', 'a:b'],
    ['unix:/run/pos.sock?register=a.b&mode=0660', 'unix:/run/pos.sock?mode=0660', 'a.b'],
    ['ws://127.0.0.1:0/pos?register=till_1', 'ws://127.0.0.1:0/pos', 'till_1'],
    ['fd:3?register=till-1', 'fd:3', 'till-1'],
  ])('%s names the register of its connections', (text, bare, register) => {
    const place = parseListener(text);
    expect([place.endpoint.text, place.register]).toEqual([bare, register]);
  });

  test('names none where it says nothing', () => {
    expect(parseListener('unix:/run/pos.sock?mode=0660')).not.toHaveProperty('register');
  });

  test.each([
    'tcp:127.0.0.1:1?register=',
    'tcp:127.0.0.1:1?register=a b',
    'tcp:127.0.0.1:1?register=a&register=b',
    `tcp:127.0.0.1:1?register=${'x'.repeat(65)}`,
    'tcp:127.0.0.1:1?register={identity}',
  ])('%s is refused, with the form that is wanted', (text) => {
    expect(() => parseListener(text)).toThrow(
      /register= wants a name of 1 to 64 letters.*tcp:127\.0\.0\.1:10001\?register=till-1/,
    );
  });

  test.each(['tcp:127.0.0.1:1?register=a&speed=9', 'ws://127.0.0.1:1/pos?till=4'])(
    '%s is refused for what else stands there',
    (text) => expect(() => parseListener(text)).toThrow(),
  );
});
