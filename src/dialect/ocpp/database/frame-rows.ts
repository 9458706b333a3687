import { type Batch, type Columns, namesOf, selectGiven } from './given.ts';
import type { NewFrame } from './tables.ts';

const COLUMNS: Columns<NewFrame> = {
  charge_point: 'text',
  at: 'text',
  direction: 'text',
  kind: 'text',
  action: 'text',
  message_id: 'text',
  text: 'text',
};
const NAMES = namesOf(COLUMNS);

export async function insertFrames(batch: Batch, frames: readonly NewFrame[]): Promise<void> {
  const rows = selectGiven(batch, COLUMNS, frames);
  await batch.trx.insertInto('frames').columns(NAMES).expression(rows).execute();
}
