import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StoredEntry } from '../../src/store/entry-state.ts';
import { Journal } from '../../src/store/journal.ts';
import { encodeRecord } from '../../src/store/journal-record.ts';
import { complaintOf } from '../cli/kit.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import {
  abandoned,
  begun,
  DAY_MS,
  doneAt,
  ended,
  entryFile,
  KEEP_MS,
  type OpenJournal,
  openJournal,
  sentAt,
  temporaryFolder,
} from './journal-kit.ts';

const ID = Journal.idOf('192.0.2.7', '17', '["1"]');
const OTHER = Journal.idOf('192.0.2.7', '18', '["1"]');

/** A second view of the same folder, as another process has one. */
const again = ({ folder }: OpenJournal, clock: FakeClock, keepMs = KEEP_MS) =>
  openJournal(folder, { clock, keepMs });

async function entriesOf(journal: Journal): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const entry of journal.entries()) entries.push(entry);
  return entries.toSorted((one, other) => (one.file < other.file ? -1 : 1));
}

describe('a folder in the place of the journal that was opened', () => {
  /** Gone, or another one, until it is put back. */
  async function movedAway(open: OpenJournal, replacement: 'none' | 'another'): Promise<() => void> {
    const away = `${open.folder}.away`;
    renameSync(open.folder, away);
    if (replacement === 'another') mkdirSync(open.folder, 0o700);
    return () => {
      if (replacement === 'another') rmSync(open.folder, { recursive: true });
      renameSync(away, open.folder);
    };
  }

  test.each(['none', 'another'] as const)(
    'is not read and takes nothing (%s there), until the old one is back',
    async (replacement) => {
      const open = await openJournal();
      await ended(open, ID);
      const putBack = await movedAway(open, replacement);
      const text = /^JOURNAL_OPEN_FAILED: .*(is gone|something else is now where the journal)/;
      const { journal } = open;
      for (const use of [() => journal.checkPlace(), () => journal.lookup(ID), () => journal.lookup(OTHER)])
        expect(await complaintOf(use)).toMatch(text);
      for (const use of [() => journal.siblings(ID), () => journal.isComplete(), () => begun(open, OTHER)])
        await expect(use()).rejects.toThrow();
      expect(await journal.mayHaveEntry(OTHER)).toBe(true);
      expect(existsSync(open.folder) ? readdirSync(open.folder) : []).toEqual([]);
      putBack();
      expect(await journal.lookup(ID)).toMatchObject({ state: 'done' });
      expect(await journal.lookup(OTHER)).toEqual({ state: 'none' });
      await ended(open, OTHER);
    },
  );

  test('that has an entry of the same name gives nobody its outcome, and it is not taken over', async () => {
    const open = await openJournal();
    await ended(open, ID);
    const putBack = await movedAway(open, 'another');
    const other = await openJournal(open.folder, { clock: open.clock });
    await abandoned(other, ID);
    await expect(open.journal.claim(ID)).rejects.toThrow(/something else is now/);
    expect(await other.journal.lookup(ID)).toMatchObject({ state: 'unresolved' });
    putBack();
  });

  test('is the same one behind a symbolic link', async () => {
    const real = temporaryFolder();
    const link = path.join(temporaryFolder(), 'link');
    symlinkSync(real, link);
    const open = await openJournal(link);
    await ended(open, ID);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
    expect(await open.journal.mayHaveEntry(OTHER)).toBe(false);
  });
});

