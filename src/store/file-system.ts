import { readFile, stat, statfs } from 'node:fs/promises';

/**
 * Why a folder's file system cannot carry a journal: its locks do not hold between machines, or its syncs do not reach
 * a disk. Undefined: nothing speaks against it.
 */
export async function faultOfFileSystem(folder: string): Promise<string | undefined> {
  const { type } = await statfs(folder);
  if (type !== OVERLAY) return faultOfType(type);
  const { dev } = await stat(folder);
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return isVolatile(mounts, dev)
    ? `it is on an overlay that is mounted volatile: syncs are left out${ELSE}`
    : undefined;
}

/** By the number that statfs(2) has for a kind of file system. */
export function faultOfType(type: number): string | undefined {
  const name = REMOTE.get(type);
  return name === undefined ? undefined : `it is on ${name}: locks are lost with the network${ELSE}`;
}

/** Whether /proc/self/mountinfo says of an overlay that it leaves syncs out. */
export function isVolatile(mounts: string, dev: number): boolean {
  const device = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  return mounts.split('\n').some((line) => {
    const [mount = '', source = ''] = line.split(' - ');
    const [kind, , options = ''] = source.split(' ');
    return mount.split(' ')[2] === device && kind === 'overlay' && /(?:^|[,=])volatile(?:,|$)/.test(options);
  });
}

const ELSE = '; a journal needs a disk of this machine';
const OVERLAY = 0x794c7630;
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'a Windows share (CIFS)'],
  [0xfe534d42, 'a Windows share (SMB)'],
  [0x517b, 'a Windows share (SMB)'],
  [0x01021997, 'a share of another system (9p)'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x6b414653, 'AFS'],
]);
