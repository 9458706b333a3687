import { expect, test } from 'vitest';
import { type Change, ChangeFeed, storedId } from '../../src/api/change-feed.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const CHANGE: Change = { kind: 'status', terminal: 'counter', data: '{}' };

function feedWith(count: number, clock = new FakeClock()): ChangeFeed {
  const feed = new ChangeFeed(clock);
  for (let at = 0; at < count; at += 1) feed.publish(CHANGE);
  return feed;
}

test('goes on after an id of its own, also where nothing has come since', () => {
  const feed = feedWith(2);
  const second = feed.after(1);
  expect(second).toMatchObject({ number: 2 });
  expect(feed.resume(typeof second === 'object' ? second.id : '')).toEqual({ after: 2 });
  expect(feed.resume(feed.lastId)).toEqual({ after: 2 });
  expect(feed.after(2)).toBeUndefined();
});

test('does not believe the number of another run, only its time, less a minute', () => {
  const clock = new FakeClock();
  const old = feedWith(5, clock);
  const { lastId } = old;
  const since = new Date(clock.wallMs() - 60_000).toISOString();
  expect(feedWith(9, clock).resume(lastId)).toEqual({ since });
  expect(feedWith(9, clock).resume(storedId(new Date(clock.wallMs()).toISOString()))).toEqual({ since });
});

test('tells everything after an id from the future, and after one that it cannot read', () => {
  const clock = new FakeClock();
  const feed = feedWith(1, clock);
  expect(feed.resume(storedId(new Date(clock.wallMs() + 1000).toISOString()))).toEqual({ since: undefined });
  for (const id of ['', 'x', '1-2', `${'9'.repeat(20)}-a-1`])
    expect(feed.resume(id)).toEqual({ since: undefined });
});

test('keeps so many changes, and says which are gone', () => {
  const feed = feedWith(9000);
  expect(feed.after(0)).toBe('gone');
  expect(feed.after(9000 - 8192)).toMatchObject({ number: 9001 - 8192 });
});
