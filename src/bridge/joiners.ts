import type { Clock, Timer } from '../base/clock.ts';

/** How often it is looked whether another process has ended a transaction: at first, and later on. */
const FIRST_LOOK_MS = 100;
const LOOK_LIMIT_MS = 1000;

interface Waiting {
  /** Whether it makes no sense to wait any longer. */
  readonly isOver: () => boolean;
  readonly resolve: () => void;
}

/** A transaction that runs somewhere, and those who wait for it. */
interface Watched {
  waiting: Waiting[];
  timer: Timer | undefined;
  delayMs: number;
  /** `again`: something has changed since it began. */
  looking: 'no' | 'yes' | 'again';
}

/**
 * Those who wait in this process until a transaction does not run any more. However many they are, it is looked once
 * for all of them: at once when it has ended in this process, else by and by.
 */
export class Joiners {
  readonly #clock: Clock;
  readonly #isRunning: (id: string) => Promise<boolean>;
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock, isRunning: (id: string) => Promise<boolean>) {
    this.#clock = clock;
    this.#isRunning = isRunning;
  }

  /** Resolves when it runs no more, or soon after waiting is over. Never rejects. */
  wait(id: string, isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const waiting = { isOver, resolve };
      const watched = this.#watched.get(id);
      if (watched !== undefined) watched.waiting.push(waiting);
      else {
        const own: Watched = { waiting: [waiting], timer: undefined, delayMs: FIRST_LOOK_MS, looking: 'no' };
        this.#watched.set(id, own);
        this.#schedule(id, own);
      }
    });
  }

  /** Something became of it in this process. */
  changed(id: string): void {
    const watched = this.#watched.get(id);
    if (watched !== undefined) void this.#look(id, watched);
  }

  #schedule(id: string, watched: Watched): void {
    watched.timer?.cancel();
    watched.timer = this.#clock.after(watched.delayMs, () => this.#look(id, watched));
    watched.delayMs = Math.min(2 * watched.delayMs, LOOK_LIMIT_MS);
  }

  async #look(id: string, watched: Watched): Promise<void> {
    if (watched.looking !== 'no') {
      watched.looking = 'again';
      return;
    }
    watched.timer?.cancel();
    let isRunning: boolean;
    do {
      watched.looking = 'yes';
      isRunning = await this.#isRunning(id).catch(() => false);
    } while (isRunning && this.#hasChanged(watched));
    watched.looking = 'no';
    const { waiting } = watched;
    watched.waiting = isRunning ? waiting.filter(({ isOver }) => !isOver()) : [];
    if (watched.waiting.length > 0) this.#schedule(id, watched);
    else this.#watched.delete(id);
    const stays = new Set(watched.waiting);
    for (const one of waiting) if (!stays.has(one)) one.resolve();
  }

  #hasChanged({ looking }: Watched): boolean {
    return looking === 'again';
  }
}
