import { describe } from 'vitest';
import type { Step } from './application.ts';
import { type Aftermath, cell, KEY } from './cell.ts';
import { type FaultPoint, handedOver, killedIn, type Terminal } from './kit.ts';

/** The bridge kills itself there. */
function dyingAt(fault: FaultPoint): (terminal: Terminal) => Promise<Aftermath> {
  return async (terminal) => ({ first: await terminal.till({ fault }).purchase(KEY) });
}

/** It is killed when it is about to make system call number `count`. */
function dyingIn(call: string, count = 1): (terminal: Terminal) => Promise<Aftermath> {
  return async (terminal) => ({ first: await terminal.till(killedIn(call, count)).purchase(KEY) });
}

/** It is killed when the application, which waits there, has come to a step. */
function killedAt(step: Step): (terminal: Terminal) => Promise<Aftermath> {
  return async (terminal) => {
    const { application } = terminal;
    const till = terminal.till();
    const first = till.purchase(KEY);
    await application.at(step, KEY);
    await till.bridge.kill();
    application.set({ haltAt: null });
    const isRunning = step === 'begun';
    return { first: await first, ...(isRunning && { proceed: () => application.go() }) };
  };
}

describe('bridge killed', () => {
  cell(['bridge killed', 'before sent', 'free'], dyingAt('before-sent'));
  cell(['bridge killed', 'before sent', 'free'], dyingIn('fdatasync'), { how: 'record not synced' });
  cell(['bridge killed', 'before sent', 'free'], dyingIn('link'), { how: 'record without its name' });

  cell(['bridge killed', 'sent', 'not charged'], dyingAt('after-sent'));
  cell(['bridge killed', 'sent', 'not charged'], dyingIn('fsync'), { how: 'folder not synced' });
  cell(['bridge killed', 'sent', 'not charged'], dyingIn('unlink'), { how: 'record with two names' });

  cell(['bridge killed', 'handed over', 'asked'], dyingAt('after-hand-over'));
  cell(
    ['bridge killed', 'handed over', 'asked'],
    async (terminal) => {
      const { application } = terminal;
      const till = terminal.till();
      const first = till.purchase(KEY);
      await handedOver(till);
      await till.bridge.kill();
      application.set({ reads: true });
      application.resume(0);
      await application.at('charged', KEY);
      return { first: await first };
    },
    { settings: { reads: false }, how: 'read only afterwards' },
  );

  cell(['bridge killed', 'running', 'asked'], killedAt('begun'), { settings: { haltAt: 'begun' } });
  cell(['bridge killed', 'charged', 'asked'], killedAt('charged'), { settings: { haltAt: 'charged' } });
  cell(['bridge killed', 'answered', 'asked'], dyingAt('before-done'));

  cell(['bridge killed', 'done', 'stored'], dyingIn('fdatasync', 2), { how: 'outcome not synced' });
  cell(['bridge killed', 'done', 'stored'], dyingAt('after-done'));
  cell(['bridge killed', 'done', 'stored'], dyingAt('after-answer'), { how: 'answer given' });
});
