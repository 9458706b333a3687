import type { Clock, Timer } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { CentralStore, Spooled } from './database/store.ts';
import { type Delivered, drainSpool } from './deliver.ts';

export interface DeliveryParts {
  readonly identity: string;
  readonly store: CentralStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hands a message to its application. */
  deliver(message: Spooled): Promise<Delivered>;
}

const FIRST_RETRY_MS = 1000;
const RETRY_LIMIT_MS = 30_000;

/**
 * Takes the spooled messages of one connected charge point to their applications.
 *
 *   idle ──poke──▶ running ──nothing left──▶ idle
 *   running ──application or database away──▶ resting ──time, poke──▶ running
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  #isRunning = false;
  /** Something was spooled while it ran. */
  #isPoked = false;
  #isClosed = false;
  #retryMs = FIRST_RETRY_MS;
  #resting: Timer | undefined;
  #isAway = false;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** There may be something to deliver. */
  poke(): void {
    if (this.#isClosed) return;
    if (this.#isRunning) {
      this.#isPoked = true;
      return;
    }
    this.#resting?.cancel();
    this.#resting = undefined;
    this.#isRunning = true;
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#resting?.cancel();
  }

  async #run(): Promise<void> {
    let end: 'empty' | 'away';
    do {
      this.#isPoked = false;
      end = await this.#drain();
    } while (end === 'empty' && this.#isPoked && !this.#isClosed);
    this.#isRunning = false;
    if (end === 'away' && !this.#isClosed) this.#rest();
  }

  async #drain(): Promise<'empty' | 'away'> {
    const { store, identity, log, deliver } = this.#parts;
    try {
      return await drainSpool(store, identity, {
        deliver,
        isOver: () => this.#isClosed,
        taken: () => this.#back(),
      });
    } catch (fault) {
      log.debug('the spool cannot be read', { why: describeFault(fault) });
      return 'away';
    }
  }

  #rest(): void {
    if (!this.#isAway) this.#parts.log.warn('messages wait in the spool for their application');
    this.#isAway = true;
    this.#resting = this.#parts.clock.after(this.#retryMs, () => this.poke());
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LIMIT_MS);
  }

  #back(): void {
    this.#retryMs = FIRST_RETRY_MS;
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#parts.log.warn('the application takes messages from the spool again');
  }
}
