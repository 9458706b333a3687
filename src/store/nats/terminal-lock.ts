import type { Clock, Timer } from '../../base/clock.ts';
import type { LockAttempt, LockHolder, TransactionLock } from '../lock.ts';
import { type Buckets, LEASE_MS } from './bucket.ts';
import { RENEW_EVERY_MS } from './leases.ts';

const KEY = 'terminal';
/** What stands there while nobody has it; deleting would cost the next one two questions more. */
const FREE = '';
/** How often it is tried while others come and go. */
const ATTEMPTS = 3;
/** How long a process keeps the key after a transaction: the next one then costs no writes. */
const KEEP_MS = 500;
/** How long the process that has the key has to say whether it is at a transaction. */
const ASK_MS = 1000;
/** Older than this the key may have vanished before we use it. */
const FRESH_MS = LEASE_MS - 2 * RENEW_EVERY_MS;

export interface NatsLockOptions {
  readonly text: string;
  readonly buckets: Buckets;
  readonly clock: Clock;
  /** The name of this process, which no other one has. */
  readonly token: string;
}

/** What stands under the key. */
interface Written extends LockHolder {
  /** The process that has the key. */
  readonly process: string;
}

/** The key, as long as this process has it. */
interface Key {
  /** Who was at a transaction last, or is: as long as it stands there, others ask before they take it. */
  holder: LockHolder;
  revision: number;
  writtenMs: number;
  renewal: Timer | undefined;
  expiry: Timer | undefined;
}

/**
 * A terminal's lock between machines: a key with its holder, whose process renews it; when that is gone it vanishes by
 * itself. After a transaction the process keeps the key for a moment, and gives it to whoever asks. The lock decides
 * who gets BUSY, and nothing else: each entry of the journal is begun once, whoever believes to hold the lock.
 */
export class NatsLock {
  readonly #options: NatsLockOptions;
  readonly #subject: (token: string) => string;
  #key: Key | undefined;
  /** Who is at a transaction, or just tries to be. */
  #holder: LockHolder | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: NatsLockOptions) {
    this.#options = options;
    const { buckets, token } = options;
    this.#subject = (of) => `${buckets.subjectStart}.lock.${of}`;
    buckets.answerOn(this.#subject(token), () => this.#answer());
  }

  /** The lock for one connection. */
  open(): TransactionLock {
    const { text } = this.#options;
    let isClosed = false;
    let release = () => {};
    return {
      text,
      tryAcquire: async (holder) => {
        if (isClosed) throw new Error(`the transaction lock ${text} is closed`);
        const attempt = await this.#inTurn(() => this.#tryAcquire(holder));
        if (attempt.acquired) release = attempt.release;
        if (isClosed) release();
        return attempt;
      },
      close: async () => {
        isClosed = true;
        release();
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#holder = undefined;
    await this.#inTurn(() => this.#free());
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#working.then(task);
    this.#working = done.catch(() => {});
    return done;
  }

  async #tryAcquire(holder: LockHolder): Promise<LockAttempt> {
    if (this.#isClosed) throw new Error(`the transaction lock ${this.#options.text} is closed`);
    if (this.#holder !== undefined) return taken(this.#holder);
    this.#holder = holder; // from now on whoever asks hears that it is not free
    const other = await this.#take(holder).catch((fault) => {
      this.#holder = undefined;
      throw fault;
    });
    if (other !== undefined) {
      this.#holder = undefined;
      return taken(other.holder);
    }
    return {
      acquired: true,
      release: () => {
        if (this.#holder === holder) this.#released();
      },
    };
  }

  /** Undefined: the key is ours. */
  async #take(holder: LockHolder): Promise<{ readonly holder: LockHolder | undefined } | undefined> {
    const { buckets, clock } = this.#options;
    const key = this.#key;
    key?.expiry?.cancel();
    if (key !== undefined && clock.nowMs() - key.writtenMs < FRESH_MS) {
      key.holder = holder;
      return undefined;
    }
    this.#forget();
    const bytes = this.#bytesOf(holder);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const stored = await buckets.read('leases', KEY);
      const isFree = stored === undefined || stored.bytes.length === 0;
      const other = isFree ? undefined : await this.#holderAt(writtenIn(stored.bytes));
      if (other !== undefined) return other;
      const nowMs = clock.nowMs();
      const revision =
        stored === undefined
          ? await buckets.create('leases', KEY, bytes)
          : await buckets.update('leases', KEY, bytes, stored.revision);
      if (revision !== undefined) {
        this.#key = { holder, revision, writtenMs: nowMs, renewal: undefined, expiry: undefined };
        this.#renewLater(this.#key);
        return undefined;
      }
    }
    return { holder: undefined };
  }

