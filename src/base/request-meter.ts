import { Histogram } from './histogram.ts';

/** How requests of one method ended, and how long those that were open took. */
export interface MethodCounts {
  readonly isKnown: boolean;
  /** By `result`, `error`, or the code that the bridge itself answered with. */
  readonly outcomes: Map<string, { sum: number }>;
  readonly seconds: Histogram;
}

/**
 * Seconds. A local answer takes milliseconds; a customer with a card takes a minute; an outcome is looked for for 15.
 */
export const REQUEST_BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 30, 60, 120, 300, 900];

/** Methods of which none is known: a peer cannot make the table grow. */
const MAX_UNKNOWN = 256;
/** Outcomes of one method: all are codes of our own. */
const MAX_OUTCOMES = 64;
const OVERFLOW = 'others';

/** Requests of peers by method and outcome. After the first request of a kind it allocates nothing. */
export class RequestMeter implements Iterable<[string, MethodCounts]> {
  readonly #methods = new Map<string, MethodCounts>();
  #unknown = 0;

  [Symbol.iterator](): Iterator<[string, MethodCounts]> {
    return this.#methods[Symbol.iterator]();
  }

  /**
   * @param isKnown whether the protocol has this method; asked once for each method. Those of the peer's own invention
   *   are bounded.
   * @param seconds how long the request was open; undefined: it was refused before.
   */
  count(method: string, outcome: string, isKnown: (method: string) => boolean, seconds?: number): void {
    const counts = this.#methods.get(method) ?? this.#begin(method, isKnown);
    const known = counts.outcomes.get(outcome);
    if (known !== undefined) known.sum += 1;
    else if (counts.outcomes.size < MAX_OUTCOMES) counts.outcomes.set(outcome, { sum: 1 });
    if (seconds !== undefined) counts.seconds.observe(seconds);
  }

  #begin(method: string, isKnown: (method: string) => boolean): MethodCounts {
    const known = isKnown(method);
    if (!known && this.#unknown >= MAX_UNKNOWN)
      return this.#methods.get(OVERFLOW) ?? this.#add(OVERFLOW, false);
    if (!known) this.#unknown += 1;
    return this.#add(method, known);
  }

  #add(method: string, isKnown: boolean): MethodCounts {
    const counts = { isKnown, outcomes: new Map(), seconds: new Histogram(REQUEST_BOUNDS) };
    this.#methods.set(method, counts);
    return counts;
  }
}
