import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isoTime, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { NatsEndpoint } from '../../src/endpoint/endpoint.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { copyJournal } from '../../src/store/copy-journal.ts';
import { entryId } from '../../src/store/entry-id.ts';
import type { Outcome } from '../../src/store/entry-state.ts';
import { Journal } from '../../src/store/journal.ts';
import { type SentRecord, VERSION } from '../../src/store/journal-record.ts';
import { NatsJournal } from '../../src/store/nats/nats-journal.ts';
import type { OwnedEntry } from '../../src/store/owned-entry.ts';
import { NatsServers } from '../kit/nats.ts';

/**
 * The journal on three real servers. Two journals in one process are like two processes: each has its own connection
 * and lease.
 */

/** What waits for elections of the servers. */
const isSoak = (process.env['SOAK'] ?? '') !== '';

let servers: NatsServers;
const open: NatsJournal[] = [];

beforeAll(async () => {
  servers = await NatsServers.start(3);
});

afterAll(() => servers.stop());

afterEach(async () => {
  await Promise.all(open.splice(0).map((journal) => journal.close()));
});

async function openJournal(
  prefix: string,
  more: { first?: number; keepMs?: number; on?: NatsServers } = {},
): Promise<NatsJournal> {
  const { on = servers } = more;
  const journal = await NatsJournal.open({
    endpoint: parseEndpoint(on.endpoint(prefix, more.first), 'journal') as NatsEndpoint,
    access: {},
    allowSingle: on.count === 1,
    clock: systemClock,
    log: silentLogger,
    keepMs: more.keepMs ?? 3_600_000,
  });
  open.push(journal);
  return journal;
}

const sent = (receipt: string): SentRecord => ({
  state: 'sent',
  version: VERSION,
  register: '',
  identity: { receipt_id: receipt },
  params: JSON.stringify({ receipt_id: receipt }),
  method: 'Purchase',
  time: isoTime(systemClock),
});
const charged = (text = '{"paid":true}'): Outcome => ({ kind: 'result', text, time: isoTime(systemClock) });
const refused = (): Outcome => ({
  kind: 'error',
  text: '{"code":1,"message":"m","data":{"string_code":"TRANSACTION_NOT_FOUND","details":"d"}}',
  time: isoTime(systemClock),
});
const newId = () => entryId('', randomUUID(), '1');

/** As the server does with a lease that is not renewed, without the wait. */
async function takeForDead(prefix: string, { carriers }: NatsJournal): Promise<void> {
  await carriers.close();
  const leases = await new Kvm(await servers.client()).open(`${prefix}_leases`);
  await leases.delete(`process.${carriers.token}`);
}

async function begun(journal: NatsJournal, id: string): Promise<OwnedEntry> {
  const entry = await journal.begin(id, sent('1'));
  if (entry === 'exists') throw new Error('it exists');
  return entry;
}

test('of many who begin the same transaction exactly one wins', async () => {
  const journals = await Promise.all([
    openJournal('race'),
    openJournal('race', { first: 1 }),
    openJournal('race', { first: 2 }),
  ]);
  for (let round = 0; round < 10; round += 1) {
    const id = newId();
    const attempts = await Promise.all(
      [...journals, ...journals].map((journal) => journal.begin(id, sent('1'))),
    );
    expect(attempts.filter((entry) => entry !== 'exists')).toHaveLength(1);
  }
});

