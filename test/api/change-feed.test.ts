import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Change, ChangeFeed } from '../../src/api/change-feed.ts';
import { RunLog } from '../../src/api/run-log.ts';
import { silentLogger } from '../../src/base/log.ts';
import { temporaryFolder } from '../cli/kit.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const CHANGE: Change = { kind: 'status', terminal: 'counter', data: '{}' };
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A clock on the wall that people set. */
class WallClock extends FakeClock {
  #setMs = 0;

  set(ms: number): void {
    this.#setMs += ms;
  }

  override wallMs(): number {
    return super.wallMs() + this.#setMs;
  }
}

function feedWith(
  count: number,
  runs = new RunLog({ clock: new FakeClock(), log: silentLogger }),
): ChangeFeed {
  const feed = new ChangeFeed(runs);
  for (let at = 0; at < count; at += 1) feed.publish(CHANGE);
  return feed;
}

/** Runs of one service, one after the other. */
function service(clock = new WallClock()) {
  const folder = temporaryFolder();
  const start = () => RunLog.open(folder.path, clock, silentLogger);
  return { clock, start, file: path.join(folder.path, 'runs'), [Symbol.dispose]: () => folder.remove() };
}

const text = (ms: number) => new Date(ms).toISOString();

test('goes on after an id of its own, also where nothing has come since', () => {
  const feed = feedWith(2);
  const second = feed.after(1);
  expect(second).toMatchObject({ number: 2 });
  expect(feed.resume(typeof second === 'object' ? second.id : '')).toEqual({ after: 2 });
  expect(feed.resume(feed.lastId)).toEqual({ after: 2 });
  expect(feed.after(2)).toBeUndefined();
});

test('does not believe the number of another run, only its time, less a minute', async () => {
  using runs = service();
  const { lastId } = feedWith(5, await runs.start());
  const replay = text(runs.clock.wallMs() - MINUTE_MS);
  runs.clock.advance(HOUR_MS);
  expect(feedWith(9, await runs.start()).resume(lastId)).toEqual({ replay, after: 9 });
});

test('whoever was cut off in what the store knows goes on there, and then after the number of that time', async () => {
  using runs = service();
  const first = feedWith(5, await runs.start());
  const told = runs.clock.wallMs() - HOUR_MS;
  const id = first.storedId(text(told), 3);
  expect(first.resume(id)).toEqual({ replay: text(told - MINUTE_MS), after: 3 });
  expect(feedWith(1, await runs.start()).resume(id)).toEqual({ replay: text(told - MINUTE_MS), after: 1 });
});

test('a clock that was set back is told of from the time on that it was set to', async () => {
  using runs = service();
  const noon = runs.clock.wallMs();
  const first = feedWith(1, await runs.start());
  const { lastId } = first;
  const stored = first.storedId(text(noon), 0);
  runs.clock.set(-HOUR_MS);
  const second = feedWith(1, await runs.start());
  runs.clock.advance(2 * HOUR_MS);
  const eleven = { replay: text(noon - HOUR_MS - MINUTE_MS), after: 1 };
  expect(second.resume(lastId)).toEqual(eleven);
  expect(second.resume(stored)).toEqual(eleven);
});

test('likewise one that was set back while the service ran', async () => {
  using runs = service();
  const noon = runs.clock.wallMs();
  const log = await runs.start();
  const first = feedWith(1, log);
  const { lastId } = first;
  runs.clock.set(-HOUR_MS);
  first.publish(CHANGE);
  await log.settled();
  expect(first.resume(lastId)).toEqual({ after: 1 });
  runs.clock.advance(2 * HOUR_MS);
  const second = feedWith(1, await runs.start());
  expect(second.resume(lastId)).toEqual({ replay: text(noon - HOUR_MS - MINUTE_MS), after: 1 });
});

test('tells everything after an id that nobody knows', async () => {
  const feed = feedWith(1);
  const { run } = /-(?<run>\w+)-/.exec(feed.lastId)?.groups ?? {};
  for (const id of [
    '',
    'x',
    '1-2',
    '1-nobody-1',
    `${'9'.repeat(20)}-a-1`,
    '-1-a-1',
    '1-a-s1',
    `1-${run}-999`,
    '__proto__',
  ]) {
    expect([id, feed.resume(id)]).toEqual([id, { replay: 'all', after: 1 }]);
  }
});

test('an id of the future is one of now', () => {
  const clock = new FakeClock();
  const feed = feedWith(9000, new RunLog({ clock, log: silentLogger }));
  const replay = text(clock.wallMs() - MINUTE_MS);
  expect(feed.resume(feed.lastId.replace(/^\d+(-\w+-).*/, '999999999999999$10'))).toEqual({
    replay,
    after: 9000,
  });
});

test('keeps so many changes, and says which are gone', () => {
  const feed = feedWith(9000);
  expect(feed.after(0)).toBe('gone');
  expect(feed.after(9000 - 8192)).toMatchObject({ number: 9001 - 8192 });
});

test('a list of runs that cannot be read makes every id of an earlier run unknown, and a long one is cut', async () => {
  using runs = service();
  const { lastId } = feedWith(1, await runs.start());
  const good = readFileSync(runs.file, 'utf8');
  writeFileSync(runs.file, `${good}{"run":`);
  expect(feedWith(1, await runs.start()).resume(lastId)).toEqual({ replay: 'all', after: 1 });
  writeFileSync(runs.file, good.repeat(2000));
  await runs.start();
  expect(readFileSync(runs.file, 'utf8').split('\n')).toHaveLength(1001);
});
