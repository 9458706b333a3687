import { randomUUID } from 'node:crypto';
import { readFile, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { createFile, ifThere, openFolder } from '../store/journal-file.ts';
import { type Period, Totals } from './totals.ts';

const FILE_NAME = 'period.json';

/** The totals of the period that runs, without what is in the journal; a first start begins with period 1. */
export async function readPeriod(folder: string): Promise<Totals> {
  const text = await ifThere(readFile(path.join(folder, FILE_NAME), 'utf8'));
  if (text === undefined) return new Totals();
  const last: unknown = JSON.parse(text);
  if (!isPeriod(last)) throw new Error(`${FILE_NAME} cannot be read`);
  return new Totals(last.period + 1, last);
}

/** Records that a period has ended: when this resolves it has, also after a power cut. */
export async function writeClosed(folder: string, closed: Period): Promise<void> {
  const unborn = path.join(folder, `${FILE_NAME}.${randomUUID()}`);
  const file = await createFile(unborn);
  try {
    await file.writeFile(JSON.stringify(closed));
    await file.datasync();
    await rename(unborn, path.join(folder, FILE_NAME));
  } catch (fault) {
    await ifThere(unlink(unborn));
    throw fault;
  } finally {
    await file.close();
  }
  const directory = await openFolder(folder);
  await directory.sync().finally(() => directory.close());
}

function isPeriod(value: unknown): value is Period {
  if (typeof value !== 'object' || value === null || !('period' in value)) return false;
  return Number.isSafeInteger(value.period) && 'totals' in value && Array.isArray(value.totals);
}
