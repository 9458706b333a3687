import type { Transaction } from 'kysely';
import { type Clock, isoTime, type Timer } from '../../../base/clock.ts';
import { type BootRequest, instantOf, type StatusRequest, storedText } from './rows.ts';
import type { ChargePointTable, Registration, Tables } from './tables.ts';
import type { WriteQueue } from './write-queue.ts';

/** What the last report of each kind is kept in. */
export type NotedStatus = 'firmware_status' | 'diagnostics_status' | 'log_status';

/** How often the time of the last sign of life is written. */
const SEEN_MS = 30_000;
const ROWS_A_STATEMENT = 500;

/** What charge points say about themselves. */
export class ChargePointStore {
  readonly #queue: WriteQueue;
  readonly #clock: Clock;
  readonly #seen = new Set<string>();
  #seenTimer: Timer | undefined;

  constructor(queue: WriteQueue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** Hands what is left to the queue. */
  close(): void {
    this.#seenTimer?.cancel();
    this.#writeSeen();
  }

  /** A sign of life, whose time is written with others now and then. */
  seen(identity: string): void {
    this.#seen.add(identity);
    this.#seenTimer ??= this.#clock.after(SEEN_MS, () => this.#writeSeen());
  }

  booted(identity: string, boot: BootRequest, registration: Registration): Promise<void> {
    return this.#touch(identity, {
      vendor: boot.chargePointVendor,
      model: boot.chargePointModel,
      serial_number: boot.chargePointSerialNumber ?? null,
      box_serial_number: boot.chargeBoxSerialNumber ?? null,
      firmware_version: boot.firmwareVersion ?? null,
      iccid: boot.iccid ?? null,
      imsi: boot.imsi ?? null,
      meter_type: boot.meterType ?? null,
      meter_serial_number: boot.meterSerialNumber ?? null,
      registration,
      booted_at: isoTime(this.#clock),
    });
  }

  noted(identity: string, column: NotedStatus, status: string): Promise<void> {
    return this.#touch(identity, { [column]: status });
  }

  connectorStatus(identity: string, status: StatusRequest): Promise<void> {
    const row = {
      status: status.status,
      error_code: status.errorCode,
      info: status.info === undefined ? null : storedText(status.info),
      vendor_id: status.vendorId ?? null,
      vendor_error_code: status.vendorErrorCode ?? null,
      reported_at: status.timestamp === undefined ? null : instantOf(status.timestamp),
      updated_at: isoTime(this.#clock),
    };
    return this.#queue.add(async (trx) => {
      await trx
        .insertInto('connectors')
        .values({ charge_point: identity, connector_id: status.connectorId, ...row })
        .onConflict((conflict) => conflict.columns(['charge_point', 'connector_id']).doUpdateSet(row))
        .execute();
    });
  }

  #touch(identity: string, change: Partial<ChargePointTable>): Promise<void> {
    const now = isoTime(this.#clock);
    return this.#queue.add((trx) => touch(trx, identity, now, change));
  }

  #writeSeen(): void {
    this.#seenTimer = undefined;
    if (this.#seen.size === 0) return;
    const now = isoTime(this.#clock);
    const identities = [...this.#seen];
    this.#seen.clear();
    const write = this.#queue.add(async (trx) => {
      for (let at = 0; at < identities.length; at += ROWS_A_STATEMENT) {
        await trx
          .updateTable('charge_points')
          .set({ last_seen_at: now })
          .where('identity', 'in', identities.slice(at, at + ROWS_A_STATEMENT))
          .execute();
      }
    });
    write.catch(() => undefined); // the queue has said it
  }
}

/** Changes a charge point's row, which it makes where there is none; `now` is a sign of life. */
export async function touch(
  trx: Transaction<Tables>,
  identity: string,
  now: string,
  change: Partial<ChargePointTable>,
): Promise<void> {
  await trx
    .insertInto('charge_points')
    .values({ identity, first_seen_at: now, last_seen_at: now, ...change })
    .onConflict((conflict) => conflict.column('identity').doUpdateSet({ last_seen_at: now, ...change }))
    .execute();
}
