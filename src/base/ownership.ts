import type { Stats } from 'node:fs';
import path from 'node:path';
import { realpath, stat } from './files.ts';

/** Who this process is, as far as files are concerned; undefined on systems without user numbers. */
export const ownUid = (): number | undefined => process.geteuid?.();

/** Whether a file belongs to somebody else than us and root. */
export function isStrangers({ uid }: Pick<Stats, 'uid'>): boolean {
  const own = ownUid();
  return own !== undefined && uid !== own && uid !== 0;
}

/** `belongs to user 1001, and this program runs as root` */
export function describeStranger(owner: number): string {
  const own = ownUid();
  return `belongs to user ${owner}, and this program runs as ${own === 0 ? 'root' : `user ${own}`}`;
}

const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/**
 * Why a file or folder cannot be trusted: it belongs to, or can be written by, somebody else than us or root.
 * Undefined: it can be. For the end of a sentence, with what to do.
 */
export function strangerOf(status: Pick<Stats, 'uid' | 'mode'>, name: string): string | undefined {
  if (ownUid() === undefined) return undefined;
  if (isStrangers(status)) return `${name} ${describeStranger(status.uid)}`;
  const others = othersThatWrite(status.mode);
  return others === undefined
    ? undefined
    : `${name} can be written by ${others} (mode ${octal(status.mode)}): chmod go-w ${name}`;
}

/**
 * Why what lies in a folder can be replaced or removed by somebody else than its owner, us and root. A sticky folder
 * such as /run/lock keeps everybody from other people's files. Rejects where the folder cannot be looked at.
 */
export async function strangerInFolder(folder: string): Promise<string | undefined> {
  const real = await realpath(folder);
  const status = await stat(real);
  const mode = (status.mode & STICKY) === 0 ? status.mode : status.mode & ~0o777;
  return strangerOf({ uid: status.uid, mode }, real) ?? (await strangerAbove(real));
}

/** Why a folder itself can be replaced: everybody may rename what lies above it. */
export async function strangerAbove(folder: string): Promise<string | undefined> {
  if (ownUid() === undefined) return undefined;
  const real = await realpath(folder);
  for (let above = path.dirname(real); ; above = path.dirname(above)) {
    const { mode } = await stat(above);
    if ((mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0) {
      return `${above} can be written by everybody (mode ${octal(mode)}), so ${real} can be replaced: chmod o-w ${above}`;
    }
    if (above === path.dirname(above)) return undefined;
  }
}

function othersThatWrite(mode: number): string | undefined {
  if ((mode & WRITABLE_BY_ALL) !== 0) return 'everybody';
  return (mode & WRITABLE_BY_GROUP) === 0 ? undefined : 'its group';
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
