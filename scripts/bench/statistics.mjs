// Numbers in, numbers out.
import { twinOf } from './interleave.mjs';

/** The value below which this part (0 to 1) of the samples lies, between two neighbours in proportion. */
export function quantile(samples, part) {
  if (samples.length === 0) throw new RangeError('quantile: no samples');
  const sorted = samples.toSorted((one, other) => one - other);
  const place = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place - Math.floor(place));
}

/** Median, the middle half (low to high), the extremes and how many. */
export function summarize(samples) {
  return {
    median: quantile(samples, 0.5),
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
    min: quantile(samples, 0),
    max: quantile(samples, 1),
    samples: samples.length,
  };
}

/**
 * What a comparison says about its goal, `{ atMost }` or `{ atLeast }` as a ratio of medians, subject to reference;
 * undefined without a goal.
 */
export function isMet(ratio, goal) {
  if (goal === undefined) return undefined;
  return goal.atMost === undefined ? ratio >= goal.atLeast : ratio <= goal.atMost;
}

/** A comparison with its samples turned into figures: what the table and the file of results show. */
export function evaluate({ title, unit, goal, subject, reference, results }) {
  const figures = Object.entries(results).map(([name, samples]) => ({ name, ...summarize(samples) }));
  const medianOf = (wanted) => figures.find(({ name }) => name === wanted)?.median;
  const base = medianOf(reference);
  const rows = figures.map((row) => {
    const twin = twinOf(row.name);
    const before = twin === undefined ? undefined : medianOf(twin);
    return {
      ...row,
      ...(base === undefined ? {} : { ratio: row.median / base }),
      ...(before === undefined ? {} : { toTwin: row.median / before }),
    };
  });
  const ratio = rows.find(({ name }) => name === subject)?.ratio;
  const met = ratio === undefined ? undefined : isMet(ratio, goal);
  return { title, unit, subject, reference, goal, ratio, met, rows };
}
