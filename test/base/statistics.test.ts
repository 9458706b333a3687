import { describe, expect, test } from 'vitest';
import { Histogram } from '../../src/base/histogram.ts';
import { RequestMeter } from '../../src/base/request-meter.ts';
import { Statistics } from '../../src/base/statistics.ts';

test('a histogram counts a value in the first bucket that takes it, and what is too large in the last one', () => {
  const histogram = new Histogram([1, 5]);
  for (const value of [0.5, 1, 1.1, 5, 6]) histogram.observe(value);
  expect([...histogram.counts]).toEqual([2, 2, 1]);
  expect(histogram.sum).toBeCloseTo(13.6);
});

describe('requests', () => {
  const isKnown = (method: string) => method === 'Purchase';

  test('are counted by method and outcome, and timed where they were open', () => {
    const meter = new RequestMeter();
    meter.count('Purchase', 'result', isKnown, 12);
    meter.count('Purchase', 'result', isKnown, 0.2);
    meter.count('Purchase', 'BUSY', isKnown);
    const [[method, counts] = []] = [...meter];
    expect([method, counts?.isKnown]).toEqual(['Purchase', true]);
    expect(Object.fromEntries(counts?.outcomes ?? [])).toEqual({ result: { sum: 2 }, BUSY: { sum: 1 } });
    expect(counts?.seconds.counts.reduce((sum, count) => sum + count)).toBe(2);
  });

  test('of invented methods do not grow the table, and leave room for those of the protocol', () => {
    const meter = new RequestMeter();
    for (let number = 0; number < 1000; number += 1) meter.count(`Invented${number}`, 'error', isKnown);
    meter.count('Purchase', 'result', isKnown, 1);
    const methods = new Map(meter);
    expect(methods.size).toBe(256 + 2);
    expect(methods.get('others')?.outcomes.get('error')).toEqual({ sum: 1000 - 256 });
    expect(methods.get('Purchase')?.outcomes.get('result')).toEqual({ sum: 1 });
  });

  test('stand in the statistics by method and outcome', () => {
    const statistics = new Statistics();
    statistics.count('frames in', 2);
    statistics.requests.count('Purchase', 'result', isKnown, 1);
    expect(statistics.snapshot()).toEqual({ 'Purchase: result': 1, 'frames in': 2 });
  });
});
