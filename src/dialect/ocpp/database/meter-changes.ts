import { type Batch, type Columns, namesOf, selectGiven } from './given.ts';
import { type NewSpooled, spoolMessages } from './spool-changes.ts';
import type { NewMeterValue } from './tables.ts';

/** What one MeterValues has, and the message that is to be spooled unless all of it is there already. */
export interface NewSamples {
  readonly rows: readonly NewMeterValue[];
  readonly spool: NewSpooled | undefined;
}

const COLUMNS: Columns<NewMeterValue> = {
  charge_point: 'text',
  connector_id: 'bigint',
  transaction_id: 'bigint',
  taken_at: 'text',
  measurand: 'text',
  phase: 'text',
  context: 'text',
  location: 'text',
  format: 'text',
  unit: 'text',
  ordinal: 'bigint',
  value: 'text',
};
const NAMES = namesOf(COLUMNS);
const ROWS_A_STATEMENT = 5000;

/** False: all of it was there already. */
export async function meter(batch: Batch, items: readonly NewSamples[]): Promise<boolean[]> {
  const inserted = await insertMeterValues(
    batch,
    items.flatMap(({ rows }) => rows),
  );
  const isNew = items.map(({ rows: [first] }) => first === undefined || inserted.has(first.charge_point));
  await spoolMessages(
    batch,
    items.flatMap(({ spool }, index) => (spool !== undefined && isNew[index] ? [spool] : [])),
  );
  return isNew;
}

/** The charge points of which something was not there yet. */
export async function insertMeterValues(
  batch: Batch,
  rows: readonly NewMeterValue[],
): Promise<ReadonlySet<string>> {
  const inserted = new Set<string>();
  for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
    const part = rows.slice(at, at + ROWS_A_STATEMENT);
    const found = await batch.trx
      .insertInto('meter_values')
      .columns(NAMES)
      .expression(selectGiven(batch, COLUMNS, part))
      .onConflict((conflict) => conflict.doNothing())
      .returning('charge_point')
      .execute();
    for (const { charge_point } of found) inserted.add(charge_point);
  }
  return inserted;
}
