import { describe, expect, test } from 'vitest';
import { Joiners } from '../../src/bridge/joiners.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { settle } from './kit.ts';

/** Somebody who waits, and transactions that run until the test ends them. */
function watching() {
  const clock = new FakeClock();
  const ended = new Set<string>();
  const looked: [string, number][] = [];
  /** Holds an answer back until it is called. */
  const held: (() => void)[] = [];
  let isHeld = false;
  const joiners = new Joiners(clock, async (id) => {
    looked.push([id, clock.nowMs()]);
    const isRunning = !ended.has(id); // as it was when it was looked at
    if (isHeld) await new Promise<void>((resolve) => held.push(resolve));
    if (id === 'unreadable') throw new Error('no such folder');
    return isRunning;
  });
  /** Who waits for it, and whether it is over for him. */
  const wait = (id: string) => {
    const waiter = { isOver: false, isDone: false };
    void joiners
      .wait(id, () => waiter.isOver)
      .then(() => {
        waiter.isDone = true;
      });
    return waiter;
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return {
    clock,
    joiners,
    ended,
    looked,
    wait,
    pass,
    hold: () => {
      isHeld = true;
    },
    letGo: async () => {
      isHeld = false;
      for (const resolve of held.splice(0)) resolve();
      await settle();
    },
  };
}

describe('those who wait for a transaction', () => {
  test('in another process are let go when it is seen to run no more: looked for after 0.1 s, then less and less often', async () => {
    const { looked, wait, pass, ended } = watching();
    const waiter = wait('a');
    for (let count = 0; count < 60; count += 1) await pass(100);
    expect(looked.map(([, ms]) => ms)).toEqual([100, 300, 700, 1500, 2500, 3500, 4500, 5500]);
    expect(waiter.isDone).toBe(false);
    ended.add('a');
    await pass(500);
    expect(waiter.isDone).toBe(true);
    await pass(10_000);
    expect(looked).toHaveLength(9);
  });

  test('in this process are let go at once', async () => {
    const { joiners, looked, wait, pass, ended, clock } = watching();
    const waiter = wait('a');
    ended.add('a');
    joiners.changed('a');
    await pass(0);
    expect(waiter.isDone).toBe(true);
    expect(looked).toEqual([['a', 0]]);
    expect(clock.timerCount).toBe(0);
  });

  test('are looked for once, however many they are, and let go together', async () => {
    const { looked, wait, pass, ended } = watching();
    const waiters = Array.from({ length: 100 }, () => wait('a'));
    ended.add('a');
    await pass(100);
    expect(looked).toHaveLength(1);
    expect(waiters.every(({ isDone }) => isDone)).toBe(true);
  });

  test('are let go one by one where waiting makes no sense any more', async () => {
    const { wait, pass, ended } = watching();
    const [one, other] = [wait('a'), wait('a')];
    one.isOver = true;
    await pass(100);
    expect([one.isDone, other.isDone]).toEqual([true, false]);
    ended.add('a');
    await pass(200);
    expect(other.isDone).toBe(true);
  });

  test('for one transaction are not let go by another', async () => {
    const { joiners, wait, pass, ended } = watching();
    const [one, other] = [wait('a'), wait('b')];
    ended.add('a');
    joiners.changed('a');
    joiners.changed('nobody waits for it');
    await pass(100);
    expect([one.isDone, other.isDone]).toEqual([true, false]);
  });

  test('are let go where nobody can say whether it runs: they will see for themselves', async () => {
    const { wait, pass } = watching();
    const waiter = wait('unreadable');
    await pass(100);
    expect(waiter.isDone).toBe(true);
  });

  test('anew are looked for as soon as the first ones were', async () => {
    const { looked, wait, pass, ended } = watching();
    wait('a');
    await pass(100);
    await pass(200);
    ended.add('a');
    await pass(400);
    ended.delete('a');
    wait('a');
    await pass(100);
    expect(looked.map(([, ms]) => ms)).toEqual([100, 300, 700, 800]);
  });
});

describe('a change while somebody looks', () => {
  test('has it looked again: what was seen may be old', async () => {
    const { joiners, looked, wait, pass, ended, hold, letGo } = watching();
    const waiter = wait('a');
    hold();
    await pass(100);
    ended.add('a');
    joiners.changed('a');
    joiners.changed('a');
    await letGo();
    expect(waiter.isDone).toBe(true);
    expect(looked).toHaveLength(2);
  });

  test('that has ended nothing leaves everybody waiting, looked for as before', async () => {
    const { joiners, looked, wait, pass, hold, letGo } = watching();
    const waiter = wait('a');
    hold();
    await pass(100);
    joiners.changed('a');
    await letGo();
    expect(waiter.isDone).toBe(false);
    expect(looked).toHaveLength(2);
    await pass(200);
    expect(looked.map(([, ms]) => ms)).toEqual([100, 100, 300]);
    joiners.changed('a');
    await pass(0);
    expect(looked).toHaveLength(4);
  });

  test('does not have it looked twice by the clock as well', async () => {
    const { joiners, looked, wait, pass, clock } = watching();
    wait('a');
    await pass(50);
    joiners.changed('a');
    await pass(0);
    await pass(100);
    expect(looked.map(([, ms]) => ms)).toEqual([50]);
    expect(clock.timerCount).toBe(1);
  });
});