describe('the folder', () => {
  test('is made with mode 0700 and files with 0600, whatever the umask allows', async () => {
    const before = process.umask(0);
    try {
      const open = await openJournal(path.join(temporaryFolder(), 'a/b'));
      await ended(open, ID);
      expect(statSync(open.folder).mode & 0o777).toBe(0o700);
      expect(statSync(path.dirname(open.folder)).mode & 0o777).toBe(0o700);
      expect(statSync(entryFile(open.folder, ID)).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(before);
    }
  });

  test('that cannot be had is JOURNAL_OPEN_FAILED, with the place and the reason', async () => {
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(await complaintOf(() => openJournal(file))).toMatch(
      /^JOURNAL_OPEN_FAILED: the journal \/\S+file cannot be opened: .*ENOTDIR.*--journal$/,
    );
    expect(await complaintOf(() => openJournal(path.join(file, 'x')))).toContain('ENOTDIR');
    expect(await complaintOf(() => openJournal('/proc/none'))).toContain('JOURNAL_OPEN_FAILED');
  });

  test('that must exist is not made', async () => {
    const folder = path.join(temporaryFolder(), 'none');
    expect(await complaintOf(() => openJournal(folder, { mustExist: true }))).toContain('ENOENT');
    expect(existsSync(folder)).toBe(false);
  });

  test('that goes away makes begin, completeness and the list reject; nothing is made up', async () => {
    const open = await openJournal();
    const gone = path.join(open.folder, 'gone');
    const { journal } = await openJournal(gone);
    rmdirSync(gone);
    await expect(journal.begin(ID, sentAt(open.clock))).rejects.toThrow('ENOENT');
    await expect(journal.isComplete()).rejects.toThrow('ENOENT');
    await expect(journal.prune()).rejects.toThrow('ENOENT');
  });
});

describe('the name of an entry', () => {
  test('is the same for the same register and values, and different for everything else', () => {
    expect(Journal.idOf('', '17', '["1"]')).toBe('5065709d5dd5b882a52160f6-43de3a417d75f481');
    expect(Journal.idOf('', '17')).toBe('5065709d5dd5b882a52160f6-0');
    const names = [
      Journal.idOf('a', '17', '["1"]'),
      Journal.idOf('a', '1', '["71"]'),
      Journal.idOf('a', '17', '["1",""]'),
      Journal.idOf('a', '17'),
      Journal.idOf('b', '17', '["1"]'),
      Journal.idOf('a["17', '","1"]'),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('a transaction', () => {
  test('is on the disk when begin resolves, and running until its owner lets go', async () => {
    const open = await openJournal();
    expect(await open.journal.lookup(ID)).toEqual({ state: 'none' });
    const entry = await begun(open, ID);
    expect(readdirSync(open.folder)).toEqual([`${ID}.entry`]);
    expect(readFileSync(entryFile(open.folder, ID))).toEqual(encodeRecord(sentAt(open.clock)));
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
    await entry.release();
    await entry.release();
    expect(await open.journal.lookup(ID)).toEqual({
      state: 'unresolved',
      sent: sentAt(open.clock),
      isDoubtful: false,
    });
  });

  test('is done when its outcome is there, for everybody', async () => {
    const open = await openJournal();
    await ended(open, ID, '{"n": 1.0}');
    const expected = {
      state: 'done',
      sent: sentAt(open.clock),
      done: { ...doneAt(open.clock, '{"n": 1.0}'), state: 'done' },
    };
    expect(await open.journal.lookup(ID)).toEqual(expected);
    expect(await (await again(open, open.clock)).journal.lookup(ID)).toEqual(expected);
    expect(await open.journal.lookup(OTHER)).toEqual({ state: 'none' });
  });

  test('can begin and end at once', async () => {
    const open = await openJournal();
    const entry = await open.journal.begin(ID, sentAt(open.clock, { state: 'absent' }), doneAt(open.clock));
    expect(entry).not.toBe('exists');
    if (entry !== 'exists') await entry.release();
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done', sent: { state: 'absent' } });
  });

  test('that is withdrawn leaves no trace', async () => {
    const open = await openJournal();
    const entry = await begun(open, ID);
    await entry.withdraw();
    expect(readdirSync(open.folder)).toEqual([]);
    expect(await open.journal.lookup(ID)).toEqual({ state: 'none' });
    await entry.withdraw();
    await begun(open, ID);
    await entry.withdraw();
    expect(readdirSync(open.folder)).toEqual([`${ID}.entry`]);
  });

  test('begun many times at once is won by exactly one', async () => {
    const open = await openJournal();
    const others = await Promise.all([1, 2, 3].map(() => again(open, open.clock)));
    for (let round = 0; round < 20; round += 1) {
      const id = Journal.idOf('race', String(round));
      const begins = [open, ...others, open, ...others].map(({ journal }) =>
        journal.begin(id, sentAt(open.clock)),
      );
      const entries = (await Promise.all(begins)).filter((entry) => entry !== 'exists');
      expect(entries).toHaveLength(1);
      expect(await open.journal.lookup(id)).toMatchObject({ state: 'running' });
      for (const entry of entries) await entry.release();
    }
    expect(readdirSync(open.folder).filter((name) => !name.endsWith('.entry'))).toEqual([]);
  });

  test('can begin where a process of the same number died while it began the same', async () => {
    const open = await openJournal();
    for (let births = 0; births < 3; births += 1) {
      writeFileSync(path.join(open.folder, `${ID}.${process.pid}.${births}.new`), 'torn');
    }
    await begun(open, ID);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
  });

  test('is seen to begin before it has its name, and no longer when its beginner is dead', async () => {
    const open = await openJournal();
    expect(await open.journal.isBeginning(ID)).toBe(false);
    const beginning = open.journal.begin(ID, sentAt(open.clock));
    expect(await open.journal.isBeginning(ID)).toBe(true);
    expect(await open.journal.isBeginning(OTHER)).toBe(false);
    const entry = await beginning;
    expect(await open.journal.isBeginning(ID)).toBe(true);
    if (entry !== 'exists') await entry.withdraw();
    writeFileSync(path.join(open.folder, `${ID}.left-over.new`), '');
    expect(await open.journal.isBeginning(ID)).toBe(false);
  });
});

describe('a claim', () => {
  test('is given to one at a time, and to nobody while the owner lives', async () => {
    const open = await openJournal();
    const other = await again(open, open.clock);
    expect(await open.journal.claim(ID)).toBeUndefined();
    const owner = await begun(open, ID);
    expect(await other.journal.claim(ID)).toBeUndefined();
    expect(await open.journal.claim(ID)).toBeUndefined();
    await owner.release();
    const claims = await Promise.all([other, open, other, open].map(({ journal }) => journal.claim(ID)));
    const [claim, ...more] = claims.filter((one) => one !== undefined);
    expect(more).toEqual([]);
    expect(claim?.lookup).toMatchObject({ state: 'unresolved', sent: { amount: '1230' } });
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
    await claim?.finish(doneAt(open.clock));
    const late = await other.journal.claim(ID);
    expect(late?.lookup.state).toBe('done');
    await late?.release();
  });

  test('of a name that has gone to another file meanwhile is not given', async () => {
    const open = await openJournal();
    await ended(open, ID);
    // Whoever claims has opened the old file when the name goes to a new one.
    for (let round = 0; round < 30; round += 1) {
      const old = await open.journal.claim(ID);
      const waiting = Promise.all([open.journal.claim(ID), open.journal.claim(ID)]);
      await old?.withdraw();
      const fresh = await begun(open, ID);
      for (const one of await waiting) expect(one).toBeUndefined();
      expect(await open.journal.lookup(ID)).toMatchObject({ state: 'running' });
      await fresh.finish(doneAt(open.clock));
    }
  });
});

describe('an entry whose end is torn', () => {
  test('is unresolved and doubtful, and takes an outcome', async () => {
    const open = await openJournal();
    await ended(open, ID);
    const file = entryFile(open.folder, ID);
    truncateSync(file, statSync(file).size - 3);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'unresolved', isDoubtful: true });
    expect(await open.journal.isComplete()).toBe(true);
    const claim = await open.journal.claim(ID);
    await claim?.finish(doneAt(open.clock, '{"n":2}'));
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done', done: { text: '{"n":2}' } });
  });

  test('is not doubtful where nothing but the line break of the outcome was written', async () => {
    const open = await openJournal();
    await abandoned(open, ID);
    writeFileSync(entryFile(open.folder, ID), '\n', { flag: 'a' });
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'unresolved', isDoubtful: false });
  });
});

describe('an entry whose first record cannot be read', () => {
  const damages: Record<string, (file: string) => void> = {
    'is empty': (file) => truncateSync(file),
    'is cut short': (file) => truncateSync(file, 40),
    'has a changed byte': (file) => {
      const bytes = readFileSync(file);
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    },
    'is zeros': (file) => writeFileSync(file, Buffer.alloc(4096)),
    'is far too long': (file) => truncateSync(file, 16 * 1024 * 1024 + 1),
  };

  test.each(Object.entries(damages))('because it %s is set aside, kept, and lost', async (_, damage) => {
    const open = await openJournal();
    await ended(open, OTHER);
    await ended(open, ID);
    damage(entryFile(open.folder, ID));
    const bytes = readFileSync(entryFile(open.folder, ID));
    expect(await open.journal.lookup(ID)).toEqual({ state: 'lost' });
    expect(readdirSync(open.folder).toSorted()).toEqual([`${ID}.damaged`, `${OTHER}.entry`].toSorted());
    expect(readFileSync(path.join(open.folder, `${ID}.damaged`)).equals(bytes)).toBe(true);
    expect(open.lines).toEqual([
      expect.stringMatching(
        /^error a journal entry is damaged and set aside file=\S+\.damaged why="its first/,
      ),
    ]);
    expect(await open.journal.lookup(ID)).toEqual({ state: 'lost' });
    expect(await open.journal.lookup(OTHER)).toMatchObject({ state: 'done' });
    expect(await open.journal.isComplete()).toBe(false);
  });

  test('is found by asking for completeness, too', async () => {
    const open = await openJournal();
    await ended(open, ID);
    expect(await open.journal.isComplete()).toBe(true);
    truncateSync(entryFile(open.folder, ID));
    expect(await open.journal.isComplete()).toBe(false);
    expect(readdirSync(open.folder)).toEqual([`${ID}.damaged`]);
    expect(await open.journal.isComplete()).toBe(false);
  });

  test('does not take the place of an earlier one', async () => {
    const open = await openJournal();
    for (const content of ['one', 'two', 'three']) {
      writeFileSync(entryFile(open.folder, ID), content);
      expect(await open.journal.lookup(ID)).toEqual({ state: 'lost' });
    }
    const names = readdirSync(open.folder);
    expect(names.map((name) => readFileSync(path.join(open.folder, name), 'utf8')).toSorted()).toEqual([
      'one',
      'three',
      'two',
    ]);
    expect(readFileSync(path.join(open.folder, `${ID}.damaged`), 'utf8')).toBe('three');
    for (const name of names) expect(name).toMatch(new RegExp(`^${ID}\\.(.+\\.)?damaged$`));
  });

  test('is set aside once, by however many at a time, and never what has come in its place', async () => {
    const open = await openJournal();
    const other = await again(open, open.clock);
    for (let round = 0; round < 20; round += 1) {
      const id = Journal.idOf('damaged', String(round));
      writeFileSync(entryFile(open.folder, id), 'hello');
      const lookups = [open, other, open, other].map(({ journal }) => journal.lookup(id));
      const states = (await Promise.all(lookups)).map(({ state }) => state);
      // Who comes while another one has the lock to set it aside takes that one for its owner, and asks again.
      expect(states).toContain('lost');
      expect(states.filter((state) => state !== 'lost' && state !== 'running')).toEqual([]);
      await open.journal.lookup(id);
      const late = Promise.all([other.journal.lookup(id), open.journal.isComplete()]);
      await ended(open, id);
      await late;
      expect(await open.journal.lookup(id)).toMatchObject({ state: 'done' });
      expect(readdirSync(open.folder).filter((name) => name.startsWith(id))).toHaveLength(2);
    }
  });

  test('can get an outcome beside it, which counts from then on', async () => {
    const open = await openJournal();
    writeFileSync(entryFile(open.folder, ID), 'hello');
    expect(await open.journal.lookup(ID)).toEqual({ state: 'lost' });
    await ended(open, ID);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
    expect(await open.journal.isComplete()).toBe(false);
  });

  test('matters as long as the journal keeps, counted from setting it aside', async () => {
    const open = await openJournal();
    writeFileSync(entryFile(open.folder, ID), 'hello');
    utimesSync(entryFile(open.folder, ID), 0, 0);
    expect(await open.journal.lookup(ID)).toEqual({ state: 'lost' });
    const before = await again(open, new FakeClock(Date.now() + KEEP_MS - DAY_MS));
    expect(await before.journal.isComplete()).toBe(false);
    expect(await before.journal.lookup(ID)).toEqual({ state: 'lost' });
    const afterwards = await again(open, new FakeClock(Date.now() + KEEP_MS + DAY_MS));
    expect(await afterwards.journal.isComplete()).toBe(true);
    expect(await afterwards.journal.lookup(ID)).toEqual({ state: 'none' });
    expect(readdirSync(open.folder)).toEqual([`${ID}.damaged`]);
  });

  test('may be an empty file put there by hand, to say that the journal is not complete', async () => {
    const open = await openJournal();
    await ended(open, ID);
    writeFileSync(path.join(open.folder, '0.damaged'), '');
    expect(await open.journal.isComplete()).toBe(false);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
  });
});

describe('an entry that cannot be opened', () => {
  const obstacles: Record<string, (file: string) => void> = {
    'a folder': (file) => mkdirSync(file),
    'a symbolic link': (file) => symlinkSync('/etc/hostname', file),
    'a symbolic link to an entry': (file) => {
      writeFileSync(`${file}.real`, encodeRecord(sentAt(new FakeClock())));
      symlinkSync(`${file}.real`, file);
    },
    'a symbolic link to nothing': (file) => symlinkSync('/nowhere', file),
    'a named pipe': (file) => execFileSync('mkfifo', [file]),
  };

  test.each(Object.entries(obstacles))(
    'because %s is in its place makes looking and claiming reject',
    async (_, obstruct) => {
      const open = await openJournal();
      await ended(open, OTHER);
      const file = entryFile(open.folder, ID);
      obstruct(file);
      await expect(open.journal.lookup(ID)).rejects.toThrow();
      await expect(open.journal.claim(ID)).rejects.toThrow();
      expect(await open.journal.begin(ID, sentAt(open.clock))).toBe('exists');
      expect(await open.journal.lookup(OTHER)).toMatchObject({ state: 'done' });
    },
  );

  test('makes the journal incomplete, is listed with its reason, and is left alone', async () => {
    const open = await openJournal();
    await ended(open, OTHER);
    mkdirSync(entryFile(open.folder, ID));
    expect(await open.journal.isComplete()).toBe(false);
    expect((await entriesOf(open.journal)).find(({ id }) => id === ID)).toMatchObject({
      fault: expect.any(String),
    });
    const late = await again(open, new FakeClock(Date.now() + 2 * KEEP_MS));
    expect(await late.journal.prune()).toEqual({ removed: 1, unresolved: 0, damaged: 1 });
    expect(readdirSync(open.folder)).toEqual([`${ID}.entry`]);
  });
});

describe('entries', () => {
  test('are listed with their state, files of others are not', async () => {
    const open = await openJournal();
    await ended(open, 'aaaa');
    await begun(open, 'bbbb');
    await abandoned(open, 'cccc');
    writeFileSync(path.join(open.folder, 'dddd.damaged'), 'hello');
    writeFileSync(path.join(open.folder, 'posbridge-unix-1f.lock'), '');
    writeFileSync(path.join(open.folder, 'eeee.1.new'), '');
    const entries = await entriesOf(open.journal);
    expect(entries).toMatchObject([
      {
        id: 'aaaa',
        file: 'aaaa.entry',
        isRunning: false,
        isSetAside: false,
        isClean: true,
        done: { kind: 'result' },
      },
      { id: 'bbbb', isRunning: true, sent: { amount: '1230' }, done: undefined },
      { id: 'cccc', isRunning: false, done: undefined },
      { id: 'dddd', isSetAside: true, sent: undefined },
    ]);
    for (const { changedMs } of entries) expect(Math.abs(changedMs - Date.now())).toBeLessThan(DAY_MS);
  });

  test('are not held while their reader is busy: who wants one can have it', async () => {
    const open = await openJournal();
    await abandoned(open, ID);
    for await (const { id } of open.journal.entries()) {
      const claim = await open.journal.claim(id);
      expect(claim?.lookup.state).toBe('unresolved');
      await claim?.release();
    }
  });

  test('are not changed by being listed', async () => {
    const open = await openJournal();
    writeFileSync(entryFile(open.folder, ID), 'hello');
    await entriesOf(open.journal);
    expect(readdirSync(open.folder)).toEqual([`${ID}.entry`]);
  });
});

describe('time', () => {
  test('sets identifiers free when the journal has kept them long enough since the outcome', async () => {
    const open = await openJournal();
    const entry = await begun(open, ID);
    open.clock.advance(10 * DAY_MS);
    await entry.finish(doneAt(open.clock));
    open.clock.advance(KEEP_MS);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
    open.clock.advance(1);
    expect(await open.journal.lookup(ID)).toEqual({ state: 'none' });
    expect(readdirSync(open.folder)).toEqual([]);
    await begun(open, ID);
  });

  test('never frees what is unresolved', async () => {
    const open = await openJournal();
    await abandoned(open, ID);
    open.clock.advance(100 * KEEP_MS);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'unresolved' });
    expect(await open.journal.prune()).toEqual({ removed: 0, unresolved: 1, damaged: 0 });
  });

  test('set back keeps entries that lie in the future', async () => {
    const open = await openJournal();
    await ended(open, ID);
    const early = await again(open, new FakeClock(Date.UTC(1970, 0, 1)), 1000);
    expect(await early.journal.lookup(ID)).toMatchObject({ state: 'done' });
    expect(await early.journal.isComplete()).toBe(true);
    expect(await early.journal.prune()).toEqual({ removed: 0, unresolved: 0, damaged: 0 });
    writeFileSync(path.join(open.folder, '0.damaged'), '');
    expect(await early.journal.isComplete()).toBe(false);
  });

  test('set forward by less than the journal keeps frees nothing', async () => {
    const open = await openJournal();
    await ended(open, ID);
    const late = await again(open, new FakeClock(Date.now() + KEEP_MS - DAY_MS));
    expect(await late.journal.lookup(ID)).toMatchObject({ state: 'done' });
  });

  test('that is no time keeps an entry for ever', async () => {
    const open = await openJournal();
    const entry = await begun(open, ID);
    await entry.finish({ ...doneAt(open.clock), time: 'yesterday' });
    open.clock.advance(100 * KEEP_MS);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
  });

  test('frees identifiers once: who looks at the same moment never removes what has begun anew', async () => {
    const open = await openJournal();
    const late = new FakeClock(Date.now() + KEEP_MS + DAY_MS);
    const others = await Promise.all([1, 2, 3].map(() => again(open, late)));
    for (let round = 0; round < 20; round += 1) {
      const id = Journal.idOf('expiry', String(round));
      await ended(open, id);
      let hasBegun = false;
      const begins = others.map(async (other) => {
        for (;;) {
          const { state } = await other.journal.lookup(id);
          // Who removes the old one has its lock for a moment, and then it looks as if it were running.
          if (state === 'running' && hasBegun) return undefined;
          const entry = state === 'none' ? await other.journal.begin(id, sentAt(late)) : 'exists';
          if (entry === 'exists') continue;
          hasBegun = true;
          return entry;
        }
      });
      const prunes = others.map(({ journal }) => journal.prune());
      const winners = (await Promise.all(begins)).filter((entry) => entry !== undefined);
      await Promise.all(prunes);
      expect(winners).toHaveLength(1);
      expect(await open.journal.lookup(id)).toMatchObject({ state: 'running' });
      await winners[0]?.withdraw();
    }
  });
});

