import { expect, test } from 'vitest';
import { groupsOf } from '../../../src/dialect/ocpp/database/rounds.ts';
import { seededRandom } from '../../kit/random.ts';

interface One {
  readonly identity: string | undefined;
  readonly change: string;
  readonly number: number;
}

const groups = (due: readonly Omit<One, 'number'>[]) =>
  groupsOf<string, One>(due.map((one, number) => ({ ...one, number })));

test('the same change of many charge points is one group', () => {
  const due = ['A', 'B', 'C'].flatMap((identity) => [
    { identity, change: 'meter' },
    { identity, change: 'stop' },
  ]);
  const found = groups(due).map(({ change, members }) => [change, members.map(({ identity }) => identity)]);
  expect(found).toEqual([
    ['meter', ['A', 'B', 'C']],
    ['stop', ['A', 'B', 'C']],
  ]);
});

test('what may concern every charge point is made alone, after all before it and before all after it', () => {
  const due = [
    { identity: 'A', change: 'meter' },
    { identity: undefined, change: 'prune' },
    { identity: 'B', change: 'meter' },
  ];
  expect(groups(due).map(({ change }) => change)).toEqual(['meter', 'prune', 'meter']);
});

test.each([1, 2, 3, 4, 5])('nothing is lost, doubled or overtaken, whatever comes (%i)', (seed) => {
  const random = seededRandom(seed);
  const pick = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)] as T;
  const due = Array.from({ length: 200 }, () => ({
    identity: pick(['A', 'B', 'C', 'D', undefined]),
    change: pick(['start', 'meter', 'stop']),
  }));
  const made = groups(due);
  const order = made.flatMap(({ members }) => members);
  expect(order.map(({ number }) => number).sort((a, b) => a - b)).toEqual(due.map((_, number) => number));
  for (const identity of ['A', 'B', 'C', 'D']) {
    const own = order.filter((one) => one.identity === identity || one.identity === undefined);
    expect(own).toEqual(own.toSorted((a, b) => a.number - b.number));
    for (const { members } of made)
      expect(members.filter((one) => one.identity === identity).length).toBeLessThanOrEqual(1);
  }
});
