import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameBytesOf } from '../../../../src/dialect/jsonpos/network/data.ts';
import { Lane } from '../../../../src/dialect/jsonpos/network/lane.ts';
import { shareLink } from '../../../../src/dialect/jsonpos/network/link-share.ts';
import { Scheduler } from '../../../../src/dialect/jsonpos/network/scheduler.ts';
import { FakeClock } from '../../../kit/fake-clock.ts';

const SPEED = 10_240;

function setUp(linkSpeed = SPEED) {
  const clock = new FakeClock();
  const share = shareLink(linkSpeed);
  const scheduler = new Scheduler({ clock, share });
  let lanes = 0;
  const lane = () => {
    lanes += 1;
    const made = new Lane({ key: `${lanes}`, text: `${lanes}` });
    scheduler.add(made);
    return made;
  };
  const fill = (to: Lane, bytes: number) => {
    to.add(Buffer.alloc(bytes));
    scheduler.noteQueued(to);
    return scheduler.isFull(to);
  };
  /** Serves for so long, a millisecond at a time, and tells how many bytes each lane got. */
  const run = (ms: number, always: readonly Lane[] = []) => {
    const served = new Map<Lane, number>();
    for (const endMs = clock.nowMs() + ms; clock.nowMs() < endMs; clock.advance(1)) {
      for (const one of always) if (one.queuedBytes <= share.queueBytes / 2) fill(one, share.queueBytes + 1);
      for (let turn = scheduler.next(); turn?.kind === 'lane'; turn = scheduler.next()) {
        turn.lane.take(turn.bytes);
        scheduler.served(turn.lane, turn.bytes);
        served.set(turn.lane, (served.get(turn.lane) ?? 0) + turn.bytes);
      }
    }
    return served;
  };
  return { clock, share, scheduler, lane, fill, run };
}

test('nobody wants to send: there is no turn', () => {
  const { scheduler, lane } = setUp();
  lane();
  expect(scheduler.next()).toBeUndefined();
});

describe.each([960, SPEED, 100_000, 1_000_000])('on a link of %i bytes/s', (linkSpeed) => {
  test('data takes no more than its share, in any second, and six tenths of the link are payload', () => {
    const { run, lane, share } = setUp(linkSpeed);
    const lanes = [lane(), lane(), lane()];
    const seconds = Array.from({ length: 20 }, () => run(1000, lanes));
    const frameBytes = frameBytesOf(share.chunkBytes);
    let payload = 0;
    for (const served of seconds) {
      const bytes = [...served.values()].reduce((sum, each) => sum + each, 0);
      const onWire = (bytes / share.chunkBytes) * frameBytes;
      expect(onWire).toBeLessThanOrEqual(share.dataRate + share.dataBurst + frameBytes + 1);
      payload += bytes;
    }
    expect(payload / 20 / linkSpeed).toBeGreaterThan(linkSpeed < SPEED ? 0.55 : 0.6);
  });

  test('equal connections get equal shares', () => {
    const { run, lane } = setUp(linkSpeed);
    const lanes = [lane(), lane(), lane()];
    const served = run(20_000, lanes);
    const bytes = lanes.map((one) => served.get(one) ?? 0);
    expect(Math.max(...bytes) / Math.min(...bytes)).toBeLessThan(1.1);
  });
});

test('a frame takes the slow link for a tenth of a second at most', () => {
  expect(frameBytesOf(shareLink(SPEED).chunkBytes)).toBeLessThanOrEqual(SPEED / 10);
});

test('an interactive connection gets three turns of four beside background', () => {
  const { clock, lane, fill, scheduler } = setUp();
  const background = lane();
  fill(background, 100_000);
  const interactive = lane();
  interactive.add(Buffer.alloc(100_000)); // not noted: as if it had come in small parts
  let turns = '';
  while (turns.length < 12) {
    const turn = scheduler.next();
    if (turn?.kind === 'wait') clock.advance(turn.ms);
    else if (turn !== undefined) {
      turn.lane.take(turn.bytes);
      scheduler.served(turn.lane, turn.bytes);
      turns += turn.lane === interactive ? 'i' : 'b';
    }
  }
  expect(turns).toBe('iiibiiibiiib');
});