describe('prune', () => {
  test('removes what is too old and counts it; what is unresolved or damaged lately stays', async () => {
    const open = await openJournal();
    await ended(open, 'aaaa');
    await ended(open, 'bbbb');
    await abandoned(open, 'cccc');
    await begun(open, 'dddd');
    writeFileSync(path.join(open.folder, 'eeee.damaged'), '');
    writeFileSync(path.join(open.folder, 'ffff.entry'), 'hello');
    writeFileSync(path.join(open.folder, 'posbridge-unix-1f.lock'), '');
    expect(await open.journal.prune()).toEqual({ removed: 0, unresolved: 1, damaged: 2 });
    expect(readdirSync(open.folder)).toHaveLength(7);
    const late = await again(open, new FakeClock(Date.now() + KEEP_MS + DAY_MS));
    await ended({ ...late, clock: late.clock }, 'gggg');
    expect(await late.journal.prune()).toEqual({ removed: 4, unresolved: 1, damaged: 0 });
    expect(readdirSync(open.folder).toSorted()).toEqual([
      'cccc.entry',
      'dddd.entry',
      'gggg.entry',
      'posbridge-unix-1f.lock',
    ]);
  });

  test('removes what a process left behind that died while it began, after an hour, and never what is just beginning', async () => {
    const open = await openJournal();
    const leftOver = path.join(open.folder, `${ID}.x.new`);
    writeFileSync(leftOver, 'torn');
    expect(await open.journal.prune()).toMatchObject({ removed: 0 });
    utimesSync(leftOver, Date.now() / 1000 - 3601, Date.now() / 1000 - 3601);
    expect(await open.journal.prune()).toMatchObject({ removed: 1 });
    expect(readdirSync(open.folder)).toEqual([]);
    const late = await again(open, new FakeClock(Date.now() + DAY_MS));
    for (let round = 0; round < 10; round += 1) {
      const id = Journal.idOf('new', String(round));
      const [entry] = await Promise.all([open.journal.begin(id, sentAt(open.clock)), late.journal.prune()]);
      expect(await open.journal.lookup(id)).toMatchObject({ state: 'running' });
      if (entry !== 'exists') await entry.release();
    }
  });

  test('keeps an entry whose beginner died between its two names', async () => {
    const open = await openJournal();
    await abandoned(open, ID);
    copyFileSync(entryFile(open.folder, ID), path.join(open.folder, `${ID}.x.new`));
    const late = await again(open, new FakeClock(Date.now() + DAY_MS));
    expect(await late.journal.prune()).toEqual({ removed: 1, unresolved: 1, damaged: 0 });
    expect(await late.journal.lookup(ID)).toMatchObject({ state: 'unresolved' });
  });
});

test('an entry that its owner may not write can still be looked up', async () => {
  const open = await openJournal();
  await ended(open, ID);
  chmodSync(entryFile(open.folder, ID), 0o400);
  expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
});
