import { createRequire } from 'node:module';
import path from 'node:path';
import { BridgeError } from './errors.ts';

/**
 * Exclusive and shared locks on one byte of an open file description (F_OFD_SETLK). The kernel frees them when
 * the last descriptor of that description is closed, so also when the owner is killed; closing another
 * descriptor of the same file frees nothing. Two opens in one process exclude each other; the same description
 * always gets its own lock again, so who owns one keeps that in mind himself. Works on regular files and on
 * named pipes. Quick kernel calls: no disk, no waiting.
 */
export interface FileLocks {
  /** Whether the lock was given. `exclusive` needs a descriptor open for writing, `shared` one for reading. */
  tryLock(fd: number, byte: number, mode: 'exclusive' | 'shared'): boolean;
  unlock(fd: number, byte: number): void;
}

/** What the compiled part of fs-native-extensions offers. It aborts the process on arguments of another type. */
interface Addon {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
  unlock(fd: number, offset: number, length: number): void;
}

/** What its index.js makes of that. */
interface AddonIndex {
  tryLock(fd: number, offset: number, length: number, options: { shared: boolean }): boolean;
  unlock(fd: number, offset: number, length: number): void;
}

/** Releases whose compiled part has exactly the calls in `Addon`. */
const KNOWN_ADDON = /^1\.5\./;
let loaded: FileLocks | undefined;

/** The system's locks, loaded by the first call. LOCK_UNAVAILABLE where there is no build for this machine. */
export function loadFileLocks(): FileLocks {
  loaded ??= loadAddon() ?? loadIndex();
  return loaded;
}

/** The compiled part straight from its file: 1 ms, where the package's own search for it costs 20 ms. */
function loadAddon(): FileLocks | undefined {
  try {
    const require = createRequire(import.meta.filename);
    const description = require.resolve('fs-native-extensions/package.json');
    if (!KNOWN_ADDON.test(String((require(description) as { version?: unknown }).version))) return undefined;
    const machine = `${process.platform}-${process.arch}`;
    const file = path.join(path.dirname(description), 'prebuilds', machine, 'fs-native-extensions.node');
    const addon = require(file) as Addon;
    return {
      tryLock(fd, byte, mode) {
        try {
          addon.tryLock(fd, byte, 1, mode === 'exclusive');
          return true;
        } catch (fault) {
          if ((fault as NodeJS.ErrnoException).code === 'EAGAIN') return false;
          throw fault;
        }
      },
      unlock: (fd, byte) => addon.unlock(fd, byte, 1),
    };
  } catch {
    return undefined;
  }
}

function loadIndex(): FileLocks {
  try {
    const index = createRequire(import.meta.filename)('fs-native-extensions') as AddonIndex;
    return {
      tryLock: (fd, byte, mode) => index.tryLock(fd, byte, 1, { shared: mode === 'shared' }),
      unlock: (fd, byte) => index.unlock(fd, byte, 1),
    };
  } catch (cause) {
    const text = `fs-native-extensions cannot be loaded on ${process.platform}-${process.arch}; install posbridge again`;
    throw new BridgeError('LOCK_UNAVAILABLE', text, { cause });
  }
}
