import { constants } from 'node:fs';
import { DiskError, type Inode } from './disk.ts';
import type { Description } from './locks.ts';
import type { Process } from './process.ts';

/** Calls that a full disk refuses. */
const GROWING: ReadonlySet<string> = new Set(['write', 'open', 'link', 'mkdir', 'fsync']);
/** Calls for which somebody may have taken the right away. */
const BY_NAME: ReadonlySet<string> = new Set(['link', 'mkdir', 'unlink', 'rename', 'scandir']);
const FILE_SYSTEM_TYPE = 0xef53;

/** `node:fs/promises` of one process: every call takes its time, may fail, and may be its last. */
export function filesOf(process: Process) {
  const { machine } = process;
  const { world, disk } = machine;
  const now = () => machine.wallMs;

  /**
   * The effect comes at some moment of the call, also if the process dies meanwhile; the outcome only to the living.
   */
  function call<T>(name: string, file: string | undefined, effect: () => T, failed?: () => void): Promise<T> {
    const { roughness, schedule, faults } = world;
    const { random } = process;
    const isSlow = random.chance(roughness.slowDisk) && faults.happens('slow calls of a disk');
    const tookMs = isSlow ? 1000 + random.below(20_000) : 0.02 + random.fraction() * 2;
    const isFaulty = random.chance(roughness.diskFault);
    return new Promise((resolve, reject) => {
      schedule.after(tookMs * random.fraction(), () => {
        if (!process.isAlive && random.chance(0.5)) return;
        let settle: () => void;
        try {
          const code = random.oneOf(faultsOf(name));
          if (isFaulty && faults.happens(`${code} of a disk`)) {
            failed?.();
            process.tell(`${code}: ${name} ${file ?? ''}`);
            throw new DiskError(code, name, file);
          }
          const value = effect();
          settle = () => resolve(value);
        } catch (fault) {
          settle = () => reject(fault);
        }
        process.after(tookMs * random.fraction(), () => {
          const isKilled = random.chance(roughness.kill) && faults.happens('kills at a call of the disk');
          if (!isKilled) {
            settle();
            return;
          }
          process.kill(`SIGKILL at ${name}`);
        });
      });
    });
  }

  class FileHandle {
    readonly fd: number;
    readonly #description: Description;
    #position = 0;

    constructor(description: Description) {
      this.#description = description;
      this.fd = process.addDescriptor(description);
    }

    get #inode(): Inode {
      if (process.descriptor(this.fd) !== this.#description) throw new DiskError('EBADF', 'file');
      return this.#description.inode;
    }

    stat(options?: { readonly bigint?: boolean }) {
      return call('fstat', undefined, () => statOf(this.#inode, options));
    }

    read(buffer: Buffer, offset = 0, length = buffer.length - offset, position: number | null = null) {
      return call('read', undefined, () => {
        const at = position ?? this.#position;
        const bytesRead = this.#inode.data.copy(buffer, offset, at, at + length);
        if (position === null) this.#position += bytesRead;
        return { bytesRead, buffer };
      });
    }

    readFile() {
      return call('read', undefined, () => Buffer.from(this.#inode.data));
    }

    write(data: string | Uint8Array, ...rest: (number | null | undefined)[]) {
      const isText = typeof data === 'string';
      const whole = isText ? Buffer.from(data) : data;
      const [offset, length, position] = isText ? [0, whole.length, rest[0]] : rest;
      const start = offset ?? 0;
      const bytes = Uint8Array.from(whole.subarray(start, start + (length ?? whole.length - start)));
      const write = (part: Uint8Array) => {
        const inode = this.#inode;
        const isAppending = (this.#description.flags & constants.O_APPEND) !== 0;
        const at = isAppending ? inode.data.length : (position ?? this.#position);
        disk.write(inode, part, at, now());
        if (position === null || position === undefined) this.#position = at + part.length;
      };
      return call(
        'write',
        undefined,
        () => {
          write(bytes);
          return { bytesWritten: bytes.length };
        },
        // A disk that fills up takes a part, as a rule.
        () => write(bytes.subarray(0, process.random.below(bytes.length + 1))),
      );
    }

    sync() {
      return call(
        'fsync',
        undefined,
        () => disk.sync(this.#inode),
        () => disk.failSync(this.#inode),
      );
    }

    datasync() {
      return this.sync();
    }

    truncate(size = 0) {
      return call('ftruncate', undefined, () => disk.truncate(this.#inode, size, now()));
    }

    chmod(mode: number) {
      return call('fchmod', undefined, () => setMode(this.#inode, mode));
    }

    close() {
      // close(2) frees locks at once, and nothing keeps it from doing so.
      return new Promise<void>((resolve) => {
        process.closeDescriptor(this.fd);
        process.after(0.01, resolve);
      });
    }
  }

  const found = (name: string, syscall: string) => disk.find(name, syscall);
  return {
    open: (name: string, flags: number = constants.O_RDONLY, mode = 0o666) =>
      call('open', name, () => {
        const inode = disk.open(name, flags, mode, now());
        return new FileHandle({ inode, flags, isOpen: true });
      }),
    stat: (name: string, options?: { readonly bigint?: boolean }) =>
      call('stat', name, () => statOf(found(name, 'stat'), options)),
    lstat: (name: string, options?: { readonly bigint?: boolean }) =>
      call('lstat', name, () => statOf(found(name, 'lstat'), options)),
    statfs: (name: string) =>
      call('statfs', name, () => {
        found(name, 'statfs');
        return { type: FILE_SYSTEM_TYPE };
      }),
    access: (name: string) => call('access', name, () => void found(name, 'access')),
    realpath: (name: string) =>
      call('realpath', name, () => {
        found(name, 'realpath');
        return name;
      }),
    readlink: (name: string) =>
      call('readlink', name, () => {
        throw new DiskError(found(name, 'readlink') === undefined ? 'ENOENT' : 'EINVAL', 'readlink', name);
      }),
    readFile: (name: string, encoding?: BufferEncoding) =>
      call('open', name, () => {
        const { data } = found(name, 'open');
        return encoding === undefined ? Buffer.from(data) : data.toString(encoding);
      }),
    readdir: (name: string) => call('scandir', name, () => [...found(name, 'scandir').entries.keys()].sort()),
    mkdir: (name: string, mode = 0o777) => call('mkdir', name, () => disk.mkdir(name, mode, now())),
    link: (from: string, to: string) => call('link', to, () => disk.link(from, to, now())),
    unlink: (name: string) => call('unlink', name, () => disk.unlink(name, now())),
    rename: (from: string, to: string) => call('rename', from, () => disk.rename(from, to, now())),
  };
}

/** What the compiled part of the locks' package offers. */
export function fileLocksOf(process: Process) {
  const { locks } = process.machine;
  const description = (fd: number) => {
    const open = process.descriptor(fd);
    if (open === undefined) throw new DiskError('EBADF', 'fcntl');
    return open;
  };
  return {
    tryLock(fd: number, byte: number, _length: number, isExclusive: boolean): void {
      const open = description(fd);
      const access = open.flags & (constants.O_WRONLY | constants.O_RDWR);
      if (isExclusive && access === 0) throw new DiskError('EBADF', 'fcntl');
      if (!locks.tryLock(open, byte, isExclusive)) throw new DiskError('EAGAIN', 'fcntl');
    },
    unlock(fd: number, byte: number): void {
      locks.unlock(description(fd), byte);
    },
  };
}

function faultsOf(name: string): readonly string[] {
  return ['EIO', ...(GROWING.has(name) ? ['ENOSPC'] : []), ...(BY_NAME.has(name) ? ['EACCES'] : [])];
}

function setMode(inode: Inode, mode: number): void {
  inode.mode = (inode.mode & ~0o7777) | (mode & 0o7777);
}

function statOf(inode: Inode, options?: { readonly bigint?: boolean }) {
  const isBig = options?.bigint === true;
  const number = (value: number) => (isBig ? BigInt(Math.floor(value)) : value);
  return {
    ino: number(inode.number),
    dev: number(1),
    uid: number(0),
    gid: number(0),
    mode: number(inode.mode),
    nlink: number(inode.links),
    size: number(inode.data.length),
    mtimeMs: number(inode.changedMs),
    isFile: () => !inode.isFolder,
    isDirectory: () => inode.isFolder,
    isFIFO: () => false,
    isSocket: () => false,
    isSymbolicLink: () => false,
  };
}
