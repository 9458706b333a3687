import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, identifiers, pass, purchase } from './kit.ts';

/** A register aborts by whichever of its connections; each is an attachment of its own. */

let clock: FakeClock;
let terminal: Terminal;
let till: Attached;
let other: Attached;

beforeEach(() => {
  clock = new FakeClock();
  terminal = new Terminal({ clock, log, delayMs: 900 });
  till = new Attached(terminal);
  other = new Attached(terminal);
});

const connected = (attached: Attached, connection: string, params: object) =>
  attached.announce(connection, '_Connected', { connection, ...params });

async function pay(changes: object = {}): Promise<void> {
  await till.request('p', 'Purchase', purchase({ api_key: 'k', ...changes }), 'a');
  await pass(clock, 100);
}

const notify = (attached: Attached, connection: string, params: unknown) =>
  attached.write(`${JSON.stringify({ connection, jsonrpc: '2.0', method: 'Abort', params })}\n`);

async function outcome(): Promise<unknown> {
  await pass(clock, 900);
  return till.code('p') ?? 'approved';
}

describe('as a notification', () => {
  test.each([
    ['with nothing', {}],
    ['with the identifiers', identifiers],
    ['with what some plug-ins add', { url_name: 'wss://x', terminal_id: 5 }],
  ])('%s it ends the transaction of its connection and gets no answer', async (_, params) => {
    await pay();
    const before = till.messages.filter(({ method }) => method === undefined).length;
    notify(till, 'a', params);
    expect(till.messages.filter(({ method }) => method === undefined)).toHaveLength(before);
    expect(await outcome()).toBe('ABORTED');
  });

  test('that comes too late, or to nothing, changes nothing', async () => {
    notify(till, 'a', {});
    await pay();
    await pass(clock, 600);
    notify(till, 'a', {});
    expect(await outcome()).toBe('approved');
  });
});

describe('from another connection', () => {
  test.each([
    ['of the same address', { peer: '192.0.2.7' }, { peer: '192.0.2.7' }, {}],
    ['of the same address with its key', { peer: '192.0.2.7' }, { peer: '192.0.2.7' }, { api_key: 'k' }],
    [
      'of the same name at another address',
      { peer: '192.0.2.7', register: 't1' },
      { peer: '192.0.2.8', register: 't1' },
      {},
    ],
    [
      'of the same name, with the identifiers',
      { peer: 'serial', register: 't1' },
      { peer: 'unix', register: 't1' },
      { receipt_id: 'r1' },
    ],
  ])('%s it ends the transaction', async (_, one, two, params) => {
    connected(till, 'a', one);
    connected(other, 'b', two);
    await pay();
    notify(other, 'b', params);
    expect(await outcome()).toBe('ABORTED');
  });

  test('of a register whose own connection is gone it does as well', async () => {
    connected(till, 'a', { peer: '192.0.2.7' });
    connected(other, 'b', { peer: '192.0.2.7' });
    await pay();
    till.announce('a', '_Disconnected', { connection: 'a', pending: ['p'] });
    await other.request('x', 'Abort', {}, 'b');
    expect(other.answer('x')?.result).toEqual({});
    expect(await outcome()).toBe('ABORTED');
  });

  test.each([
    ['of another address', { peer: '192.0.2.7' }, { peer: '192.0.2.8' }, {}],
    [
      'of another register at the same address',
      { peer: '192.0.2.7', register: 't1' },
      { peer: '192.0.2.7', register: 't2' },
      {},
    ],
    [
      'without a name beside one that has one',
      { peer: '192.0.2.7', register: 't1' },
      { peer: '192.0.2.7' },
      {},
    ],
    [
      'of the same address with another key',
      { peer: '192.0.2.7' },
      { peer: '192.0.2.7' },
      { api_key: 'other' },
    ],
    ['that has no address either', { peer: 'unix' }, { peer: 'unix' }, {}],
  ])('%s it is refused', async (_, one, two, params) => {
    connected(till, 'a', one);
    connected(other, 'b', two);
    await pay();
    await other.request('x', 'Abort', params, 'b');
    expect(other.code('x')).toBe('ABORT_REFUSED');
    expect(await outcome()).toBe('approved');
  });
});

test.each([{ receipt_id: 'r2' }, { receipt_id: 'r1', sequence_id: 18 }])(
  'identifiers of another transaction end nothing: %j',
  async (params) => {
    await pay();
    await till.request('x', 'Abort', params);
    expect(till.code('x')).toBe('NOTHING_TO_ABORT');
    expect(await outcome()).toBe('approved');
  },
);

test.each([{ sequence_id: 17 }, { receipt_id: {} }, { receipt_id: 'r1', sequence_id: 1.5 }])(
  'identifiers that are none are refused: %j',
  async (params) => {
    await pay();
    await till.request('x', 'Abort', params);
    expect(till.code('x')).toBe('JSONRPC_INVALID_PARAMS');
    notify(till, 'a', params);
    expect(await outcome()).toBe('approved');
  },
);
