import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, link, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BridgeError } from '../../src/base/errors.ts';
import { findLockDirectory } from '../../src/base/lock-directory.ts';
import {
  defaultLockPath,
  type LocalLock,
  type LockHolder,
  lockPathIn,
  noLock,
  openKernelLock,
  processLock,
} from '../../src/store/lock.ts';

let programs: string;
let folder: string;
let lockPath: string;
const children = new Set<ChildProcess>();
const opened = new Set<LocalLock>();

beforeAll(async () => {
  programs = await mkdtemp(path.join(tmpdir(), 'posbridge-lock-programs-'));
  await chmod(programs, 0o755);
  await build({
    entryPoints: [path.join(import.meta.dirname, 'lock-child.ts')],
    outfile: path.join(programs, 'child.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
});
afterAll(() => rm(programs, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'posbridge-lock-'));
  lockPath = path.join(folder, 'terminal.lock');
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  for (const lock of opened) await lock.close();
  opened.clear();
  await rm(folder, { recursive: true });
});

async function openHere(): Promise<LocalLock> {
  const lock = await openKernelLock(lockPath);
  opened.add(lock);
  return lock;
}

function holderNamed(connection: string): LockHolder {
  return { connection, pid: process.pid, since: new Date().toISOString() };
}

/** A child that has the lock open; uid only where the tests run as root. */
async function startChild(connection: string, uid?: number): Promise<ChildProcess> {
  const child = fork(path.join(programs, 'child.mjs'), [lockPath, connection], {
    env: { ...process.env, NODE_PATH: path.join(process.cwd(), 'node_modules') },
    ...(uid === undefined ? {} : { uid }),
  });
  children.add(child);
  await once(child, 'message');
  return child;
}

async function tell(child: ChildProcess, order: 'acquire' | 'release'): Promise<boolean> {
  const answered = once(child, 'message');
  child.send(order);
  const [answer] = (await answered) as [{ acquired?: boolean }];
  return answer.acquired === true;
}

async function acquireWithin(lock: LocalLock, limitMs: number): Promise<number> {
  const begun = performance.now();
  while (!lock.tryAcquire(holderNamed('survivor')).acquired) {
    if (performance.now() - begun > limitMs) throw new Error(`not free after ${limitMs} ms`);
    await sleep(1);
  }
  return performance.now() - begun;
}

describe('kernel lock', () => {
  test('gives the lock to one process at a time and says who has it since when', async () => {
    const child = await startChild('10.0.0.7.4711');
    const here = await openHere();
    expect(await tell(child, 'acquire')).toBe(true);

    const refused = here.tryAcquire(holderNamed('other'));
    if (refused.acquired) throw new Error('two holders');
    const holder = await refused.holder();
    expect(holder).toMatchObject({ connection: '10.0.0.7.4711', pid: child.pid });
    expect(Math.abs(Date.now() - Date.parse(holder?.since ?? ''))).toBeLessThan(60_000);

    await tell(child, 'release');
    const attempt = here.tryAcquire(holderNamed('other'));
    expect(attempt.acquired).toBe(true);
    expect(await tell(child, 'acquire')).toBe(false);
    if (attempt.acquired) attempt.release();
    expect(await tell(child, 'acquire')).toBe(true);
  });

  test('is free right after kill -9 of its holder, and the file stays the same', async () => {
    const child = await startChild('doomed');
    const here = await openHere();
    await tell(child, 'acquire');
    const { ino } = await stat(lockPath);
    child.kill('SIGKILL');
    expect(await acquireWithin(here, 1000)).toBeLessThan(1000);
    expect((await stat(lockPath)).ino).toBe(ino);
  });

  test('excludes another connection of the same process, and the same one a second time', async () => {
    const [first, second] = [await openHere(), await openHere()];
    const attempt = first.tryAcquire(holderNamed('first'));
    const refusals = [second.tryAcquire(holderNamed('second')), first.tryAcquire(holderNamed('first again'))];
    for (const refused of refusals) {
      expect(refused.acquired).toBe(false);
      if (!refused.acquired) expect(await refused.holder()).toMatchObject({ connection: 'first' });
    }
    if (attempt.acquired) attempt.release();
    expect(second.tryAcquire(holderNamed('second')).acquired).toBe(true);
  });

  test('keeps the lock when another description of the file is closed', async () => {
    const [first, second, third] = [await openHere(), await openHere(), await openHere()];
    first.tryAcquire(holderNamed('first'));
    await second.close();
    expect(third.tryAcquire(holderNamed('third')).acquired).toBe(false);
  });

  test('frees the lock when it is closed, and a late release harms nobody', async () => {
    const [first, second, third] = [await openHere(), await openHere(), await openHere()];
    const attempt = first.tryAcquire(holderNamed('first'));
    await first.close();
    expect(second.tryAcquire(holderNamed('second')).acquired).toBe(true);
    if (attempt.acquired) attempt.release();
    expect(third.tryAcquire(holderNamed('third')).acquired).toBe(false);
    expect(() => first.tryAcquire(holderNamed('first'))).toThrow(/closed/);
  });

  test('does not take what an earlier holder left for the present one', async () => {
    const [first, second] = [await openHere(), await openHere()];
    const early = first.tryAcquire({ ...holderNamed('early'), connection: 'e'.repeat(3000) });
    const seen = second.tryAcquire(holderNamed('second'));
    if (!seen.acquired) expect((await seen.holder())?.connection).toBe('e'.repeat(256));
    if (early.acquired) early.release();
    const left = await readFile(lockPath);

    first.tryAcquire(holderNamed('present'));
    const refused = second.tryAcquire(holderNamed('second'));
    if (refused.acquired) throw new Error('two holders');
    expect(await refused.holder()).toMatchObject({ connection: 'present' });
    await writeFile(lockPath, left);
    expect(await refused.holder()).toBeUndefined();
    await writeFile(lockPath, 'no record\n');
    expect(await refused.holder()).toBeUndefined();
  });

  test('names the right holder however often it changes', async () => {
    const [first, second, asking] = [await openHere(), await openHere(), await openHere()];
    for (let round = 0; round < 100; round++) {
      const attempt = (round % 2 === 0 ? first : second).tryAcquire(holderNamed(`round ${round}`));
      const refused = asking.tryAcquire(holderNamed('asking'));
      if (refused.acquired || !attempt.acquired) throw new Error('not exclusive');
      expect((await refused.holder())?.connection).toBe(`round ${round}`);
      attempt.release();
    }
  });

  test('makes its file for the owner alone', async () => {
    await openHere();
    expect((await stat(lockPath)).mode & 0o777).toBe(0o600);
  });

  test('leaves the content of an existing file until it is acquired', async () => {
    await writeFile(lockPath, 'kept');
    await openHere();
    expect(await readFile(lockPath, 'utf8')).toBe('kept');
  });

  test.each<[string, RegExp, () => Promise<unknown>]>([
    ['a directory', /is a directory \(EISDIR\)/, () => mkdir(lockPath)],
    ['a symbolic link', /symbolic link/, () => symlink('/etc/hostname', lockPath)],
    ['a file in a missing folder', /ENOENT/, async () => `${lockPath}/missing/file`],
    ['a device', /no regular file/, async () => '/dev/null'],
    [
      'a second name of another file',
      /hard link/,
      async () => {
        await writeFile(`${lockPath}.victim`, 'precious');
        await link(`${lockPath}.victim`, lockPath);
      },
    ],
  ])('refuses %s with the path and what to do', async (_what, why, prepare) => {
    const place = await prepare();
    if (typeof place === 'string') lockPath = place;
    const fault = await openHere().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(fault).toBeInstanceOf(BridgeError);
    expect(fault).toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect((fault as BridgeError).text).toContain(lockPath);
    expect((fault as BridgeError).text).toMatch(why);
    expect((fault as BridgeError).text).toContain('--lock');
  });

  test.skipIf(process.getuid?.() !== 0)(
    'refuses a place that is not ours to write (needs root)',
    async () => {
      await chmod(folder, 0o755);
      const child = fork(path.join(programs, 'child.mjs'), [lockPath, 'nobody'], {
        env: { ...process.env, NODE_PATH: path.join(process.cwd(), 'node_modules') },
        uid: 65534,
      });
      const [answer] = (await once(child, 'message')) as [{ refused?: string }];
      expect(answer.refused).toMatch(/^LOCK_UNAVAILABLE: .*permission denied \(EACCES\)/);
    },
  );
});

describe('lock inside the process', () => {
  test('excludes by name and says who has it', async () => {
    const [first, second, other] = [processLock('fd:5'), processLock('fd:5'), processLock('fd:6')];
    const attempt = first.tryAcquire(holderNamed('first'));
    const refused = second.tryAcquire(holderNamed('second'));
    expect(refused.acquired).toBe(false);
    if (!refused.acquired) expect(await refused.holder()).toMatchObject({ connection: 'first' });
    expect(other.tryAcquire(holderNamed('other')).acquired).toBe(true);
    if (attempt.acquired) attempt.release();
    expect(second.tryAcquire(holderNamed('second')).acquired).toBe(true);
    if (attempt.acquired) attempt.release();
    expect(first.tryAcquire(holderNamed('first')).acquired).toBe(false);
    await second.close();
    expect(first.tryAcquire(holderNamed('first')).acquired).toBe(true);
    await first.close();
    await other.close();
  });
});

test('no lock is always acquired', () => {
  expect(noLock.tryAcquire(holderNamed('a')).acquired).toBe(true);
  expect(noLock.tryAcquire(holderNamed('b')).acquired).toBe(true);
});

describe('default place', () => {
  test("is the machine's lock folder, else that of the session, else none", async () => {
    const missing = path.join(folder, 'missing');
    expect(await findLockDirectory({ XDG_RUNTIME_DIR: missing }, folder)).toBe(folder);
    expect(await findLockDirectory({ XDG_RUNTIME_DIR: folder }, missing)).toBe(folder);
    expect(await findLockDirectory({ XDG_RUNTIME_DIR: 'relative' }, missing)).toBeUndefined();
    expect(await findLockDirectory({}, missing)).toBeUndefined();
  });

  test('is one readable name for one endpoint text', async () => {
    const env = { XDG_RUNTIME_DIR: folder };
    const tcp = await defaultLockPath('tcp:127.0.0.1:9000', env);
    expect(path.basename(tcp)).toBe('posbridge-tcp:127.0.0.1:9000.lock');
    expect(path.basename(await defaultLockPath('unix:/run/my_pay.sock', env))).toBe(
      'posbridge-unix:_run_my%005fpay.sock.lock',
    );
    expect(['/run/lock', folder]).toContain(path.dirname(tcp));
  });

  test('is another name for another text, and one that every folder takes', () => {
    const nameOf = (text: string) => path.relative('/locks', lockPathIn('/locks', text));
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc
        .array(fc.constantFrom(...'/_%-:.aA0', 'ü', '%005f', '\ud800'), { maxLength: 300 })
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(nameOf(one)).toMatch(/^posbridge-[^/\s]*\.lock$/);
        expect(Buffer.byteLength(nameOf(one))).toBeLessThanOrEqual(255);
        expect(nameOf(one) === nameOf(other)).toBe(one === other);
      }),
    );
    for (const one of ['a'.repeat(200), `unix:/${'b'.repeat(300)}`]) {
      expect(nameOf(`${one}1`)).not.toBe(nameOf(`${one}2`));
    }
  });
});
