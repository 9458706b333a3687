import type { CloseReason } from '../base/close-reason.ts';
import type { Bridge } from './bridge.ts';
import type { BridgeContext } from './bridge-options.ts';

/** Whoever fills the places again and again fills no log. */
const SAY_EVERY_MS = 60_000;

/** Makes room where every place is taken: the oldest connection that has never said a word goes. */
export class RoomMaker {
  readonly #context: Pick<BridgeContext, 'clock' | 'log' | 'statistics'>;
  readonly #reason: CloseReason;
  /** Told to go, and still here. */
  readonly #leaving = new Set<Bridge>();
  #saidMs = Number.NEGATIVE_INFINITY;
  /** How many have gone since that was said. */
  #unsaid = 0;

  constructor(context: Pick<BridgeContext, 'clock' | 'log' | 'statistics'>, reason: CloseReason) {
    this.#context = context;
    this.#reason = reason;
  }

  /** How many of those that are here are on their way out. */
  get leaving(): number {
    return this.#leaving.size;
  }

  /**
   * False: everybody has said something, or has just come.
   *
   * @param lingering how many may take their time to hear why
   */
  make(bridges: Iterable<Bridge>, lingering: number): boolean {
    for (const bridge of bridges) {
      if (this.#leaving.has(bridge) || !bridge.isSilent) continue;
      const isInHurry = this.#leaving.size >= lingering;
      this.#leaving.add(bridge);
      this.#say();
      bridge.leave(this.#reason, isInHurry);
      return true;
    }
    return false;
  }

  /** It is gone, for whatever reason. */
  left(bridge: Bridge): void {
    this.#leaving.delete(bridge);
  }

  #say(): void {
    const { clock, log, statistics } = this.#context;
    statistics.count('silent connections closed');
    this.#unsaid += 1;
    if (clock.nowMs() < this.#saidMs + SAY_EVERY_MS) return;
    log.warn('all places are taken: connections that have never said a word make room', {
      closed: this.#unsaid,
    });
    this.#saidMs = clock.nowMs();
    this.#unsaid = 0;
  }
}
