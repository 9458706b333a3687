import { chmodSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Aftermath, cell, KEY } from './cell.ts';
import { type BridgeOptions, injecting, Terminal, type Till, unprivileged, type View } from './kit.ts';
import { noSmallDisk } from './small-disk.ts';

/** The disk goes wrong before a transaction is on record, before its outcome is, or afterwards. */

/** A result that does not fit into a block that the disk has given already. */
const LONG = { padBytes: 10_000 };
const WORRY = 'THE JOURNAL CANNOT TAKE AN OUTCOME';

/** The fault is there when the Purchase comes. It is refused, and the application hears nothing of it. */
async function before(
  terminal: Terminal,
  { options, fault, repair }: { options?: BridgeOptions; fault?: () => void; repair?: () => void },
): Promise<Aftermath> {
  const till = terminal.till(options);
  await terminal.application.at('connected');
  fault?.();
  const first = await till.purchase(KEY);
  expect(first.code).toBe('JOURNAL_UNAVAILABLE');
  await till.register.request('_Keepalive');
  expect(terminal.application.count('read')).toBe(0);
  repair?.();
  return { first, till };
}

/** The card is charged, the fault comes, the application answers; the register is told at any rate. */
async function between(
  terminal: Terminal,
  fault: () => void,
  options?: BridgeOptions,
): Promise<{ first: View; till: Till }> {
  const { application } = terminal;
  application.set({ haltAt: 'charged' });
  const till = terminal.till(options);
  const asked = till.purchase(KEY);
  await application.at('charged', KEY);
  fault();
  application.go();
  const first = await asked;
  expect(first.kind).toBe('result');
  return { first, till };
}

describe('disk full', () => {
  const disk = { hasSmallDisk: true, settings: LONG };

  cell(
    ['disk full', 'before sent', 'refused'],
    (terminal) => before(terminal, { fault: () => terminal.disk.fill(), repair: () => terminal.disk.free() }),
    disk,
  );

  // The bridge dies while it keeps trying. Even now the next one says what the application says.
  cell(
    ['disk full', 'charged', 'asked'],
    async (terminal) => {
      const { first, till } = await between(terminal, () => terminal.disk.fill());
      await till.bridge.says(WORRY);
      expect((await till.check(KEY)).code).toBe('TRANSACTION_ACTIVE');
      await till.bridge.kill();
      const next = terminal.till();
      expect(await next.check(KEY)).toEqual(first);
      await next.bridge.says(WORRY);
      expect((await next.purchase('OTHER/1')).code).toBe('JOURNAL_UNAVAILABLE');
      terminal.disk.free();
      return { first };
    },
    { ...disk, how: 'and the bridge dies' },
  );

  // The bridge lives, and there is room again.
  cell(
    ['disk full', 'charged', 'stored'],
    async (terminal) => {
      const { first, till } = await between(terminal, () => terminal.disk.fill());
      await till.bridge.says(WORRY);
      await sleep(2500); // it tries every second, and not only once
      terminal.disk.free();
      await till.bridge.says('the journal has taken the outcome after all');
      return { first, till };
    },
    { ...disk, how: 'and then there is room' },
  );

  cell(
    ['disk full', 'done', 'stored'],
    async (terminal) => {
      const till = terminal.till();
      const first = await till.purchase(KEY);
      terminal.disk.fill();
      return { first, till };
    },
    disk,
  );
});