test('what had more than its queue may hold is background for five seconds', () => {
  const { clock, lane, fill, scheduler } = setUp(Number.POSITIVE_INFINITY);
  const [once, other] = [lane(), lane()];
  expect(fill(once, 300_000)).toBe(true);
  expect(fill(other, 10)).toBe(false);
  scheduler.isBusy = true;
  const first = scheduler.next();
  expect(first).toMatchObject({ kind: 'lane', lane: other });
  other.take(10);
  expect(scheduler.next()).toMatchObject({ lane: once });
  scheduler.served(once, once.take(100).length);
  expect(scheduler.next()).toEqual({ kind: 'wait', ms: 500 });
  clock.advance(5000);
  // It still has more than half of what its queue may hold: it stays so.
  scheduler.served(once, once.take(100).length);
  expect(scheduler.next()).toEqual({ kind: 'wait', ms: 500 });
  expect(scheduler.served(once, once.take(200_000).length)).toBe(true);
  clock.advance(5000);
  scheduler.served(once, once.take(100).length);
  expect(scheduler.next()).toMatchObject({ kind: 'lane', lane: once });
});

test('while the terminal is busy background is served twice a second, and never not at all', () => {
  const { run, lane, scheduler, share } = setUp();
  const lanes = [lane(), lane(), lane()];
  run(2000, lanes);
  scheduler.isBusy = true;
  const served = run(30_000, lanes);
  const bytes = lanes.map((one) => served.get(one) ?? 0);
  const turns = bytes.map((each) => each / share.chunkBytes);
  expect(turns.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(61);
  expect(Math.min(...turns)).toBeGreaterThanOrEqual(19);
});

test('whatever is put in comes out in order, and nobody is forgotten', () => {
  const step = fc.record({
    lane: fc.nat({ max: 4 }),
    bytes: fc.nat({ max: 30_000 }),
    ms: fc.nat({ max: 400 }),
    busy: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { clock, lane, scheduler, share } = setUp();
      const lanes = Array.from({ length: 5 }, lane);
      const [given, taken] = [lanes.map(() => [] as number[]), lanes.map(() => [] as number[])];
      let next = 0;
      let onWire = 0;
      const serve = () => {
        for (let turn = scheduler.next(); turn?.kind === 'lane'; turn = scheduler.next()) {
          expect(turn.bytes).toBeGreaterThan(0);
          expect(turn.bytes).toBeLessThanOrEqual(share.chunkBytes);
          taken[lanes.indexOf(turn.lane)]?.push(...turn.lane.take(turn.bytes));
          scheduler.served(turn.lane, turn.bytes);
          onWire += frameBytesOf(turn.bytes);
        }
      };
      for (const { lane: index, bytes, ms, busy } of steps) {
        const chunk = Buffer.from(Array.from({ length: bytes }, () => (next = (next + 1) % 251)));
        given[index]?.push(...chunk);
        const to = lanes[index] as Lane;
        to.add(chunk);
        scheduler.noteQueued(to);
        scheduler.isBusy = busy;
        serve();
        clock.advance(ms);
        serve();
      }
      for (let turn = scheduler.next(); turn !== undefined; turn = scheduler.next()) {
        if (turn.kind === 'wait') {
          expect(turn.ms).toBeGreaterThan(0);
          clock.advance(turn.ms);
        } else serve();
      }
      expect(taken).toEqual(given);
      const frame = frameBytesOf(share.chunkBytes);
      expect(onWire).toBeLessThanOrEqual(
        (clock.nowMs() / 1000) * share.dataRate + share.dataBurst + frame + 10,
      );
    }),
    { numRuns: 50 },
  );
});
