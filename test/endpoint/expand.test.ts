import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BridgeError } from '../../src/base/errors.ts';
import type { EndpointUse } from '../../src/endpoint/endpoint.ts';
import { displayEndpoint, expandEndpoint, placeholdersOf } from '../../src/endpoint/expand.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';

const VALUES = { connection: 'till-3.4711', peer: '192.0.2.7', identity: 'CP 1', pid: '4711' };

const expand = (text: string, values = {}, use: EndpointUse = 'channel') =>
  expandEndpoint(parseEndpoint(text, use), { ...VALUES, ...values });

describe('filling in', () => {
  test('goes into the text and the parts alike', () => {
    expect(expand('unix:/run/{connection}/{identity}.sock')).toEqual({
      kind: 'unix',
      text: 'unix:/run/till-3.4711/CP%201.sock',
      path: '/run/till-3.4711/CP%201.sock',
      abstract: false,
    });
    expect(expand('unix:@{pid}.{pid}')).toMatchObject({ path: '4711.4711', abstract: true });
    expect(expand('fifo:/run/{pid}')).toMatchObject({ kind: 'fifo', path: '/run/4711' });
    expect(expand('unix:/run/{pid}?mode=0600', {}, 'listen')).toMatchObject({
      path: '/run/4711',
      mode: 0o600,
    });
  });

  test('makes one word of a subject of a value', () => {
    expect(expand('nats://h:1/a.{connection}.{identity}')).toMatchObject({
      kind: 'nats',
      servers: ['h:1'],
      prefix: 'a.till-3%2E4711.CP%201',
    });
  });

  test('leaves an endpoint without placeholders as it is', () => {
    for (const text of ['null:', 'fd:3', 'tcp:h:1', 'unix:/a', 'simulator:']) {
      const endpoint = parseEndpoint(text, 'channel');
      expect(expandEndpoint(endpoint, {})).toBe(endpoint);
    }
  });

  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:192.0.2.7', '::ffff:192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1%25eth0'],
    ['till-3.4711', 'till-3.4711'],
    ['.', '%2E'],
    ['..', '%2E%2E'],
    ['...', '...'],
    ['.x', '.x'],
    ['a/b', 'a%2Fb'],
    ['../../etc', '..%2F..%2Fetc'],
    ['@a?b#c', '%40a%3Fb%23c'],
    ['{pid}', '%7Bpid%7D'],
    ['%2F', '%252F'],
    ['a\0\n\u007f', 'a%00%0A%7F'],
    ['ä€', '%C3%A4%E2%82%AC'],
    ['\ud800', '%EF%BF%BD'],
  ])('makes one file name of %j', (value, name) => {
    expect(expand('unix:/run/{identity}', { identity: value })).toMatchObject({ path: `/run/${name}` });
  });

  test('gives the host of an address, in brackets in the text where needed', () => {
    expect(expand('tcp:{peer}:80')).toEqual({
      kind: 'tcp',
      text: 'tcp:192.0.2.7:80',
      host: '192.0.2.7',
      port: 80,
    });
    expect(expand('tcp:{peer}:80', { peer: '::1' })).toEqual({
      kind: 'tcp',
      text: 'tcp:[::1]:80',
      host: '::1',
      port: 80,
    });
    expect(expand('ws://{peer}:1/{identity}?x={identity}', {}, 'wire')).toEqual({
      kind: 'ws',
      text: 'ws://192.0.2.7:1/CP%201?x=CP%201',
      url: 'ws://192.0.2.7:1/CP%201?x=CP%201',
      host: '192.0.2.7',
      port: 1,
      path: '/CP%201?x=CP%201',
      secure: false,
    });
  });

  test.each([
    ['a placeholder without a value', 'unix:/{peer}', { peer: undefined }, 'there is no value for {peer}'],
    ['an empty value', 'unix:/{peer}', { peer: '' }, 'there is no value for {peer}'],
    ['a value that is no host', 'tcp:{peer}:80', { peer: 'a/b' }, 'is no host'],
    ['a value with a port', 'tcp:{peer}:80', { peer: 'a:1' }, 'is no host'],
    ['a value with a user', 'ws://{peer}/', { peer: 'a@b' }, 'is no host'],
    ['values that make no host together', 'tcp:{peer}.{peer}:80', {}, 'no host name'],
    [
      'what makes a socket path too long',
      'unix:/{peer}',
      { peer: 'x'.repeat(107) },
      '108 bytes are too long',
    ],
    ['what makes a file name too long', 'fifo:/{peer}', { peer: 'ä'.repeat(50) }, 'longer than 255 bytes'],
  ])('refuses %s', (_, text, values, why) => {
    const run = () => expand(text, values, text.startsWith('ws') ? 'wire' : 'channel');
    expect(run).toThrow(BridgeError);
    expect(run).toThrow(why);
  });

  test('never leaves the folder, and different values never meet', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
      fc.constantFrom('.', '..', '/', '%2E'),
    );
    const property = fc.property(value, value, (one, other) => {
      const paths = [one, other].map((identity) => {
        const endpoint = expand('fifo:/run/{identity}', { identity });
        if (endpoint.kind !== 'fifo') throw new Error('the kind stays');
        expect(parseEndpoint(endpoint.text, 'channel')).toEqual(endpoint);
        expect(placeholdersOf(endpoint)).toEqual([]);
        expect(endpoint.path).toMatch(/^\/run\/(?!\.{1,2}$)[\w.:~+,%-]+$/);
        return endpoint.path;
      });
      if (!/\p{Cs}/u.test(`${one} ${other}`)) expect(paths[0] === paths[1]).toBe(one === other);
    });
    fc.assert(property, { numRuns: 5000 });
  });
});

test('names the placeholders, each once', () => {
  const of = (text: string) => placeholdersOf(parseEndpoint(text, 'channel'));
  expect(of('unix:/{pid}/{connection}.{pid}')).toEqual(['pid', 'connection']);
  expect(of('unix:/run/x')).toEqual([]);
});

test('shows an endpoint with what is secret masked', () => {
  const shown = (text: string) => displayEndpoint(parseEndpoint(text, 'wire'));
  expect(shown('wss://h/x?api_key=hush&a=1')).toBe('wss://h/x?api_key=***&a=1');
  expect(displayEndpoint(expand('unix:/run/{identity}', { identity: '4111111111111111' }))).toBe(
    'unix:/run/************1111',
  );
});
