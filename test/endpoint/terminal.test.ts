import { describe, expect, test } from 'vitest';
import { BridgeError } from '../../src/base/errors.ts';
import { expandEndpoint } from '../../src/endpoint/expand.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { placeOf } from '../../src/endpoint/place.ts';
import { isAddress } from '../../src/endpoint/syntax.ts';
import { splitTerminal } from '../../src/endpoint/terminal.ts';

function complaintOf(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (fault) {
    if (fault instanceof BridgeError && fault.code === 'ENDPOINT_INVALID') return fault.text;
    throw fault;
  }
}

function terminal(text: string) {
  const endpoint = parseEndpoint(text, 'terminal');
  if (endpoint.kind !== 'terminal') throw new Error(`${text} is no terminal`);
  return endpoint;
}

const split = (text: string, ...names: string[]) => splitTerminal(terminal(text), names);

describe('DIALECT+ENDPOINT', () => {
  test.each([
    ['jsonpos+tcp:10.0.0.5:10001', 'jsonpos', { kind: 'tcp', host: '10.0.0.5', port: 10_001 }],
    [
      'ecr-eft+serial:/dev/ttyUSB0',
      'ecr-eft',
      { kind: 'serial', device: { kind: 'path', path: '/dev/ttyUSB0' } },
    ],
    ['ocpp1.6+ws://10.0.0.6/x', 'ocpp1.6', { kind: 'ws', host: '10.0.0.6', secure: false }],
    ['nexo+wss://10.0.0.6:8443/nexo', 'nexo', { kind: 'ws', port: 8443, secure: true }],
    ['sca+unix:/run/a+b.sock', 'sca', { kind: 'unix', path: '/run/a+b.sock' }],
    ['jsonpos+fd:5', 'jsonpos', { kind: 'fd', read: 5, write: 5 }],
  ])('%s is a terminal, for a channel too', (text, dialect, place) => {
    for (const use of ['terminal', 'channel'] as const) {
      expect(parseEndpoint(text, use)).toMatchObject({ kind: 'terminal', text, dialect, place });
    }
  });

  test('is no wire and no listener of a bridge', () => {
    for (const use of ['wire', 'listen'] as const) {
      expect(complaintOf(() => parseEndpoint('jsonpos+tcp:h:1', use))).toContain('jsonpos+ is not for');
    }
  });

  test.each([
    ['jsonpos+simulator:', 'no terminal can be there'],
    ['jsonpos+fifo:/run/x', 'no terminal can be there'],
    ['jsonpos+jsonpos+tcp:h:1', 'no such kind'],
    ['jsonpos+tcp:h', 'the port is missing'],
    ['jsonpos+tcp:h:0', 'port 0 is not for'],
    ['jsonpos+unix:', 'the path is missing'],
    [`jsonpos+unix:/${'x'.repeat(5000)}`, 'longer than 4096'],
    ['JSONPOS+tcp:h:1', 'no such kind'],
    ['jsonpos+tcp:{nobody}:1', 'nothing is known as'],
  ])('%s is refused with what is wrong', (text, why) => {
    const complaint = complaintOf(() => parseEndpoint(text, 'terminal'));
    expect(complaint).toContain(why);
    expect(complaint).toContain('; for example ');
    expect(complaint).not.toContain('\n');
  });

  test('a path with a plus in it is a path', () => {
    expect(parseEndpoint('unix:/run/a+tcp:1', 'channel')).toMatchObject({
      kind: 'unix',
      path: '/run/a+tcp:1',
    });
    expect(isAddress('jsonpos+tcp:h:1')).toBe(true);
    expect(isAddress('a+b')).toBe(false);
  });

  test('is the place that its wire is, whoever speaks there and however', async () => {
    const place = await placeOf(parseEndpoint('tcp:127.0.0.1:7', 'channel'));
    expect(await placeOf(terminal('jsonpos+tcp:localhost:7'))).toBe(place);
    expect(await placeOf(terminal('sca+tcp:LOCALHOST:7?till=3'))).toBe(place);
    expect(await placeOf(terminal('ecr-eft+serial:/dev/ttyS0?baudRate=9600'))).toBe('serial:/dev/ttyS0');
  });

  test('takes a host for a placeholder where a host stands, and a file name elsewhere', () => {
    const values = { peer: '192.0.2.7', connection: 'a/b' };
    expect(expandEndpoint(terminal('jsonpos+tcp:{peer}:10001'), values)).toMatchObject({
      text: 'jsonpos+tcp:192.0.2.7:10001',
      place: { host: '192.0.2.7' },
    });
    expect(expandEndpoint(terminal('jsonpos+unix:/run/{connection}'), values).text).toBe(
      'jsonpos+unix:/run/a%2Fb',
    );
    const badHost = () => expandEndpoint(terminal('nexo+ws://{peer}/x'), { peer: 'a b' });
    expect(complaintOf(badHost)).toContain('is no host');
  });
});

describe('what stands behind the question mark', () => {
  test('is the dialect’s where the dialect has such an option, else the wire’s', () => {
    const { wire, options } = split('ecr-eft+serial:/dev/ttyS0?baudRate=9600&cash=no&parity=even', 'cash');
    expect(wire).toMatchObject({ kind: 'serial', options: { baudRate: 9600, parity: 'even' } });
    expect([...options]).toEqual([['cash', 'no']]);
    const url = split('nexo+wss://h/nexo?vendor=adyen&session=7', 'vendor').wire;
    expect(url).toMatchObject({ url: 'wss://h/nexo?session=7' });
  });

  test('is read without its percents', () => {
    expect([...split('nexo+tcp:h:1?keys=%2Fa%26b', 'keys').options]).toEqual([['keys', '/a&b']]);
  });

  test.each([
    ['nexo+tcp:h:1?vendor=a&vendor=b', 'vendor is given twice'],
    ['nexo+tcp:h:1?vendor', 'vendor has no value'],
    ['nexo+tcp:h:1?vendor=%', 'vendor has no value'],
    ['nexo+tcp:h:1?sale=3', 'no such option; those that it has: vendor'],
    ['nexo+serial:/dev/ttyS0?speed=3', 'there is no option speed'],
    ['nexo+tcp:h:1?', ''],
  ])('%s: %s', (text, why) => {
    expect(complaintOf(() => split(text, 'vendor'))).toContain(why);
  });
});
