import { type Batch, type Columns, given, namesOf, selectGiven } from './given.ts';

export interface NewSpooled {
  readonly charge_point: string;
  readonly action: string;
  readonly payload: string;
  readonly received_at: string;
}

const COLUMNS: Columns<NewSpooled> = {
  charge_point: 'text',
  action: 'text',
  payload: 'text',
  received_at: 'text',
};
const NAMES = namesOf(COLUMNS);

/** Puts messages behind what waits. */
export async function spoolMessages(batch: Batch, messages: readonly NewSpooled[]): Promise<undefined[]> {
  if (messages.length > 0) {
    const rows = selectGiven(batch, COLUMNS, messages);
    await batch.trx.insertInto('spool').columns(NAMES).expression(rows).execute();
  }
  return messages.map(() => undefined);
}

/** Forgets what applications have taken. */
export async function takeSpooled(batch: Batch, ids: readonly number[]): Promise<undefined[]> {
  const rows = ids.map((id) => ({ id }));
  const taken = batch.trx.selectFrom(given(batch, { id: 'bigint' }, rows)).select('given.id');
  await batch.trx.deleteFrom('spool').where('id', 'in', taken).execute();
  return ids.map(() => undefined);
}
