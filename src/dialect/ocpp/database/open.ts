import { mkdir, open as openFile } from 'node:fs/promises';
import path from 'node:path';
import { Kysely, PostgresDialect, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { maskText } from '../../../base/mask.ts';
import type { DatabaseKind } from './kind.ts';
import { migrate } from './migrations.ts';
import { SqliteDriver } from './sqlite-worker.ts';
import type { Tables } from './tables.ts';

export interface DatabasePlace {
  readonly kind: DatabaseKind;
  /** A path, or the URL. */
  readonly to: string;
}

export interface OpenDatabase {
  readonly db: Kysely<Tables>;
  readonly kind: DatabaseKind;
  /** For messages; no password. */
  readonly text: string;
  close(): Promise<void>;
}

/** How long PostgreSQL may take to let us in, and to answer. */
const CONNECT_MS = 5000;
const QUERY_MS = 10_000;
/** One writes, the others read for people. */
const CONNECTIONS = 3;

/** `sqlite:PATH`, `postgres://…` or `postgresql://…`; undefined for anything else. */
export function parseDatabase(text: string): DatabasePlace | undefined {
  if (text.startsWith('sqlite:') && text.length > 'sqlite:'.length) {
    return { kind: 'sqlite', to: path.resolve(text.slice('sqlite:'.length)) };
  }
  return /^postgres(ql)?:\/\/[^\s]+$/.test(text) && URL.canParse(text)
    ? { kind: 'postgres', to: text }
    : undefined;
}

/** The file that is used where nobody names one. Undefined where there is no home. */
export function defaultDatabase(
  environment: (name: string) => string | undefined,
): DatabasePlace | undefined {
  const home = environment('HOME');
  const state =
    environment('STATE_DIRECTORY')?.split(':')[0] ??
    environment('XDG_STATE_HOME') ??
    (home === undefined ? undefined : path.join(home, '.local/state'));
  return state === undefined ? undefined : { kind: 'sqlite', to: path.join(state, 'posbridge', 'ocpp.db') };
}

/** Opens it, and brings its tables up to date. Rejects where it cannot be had. */
export async function openDatabase(place: DatabasePlace, now: string): Promise<OpenDatabase> {
  const opened = place.kind === 'sqlite' ? await openSqlite(place.to) : await openPostgres(place.to);
  try {
    await migrate(opened.db, opened.kind, now);
    return opened;
  } catch (fault) {
    await opened.close().catch(() => undefined);
    throw fault;
  }
}

async function openSqlite(file: string): Promise<OpenDatabase> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // SQLite would make it readable for everybody; its two other files get the rights of this one.
  await (await openFile(file, 'a', 0o600)).close();
  const db = new Kysely<Tables>({
    dialect: {
      createDriver: () => new SqliteDriver(file),
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    },
  });
  return { db, kind: 'sqlite', text: `sqlite:${file}`, close: () => db.destroy() };
}

async function openPostgres(url: string): Promise<OpenDatabase> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    keepAlive: true,
    application_name: 'posbridge',
    // Our 64-bit integers all fit a double: ids, watt hours and connector numbers.
    types: { getTypeParser: (oid, format) => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) },
  });
  // A connection that breaks is an event of the pool, or of itself while it is in use; whoever waits for an answer
  // hears of it besides.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { db, kind: 'postgres', text: maskText(shownUrl(url)), close: () => db.destroy() };
}

/** PostgreSQL's number for `bigint`. */
const INT8 = 20;

function shownUrl(text: string): string {
  const url = new URL(text);
  if (url.password !== '') url.password = '***';
  url.search = '';
  return url.toString();
}
