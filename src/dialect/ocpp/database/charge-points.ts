import { type Clock, isoTime, type Timer } from '../../../base/clock.ts';
import { reportStatus, touching } from './charge-point-changes.ts';
import { type BootRequest, instantOf, type StatusRequest, storedText } from './rows.ts';
import type { Registration } from './tables.ts';
import type { WriteQueue } from './write-queue.ts';

/** What the last report of each kind is kept in. */
export type NotedStatus = 'firmware_status' | 'diagnostics_status' | 'log_status';

/** How often the time of the last sign of life is written. */
const SEEN_MS = 30_000;
const ROWS_A_STATEMENT = 500;

const boots = touching(
  'vendor',
  'model',
  'serial_number',
  'box_serial_number',
  'firmware_version',
  'iccid',
  'imsi',
  'meter_type',
  'meter_serial_number',
  'registration',
  'booted_at',
);
const notes = {
  firmware_status: touching('firmware_status'),
  diagnostics_status: touching('diagnostics_status'),
  log_status: touching('log_status'),
};

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

  async booted(identity: string, boot: BootRequest, registration: Registration): Promise<void> {
    const now = isoTime(this.#clock);
    await this.#queue.add(identity, boots, {
      identity,
      now,
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
      booted_at: now,
    });
  }

  async noted(identity: string, column: NotedStatus, status: string): Promise<void> {
    await this.#queue.add(identity, notes[column], { identity, now: isoTime(this.#clock), [column]: status });
  }

  connectorStatus(identity: string, status: StatusRequest): Promise<void> {
    return this.#queue.add(identity, reportStatus, {
      charge_point: identity,
      connector_id: status.connectorId,
      status: status.status,
      error_code: status.errorCode,
      info: status.info === undefined ? null : storedText(status.info),
      vendor_id: status.vendorId ?? null,
      vendor_error_code: status.vendorErrorCode ?? null,
      reported_at: status.timestamp === undefined ? null : instantOf(status.timestamp),
      updated_at: isoTime(this.#clock),
    });
  }

  #writeSeen(): void {
    this.#seenTimer = undefined;
    if (this.#seen.size === 0) return;
    const now = isoTime(this.#clock);
    const identities = [...this.#seen];
    this.#seen.clear();
    const write = this.#queue.write(async ({ trx }) => {
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
