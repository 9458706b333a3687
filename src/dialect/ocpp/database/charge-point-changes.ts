import { type RawBuilder, sql } from 'kysely';
import { type Batch, type Columns, given, namesOf, selectGiven } from './given.ts';
import type { ChargePointTable, ConnectorTable, Registration } from './tables.ts';
import type { Change } from './write-queue.ts';

/** A sign of life at `now`, and what else is known then. */
export interface Touch extends Partial<Omit<ChargePointTable, 'first_seen_at' | 'last_seen_at'>> {
  readonly identity: string;
  readonly now: string;
}

/** A connection that has ended. */
export interface Ended {
  readonly identity: string;
  readonly process: string;
  readonly now: string;
}

/**
 * Changes these columns of charge points, whose rows it makes where there are none. Resolves with what the last boot
 * was answered with.
 */
export function touching(
  ...names: readonly (keyof Touch & keyof ChargePointTable)[]
): Change<Touch, Registration | undefined> {
  const set = ['last_seen_at', ...names] as const;
  const all = ['identity', 'first_seen_at', ...set] as const;
  const columns = Object.fromEntries(all.map((name) => [name, 'text'])) as Columns<ChargePointTable>;
  return async (batch, items) => {
    const rows = items.map(({ now, ...row }) => ({ ...row, first_seen_at: now, last_seen_at: now }));
    const found = await batch.trx
      .insertInto('charge_points')
      .columns(all)
      .expression(selectGiven(batch, columns, rows as readonly ChargePointTable[]))
      .onConflict((conflict) => conflict.column('identity').doUpdateSet(excluded(set)))
      .returning(['identity', 'registration'])
      .execute();
    const registrations = new Map(found.map((row) => [row.identity, row.registration]));
    return items.map(({ identity }) => registrations.get(identity) ?? undefined);
  };
}

const STATUS_COLUMNS: Columns<ConnectorTable> = {
  charge_point: 'text',
  connector_id: 'bigint',
  status: 'text',
  error_code: 'text',
  info: 'text',
  vendor_id: 'text',
  vendor_error_code: 'text',
  reported_at: 'text',
  updated_at: 'text',
};
const STATUS_NAMES = namesOf(STATUS_COLUMNS);

export async function reportStatus(batch: Batch, rows: readonly ConnectorTable[]): Promise<undefined[]> {
  await batch.trx
    .insertInto('connectors')
    .columns(STATUS_NAMES)
    .expression(selectGiven(batch, STATUS_COLUMNS, rows))
    .onConflict((conflict) =>
      conflict.columns(['charge_point', 'connector_id']).doUpdateSet(excluded(STATUS_NAMES)),
    )
    .execute();
  return rows.map(() => undefined);
}

/** Changes nothing of a charge point that another process serves by now. */
export async function end(batch: Batch, items: readonly Ended[]): Promise<undefined[]> {
  await batch.trx
    .updateTable('charge_points')
    .from(given(batch, { identity: 'text', process: 'text', now: 'text' }, items))
    .set(({ ref }) => ({ disconnected_at: ref('given.now'), last_seen_at: ref('given.now'), process: null }))
    .whereRef('charge_points.identity', '=', 'given.identity')
    .whereRef('charge_points.process', '=', 'given.process')
    .execute();
  return items.map(() => undefined);
}

/** What was to be inserted takes the place of what is there. */
function excluded(names: readonly string[]): Record<string, RawBuilder<never>> {
  return Object.fromEntries(names.map((name) => [name, sql.ref<never>(`excluded.${name}`)]));
}
