import { constants } from 'node:fs';
import path from 'node:path';
import type { Random } from './random.ts';

/** What a disk holds under a number: contents as programs see them, and as they would be found after a power cut. */
export interface Inode {
  readonly number: number;
  readonly isFolder: boolean;
  mode: number;
  links: number;
  changedMs: number;
  data: Buffer;
  durable: Buffer;
  /** Pieces of `data` that the next sync would bring to the disk. */
  dirty: [start: number, end: number][];
  readonly entries: Map<string, Inode>;
  durableEntries: Map<string, Inode>;
  /** Changes of names since the folder was synced, oldest first; each happens whole or not at all. */
  unsynced: (readonly [name: string, inode: Inode | undefined])[][];
}

export class DiskError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(code: string, syscall: string, name?: string) {
    super(`${code}: ${syscall}${name === undefined ? '' : ` '${name}'`}`);
    this.code = code;
    this.syscall = syscall;
    this.path = name;
  }
}

const ROOT_FOLDERS = ['/run', '/run/lock', '/var', '/var/lib', '/proc', '/dev', '/tmp'];
const SECTOR = 512;

/**
 * A file system by the letter of POSIX: what was written is seen by everybody at once, and is on the disk when its file
 * has been synced; a name is on the disk when its folder has been synced. A power cut leaves any part of the rest.
 */
export class Disk {
  readonly #random: Random;
  readonly root: Inode;
  #numbers = 1;
  #hasTorn = false;

  constructor(random: Random) {
    this.#random = random;
    this.root = this.#make(true, 0o755);
    for (const name of ROOT_FOLDERS)
      this.mkdir(name, name === '/tmp' || name === '/run/lock' ? 0o1777 : 0o755, 0);
    this.#syncAll(this.root);
  }

  /** Whether a power cut has left a file half written. */
  get hasTorn(): boolean {
    return this.#hasTorn;
  }

  find(name: string, syscall: string): Inode {
    const found = this.#walk(name, syscall);
    if (found === undefined) throw new DiskError('ENOENT', syscall, name);
    return found;
  }

  mkdir(name: string, mode: number, nowMs: number): void {
    const [folder, base] = this.#parent(name, 'mkdir');
    if (folder.entries.has(base)) throw new DiskError('EEXIST', 'mkdir', name);
    this.#rename(folder, [[base, this.#make(true, mode)]], nowMs);
  }

  /** The file that open(2) finds or makes. */
  open(name: string, flags: number, mode: number, nowMs: number): Inode {
    const existing = this.#walk(name, 'open');
    if (existing !== undefined) {
      if (flags & constants.O_EXCL) throw new DiskError('EEXIST', 'open', name);
      if (flags & constants.O_DIRECTORY && !existing.isFolder) throw new DiskError('ENOTDIR', 'open', name);
      if (existing.isFolder && flags & (constants.O_WRONLY | constants.O_RDWR)) {
        throw new DiskError('EISDIR', 'open', name);
      }
      return existing;
    }
    if (!(flags & constants.O_CREAT)) throw new DiskError('ENOENT', 'open', name);
    const [folder, base] = this.#parent(name, 'open');
    const made = this.#make(false, mode);
    made.changedMs = nowMs;
    this.#rename(folder, [[base, made]], nowMs);
    return made;
  }

  link(from: string, to: string, nowMs: number): void {
    const inode = this.find(from, 'link');
    const [folder, base] = this.#parent(to, 'link');
    if (folder.entries.has(base)) throw new DiskError('EEXIST', 'link', to);
    this.#rename(folder, [[base, inode]], nowMs);
  }

  unlink(name: string, nowMs: number): void {
    const [folder, base] = this.#parent(name, 'unlink');
    if (!folder.entries.has(base)) throw new DiskError('ENOENT', 'unlink', name);
    this.#rename(folder, [[base, undefined]], nowMs);
  }

  /** Inside one folder: nobody here needs more. */
  rename(from: string, to: string, nowMs: number): void {
    const [folder, old] = this.#parent(from, 'rename');
    const [other, fresh] = this.#parent(to, 'rename');
    const inode = folder.entries.get(old);
    if (inode === undefined) throw new DiskError('ENOENT', 'rename', from);
    if (other !== folder) throw new DiskError('EXDEV', 'rename', from);
    const changes: [string, Inode | undefined][] = [
      [old, undefined],
      [fresh, inode],
    ];
    this.#rename(folder, changes, nowMs);
  }

  write(inode: Inode, bytes: Uint8Array, at: number, nowMs: number): void {
    const end = at + bytes.length;
    if (end > inode.data.length)
      inode.data = Buffer.concat([inode.data, Buffer.alloc(end - inode.data.length)]);
    inode.data.set(bytes, at);
    inode.dirty.push([at, end]);
    inode.changedMs = nowMs;
  }

  truncate(inode: Inode, size: number, nowMs: number): void {
    const kept = Buffer.alloc(size);
    inode.data.copy(kept, 0, 0, size);
    inode.data = kept;
    inode.dirty = inode.dirty.flatMap(([start, end]) => (start < size ? [[start, Math.min(end, size)]] : []));
    inode.changedMs = nowMs;
  }

