import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'libsql';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import { SCHEMA_VERSION } from '../../../src/dialect/ocpp/database/migrations.ts';
import {
  type DatabasePlace,
  defaultDatabase,
  type OpenDatabase,
  openDatabase,
  parseDatabase,
} from '../../../src/dialect/ocpp/database/open.ts';
import { chargePoints, frames, meterValues } from '../../../src/dialect/ocpp/database/reports.ts';
import { type StartRequest, storable } from '../../../src/dialect/ocpp/database/rows.ts';
import { CentralStore } from '../../../src/dialect/ocpp/database/store.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { Postgres } from '../../kit/postgres.ts';

const FIXTURES = path.join(import.meta.dirname, '../../fixtures/ocpp');
const OLDER_VERSIONS = Array.from({ length: SCHEMA_VERSION - 1 }, (_, index) => index + 1);
const NOW = '2030-01-01T00:00:00.000Z';
const START: StartRequest = {
  connectorId: 1,
  idTag: '04A1B2C3D4',
  meterStart: 1204,
  timestamp: '2026-02-01T21:00:00Z',
};
const STOP = { transactionId: 1, meterStop: 2204, timestamp: '2026-02-01T22:00:00Z' };

const FRAME = {
  charge_point: 'CP001',
  direction: 'in',
  kind: 'call',
  action: 'Heartbeat',
  message_id: '1',
  text: '[]',
} as const;

interface Kind {
  readonly name: 'sqlite' | 'postgres';
  readonly place: () => DatabasePlace;
  /** Empties it. */
  readonly fresh: () => Promise<void>;
  /** Runs statements. */
  readonly load: (sql: string) => Promise<void>;
  readonly end: () => Promise<void>;
}

function sqlite(): Kind {
  const folder = mkdtempSync(path.join(tmpdir(), 'ocpp-'));
  let count = 0;
  const file = () => path.join(folder, `${count}.db`);
  return {
    name: 'sqlite',
    place: () => ({ kind: 'sqlite', to: file() }),
    fresh: async () => {
      count += 1;
    },
    load: async (sql) => {
      const database = new Database(file());
      database.exec(sql);
      database.close();
    },
    end: async () => rmSync(folder, { recursive: true }),
  };
}

async function postgres(): Promise<Kind> {
  const server = await Postgres.start();
  const load = async (sql: string) => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  return {
    name: 'postgres',
    place: () => ({ kind: 'postgres', to: server.url }),
    fresh: () => load('drop schema public cascade; create schema public'),
    load,
    end: () => server.stop(),
  };
}

