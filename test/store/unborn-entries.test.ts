import { closeSync, openSync, readdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type FileLocks, loadFileLocks } from '../../src/base/file-lock.ts';
import { Journal } from '../../src/store/journal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { abandoned, begun, openJournal, sentAt } from './journal-kit.ts';

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
