/** Counters of one process, printed on SIGUSR2 or SIGPWR. Names are bounded: a peer cannot make them grow. */
export class Statistics {
  readonly #counts = new Map<string, Count>();

  count(name: string, by = 1): void {
    const known = this.#counts.get(name);
    if (known !== undefined) known.sum += by;
    else if (this.#counts.size < MAX_NAMES || name === OVERFLOW) this.#counts.set(name, { sum: by });
    else this.count(OVERFLOW, by);
  }

  /** Counts by name, in alphabetical order. */
  snapshot(): Record<string, number> {
    const names = [...this.#counts].map(([name, { sum }]): [string, number] => [name, sum]);
    return Object.fromEntries(names.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

interface Count {
  sum: number;
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
