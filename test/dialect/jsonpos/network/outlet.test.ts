import { describe, expect, test } from 'vitest';
import { readData } from '../../../../src/dialect/jsonpos/network/data.ts';
import { Lane } from '../../../../src/dialect/jsonpos/network/lane.ts';
import { shareLink } from '../../../../src/dialect/jsonpos/network/link-share.ts';
import { Outlet } from '../../../../src/dialect/jsonpos/network/outlet.ts';
import { FakeClock } from '../../../kit/fake-clock.ts';

function setUp(linkSpeed = 10_240) {
  const clock = new FakeClock();
  const share = shareLink(linkSpeed);
  const sent: { key: string; bytes: Buffer; atMs: number }[] = [];
  const wire = { queued: 0 };
  const outlet = new Outlet({
    clock,
    share,
    queuedBytes: () => wire.queued,
    send: (params) => {
      const data = readData(Buffer.from(params));
      sent.push({ key: data?.id.key ?? '', bytes: data?.bytes ?? Buffer.alloc(0), atMs: clock.nowMs() });
    },
  });
  const events: string[] = [];
  const open = (key: string) => {
    const lane = new Lane({ key, text: key });
    outlet.open(lane, {
      room: () => void events.push(`${key} room`),
      drained: () => void events.push(`${key} drained`),
    });
    return lane;
  };
  const bytesOf = (key: string) =>
    Buffer.concat(sent.filter((each) => each.key === key).map(({ bytes }) => bytes));
  return { clock, share, outlet, sent, wire, open, events, bytesOf };
}

const pattern = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, at) => at % 251));

describe('an outlet', () => {
  test('sends the first chunk at once and the rest in its time', () => {
    const { clock, outlet, open, sent, bytesOf, share } = setUp();
    const lane = open('1');
    outlet.add(lane, pattern(6000));
    expect(sent).toHaveLength(1);
    clock.advance(2000);
    expect(bytesOf('1').equals(pattern(6000))).toBe(true);
    expect(sent.every(({ bytes }) => bytes.length <= share.chunkBytes)).toBe(true);
    expect(clock.timerCount).toBe(0);
  });

  test('says when a lane is full, and when there is room again', () => {
    const { clock, outlet, open, events, share } = setUp();
    const lane = open('1');
    expect(outlet.add(lane, Buffer.alloc(share.chunkBytes))).toBe(true);
    expect(outlet.add(lane, Buffer.alloc(share.queueBytes + share.chunkBytes + 1))).toBe(false);
    expect(events).toEqual([]);
    clock.advance(3000);
    expect(events).toEqual(['1 room']);
  });

  test('drains a lane that has ended, whether something waits in it or not', () => {
    const { clock, outlet, open, events, bytesOf } = setUp();
    const [empty, full] = [open('1'), open('2')];
    outlet.add(full, pattern(5000));
    outlet.end(empty);
    outlet.end(full);
    expect(events).toEqual(['1 drained']);
    outlet.add(full, pattern(10)); // too late
    clock.advance(5000);
    expect(events).toEqual(['1 drained', '2 drained']);
    expect(bytesOf('2')).toHaveLength(5000);
  });

  test('waits while the wire has enough to do, and goes on when it has taken something', () => {
    const { outlet, open, sent, wire } = setUp(Number.POSITIVE_INFINITY);
    const lane = open('1');
    wire.queued = 1_000_000;
    outlet.add(lane, pattern(100));
    expect(sent).toEqual([]);
    wire.queued = 0;
    outlet.pump();
    expect(sent).toHaveLength(1);
  });

  test('forgets what it is told to forget, and leaves no timer', () => {
    const { clock, outlet, open, sent, events } = setUp();
    const [one, other] = [open('1'), open('2')];
    outlet.add(one, pattern(50_000));
    outlet.add(other, pattern(50_000));
    outlet.close(one);
    const before = sent.length;
    clock.advance(1000);
    expect(sent.slice(before).every(({ key }) => key === '2')).toBe(true);
    outlet.closeAll();
    expect(clock.timerCount).toBe(0);
    clock.advance(60_000);
    outlet.add(other, pattern(1));
    outlet.end(other);
    expect(events).toEqual([]);
  });

  test('a lane that is ended from inside `room` is drained once', () => {
    const { clock, outlet, share } = setUp();
    const lane = new Lane({ key: '1', text: '1' });
    let drained = 0;
    outlet.open(lane, {
      room: () => outlet.end(lane),
      drained: () => {
        drained += 1;
      },
    });
    outlet.add(lane, pattern(share.queueBytes * 2));
    clock.advance(10_000);
    expect(drained).toBe(1);
  });
});
