import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SIZE_KIB = 64;

/** A file system of 64 KiB in memory. */
export class SmallDisk {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder);
    mount('-t', 'tmpfs', '-o', `mode=0700,size=${SIZE_KIB}k`, 'tmpfs', folder);
  }

  /** Not a byte is left. */
  fill(): void {
    for (const bytes of [4096, 1]) {
      for (let count = 0; this.#tryToWrite(`${bytes}-${count}`, bytes); count += 1);
    }
  }

  free(): void {
    rmSync(path.join(this.folder, 'filler'), { recursive: true });
  }

  /** Nobody may have a file of it open for writing. */
  setReadOnly(isReadOnly: boolean): void {
    mount('-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.folder);
  }

  close(): void {
    execFileSync('umount', ['--lazy', this.folder]);
  }

  #tryToWrite(name: string, bytes: number): boolean {
    try {
      mkdirSync(path.join(this.folder, 'filler'), { recursive: true });
      writeFileSync(path.join(this.folder, 'filler', name), Buffer.alloc(bytes));
      return true;
    } catch {
      return false;
    }
  }
}

/** Why there can be no such disk here; undefined if there can. */
export const noSmallDisk = whyNoSmallDisk();

function whyNoSmallDisk(): string | undefined {
  const folder = path.join(tmpdir(), `posbridge-disk-${process.pid}`);
  try {
    new SmallDisk(folder).close();
    return undefined;
  } catch {
    return 'needs the right to mount a tmpfs';
  } finally {
    rmdirSync(folder);
  }
}

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: 'pipe' });
}
