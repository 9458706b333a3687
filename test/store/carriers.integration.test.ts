import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Carriers } from '../../src/store/carriers.ts';
import { after, temporaryFolder } from './journal-kit.ts';

/** Two objects are two processes: each has an open file of its own. */
function two(): [Carriers, Carriers] {
  const folder = temporaryFolder();
  const both: [Carriers, Carriers] = [new Carriers(folder), new Carriers(folder)];
  for (const one of both) after(() => one.close());
  return both;
}

describe('a connection of another process', () => {
  test('has gone on when it has sent something since the answer, until it is closed', async () => {
    const [here, there] = two();
    expect(await here.haveGoneOn(['c'], 'a')).toBe(false);
    await there.join('c');
    there.carries('c', 'a');
    for (const one of [here, there]) expect(await one.haveGoneOn(['c'], 'a')).toBe(false);
    there.spoke('c');
    for (const one of [here, there]) expect(await one.haveGoneOn(['c'], 'a')).toBe(true);
    there.spoke('c');
    there.leave('c');
    for (const one of [here, there]) expect(await one.haveGoneOn(['c'], 'a')).toBe(false);
  });

  test('has gone on when it has another answer', async () => {
    const [here, there] = two();
    await there.join('c');
    there.carries('c', 'a');
    there.carries('c', 'b');
    expect([await here.haveGoneOn(['c'], 'a'), await here.haveGoneOn(['c'], 'b')]).toEqual([true, false]);
  });

  test('is one of several: one that has gone on is enough', async () => {
    const [here, there] = two();
    await there.join('c');
    expect(await here.haveGoneOn(['x', 'c', 'y'], 'a')).toBe(true);
    expect(await here.haveGoneOn(['x', 'y'], 'a')).toBe(false);
    expect(await here.haveGoneOn([], 'a')).toBe(false);
  });

  test('is closed when its process is', async () => {
    const [here, there] = two();
    await there.join('c');
    there.carries('c', 'a');
    there.spoke('c');
    await there.close();
    expect(await here.haveGoneOn(['c'], 'a')).toBe(false);
  });

  test('is told from every other one', async () => {
    const [here, there] = two();
    await Promise.all([there.join('c'), there.join('d'), there.join('c')]);
    there.carries('c', 'a');
    there.carries('d', 'a');
    there.spoke('d');
    expect([await here.haveGoneOn(['c'], 'a'), await here.haveGoneOn(['d'], 'a')]).toEqual([false, true]);
    expect(await here.haveGoneOn(['e'], 'a')).toBe(false);
  });
});

test('a connection that leaves while it joins is not seen by others', async () => {
  const [here, there] = two();
  const joined = there.join('c');
  there.leave('c');
  await joined;
  expect(await here.haveGoneOn(['c'], 'a')).toBe(false);
});

test('what is said of a connection that never joined, or has left, changes nothing', async () => {
  const [here, there] = two();
  await there.join('c');
  there.carries('c', 'a');
  for (const name of ['x', 'left']) {
    if (name === 'left') {
      await there.join(name);
      there.leave(name);
    }
    there.carries(name, 'a');
    there.spoke(name);
    there.leave(name);
    for (const one of [here, there]) expect(await one.haveGoneOn([name, 'c'], 'a')).toBe(false);
  }
  there.spoke('c');
  expect(await here.haveGoneOn(['c'], 'a')).toBe(true);
});

test('what this process knows itself needs no file', async () => {
  const one = new Carriers(path.join(temporaryFolder(), 'missing'));
  await expect(one.join('c')).rejects.toThrow('ENOENT');
  one.carries('c', 'a');
  expect(await one.haveGoneOn(['c'], 'a')).toBe(false);
  expect(await one.haveGoneOn([], 'a')).toBe(false);
});

test('what cannot be kept where others see it is known here all the same, and is said', async () => {
  const one = new Carriers(path.join(temporaryFolder(), 'missing'));
  await expect(one.join('c')).rejects.toThrow('ENOENT');
  one.carries('c', 'a');
  one.spoke('c');
  expect(await one.haveGoneOn(['c'], 'a')).toBe(true);
  await expect(one.haveGoneOn(['d'], 'a')).rejects.toThrow('ENOENT');
  one.leave('c');
  await one.close();
});
