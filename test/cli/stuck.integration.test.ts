import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { runStuckCommand } from '../../src/cli/stuck.ts';
import { FakeClock } from '../kit/fake-clock.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-stuck-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** `ready` resolves when the command has made the file `$STUCK_WIRE`. */
function start(command: string) {
  const wire = path.join(folder, 'ready');
  const ready = new Promise<void>((resolve) => {
    const watcher = watch(folder, () => {
      if (!existsSync(wire)) return;
      watcher.close();
      resolve();
    });
  });
  const clock = new FakeClock();
  const stopping = new AbortController();
  const faults: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields = {}) => void faults.push(fields) };
  const ended = runStuckCommand(command, { wire, failures: 5, log, signal: stopping.signal, clock });
  return { clock, stopping, ready, ended, faults };
}

const READY = ': >"$STUCK_WIRE"';

test('a command that ends leaves no timer', async () => {
  const { clock, ended, faults } = start(`${READY}; test "$STUCK_FAILURES" = 5`);
  await ended;
  expect(faults).toEqual([{ failures: 5 }]);
  expect(clock.timerCount).toBe(0);
});

test('one that is stopped ends by SIGTERM', async () => {
  const { clock, ready, stopping, ended, faults } = start(`${READY}; exec sleep 3600`);
  await ready;
  stopping.abort();
  await ended;
  expect(faults.at(-1)).toEqual({ why: 'ended by SIGTERM' });
  expect(clock.timerCount).toBe(0);
});

test('one that will not hear of it is killed after 1.5 s', async () => {
  const { clock, ready, stopping, ended, faults } = start(`trap '' TERM; ${READY}; exec sleep 3600`);
  await ready;
  stopping.abort();
  clock.advance(1500);
  await ended;
  expect(faults.at(-1)).toEqual({ why: 'it did not end' });
  expect(clock.timerCount).toBe(0);
});

test('one that lasts a minute is stopped in the same way', async () => {
  const { clock, ready, ended, faults } = start(`${READY}; exec sleep 3600`);
  await ready;
  clock.advance(60_000);
  await ended;
  expect(faults.at(-1)).toEqual({ why: 'ended by SIGTERM' });
});

test('what the shell leaves behind has as long as the shell', async () => {
  const { clock, ready, stopping, ended, faults } = start(`(trap '' TERM; ${READY}; exec sleep 3600) & wait`);
  await ready;
  stopping.abort();
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  clock.advance(1500);
  await ended;
  expect(faults.at(-1)).toEqual({ why: 'it did not end' });
});

test('after the stop nothing is started', async () => {
  const stopping = new AbortController();
  stopping.abort();
  const log = {
    ...silentLogger,
    warn: () => {
      throw new Error('nothing to say');
    },
  };
  await runStuckCommand('exit 3', { wire: '', failures: 5, log, signal: stopping.signal });
});
