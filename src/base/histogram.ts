/** Counts values by size, in buckets that are fixed from the start: observing allocates nothing. */
export class Histogram {
  /** The largest value of each bucket but the last, ascending. */
  readonly bounds: readonly number[];
  /** How many values fell into each bucket; one more than there are bounds, for what is larger than all of them. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
  }

  /** Adds what another one with the same bounds has counted. */
  add(counts: ArrayLike<number>, sum: number): void {
    for (let bucket = 0; bucket < this.counts.length; bucket += 1) {
      this.counts[bucket] = (this.counts[bucket] as number) + (counts[bucket] ?? 0);
    }
    this.sum += sum;
  }
}
