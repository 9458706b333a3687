import { describe, expect } from 'vitest';
import type { Step } from './application.ts';
import { type Aftermath, cell, KEY } from './cell.ts';
import { delayed, type FaultPoint, handedOver, type Terminal, type Till, until, type View } from './kit.ts';

/** Kills the application, and the bridge before it where that is to die too; the application comes back. */
async function restart(
  { application }: Terminal,
  { first, till, kills }: { first: Promise<View>; till: Till; kills: 'application' | 'both' },
): Promise<Aftermath> {
  if (kills === 'both') {
    await till.bridge.kill();
    await first;
  }
  await application.kill();
  await application.start();
  return kills === 'both' ? { first: await first } : { first: await first, till };
}

/** When the application, which waits there, has come to a step. */
function at(step: Step, kills: 'application' | 'both'): (terminal: Terminal) => Promise<Aftermath> {
  return async (terminal) => {
    const till = terminal.till();
    const first = till.purchase(KEY);
    await terminal.application.at(step, KEY);
    const aftermath = await restart(terminal, { first, till, kills });
    if (kills === 'application') expect(aftermath.first.kind).not.toBe('lost');
    return aftermath;
  };
}

/** When the request lies in the application's socket. */
function unread(kills: 'application' | 'both'): (terminal: Terminal) => Promise<Aftermath> {
  return async (terminal) => {
    const till = terminal.till();
    const first = till.purchase(KEY);
    await handedOver(till);
    return restart(terminal, { first, till, kills });
  };
}

describe('application killed', () => {
  cell(['application killed', 'before sent', 'refused'], async (terminal) => {
    const { application } = terminal;
    await application.kill();
    const till = terminal.till();
    const first = await till.purchase(KEY);
    expect(first.code).toBe('CHANNEL_UNAVAILABLE');
    await application.start();
    return { first, till };
  });

  cell(['application killed', 'sent', 'refused'], async (terminal) => {
    const { application } = terminal;
    const till = terminal.till(delayed('fsync')); // of the folder: the last thing before it is handed over
    await application.at('connected');
    const first = till.purchase(KEY);
    await until(() => terminal.files('.entry').length === 1, 'a transaction is on record');
    await application.kill();
    expect((await first).code).toMatch(/^CHANNEL_(UNAVAILABLE|CLOSED)$/);
    expect(application.count('read')).toBe(0);
    await application.start();
    return { first: await first, till };
  });

  cell(['application killed', 'handed over', 'not charged'], unread('application'), {
    settings: { reads: false },
  });
  cell(['application killed', 'running', 'cancelled'], at('begun', 'application'), {
    settings: { haltAt: 'begun' },
  });
  cell(['application killed', 'charged', 'asked'], at('charged', 'application'), {
    settings: { haltAt: 'charged' },
  });
  cell(['application killed', 'answered', 'stored'], at('answered', 'application'), {
    settings: { haltAt: 'answered' },
  });

  cell(['application killed', 'done', 'stored'], async (terminal) => {
    const till = terminal.till();
    const first = await till.purchase(KEY);
    await terminal.application.kill();
    return { first, till };
  });
});

/** As when the machine's power fails. */
describe('both killed', () => {
  function dyingAt(fault: FaultPoint): (terminal: Terminal) => Promise<Aftermath> {
    return async (terminal) => {
      const till = terminal.till({ fault });
      const first = till.purchase(KEY);
      await first;
      return restart(terminal, { first, till, kills: 'both' });
    };
  }

  cell(['both killed', 'before sent', 'free'], dyingAt('before-sent'));
  cell(['both killed', 'sent', 'not charged'], dyingAt('after-sent'));
  cell(['both killed', 'handed over', 'not charged'], unread('both'), { settings: { reads: false } });
  cell(['both killed', 'running', 'cancelled'], at('begun', 'both'), { settings: { haltAt: 'begun' } });
  cell(['both killed', 'charged', 'asked'], at('charged', 'both'), { settings: { haltAt: 'charged' } });
  cell(['both killed', 'answered', 'asked'], dyingAt('before-done'));
  cell(['both killed', 'done', 'stored'], dyingAt('after-done'));
  cell(['both killed', 'done', 'stored'], dyingAt('after-answer'), { how: 'answer given' });
});
