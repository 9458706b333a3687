import { closeSync, openSync, readdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type FileLocks, loadFileLocks } from '../../src/base/file-lock.ts';
import { Journal } from '../../src/store/journal.ts';
import { UnbornEntries } from '../../src/store/unborn-entries.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { abandoned, begun, openJournal, sentAt, temporaryFolder } from './journal-kit.ts';

/** Others look at an entry at the very moment when it is made. */

const ID = Journal.idOf('192.0.2.7', '17', '["1"]');
const OTHER = Journal.idOf('192.0.2.7', '18', '["1"]');

afterEach(() => void vi.restoreAllMocks());

const unbornIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.new'));

/** Does something in the instant before an owner asks for the lock of what it is making. */
function beforeOwning(run: (file: string, locks: FileLocks) => void, folder: string, times: number): void {
  const locks = loadFileLocks();
  const { tryLock } = locks;
  let left = times;
  vi.spyOn(locks, 'tryLock').mockImplementation((fd, byte, mode) => {
    const [name] = unbornIn(folder);
    if (mode === 'exclusive' && name !== undefined && left > 0) {
      left -= 1;
      run(path.join(folder, name), { ...locks, tryLock });
    }
    return tryLock(fd, byte, mode);
  });
}

describe('an entry whose file somebody looks at before its owner has the lock', () => {
  test('is begun under another name, and running', async () => {
    const open = await openJournal();
    const looking: number[] = [];
    beforeOwning(
      (file, locks) => {
        const fd = openSync(file, 'r');
        looking.push(fd);
        expect(locks.tryLock(fd, 0, 'shared')).toBe(true);
      },
      open.folder,
      3,
    );
    await begun(open, ID);
    expect(looking).toHaveLength(3);
    for (const fd of looking) closeSync(fd);
    expect(readdirSync(open.folder)).toEqual([`${ID}.entry`]);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
    expect(await open.journal.claim(ID)).toBeUndefined();
  });

  test('is begun under another name where it was taken for a leftover and removed', async () => {
    const open = await openJournal();
    beforeOwning((file) => unlinkSync(file), open.folder, 2);
    await begun(open, ID);
    expect(readdirSync(open.folder)).toEqual([`${ID}.entry`]);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
  });

  test('is given up with no trace where that never ends', async () => {
    const open = await openJournal();
    const looking: number[] = [];
    beforeOwning(
      (file, locks) => {
        const fd = openSync(file, 'r');
        looking.push(fd);
        locks.tryLock(fd, 0, 'shared');
      },
      open.folder,
      Number.POSITIVE_INFINITY,
    );
    await expect(open.journal.begin(ID, sentAt(open.clock))).rejects.toThrow('keep getting in the way');
    expect(looking.length).toBeLessThanOrEqual(20);
    for (const fd of looking) closeSync(fd);
    expect(readdirSync(open.folder)).toEqual([]);
    expect(await open.journal.isBeginning(ID)).toBe(false);
  });
});

describe('a file in the making', () => {
  test('that is fresh counts as living, and its lock is left alone', async () => {
    const { journal, folder, clock } = await openJournal();
    const file = path.join(folder, `${ID}.x.new`);
    writeFileSync(file, '');
    const seconds = clock.wallMs() / 1000;
    utimesSync(file, seconds - 1, seconds - 1);
    const tryLock = vi.spyOn(loadFileLocks(), 'tryLock');
    expect(await journal.isBeginning(ID)).toBe(true);
    expect(await journal.isBeginning(OTHER)).toBe(false);
    expect(await journal.prune()).toMatchObject({ removed: 0 });
    expect(tryLock).not.toHaveBeenCalled();
    clock.advance(20_000);
    expect(await journal.isBeginning(ID)).toBe(false);
    expect(await journal.prune()).toMatchObject({ removed: 0 });
    clock.advance(3_600_000);
    expect(await journal.prune()).toMatchObject({ removed: 1 });
  });

  test('from the future, or of a time that nobody knows, is judged by its lock', async () => {
    const { journal, folder } = await openJournal();
    const file = path.join(folder, `${ID}.x.new`);
    writeFileSync(file, '');
    for (const time of [0, Date.now() / 1000 + 3600]) {
      utimesSync(file, time, time);
      expect(await journal.isBeginning(ID)).toBe(false);
      const fd = openSync(file, 'r+');
      expect(loadFileLocks().tryLock(fd, 0, 'exclusive')).toBe(true);
      expect(await journal.isBeginning(ID)).toBe(true);
      closeSync(fd);
    }
  });
});

