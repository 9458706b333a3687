/** Something that is to happen, and can be called off. */
export interface Planned {
  cancel(): void;
}

/** Whose code runs: a dead owner's events are dropped, a paused one's wait. */
export interface Owner {
  readonly isAlive: boolean;
  readonly isPaused: boolean;
  /** Takes an event that is due while it is paused. */
  postpone(run: () => void): void;
}

interface Event extends Planned {
  readonly atMs: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  run: (() => void) | undefined;
}

/** Simulated time: events in the order of their moments, and of their planning where these are the same. */
export class Schedule {
  #nowMs = 0;
  #planned = 0;
  #done = 0;
  readonly #heap: Event[] = [];

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events there have been. */
  get steps(): number {
    return this.#done;
  }

  after(delayMs: number, run: () => void, owner?: Owner): Planned {
    this.#planned += 1;
    const event: Event = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#planned,
      owner,
      run,
      cancel: () => {
        event.run = undefined;
      },
    };
    this.#push(event);
    return event;
  }

  /**
   * One event after the other, each with all that its promises set off, until `isOver` or nothing is planned any more.
   */
  run(isOver: () => boolean, limitMs: number): Promise<'over' | 'idle' | 'too long'> {
    // Whoever calls is at work on a promise, as a rule, and until that is over no other one goes on.
    return new Promise((resolve, reject) => {
      turn(() => {
        try {
          resolve(this.#runNow(isOver, limitMs));
        } catch (fault) {
          reject(fault);
        }
      });
    });
  }

  #runNow(isOver: () => boolean, limitMs: number): 'over' | 'idle' | 'too long' {
    while (!isOver()) {
      const event = this.#pop();
      if (event === undefined) return 'idle';
      const { run, owner } = event;
      if (run === undefined || owner?.isAlive === false) continue;
      if (event.atMs > limitMs) {
        this.#push(event);
        return 'too long';
      }
      this.#nowMs = event.atMs;
      this.#done += 1;
      if (owner?.isPaused === true) owner.postpone(run);
      else run();
      finishPromises();
    }
    return 'over';
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      const left = heap[below];
      const right = heap[below + 1];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || isBefore(last, child)) break;
      heap[at] = child;
      at = isRight ? below + 1 : below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

const turn = setImmediate;

/**
 * Until no promise has anything left to do: what Node.js does after every callback. A turn of its event loop for each
 * of millions of events would take longer than many of the events themselves.
 */
const finishPromises: () => void = Reflect.get(process, '_tickCallback');
