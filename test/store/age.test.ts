import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { ageOf, leastAgeOf, wallAgeOf } from '../../src/store/age.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { BootClock } from './journal-kit.ts';

const START_MS = Date.UTC(2030, 0, 1);
const HOUR_MS = 3_600_000;

const momentOf = (clock: BootClock) => ({
  time: new Date(clock.wallMs()).toISOString(),
  ...clock.bootTime(),
});

describe('the age of a record', () => {
  test.each([0, Date.UTC(2029, 0, 1), Date.UTC(2031, 0, 1), Date.UTC(2300, 0, 1)])(
    'is what the machine has counted since it was written, with its clock set to %i meanwhile',
    (wallMs) => {
      const clock = new BootClock(START_MS);
      const moment = momentOf(clock);
      clock.set(wallMs);
      clock.advance(HOUR_MS);
      expect(ageOf(moment, clock)).toBe(HOUR_MS);
    },
  );

  test('from an earlier start of the machine is what the clock says', () => {
    const moment = momentOf(new BootClock(START_MS, 'first-start'));
    const later = new BootClock(START_MS + HOUR_MS, 'second-start');
    expect(ageOf(moment, later)).toBe(HOUR_MS);
    expect(ageOf(moment, new FakeClock(START_MS + HOUR_MS))).toBe(HOUR_MS);
    expect(ageOf(moment, new FakeClock(START_MS - HOUR_MS))).toBe(-HOUR_MS);
  });

  test('is what the clock says where the record has nothing else', () => {
    const time = new Date(START_MS).toISOString();
    expect(ageOf({ time }, new BootClock(START_MS + HOUR_MS))).toBe(HOUR_MS);
    const half = { time, boot: 'first-start' };
    expect(ageOf(half, new BootClock(START_MS + HOUR_MS))).toBe(HOUR_MS);
  });

  test('does not begin with the count of the machine', () => {
    const clock = new BootClock(START_MS);
    clock.advance(HOUR_MS);
    const moment = momentOf(clock);
    clock.advance(5000);
    expect(ageOf(moment, clock)).toBe(5000);
    expect(ageOf({ time: moment.time }, clock)).toBe(5000);
  });

  test('is known from the first moment of 2026 on', () => {
    const firstMs = Date.UTC(2026, 0, 1);
    expect(wallAgeOf(firstMs, new FakeClock(firstMs))).toBe(0);
    expect(wallAgeOf(firstMs - 1, new FakeClock(firstMs))).toBeUndefined();
    expect(wallAgeOf(firstMs, new FakeClock(firstMs - 1))).toBeUndefined();
  });

  test('is unknown where the machine had not been told the time, and now, or where there is none', () => {
    const unset = momentOf(new BootClock(Date.UTC(1970, 0, 1), 'first-start'));
    expect(ageOf(unset, new BootClock(START_MS, 'second-start'))).toBeUndefined();
    expect(ageOf(unset, new FakeClock(HOUR_MS))).toBeUndefined();
    expect(ageOf({ time: new Date(START_MS).toISOString() }, new FakeClock(0))).toBeUndefined();
    expect(ageOf({ time: 'yesterday' }, new FakeClock(START_MS))).toBeUndefined();
    expect(wallAgeOf(Number.POSITIVE_INFINITY, new FakeClock(START_MS))).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe('the least age of a record', () => {
  test('within one start of the machine is what it has counted', () => {
    const clock = new BootClock(START_MS);
    const moment = momentOf(clock);
    clock.set(START_MS + 24 * HOUR_MS);
    clock.advance(5000);
    expect(leastAgeOf(moment, clock)).toBe(5000);
  });

  test.each([
    ['a clock that was set forward', START_MS + 24 * HOUR_MS, 5000],
    ['a clock that nobody has set', Date.UTC(1970, 0, 1), 5000],
    ['a disk from another machine, where this one has been running for longer', START_MS - 3000, 2000],
  ])('from an earlier start is no more than the time since this one: %s', (_, wallMs, ageMs) => {
    const moment = momentOf(new BootClock(START_MS, 'first-start'));
    const later = new BootClock(wallMs, 'second-start');
    later.advance(5000);
    expect(later.bootTime().uptimeMs).toBe(5000);
    expect(leastAgeOf(moment, later)).toBe(ageMs);
  });

  test('is what the clock says where nothing counts', () => {
    const time = new Date(START_MS).toISOString();
    expect(leastAgeOf({ time }, new FakeClock(START_MS + HOUR_MS))).toBe(HOUR_MS);
    expect(leastAgeOf({ time }, new FakeClock(0))).toBeUndefined();
  });
});

test.runIf(process.platform === 'linux')('the system counts from the start of the machine', () => {
  const one = systemClock.bootTime?.();
  const other = systemClock.bootTime?.();
  expect(one?.boot).toMatch(/^[0-9a-f-]{36}$/);
  expect(other?.boot).toBe(one?.boot);
  expect(Number.isSafeInteger(one?.uptimeMs)).toBe(true);
  expect(other?.uptimeMs).toBeGreaterThanOrEqual(one?.uptimeMs ?? Number.NaN);
});
