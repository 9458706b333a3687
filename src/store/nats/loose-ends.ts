import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { pause } from '../../base/pause.ts';
import type { Buckets, Stored } from './bucket.ts';
import { decodeEntry, type EntryValue, encodeEntry, isNothing } from './entry-value.ts';

/** How often it is tried. */
const AGAIN_MS = 1000;

export interface LooseEndsOptions {
  readonly buckets: Buckets;
  readonly clock: Clock;
  readonly log: Logger;
  /** What entries of this process name as their owner. */
  readonly owner: string;
}

/**
 * What has to be written once the servers answer again. A lease that is renewed says that this process lives, so an
 * entry that it has named as its own and is not at any more would be taken for one that runs, for as long as the
 * process does.
 */
export class LooseEnds {
  readonly #options: LooseEndsOptions;
  /** Keys of entries that were perhaps made, when their transactions had been refused. */
  readonly #doubtful = new Set<string>();
  #isClosed = false;

  constructor(options: LooseEndsOptions) {
    this.#options = options;
  }

  /** Whether there may be an entry only because it could not be taken back yet. */
  isDoubtful(key: string): boolean {
    return this.#doubtful.has(key);
  }

  /**
   * A write that was not acknowledged may take place later. It was handed over to nobody, and its register hears that
   * it was refused: so it has to go, or must not come. What is written in its place lets it come no more.
   */
  async takeBack(key: string, mark: string): Promise<void> {
    const { buckets } = this.#options;
    this.#doubtful.add(key);
    await this.#insist(key, async () => {
      const place = encodeEntry({ owner: undefined, mark, records: [] });
      const made = await buckets.create('records', key, place);
      if (made !== undefined) return buckets.remove('records', key, made);
      const { stored, value } = await this.#at(key);
      if (stored === undefined || (value?.mark !== mark && !isNothing(value))) return true;
      return buckets.remove('records', key, stored.revision);
    });
    this.#doubtful.delete(key);
  }

  /**
   * A transaction that was refused before anything was handed over leaves nothing.
   *
   * @param isBegunAnew whether this process is at another one with the same identifiers, whose entry stays
   */
  withdraw(key: string, mark: string, isBegunAnew: () => boolean): Promise<void> {
    return this.#insist(key, async () => {
      const { stored, value } = await this.#at(key);
      const isOurs = value?.owner === this.#options.owner || value?.mark === mark;
      if (stored === undefined || !isOurs) return true;
      if (value?.mark !== mark && isBegunAnew()) return false;
      return this.#options.buckets.remove('records', key, stored.revision);
    });
  }

  /**
   * This process has let go of an entry without an outcome: anybody may find it out.
   *
   * @param isHeld whether this process is at it once more.
   * @param claimed the revision that it has perhaps taken over, and may still.
   */
  release(key: string, isHeld: () => boolean, claimed?: number): Promise<void> {
    return this.#insist(key, async () => {
      const { stored, value } = await this.#at(key);
      if (stored === undefined || value === undefined || isHeld()) return true;
      if (value.owner !== this.#options.owner && stored.revision !== claimed) return true;
      const bytes = encodeEntry({ ...value, owner: undefined, mark: randomUUID() });
      return (await this.#options.buckets.update('records', key, bytes, stored.revision)) !== undefined;
    });
  }

  close(): void {
    this.#isClosed = true;
  }

  async #at(key: string): Promise<{ stored: Stored | undefined; value: EntryValue | undefined }> {
    const stored = await this.#options.buckets.read('records', key);
    return { stored, value: stored === undefined ? undefined : decodeEntry(stored.bytes) };
  }

  /** Until it is done, or the process ends: then its lease does, too. */
  async #insist(key: string, task: () => Promise<boolean>): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#isClosed) {
      try {
        if (await task()) return;
      } catch (fault) {
        log.debug('an entry cannot be let go of yet', { entry: key, why: describeFault(fault) });
      }
      await pause(clock, AGAIN_MS);
    }
  }
}
