import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Journal } from '../../src/store/journal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { after, isRoot, mountedFolder, openJournal, remount } from '../store/journal-kit.ts';
import {
  abandonAt,
  codeOf,
  deskBench,
  failure,
  passUntil,
  repeatAt,
  result,
  turn,
  until,
  watch,
} from './journal-kit.ts';
import { bench, purchase } from './kit.ts';

/** The desk on real disks that are full or read-only; mounting them takes root. */

const BIG = JSON.stringify({ receipt: 'x'.repeat(10_000) });

function fill(folder: string): () => void {
  const file = path.join(folder, 'filler');
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // full
    }
  }
  return () => rmSync(file);
}

async function deskOn(folder: string) {
  const { journal, clock } = await openJournal(folder, { clock: new FakeClock(Date.now()) });
  const first = await deskBench();
  return deskBench({ beside: { ...first, journal, folder, clock } });
}

describe.runIf(isRoot)('a full disk', () => {
  test('has a new transaction refused with JOURNAL_UNAVAILABLE; when there is room again, it begins', async () => {
    const desk = await deskOn(mountedFolder('size=256k'));
    const empty = fill(desk.folder);
    expect(await desk.desk.accept(desk.request())).toMatchObject({
      kind: 'refused',
      code: 'JOURNAL_UNAVAILABLE',
      details: expect.stringContaining('no space left on device (ENOSPC)'),
    });
    empty();
    expect((await desk.desk.accept(desk.request())).kind).toBe('begun');
  });

  test('has an outcome given, tried again, and stored when there is room', async () => {
    const desk = await deskOn(mountedFolder('size=256k'));
    const acceptance = await desk.desk.accept(desk.request());
    if (acceptance.kind !== 'begun') throw new Error(acceptance.kind);
    const empty = fill(desk.folder);
    await desk.desk.outcomes.record(acceptance.entry, result(BIG));
    acceptance.release();
    expect(desk.lines.at(-1)).toMatch(/THE JOURNAL CANNOT TAKE AN OUTCOME .*ENOSPC/);
    empty();
    await passUntil(desk.clock, () => desk.lines.some((line) => line.includes('after all')), 1000);
    expect((await desk.desk.check(desk.identityOf(), desk.app.ask)).text.toString()).toBe(BIG);
  });

  test('never lets Check say TRANSACTION_NOT_FOUND that is not recorded, but an outcome is given', async () => {
    const desk = await deskOn(mountedFolder('size=256k'));
    await abandonAt(desk);
    fill(desk.folder);
    const checked = watch(desk.desk.check(desk.identityOf(), desk.app.ask));
    for (let n = 0; n < 2; n += 1) desk.app.answer(failure('TRANSACTION_NOT_FOUND', 'x'.repeat(8000)));
    await passUntil(desk.clock, () => checked.value !== undefined, 1000);
    expect(codeOf(await checked.promise)).toBe('OUTCOME_UNKNOWN');
    desk.app.answer(failure('TRANSACTION_NOT_FOUND'));
    expect(codeOf(await desk.desk.check(desk.identityOf({ receipt_id: 18 }), desk.app.ask))).toBe(
      'OUTCOME_UNKNOWN',
    );
    expect(desk.lines.filter((line) => line.includes('CANNOT TAKE AN OUTCOME'))).toHaveLength(2);
    desk.app.answer(result(BIG));
    expect(codeOf(await desk.desk.check(desk.identityOf(), desk.app.ask))).toBe('result');
    expect((await desk.journal.lookup(desk.idOf())).state).toBe('unresolved');
  });

  test('lets the register have its answer through a whole bridge, and the next purchase is refused before anything is handed over', async () => {
    const folder = mountedFolder('size=256k');
    const { journal } = await openJournal(folder, { clock: new FakeClock() });
    const { register, app, clock } = await bench({ journal });
    register.send(purchase('a'));
    await until(() => app.requests('Purchase').length === 1);
    const empty = fill(folder);
    app.answer(app.requests('Purchase')[0], JSON.parse(BIG));
    await until(() => register.answerTo('a') !== undefined);
    expect(register.answerTo('a').result).toEqual(JSON.parse(BIG));
    register.send(purchase('b', { receipt_id: 18 }));
    await until(() => register.answerTo('b') !== undefined);
    expect(register.answerTo('b').error.data.string_code).toBe('JOURNAL_UNAVAILABLE');
    expect(app.requests('Purchase')).toHaveLength(1);
    empty();
    const id = Journal.idOf('', '17', '["1"]');
    let state = 'running';
    while (state !== 'done') {
      clock.advance(1000);
      await turn();
      ({ state } = await journal.lookup(id));
    }
    register.endOutput();
    await until(() => register.closed);
  });
});

describe.runIf(isRoot)('a read-only disk', () => {
  test('has new ones refused, done ones answered, and what is not in it unknown', async () => {
    const desk = await deskOn(mountedFolder('size=256k'));
    const acceptance = await desk.desk.accept(desk.request());
    if (acceptance.kind !== 'begun') throw new Error(acceptance.kind);
    await desk.desk.outcomes.record(acceptance.entry, result('{"n":1}'));
    acceptance.release();
    await abandonAt(desk, { receipt_id: 18 });
    remount(desk.folder, 'ro');
    after(() => remount(desk.folder, 'rw'));
    expect((await repeatAt(desk)).kind).toBe('answer');
    expect(codeOf(await desk.desk.check(desk.identityOf(), desk.app.ask))).toBe('result');
    expect(await desk.desk.accept(desk.request({ receipt_id: 19 }))).toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
      details: expect.stringContaining('EROFS'),
    });
    expect((await desk.desk.accept(desk.request({ receipt_id: 18 }))).kind).toBe('unknown');
    for (const receipt_id of [18, 19]) {
      desk.app.answer(failure('TRANSACTION_NOT_FOUND'));
      expect(codeOf(await desk.desk.check(desk.identityOf({ receipt_id }), desk.app.ask))).toBe(
        'OUTCOME_UNKNOWN',
      );
    }
  });
});
