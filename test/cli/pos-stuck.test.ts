import { expect, test } from 'vitest';
import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger } from '../../src/base/logger.ts';
import { StuckWatch } from '../../src/cli/pos-stuck.ts';
import type { PosClient } from '../../src/pos/pos-client.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** A watch whose terminal fails as often as the test says; the command ends when the test says so. */
function begin(command: string | undefined) {
  const sink = memorySink();
  const log = createLogger({ format: 'human', level: 'warn', clock: new FakeClock(), sink });
  const runs: { wire: string; failures: number; signal: AbortSignal; end: () => void }[] = [];
  let fail: (failures: number) => void = () => {};
  const client = {
    on: (_name: string, listener: (event: { failures: number }) => void) => {
      fail = (failures) => listener({ failures });
      return () => {};
    },
  } as unknown as Pick<PosClient, 'on'>;
  const watch = new StuckWatch(client, {
    command,
    to: 'serial:/dev/ttyS0',
    log,
    run: (_command, { wire, failures, signal }) =>
      new Promise((end) => {
        runs.push({ wire, failures, signal, end });
        signal.addEventListener('abort', () => end());
      }),
  });
  return { watch, runs, lines: sink.lines, fail: (failures: number) => fail(failures) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('the command runs after five failures and after every five more, one at a time', async () => {
  const { runs, fail } = begin('reset');
  for (let failures = 0; failures <= 10; failures += 1) fail(failures);
  expect(runs).toMatchObject([{ wire: 'serial:/dev/ttyS0', failures: 5 }]);
  runs[0]?.end();
  await settle();
  for (let failures = 11; failures <= 15; failures += 1) fail(failures);
  expect(runs.map(({ failures }) => failures)).toEqual([5, 15]);
});

test('it is ended with the program, and does not begin then', async () => {
  const { watch, runs, fail } = begin('reset');
  fail(5);
  await watch.close();
  expect(runs[0]?.signal.aborted).toBe(true);
  fail(10);
  expect(runs).toHaveLength(1);
});

test('after ten failures a person is told what to try, once, with a command or without', () => {
  for (const command of ['reset', undefined]) {
    const { lines, fail } = begin(command);
    for (let failures = 0; failures <= 30; failures += 1) fail(failures);
    expect(lines).toEqual([expect.stringMatching(/restart it; pair a Bluetooth one again.* failures=10$/)]);
  }
});
