import { describe, expect, test } from 'vitest';
import type { DoneRecord } from '../../src/store/journal-record.ts';
import type { OwnedEntry } from '../../src/store/owned-entry.ts';
import {
  codeOf,
  deskBench,
  failure,
  OUTCOME_WAIT_MS,
  passUntil,
  result,
  turn,
  until,
  watch,
} from './journal-kit.ts';

/** An entry on a disk that the test plays: each attempt to store waits for `succeed` or `fail`. */
class PlayedEntry implements OwnedEntry {
  readonly lookup = { state: 'none' } as const;
  readonly attempts: Omit<DoneRecord, 'state'>[] = [];
  releases = 0;
  #open: { resolve: () => void; reject: (fault: Error) => void }[] = [];

  finish(done: Omit<DoneRecord, 'state'>): Promise<void> {
    this.attempts.push(done);
    return new Promise((resolve, reject) => this.#open.push({ resolve, reject }));
  }

  contradict(done: Omit<DoneRecord, 'state'>): Promise<void> {
    return this.finish(done);
  }

  async note(): Promise<void> {}

  async noteTerminal(): Promise<void> {}

  async withdraw(): Promise<void> {}

  async release(): Promise<void> {
    this.releases += 1;
  }

  succeed(): void {
    this.#open.shift()?.resolve();
  }

  fail(): void {
    this.#open.shift()?.reject(Object.assign(new Error('write'), { code: 'ENOSPC' }));
  }
}

const APPROVED = result('{"ok":true}');
const LOUD = /^error THE JOURNAL CANNOT TAKE AN OUTCOME journal=\S+ why=.*ENOSPC/;

async function recording() {
  const bench = await deskBench();
  const entry = new PlayedEntry();
  const recorded = watch(bench.desk.outcomes.record(entry, APPROVED).then(() => true));
  await turn();
  return { ...bench, entry, recorded };
}

describe('an outcome', () => {
  test('is given when it is on the disk, not before, and nothing stays behind', async () => {
    const { entry, recorded, clock, lines } = await recording();
    clock.advance(4999);
    await turn();
    expect(recorded.value).toBeUndefined();
    entry.succeed();
    await recorded.promise;
    expect(entry.attempts).toEqual([{ kind: 'result', text: '{"ok":true}', time: expect.any(String) }]);
    expect(clock.timerCount).toBe(0);
    expect(lines).toEqual([]);
  });

  test('that the disk refuses is given all the same, loudly, and tried again every second until it is taken', async () => {
    const { entry, recorded, clock, lines } = await recording();
    entry.fail();
    await recorded.promise;
    expect(lines).toEqual([expect.stringMatching(LOUD)]);
    for (let attempts = 2; attempts <= 5; attempts += 1) {
      clock.advance(999);
      expect(entry.attempts).toHaveLength(attempts - 1);
      clock.advance(1);
      expect(entry.attempts).toHaveLength(attempts);
      if (attempts < 5) entry.fail();
      else entry.succeed();
      await turn();
    }
    expect(lines).toEqual([expect.stringMatching(LOUD), 'warn the journal has taken the outcome after all']);
    expect(clock.timerCount).toBe(0);
    expect(new Set(entry.attempts.map(({ text }) => text))).toEqual(new Set(['{"ok":true}']));
  });

  test('that the disk does not take in 5 s is given, loudly; nothing is written twice when it is taken late', async () => {
    const { entry, recorded, clock, lines } = await recording();
    clock.advance(5000);
    await recorded.promise;
    expect(lines).toEqual([expect.stringMatching(/^error the journal does not take an outcome in time/)]);
    clock.advance(60_000);
    entry.succeed();
    await turn();
    expect(entry.attempts).toHaveLength(1);
    expect(clock.timerCount).toBe(0);
  });

  test('that the disk refuses late is tried again', async () => {
    const { entry, recorded, clock, lines } = await recording();
    clock.advance(5000);
    await recorded.promise;
    entry.fail();
    await turn();
    expect(lines.at(-1)).toMatch(LOUD);
    clock.advance(1000);
    expect(entry.attempts).toHaveLength(2);
  });

  test('that is never taken is given up, loudly, when outcomes are no longer waited for: its entry is unresolved', async () => {
    const { entry, recorded, clock, lines } = await recording();
    entry.fail();
    await recorded.promise;
    for (let n = 0; n < OUTCOME_WAIT_MS / 1000; n += 1) {
      expect(entry.releases).toBe(0);
      clock.advance(1000);
      entry.fail();
      await turn();
    }
    expect(entry.releases).toBe(1);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(LOUD);
    expect(clock.timerCount).toBe(0);
  });
});

test('while an outcome is tried again, Check hears TRANSACTION_ACTIVE, and then the outcome', async () => {
  const bench = await deskBench();
  const acceptance = await bench.desk.accept(bench.request());
  if (acceptance.kind !== 'begun') throw new Error(acceptance.kind);
  let attempts = 0;
  const failing: OwnedEntry = {
    ...acceptance.entry,
    finish: (done) => {
      attempts += 1;
      return attempts < 3 ? Promise.reject(new Error('disk')) : acceptance.entry.finish(done);
    },
  };
  await bench.desk.outcomes.record(failing, APPROVED);
  expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('TRANSACTION_ACTIVE');
  await passUntil(bench.clock, () => attempts === 3, 500);
  await until(() => bench.lines.some((line) => line.includes('after all')));
  expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('result');
});

test('several outcomes wait for a disk without holding each other up', async () => {
  const bench = await deskBench();
  const entries = [new PlayedEntry(), new PlayedEntry()];
  const recorded = entries.map((entry) =>
    watch(bench.desk.outcomes.record(entry, failure('DECLINED')).then(() => true)),
  );
  await turn();
  entries[1]?.succeed();
  await recorded[1]?.promise;
  expect(recorded[0]?.value).toBeUndefined();
});
