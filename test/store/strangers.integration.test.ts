import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Journal } from '../../src/store/journal.ts';
import { openKernelLock } from '../../src/store/lock.ts';
import { ended, isRoot, openJournal, temporaryFolder } from './journal-kit.ts';

const ID = Journal.idOf('192.0.2.7', '17/1');
const OTHER = Journal.idOf('192.0.2.7', '18/1');

/** Another user of the machine: number 65534, whom these tests, run as root, can be. */
const STRANGER = 65_534;

async function lockFault(file: string): Promise<string> {
  const opened = await openKernelLock(file).catch((fault: Error) => fault.message);
  if (typeof opened === 'string') return opened;
  await opened.close();
  return 'none';
}

async function asStranger<T>(work: () => Promise<T>): Promise<T> {
  process.seteuid?.(STRANGER);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** As /run/lock is: everybody makes files there, nobody removes another one's. */
function stickyFolder(): string {
  const folder = temporaryFolder();
  chmodSync(folder, 0o1777);
  return folder;
}

describe('a lock file', () => {
  test('in a sticky folder is ours alone', async () => {
    expect(await lockFault(path.join(stickyFolder(), 'pay.lock'))).toBe('none');
  });

  test.each([0o666, 0o620, 0o602])('that others can write is refused: mode %o', async (mode) => {
    const file = path.join(stickyFolder(), 'pay.lock');
    writeFileSync(file, '');
    chmodSync(file, mode);
    expect(await lockFault(file)).toMatch(/^LOCK_UNAVAILABLE: .* can be written by .*: chmod go-w .*--lock/);
  });

  test.each([0o777, 0o775])('in a folder that others can write is refused: mode %o', async (mode) => {
    const folder = temporaryFolder();
    chmodSync(folder, mode);
    const fault = await lockFault(path.join(folder, 'pay.lock'));
    expect(fault).toMatch(/^LOCK_UNAVAILABLE: /);
    expect(fault).toContain(`${folder} can be written by`);
    expect(fault).toContain(`chmod go-w ${folder}`);
  });

  test('is refused where everybody can replace a folder above it', async () => {
    const above = temporaryFolder();
    chmodSync(above, 0o777);
    mkdirSync(path.join(above, 'locks'), 0o700);
    expect(await lockFault(path.join(above, 'locks/pay.lock'))).toContain(`chmod o-w ${above}`);
  });

  test('is looked for behind a symbolic link to its folder', async () => {
    const [folder, open] = [temporaryFolder(), temporaryFolder()];
    chmodSync(open, 0o777);
    symlinkSync(open, path.join(folder, 'link'));
    expect(await lockFault(path.join(folder, 'link/pay.lock'))).toContain(`chmod go-w ${open}`);
  });

  describe.runIf(isRoot)('of another user', () => {
    test.each([0o666, 0o600])('is refused, with what to do: mode %o', async (mode) => {
      const file = path.join(stickyFolder(), 'pay.lock');
      writeFileSync(file, '');
      chmodSync(file, mode);
      chownSync(file, STRANGER, STRANGER);
      const words = `it belongs to user ${STRANGER}, and this program runs as root: run every bridge of this terminal as one user`;
      expect(await lockFault(file)).toContain(words);
    });

    test('is refused in the same words where it cannot even be opened', async () => {
      const file = path.join(stickyFolder(), 'pay.lock');
      writeFileSync(file, '', { mode: 0o600 });
      chownSync(file, 1234, 1234);
      const fault = await asStranger(() => lockFault(file));
      expect(fault).toContain(`it belongs to user 1234, and this program runs as user ${STRANGER}`);
    });

    test('is refused in a folder of theirs, sticky or not', async () => {
      for (const mode of [0o755, 0o1777]) {
        const folder = temporaryFolder();
        chownSync(folder, STRANGER, STRANGER);
        chmodSync(folder, mode);
        const fault = await lockFault(path.join(folder, 'pay.lock'));
        expect(fault).toContain(`${folder} belongs to user ${STRANGER}`);
      }
    });

    test("is one lock with root's where root has made it for nobody else", async () => {
      const file = path.join(stickyFolder(), 'pay.lock');
      expect(await lockFault(file)).toBe('none');
      expect(await asStranger(() => lockFault(file))).toContain('it belongs to user 0');
    });
  });
});

describe('a journal', () => {
  test.each([0o777, 0o1777, 0o770, 0o702])('that others can write is refused: mode %o', async (mode) => {
    const folder = temporaryFolder();
    chmodSync(folder, mode);
    await expect(openJournal(folder)).rejects.toThrow(
      `JOURNAL_OPEN_FAILED: the journal ${folder} cannot be opened: ${folder} can be written by`,
    );
    await expect(openJournal(folder)).rejects.toThrow(`chmod go-w ${folder}`);
  });

  test('that others may only read is taken', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    expect(await openJournal(folder)).toBeDefined();
  });

  test('is refused where everybody can replace a folder above it', async () => {
    const above = temporaryFolder();
    chmodSync(above, 0o777);
    await expect(openJournal(path.join(above, 'a/journal'))).rejects.toThrow(`chmod o-w ${above}`);
  });

  test('believes no entry that others can write', async () => {
    const open = await openJournal();
    await ended(open, ID);
    const [entry = ''] = readdirSync(open.folder);
    chmodSync(path.join(open.folder, entry), 0o666);
    await expect(open.journal.lookup(ID)).rejects.toThrow('can be written by everybody (mode 0666)');
    expect(await open.journal.isComplete()).toBe(false);
    chmodSync(path.join(open.folder, entry), 0o600);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
  });

  describe.runIf(isRoot)('of another user', () => {
    test('is refused, and root may look into it', async () => {
      const open = await openJournal();
      await ended(open, ID);
      const [entry = ''] = readdirSync(open.folder);
      chownSync(path.join(open.folder, entry), STRANGER, STRANGER);
      chownSync(open.folder, STRANGER, STRANGER);
      const words = `${open.folder} belongs to user ${STRANGER}, and this program runs as root`;
      await expect(openJournal(open.folder)).rejects.toThrow(words);
      const anybody = await openJournal(open.folder, { owners: 'anybody' });
      expect(await anybody.journal.lookup(ID)).toMatchObject({ state: 'done' });
    });

    test('lends us no entry: what they have planted in ours is not believed', async () => {
      const open = await openJournal();
      await ended(open, ID);
      const [entry = ''] = readdirSync(open.folder);
      chownSync(path.join(open.folder, entry), STRANGER, STRANGER);
      await expect(open.journal.lookup(ID)).rejects.toThrow(`belongs to user ${STRANGER}`);
      await ended(open, OTHER);
      expect(await open.journal.lookup(OTHER)).toMatchObject({ state: 'done' });
    });

    test("of root's is open to the user who may read it", async () => {
      const open = await openJournal();
      await ended(open, ID);
      const [entry = ''] = readdirSync(open.folder);
      for (const folder of [path.dirname(open.folder), open.folder]) chmodSync(folder, 0o755);
      chmodSync(path.join(open.folder, entry), 0o644);
      const theirs = await asStranger(() => openJournal(open.folder));
      const lookup = await asStranger(() => theirs.journal.lookup(ID));
      expect(lookup).toMatchObject({ state: 'done' });
    });
  });
});
