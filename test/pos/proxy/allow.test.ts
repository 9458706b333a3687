import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AllowList, parseAllow } from '../../../src/pos/proxy/allow.ts';

function listOf(...texts: string[]): AllowList {
  return new AllowList(
    texts.map((text) => {
      const pattern = parseAllow(text);
      if (pattern === undefined) throw new Error(`${text} is no pattern`);
      return pattern;
    }),
  );
}

describe('without patterns', () => {
  const list = listOf();
  test('every public address may be reached, whatever it is called', () => {
    expect(list.allows({ host: 'psp.example', port: 443 }, '8.8.8.8')).toBe(true);
    expect(list.allows({ host: '8.8.8.8', port: 1 }, '8.8.8.8')).toBe(true);
  });
  test('no other address may, whatever it is called', () => {
    expect(list.allows({ host: 'psp.example', port: 443 }, '127.0.0.1')).toBe(false);
    expect(list.allows({ host: 'localhost', port: 443 }, '::1')).toBe(false);
    expect(list.allows({ host: 'psp.example', port: 443 }, '::ffff:10.0.0.1')).toBe(false);
  });
});

describe('a pattern', () => {
  test('names a host and its port, and then any address that it has', () => {
    const list = listOf('PSP.example.:443');
    expect(list.allows({ host: 'psp.EXAMPLE', port: 443 }, '8.8.8.8')).toBe(true);
    expect(list.allows({ host: 'psp.example.', port: 443 }, '10.0.0.7')).toBe(true);
    expect(list.allows({ host: 'psp.example', port: 80 }, '8.8.8.8')).toBe(false);
    expect(list.allows({ host: 'xpsp.example', port: 443 }, '8.8.8.8')).toBe(false);
    expect(list.mayResolve({ host: 'psp.example', port: 443 })).toBe(true);
    expect(list.mayResolve({ host: 'other.example', port: 443 })).toBe(false);
    expect(list.mayResolve({ host: 'psp.example', port: 80 })).toBe(false);
  });

  test('with * in a name allows public addresses only', () => {
    const list = listOf('*.psp.example:*');
    expect(list.allows({ host: 'a.b.psp.example', port: 1 }, '8.8.8.8')).toBe(true);
    expect(list.allows({ host: 'a.psp.example', port: 1 }, '127.0.0.1')).toBe(false);
    expect(list.allows({ host: 'psp.example', port: 1 }, '8.8.8.8')).toBe(false);
    expect(listOf('*:*').allows({ host: 'evil.example', port: 1 }, '169.254.169.254')).toBe(false);
  });

  test('with * in an address allows those addresses, and no name, wherever it leads', () => {
    const list = listOf('10.0.*:443');
    expect(list.mayResolve({ host: '10.0.3.4', port: 443 })).toBe(true);
    expect(list.allows({ host: '10.0.3.4', port: 443 }, '10.0.3.4')).toBe(true);
    expect(list.allows({ host: '::ffff:10.0.3.4', port: 443 }, '::ffff:10.0.3.4')).toBe(true);
    expect(list.mayResolve({ host: '10.1.3.4', port: 443 })).toBe(false);
    for (const name of ['gateway', '10.0.evil.example', '10.0.3.4.evil.example', '10.0.1']) {
      expect(list.mayResolve({ host: name, port: 443 })).toBe(false);
      expect(list.allows({ host: name, port: 443 }, '10.0.3.4')).toBe(false);
    }
  });

  test('of addresses lends nothing to a name that another pattern allows', () => {
    const list = listOf('10.0.*:443', '*.example:443');
    expect(list.allows({ host: '10.0.evil.example', port: 443 }, '8.8.8.8')).toBe(true);
    expect(list.allows({ host: '10.0.evil.example', port: 443 }, '10.0.3.4')).toBe(false);
  });

  test('may be an address of either kind, however it is written', () => {
    expect(listOf('127.0.0.1:80').allows({ host: '::ffff:127.0.0.1', port: 80 }, '127.0.0.1')).toBe(true);
    expect(listOf('127.0.0.1:80').allows({ host: 'localhost', port: 80 }, '127.0.0.1')).toBe(false);
    expect(listOf('[FD00:0::7]:80').allows({ host: 'fd00::7', port: 80 }, 'fd00:0:0::7')).toBe(true);
    expect(listOf('[::ffff:7f00:1]:80').allows({ host: '127.0.0.1', port: 80 }, '127.0.0.1')).toBe(true);
  });

  test('several allow what any of them does', () => {
    const list = listOf('a.example:1', 'b.example:2');
    expect(list.allows({ host: 'b.example', port: 2 }, '8.8.8.8')).toBe(true);
    expect(list.allows({ host: 'b.example', port: 1 }, '8.8.8.8')).toBe(false);
  });

  test.each([
    '',
    'host',
    'host:',
    ':80',
    '*',
    'host:0',
    'host:65536',
    'host:http',
    'a b:80',
    '[::1]',
    '[::1%lo]:80',
    '[10.0.0.1]:80',
    '::1:80',
    'http://host:80',
    '.:80',
  ])('is never %s', (text) => {
    expect(parseAllow(text)).toBeUndefined();
  });

  test('matches as the same expression does', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(glob, word, (pattern, host) => {
        const parsed = parseAllow(`${pattern}:1`);
        fc.pre(parsed !== undefined && parsed.host !== '' && pattern.includes('*'));
        const own = (parsed?.host ?? '').replaceAll('.', '\\.').replaceAll('*', '.*');
        const name = host.replace(/\.$/, '');
        const expected = new RegExp(`^${own}$`).test(name);
        expect(listOf(`${pattern}:1`).allows({ host, port: 1 }, '8.8.8.8')).toBe(expected);
      }),
    );
  });
});
