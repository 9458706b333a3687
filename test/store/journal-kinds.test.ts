import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { Journal } from '../../src/store/journal.ts';
import { DurableAppender } from '../../src/store/journal-file.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import {
  abandoned,
  after,
  begun,
  DAY_MS,
  doneAt,
  ended,
  entryFile,
  KEEP_MS,
  openJournal,
  sentAt,
  temporaryFolder,
} from './journal-kit.ts';

const ID = Journal.idOf('', '17', '["1"]');
const refusal = (clock: FakeClock) => ({ ...doneAt(clock, '{"code":1}'), kind: 'error' as const });

describe('a folder that a bridge, a register and a simulated terminal share', () => {
  test('has each one see and prune its own entries only, after its own time', async () => {
    const folder = temporaryFolder();
    const clock = new FakeClock(Date.now());
    const keeps = { bridge: 365 * DAY_MS, sales: DAY_MS, terminal: 100 * DAY_MS } as const;
    const kinds = ['bridge', 'sales', 'terminal'] as const;
    const journals = await Promise.all(
      kinds.map((kind) => Journal.open(folder, { clock, log: silentLogger, keepMs: keeps[kind], kind })),
    );
    for (const journal of journals) {
      after(() => journal.close());
      const entry = await journal.begin(ID, sentAt(clock), doneAt(clock));
      if (entry !== 'exists') await entry.release();
    }
    for (const prefix of ['', 'sale-', 'terminal-']) {
      writeFileSync(path.join(folder, `${prefix}feed.damaged`), '');
      writeFileSync(path.join(folder, `${prefix}feed.x.new`), '');
      utimesSync(path.join(folder, `${prefix}feed.x.new`), 0, 0);
    }
    clock.advance(40 * DAY_MS);
    const [, sales] = journals;
    expect(await sales?.prune()).toMatchObject({ removed: 2 });
    expect(await sales?.lookup(ID)).toEqual({ state: 'none' });
    const left = readdirSync(folder).filter((name) => name.startsWith('sale-'));
    expect(left).toEqual(['sale-feed.x.new']);
    for (const journal of journals) {
      let seen = 0;
      for await (const { file } of journal.entries()) seen += Number(file.endsWith('.entry'));
      expect(seen).toBe(journal === sales ? 0 : 1);
    }
    for (const [index, journal] of journals.entries()) {
      if (journal !== sales) expect([index, (await journal.lookup(ID)).state]).toEqual([index, 'done']);
    }
  });
});

