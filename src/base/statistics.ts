/** Counters of one process, printed on SIGUSR2 or SIGPWR. Names are bounded: a peer cannot make them grow. */
export class Statistics {
  readonly #counts = new Map<string, number>();

  count(name: string, by = 1): void {
    const known = this.#counts.get(name);
    if (known === undefined && this.#counts.size >= MAX_NAMES) this.#add(OVERFLOW, by);
    else this.#add(name, by);
  }

  /** Counts by name, in alphabetical order. */
  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #add(name: string, by: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }
}

const MAX_NAMES = 512;
const OVERFLOW = 'others';

/** Sizes of the moment, by name. */
export type Gauges = Record<string, number>;

/** The sum of each, over all who have it; `connections` is always there. */
export function sumGauges(all: Iterable<{ readonly gauges: Gauges }>): Gauges {
  const sums: Gauges = { connections: 0 };
  for (const { gauges } of all) {
    for (const [name, size] of Object.entries(gauges)) sums[name] = (sums[name] ?? 0) + size;
  }
  return sums;
}