describe('an entry', () => {
  test('is running for others while its owner lives, and has its outcome for them afterwards', async () => {
    const [one, other] = [await openJournal('till'), await openJournal('till', { first: 1 })];
    const id = newId();
    const entry = await begun(one, id);
    expect(await other.lookup(id)).toMatchObject({ state: 'running', isOver: false });
    expect(await other.claim(id)).toBeUndefined();
    await entry.finish(charged());
    expect(await other.lookup(id)).toMatchObject({
      state: 'done',
      done: { kind: 'result', text: '{"paid":true}' },
    });
    expect(await other.siblings(id)).toEqual([id]);
  });

  test('that is withdrawn leaves its identifiers free', async () => {
    const [one, other] = [await openJournal('till'), await openJournal('till')];
    const id = newId();
    await (await begun(one, id)).withdraw();
    expect(await other.lookup(id)).toEqual({ state: 'none' });
    expect(await other.mayHaveEntry(id)).toBe(false);
    await (await begun(other, id)).finish(charged());
    expect(await one.lookup(id)).toMatchObject({ state: 'done' });
  });

  test('of an owner that let it go can be taken over, of a dead one when its lease has run out', async () => {
    const [one, other] = [await openJournal('till'), await openJournal('till')];
    const [first, second] = [newId(), newId()];
    const entry = await begun(one, first);
    await entry.note('PRINTER_FAILED');
    await entry.release();
    await begun(one, second);
    const claimed = await other.claim(first);
    expect(claimed?.lookup).toMatchObject({ state: 'unresolved', directCode: 'PRINTER_FAILED' });
    await claimed?.finish(refused());
    expect(await other.claim(second)).toBeUndefined();
    await takeForDead('till', one);
    const late = await other.claim(second);
    expect(late?.lookup).toMatchObject({ state: 'unresolved' });
    await late?.release();
  });

  /** As when its owner stands still so long that it is taken for dead, and then goes on. */
  async function fenced(): Promise<{ late: OwnedEntry; early: OwnedEntry; other: NatsJournal; id: string }> {
    const [one, other] = [await openJournal('till'), await openJournal('till')];
    const id = newId();
    const late = await begun(one, id);
    await takeForDead('till', one);
    const early = await other.claim(id);
    if (early === undefined) throw new Error('it is not taken for dead');
    return { late, early, other, id };
  }

  test('has the outcome that an owner who stood still comes back with, where nobody has found one', async () => {
    const { late, early, other, id } = await fenced();
    await late.finish(charged('{"by":"the application"}'));
    await early.finish(refused());
    expect(early.counts).toMatchObject({ kind: 'result' });
    expect(await other.lookup(id)).toMatchObject({
      state: 'done',
      done: { text: '{"by":"the application"}' },
    });
  });

  test('is charged where its late owner brings a result, after "not charged" was recorded', async () => {
    const { late, early, other, id } = await fenced();
    await early.finish(refused());
    await late.finish(charged());
    expect(late.counts).toBeUndefined();
    expect(await other.lookup(id)).toMatchObject({
      state: 'done',
      done: { kind: 'result' },
      contradicted: { kind: 'error' },
    });
  });

  test('stays charged where its late owner brings anything else', async () => {
    const { late, early, other, id } = await fenced();
    await early.finish(charged());
    await late.finish(refused());
    expect(late.counts).toMatchObject({ kind: 'result' });
    await late.withdraw();
    expect(await other.lookup(id)).toMatchObject({ state: 'done', done: { kind: 'result' } });
  });
});

describe('the lock of the terminal', () => {
  const holder = (connection: string) => ({
    connection,
    pid: 1,
    since: isoTime(systemClock),
    transaction: connection,
  });

  test('is one for all machines, names its holder, and is free at once when it is released', async () => {
    const [one, other] = await Promise.all([openJournal('till'), openJournal('till', { first: 1 })]);
    const locks = [await one.openLock(), await other.openLock()] as const;
    const attempt = await locks[0].tryAcquire(holder('a'));
    expect(attempt.acquired).toBe(true);
    for (const lock of locks) {
      const refusal = await lock.tryAcquire(holder('b'));
      expect(refusal.acquired || (await refusal.holder())?.connection).toBe('a');
    }
    if (attempt.acquired) attempt.release();
    expect((await locks[0].tryAcquire(holder('c'))).acquired).toBe(true);
    await locks[0].close();
    expect((await locks[1].tryAcquire(holder('b'))).acquired).toBe(true);
    await locks[1].close();
  });

  test('that a process keeps for its next transaction is given to whoever asks, and each time one has it', async () => {
    const machines = [await openJournal('kept'), await openJournal('kept', { first: 1 })];
    const locks = await Promise.all(
      machines.flatMap((journal) => [journal.openLock(), journal.openLock()] as const),
    );
    let holders = 0;
    const turns = locks.map(async (lock, at) => {
      for (let turn = 0; turn < 20; ) {
        const attempt = await lock.tryAcquire(holder(`${at}`));
        if (!attempt.acquired) {
          expect((await attempt.holder())?.connection ?? 'another').not.toBe(`${at}`);
          await new Promise((resolve) => setImmediate(resolve)); // others have to get on
          continue;
        }
        holders += 1;
        expect(holders).toBe(1);
        if (turn % 2 === 0) await machines[0]?.lookup(newId()); // some time goes by
        holders -= 1;
        attempt.release();
        turn += 1;
      }
    });
    await Promise.all(turns);
  });
});

describe('a copy', () => {
  test('of a folder is the same in the bucket, and back in another folder', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'copy-'));
    const clock = { ...systemClock };
    const log = silentLogger;
    const from = await Journal.open(path.join(folder, 'from'), { clock, log, keepMs: 3_600_000 });
    const back = await Journal.open(path.join(folder, 'back'), { clock, log, keepMs: 3_600_000 });
    const to = await openJournal('copied');
    const [paid, lost, told] = [newId(), newId(), newId()];
    const first = await from.begin(paid, sent('1'), { ...charged(), connection: 'c' });
    const second = await from.begin(lost, sent('2'));
    const third = await from.begin(told, sent('3'), refused(), charged());
    for (const entry of [first, third]) if (entry !== 'exists') await entry.release();
    if (second !== 'exists') {
      await second.note('ODD');
      await second.release();
    }
    expect(await copyJournal(from, to)).toEqual({ copied: 3, present: 0 });
    expect(await copyJournal(from, to)).toEqual({ copied: 0, present: 3 });
    expect(await copyJournal(to, back)).toEqual({ copied: 3, present: 0 });
    const strip = (lookup: object) =>
      JSON.parse(JSON.stringify(lookup).replace(/,"(?:boot|uptimeMs)":[^,}]+/g, ''));
    for (const id of [paid, lost, told]) {
      expect(strip(await to.lookup(id))).toEqual(strip(await from.lookup(id)));
      expect(strip(await back.lookup(id))).toEqual(strip(await from.lookup(id)));
    }
    expect(await back.fingerprint('x')).toBe(await from.fingerprint('x'));
    await Promise.all([from.close(), back.close()]);
    rmSync(folder, { recursive: true });
  });
});

