import type { Transaction } from 'kysely';
import { type Clock, isoTime } from '../../../base/clock.ts';
import type { Logger } from '../../../base/log.ts';
import type { Statistics } from '../../../base/statistics.ts';
import { ChargePointStore } from './charge-points.ts';
import type { OpenDatabase } from './open.ts';
import { Presence } from './presence.ts';
import {
  instantOf,
  type MeterRequest,
  meterRows,
  type StartRequest,
  type StopRequest,
  storedPayload,
  storedText,
} from './rows.ts';
import type { NewFrame, NewMeterValue, SpoolRow, Tables } from './tables.ts';
import { WriteQueue } from './write-queue.ts';

export interface StoreParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  /** Another process serves this charge point now. */
  readonly superseded?: (identity: string) => void;
}

/** A message that is to reach an application later, if not at once. */
export interface ToSpool {
  readonly action: string;
  readonly payload: string;
}

/** A message that an application must still take. */
export interface Spooled {
  readonly id: number;
  readonly action: string;
  readonly payload: string;
}

const ROWS_A_STATEMENT = 500;

/**
 * What the central system remembers. Every method that returns a promise resolves when its change is safe on disk, and
 * rejects where the database does not take it; all of them may be repeated.
 */
export class CentralStore {
  readonly #database: OpenDatabase;
  readonly #clock: Clock;
  readonly #queue: WriteQueue;
  readonly chargePoints: ChargePointStore;
  readonly presence: Presence;

  constructor(database: OpenDatabase, parts: StoreParts) {
    this.#database = database;
    this.#clock = parts.clock;
    this.#queue = new WriteQueue(database.db, parts);
    this.chargePoints = new ChargePointStore(this.#queue, parts.clock);
    this.presence = new Presence(this.#queue, parts);
  }

  get isAway(): boolean {
    return this.#queue.isAway;
  }

  /** Writes what is left, then closes. */
  async close(): Promise<void> {
    this.chargePoints.close();
    this.presence.close();
    await this.#queue.drained();
    await this.#database.close();
  }

  async drained(): Promise<void> {
    await this.#queue.drained();
  }

  // Transactions.

  /**
   * The number of this transaction: the same one whenever the same content comes again, with the answer that was given.
   */
  started(
    identity: string,
    start: StartRequest,
  ): Promise<{ readonly id: number; readonly answer: string | undefined }> {
    const content = {
      charge_point: identity,
      connector_id: start.connectorId,
      id_tag: storedText(start.idTag),
      meter_start: start.meterStart,
      started_at: instantOf(start.timestamp),
    };
    const more = { reservation_id: start.reservationId ?? null, received_at: isoTime(this.#clock) };
    return this.#queue.add(async (trx) => {
      const find = () => {
        let query = trx.selectFrom('transactions').select(['id', 'start_answer']);
        for (const [column, value] of Object.entries(content))
          query = query.where(column as keyof typeof content, '=', value);
        return query.executeTakeFirst();
      };
      const known = await find();
      if (known !== undefined) return { id: known.id, answer: known.start_answer ?? undefined };
      const inserted = await trx
        .insertInto('transactions')
        .values({ ...content, ...more })
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .executeTakeFirst();
      if (inserted !== undefined) return { id: inserted.id, answer: undefined };
      // Another process was quicker.
      const other = await find();
      if (other === undefined) throw new Error('a transaction can be neither found nor written');
      return { id: other.id, answer: other.start_answer ?? undefined };
    });
  }

  /** What the charge point is about to be told; an answer that was written before stays. */
  startAnswered(id: number, answer: string): Promise<void> {
    return this.#queue.add(async (trx) => {
      await trx
        .updateTable('transactions')
        .set({ start_answer: answer })
        .where('id', '=', id)
        .where('start_answer', 'is', null)
        .execute();
    });
  }

