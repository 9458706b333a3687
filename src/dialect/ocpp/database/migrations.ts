import { type Kysely, sql, type Transaction } from 'kysely';
import type { DatabaseKind } from './kind.ts';
import type { Tables } from './tables.ts';

type Migration = (db: Transaction<Tables>, kind: DatabaseKind) => Promise<void>;

/**
 * What leads from one version of the tables to the next. A released one is never changed: a new one is added, and
 * test/fixtures/ocpp keeps a database of every version.
 */
const MIGRATIONS: readonly Migration[] = [firstTables, processes];

/** The version that this program works with. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings the tables up to date; several processes may try at one time. Rejects where the database is newer than the
 * program.
 */
export async function migrate(db: Kysely<Tables>, kind: DatabaseKind, now: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    if (kind === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK_KEY})`.execute(trx);
    await trx.schema
      .createTable('ocpp_schema')
      .ifNotExists()
      .addColumn('version', 'integer', (column) => column.primaryKey())
      .addColumn('applied_at', 'text', (column) => column.notNull())
      .execute();
    const { version } = await trx
      .selectFrom('ocpp_schema')
      .select(({ fn }) => fn.max('version').as('version'))
      .executeTakeFirstOrThrow();
    const have = version ?? 0;
    if (have > SCHEMA_VERSION) throw new NewerDatabase(have);
    for (const [index, apply] of MIGRATIONS.slice(have).entries()) {
      await apply(trx, kind);
      await trx
        .insertInto('ocpp_schema')
        .values({ version: have + index + 1, applied_at: now })
        .execute();
    }
  });
}

/** A later posbridge has written this database. */
export class NewerDatabase extends Error {
  constructor(version: number) {
    super(
      `its tables have version ${version}, this program knows ${SCHEMA_VERSION}: use the newer posbridge that made them`,
    );
    this.name = 'NewerDatabase';
  }
}

/** Any number that no other program locks. */
const LOCK_KEY = 0x0c9916;

async function firstTables(db: Transaction<Tables>, kind: DatabaseKind): Promise<void> {
  const { schema } = db;
  // SQLite never uses a number again with `autoincrement` alone; a serial of PostgreSQL ends at 2^31 - 1.
  const numbered = (table: string, size: 'small' | 'big' = 'big') => {
    const builder = schema.createTable(table);
    if (kind === 'postgres') {
      return builder.addColumn('id', size === 'small' ? 'serial' : 'bigserial', (column) =>
        column.primaryKey(),
      );
    }
    return builder.addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement());
  };
  await schema
    .createTable('charge_points')
    .addColumn('identity', 'text', (column) => column.primaryKey())
    .addColumn('vendor', 'text')
    .addColumn('model', 'text')
    .addColumn('serial_number', 'text')
    .addColumn('box_serial_number', 'text')
    .addColumn('firmware_version', 'text')
    .addColumn('iccid', 'text')
    .addColumn('imsi', 'text')
    .addColumn('meter_type', 'text')
    .addColumn('meter_serial_number', 'text')
    .addColumn('registration', 'text')
    .addColumn('booted_at', 'text')
    .addColumn('firmware_status', 'text')
    .addColumn('diagnostics_status', 'text')
    .addColumn('log_status', 'text')
    .addColumn('first_seen_at', 'text', (column) => column.notNull())
    .addColumn('last_seen_at', 'text', (column) => column.notNull())
    .addColumn('connected_at', 'text')
    .addColumn('disconnected_at', 'text')
    .execute();
  await schema
    .createTable('connectors')
    .addColumn('charge_point', 'text', (column) => column.notNull())
    .addColumn('connector_id', 'bigint', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('error_code', 'text', (column) => column.notNull())
    .addColumn('info', 'text')
    .addColumn('vendor_id', 'text')
    .addColumn('vendor_error_code', 'text')
    .addColumn('reported_at', 'text')
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('connectors_key', ['charge_point', 'connector_id'])
    .execute();
  await numbered('transactions', 'small')
    .addColumn('charge_point', 'text', (column) => column.notNull())
    .addColumn('connector_id', 'bigint', (column) => column.notNull())
    .addColumn('id_tag', 'text', (column) => column.notNull())
    .addColumn('reservation_id', 'bigint')
    .addColumn('meter_start', 'bigint', (column) => column.notNull())
    .addColumn('started_at', 'text', (column) => column.notNull())
    .addColumn('received_at', 'text', (column) => column.notNull())
    .addColumn('start_answer', 'text')
    .addColumn('meter_stop', 'bigint')
    .addColumn('stopped_at', 'text')
    .addColumn('stop_reason', 'text')
    .addColumn('stop_id_tag', 'text')
    .addColumn('stop_received_at', 'text')
    .addUniqueConstraint('transactions_content', [
      'charge_point',
      'connector_id',
      'id_tag',
      'meter_start',
      'started_at',
    ])
    .execute();
  await numbered('stops')
    .addColumn('charge_point', 'text', (column) => column.notNull())
    .addColumn('transaction_id', 'bigint', (column) => column.notNull())
    .addColumn('meter_stop', 'bigint', (column) => column.notNull())
    .addColumn('stopped_at', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('id_tag', 'text')
    .addColumn('received_at', 'text', (column) => column.notNull())
    .addColumn('answer', 'text')
    .addUniqueConstraint('stops_content', ['charge_point', 'transaction_id', 'stopped_at', 'meter_stop'])
    .execute();
  await numbered('meter_values')
    .addColumn('charge_point', 'text', (column) => column.notNull())
    .addColumn('connector_id', 'bigint', (column) => column.notNull())
    .addColumn('transaction_id', 'bigint', (column) => column.notNull())
    .addColumn('taken_at', 'text', (column) => column.notNull())
    .addColumn('measurand', 'text', (column) => column.notNull())
    .addColumn('phase', 'text', (column) => column.notNull())
    .addColumn('context', 'text', (column) => column.notNull())
    .addColumn('location', 'text', (column) => column.notNull())
    .addColumn('format', 'text', (column) => column.notNull())
    .addColumn('unit', 'text', (column) => column.notNull())
    .addColumn('ordinal', 'integer', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addUniqueConstraint('meter_values_content', [
      'charge_point',
      'connector_id',
      'transaction_id',
      'taken_at',
      'measurand',
      'phase',
      'context',
      'location',
      'format',
      'unit',
      'ordinal',
    ])
    .execute();
  await schema.createIndex('meter_values_transaction').on('meter_values').column('transaction_id').execute();
  await schema.createIndex('transactions_running').on('transactions').column('stopped_at').execute();
  await numbered('frames')
    .addColumn('charge_point', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('direction', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('message_id', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('frames_at').on('frames').column('at').execute();
  await schema.createIndex('frames_charge_point').on('frames').columns(['charge_point', 'id']).execute();
  await numbered('spool')
    .addColumn('charge_point', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('received_at', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('spool_order').on('spool').columns(['charge_point', 'id']).execute();
}

/** Several processes know which of them serves a charge point. */
async function processes({ schema }: Transaction<Tables>): Promise<void> {
  await schema
    .createTable('processes')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('alive_at', 'text', (column) => column.notNull())
    .execute();
  await schema.alterTable('charge_points').addColumn('process', 'text').execute();
  await schema.createIndex('charge_points_process').on('charge_points').column('process').execute();
}
