import type { Kysely, Transaction } from 'kysely';
import type { Clock, Timer } from '../../../base/clock.ts';
import { describeFault } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { Statistics } from '../../../base/statistics.ts';
import type { NewFrame, Tables } from './tables.ts';

/** Something to write. It may run twice, so it must change nothing where it has been done before. */
export type Write<T> = (trx: Transaction<Tables>) => Promise<T>;

interface Waiting {
  readonly run: Write<unknown>;
  readonly done: (value: unknown) => void;
  readonly failed: (fault: unknown) => void;
}

/** Writes in one transaction, which costs one sync to disk for all of them. */
const MAX_BATCH = 256;
/** Beyond this the database is too slow for what comes, and whoever wants to write is told so. */
const MAX_WAITING = 20_000;
const MAX_FRAMES = 20_000;
/** Rows in one statement: SQLite takes 32,766 parameters, and a row of frames has 7. */
const ROWS_A_STATEMENT = 500;
/** Of one batch, where another process's transaction is in its way. */
const MAX_ATTEMPTS = 5;
/** How long frames wait for something more important that takes them along. */
const FRAMES_MS = 200;

/**
 * One writer for all charge points of this process: what comes while a transaction is being committed goes into the
 * next one together. A write whose promise resolves is safe on disk.
 */
export class WriteQueue {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #statistics: Statistics;
  #waiting: Waiting[] = [];
  #frames: NewFrame[] = [];
  #framesTimer: Timer | undefined;
  #isRunning = false;
  #isAway = false;
  #idle: (() => void)[] = [];

  constructor(
    db: Kysely<Tables>,
    {
      clock,
      log,
      statistics,
    }: { readonly clock: Clock; readonly log: Logger; readonly statistics: Statistics },
  ) {
    this.#db = db;
    this.#clock = clock;
    this.#log = log;
    this.#statistics = statistics;
  }

  /** The last transaction has failed. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Rejects where the database does not take it; whether it has it after all is not known then. */
  add<T>(run: Write<T>): Promise<T> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(new Error('the database is too slow'));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, done: resolve as (value: unknown) => void, failed: reject });
      this.#start();
    });
  }

  /** Nobody waits for a frame: where the database does not keep up, it is left out and counted. */
  addFrame(frame: NewFrame): void {
    if (this.#frames.length >= MAX_FRAMES) {
      this.#statistics.count('frames not stored');
      return;
    }
    this.#frames.push(frame);
    if (this.#frames.length >= ROWS_A_STATEMENT) this.#start();
    else this.#framesTimer ??= this.#clock.after(FRAMES_MS, () => this.#start());
  }

  /** Resolves when everything that was added has been tried. */
  async drained(): Promise<void> {
    if (this.#frames.length > 0) this.#start();
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    // What is added in the same turn of the event loop belongs together.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#frames.length > 0) {
      this.#framesTimer?.cancel();
      this.#framesTimer = undefined;
      const batch = this.#waiting.splice(0, MAX_BATCH);
      const frames = this.#frames.splice(0, MAX_FRAMES);
      await this.#commit(batch, frames);
    }
    this.#isRunning = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #commit(batch: readonly Waiting[], frames: readonly NewFrame[], attempt = 1): Promise<void> {
    try {
      const values = await this.#db.transaction().execute(async (trx) => {
        const values: unknown[] = [];
        for (const { run } of batch) values.push(await run(trx));
        for (let at = 0; at < frames.length; at += ROWS_A_STATEMENT) {
          await trx
            .insertInto('frames')
            .values(frames.slice(at, at + ROWS_A_STATEMENT))
            .execute();
        }
        return values;
      });
      this.#back();
      for (const [index, { done }] of batch.entries()) done(values[index]);
    } catch (fault) {
      if (isConflict(fault) && attempt < MAX_ATTEMPTS) await this.#commit(batch, frames, attempt + 1);
      else if (isAway(fault) || batch.length + Math.min(frames.length, 1) <= 1)
        this.#failed(batch, frames, fault);
      else await this.#oneByOne(batch, frames);
    }
  }

  /** One of them cannot be written, and must not take the others with it. */
  async #oneByOne(batch: readonly Waiting[], frames: readonly NewFrame[]): Promise<void> {
    for (const one of batch) await this.#commit([one], []);
    await this.#commit([], frames);
  }

  #failed(batch: readonly Waiting[], frames: readonly NewFrame[], fault: unknown): void {
    this.#statistics.count('frames not stored', frames.length);
    if (isAway(fault)) this.#away(fault);
    else this.#log.error('the database has refused something', { why: describeFault(fault) });
    for (const { failed } of batch) failed(fault);
  }

  #away(fault: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#log.error('the database cannot be written; charge points are told to try again', {
      why: describeFault(fault),
    });
  }

  #back(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#log.warn('the database can be written again');
  }
}

/** Another process has locked the same rows in another order; PostgreSQL has undone this one. */
function isConflict(fault: unknown): boolean {
  return ['40001', '40P01'].includes(String((fault as { readonly code?: unknown }).code));
}

/** The database cannot be had, in contrast to one that has refused a statement. */
function isAway(fault: unknown): boolean {
  const { code } = fault as { readonly code?: unknown };
  if (typeof code !== 'string') return true; // no connection, or no answer in time
  if (code.startsWith('SQLITE_')) return !/^SQLITE_(CONSTRAINT|MISMATCH|ERROR|RANGE|TOOBIG)/.test(code);
  // Classes of SQLSTATE: data, integrity, syntax, limits.
  return !/^(22|23|42|54)/.test(code);
}
