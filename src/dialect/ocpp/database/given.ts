import { type AliasedRawBuilder, sql, type Transaction } from 'kysely';
import type { DatabaseKind } from './kind.ts';
import type { Tables } from './tables.ts';

/** The transaction that several changes are made in. */
export interface Batch {
  readonly trx: Transaction<Tables>;
  readonly kind: DatabaseKind;
}

/** A name and a type for each member of a row. */
export type Columns<Row> = { readonly [Name in keyof Row & string]-?: 'text' | 'bigint' };

/**
 * Rows as a table named `given`. They are one parameter, so a statement has the same text for one row and for a
 * thousand, and costs the same to write and to understand.
 */
export function given<Row extends object>(
  { kind }: Batch,
  columns: Columns<Row>,
  rows: readonly Row[],
): AliasedRawBuilder<Row, 'given'> {
  const names = namesOf(columns);
  const text = rowsText(rows);
  if (kind === 'postgres') {
    const typed = names.map((name) => sql`${sql.id(name)} ${sql.raw(columns[name])}`);
    return sql<Row>`(select * from json_to_recordset(${text}::json) as j(${sql.join(typed)}))`.as('given');
  }
  const values = names.map((name) => sql`value ->> ${sql.lit(`$.${name}`)} as ${sql.id(name)}`);
  return sql<Row>`(select ${sql.join(values)} from json_each(${text}))`.as('given');
}

/** The same, as what is to be inserted. */
export function selectGiven<Row extends object>(batch: Batch, columns: Columns<Row>, rows: readonly Row[]) {
  return batch.trx
    .selectFrom(given(batch, columns, rows))
    .select(namesOf(columns))
    .where(sql.lit(true)); // SQLite takes `on conflict` for part of a join otherwise
}

export function namesOf<Row>(columns: Columns<Row>): (keyof Row & string)[] {
  return Object.keys(columns) as (keyof Row & string)[];
}

/**
 * PostgreSQL takes neither a NUL in a text nor half of a surrogate pair. Something stays in their place: without it the
 * digits around one could become a card number that nobody has masked.
 */
function rowsText(rows: readonly object[]): string {
  const text = JSON.stringify(rows);
  if (!UNSTORABLE.test(text)) return text;
  return JSON.stringify(rows, (_, member: unknown) =>
    typeof member === 'string' ? Buffer.from(member.replaceAll('\0', '\ufffd')).toString() : member,
  );
}

/** As JSON writes them; a text may hold the same characters as its own. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/;
