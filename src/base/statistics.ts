import { Histogram } from './histogram.ts';
import { shorten } from './printable.ts';
import { RequestMeter } from './request-meter.ts';

/** Seconds from a keepalive of ours to its answer. */
export const KEEPALIVE_BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20];

/**
 * What one process has counted: shown in the log on SIGUSR2 or SIGPWR, and by `--status`. Names are bounded: a peer
 * cannot make them grow.
 */
export class Statistics {
  readonly requests = new RequestMeter();
  /** How long peers take to answer our keepalives, seconds. */
  readonly keepalives = new Histogram(KEEPALIVE_BOUNDS);
  readonly #counts = new Map<string, Count>();

  count(name: string, by = 1): void {
    const known = this.#counts.get(name);
    if (known !== undefined) known.sum += by;
    else if (this.#counts.size < MAX_NAMES || name === OVERFLOW) this.#counts.set(name, { sum: by });
    else this.count(OVERFLOW, by);
  }

  /** A keepalive was answered after so long; undefined: it was none of ours. */
  keptAlive(ms: number | undefined): void {
    if (ms !== undefined) this.keepalives.observe(ms / 1000);
  }

  /** What was counted by name, and nothing else. */
  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].map(([name, { sum }]) => [name, sum]));
  }

  /** All counts by name, in alphabetical order; requests as `METHOD: OUTCOME`. */
  snapshot(): Record<string, number> {
    const requests = [...this.requests].flatMap(([method, { outcomes }]) =>
      [...outcomes].map(([outcome, { sum }]): [string, number] => [
        `${shorten(method, 64)}: ${outcome}`,
        sum,
      ]),
    );
    const names = [...Object.entries(this.counts), ...requests];
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
