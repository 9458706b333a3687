import { type Batch, type Columns, given, namesOf, selectGiven } from './given.ts';
import { insertMeterValues } from './meter-changes.ts';
import { type MeterValue, meterRows } from './rows.ts';
import { type NewSpooled, spoolMessages } from './spool-changes.ts';

export interface NewTransaction {
  readonly charge_point: string;
  readonly connector_id: number;
  readonly id_tag: string;
  readonly meter_start: number;
  readonly started_at: string;
  readonly reservation_id: number | null;
  readonly received_at: string;
}

export interface NewStop {
  readonly row: StopRow;
  readonly samples: readonly MeterValue[];
  readonly spool: NewSpooled | undefined;
}

export interface StopRow {
  readonly charge_point: string;
  readonly transaction_id: number;
  readonly meter_stop: number;
  readonly stopped_at: string;
  readonly reason: string;
  readonly id_tag: string | null;
  readonly received_at: string;
}

/** What a charge point is about to be told. */
export interface GivenAnswer {
  readonly id: number;
  readonly answer: string;
}

/** What has been told before. */
export interface KnownAnswer {
  readonly id: number;
  readonly answer: string | undefined;
}

const START_COLUMNS: Columns<NewTransaction> = {
  charge_point: 'text',
  connector_id: 'bigint',
  id_tag: 'text',
  meter_start: 'bigint',
  started_at: 'text',
  reservation_id: 'bigint',
  received_at: 'text',
};
const START_NAMES = namesOf(START_COLUMNS);
const STOP_COLUMNS: Columns<StopRow> = {
  charge_point: 'text',
  transaction_id: 'bigint',
  meter_stop: 'bigint',
  stopped_at: 'text',
  reason: 'text',
  id_tag: 'text',
  received_at: 'text',
};
const STOP_NAMES = namesOf(STOP_COLUMNS);
const ANSWER_COLUMNS: Columns<GivenAnswer> = { id: 'bigint', answer: 'text' };

/** The numbers of transactions, which are new ones where their content is. */
export async function startTransactions(
  batch: Batch,
  items: readonly NewTransaction[],
): Promise<KnownAnswer[]> {
  const { trx } = batch;
  const rows = given(batch, START_COLUMNS, items);
  // A conflict uses up a number, so only what another process has just written comes to one.
  const unknown = trx
    .selectFrom(rows)
    .select(START_NAMES)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('transactions')
            .select('id')
            .whereRef('transactions.charge_point', '=', 'given.charge_point')
            .whereRef('transactions.connector_id', '=', 'given.connector_id')
            .whereRef('transactions.id_tag', '=', 'given.id_tag')
            .whereRef('transactions.meter_start', '=', 'given.meter_start')
            .whereRef('transactions.started_at', '=', 'given.started_at'),
        ),
      ),
    );
  await trx
    .insertInto('transactions')
    .columns(START_NAMES)
    .expression(unknown)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const found = await trx
    .selectFrom(rows)
    .innerJoin('transactions', (join) =>
      join
        .onRef('transactions.charge_point', '=', 'given.charge_point')
        .onRef('transactions.connector_id', '=', 'given.connector_id')
        .onRef('transactions.id_tag', '=', 'given.id_tag')
        .onRef('transactions.meter_start', '=', 'given.meter_start')
        .onRef('transactions.started_at', '=', 'given.started_at'),
    )
    .select(['transactions.charge_point', 'transactions.id', 'transactions.start_answer as answer'])
    .execute();
  return inOrder(items, found);
}

/** Answers that were written before stay. */
export async function answerStarts(batch: Batch, items: readonly GivenAnswer[]): Promise<undefined[]> {
  await batch.trx
    .updateTable('transactions')
    .from(given(batch, ANSWER_COLUMNS, items))
    .set(({ ref }) => ({ start_answer: ref('given.answer') }))
    .whereRef('transactions.id', '=', 'given.id')
    .where('transactions.start_answer', 'is', null)
    .execute();
  return items.map(() => undefined);
}

