import { expect, test } from 'vitest';
import { Pursuit } from '../../src/api/pursuit.ts';
import { deferred } from '../../src/base/deferred.ts';
import { silentLogger } from '../../src/base/log.ts';
import { PosError } from '../../src/pos/pos-error.ts';
import type { SaleOutcome } from '../../src/pos/sale.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** What is ready happens. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const nobodyKnows = () => new PosError('OUTCOME_UNKNOWN', 'nobody could tell');

interface Script {
  readonly recovery?: 'any' | 'none';
  /** What the terminal says to each question. */
  readonly check: (id: string) => Promise<{ readonly isRecorded: boolean }>;
  /** What the store makes of an outcome that it has refused before. */
  readonly settle?: () => Promise<'settled' | 'running'>;
}

function stage({ recovery = 'any', check, settle = async () => 'settled' }: Script) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const told: string[] = [];
  const pursuit = new Pursuit({
    client: {
      recovery,
      check: async (id) => {
        asked.push(String(id));
        return (await check(String(id))) as SaleOutcome;
      },
    },
    store: { settle },
    clock,
    log: silentLogger,
    found: async (id) => void told.push(`found ${id}`),
    refused: async (id) => {
      told.push(`refused ${id}`);
      return { kind: 'result', text: '{}', time: '' };
    },
    unknown: (id) => void told.push(`unknown ${id}`),
  });
  return { clock, asked, told, pursuit };
}

test('asks again after a minute, and at once on a new connection', async () => {
  const { clock, asked, told, pursuit } = stage({ check: () => Promise.reject(nobodyKnows()) });
  pursuit.begin('1');
  await settled();
  expect([asked, told]).toEqual([['1'], ['unknown 1']]);
  clock.advance(59_999);
  await settled();
  expect(asked).toHaveLength(1);
  clock.advance(1);
  await settled();
  expect(asked).toHaveLength(2);
  pursuit.wake();
  await settled();
  expect(asked).toHaveLength(3);
  await pursuit.close();
  expect(clock.timerCount).toBe(0);
});

test('sales that rest keep nobody from being asked about', async () => {
  const { asked, pursuit } = stage({ check: () => Promise.reject(nobodyKnows()) });
  const ids = Array.from({ length: 30 }, (_, at) => String(at));
  for (const id of ids) pursuit.begin(id);
  await settled();
  expect(asked).toEqual(ids);
  await pursuit.close();
});

test('one that cannot be asked is asked once', async () => {
  const { clock, asked, pursuit } = stage({
    recovery: 'none',
    check: () => Promise.reject(nobodyKnows()),
  });
  pursuit.begin('1');
  await settled();
  clock.advance(3_600_000);
  pursuit.wake();
  await settled();
  expect([asked, clock.timerCount]).toEqual([['1'], 0]);
});

test('an entry that somebody looks into is tried again in a second', async () => {
  const faults = [new PosError('TRANSACTION_ACTIVE', 'held')];
  const { clock, told, pursuit } = stage({
    check: async () => {
      const fault = faults.pop();
      if (fault !== undefined) throw fault;
      return { isRecorded: true };
    },
  });
  pursuit.begin('1');
  await settled();
  clock.advance(1000);
  await settled();
  expect(told).toEqual(['found 1']);
});

test('an outcome that the disk has refused is told, and stored when the disk takes it, without asking again', async () => {
  const answers: ('settled' | 'running' | PosError)[] = [
    new PosError('STORE_FAILED', 'full'),
    'running',
    'settled',
  ];
  const { clock, asked, told, pursuit } = stage({
    check: async () => ({ isRecorded: false }),
    settle: async () => {
      const answer = answers.shift() ?? 'settled';
      if (answer instanceof PosError) throw answer;
      return answer;
    },
  });
  pursuit.begin('1');
  await settled();
  expect(told).toEqual(['refused 1']);
  for (const ms of [60_000, 60_000, 1000]) {
    clock.advance(ms);
    await settled();
  }
  expect([asked, told, clock.timerCount]).toEqual([['1'], ['refused 1', 'found 1'], 0]);
});

test('whoever is left alone is asked about no more, not even when the answer was on its way', async () => {
  const answer = deferred<{ readonly isRecorded: boolean }>();
  const { clock, told, pursuit } = stage({ check: () => answer.promise });
  pursuit.begin('1');
  await settled();
  const left = pursuit.leave('1');
  answer.reject(nobodyKnows());
  await left;
  expect([told, clock.timerCount]).toEqual([[], 0]);
});
