import { afterSilence, type Clock, type Timer } from '../../../base/clock.ts';

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly everyMs: number;
  /** How late an answer may come. */
  readonly limitMs: number;
  /** So many in a row without an answer in time are the end. */
  readonly maxMissed: number;
  /** Asks; `answered` is to be called with the answer. */
  ask(answered: () => void): void;
  /** An answer in time, an answer that came too late, no answer in time (how many in a row). */
  onBeat(what: 'in time' | 'late', afterMs: number): void;
  onMissed(inARow: number): void;
  /** Too many in a row. */
  onDead(): void;
}

/** Heartbeats of one session: beating ──missed too many, stop──▶ over. They go on while an answer is awaited. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #limits = new Set<Timer>();
  #next: Timer | undefined;
  #missed = 0;
  #isOver = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#schedule();
  }

  stop(): void {
    this.#isOver = true;
    this.#next?.cancel();
    for (const limit of this.#limits) limit.cancel();
    this.#limits.clear();
  }

  #schedule(): void {
    if (this.#isOver) return;
    this.#next = this.#options.clock.after(this.#options.everyMs, () => {
      this.#beat();
      this.#schedule();
    });
  }

  #beat(): void {
    const { clock, limitMs, maxMissed } = this.#options;
    const askedMs = clock.nowMs();
    const limit = afterSilence(clock, limitMs, () => {
      this.#limits.delete(limit);
      this.#missed += 1;
      this.#options.onMissed(this.#missed);
      if (this.#missed < maxMissed) return;
      this.stop();
      this.#options.onDead();
    });
    this.#limits.add(limit);
    this.#options.ask(() => {
      if (this.#isOver) return;
      const isInTime = this.#limits.delete(limit);
      limit.cancel();
      if (isInTime) this.#missed = 0;
      this.#options.onBeat(isInTime ? 'in time' : 'late', clock.nowMs() - askedMs);
    });
  }
}
