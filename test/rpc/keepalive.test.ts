import { beforeEach, describe, expect, test } from 'vitest';
import { Keepalive } from '../../src/rpc/keepalive.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** What happened, with the second at which it did. */
let events: string[];
let clock: FakeClock;
let keepalive: Keepalive;
let onPing: (() => void) | undefined;

const note = (what: string) => void events.push(`${what} ${clock.nowMs() / 1000}`);

beforeEach(() => {
  events = [];
  onPing = undefined;
  clock = new FakeClock();
  keepalive = create();
});

function create(more: { pingAtOnce?: boolean } = {}): Keepalive {
  return new Keepalive({
    ...more,
    idleMs: 30_000,
    busyMs: 5000,
    limitMs: 20_000,
    clock,
    ping() {
      note('ping');
      onPing?.();
    },
    stale: () => note('stale'),
  });
}

const seconds = (count: number) => clock.advance(count * 1000);

describe('keepalives', () => {
  test('do not go out before the start', () => {
    seconds(1000);
    expect(events).toEqual([]);
    expect(clock.timerCount).toBe(0);
  });

  test('go out at the idle interval while they are answered', () => {
    onPing = () => keepalive.answered();
    keepalive.start();
    seconds(95);
    expect(events).toEqual(['ping 30', 'ping 60', 'ping 90']);
  });

  test('wait for the answer before the next one', () => {
    keepalive.setBusy(true);
    keepalive.start();
    seconds(20);
    keepalive.answered();
    seconds(6);
    expect(events).toEqual(['ping 5', 'ping 25']);
  });

  test('have one timer at most, however often anything is called', () => {
    for (let count = 0; count < 10; count += 1) {
      keepalive.start();
      keepalive.setBusy(count % 2 === 0);
      keepalive.answered();
      keepalive.progress();
      expect(clock.timerCount).toBe(1);
    }
  });

  test('come sooner when something becomes pending', () => {
    keepalive.start();
    seconds(10);
    keepalive.setBusy(true);
    seconds(6);
    keepalive.answered();
    seconds(6);
    expect(events).toEqual(['ping 15', 'ping 21']);
  });

  test('are not put off by becoming busy again and again', () => {
    keepalive.start();
    for (let second = 0; second < 30; second += 1) {
      keepalive.setBusy(true);
      keepalive.setBusy(false);
      seconds(1);
    }
    expect(events[0]).toBe('ping 5');
  });

  test('are not put off by becoming busy shortly before one is due', () => {
    keepalive.start();
    seconds(29);
    keepalive.setBusy(true);
    seconds(1);
    expect(events).toEqual(['ping 30']);
  });

  test('go back to the idle interval when nothing is pending any more', () => {
    onPing = () => keepalive.answered();
    keepalive.setBusy(true);
    keepalive.start();
    seconds(11);
    keepalive.setBusy(false);
    seconds(60);
    expect(events).toEqual(['ping 5', 'ping 10', 'ping 15', 'ping 45']);
  });
});

describe('keepalives that go out as soon as something is pending', () => {
  beforeEach(() => {
    keepalive = create({ pingAtOnce: true });
    keepalive.start();
  });

  test('do so when it begins, not while it lasts', () => {
    onPing = () => keepalive.answered();
    seconds(10);
    keepalive.setBusy(true);
    keepalive.setBusy(true);
    seconds(6);
    keepalive.setBusy(false);
    seconds(1);
    keepalive.setBusy(true);
    expect(events).toEqual(['ping 10', 'ping 15', 'ping 17']);
    expect(clock.timerCount).toBe(1);
  });

  test('are not sent beside one that is outstanding, which keeps its limit', () => {
    seconds(30);
    keepalive.setBusy(true);
    keepalive.setBusy(false);
    seconds(10);
    keepalive.setBusy(true);
    seconds(10);
    expect(events).toEqual(['ping 30', 'stale 50']);
  });

  test('are not sent while stopped', () => {
    keepalive.stop();
    keepalive.setBusy(true);
    seconds(100);
    expect(events).toEqual([]);
  });
});

