import { randomUUID } from 'node:crypto';
import type { Transaction } from 'kysely';
import { type Clock, isoTime, type Timer } from '../../../base/clock.ts';
import { end, touching } from './charge-point-changes.ts';
import type { Registration, Tables } from './tables.ts';
import type { Write, WriteQueue } from './write-queue.ts';

/** How often a process says that it lives, and looks whether its charge points are still its own. */
const TICK_MS = 5000;
/** A process that has not said so for this long is gone. The clocks of two machines may differ by some seconds. */
const GONE_MS = 30_000;
const ROWS_A_STATEMENT = 500;

const connects = touching('connected_at', 'disconnected_at', 'process');

export interface PresenceParts {
  readonly clock: Clock;
  readonly superseded?: (identity: string) => void;
}

/** One charge point that this process serves. Not connected: what was spooled for its application is on its way. */
interface Served {
  readonly identity: string;
  readonly isConnected: boolean;
}

/**
 * Which process serves which charge point: written in `charge_points.process`, where the newest one wins. A process
 * that finds another one's name there hears so within seconds. What a process that was killed has left is put right by
 * any other one.
 */
export class Presence {
  readonly #queue: WriteQueue;
  readonly #clock: Clock;
  readonly #superseded: (identity: string) => void;
  readonly #process = randomUUID();
  readonly #mine = new Map<string, Served>();
  #timer: Timer | undefined;

  constructor(queue: WriteQueue, { clock, superseded = () => {} }: PresenceParts) {
    this.#queue = queue;
    this.#clock = clock;
    this.#superseded = superseded;
  }

  /** This process has ended. */
  close(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#write(async ({ trx }) => {
      await trx.deleteFrom('processes').where('id', '=', this.#process).execute();
    });
  }

  /** It is connected here from now on. Resolves with what its last BootNotification was answered with. */
  connected(identity: string): Promise<Registration | undefined> {
    this.#start();
    this.#mine.set(identity, { identity, isConnected: true });
    const now = isoTime(this.#clock);
    return this.#queue.add(identity, connects, {
      identity,
      now,
      connected_at: now,
      disconnected_at: null,
      process: this.#process,
    });
  }

  /** Changes nothing where another process serves it by now. */
  disconnected(identity: string): void {
    this.#mine.delete(identity);
    const change = { identity, process: this.#process, now: isoTime(this.#clock) };
    this.#queue.add(identity, end, change).catch(() => undefined); // the queue has said it
  }

  /**
   * Takes a charge point that no process serves, so that no other one delivers what is spooled. False: somebody serves
   * it.
   */
  async claim(identity: string): Promise<boolean> {
    this.#start();
    const isClaimed = await this.#queue.write(async ({ trx }) => {
      const { numUpdatedRows } = await trx
        .updateTable('charge_points')
        .set({ process: this.#process })
        .where('identity', '=', identity)
        .where('process', 'is', null)
        .where('disconnected_at', 'is not', null)
        .executeTakeFirstOrThrow();
      return numUpdatedRows > 0n;
    });
    if (isClaimed && !this.#mine.has(identity)) this.#mine.set(identity, { identity, isConnected: false });
    return isClaimed;
  }

  release(identity: string): void {
    if (this.#mine.get(identity)?.isConnected === false) this.#mine.delete(identity);
    this.#write(async ({ trx }) => {
      await trx
        .updateTable('charge_points')
        .set({ process: null })
        .where('identity', '=', identity)
        .where('process', '=', this.#process)
        .where('disconnected_at', 'is not', null)
        .execute();
    });
  }

  #start(): void {
    if (this.#timer === undefined) this.#tick();
  }

  #tick(): void {
    this.#timer = this.#clock.after(TICK_MS, () => this.#tick());
    const nowMs = this.#clock.wallMs();
    const isoAt = (wallMs: number) => isoTime({ ...this.#clock, wallMs: () => wallMs });
    // Those whose rows have been written before this is; others may still bear the name of an earlier process.
    const served = [...this.#mine.values()];
    this.#queue
      .write(async ({ trx }) => {
        await this.#sayAlive(trx, isoAt(nowMs));
        await clearAfter(trx, isoAt(nowMs - GONE_MS));
        return this.#lost(trx, served);
      })
      .then(
        (lost) => {
          for (const one of lost) {
            if (this.#mine.get(one.identity) !== one) continue; // it has come back
            this.#mine.delete(one.identity);
            this.#superseded(one.identity);
          }
        },
        () => undefined, // the queue has said it
      );
  }

  async #sayAlive(trx: Transaction<Tables>, now: string): Promise<void> {
    await trx
      .insertInto('processes')
      .values({ id: this.#process, alive_at: now })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ alive_at: now }))
      .execute();
  }

  /** Ours that another process serves. What nobody serves, because this one was thought to be gone, is taken back. */
  async #lost(trx: Transaction<Tables>, served: readonly Served[]): Promise<Served[]> {
    const lost: Served[] = [];
    for (let at = 0; at < served.length; at += ROWS_A_STATEMENT) {
      const part = served.slice(at, at + ROWS_A_STATEMENT);
      const connected = part.filter(({ isConnected }) => isConnected).map(({ identity }) => identity);
      if (connected.length > 0) {
        await trx
          .updateTable('charge_points')
          .set({ process: this.#process, disconnected_at: null })
          .where('identity', 'in', connected)
          .where('process', 'is', null)
          .execute();
      }
      const identities = part.map(({ identity }) => identity);
      const rows = await trx
        .selectFrom('charge_points')
        .select('identity')
        .where('identity', 'in', identities)
        .where('process', '!=', this.#process)
        .execute();
      const others = new Set(rows.map(({ identity }) => identity));
      lost.push(...part.filter(({ identity }) => others.has(identity)));
    }
    return lost;
  }

  #write(run: Write<void>): void {
    this.#queue.write(run).catch(() => undefined); // the queue has said it
  }
}

/** Disconnects what processes served that have not been heard of since `time`. */
async function clearAfter(trx: Transaction<Tables>, time: string): Promise<void> {
  // Of two processes that do this at one time the second one finds nothing any more.
  const gone = await trx
    .deleteFrom('processes')
    .where('alive_at', '<', time)
    .returning(['id', 'alive_at'])
    .execute();
  for (const { id, alive_at } of gone) {
    await trx
      .updateTable('charge_points')
      .set({ disconnected_at: alive_at })
      .where('process', '=', id)
      .where('disconnected_at', 'is', null)
      .execute();
    await trx.updateTable('charge_points').set({ process: null }).where('process', '=', id).execute();
  }
}

/** Whether a process that has said so at `aliveAt` lives at `wallMs`. */
export function isAlive(aliveAt: string | null, wallMs: number): boolean {
  return aliveAt !== null && Date.parse(aliveAt) >= wallMs - GONE_MS;
}
