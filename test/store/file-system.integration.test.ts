import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { faultOfFileSystem, faultOfType, isVolatile } from '../../src/store/file-system.ts';
import { after, openJournal, temporaryFolder } from './journal-kit.ts';

test.each([
  [0x6969, 'it is on NFS: locks are lost with the network'],
  [0xff534d42, 'it is on a Windows share (CIFS)'],
  [0xef53, undefined], // ext4
  [0x01021994, undefined], // tmpfs
])('of the kind %i: %s', (type, fault) => {
  if (fault === undefined) expect(faultOfType(type)).toBeUndefined();
  else expect(faultOfType(type)).toContain(fault);
});

test('of this machine has nothing against it', async () => {
  expect(await faultOfFileSystem(temporaryFolder())).toBeUndefined();
});

test('an overlay leaves syncs out where its mount says so, and no other one', () => {
  const mounts = [
    '30 1 8:1 / / rw - ext4 /dev/sda1 rw',
    '31 30 0:52 / /a rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w',
    '32 30 0:53 / /b rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w,volatile',
    '33 30 0:54 / /c rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w,fsync=volatile,uuid=on',
    '34 30 0:55 / /d rw - overlay overlay rw,lowerdir=/volatile,upperdir=/u,workdir=/w',
  ].join('\n');
  expect([52, 53, 54, 55].map((dev) => isVolatile(mounts, dev))).toEqual([false, true, true, false]);
});

function overlay(...more: string[]): string | undefined {
  const folder = temporaryFolder();
  const [lower = '', upper = '', work = '', merged = ''] = ['l', 'u', 'w', 'm'].map((name) => {
    const made = path.join(folder, name);
    mkdirSync(made, 0o700);
    return made;
  });
  const options = [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`, ...more].join(',');
  try {
    execFileSync('mount', ['-t', 'overlay', '-o', options, 'none', merged], { stdio: 'pipe' });
  } catch {
    return undefined; // nobody may mount here, or not on this file system
  }
  after(() => void execFileSync('umount', [merged]));
  return merged;
}

test('a journal on an overlay is taken, on a volatile one refused', async ({ skip }) => {
  const [safe, unsafe] = [overlay(), overlay('volatile')];
  if (safe === undefined || unsafe === undefined) return skip('no overlay can be mounted here');
  expect(await openJournal(safe)).toBeDefined();
  expect(statSync(unsafe).isDirectory()).toBe(true);
  await expect(openJournal(unsafe)).rejects.toThrow(
    /JOURNAL_OPEN_FAILED: .* mounted volatile: syncs are left out/,
  );
});
