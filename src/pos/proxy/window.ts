import { afterSilence, type Clock, type Timer } from '../../base/clock.ts';

/**
 * What may be on its way to the terminal: less than a bridge keeps for an application, before it drops notifications.
 */
const WINDOW_BYTES = 1024 * 1024;
/** A terminal that does not answer the question within this time is not asked again. */
const ANSWER_MS = 30_000;

export interface WindowOptions {
  readonly clock: Clock;
  /** Asks the terminal something that it answers in its turn: resolves when all that was sent before has arrived. */
  readonly ask: () => Promise<unknown>;
  /** There is room again. */
  readonly opened: () => void;
}

/**
 * Bounds what is on its way to the terminal. The protocol has no acknowledgement for `Data`; any answer to a question
 * that was sent behind it is one.
 *
 *   open ⇄ closed (the window is full)        open, closed ──no answer in time──▶ off: open for ever
 */
export class Window {
  readonly #options: WindowOptions;
  #onItsWay = 0;
  /** Of these, what stands behind the last question. */
  #unasked = 0;
  #isOff = false;
  readonly #limits = new Set<Timer>();

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOff || this.#onItsWay < WINDOW_BYTES;
  }

  sent(bytes: number): void {
    if (this.#isOff) return;
    this.#onItsWay += bytes;
    this.#unasked += bytes;
    if (this.#unasked >= WINDOW_BYTES / 4) this.#ask();
  }

  #ask(): void {
    const { clock, ask, opened } = this.#options;
    const bytes = this.#unasked;
    this.#unasked = 0;
    const limit = afterSilence(clock, ANSWER_MS, () => {
      this.#limits.delete(limit);
      this.#isOff = true;
      opened();
    });
    this.#limits.add(limit);
    void ask().then(() => {
      limit.cancel();
      this.#limits.delete(limit);
      this.#onItsWay -= bytes;
      opened();
    });
  }

  /** No timer is left. */
  close(): void {
    for (const limit of this.#limits) limit.cancel();
    this.#limits.clear();
  }
}
