import { ecrEftRow } from './ecr-eft/row.ts';
import { jsonposRow } from './jsonpos/row.ts';
import { nexoRow } from './nexo/row.ts';
import { ocppRow } from './ocpp/row.ts';
import { openfscRow } from './openfsc/row.ts';
import type { DialectRow } from './row.ts';
import { scaRow } from './sca/row.ts';

/** Every dialect. A row loads its code when it is set up; only the default's is there from the start. */
const ROWS = [jsonposRow, openfscRow, ecrEftRow, nexoRow, ocppRow, scaRow] as const;

/** What options a dialect may have. */
export type DialectOptionName = (typeof ROWS)[number]['options'][number]['name'];

export const DIALECTS: readonly DialectRow[] = ROWS;

export function findDialect(name: string): DialectRow | undefined {
  return DIALECTS.find((row) => row.name === name);
}