  sync(inode: Inode): void {
    if (inode.isFolder) {
      inode.durableEntries = new Map(inode.entries);
      inode.unsynced = [];
      return;
    }
    const durable = Buffer.alloc(inode.data.length);
    inode.durable.copy(durable);
    for (const [start, end] of inode.dirty) inode.data.copy(durable, start, start, end);
    inode.durable = durable;
    inode.dirty = [];
  }

  /**
   * A sync that fails: some systems call the lost pieces clean afterwards, so that the next sync succeeds without them.
   */
  failSync(inode: Inode): void {
    if (!inode.isFolder && this.#random.chance(0.5)) inode.dirty = [];
  }

  /** Everything becomes what a machine finds when it is switched on again. */
  cutPower(): void {
    this.#afterPowerCut(this.root, new Set());
  }

  #afterPowerCut(inode: Inode, seen: Set<Inode>): void {
    if (seen.has(inode)) return;
    seen.add(inode);
    if (!inode.isFolder) {
      if (inode.dirty.length > 0 || inode.data.length !== inode.durable.length) this.#tear(inode);
      inode.data = Buffer.from(inode.durable);
      inode.dirty = [];
      return;
    }
    const entries = new Map(inode.durableEntries);
    const isInOrder = this.#random.chance(0.7);
    const survivors = this.#random.below(inode.unsynced.length + 1);
    inode.unsynced.forEach((changes, index) => {
      if (!(isInOrder ? index < survivors : this.#random.chance(0.5))) return;
      for (const [name, target] of changes) {
        if (target === undefined) entries.delete(name);
        else entries.set(name, target);
      }
    });
    inode.entries.clear();
    for (const [name, target] of entries) inode.entries.set(name, target);
    inode.durableEntries = entries;
    inode.unsynced = [];
    for (const target of entries.values()) this.#afterPowerCut(target, seen);
  }

  /** Any part of what was not synced may have reached the disk: by sectors, and the size with it or not. */
  #tear(inode: Inode): void {
    const { data, durable } = inode;
    const [least, most] = [Math.min(data.length, durable.length), Math.max(data.length, durable.length)];
    const size = this.#random.oneOf([least, most, least + this.#random.below(most - least + 1)]);
    const torn = Buffer.alloc(size);
    durable.copy(torn, 0, 0, size);
    for (const [start, end] of inode.dirty) {
      for (let at = start; at < end; at = (Math.floor(at / SECTOR) + 1) * SECTOR) {
        const stop = Math.min(end, (Math.floor(at / SECTOR) + 1) * SECTOR);
        const written = this.#random.chance(0.5) ? stop : at + this.#random.below(stop - at);
        if (this.#random.chance(0.6)) data.copy(torn, at, at, Math.min(written, size));
      }
    }
    inode.durable = torn;
    this.#hasTorn ||= size > 0 && !torn.equals(data);
  }

  #make(isFolder: boolean, mode: number): Inode {
    return {
      number: this.#numbers++,
      isFolder,
      mode: (isFolder ? constants.S_IFDIR : constants.S_IFREG) | (mode & 0o7777),
      links: 0,
      changedMs: 0,
      data: Buffer.alloc(0),
      durable: Buffer.alloc(0),
      dirty: [],
      entries: new Map(),
      durableEntries: new Map(),
      unsynced: [],
    };
  }

  #rename(folder: Inode, changes: readonly (readonly [string, Inode | undefined])[], nowMs: number): void {
    for (const [name, inode] of changes) {
      const before = folder.entries.get(name);
      if (before !== undefined) before.links -= 1;
      if (inode === undefined) folder.entries.delete(name);
      else {
        folder.entries.set(name, inode);
        inode.links += 1;
      }
    }
    folder.unsynced.push([...changes]);
    folder.changedMs = nowMs;
  }

  #walk(name: string, syscall: string): Inode | undefined {
    let inode: Inode | undefined = this.root;
    for (const part of partsOf(name)) {
      if (inode === undefined) return undefined;
      if (!inode.isFolder) throw new DiskError('ENOTDIR', syscall, name);
      inode = inode.entries.get(part);
    }
    return inode;
  }

  #parent(name: string, syscall: string): [folder: Inode, base: string] {
    const folder = this.#walk(path.dirname(name), syscall);
    if (folder === undefined) throw new DiskError('ENOENT', syscall, name);
    if (!folder.isFolder) throw new DiskError('ENOTDIR', syscall, name);
    return [folder, path.basename(name)];
  }

  #syncAll(inode: Inode): void {
    this.sync(inode);
    for (const entry of inode.entries.values()) this.#syncAll(entry);
  }
}

function partsOf(name: string): readonly string[] {
  // As nearly every name is written that programs use.
  const plain = /^(?:\/[^/.][^/]*)+$/.test(name) ? name : path.resolve('/', name);
  return plain.split('/').filter((part) => part !== '');
}
