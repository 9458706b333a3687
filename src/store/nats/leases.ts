import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../base/clock.ts';
import type { CarrierMarks } from '../transaction-journal.ts';
import { type Buckets, LEASE_MS } from './bucket.ts';

/** Three may fail before the lease is gone. */
export const RENEW_EVERY_MS = LEASE_MS / 4;
/** After its last transaction a process is still renewed for so long. */
const STAYS_MS = 30_000;

/**
 * That this process lives, and which connections it has: a key that is renewed while there is something to know. It is
 * a hint, and decides nothing about money: a process that stood still comes back when others have gone on without it,
 * and finds that they have.
 */
export class Leases implements CarrierMarks {
  /** What entries name as their owner. */
  readonly token = randomUUID();
  readonly #buckets: Buckets;
  readonly #clock: Clock;
  readonly #connections = new Map<string, string | undefined>();
  /** The entries that this process is at, and how often. */
  readonly #entries = new Map<string, number>();
  #timer: Timer | undefined;
  #neededUntilMs = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #written: Promise<unknown> | undefined;
  /** The write that has not begun. */
  #next: Promise<unknown> | undefined;
  #isClosed = false;

  constructor(buckets: Buckets, clock: Clock) {
    this.#buckets = buckets;
    this.#clock = clock;
  }

  /**
   * This process is at an entry: from now on others see that it lives. Resolves at once where they see it already;
   * rejects where they cannot, and is to be let go of all the same.
   */
  async hold(id: string): Promise<void> {
    this.#entries.set(id, (this.#entries.get(id) ?? 0) + 1);
    await this.#show();
  }

  letGo(id: string): void {
    const count = this.#entries.get(id) ?? 0;
    if (count > 1) this.#entries.set(id, count - 1);
    else this.#entries.delete(id);
    this.#neededUntilMs = this.#clock.nowMs() + STAYS_MS;
  }

  /** @param besides how often it is at it whatever happens; default 0 */
  isHeld(id: string, besides = 0): boolean {
    return (this.#entries.get(id) ?? 0) > besides;
  }

  /** Whether the process of this name is at the entry. Of others it is enough that they live. */
  async isAt(token: string, id: string): Promise<boolean> {
    if (token === this.token) return this.isHeld(id);
    return (await this.#buckets.read('leases', keyOf(token))) !== undefined;
  }

  async join(connection: string): Promise<void> {
    if (this.#connections.has(connection)) return;
    this.#connections.set(connection, undefined);
    if (this.#timer !== undefined) await this.#write();
  }

  carries(connection: string, id: string): void {
    if (!this.#connections.has(connection)) return;
    this.#connections.set(connection, id);
    this.#neededUntilMs = this.#clock.nowMs() + STAYS_MS;
    void this.#show().catch(() => {});
    this.#renew();
  }

  spoke(connection: string): void {
    if (this.#connections.get(connection) === undefined) return;
    this.#connections.set(connection, undefined);
    if (this.#timer !== undefined) this.#renew();
  }

  leave(connection: string): void {
    if (this.#connections.delete(connection) && this.#timer !== undefined) this.#renew();
  }

  async haveGoneOn(connections: readonly string[], id: string): Promise<boolean> {
    const others: string[] = [];
    for (const connection of connections) {
      if (!this.#connections.has(connection)) others.push(connection);
      else if (this.#connections.get(connection) !== id) return true;
    }
    if (others.length === 0) return false;
    for (const key of await this.#buckets.keys('leases', keyOf('*'))) {
      const stored = await this.#buckets.read('leases', key);
      if (stored === undefined) continue;
      const theirs = new Map(JSON.parse(stored.bytes.toString()) as [string, string | null][]);
      if (others.some((other) => theirs.has(other) && theirs.get(other) !== id)) return true;
    }
    return false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#writing;
  }

  /** Resolves when the first lease is written. */
  #show(): Promise<unknown> {
    const written = this.#written ?? this.#write();
    this.#written = written;
    written.catch(() => {
      if (this.#written === written) this.#written = undefined;
    });
    this.#renewLater();
    return written;
  }

  #renewLater(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#clock.after(RENEW_EVERY_MS, () => {
      this.#timer = undefined;
      if (this.#entries.size > 0 || this.#clock.nowMs() < this.#neededUntilMs) {
        this.#renew();
        this.#renewLater();
      } else this.#written = undefined;
    });
  }

  /** Where it fails, the next one may do better. */
  #renew(): void {
    void this.#write().catch(() => {});
  }

  /** One after the other, the newest state each time: one that waits already will do for all. */
  #write(): Promise<unknown> {
    if (this.#next !== undefined) return this.#next;
    const written = this.#writing.then(() => {
      this.#next = undefined;
      return this.#isClosed ? undefined : this.#buckets.put('leases', keyOf(this.token), this.#state());
    });
    this.#next = written;
    this.#writing = written.catch(() => {});
    return written;
  }

  #state(): Buffer {
    const open = [...this.#connections].map(([name, silentSince]) => [name, silentSince ?? null]);
    return Buffer.from(JSON.stringify(open.slice(-MAX_CONNECTIONS)));
  }
}

const MAX_CONNECTIONS = 4096;

function keyOf(token: string): string {
  return `process.${token}`;
}