  /** Who is at a transaction in the process that has the key; undefined: nobody, and it has given the key away. */
  async #holderAt(
    written: Written | undefined,
  ): Promise<{ readonly holder: LockHolder | undefined } | undefined> {
    const { buckets, token } = this.#options;
    if (written === undefined) return { holder: undefined };
    if (written.process === token) return undefined; // a write of ours that was not acknowledged
    const answer = await buckets.ask(this.#subject(written.process), ASK_MS);
    if (answer === undefined) return { holder: holderOf(written) };
    return answer.length === 0 ? undefined : { holder: holderOf(writtenIn(answer)) };
  }

  /** Another process wants the key. */
  #answer(): Uint8Array {
    if (this.#holder !== undefined) return this.#bytesOf(this.#holder);
    this.#forget();
    return Buffer.from(FREE);
  }

  #released(): void {
    this.#holder = undefined;
    const key = this.#key;
    if (key === undefined) return;
    key.expiry = this.#options.clock.after(KEEP_MS, () => {
      void this.#inTurn(async () => {
        if (this.#key === key && this.#holder === undefined) await this.#free();
      });
    });
  }

  #renewLater(key: Key): void {
    const { clock } = this.#options;
    key.renewal = clock.after(RENEW_EVERY_MS, async () => {
      const nowMs = clock.nowMs();
      const renewing = this.#write(key, key.holder).catch(() => key.revision);
      this.#working = this.#working.then(() => renewing);
      const revision = await renewing;
      if (this.#key !== key) return;
      if (revision === undefined) {
        // It had vanished, and perhaps somebody else has it. Nothing depends on that but who gets BUSY.
        this.#forget();
        return;
      }
      if (revision !== key.revision) key.writtenMs = nowMs;
      key.revision = revision;
      this.#renewLater(key);
    });
  }

  /** Also where an earlier write was not acknowledged and has taken place: what stands there is still ours. */
  async #write({ revision }: Key, holder: LockHolder | undefined): Promise<number | undefined> {
    const { buckets, token } = this.#options;
    const bytes = holder === undefined ? Buffer.from(FREE) : this.#bytesOf(holder);
    const written = await buckets.update('leases', KEY, bytes, revision);
    if (written !== undefined) return written;
    const stored = await buckets.read('leases', KEY);
    if (stored === undefined || writtenIn(stored.bytes)?.process !== token) return undefined;
    return buckets.update('leases', KEY, bytes, stored.revision);
  }

  async #free(): Promise<void> {
    const key = this.#key;
    if (key === undefined) return;
    this.#forget();
    await this.#write(key, undefined).catch(() => undefined);
  }

  #forget(): void {
    this.#key?.renewal?.cancel();
    this.#key?.expiry?.cancel();
    this.#key = undefined;
  }

  #bytesOf(holder: LockHolder): Buffer {
    return Buffer.from(JSON.stringify({ ...holder, process: this.#options.token }));
  }
}

function taken(holder: LockHolder | undefined): LockAttempt {
  return { acquired: false, holder: async () => holder };
}

/** Undefined for what another version has written. */
function writtenIn(bytes: Buffer): Written | undefined {
  const value = JSON.parse(bytes.toString()) as Partial<Written>;
  const { process, connection, pid, since, transaction } = value;
  if (typeof process !== 'string' || typeof connection !== 'string') return undefined;
  if (typeof pid !== 'number' || typeof since !== 'string') return undefined;
  return { process, connection, pid, since, ...(typeof transaction === 'string' && { transaction }) };
}

function holderOf(written: Written | undefined): LockHolder | undefined {
  if (written === undefined) return undefined;
  const { process: _, ...holder } = written;
  return holder;
}
