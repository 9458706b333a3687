import type { Clock, Timer } from '../../src/base/clock.ts';

/** A clock that stands still until a test advances it. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #startWallMs: number;
  /** In the order in which they were set. */
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();

  constructor(startWallMs = Date.UTC(2030, 0, 1)) {
    this.#startWallMs = startWallMs;
  }

  /** Timers that have been set and are neither cancelled nor due yet. */
  get timerCount(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#startWallMs + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** In the same millisecond, behind what was set for it before. */
  afterInput(run: () => void): Timer {
    return this.after(0, run);
  }

  /** Runs what becomes due, in order of time, timers that are set meanwhile included; then it is `ms` later. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: { readonly dueMs: number; readonly run: () => void } | undefined;
      for (const timer of this.#timers) {
        if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = endMs;
  }
}
