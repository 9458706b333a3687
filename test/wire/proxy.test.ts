import { describe, expect, test } from 'vitest';
import { parseProxy, proxiesOf } from '../../src/wire/proxy.ts';

const SECURE = { host: 'psp.example', port: 443, secure: true };
const PLAIN = { host: 'psp.example', port: 80, secure: false };

describe("a proxy's address", () => {
  test.each([
    ['http://proxy.example:3128', 'http://proxy.example:3128/'],
    ['http://proxy.example:3128/', 'http://proxy.example:3128/'],
    ['proxy.example:3128', 'http://proxy.example:3128/'],
    ['https://me:hush@proxy.example', 'https://me:hush@proxy.example/'],
    ['http://[::1]:3128', 'http://[::1]:3128/'],
  ])('%s is one', (text, url) => expect(parseProxy(text)?.href).toBe(url));

  test.each([
    '',
    'socks5://proxy.example:1080',
    'http://proxy.example/path',
    'http://',
    'http://h:99999',
    'http://h/?a',
  ])('%j is none', (text) => expect(parseProxy(text)).toBeUndefined());
});

describe('the proxies of the environment', () => {
  const env = { https_proxy: 'http://s:1', http_proxy: 'http://p:2' };

  test('are one for what is encrypted, and one for what is not', () => {
    expect(proxiesOf(env)(SECURE)?.host).toBe('s:1');
    expect(proxiesOf(env)(PLAIN)?.host).toBe('p:2');
    expect(proxiesOf({ HTTPS_PROXY: 'http://s:1' })(SECURE)?.host).toBe('s:1');
    expect(proxiesOf({ HTTP_PROXY: 'http://p:2' })(PLAIN)).toBeUndefined();
    expect(proxiesOf({ https_proxy: '' })(SECURE)).toBeUndefined();
    expect(proxiesOf({})(SECURE)).toBeUndefined();
  });

  test.each(['localhost', '127.0.0.1', '127.9.9.9', '::1'])('never lead to %s', (host) => {
    expect(proxiesOf(env)({ ...SECURE, host })).toBeUndefined();
  });

  test.each([
    ['psp.example', true],
    ['PSP.example', true],
    ['example', true],
    ['.example', true],
    ['*.example', true],
    ['sp.example', false],
    ['psp.example:443', true],
    ['psp.example:444', false],
    ['other, psp.example', true],
    ['*', true],
    ['', false],
    ['psp.example.org', false],
  ])('with no_proxy=%s the host is excepted: %s', (list, isExcepted) => {
    expect(proxiesOf({ ...env, no_proxy: list })(SECURE) === undefined).toBe(isExcepted);
  });

  test('that cannot be read are named, without their secrets', () => {
    expect(() => proxiesOf({ https_proxy: 'socks5://me:hush@h:1' })(SECURE)).toThrow(
      /^USAGE: https_proxy is no address of a proxy; for example http:\/\/proxy.example:3128$/,
    );
  });
});
