import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass, purchase, settled } from './kit.ts';

let clock: FakeClock;
let terminal: Terminal;
let bridge: Attached;
let other: Attached;

beforeEach(() => {
  clock = new FakeClock();
  terminal = new Terminal({ clock, log, delayMs: 900 });
  bridge = new Attached(terminal);
  other = new Attached(terminal);
});

const STATUSES = ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', 'idle'];

describe('the status', () => {
  test('is told to every register that is connected, texts for the cashier only to the one that pays', async () => {
    bridge.announce('a');
    other.announce('b');
    other.announce('c');
    await bridge.request('1', 'Purchase', purchase(), 'a');
    await pass(clock, 900);
    expect(bridge.statuses).toEqual(STATUSES);
    for (const connection of ['b', 'c']) {
      const told = other.messages.filter((message) => message.connection === connection);
      expect(told.map(({ method }) => method)).toEqual(STATUSES.map(() => 'StatusEvent'));
    }
    expect(other.cashierTexts).toEqual([]);
    expect(bridge.cashierTexts).toEqual(['Insert or tap the card', 'Please wait', 'Remove the card']);
  });

  test('goes once to a connection that has several attachments', async () => {
    bridge.announce('a');
    other.announce('a');
    await bridge.request('1', 'Purchase', purchase(), 'a');
    await pass(clock, 900);
    expect(bridge.statuses).toEqual(STATUSES);
    expect(other.statuses).toEqual([]);
  });

  test('goes no more to who has left or is cut off', async () => {
    bridge.announce('a');
    other.announce('b');
    other.announce('c');
    await bridge.request('1', 'Purchase', purchase(), 'a');
    other.announce('b', '_Disconnected', { connection: 'b' });
    await pass(clock, 300);
    other.close();
    await pass(clock, 600);
    expect(other.messages.map(({ connection }) => connection)).toEqual(['b', 'c', 'c']);
    expect(bridge.statuses).toEqual(STATUSES);
  });

  test('goes to a register that has come back on another attachment, and the answer with its Check', async () => {
    bridge.announce('a');
    await bridge.request('1', 'Purchase', purchase(), 'a');
    bridge.close();
    other.announce('a');
    await pass(clock, 900);
    expect(bridge.statuses).toEqual(['WAIT_CARD_IN']);
    expect(other.statuses).toEqual(STATUSES.slice(1));
    await other.request('2', 'Check', purchase(), 'a');
    expect(other.answer('2')?.result).toBeDefined();
  });

  test('announcements that say nothing do no harm', async () => {
    bridge.write('{"jsonrpc":"2.0","method":"_Connected","params":{"connection":7,"peer":[]}}\n');
    bridge.write('{"jsonrpc":"2.0","method":"_Connected"}\n{"jsonrpc":"2.0","method":"_Disconnected"}\n');
    expect(terminal.screen.state.registers).toEqual([]);
  });

  test('an attachment announces 4096 connections, no more', () => {
    for (let n = 0; n < 5000; n += 1) bridge.announce(`c${n}`);
    expect(terminal.screen.state.registers).toHaveLength(4096);
  });
});

test('a screen sees which register does what', async () => {
  bridge.announce('a');
  other.announce('b', '_Connected', { connection: 'b', peer: 'unix' });
  await other.request('1', 'Refund', purchase({ amount: 1230 }), 'b');
  expect(terminal.screen.state.registers).toEqual([
    { connection: 'a', peer: '192.0.2.7' },
    { connection: 'b', peer: 'unix', activity: 'Refund 12.30 EUR' },
  ]);
  await pass(clock, 900);
  other.announce('b', '_Disconnected');
  expect(terminal.screen.state.registers).toEqual([{ connection: 'a', peer: '192.0.2.7' }]);
});

test('more than a thousand attachments are refused', () => {
  const many = Array.from({ length: 1001 }, () => new Attached(terminal));
  expect(many.filter(({ isDestroyed }) => isDestroyed)).toHaveLength(3);
});

describe('closing', () => {
  test('ends every attachment, and leaves a transaction undecided', async () => {
    await bridge.request('1', 'Purchase', purchase());
    const closing = terminal.close();
    await settled();
    expect([bridge.isDestroyed, other.isDestroyed]).toEqual([true, true]);
    bridge.close();
    other.close();
    await closing;
    await terminal.close();
    await pass(clock, 90_000);
    expect(bridge.answer('1')).toBeUndefined();
    expect(clock.timerCount).toBe(0);
  });

  test('waits two seconds for who does not read', async () => {
    bridge.isStuck = true;
    await bridge.request('1', 'Status', {});
    void terminal.close();
    await pass(clock, 1999);
    expect(bridge.isDestroyed).toBe(false);
    await pass(clock, 1);
    expect(bridge.isDestroyed).toBe(true);
  });

  test('a bridge that lets 4 MiB wait is cut off', async () => {
    bridge.announce('a');
    bridge.isStuck = true;
    const lines = 'x'.repeat(200);
    for (let n = 0; n < 20_000 && !bridge.isDestroyed; n += 1) {
      bridge.write(`{"connection":"a","jsonrpc":"2.0","id":"${n}${lines}","method":"Status"}\n`);
    }
    expect(bridge.isDestroyed).toBe(true);
  });
});
