import { randomInt } from 'node:crypto';
import { link, readdir, readFile, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile, syncFolder } from './replace-file.ts';

/** A sale that was sent, as it must be known after a restart. Nothing of a card is in it. */
export interface StoredSale {
  readonly command: string;
  readonly posRecon: string;
  readonly invoice: string;
  readonly amount: number;
  readonly currency: string;
  /** What LAST_TRAN showed before it; undefined: nobody knows. */
  readonly before?: readonly Readonly<Record<string, string>>[] | undefined;
  /** The terminal's handle for it, once it is charged. */
  readonly ctroutd?: string | undefined;
  readonly paymentType?: string | undefined;
}

/** What the register's end of one terminal remembers over restarts. */
export interface SalesMemory {
  /** Part of what sales are called on the terminal, so that no other register's are called alike. */
  readonly mark: string;
  /** Resolves when it is on the disk. */
  save(sale: StoredSale): Promise<void>;
  find(posRecon: string): Promise<StoredSale | undefined>;
}

/** Longer than anybody asks for the outcome of a sale, or reverses one. */
const KEPT_MS = 60 * 86_400_000;
const MARK_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const MARK_LENGTH = 5;

/** Opens it: a file for the mark and one for each sale, whose names begin with `name`. Old sales are removed. */
export async function openSalesMemory(folder: string, name: string, wallMs: number): Promise<SalesMemory> {
  const mark = await readMark(folder, path.join(folder, `register-${name}`));
  const start = `sale-${name}-`;
  await prune(folder, start, wallMs - KEPT_MS);
  const fileOf = (posRecon: string) => path.join(folder, `${start}${posRecon}.json`);
  return {
    mark,
    save: (sale) => replaceFile(folder, fileOf(sale.posRecon), JSON.stringify(sale)),
    async find(posRecon) {
      const text = await readOrNothing(fileOf(posRecon));
      return text === undefined ? undefined : (JSON.parse(text) as StoredSale);
    },
  };
}

/** Of several processes that begin at once one decides. */
async function readMark(folder: string, file: string): Promise<string> {
  const known = await readOrNothing(file);
  if (known !== undefined) return known;
  const letters = Array.from({ length: MARK_LENGTH }, () => MARK_LETTERS[randomInt(MARK_LETTERS.length)]);
  const draft = `${file}.${process.pid}-${letters.join('')}`;
  await replaceFile(folder, draft, letters.join(''));
  await link(draft, file).catch((fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'EEXIST') throw fault;
  });
  await unlink(draft);
  await syncFolder(folder);
  return readFile(file, 'utf8');
}

async function prune(folder: string, start: string, beforeMs: number): Promise<void> {
  for (const name of (await readdir(folder)).filter((one) => one.startsWith(start))) {
    const file = path.join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < beforeMs) await unlink(file).catch(() => {});
  }
}

async function readOrNothing(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT') return undefined;
    throw fault;
  });
}
