import { randomInt } from 'node:crypto';
import { open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

const PREFIX = 'services-';
/** ServiceIDs of a block: so many are given without touching the disk. */
const BLOCK = 1296;
/** A fresh folder begins somewhere below: ids have 10 characters, and the blocks up to there last for ever. */
const FIRST_BLOCK_LIMIT = 2 ** 40;

/**
 * ServiceIDs that never come twice, over restarts and over all processes that share the folder: a counter in base 36.
 * Each process takes a block of them by creating a file that nobody else can create again. A folder that is new, or
 * lost what it had, begins somewhere else than any other: a terminal must never take a new payment for an earlier one.
 */
export class ServiceCounter {
  readonly #folder: string;
  #next = 0;
  #end = 0;
  #taking: Promise<void> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async next(): Promise<string> {
    while (this.#next >= this.#end) await this.#take();
    this.#next += 1;
    return (this.#next - 1).toString(36).toUpperCase();
  }

  #take(): Promise<void> {
    this.#taking ??= this.#takeBlock().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  async #takeBlock(): Promise<void> {
    const taken = (await readdir(this.#folder)).flatMap(blockOf);
    const first = taken.length === 0 ? randomInt(1, FIRST_BLOCK_LIMIT) : Math.max(...taken) + 1;
    for (let block = first; ; block += 1) {
      if (!(await this.#create(block))) continue;
      this.#next = block * BLOCK;
      this.#end = this.#next + BLOCK;
      for (const old of taken) {
        if (old < block) await rm(this.#fileOf(old), { force: true });
      }
      return;
    }
  }

  async #create(block: number): Promise<boolean> {
    try {
      await (await open(this.#fileOf(block), 'wx', 0o600)).close();
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw fault;
    }
    await syncFolder(this.#folder);
    return true;
  }

  #fileOf(block: number): string {
    return path.join(this.#folder, `${PREFIX}${block}`);
  }
}

function blockOf(name: string): number[] {
  const [, digits] = /^services-(\d{1,15})$/.exec(name) ?? [];
  return digits === undefined ? [] : [Number(digits)];
}

/** What was created or renamed in a folder is there after a power cut, too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