describe.each([
  ['SQLite', async () => sqlite()],
  ['PostgreSQL', postgres],
] as const)('the database on %s', (_, make) => {
  let kind: Kind;
  let database: OpenDatabase;
  let store: CentralStore;
  const clock = new FakeClock();

  beforeAll(async () => {
    kind = await make();
  });
  afterAll(() => kind.end());
  beforeEach(async () => {
    await kind.fresh();
    await open();
  });
  afterEach(() => store.close());

  async function open(): Promise<void> {
    database = await openDatabase(kind.place(), NOW);
    store = new CentralStore(database, { clock, log: silentLogger, statistics: new Statistics() });
  }

  test('is at the version of the program after it is opened, however many open it at one time', async () => {
    const others = await Promise.all([1, 2, 3].map(() => openDatabase(kind.place(), NOW)));
    const rows = await database.db.selectFrom('ocpp_schema').selectAll().execute();
    expect(rows.map(({ version }) => Number(version))).toEqual([1, SCHEMA_VERSION]);
    await Promise.all(others.map(({ close }) => close()));
  });

  test.each(OLDER_VERSIONS)(
    'of version %i becomes what a new one is, with all that was in it',
    async (version) => {
      const tablesOf = async ({ db }: OpenDatabase) =>
        (await db.introspection.getTables()).map(({ name, columns }) => ({
          name,
          columns: columns.map(({ dataType, isNullable, ...column }) => [column.name, dataType, isNullable]),
        }));
      const wanted = await tablesOf(database);
      await store.close();
      await kind.fresh();
      await kind.load(readFileSync(path.join(FIXTURES, `version-${version}.${kind.name}.sql`), 'utf8'));
      await open();
      expect(await tablesOf(database)).toEqual(wanted);
      const points = await chargePoints(database.db, { wallMs: Date.parse(NOW) });
      expect(points).toMatchObject([
        {
          identity: 'CP001',
          registration: 'Accepted',
          firmware_status: 'Installed',
          online: false,
          connectors: [{ connector_id: 1, status: 'Charging' }],
        },
        { identity: 'CP002', registration: null, online: false },
      ]);
      expect(await store.started('CP001', START)).toEqual({ id: 1, answer: '{"status":"Accepted"}' });
      const stop = { transactionId: 1, meterStop: 2204, timestamp: '2026-02-01T22:00:00Z' };
      expect(await store.stopped('CP001', stop)).toEqual({ id: 1, answer: undefined });
      expect(await store.waiting('CP001')).toMatchObject([{ id: 1, action: 'StopTransaction' }]);
      expect(await meterValues(database.db, 1)).toMatchObject([{ value: '1310', unit: 'Wh' }]);
      expect(await frames(database.db)).toMatchObject([{ action: 'Heartbeat' }]);
      expect((await store.started('CP003', START)).id).toBe(3);
    },
  );

  test('of a later posbridge is refused', async () => {
    await database.db.insertInto('ocpp_schema').values({ version: 99, applied_at: NOW }).execute();
    await expect(openDatabase(kind.place(), NOW)).rejects.toThrow('use the newer posbridge');
  });

  test('the same StartTransaction gets the same number, over a restart and from two processes at once', async () => {
    const { id } = await store.started('CP001', START);
    expect(id).toBeGreaterThan(0);
    expect(await store.started('CP001', { ...START, timestamp: '2026-02-01T22:00:00.000+01:00' })).toEqual({
      id,
      answer: undefined,
    });
    await store.startAnswered('CP001', id, '{"status":"Accepted"}');
    await store.close();
    await open();
    expect(await store.started('CP001', START)).toEqual({ id, answer: '{"status":"Accepted"}' });

    const other = await openDatabase(kind.place(), NOW);
    const otherStore = new CentralStore(other, { clock, log: silentLogger, statistics: new Statistics() });
    const starts = Array.from({ length: 20 }, (_, meterStart) => ({ ...START, meterStart }));
    const both = await Promise.all(
      starts.flatMap((start) => [store.started('CP002', start), otherStore.started('CP002', start)]),
    );
    expect(new Set(both.map((one) => one.id)).size).toBe(20);
    await otherStore.close();
  });

  test('two connectors that start in the same millisecond get two numbers', async () => {
    const both = await Promise.all([
      store.started('CP001', START),
      store.started('CP001', { ...START, connectorId: 2 }),
      store.started('CP002', START),
    ]);
    expect(new Set(both.map(({ id }) => id)).size).toBe(3);
  });

  test('a number is never used again, also when its transaction is removed', async () => {
    const { id } = await store.started('CP001', START);
    await database.db.deleteFrom('transactions').execute();
    expect((await store.started('CP001', START)).id).toBeGreaterThan(id);
  });

  test('a StopTransaction closes its transaction and is spooled once', async () => {
    const { id } = await store.started('CP001', START);
    const stop = { ...STOP, transactionId: id, reason: 'EVDisconnected' };
    const spool = { action: 'StopTransaction', payload: JSON.stringify(stop) };
    const first = await store.stopped('CP001', stop, spool);
    const again = await store.stopped('CP001', stop, spool);
    expect(again.id).toBe(first.id);
    expect((await store.waiting('CP001')).map(({ action }) => action)).toEqual(['StopTransaction']);
    const row = await database.db.selectFrom('transactions').selectAll().executeTakeFirstOrThrow();
    expect(row).toMatchObject({
      meter_stop: 2204,
      stopped_at: '2026-02-01T22:00:00.000Z',
      stop_reason: 'EVDisconnected',
    });
    await store.stopAnswered('CP001', first.id, '{}');
    expect((await store.stopped('CP001', stop, spool)).answer).toBe('{}');
  });

  test.each([-1, 0, 4711, 2 ** 31, 2 ** 40])(
    'a StopTransaction with the number %i, which is nobody’s, is kept',
    async (transactionId) => {
      await store.stopped('CP001', { ...STOP, transactionId });
      const rows = await database.db.selectFrom('stops').selectAll().execute();
      expect(rows.map((row) => row.transaction_id)).toEqual([transactionId]);
    },
  );

  test('a StopTransaction of another charge point does not close a transaction', async () => {
    const { id } = await store.started('CP001', START);
    await store.stopped('CP002', { ...STOP, transactionId: id });
    const row = await database.db.selectFrom('transactions').selectAll().executeTakeFirstOrThrow();
    expect(row.stopped_at).toBeNull();
  });

  test('transactionData of thousands of samples is kept', async () => {
    const { id } = await store.started('CP001', START);
    const transactionData = Array.from({ length: 4000 }, (_, index) => ({
      timestamp: new Date(Date.UTC(2026, 1, 1) + index * 1000).toISOString(),
      sampledValue: [
        { value: String(index) },
        { value: '16.0', measurand: 'Current.Import', phase: 'L1', unit: 'A' },
      ],
    }));
    await store.stopped('CP001', { ...STOP, transactionId: id, transactionData });
    const { count } = await database.db
      .selectFrom('meter_values')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    expect(Number(count)).toBe(8000);
  });

  test('meter values that come twice are kept once', async () => {
    const meter = {
      connectorId: 1,
      transactionId: 7,
      meterValue: [{ timestamp: '2026-02-01T21:05:00Z', sampledValue: [{ value: '1310', unit: 'Wh' }] }],
    };
    const spool = { action: 'MeterValues', payload: '{}' };
    expect(await store.metered('CP001', meter, spool)).toBe(true);
    expect(await store.metered('CP001', meter, spool)).toBe(false);
    const rows = await database.db.selectFrom('meter_values').selectAll().execute();
    expect(rows).toMatchObject([
      { measurand: 'Energy.Active.Import.Register', context: 'Sample.Periodic', unit: 'Wh', value: '1310' },
    ]);
    expect(await store.waiting('CP001')).toHaveLength(1);
  });

  test('samples that differ in nothing but their values are all kept, and once', async () => {
    const sampledValue = ['1.0', '2.0', '3.0'].map((value) => ({
      value,
      measurand: 'Current.Import',
      unit: 'A',
    }));
    const meter = { connectorId: 1, meterValue: [{ timestamp: '2026-02-01T21:05:00Z', sampledValue }] };
    expect(await store.metered('CP001', meter)).toBe(true);
    expect(await store.metered('CP001', meter)).toBe(false);
    const rows = await database.db.selectFrom('meter_values').select('value').orderBy('id').execute();
    expect(rows.map(({ value }) => value)).toEqual(['1.0', '2.0', '3.0']);
  });

  test('signed data of many kilobytes, and a NUL in a text, are no reason to refuse a stop', async () => {
    const sampledValue = [{ value: 'x'.repeat(20_000), format: 'SignedData' }];
    const stop = {
      ...STOP,
      idTag: 'A\0B',
      transactionData: [{ timestamp: '2026-02-01T21:05:00Z', sampledValue }],
    };
    await store.stopped('CP001', storable(stop));
    const rows = await database.db.selectFrom('meter_values').select('value').execute();
    expect(rows.map(({ value }) => value.length)).toEqual([20_000]);
  });

  test('a registration outlives the process', async () => {
    expect(await store.presence.connected('CP001')).toBeUndefined();
    await store.chargePoints.booted(
      'CP001',
      { chargePointVendor: 'VendorX', chargePointModel: 'SingleSocketCharger' },
      'Accepted',
    );
    await store.close();
    await open();
    expect(await store.presence.connected('CP001')).toBe('Accepted');
  });

  describe('shared by two processes', () => {
    let other: CentralStore;
    const lost: string[] = [];
    beforeEach(async () => {
      lost.length = 0;
      const parts = { clock, log: silentLogger, statistics: new Statistics() };
      other = new CentralStore(await openDatabase(kind.place(), NOW), parts);
      await store.close();
      database = await openDatabase(kind.place(), NOW);
      store = new CentralStore(database, { ...parts, superseded: (identity) => lost.push(identity) });
    });
    afterEach(() => other.close());
    const tick = async (ms = 5000) => {
      clock.advance(ms);
      await Promise.all([store.drained(), other.drained()]);
    };
    const online = async (wallMs = clock.wallMs()) =>
      (await chargePoints(database.db, { wallMs })).map((point) => point.online);

    test('a charge point belongs to the newest, and the older one hears so', async () => {
      await store.presence.connected('CP001');
      await other.presence.connected('CP001');
      await tick();
      expect(lost).toEqual(['CP001']);
      store.presence.disconnected('CP001');
      await tick();
      expect(await online()).toEqual([true]);
      other.presence.disconnected('CP001');
      await tick();
      expect(await online()).toEqual([false]);
      expect(lost).toEqual(['CP001']);
    });

    test('one of a process that was killed is offline half a minute later, also when nobody is there to write it', async () => {
      const killed = new CentralStore(await openDatabase(kind.place(), NOW), {
        clock: new FakeClock(), // stands still from now on
        log: silentLogger,
        statistics: new Statistics(),
      });
      await killed.presence.connected('CP001');
      const { disconnected_at, alive_at } = {
        ...(await database.db.selectFrom('charge_points').selectAll().executeTakeFirstOrThrow()),
        ...(await database.db.selectFrom('processes').selectAll().executeTakeFirstOrThrow()),
      };
      expect(disconnected_at).toBeNull();
      expect(await online(Date.parse(alive_at) + 30_000)).toEqual([true]);
      expect(await online(Date.parse(alive_at) + 30_001)).toEqual([false]);
      await store.presence.connected('CP002');
      await tick(40_000);
      await tick();
      const [row] = await chargePoints(database.db, { wallMs: clock.wallMs() });
      expect(row).toMatchObject({ disconnected_at: alive_at, process: null, online: false });
      await killed.close();
    });

    test('what an earlier process had is this one’s own from the moment that it connects here', async () => {
      await other.presence.connected('CP001');
      await store.presence.connected('CP001');
      await store.drained();
      expect(lost).toEqual([]);
      await tick();
      expect(lost).toEqual([]);
    });

    test('a process that was thought to be gone takes back what nobody else serves', async () => {
      await store.presence.connected('CP001');
      await kind.load("update processes set alive_at = '2020-01-01T00:00:00.000Z'");
      await other.presence.connected('CP002');
      await other.drained();
      expect(await online()).toEqual([false, true]);
      await tick();
      expect(await online()).toEqual([true, true]);
      expect(lost).toEqual([]);
    });

    test('a spool is delivered by one of them alone, and by none while the charge point is connected', async () => {
      await store.presence.connected('CP001');
      expect(await other.presence.claim('CP001')).toBe(false);
      store.presence.disconnected('CP001');
      await store.drained();
      expect(await store.presence.claim('CP001')).toBe(true);
      expect(await other.presence.claim('CP001')).toBe(false);
      expect(await online()).toEqual([false]);
      store.presence.release('CP001');
      await store.drained();
      expect(await other.presence.claim('CP001')).toBe(true);
    });
  });

  test('the spool keeps its order and forgets what was taken', async () => {
    for (const action of ['MeterValues', 'StopTransaction', 'SecurityEventNotification'])
      await store.spool('CP001', { action, payload: '{}' });
    const [first] = await store.waiting('CP001');
    await store.taken('CP001', first?.id ?? 0);
    expect((await store.waiting('CP001')).map(({ action }) => action)).toEqual([
      'StopTransaction',
      'SecurityEventNotification',
    ]);
  });

  test('a card number is stored nowhere, neither as a tag nor inside a text', async () => {
    const card = '4111111111111111';
    const { id } = await store.started('CP001', { ...START, idTag: card });
    expect((await store.started('CP001', { ...START, idTag: card })).id).toBe(id);
    await store.stopped('CP001', { ...STOP, transactionId: id, idTag: card });
    await store.spool('CP001', { action: 'StopTransaction', payload: JSON.stringify({ idTag: card }) });
    await store.chargePoints.connectorStatus('CP001', {
      connectorId: 1,
      errorCode: 'NoError',
      status: 'Faulted',
      info: `card ${card}`,
    });
    const all = [];
    for (const table of ['transactions', 'stops', 'spool', 'connectors'] as const)
      all.push(await database.db.selectFrom(table).selectAll().execute());
    expect(JSON.stringify(all)).not.toContain(card);
  });

  test('what one charge point sends keeps its order among what all of them send at one time', async () => {
    const identities = Array.from({ length: 50 }, (_, index) => `CP${index}`);
    const at = (minute: number) => ({
      timestamp: `2026-02-01T21:0${minute}:00Z`,
      sampledValue: [{ value: `${minute}` }],
    });
    const spooled = (action: string) => ({ action, payload: '{}' });
    const sent = identities.flatMap((identity) => [
      store.spool(identity, spooled('first')),
      store.metered(identity, { connectorId: 1, meterValue: [at(1)] }, spooled('second')),
      store.metered(identity, { connectorId: 1, meterValue: [at(2)] }, spooled('third')),
      store.stopped(identity, STOP, spooled('fourth')),
      store.stopped(identity, STOP, spooled('again')),
      store.metered(identity, { connectorId: 1, meterValue: [at(2)] }, spooled('again')),
      store.spool(identity, spooled('fifth')),
    ]);
    await Promise.all(sent);
    for (const identity of ['CP0', 'CP31', 'CP49']) {
      const actions = (await store.waiting(identity)).map(({ action }) => action);
      expect(actions).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
    }
  });

  test('what three hundred charge points send at one time takes as many statements as what one sends', async () => {
    let statements = 0;
    const counting = {
      ...database,
      db: database.db.withPlugin({
        transformQuery: ({ node }) => {
          statements += 1;
          return node;
        },
        transformResult: async ({ result }) => result,
      }),
    };
    const counted = new CentralStore(counting, { clock, log: silentLogger, statistics: new Statistics() });
    const send = async (count: number) => {
      statements = 0;
      const identities = Array.from({ length: count }, (_, index) => `${count}-${index}`);
      const samples = [{ timestamp: '2026-02-01T21:05:00Z', sampledValue: [{ value: '1' }, { value: '2' }] }];
      const spool = { action: 'MeterValues', payload: '{}' };
      const jobs = identities.flatMap((identity) => [
        counted.started(identity, START),
        counted.metered(identity, { connectorId: 1, meterValue: samples }, spool),
        counted.stopped(identity, { ...STOP, transactionData: samples }, spool),
      ]);
      await Promise.all(jobs);
      return statements;
    };
    expect(await send(300)).toBe(await send(1));
    expect(statements).toBeGreaterThan(5);
  });

  test('one that the database refuses takes nothing of the others with it', async () => {
    const starts = Array.from({ length: 300 }, (_, index) => store.started(`CP${index}`, START));
    const bad = store.spool('CP7', { action: null as unknown as string, payload: '{}' });
    const after = store.spool('CP7', { action: 'StopTransaction', payload: '{}' });
    for (let index = 0; index < 20; index += 1) {
      const kind = index === 11 ? (null as unknown as 'call') : 'call';
      store.frame({ ...FRAME, kind, message_id: String(index), at: NOW });
    }
    await expect(bad).rejects.toThrow();
    await after;
    expect(new Set((await Promise.all(starts)).map(({ id }) => id)).size).toBe(300);
    await store.drained();
    expect(await frames(database.db)).toHaveLength(19);
  });

  test('a NUL and half a character in a frame are no reason to leave it out', async () => {
    for (const text of ['bad \0 frame', 'half \ud83d', '["\\u0000\\ud83d"]', 'whole 😀'])
      store.frame({ ...FRAME, at: NOW, text });
    await store.drained();
    const texts = (await frames(database.db)).map(({ text }) => text);
    expect(texts.sort()).toEqual(['["\\u0000\\ud83d"]', 'bad \ufffd frame', 'half \ufffd', 'whole 😀']);
  });

  test('frames are written with what comes next, and pruned by their age', async () => {
    for (let day = 1; day <= 3; day += 1) store.frame({ ...FRAME, at: `2026-01-0${day}T00:00:00.000Z` });
    await store.drained();
    expect(await store.prune('2026-01-03T00:00:00.000Z')).toBe(2);
    const rows = await database.db.selectFrom('frames').select('at').execute();
    expect(rows.map(({ at }) => at)).toEqual(['2026-01-03T00:00:00.000Z']);
  });
});