/** A StopTransaction that is new closes its transaction, and leaves its samples and what is to be spooled. */
export async function stopTransactions(batch: Batch, items: readonly NewStop[]): Promise<KnownAnswer[]> {
  const { trx } = batch;
  const stops = items.map(({ row }) => row);
  const inserted = await trx
    .insertInto('stops')
    .columns(STOP_NAMES)
    .expression(selectGiven(batch, STOP_COLUMNS, stops))
    .onConflict((conflict) => conflict.doNothing())
    .returning('charge_point')
    .execute();
  const newOnes = new Set(inserted.map(({ charge_point }) => charge_point));
  await leave(
    batch,
    items.filter(({ row }) => newOnes.has(row.charge_point)),
  );
  const found = await trx
    .selectFrom(given(batch, STOP_COLUMNS, stops))
    .innerJoin('stops', (join) =>
      join
        .onRef('stops.charge_point', '=', 'given.charge_point')
        .onRef('stops.transaction_id', '=', 'given.transaction_id')
        .onRef('stops.stopped_at', '=', 'given.stopped_at')
        .onRef('stops.meter_stop', '=', 'given.meter_stop'),
    )
    .select(['stops.charge_point', 'stops.id', 'stops.answer'])
    .execute();
  return inOrder(stops, found);
}

async function leave(batch: Batch, stops: readonly NewStop[]): Promise<void> {
  if (stops.length === 0) return;
  const rows = stops.map(({ row }) => ({ ...row, transaction_id: ourNumber(row.transaction_id) }));
  const closed = await batch.trx
    .updateTable('transactions')
    .from(given(batch, STOP_COLUMNS, rows))
    .set(({ ref }) => ({
      meter_stop: ref('given.meter_stop'),
      stopped_at: ref('given.stopped_at'),
      stop_reason: ref('given.reason'),
      stop_id_tag: ref('given.id_tag'),
      stop_received_at: ref('given.received_at'),
    }))
    .whereRef('transactions.id', '=', 'given.transaction_id')
    .whereRef('transactions.charge_point', '=', 'given.charge_point')
    .where('transactions.stopped_at', 'is', null)
    .returning(['transactions.charge_point', 'transactions.connector_id'])
    .execute();
  const connectors = new Map(closed.map((row) => [row.charge_point, row.connector_id]));
  const samples = stops.flatMap(({ row: { charge_point, transaction_id }, samples }) =>
    // Of a transaction that is not ours the connector is not known either.
    meterRows(charge_point, connectors.get(charge_point) ?? 0, transaction_id, samples),
  );
  await insertMeterValues(batch, samples);
  await spoolMessages(
    batch,
    stops.flatMap(({ spool }) => spool ?? []),
  );
}

export async function answerStops(batch: Batch, items: readonly GivenAnswer[]): Promise<undefined[]> {
  await batch.trx
    .updateTable('stops')
    .from(given(batch, ANSWER_COLUMNS, items))
    .set(({ ref }) => ({ answer: ref('given.answer') }))
    .whereRef('stops.id', '=', 'given.id')
    .where('stops.answer', 'is', null)
    .execute();
  return items.map(() => undefined);
}

/** Charge points write any integer, but the column takes none above 2^31; 0 is nobody's number. */
function ourNumber(transactionId: number): number {
  return transactionId > 0 && transactionId < 2 ** 31 ? transactionId : 0;
}

/** What was found of each charge point. */
function inOrder(
  items: readonly { readonly charge_point: string }[],
  found: readonly { readonly charge_point: string; readonly id: number; readonly answer: string | null }[],
): KnownAnswer[] {
  const of = new Map(found.map((row) => [row.charge_point, row]));
  return items.map(({ charge_point }) => {
    const row = of.get(charge_point);
    if (row === undefined) throw new Error('what was written cannot be found');
    return { id: row.id, answer: row.answer ?? undefined };
  });
}
