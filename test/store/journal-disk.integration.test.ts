import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Journal } from '../../src/store/journal.ts';
import {
  abandoned,
  begun,
  doneAt,
  ended,
  entryFile,
  isRoot,
  mountedFolder,
  openJournal,
  remount,
  sentAt,
} from './journal-kit.ts';

/** Real file systems that are full or read-only; mounting them takes root. */

const ID = Journal.idOf('192.0.2.7', '17', '["1"]');
const OTHER = Journal.idOf('192.0.2.7', '18', '["1"]');
const BIG = JSON.stringify({ receipt: 'x'.repeat(10_000) });

/** Takes every byte that is left. */
function fill(folder: string): string {
  const file = path.join(folder, 'filler');
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch (fault) {
      expect((fault as NodeJS.ErrnoException).code).toBe('ENOSPC');
    }
  }
  return file;
}

describe.runIf(isRoot)('a full disk', () => {
  test('refuses a new transaction, and no trace of it is left', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    await ended(open, OTHER);
    const filler = fill(open.folder);
    await expect(open.journal.begin(ID, sentAt(open.clock))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(open.folder).toSorted()).toEqual([`${OTHER}.entry`, 'filler'].toSorted());
    expect(await open.journal.lookup(ID)).toEqual({ state: 'none' });
    expect(await open.journal.lookup(OTHER)).toMatchObject({ state: 'done' });
    expect(await open.journal.isComplete()).toBe(true);
    rmSync(filler);
    await begun(open, ID);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
  });

  test('that takes a part of a record only refuses it, too', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    const filler = fill(open.folder);
    // One page is free, the record needs several.
    const page = 4096;
    truncateSync(filler, statSync(filler).size - page);
    const large = sentAt(open.clock, { hash: 'x'.repeat(3 * page) });
    await expect(open.journal.begin(ID, large)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(open.folder)).toEqual(['filler']);
    await begun(open, ID);
  });

  test('without room for another name refuses a new transaction, and no trace of it is left', async () => {
    const folder = mountedFolder('size=1m,nr_inodes=4');
    const open = await openJournal(folder);
    for (let n = 0; readdirSync(folder).length < 3; n += 1)
      writeFileSync(path.join(folder, `filler${n}`), '');
    const before = readdirSync(folder);
    await expect(open.journal.begin(ID, sentAt(open.clock))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(folder)).toEqual(before);
    expect(await open.journal.lookup(ID)).toEqual({ state: 'none' });
  });

  test('refuses an outcome, which can be stored when there is room again', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    const entry = await begun(open, ID);
    const filler = fill(open.folder);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(entry.finish(doneAt(open.clock, BIG))).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
    }
    rmSync(filler);
    await entry.finish(doneAt(open.clock, BIG));
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done', done: { text: BIG } });
    expect(await open.journal.isComplete()).toBe(true);
  });

  test('leaves an entry whose owner gives up unresolved, and not doubtful', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    const entry = await begun(open, ID);
    fill(open.folder);
    await expect(entry.finish(doneAt(open.clock, BIG))).rejects.toMatchObject({ code: 'ENOSPC' });
    await entry.release();
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'unresolved', isDoubtful: false });
  });

  test('takes a withdrawal and pruning', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    const entry = await begun(open, ID);
    await ended(open, OTHER);
    fill(open.folder);
    await entry.withdraw();
    expect(existsSync(entryFile(open.folder, ID))).toBe(false);
    open.clock.advance(40 * 86_400_000);
    expect(await open.journal.prune()).toEqual({ removed: 1, unresolved: 0, damaged: 0 });
  });
});

describe.runIf(isRoot)('a disk that is read-only', () => {
  test('can be read: what is done is told, what is new is refused', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    await ended(open, ID);
    await abandoned(open, OTHER);
    remount(open.folder, 'ro');
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
    expect(await open.journal.lookup(OTHER)).toMatchObject({ state: 'unresolved' });
    expect(await open.journal.isComplete()).toBe(true);
    await expect(open.journal.begin('c'.repeat(40), sentAt(open.clock))).rejects.toMatchObject({
      code: 'EROFS',
    });
    await expect(open.journal.claim(OTHER)).rejects.toMatchObject({ code: 'EROFS' });
    expect(readdirSync(open.folder)).toHaveLength(2);
  });

  test('cannot have anything set aside, and says so: the entry is lost all the same', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    writeFileSync(entryFile(open.folder, ID), 'hello');
    remount(open.folder, 'ro');
    expect(await open.journal.lookup(ID)).toEqual({ state: 'lost' });
    expect(await open.journal.isComplete()).toBe(false);
    expect(open.lines).toHaveLength(2);
    for (const line of open.lines) expect(line).toMatch(/damaged and cannot be set aside .*EROFS/);
    expect(readdirSync(open.folder)).toEqual([`${ID}.entry`]);
  });

  test('keeps what is too old, and pruning rejects', async () => {
    const open = await openJournal(mountedFolder('size=256k'));
    await ended(open, ID);
    remount(open.folder, 'ro');
    open.clock.advance(40 * 86_400_000);
    await expect(open.journal.lookup(ID)).rejects.toMatchObject({ code: 'EROFS' });
    await expect(open.journal.prune()).rejects.toMatchObject({ code: 'EROFS' });
  });

  test('can be opened as a journal that exists, not as a new one', async () => {
    const folder = mountedFolder('size=256k');
    mkdirSync(path.join(folder, 'there'));
    remount(folder, 'ro');
    await openJournal(path.join(folder, 'there'));
    await expect(openJournal(path.join(folder, 'new'))).rejects.toThrow(/JOURNAL_OPEN_FAILED: .*EROFS/);
  });
});

describe.runIf(isRoot)('another user', () => {
  test('cannot have the journal', async () => {
    const open = await openJournal();
    await ended(open, ID);
    chownSync(path.dirname(open.folder), 65_534, 65_534);
    process.seteuid?.(65_534);
    try {
      await expect(openJournal(open.folder)).rejects.toThrow(/JOURNAL_OPEN_FAILED: .*EACCES/);
      await expect(open.journal.lookup(ID)).rejects.toMatchObject({ code: 'EACCES' });
      await expect(open.journal.begin(OTHER, sentAt(open.clock))).rejects.toMatchObject({ code: 'EACCES' });
      await expect(open.journal.isComplete()).rejects.toMatchObject({ code: 'EACCES' });
    } finally {
      process.seteuid?.(0);
    }
  });
});
