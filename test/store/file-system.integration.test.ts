import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { faultOfFileSystem, faultOfType, isVolatile } from '../../src/store/file-system.ts';
import { after, openJournal, temporaryFolder } from './journal-kit.ts';

test.each([
  [0x6969, 'NFS'],
  [0xff534d42, 'a Windows share (CIFS)'],
  [0xfe534d42, 'a Windows share (SMB)'],
  [0x517b, 'a Windows share (SMB)'],
  [0x01021997, 'a share of another system (9p)'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x6b414653, 'AFS'],
])('of the kind %i carries no journal: it is %s', (type, name) => {
  expect(faultOfType(type)).toBe(
    `it is on ${name}: locks are lost with the network; a journal needs a disk of this machine`,
  );
});

test.each([
  ['ext4', 0xef53],
  ['tmpfs', 0x01021994],
  ['btrfs', 0x9123683e],
  ['xfs', 0x58465342],
])('of the kind %s has nothing against it', (_, type) => {
  expect(faultOfType(type)).toBeUndefined();
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
    '35 30 0:56 / /e rw - fuse.other other rw,volatile',
    '36 30 0:57 / /f rw - overlay overlay volatile',
    'a line of another kind',
    '',
  ].join('\n');
  const devices = [52, 53, 54, 55, 56, 57, 58];
  expect(devices.filter((dev) => isVolatile(mounts, dev))).toEqual([53, 54, 57]);
  expect(isVolatile('', 53)).toBe(false);
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
