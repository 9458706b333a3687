import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEY } from './cell.ts';
import { Terminal, type Till, unprivileged } from './kit.ts';

/**
 * A register that asks for the same purchase again while nobody can say yet what became of it. An error would mean
 * "not charged", and that is not known.
 */

let terminal: Terminal;

beforeEach(async () => {
  terminal = await Terminal.open({ settings: { haltAt: 'begun' } });
});

afterEach(async () => {
  await terminal.close();
});

const NO_ANSWER = { kind: 'lost', code: 'OUTCOME_UNKNOWN', text: '' };

/** Its bridge is dead, and the application is at it. */
async function leaveBehind(): Promise<void> {
  const till = terminal.till();
  const first = till.purchase(KEY);
  await terminal.application.at('begun', KEY);
  await till.bridge.kill();
  expect((await first).kind).toBe('lost');
}

/** The application charges after all, and everybody is told. */
async function expectCharged(): Promise<void> {
  terminal.application.go();
  await terminal.application.at('charged', KEY);
  const till = terminal.till();
  expect((await till.checkUntilOver(KEY)).kind).toBe('result');
  expect(terminal.application.charges(KEY)).toBe(1);
}

/** Asks again, and waits until the application has said that it is at it. */
async function repeat(till: Till) {
  const again = till.purchase(KEY);
  await terminal.application.at('asked', KEY);
  await till.register.request('_Keepalive');
  return { again };
}

describe('the same Purchase again, which is still running', () => {
  test('gets no answer when the bridge is stopped', async () => {
    await leaveBehind();
    const till = terminal.till();
    const { again } = await repeat(till);
    till.bridge.signal('SIGTERM');
    expect(await again).toEqual(NO_ANSWER);
    expect((await till.bridge.exited).code).toBe(111);
    await expectCharged();
  });

  test('gets its answer when the register has ended its output', async () => {
    await leaveBehind();
    const till = terminal.till();
    const { again } = await repeat(till);
    till.register.end();
    const told = await Promise.race([again, new Promise((resolve) => setTimeout(resolve, 6000, 'waits'))]);
    expect(told).toBe('waits');
    await expectCharged();
    expect((await again).kind).toBe('result');
  });

  test('gets no answer when another process is at it and this one is stopped', async () => {
    const holder = terminal.till();
    const first = holder.purchase(KEY);
    await terminal.application.at('begun', KEY);
    const till = terminal.till();
    const again = till.purchase(KEY);
    await till.register.request('_Keepalive');
    expect((await till.check(KEY)).code).toBe('TRANSACTION_ACTIVE');
    till.bridge.signal('SIGTERM');
    expect(await again).toEqual(NO_ANSWER);
    terminal.application.go();
    expect((await first).kind).toBe('result');
  });

  test('gets no answer when its entry cannot be read', async () => {
    await leaveBehind();
    const [entry = ''] = terminal.files('.entry');
    chmodSync(entry, 0);
    const till = terminal.till(unprivileged());
    expect((await till.check(KEY)).code).toBe('OUTCOME_UNKNOWN');
    expect(await till.purchase(KEY)).toEqual(NO_ANSWER);
    chmodSync(entry, 0o600);
    await expectCharged();
  });
});

test('the same Purchase to two bridges at once is one, and both registers are told the same', async () => {
  terminal.application.set({ haltAt: null });
  const tills = [terminal.till(), terminal.till()];
  for (const till of tills) await till.register.request('_Keepalive');
  for (let count = 0; count < 20; count += 1) {
    const key = `R-${count}/1`;
    const [one, other] = await Promise.all(tills.map((till) => till.purchase(key)));
    expect(one?.kind).toBe('result');
    expect(other).toEqual(one);
    expect(terminal.application.charges(key)).toBe(1);
  }
});

test('a request that comes after a Purchase reaches the application after it', async () => {
  const till = terminal.till();
  await terminal.application.at('connected');
  void till.purchase(KEY);
  await till.register.request('Loyalty');
  await terminal.application.at('begun', KEY);
  const events = terminal.application.told.map(({ event }) => event);
  expect(events.filter((event) => event === 'read' || event === 'other')).toEqual(['read', 'other']);
});
