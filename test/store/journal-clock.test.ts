import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Journal } from '../../src/store/journal.ts';
import { BootClock, DAY_MS, doneAt, ended, KEEP_MS, openJournal, sentAt } from './journal-kit.ts';

/** Machines without a clock of their own, which are told the time when they have been running for a while. */

const ID = Journal.idOf('192.0.2.7', '["17","1"]');
const UNSET_MS = Date.UTC(1970, 0, 1);
/** The time of the last shutdown, or of the image. */
const STALE_MS = Date.now() - 2 * KEEP_MS;

async function openAt(clock: BootClock, folder?: string) {
  return { ...(await openJournal(folder, { clock })), clock };
}

describe('an outcome that was recorded before the clock was set', () => {
  test.each([UNSET_MS, STALE_MS])('at %i is kept, counted from when it was recorded', async (wallMs) => {
    const open = await openAt(new BootClock(wallMs));
    await ended(open, ID);
    open.clock.set(Date.now());
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
    expect(await open.journal.prune()).toEqual({ removed: 0, unresolved: 0, damaged: 0 });
    expect(await open.journal.begin(ID, sentAt(open.clock))).toBe('exists');
    open.clock.advance(KEEP_MS);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
    open.clock.advance(1);
    expect(await open.journal.lookup(ID)).toEqual({ state: 'none' });
  });

  test('is kept as well where the entry began and ended at once', async () => {
    const open = await openAt(new BootClock(UNSET_MS));
    const entry = await open.journal.begin(ID, sentAt(open.clock, { state: 'absent' }), doneAt(open.clock));
    if (entry !== 'exists') await entry.release();
    open.clock.set(Date.now());
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done', sent: { state: 'absent' } });
  });

  test('never becomes old after the next start of the machine: nobody knows when it was', async () => {
    const open = await openAt(new BootClock(UNSET_MS));
    await ended(open, ID);
    const next = await openAt(new BootClock(Date.now() + KEEP_MS, 'second-start'), open.folder);
    expect(await next.journal.lookup(ID)).toMatchObject({ state: 'done' });
    expect(await next.journal.prune()).toEqual({ removed: 0, unresolved: 0, damaged: 0 });
  });
});

test('an outcome from an earlier start of the machine is as old as the clock says', async () => {
  const open = await openAt(new BootClock(Date.now()));
  await ended(open, ID);
  const kept = await openAt(new BootClock(Date.now() + KEEP_MS - DAY_MS, 'second-start'), open.folder);
  expect(await kept.journal.lookup(ID)).toMatchObject({ state: 'done' });
  const late = await openAt(new BootClock(Date.now() + KEEP_MS + DAY_MS, 'second-start'), open.folder);
  expect(await late.journal.lookup(ID)).toEqual({ state: 'none' });
});

test('a damaged file from before the clock was set matters for ever: nobody knows when it was', async () => {
  const { journal, folder } = await openJournal();
  writeFileSync(path.join(folder, `${ID}.damaged`), '');
  for await (const entry of journal.entries()) {
    expect(journal.isMissed({ ...entry, changedMs: Date.now() - KEEP_MS - DAY_MS })).toBe(false);
    expect(journal.isMissed({ ...entry, changedMs: UNSET_MS })).toBe(true);
  }
});

test('what may be in the making since before the clock was set is not taken for left behind', async () => {
  const { journal, folder } = await openJournal();
  const file = path.join(folder, `${ID}.x.new`);
  writeFileSync(file, '');
  utimesSync(file, 0, 0);
  expect(await journal.prune()).toMatchObject({ removed: 0 });
  expect(readdirSync(folder)).toEqual([`${ID}.x.new`]);
});