test('which connections have an answer is seen from other machines', async () => {
  const [one, other] = [await openJournal('carriers'), await openJournal('carriers')];
  const id = newId();
  await one.carriers.join('till.1');
  await (await begun(one, id)).finish(charged());
  one.carriers.carries('till.1', id);
  const seen = async (expected: boolean) => {
    while ((await other.carriers.haveGoneOn(['till.1'], id)) !== expected);
  };
  await seen(false);
  one.carriers.spoke('till.1');
  await seen(true);
  one.carriers.leave('till.1');
  await seen(false);
});

test('leases are on the disk: replicas in memory that are restarted one after the other may never agree again', async () => {
  await openJournal('lasting');
  const streams = await jetstreamManager(await servers.client());
  for (const name of ['KV_lasting', 'KV_lasting_leases']) {
    expect((await streams.streams.info(name)).config).toMatchObject({ storage: 'file', num_replicas: 3 });
  }
});

describe('a server that was away and is back', () => {
  let alone: NatsServers;
  let journal: NatsJournal;

  beforeEach(async () => {
    alone = await NatsServers.start();
    journal = await openJournal('alone', { on: alone });
  });

  afterEach(() => alone.stop());

  const until = async (task: () => Promise<boolean>): Promise<void> => {
    while (!(await task().catch(() => false)));
  };

  test('has the next transaction of a process whose first one it refused', async () => {
    const [refusedOne, next] = [newId(), newId()];
    await alone.kill(0);
    for (const _ of [1, 2]) await expect(begun(journal, refusedOne)).rejects.toThrow();
    await alone.restart(0);
    await (await begun(journal, next)).finish(charged());
    await until(async () => (await journal.lookup(refusedOne)).state === 'none');
    await (await begun(journal, refusedOne)).finish(charged());
  });

  test('has free what was let go of, and has not what was withdrawn, while it was away', async () => {
    const [letGo, withdrawn] = [newId(), newId()];
    const entries = [await begun(journal, letGo), await begun(journal, withdrawn)] as const;
    await alone.kill(0);
    await entries[0].release();
    await expect(entries[1].withdraw()).rejects.toThrow();
    await entries[1].release();
    await alone.restart(0);
    const other = await openJournal('alone', { on: alone });
    await until(async () => (await other.lookup(letGo)).state === 'unresolved');
    await until(async () => (await other.lookup(withdrawn)).state === 'none');
    await begun(journal, newId()); // this process lives on, as all can see
    const claimed = await journal.claim(letGo);
    expect(claimed?.lookup.state).toBe('unresolved');
    expect(await other.lookup(letGo)).toMatchObject({ state: 'running' });
    await claimed?.finish(charged());
  });
});

// Last: these take servers away.

test.runIf(isSoak)(
  'a server that is killed, or stands still, is not missed',
  async () => {
    const journal = await openJournal('one-less');
    await servers.kill(0);
    const entry = await begun(journal, newId()).catch(() => begun(journal, newId()));
    servers.pause(1);
    servers.resume(1);
    await entry.finish(charged());
    await servers.restart(0);
  },
  30_000,
);

test.runIf(isSoak)(
  'without a majority nothing is begun, and what was perhaps begun is taken back later',
  async () => {
    const journal = await openJournal('minority', { first: 2 });
    const [charge, later] = [newId(), newId()];
    await (await begun(journal, charge)).finish(charged());
    const open = await begun(journal, later);
    await Promise.all([servers.kill(0), servers.kill(1)]);
    const id = newId();
    const startMs = performance.now();
    await expect(begun(journal, id)).rejects.toThrow();
    expect(performance.now() - startMs).toBeLessThan(8000);
    expect(await journal.mayHaveEntry(id)).toBe(false);
    expect(await journal.mayHaveEntry(charge)).toBe(true);
    await expect(open.finish(charged())).rejects.toThrow();
    await Promise.all([servers.restart(0), servers.restart(1)]);
    const finish = async (): Promise<void> => open.finish(charged()).catch(finish);
    await finish();
    expect(await journal.lookup(later)).toMatchObject({ state: 'done', done: { kind: 'result' } });
    const begin = async (): Promise<OwnedEntry | 'exists'> => journal.begin(id, sent('9')).catch(begin);
    let again: OwnedEntry | 'exists' = 'exists';
    while (again === 'exists') again = await begin();
    await again.finish(charged());
  },
  60_000,
);