describe('the place of the database', () => {
  test.each([
    [{ STATE_DIRECTORY: '/var/lib/x', HOME: '/root' }, '/var/lib/x/posbridge/ocpp.db'],
    [{ XDG_STATE_HOME: '/x/state', HOME: '/root' }, '/x/state/posbridge/ocpp.db'],
    [{ HOME: '/root' }, '/root/.local/state/posbridge/ocpp.db'],
  ])('of %j is %s', (environment: Readonly<Record<string, string>>, to) => {
    expect(defaultDatabase((name) => environment[name])).toEqual({ kind: 'sqlite', to });
  });

  test('is a SQLite file or a PostgreSQL', () => {
    expect(parseDatabase('sqlite:/tmp/a.db')).toEqual({ kind: 'sqlite', to: '/tmp/a.db' });
    expect(parseDatabase('postgres://u:p@h/db')).toMatchObject({ kind: 'postgres' });
    expect(parseDatabase('mysql://h/db')).toBeUndefined();
    expect(parseDatabase('sqlite:')).toBeUndefined();
  });

  test('a SQLite file can be read by its owner alone', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'ocpp-'));
    const file = path.join(folder, 'state', 'ocpp.db');
    const { close } = await openDatabase({ kind: 'sqlite', to: file }, NOW);
    expect(statSync(file).mode & 0o077).toBe(0);
    await close();
    rmSync(folder, { recursive: true });
  });

  test('a password is not shown', async () => {
    await expect(
      openDatabase({ kind: 'postgres', to: 'postgres://u:topsecret@127.0.0.1:1/db' }, NOW),
    ).rejects.not.toThrow('topsecret');
  });
});
