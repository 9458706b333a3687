import type { Clock, Timer } from '../../../base/clock.ts';
import { describeFault } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { Statistics } from '../../../base/statistics.ts';
import { insertFrames } from './frame-rows.ts';
import type { Batch } from './given.ts';
import type { OpenDatabase } from './open.ts';
import { type Due, groupsOf } from './rounds.ts';
import type { NewFrame } from './tables.ts';

/** Something to write. It may run twice, so it must change nothing where it has been done before. */
export type Write<T> = (batch: Batch) => Promise<T>;

/**
 * The same for several charge points, none of which occurs twice, with as few statements as for one; the results are in
 * the order of the items. Whatever is changed in the same way is the same function.
 */
export type Change<Item, Result> = (batch: Batch, items: readonly Item[]) => Promise<readonly Result[]>;

interface Waiting extends Due<Change<unknown, unknown>> {
  readonly item: unknown;
  readonly done: (value: unknown) => void;
  readonly failed: (fault: unknown) => void;
}

/** Changes in one transaction, which costs one sync to disk for all of them. */
const MAX_BATCH = 1000;
/** Beyond this the database is too slow for what comes, and whoever wants to write is told so. */
const MAX_WAITING = 20_000;
const MAX_FRAMES = 20_000;
/** Frames in one statement, each with a text of up to 16 KB. */
const FRAMES_A_STATEMENT = 500;
/** Of one batch, where another process's transaction is in its way. */
const MAX_ATTEMPTS = 5;
/** How long frames wait for something more important that takes them along. */
const FRAMES_MS = 200;

/**
 * One writer for all charge points of this process: what comes while a transaction is being committed goes into the
 * next one together. A write whose promise resolves is safe on disk.
 */
export class WriteQueue {
  readonly #database: OpenDatabase;
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
    database: OpenDatabase,
    {
      clock,
      log,
      statistics,
    }: { readonly clock: Clock; readonly log: Logger; readonly statistics: Statistics },
  ) {
    this.#database = database;
    this.#clock = clock;
    this.#log = log;
    this.#statistics = statistics;
  }

  /** The last transaction has failed. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /**
   * Changes something of one charge point, in the order in which it is added. Rejects where the database does not take
   * it; whether it has it after all is not known then.
   */
  add<Item, Result>(identity: string, change: Change<Item, Result>, item: Item): Promise<Result> {
    return this.#add(identity, change as Change<unknown, unknown>, item) as Promise<Result>;
  }

  /** Writes what concerns no charge point alone, after all that was added before. */
  write<T>(run: Write<T>): Promise<T> {
    return this.#add(undefined, async (batch) => [await run(batch)], undefined) as Promise<T>;
  }

  /** Nobody waits for a frame: where the database does not keep up, it is left out and counted. */
  addFrame(frame: NewFrame): void {
    if (this.#frames.length >= MAX_FRAMES) {
      this.#statistics.count('frames not stored');
      return;
    }
    this.#frames.push(frame);
    if (this.#frames.length >= FRAMES_A_STATEMENT) this.#start();
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

  #add(identity: string | undefined, change: Change<unknown, unknown>, item: unknown): Promise<unknown> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(new Error('the database is too slow'));
    return new Promise((done, failed) => {
      this.#waiting.push({ identity, change, item, done, failed });
      this.#start();
    });
  }

  async #commit(batch: readonly Waiting[], frames: readonly NewFrame[], attempt = 1): Promise<void> {
    try {
      const results = await this.#database.db.transaction().execute((trx) => {
        return make({ trx, kind: this.#database.kind }, batch, frames);
      });
      this.#back();
      for (const [{ done }, value] of results) done(value);
    } catch (fault) {
      if (isConflict(fault) && attempt < MAX_ATTEMPTS) await this.#commit(batch, frames, attempt + 1);
      else if (isAway(fault) || batch.length + frames.length <= 1) this.#failed(batch, frames, fault);
      else await this.#inParts(batch, frames);
    }
  }

  /** One of them cannot be written, and must not take the others with it. */
  async #inParts(batch: readonly Waiting[], frames: readonly NewFrame[]): Promise<void> {
    for (const part of halves(batch)) await this.#commit(part, []);
    if (batch.length === 0) for (const part of halves(frames)) await this.#commit([], part);
    else if (frames.length > 0) await this.#commit([], frames);
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

/** Makes changes and writes frames; resolves with what the changes resolve with. */
async function make(
  batch: Batch,
  changes: readonly Waiting[],
  frames: readonly NewFrame[],
): Promise<Map<Waiting, unknown>> {
  const results = new Map<Waiting, unknown>();
  for (const { change, members } of groupsOf<Waiting['change'], Waiting>(changes)) {
    const items = members.map(({ item }) => item);
    const values = await change(batch, items);
    for (const [index, one] of members.entries()) results.set(one, values[index]);
  }
  for (let at = 0; at < frames.length; at += FRAMES_A_STATEMENT) {
    await insertFrames(batch, frames.slice(at, at + FRAMES_A_STATEMENT));
  }
  return results;
}

/** Two parts, or one where there is no more than one. */
function halves<T>(all: readonly T[]): T[][] {
  const middle = Math.ceil(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)].filter(({ length }) => length > 0);
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