describe('a peer', () => {
  test('that does not answer is stale, once', () => {
    keepalive.start();
    seconds(1000);
    expect(events).toEqual(['ping 30', 'stale 50']);
    keepalive.answered();
    keepalive.start();
    keepalive.setBusy(true);
    keepalive.suspendLimit();
    keepalive.stop();
    keepalive.start();
    seconds(1000);
    expect(events).toHaveLength(2);
    expect(clock.timerCount).toBe(0);
  });

  test('that answers at the last moment is not', () => {
    keepalive.start();
    clock.advance(49_999);
    keepalive.answered();
    seconds(29);
    expect(events).toEqual(['ping 30']);
  });

  test('whose answer lay unread when the limit ran out is not', () => {
    onPing = () => void clock.after(20_000, () => keepalive.answered());
    keepalive.start();
    seconds(1000);
    expect(events.slice(0, 3)).toEqual(['ping 30', 'ping 80', 'ping 130']);
    expect(events).not.toContainEqual(expect.stringContaining('stale'));
  });

  test('of whose answer a part lay unread when the limit ran out is given the limit anew', () => {
    onPing = () => void clock.after(20_000, () => keepalive.progress());
    keepalive.start();
    seconds(1000);
    expect(events).toEqual(['ping 30', 'stale 70']);
  });

  test('is not judged once it is stopped or cannot answer any more', () => {
    for (const end of [() => keepalive.stop(), () => keepalive.suspendLimit()]) {
      keepalive = create();
      onPing = () => void clock.after(20_000, end);
      keepalive.start();
      seconds(50);
      expect(events).not.toContainEqual(expect.stringContaining('stale'));
    }
  });

  test('in the middle of a long frame is given the limit anew', () => {
    keepalive.start();
    seconds(30);
    for (let count = 0; count < 10; count += 1) {
      seconds(19);
      keepalive.progress();
    }
    seconds(19);
    expect(events).toEqual(['ping 30']);
    seconds(1);
    expect(events).toEqual(['ping 30', 'stale 240']);
  });

  test('gains nothing by progress before it is asked', () => {
    keepalive.start();
    seconds(29);
    keepalive.progress();
    seconds(21);
    expect(events).toEqual(['ping 30', 'stale 50']);
  });

  test('gains nothing by an answer that nobody asked for', () => {
    keepalive.start();
    seconds(29);
    keepalive.answered();
    seconds(1);
    expect(events).toEqual(['ping 30']);
  });

  test('is not stale sooner because something becomes pending', () => {
    keepalive.start();
    seconds(30);
    keepalive.setBusy(true);
    seconds(19);
    expect(events).toEqual(['ping 30']);
  });
});

describe('without a limit', () => {
  test('keepalives go on, and no silence is stale', () => {
    keepalive.start();
    keepalive.suspendLimit();
    seconds(95);
    keepalive.answered();
    expect(events).toEqual(['ping 30', 'ping 60', 'ping 90']);
  });

  test('one that is outstanding is forgotten', () => {
    keepalive.start();
    seconds(40);
    keepalive.suspendLimit();
    seconds(31);
    expect(events).toEqual(['ping 30', 'ping 70']);
  });
});

describe('traffic', () => {
  test('puts the next one off by its whole time, and answers none that is out', () => {
    keepalive.start();
    seconds(29);
    keepalive.traffic();
    seconds(29);
    keepalive.traffic();
    seconds(30);
    expect(events).toEqual(['ping 88']);
    seconds(19);
    keepalive.traffic();
    seconds(1);
    expect(events).toEqual(['ping 88', 'stale 108']);
  });
});

describe('stopped', () => {
  test('nothing happens, whatever is called', () => {
    keepalive.start();
    seconds(35);
    keepalive.stop();
    keepalive.stop();
    keepalive.setBusy(true);
    keepalive.answered();
    keepalive.progress();
    keepalive.suspendLimit();
    seconds(1000);
    expect(events).toEqual(['ping 30']);
    expect(clock.timerCount).toBe(0);
  });

  test('from inside its own call, nothing follows', () => {
    onPing = () => keepalive.stop();
    keepalive.start();
    seconds(1000);
    expect(events).toEqual(['ping 30']);
    expect(clock.timerCount).toBe(0);
  });

  test('it can start again, with a full wait', () => {
    keepalive.start();
    seconds(35);
    keepalive.stop();
    seconds(100);
    keepalive.start();
    seconds(29);
    keepalive.answered();
    seconds(1);
    expect(events).toEqual(['ping 30', 'ping 165']);
  });
});

test('a timer that fires early is set again', () => {
  const early = new FakeClock();
  const after = early.after.bind(early);
  early.after = (delayMs, run) => after(delayMs > 1 ? delayMs - 0.5 : delayMs, run);
  const pings: number[] = [];
  const eager = new Keepalive({
    idleMs: 100,
    busyMs: 100,
    limitMs: 100,
    clock: early,
    ping: () => void pings.push(early.nowMs()),
    stale: () => {},
  });
  eager.start();
  early.advance(99.5);
  expect(pings).toEqual([]);
  early.advance(1);
  expect(pings).toHaveLength(1);
});