describe('what dead processes left behind', () => {
  const OLD_S = Date.UTC(2027, 0, 1) / 1000;
  const put = (folder: string, name: string, timeS = OLD_S) => {
    writeFileSync(path.join(folder, name), 'x');
    utimesSync(path.join(folder, name), timeS, timeS);
  };

  test('goes, and nothing else in the folder: neither entries, nor keys, nor what is of another kind', async () => {
    const folder = temporaryFolder();
    const names = [`${ID}.entry`, `${ID}.damaged`, 'compare.key', 'new', 'notes.new.txt', `sale-${ID}.x.new`];
    for (const name of [...names, `${ID}.x.new`, `${OTHER}.y.new`]) put(folder, name);
    const bridges = new UnbornEntries(folder, 'bridge', new FakeClock());
    expect(await bridges.prune()).toBe(2);
    expect(readdirSync(folder).toSorted()).toEqual(names.toSorted());
    expect(await new UnbornEntries(folder, 'sales', new FakeClock()).prune()).toBe(1);
    expect(readdirSync(folder).toSorted()).toEqual(
      names.filter((name) => !name.startsWith('sale')).toSorted(),
    );
  });

  test('stays while somebody owns it, while it is no older than an hour, and where nobody knows how old it is', async () => {
    const folder = temporaryFolder();
    const clock = new FakeClock();
    const unborn = new UnbornEntries(folder, 'bridge', clock);
    put(folder, 'young.x.new', clock.wallMs() / 1000 - 3600);
    put(folder, 'unknown.x.new', 0);
    put(folder, 'owned.x.new');
    const fd = openSync(path.join(folder, 'owned.x.new'), 'r+');
    loadFileLocks().tryLock(fd, 0, 'exclusive');
    expect(await unborn.prune()).toBe(0);
    clock.advance(1);
    expect(await unborn.prune()).toBe(1);
    expect(readdirSync(folder).toSorted()).toEqual(['owned.x.new', 'unknown.x.new']);
    closeSync(fd);
    expect(await unborn.prune()).toBe(1);
  });
});

describe('whether somebody is making an entry', () => {
  test('is known of this process before there is a file, and until it says otherwise', async () => {
    const unborn = new UnbornEntries(temporaryFolder(), 'bridge', new FakeClock());
    const [one, other] = [unborn.mention('a'), unborn.mention('a')];
    expect([await unborn.has('a'), await unborn.has('b')]).toEqual([true, false]);
    one.end();
    one.end();
    expect(await unborn.has('a')).toBe(true);
    other.end();
    expect(await unborn.has('a')).toBe(false);
  });

  test('is said of a file for 10 s from its very first moment, then by its lock', async () => {
    const folder = temporaryFolder();
    const clock = new FakeClock();
    const unborn = new UnbornEntries(folder, 'bridge', clock);
    writeFileSync(path.join(folder, 'a.x.new'), '');
    utimesSync(path.join(folder, 'a.x.new'), clock.wallMs() / 1000, clock.wallMs() / 1000);
    const tryLock = vi.spyOn(loadFileLocks(), 'tryLock');
    expect(await unborn.has('a')).toBe(true);
    clock.advance(9999);
    expect(await unborn.has('a')).toBe(true);
    expect(tryLock).not.toHaveBeenCalled();
    clock.advance(1);
    expect(await unborn.has('a')).toBe(false);
    expect(tryLock).toHaveBeenCalledOnce();
  });
});

test('many begin while another process looks at everything all the time: none loses its lock', async () => {
  const open = await openJournal();
  const late = await openJournal(open.folder, { clock: new FakeClock(Date.now() + 86_400_000) });
  await abandoned(open, OTHER);
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      await late.journal.prune();
      await late.journal.isBeginning(ID);
    }
  })();
  for (let round = 0; round < 50; round += 1) {
    const entry = await begun(open, ID);
    expect(await late.journal.lookup(ID)).toMatchObject({ state: 'running' });
    await entry.withdraw();
  }
  isOver = true;
  await looking;
});
