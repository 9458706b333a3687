import type { Clock, Timer } from '../../base/clock.ts';
import type { LockAttempt, LockHolder, TransactionLock } from '../lock.ts';
import type { Buckets } from './bucket.ts';
import { RENEW_EVERY_MS } from './leases.ts';

const KEY = 'terminal';
/** What stands there while nobody has it; deleting would cost the next one two questions more. */
const FREE = '';
/** How often it is tried while others come and go. */
const ATTEMPTS = 3;

interface Held {
  readonly holder: LockHolder;
  revision: number;
  timer: Timer | undefined;
}

/**
 * A terminal's lock between machines: a key with its holder, who renews it; when the holder is gone it vanishes by itself. It decides who gets
 * BUSY, and nothing else: each entry of the journal is begun once, whoever believes to hold the lock.
 */
export class NatsLock implements TransactionLock {
  readonly text: string;
  readonly #buckets: Buckets;
  readonly #clock: Clock;
  /** The revision that we left behind free, which is likely still there. */
  #freeAt: number | undefined;
  #held: Held | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(text: string, buckets: Buckets, clock: Clock) {
    this.text = text;
    this.#buckets = buckets;
    this.#clock = clock;
  }

  tryAcquire(holder: LockHolder): Promise<LockAttempt> {
    const attempt = this.#working.then(() => this.#tryAcquire(holder));
    this.#working = attempt.catch(() => {});
    return attempt;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#working;
    const held = this.#held;
    if (held !== undefined) await this.#free(held);
  }

  async #tryAcquire(holder: LockHolder): Promise<LockAttempt> {
    if (this.#isClosed) throw new Error(`the transaction lock ${this.text} is closed`);
    if (this.#held !== undefined) return taken(this.#held.holder);
    const record = Buffer.from(JSON.stringify(holder));
    const guess = this.#freeAt;
    this.#freeAt = undefined;
    if (guess !== undefined) {
      const revision = await this.#buckets.update('leases', KEY, record, guess);
      if (revision !== undefined) return this.#acquired(holder, revision);
    }
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const stored = await this.#buckets.read('leases', KEY);
      const text = stored?.bytes.toString() ?? FREE;
      if (text !== FREE) return taken(holderIn(text));
      const revision =
        stored === undefined
          ? await this.#buckets.create('leases', KEY, record)
          : await this.#buckets.update('leases', KEY, record, stored.revision);
      if (revision !== undefined) return this.#acquired(holder, revision);
    }
    return taken(undefined);
  }

  #acquired(holder: LockHolder, revision: number): LockAttempt {
    const held: Held = { holder, revision, timer: undefined };
    this.#held = held;
    this.#renewLater(held);
    return {
      acquired: true,
      release: () => {
        this.#working = this.#working.then(() => this.#free(held)).catch(() => {});
      },
    };
  }

  #renewLater(held: Held): void {
    held.timer = this.#clock.after(RENEW_EVERY_MS, async () => {
      const renewed = this.#write(held, held.holder).catch(() => held.revision);
      this.#working = this.#working.then(() => renewed);
      const revision = await renewed;
      // Undefined: it had vanished, and perhaps somebody else has it. Nothing depends on that but who gets BUSY.
      if (this.#held !== held || revision === undefined) return;
      held.revision = revision;
      this.#renewLater(held);
    });
  }

  /** Also where an earlier write was not acknowledged and has taken place: what stands there is still ours. */
  async #write({ holder, revision }: Held, next: LockHolder | undefined): Promise<number | undefined> {
    const text = next === undefined ? FREE : JSON.stringify(next);
    const written = await this.#buckets.update('leases', KEY, Buffer.from(text), revision);
    if (written !== undefined) return written;
    const stored = await this.#buckets.read('leases', KEY);
    if (stored === undefined || stored.bytes.toString() !== JSON.stringify(holder)) return undefined;
    return this.#buckets.update('leases', KEY, Buffer.from(text), stored.revision);
  }

  async #free(held: Held): Promise<void> {
    if (this.#held !== held) return;
    this.#held = undefined;
    held.timer?.cancel();
    this.#freeAt = await this.#write(held, undefined).catch(() => undefined);
  }
}

function taken(holder: LockHolder | undefined): LockAttempt {
  return { acquired: false, holder: async () => holder };
}

/** Undefined for what another version has written. */
function holderIn(text: string): LockHolder | undefined {
  const value = JSON.parse(text) as Partial<LockHolder>;
  const { connection, pid, since, transaction } = value;
  if (typeof connection !== 'string' || typeof pid !== 'number' || typeof since !== 'string')
    return undefined;
  return { connection, pid, since, ...(typeof transaction === 'string' && { transaction }) };
}