  /**
   * Whether, and with what, this very StopTransaction has been answered before. `spool` is put in order behind what
   * waits, but once only.
   */
  stopped(
    identity: string,
    stop: StopRequest,
    spool?: ToSpool,
  ): Promise<{ readonly id: number; readonly answer: string | undefined; readonly spooled?: number }> {
    const now = isoTime(this.#clock);
    const stoppedAt = instantOf(stop.timestamp);
    const idTag = stop.idTag === undefined ? null : storedText(stop.idTag);
    return this.#queue.add(async (trx) => {
      const inserted = await trx
        .insertInto('stops')
        .values({
          charge_point: identity,
          transaction_id: stop.transactionId,
          meter_stop: stop.meterStop,
          stopped_at: stoppedAt,
          reason: stop.reason ?? 'Local',
          id_tag: idTag,
          received_at: now,
        })
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .executeTakeFirst();
      if (inserted === undefined) {
        const known = await trx
          .selectFrom('stops')
          .select(['id', 'answer'])
          .where('charge_point', '=', identity)
          .where('transaction_id', '=', stop.transactionId)
          .where('stopped_at', '=', stoppedAt)
          .where('meter_stop', '=', stop.meterStop)
          .executeTakeFirstOrThrow();
        return { id: known.id, answer: known.answer ?? undefined };
      }
      const closed = await trx
        .updateTable('transactions')
        .set({
          meter_stop: stop.meterStop,
          stopped_at: stoppedAt,
          stop_reason: stop.reason ?? 'Local',
          stop_id_tag: idTag,
          stop_received_at: now,
        })
        .where('id', '=', ourNumber(stop.transactionId))
        .where('charge_point', '=', identity)
        .where('stopped_at', 'is', null)
        .returning('connector_id')
        .executeTakeFirst();
      // Of a transaction that is not ours the connector is not known either.
      const samples = meterRows(
        identity,
        closed?.connector_id ?? 0,
        stop.transactionId,
        stop.transactionData ?? [],
      );
      await insertMeterValues(trx, samples);
      const spooled = spool && (await insertSpool(trx, identity, spool, now));
      return { id: inserted.id, answer: undefined, ...(spooled !== undefined && { spooled }) };
    });
  }

  stopAnswered(id: number, answer: string): Promise<void> {
    return this.#queue.add(async (trx) => {
      await trx
        .updateTable('stops')
        .set({ answer })
        .where('id', '=', id)
        .where('answer', 'is', null)
        .execute();
    });
  }

  /** False: all of it was there already. */
  metered(identity: string, meter: MeterRequest, spool?: ToSpool): Promise<boolean> {
    const now = isoTime(this.#clock);
    const rows = meterRows(identity, meter.connectorId, meter.transactionId ?? 0, meter.meterValue);
    return this.#queue.add(async (trx) => {
      const isNew = (await insertMeterValues(trx, rows)) > 0 || rows.length === 0;
      if (isNew && spool !== undefined) await insertSpool(trx, identity, spool, now);
      return isNew;
    });
  }

  // The spool.

  spool(identity: string, message: ToSpool): Promise<number> {
    const now = isoTime(this.#clock);
    return this.#queue.add((trx) => insertSpool(trx, identity, message, now));
  }

  /** The oldest messages of a charge point that no application has taken. */
  async waiting(identity: string, limit = 50): Promise<Spooled[]> {
    const rows: Pick<SpoolRow, 'id' | 'action' | 'payload'>[] = await this.#database.db
      .selectFrom('spool')
      .select(['id', 'action', 'payload'])
      .where('charge_point', '=', identity)
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows;
  }

  /** Charge points for whose applications messages wait, by identity. */
  async spooledFor(): Promise<string[]> {
    const rows = await this.#database.db
      .selectFrom('spool')
      .select('charge_point')
      .distinct()
      .orderBy('charge_point')
      .execute();
    return rows.map(({ charge_point }) => charge_point);
  }

  taken(id: number): Promise<void> {
    return this.#queue.add(async (trx) => {
      await trx.deleteFrom('spool').where('id', '=', id).execute();
    });
  }

  // Frames.

  frame(frame: NewFrame): void {
    this.#queue.addFrame(frame);
  }

  /** Removes frames from before `time`, a part at a time, so that nobody waits long. */
  async prune(time: string): Promise<number> {
    let removed = 0;
    for (;;) {
      const count = await this.#queue.add(async (trx) => {
        const old = trx
          .selectFrom('frames')
          .select('id')
          .where('at', '<', time)
          .orderBy('at')
          .limit(PRUNE_ROWS);
        const { numDeletedRows } = await trx
          .deleteFrom('frames')
          .where('id', 'in', old)
          .executeTakeFirstOrThrow();
        return Number(numDeletedRows);
      });
      removed += count;
      if (count < PRUNE_ROWS) return removed;
    }
  }
}

const PRUNE_ROWS = 5000;

/** Charge points write any integer, but the column takes none above 2^31; 0 is nobody's number. */
function ourNumber(transactionId: number): number {
  return transactionId > 0 && transactionId < 2 ** 31 ? transactionId : 0;
}

async function insertMeterValues(trx: Transaction<Tables>, rows: readonly NewMeterValue[]): Promise<number> {
  let inserted = 0;
  for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
    const { numInsertedOrUpdatedRows = 0n } = await trx
      .insertInto('meter_values')
      .values(rows.slice(at, at + ROWS_A_STATEMENT))
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    inserted += Number(numInsertedOrUpdatedRows);
  }
  return inserted;
}

async function insertSpool(
  trx: Transaction<Tables>,
  identity: string,
  { action, payload }: ToSpool,
  now: string,
): Promise<number> {
  const { id } = await trx
    .insertInto('spool')
    .values({ charge_point: identity, action, payload: storedPayload(payload), received_at: now })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}
