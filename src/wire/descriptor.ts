import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { BridgeError } from '../base/errors.ts';
import type { Peer } from './wire.ts';

/** What a descriptor is, as far as reading and writing differ. A block device or memfd counts as a file. */
export type DescriptorKind = 'pipe' | 'socket' | 'tty' | 'file';

export type Access = 'read' | 'write' | 'both';

let noted: Set<number> | undefined;

/**
 * Remembers which descriptors are open: call it before the program opens anything. What is opened later then
 * never counts as inherited, whatever it is.
 */
export function noteInherited(): void {
  noted = new Set(ownDescriptors().filter(isOpen));
}

/**
 * Whether a descriptor was given to this process from outside. Node fills the free numbers with an event loop
 * of its own before the first statement runs; those are told apart by what they are: anonymous inodes (epoll,
 * eventfd, io_uring) and pipes that this process holds both ends of. It does not use 0, 1 and 2: they are open by then.
 */
export function isInherited(fd: number): boolean {
  const target = targetOf(fd);
  if (target === undefined || target.startsWith('anon_inode:')) return false;
  if (noted !== undefined && !noted.has(fd)) return false;
  return fd <= LAST_STANDARD || !target.startsWith('pipe:') || !hasOtherEnd(fd, target);
}

/** What a descriptor was opened for. Throws FD_NOT_INHERITED when it is not open. */
export function accessOf(fd: number): Access {
  const flags = flagsOf(fd);
  if (flags === undefined) {
    fstat(fd);
    return 'both';
  }
  return ACCESS[flags & 3] ?? 'both';
}

/** Throws FD_NOT_INHERITED when the descriptor is not open, ENDPOINT_INVALID when it carries no stream. */
export function kindOf(fd: number): DescriptorKind {
  const stat = fstat(fd);
  if (stat.isSocket()) return 'socket';
  if (stat.isFIFO()) return 'pipe';
  if (stat.isCharacterDevice() && isatty(fd) && !isTerminalMaster(fd)) return 'tty';
  if (stat.isFile() || stat.isBlockDevice() || (stat.isCharacterDevice() && !isatty(fd))) return 'file';
  throw new BridgeError('ENDPOINT_INVALID', `descriptor ${fd} is ${describeOther(fd)}: a stream is needed`);
}

export function isSocket(fd: number): boolean {
  return isOpen(fd) && fstatSync(fd).isSocket();
}

/** Whether a descriptor is a socket that connections are accepted on, as a super-server hands it over. */
export function isListening(fd: number): boolean {
  if (!isSocket(fd)) return false;
  try {
    writeSync(fd, NOTHING); // sends nothing, and fails where nobody is connected
    return false;
  } catch {
    const inode = /^socket:\[(\d+)\]$/.exec(targetOf(fd) ?? '')?.[1];
    return inode !== undefined && SOCKET_TABLES.some((table) => listsListener(table, inode));
  }
}

/** Whether a descriptor is /dev/null: the runtime opens it for 0, 1 and 2 where they were closed. */
export function isNull(fd: number): boolean {
  return targetOf(fd) === '/dev/null';
}

/** Whether two descriptors are the same socket or device. */
export function isSameObject(one: number, other: number): boolean {
  const a = fstat(one);
  const b = fstat(other);
  return a.dev === b.dev && a.ino === b.ino;
}

/** Whether a pipe has no name, so that its ends can only have been inherited. */
export function isAnonymousPipe(fd: number): boolean {
  return targetOf(fd)?.startsWith('pipe:') ?? false;
}

/**
 * Closes a descriptor. 0, 1 and 2 are open to /dev/null afterwards: libuv never closes them, and a free number
 * would be given to the next file that is opened.
 */
export function closeDescriptor(fd: number): void {
  noted?.delete(fd);
  try {
    closeSync(fd);
    if (fd > LAST_STANDARD) return;
    const spare = openSync('/dev/null', 'r+');
    if (spare !== fd) closeSync(spare);
  } catch {
    // Closed already, or no /dev: either way nothing of ours is left at this number.
  }
}

const LAST_STANDARD = 2;

/** An inherited descriptor in the hands of a wire. */
export interface DescriptorUse {
  readonly fd: number;
  /** Instead of what the descriptor itself says. */
  readonly peer?: Peer | undefined;
  /** Gives the descriptor back: once, when nothing is under way on it any more. */
  readonly release: (done: () => void) => void;
}

/** Whether libuv closes a descriptor together with the socket made on it: it leaves 0, 1 and 2 open. */
export function isClosedWithSocket(fd: number): boolean {
  return fd > LAST_STANDARD;
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

function fstat(fd: number): ReturnType<typeof fstatSync> {
  try {
    return fstatSync(fd);
  } catch (cause) {
    throw new BridgeError('FD_NOT_INHERITED', notInheritedText(fd), { cause });
  }
}

export function notInheritedText(fd: number): string {
  return `descriptor ${fd} was not given to this program: open it in the command that starts it, for instance ${fd}<>PATH`;
}

/** What /proc says that a descriptor is: `pipe:[7]`, `socket:[8]`, a path. Without /proc: an empty text. */
function targetOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return isOpen(fd) ? '' : undefined;
  }
}

function flagsOf(fd: number): number | undefined {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags === undefined ? undefined : Number.parseInt(flags, 8);
  } catch {
    return undefined;
  }
}

function hasOtherEnd(fd: number, target: string): boolean {
  const access = accessOf(fd);
  return ownDescriptors().some(
    (other) => other !== fd && targetOf(other) === target && isOpposite(access, accessOf(other)),
  );
}

function isOpposite(one: Access, other: Access): boolean {
  return (one === 'read' && other === 'write') || (one === 'write' && other === 'read');
}

/** The one that reads the folder is among them, and closed by now. */
function ownDescriptors(): number[] {
  return readdirSync('/proc/self/fd').map(Number);
}

function describeOther(fd: number): string {
  if (isTerminalMaster(fd)) return 'the controlling side of a pseudo-terminal';
  const target = targetOf(fd) ?? '';
  return fstat(fd).isDirectory() ? `the folder ${target}` : target;
}

function isTerminalMaster(fd: number): boolean {
  return targetOf(fd)?.endsWith('/ptmx') ?? false;
}

const NOTHING = new Uint8Array(0);

interface SocketTable {
  readonly file: string;
  /** Where the columns of a line are. */
  readonly inode: number;
  readonly isListener: (columns: readonly string[]) => boolean;
}

const isTcpListener = (columns: readonly string[]) => columns[3] === '0A';
const SOCKET_TABLES: readonly SocketTable[] = [
  {
    file: 'unix',
    inode: 6,
    isListener: (columns) => (Number.parseInt(columns[3] ?? '', 16) & 0x10000) !== 0,
  },
  { file: 'tcp', inode: 9, isListener: isTcpListener },
  { file: 'tcp6', inode: 9, isListener: isTcpListener },
];

function listsListener({ file, inode, isListener }: SocketTable, wanted: string): boolean {
  try {
    return readFileSync(`/proc/self/net/${file}`, 'latin1')
      .split('\n')
      .some((line) => {
        const columns = line.trim().split(/\s+/);
        return columns[inode] === wanted && isListener(columns);
      });
  } catch {
    return false;
  }
}

const ACCESS = ['read', 'write', 'both'] as const;
