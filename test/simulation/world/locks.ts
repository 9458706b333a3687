import type { Inode } from './disk.ts';

/** An open file description: what a descriptor stands for. Locks belong to it, and go with it. */
export interface Description {
  readonly inode: Inode;
  readonly flags: number;
  isOpen: boolean;
}

interface Lock {
  readonly holder: Description;
  readonly isExclusive: boolean;
}

/** The kernel's locks on bytes of files (F_OFD_SETLK), of one machine. */
export class Locks {
  readonly #held = new Map<Inode, Map<number, Lock[]>>();

  tryLock(holder: Description, byte: number, isExclusive: boolean): boolean {
    const bytes = this.#held.get(holder.inode) ?? new Map<number, Lock[]>();
    this.#held.set(holder.inode, bytes);
    const others = (bytes.get(byte) ?? []).filter((lock) => lock.holder !== holder);
    if (others.some((lock) => isExclusive || lock.isExclusive)) return false;
    bytes.set(byte, [...others, { holder, isExclusive }]);
    return true;
  }

  unlock(holder: Description, byte: number): void {
    const bytes = this.#held.get(holder.inode);
    const rest = (bytes?.get(byte) ?? []).filter((lock) => lock.holder !== holder);
    if (rest.length > 0) bytes?.set(byte, rest);
    else bytes?.delete(byte);
    if (bytes?.size === 0) this.#held.delete(holder.inode);
  }

  /** When its last descriptor is closed. */
  release(holder: Description): void {
    for (const byte of [...(this.#held.get(holder.inode)?.keys() ?? [])]) this.unlock(holder, byte);
  }

  get count(): number {
    return [...this.#held.values()].reduce((sum, bytes) => sum + bytes.size, 0);
  }

  clear(): void {
    this.#held.clear();
  }
}