describe('an entry of another version', () => {
  const json =
    '{"state":"sent","version":1,"register":"","identity":{},"method":"Purchase","time":"2026-01-01T00:00:00Z"}';
  const line = `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;

  test('is left alone, and makes the journal incomplete for as long as it keeps', async () => {
    const open = await openJournal();
    writeFileSync(entryFile(open.folder, ID), line);
    expect(await open.journal.lookup(ID)).toEqual({ state: 'lost' });
    expect(await open.journal.isComplete()).toBe(false);
    const late = await openJournal(open.folder, { clock: new FakeClock(Date.now() + KEEP_MS + DAY_MS) });
    expect(await late.journal.isComplete()).toBe(true);
    expect(await late.journal.prune()).toMatchObject({ removed: 0, damaged: 1 });
    expect(await late.journal.begin(ID, sentAt(open.clock))).toBe('exists');
    expect(readFileSync(entryFile(open.folder, ID), 'utf8')).toBe(line);
    expect(open.lines).toEqual([]);
  });
});

describe('what is known beside the outcome', () => {
  test('a code of no declared meaning is kept until there is an outcome, also after the death of its owner', async () => {
    const open = await openJournal();
    const entry = await begun(open, ID);
    await entry.note('PRINTER_FAILED');
    await entry.release();
    const unresolved = { state: 'unresolved', directCode: 'PRINTER_FAILED', isDoubtful: false };
    expect(await open.journal.lookup(ID)).toMatchObject(unresolved);
    const claim = await open.journal.claim(ID);
    expect(claim?.lookup).toMatchObject(unresolved);
    await claim?.finish(doneAt(open.clock));
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'done' });
  });

  test('a code and a serial number that look like secrets are not kept', async () => {
    const open = await openJournal();
    const entry = await begun(open, ID);
    await entry.note('4111111111111111');
    await entry.note('password: zebra1quagga');
    await entry.noteTerminal(';4111111111111111=25121010000012345678?');
    await entry.release();
    const written = readFileSync(entryFile(open.folder, ID), 'utf8');
    for (const secret of ['4111111111111111', 'zebra1quagga']) expect(written).not.toContain(secret);
    expect(await open.journal.lookup(ID)).toMatchObject({ state: 'unresolved', isDoubtful: false });
  });

  test('a result that contradicts what was told is what counts, whatever is settled later; both are kept', async () => {
    const open = await openJournal();
    const entry = await begun(open, ID);
    await entry.finish({ ...refusal(open.clock), connection: 'one' });
    await open.journal.carried(ID, 'two');
    expect(await open.journal.lookup(ID)).toMatchObject({ carriers: ['one', 'two'] });
    await (await open.journal.claim(ID))?.contradict(doneAt(open.clock));
    const contradicted = {
      state: 'done',
      done: { state: 'contradicted', kind: 'result' },
      contradicted: { state: 'done', kind: 'error' },
    };
    const lookup = await open.journal.lookup(ID);
    expect(lookup).toMatchObject(contradicted);
    expect('carriers' in lookup).toBe(false);
    await open.journal.carried(ID, 'three');
    expect(await open.journal.lookup(ID)).toMatchObject({ ...contradicted, carriers: ['three'] });
    expect(await open.journal.isComplete()).toBe(true);
  });
});

describe('the entries of one first identifier', () => {
  test('are found by their names; no other file is touched', async () => {
    const open = await openJournal();
    const ids = [undefined, '["1"]', '["2"]'].map((rest) => Journal.idOf('', '17', rest));
    for (const id of ids) await abandoned(open, id);
    await ended(open, Journal.idOf('', '18', '["1"]'));
    await ended(open, Journal.idOf('till', '17', '["1"]'));
    const damaged = Journal.idOf('', '17', '["3"]');
    writeFileSync(path.join(open.folder, `${damaged}.damaged`), '');
    mkdirSync(entryFile(open.folder, Journal.idOf('', '19', '["1"]'))); // reading it would fail
    for (const id of ids)
      expect((await open.journal.siblings(id)).toSorted()).toEqual([...ids, damaged].toSorted());
  });
});

/** A disk whose writes and syncs fail as long as they are told to. */
class PlayedFile {
  bytes = Buffer.alloc(0);
  failing: 'write' | 'sync' | 'cut' | undefined;

  async stat() {
    return { size: this.bytes.length };
  }

  async write(bytes: Buffer) {
    const written = this.failing === 'write' ? bytes.subarray(0, 3) : bytes;
    this.bytes = Buffer.concat([this.bytes, written]);
    return { bytesWritten: written.length };
  }

  async datasync() {
    if (this.failing !== undefined) throw new Error('EIO');
  }

  async truncate(size: number) {
    if (this.failing === 'cut') throw new Error('EROFS');
    this.bytes = this.bytes.subarray(0, size);
  }
}

test.each(['write', 'sync', 'cut'] as const)(
  'an append whose %s fails is cut back before it is repeated, and never makes the file longer',
  async (failing) => {
    const file = new PlayedFile();
    const appender = new DurableAppender(file as unknown as FileHandle);
    await appender.append(Buffer.from('first\n'));
    file.failing = failing;
    for (let attempts = 0; attempts < 5; attempts += 1) {
      await expect(appender.append(Buffer.from('second\n'))).rejects.toThrow();
      expect(file.bytes.length).toBeLessThanOrEqual('first\nsecond\n'.length);
    }
    file.failing = undefined;
    await appender.append(Buffer.from('third\n'));
    await appender.append(Buffer.from('fourth\n'));
    expect(file.bytes.toString()).toBe('first\nthird\nfourth\n');
  },
);
