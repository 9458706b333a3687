import { afterEach, describe, expect, test } from 'vitest';
import { interleave, setRival } from '../../scripts/bench/interleave.mjs';
import { evaluate, isMet, quantile, summarize } from '../../scripts/bench/statistics.mjs';
import { formatNumber, formatTable } from '../../scripts/bench/table.mjs';

describe('quantile', () => {
  test('lies between neighbours in proportion, whatever the order', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([4, 1, 2, 3], 0.5)).toBe(2.5);
    expect(quantile([10, 0], 0.25)).toBe(2.5);
    expect(quantile([7], 0.99)).toBe(7);
  });

  test('refuses no samples, and leaves the samples alone', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
    const samples = [3, 1, 2];
    summarize(samples);
    expect(samples).toEqual([3, 1, 2]);
  });
});

test('a summary has the median, the middle half, the extremes and how many', () => {
  expect(summarize([1, 2, 3, 4, 100])).toEqual({ median: 3, low: 2, high: 4, min: 1, max: 100, samples: 5 });
});

test('a goal is met at its border', () => {
  expect(isMet(1.25, { atMost: 1.25 })).toBe(true);
  expect(isMet(1.26, { atMost: 1.25 })).toBe(false);
  expect(isMet(0.9, { atLeast: 0.9 })).toBe(true);
  expect(isMet(0.89, { atLeast: 0.9 })).toBe(false);
  expect(isMet(5, undefined)).toBeUndefined();
});

const comparison = {
  title: 'start',
  unit: 'ms',
  subject: 'ours',
  reference: 'floor',
  goal: { atMost: 1.25 },
  results: { ours: [60, 61, 62], floor: [40, 41, 42], other: [20, 20.5, 21] },
};

test('an evaluation compares medians with the reference', () => {
  const { ratio, met, rows } = evaluate(comparison);
  expect(ratio).toBeCloseTo(61 / 41);
  expect(met).toBe(false);
  expect(rows.map((row) => [row.name, row.median, row.ratio])).toEqual([
    ['ours', 61, 61 / 41],
    ['floor', 41, 1],
    ['other', 20.5, 0.5],
  ]);
});

test('without a reference there is no ratio and no verdict', () => {
  const { ratio, met, rows } = evaluate({ title: 'growth', unit: 'KB', results: { ours: [18] } });
  expect([ratio, met]).toEqual([undefined, undefined]);
  expect(rows[0]).not.toHaveProperty('ratio');
});

test('the table says which goals are not met, in columns of one width', () => {
  const lines = formatTable([evaluate(comparison)]).split('\n');
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  expect(lines.find((line) => line.startsWith('| ours'))).toMatch(
    /\| 61\.0 +\| 60\.5–61\.5 +\| 3 +\| 1\.49 × +\| ≤ 1\.25: NOT met \|$/,
  );
  expect(lines.find((line) => line.startsWith('| floor'))).not.toContain('×');
});

test('numbers have three significant digits and no exponent', () => {
  expect([0, 0.1234, 1.5, 12.34, 123.4, 325_308].map(formatNumber)).toEqual([
    ...['0', '0.123', '1.50', '12.3', '123', '325308'],
  ]);
});

test('contestants take turns, another one first each round, and warm-up does not count', async () => {
  const order: string[] = [];
  const contestant = (name: string) => async () => {
    order.push(name);
    return { turn: order.length };
  };
  const contestants = { a: contestant('a'), b: contestant('b') };
  const metrics = await interleave(contestants, { rounds: 2, warmUp: 1 });
  expect(order.join('')).toBe('abbaab');
  expect(metrics).toEqual({ turn: { a: [4, 5], b: [3, 6] } });
});

describe('against another build', () => {
  afterEach(() => setRival(undefined));

  test('everybody who is called posbridge has a twin, and the table says what has changed', async () => {
    setRival({ name: 'abc1234', folder: '/nowhere' });
    const once = (ms: number) => async () => ({ ms });
    const { ms } = await interleave({ posbridge: once(30), floor: once(20) }, { rounds: 2 });
    expect(ms).toEqual({ posbridge: [30, 30], 'posbridge (abc1234)': [30, 30], floor: [20, 20] });
    const results = { posbridge: [30], 'posbridge (abc1234)': [40], floor: [20] };
    const evaluation = evaluate({ ...comparison, subject: 'posbridge', reference: 'floor', results });
    expect(evaluation.rows.map((row) => row.toTwin)).toEqual([0.75, undefined, undefined]);
    expect(formatTable([evaluation])).toContain('0.75 × before');
  });

  test('a twin that cannot do yet what is measured is left out', async () => {
    setRival({ name: 'abc1234', folder: '/nowhere' });
    let calls = 0;
    const { ms } = await interleave(
      {
        posbridge: async () => {
          calls += 1;
          if (calls === 2) throw new Error('no such option');
          return { ms: 30 };
        },
        floor: async () => ({ ms: 20 }),
      },
      { rounds: 1, warmUp: 1 },
    );
    expect(ms).toEqual({ posbridge: [30], floor: [20] });
  });
});
