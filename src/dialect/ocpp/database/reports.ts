import type { Kysely } from 'kysely';
import { isAlive } from './presence.ts';
import type {
  ChargePointRow,
  ConnectorRow,
  FrameRow,
  MeterValueRow,
  Tables,
  TransactionRow,
} from './tables.ts';

export interface ChargePointReport extends ChargePointRow {
  readonly online: boolean;
  readonly connectors: readonly ConnectorRow[];
}

export interface Selection {
  /** Undefined: of all charge points. */
  readonly identity?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  /** The newest ones alone; undefined: all. */
  readonly limit?: number | undefined;
}

/**
 * Charge points with their connectors, by identity. The process that one is connected to may have been killed: `wallMs`
 * is now.
 */
export async function chargePoints(
  db: Kysely<Tables>,
  { identity, wallMs }: { readonly identity?: string | undefined; readonly wallMs: number },
): Promise<ChargePointReport[]> {
  let points = db
    .selectFrom('charge_points')
    .leftJoin('processes', 'processes.id', 'charge_points.process')
    .selectAll('charge_points')
    .select('processes.alive_at')
    .orderBy('identity');
  let connectors = db.selectFrom('connectors').selectAll().orderBy('connector_id');
  if (identity !== undefined) {
    points = points.where('identity', '=', identity);
    connectors = connectors.where('charge_point', '=', identity);
  }
  const [rows, all] = await Promise.all([points.execute(), connectors.execute()]);
  const of = grouped(all);
  return rows.map(({ alive_at, ...row }) => ({
    ...row,
    online: row.disconnected_at === null && isAlive(alive_at, wallMs),
    connectors: of.get(row.identity) ?? [],
  }));
}

function grouped(rows: readonly ConnectorRow[]): Map<string, ConnectorRow[]> {
  const groups = new Map<string, ConnectorRow[]>();
  for (const row of rows) groups.set(row.charge_point, [...(groups.get(row.charge_point) ?? []), row]);
  return groups;
}

/** Newest first. */
export async function transactions(
  db: Kysely<Tables>,
  { identity, since, limit }: Selection = {},
): Promise<TransactionRow[]> {
  let query = db.selectFrom('transactions').selectAll().orderBy('id', 'desc');
  if (identity !== undefined) query = query.where('charge_point', '=', identity);
  if (since !== undefined) query = query.where('started_at', '>=', since);
  if (limit !== undefined) query = query.limit(limit);
  return query.execute();
}

/** Those that have not ended. */
export async function runningTransactions(db: Kysely<Tables>): Promise<TransactionRow[]> {
  return db.selectFrom('transactions').selectAll().where('stopped_at', 'is', null).orderBy('id').execute();
}

/** Oldest first. */
export async function frames(
  db: Kysely<Tables>,
  { identity, since, limit }: Selection = {},
): Promise<FrameRow[]> {
  let query = db.selectFrom('frames').selectAll().orderBy('id', 'desc');
  if (identity !== undefined) query = query.where('charge_point', '=', identity);
  if (since !== undefined) query = query.where('at', '>=', since);
  if (limit !== undefined) query = query.limit(limit);
  return (await query.execute()).reverse();
}

/** Oldest first. */
export async function meterValues(db: Kysely<Tables>, transactionId: number): Promise<MeterValueRow[]> {
  return db
    .selectFrom('meter_values')
    .selectAll()
    .where('transaction_id', '=', transactionId)
    .orderBy('taken_at')
    .orderBy('id')
    .execute();
}

/** How many messages wait for an application. */
export async function spooled(db: Kysely<Tables>, identity: string): Promise<number> {
  const { count } = await db
    .selectFrom('spool')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('charge_point', '=', identity)
    .executeTakeFirstOrThrow();
  return Number(count);
}
