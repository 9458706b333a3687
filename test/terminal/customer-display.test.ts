import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass, purchase } from './kit.ts';

let clock: FakeClock;
let terminal: Terminal;
let register: Attached;

beforeEach(() => {
  clock = new FakeClock();
  terminal = new Terminal({ clock, log, delayMs: 300 });
  register = new Attached(terminal);
});

const shown = () => terminal.screen.state;

describe('Print', () => {
  test.each([
    [{ lines: ['Thank you', '', 'Äiti'] }, [['Thank you', '', 'Äiti']]],
    [{ text: 'one\r\ntwo\n' }, [['one', 'two', '']]],
    [{ lines: null, text: 'a\u0007b' }, [['a b']]],
    [{ lines: [] }, []],
  ])('puts %j onto paper', async (params, papers) => {
    await register.request('1', 'Print', params);
    expect(register.answer('1')?.result).toEqual({});
    expect(shown().receipts).toEqual(papers);
  });

  test('works during a transaction, whose receipt follows', async () => {
    await register.request('1', 'Purchase', purchase());
    await register.request('2', 'Print', { text: 'before' });
    await pass(clock, 300);
    expect(shown().receipts).toEqual([['before'], expect.arrayContaining(['CUSTOMER COPY'])]);
  });

  test('every print is a paper of its own, 400 lines together', async () => {
    for (const [n, length] of [200, 150, 0, 150].entries()) {
      await register.request(`${n}`, 'Print', {
        lines: Array.from({ length }, (_, line) => `${n} ${line}`),
      });
    }
    expect(shown().receipts.map((lines) => lines.length)).toEqual([100, 150, 150]);
    expect(shown().receipts.map((lines) => lines[0])).toEqual(['0 100', '1 0', '3 0']);
    await register.request('4', 'Print', { lines: Array.from({ length: 200 }, () => 'x') });
    await register.request('5', 'Print', { lines: Array.from({ length: 200 }, () => 'y') });
    expect(shown().receipts.map((lines) => lines.length)).toEqual([200, 200]);
    terminal.screen.act({ do: 'tear-receipt' });
    expect(shown().receipts).toEqual([]);
  });
});

describe('DisplayScreen', () => {
  test('shows lines until others come, or none', async () => {
    await register.request('1', 'DisplayScreen', { lines: ['Total', '12.30'] });
    expect(shown()).toMatchObject({ stage: 'message', lines: ['Total', '12.30'] });
    await pass(clock, 100_000);
    expect(shown().stage).toBe('message');
    await register.request('2', 'DisplayScreen', { text: '' });
    expect(shown()).toMatchObject({ stage: 'idle', lines: ['Welcome'] });
  });

  test('shows them for a time', async () => {
    await register.request('1', 'DisplayScreen', { text: 'Hello', duration_ms: 500 });
    await pass(clock, 499);
    expect(shown().stage).toBe('message');
    await pass(clock, 1);
    expect(shown().stage).toBe('idle');
  });

  test('the time of one does not cut another short', async () => {
    await register.request('1', 'DisplayScreen', { text: 'one', duration_ms: 500 });
    await register.request('2', 'DisplayScreen', { text: 'two' });
    await pass(clock, 1000);
    expect(shown().lines).toEqual(['two']);
    await register.request('3', 'Purchase', purchase());
    expect(shown().stage).toBe('wait-card');
  });

  test('a transaction has the display to itself', async () => {
    await register.request('1', 'Purchase', purchase());
    await register.request('2', 'DisplayScreen', { text: 'Hello' });
    expect(register.code('2')).toBe('BUSY');
  });
});

describe('TextInput', () => {
  test('gets 12345 after the delay when nobody sits at the screen', async () => {
    await register.request('1', 'TextInput', { text: 'Your number?', max_length: 4 });
    expect(shown()).toMatchObject({ stage: 'text-input', lines: ['Your number?'] });
    await register.request('2', 'Purchase', purchase());
    await register.request('3', 'TextInput', {});
    await register.request('4', 'Status', {});
    expect([register.code('2'), register.code('3')]).toEqual(['BUSY', 'BUSY']);
    expect(register.answer('4')?.result).toMatchObject({ ready_for_transaction: false });
    await pass(clock, 300);
    expect(register.answer('1')?.result).toEqual({ text: '1234' });
    expect(shown().stage).toBe('idle');
  });

  test('ends with the register that asked', async () => {
    await register.request('1', 'TextInput', {}, 'a');
    register.announce('b', '_Disconnected');
    expect(shown().stage).toBe('text-input');
    register.announce('a', '_Disconnected');
    await pass(clock, 300);
    expect(shown().stage).toBe('idle');
    expect(register.lines).toEqual([]);
  });

  test('ends with the attachment', async () => {
    await register.request('1', 'TextInput', {});
    register.close();
    await pass(clock, 0);
    expect(shown().stage).toBe('idle');
  });

  test('takes its time limit from the register', async () => {
    await register.request('1', 'TextInput', { timeout_ms: 200 });
    await pass(clock, 200);
    expect(register.code('1')).toBe('INPUT_TIMEOUT');
  });
});

describe('Suspend', () => {
  test('darkens the display until the next transaction', async () => {
    await register.request('1', 'Suspend', { api_key: 'k' });
    expect(register.answer('1')?.result).toEqual({});
    expect(shown().stage).toBe('suspended');
    await register.request('2', 'Purchase', purchase());
    expect(shown().stage).toBe('wait-card');
    await register.request('3', 'Suspend', {});
    expect(register.code('3')).toBe('BUSY');
  });

  test('a key wakes it', async () => {
    await register.request('1', 'Suspend', {});
    terminal.screen.act({ do: 'key', key: 'ok' });
    expect(shown().stage).toBe('idle');
  });
});

test('Test knows large_file_download, which needs a network', async () => {
  await register.request('1', 'Test', { api_key: 'k', test_id: 'large_file_download' });
  expect(register.code('1')).toBe('TEST_UNAVAILABLE');
  await register.request('2', 'Test', { test_id: 'other' });
  expect(register.code('2')).toBe('JSONRPC_INVALID_PARAMS');
});

test.each([
  ['Print', {}, 'lines'],
  ['Print', { lines: ['a'], text: 'b' }, 'lines and text'],
  ['Print', { lines: 'a' }, 'lines'],
  ['Print', { lines: [1] }, 'lines'],
  ['Print', { lines: Array(201).fill('') }, 'lines'],
  ['Print', { lines: ['x'.repeat(201)] }, 'lines'],
  ['Print', { text: 5 }, 'text'],
  ['Print', { text: '\n'.repeat(200) }, 'text'],
  ['DisplayScreen', { text: '', duration_ms: 0 }, 'duration_ms'],
  ['DisplayScreen', { duration_ms: 5 }, 'lines'],
  ['TextInput', { text: 5 }, 'text'],
  ['TextInput', { max_length: 201 }, 'max_length'],
  ['TextInput', { timeout_ms: 1.5 }, 'timeout_ms'],
  ['TextInput', { cashier_language: 1 }, 'cashier_language'],
  ['Suspend', { api_key: 1 }, 'api_key'],
  ['Test', {}, 'test_id'],
  ['Test', { test_id: 1 }, 'test_id'],
])('%s with %j is refused by name', async (method, params, field) => {
  await register.request('1', method, params);
  expect(register.code('1')).toBe('JSONRPC_INVALID_PARAMS');
  expect(register.answer('1')?.error?.message).toContain(field);
});
