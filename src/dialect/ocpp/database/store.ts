import { type Clock, isoTime } from '../../../base/clock.ts';
import type { Logger } from '../../../base/log.ts';
import type { Statistics } from '../../../base/statistics.ts';
import { ChargePointStore } from './charge-points.ts';
import { meter } from './meter-changes.ts';
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
import { type NewSpooled, spoolMessages, takeSpooled } from './spool-changes.ts';
import type { NewFrame, SpoolRow } from './tables.ts';
import {
  answerStarts,
  answerStops,
  type KnownAnswer,
  startTransactions,
  stopTransactions,
} from './transaction-changes.ts';
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
    this.#queue = new WriteQueue(database, parts);
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
  started(identity: string, start: StartRequest): Promise<KnownAnswer> {
    return this.#queue.add(identity, startTransactions, {
      charge_point: identity,
      connector_id: start.connectorId,
      id_tag: storedText(start.idTag),
      meter_start: start.meterStart,
      started_at: instantOf(start.timestamp),
      reservation_id: start.reservationId ?? null,
      received_at: isoTime(this.#clock),
    });
  }

  /** What the charge point is about to be told; an answer that was written before stays. */
  startAnswered(identity: string, id: number, answer: string): Promise<void> {
    return this.#queue.add(identity, answerStarts, { id, answer });
  }

  /**
   * Whether, and with what, this very StopTransaction has been answered before. `spool` is put in order behind what
   * waits, but once only.
   */
  stopped(identity: string, stop: StopRequest, spool?: ToSpool): Promise<KnownAnswer> {
    const row = {
      charge_point: identity,
      transaction_id: stop.transactionId,
      meter_stop: stop.meterStop,
      stopped_at: instantOf(stop.timestamp),
      reason: stop.reason ?? 'Local',
      id_tag: stop.idTag === undefined ? null : storedText(stop.idTag),
      received_at: isoTime(this.#clock),
    };
    return this.#queue.add(identity, stopTransactions, {
      row,
      samples: stop.transactionData ?? [],
      spool: spool && newSpooled(identity, spool, row.received_at),
    });
  }

  stopAnswered(identity: string, id: number, answer: string): Promise<void> {
    return this.#queue.add(identity, answerStops, { id, answer });
  }

  /** False: all of it was there already. */
  metered(
    identity: string,
    { connectorId, transactionId = 0, meterValue }: MeterRequest,
    spool?: ToSpool,
  ): Promise<boolean> {
    const rows = meterRows(identity, connectorId, transactionId, meterValue);
    return this.#queue.add(identity, meter, {
      rows,
      spool: spool && newSpooled(identity, spool, isoTime(this.#clock)),
    });
  }

  // The spool.

  spool(identity: string, message: ToSpool): Promise<void> {
    return this.#queue.add(identity, spoolMessages, newSpooled(identity, message, isoTime(this.#clock)));
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

  taken(identity: string, id: number): Promise<void> {
    return this.#queue.add(identity, takeSpooled, id);
  }

  // Frames.

  frame(frame: NewFrame): void {
    this.#queue.addFrame(frame);
  }

  /** Removes frames from before `time`, a part at a time, so that nobody waits long. */
  async prune(time: string): Promise<number> {
    let removed = 0;
    for (;;) {
      const count = await this.#queue.write(async ({ trx }) => {
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

function newSpooled(identity: string, { action, payload }: ToSpool, received_at: string): NewSpooled {
  return { charge_point: identity, action, payload: storedPayload(payload), received_at };
}