describe('sync fails', () => {
  const failingIn = (call: string) => (terminal: Terminal) =>
    before(terminal, { options: injecting(`${call}:error=EIO:when=1`) });

  cell(['sync fails', 'before sent', 'refused'], failingIn('fdatasync'), { how: 'of the record' });
  cell(['sync fails', 'before sent', 'refused'], failingIn('fsync'), { how: 'of the folder' });

  cell(['sync fails', 'charged', 'stored'], async (terminal) => {
    const aftermath = await between(terminal, () => {}, injecting('fdatasync:error=EIO:when=2'));
    await aftermath.till.bridge.says(WORRY);
    await aftermath.till.bridge.says('the journal has taken the outcome after all');
    return aftermath;
  });

  cell(
    ['sync fails', 'charged', 'stored'],
    async (terminal) => {
      const aftermath = await between(terminal, () => {}, injecting('fdatasync:error=EIO:when=2..6'));
      const { bridge } = aftermath.till;
      await bridge.says(WORRY);
      await bridge.says('the journal has taken the outcome after all');
      const [entry = ''] = terminal.files('.entry');
      expect(statSync(entry).size).toBeLessThan(2 * LONG.padBytes);
      return aftermath;
    },
    { settings: LONG, how: 'five times, of a long one' },
  );

  cell(['sync fails', 'done', 'stored'], async (terminal) => {
    const till = terminal.till(injecting('fdatasync:error=EIO:when=3+'));
    const first = await till.purchase(KEY);
    expect((await till.purchase('OTHER/1')).code).toBe('JOURNAL_UNAVAILABLE');
    return { first, till };
  });
});

describe('folder read-only', () => {
  const set = ({ journal }: Terminal, mode: number) => chmodSync(journal, mode);

  cell(['folder read-only', 'before sent', 'refused'], (terminal) =>
    before(terminal, {
      options: unprivileged(),
      fault: () => set(terminal, 0o500),
      repair: () => set(terminal, 0o700),
    }),
  );

  cell(['folder read-only', 'charged', 'stored'], (terminal) =>
    between(terminal, () => set(terminal, 0o500), unprivileged()),
  );

  cell(['folder read-only', 'done', 'stored'], async (terminal) => {
    const till = terminal.till(unprivileged());
    const first = await till.purchase(KEY);
    set(terminal, 0o500);
    expect((await till.purchase('OTHER/1')).code).toBe('JOURNAL_UNAVAILABLE');
    return { first, till };
  });
});

describe('folder removed', () => {
  const remove = ({ journal }: Terminal) => rmSync(journal, { recursive: true });

  // Nobody can say what was in it, so that "refused" might be untrue.
  cell(['folder removed', 'before sent', 'free'], async (terminal) => {
    const till = terminal.till();
    await terminal.application.at('connected');
    remove(terminal);
    const first = await till.purchase(KEY);
    expect(first).toEqual({ kind: 'lost', code: 'OUTCOME_UNKNOWN', text: '' });
    await till.bridge.exited;
    expect(terminal.application.count('read')).toBe(0);
    return { first };
  });

  cell(['folder removed', 'charged', 'forgotten'], async (terminal) => {
    const { first, till } = await between(terminal, () => remove(terminal));
    await till.close();
    return { first };
  });

  cell(['folder removed', 'done', 'forgotten'], async (terminal) => {
    const till = terminal.till();
    const first = await till.purchase(KEY);
    remove(terminal);
    expect((await till.check('OTHER/1')).code).toBe('OUTCOME_UNKNOWN');
    expect((await till.purchase('OTHER/1')).code).toBe('OUTCOME_UNKNOWN');
    await till.bridge.exited;
    return { first };
  });
});

test.skipIf(noSmallDisk !== undefined)(
  'a file system that was made read-only: what is over is still told',
  async () => {
    const terminal = await Terminal.open({ hasSmallDisk: true });
    const lock = ['--lock', terminal.bench.path('lock')]; // kept elsewhere, or it could not be opened
    try {
      const till = terminal.till({ args: lock });
      const first = await till.purchase(KEY);
      terminal.disk.setReadOnly(true);
      for (const one of [till, terminal.till({ args: lock })]) {
        expect(await one.check(KEY)).toEqual(first);
        expect((await one.purchase('OTHER/1')).code).toBe('JOURNAL_UNAVAILABLE');
        const again = await one.purchase(KEY);
        if (one === till) expect(again.code).toBe('DUPLICATE_TRANSACTION');
        else expect(again).toEqual(first);
      }
      expect(terminal.application.charges('OTHER/1')).toBe(0);
      const refused = terminal.till();
      expect((await refused.bridge.exited).code).toBe(111);
      expect(refused.bridge.errors).toMatch(/^posbridge: .*read-only file system.*--lock/);
    } finally {
      await terminal.close();
    }
  },
);
