import { type BigIntStats, close, constants, fstat, open, stat } from 'node:fs';
import { promisify } from 'node:util';
import { BridgeError, describeFault } from '../base/errors.ts';

/**
 * Bytes of a named pipe on which its users hold kernel locks. The pipe has no such bytes: they are only numbers
 * that all agree on, and no other file is needed.
 */
export const FIFO_LOCK = {
  /** The one that writes now. */
  turn: 0,
  /** The one that writes next. */
  next: 1,
  /** The one that reads. */
  reader: 2,
} as const;

const openFile = promisify(open);
const statOpen = promisify<number, { bigint: true }, BigIntStats>(fstat);
const statPath = promisify<string, { bigint: true }, BigIntStats>(stat);
export const closeFile = promisify(close);

export interface OpenFifo {
  /** A number, not a FileHandle: it is handed on to a socket, which closes it. */
  readonly fd: number;
  readonly status: BigIntStats;
}

/**
 * Opens a named pipe without waiting for its other end. Anything else under that name is left alone: opening a
 * device could already do something.
 */
export async function openFifo(path: string, flags: number): Promise<OpenFifo> {
  refuseOthers(await statPath(path, { bigint: true }));
  const fd = await openFile(path, flags | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const status = await statOpen(fd, { bigint: true });
    refuseOthers(status);
    return { fd, status };
  } catch (fault) {
    await closeFile(fd);
    throw fault;
  }
}

function refuseOthers(status: BigIntStats): void {
  if (!status.isFIFO()) throw new Error('it is no named pipe');
}

export function isSameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

export class FifoTaken extends Error {
  constructor() {
    super('another bridge reads it already');
  }
}

/** Why a pipe cannot be had, once, whatever the reason was. */
export function fifoFault(path: string, use: 'written' | 'read', cause: unknown): BridgeError {
  if (cause instanceof BridgeError) return cause;
  const text = `the named pipe ${path} cannot be ${use}: ${describeFault(cause)}; ${remedy(path, use, cause)}`;
  return new BridgeError('CHANNEL_OPEN_FAILED', text, { cause });
}

function remedy(path: string, use: 'written' | 'read', cause: unknown): string {
  if (cause instanceof FifoTaken) return 'give each its own, for instance with {connection} in the path';
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENXIO':
      return 'start the application that reads it';
    case 'ENOENT':
      return `start the application that makes it, or run "mkfifo ${path}"`;
    case 'EACCES':
      return `give this user the right to ${use === 'written' ? 'write' : 'read and write'} it`;
    default:
      return 'check the path';
  }
}
