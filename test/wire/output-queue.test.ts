import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OutputQueue, type OutputQueueOptions } from '../../src/wire/output-queue.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { seededRandom } from '../kit/random.ts';

const KIB = 1024;

/** The output of a wire: takes a write when the test says so. */
class SlowOutput {
  readonly writes: Buffer[] = [];
  readonly given: Uint8Array[] = [];
  hasEnded = false;
  /** What the wire tells of a write. */
  isTaken: boolean | undefined;
  #done: ((fault?: Error) => void) | undefined;

  wire(framing: Wire['framing'] = 'stream'): Wire {
    const output = this;
    return {
      framing,
      peer: { text: 'test' },
      get isTaken() {
        return output.isTaken ?? false;
      },
      start() {},
      write: (bytes, done) => {
        if (this.#done !== undefined) throw new TypeError('two writes at a time');
        this.writes.push(Buffer.from(bytes));
        this.given.push(bytes);
        this.#done = done;
      },
      pause() {},
      resume() {},
      endOutput: () => {
        this.hasEnded = true;
      },
      destroy() {},
    };
  }

  get isWriting(): boolean {
    return this.#done !== undefined;
  }

  take(fault?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(fault);
  }

  takeAll(): void {
    while (this.isWriting) this.take();
  }

  get text(): string {
    return Buffer.concat(this.writes).toString();
  }
}

function queueOn(output: SlowOutput, options: Partial<OutputQueueOptions> = {}, framing?: Wire['framing']) {
  const clock = new FakeClock();
  return { clock, queue: new OutputQueue(output.wire(framing), { clock, ...options }) };
}

describe('an output queue', () => {
  test('hands a frame over in the same turn and without a copy when nothing is under way', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    const frame = Buffer.from('now');
    queue.push(frame, 'normal');
    expect(output.given).toEqual([frame]);
    expect(output.given[0]).toBe(frame);
  });

  test('joins what was pushed while a write was under way', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    for (const text of ['a', 'b', 'c', 'd']) queue.push(Buffer.from(text), 'normal');
    output.takeAll();
    expect(output.writes.map(String)).toEqual(['a', 'bcd']);
  });

  test('lets urgent frames overtake normal ones, in their own order', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    for (const text of ['1', '2', '3']) queue.push(Buffer.from(text), 'normal');
    for (const text of ['A', 'B']) queue.push(Buffer.from(text), 'urgent');
    output.takeAll();
    expect(output.text).toBe('1AB23');
  });

  test('slices a long frame, and lets an urgent one wait for its end only', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    const long = Buffer.alloc(40 * KIB, 'l');
    queue.push(long, 'normal');
    queue.push(Buffer.alloc(20 * KIB, 'm'), 'normal');
    queue.push(Buffer.from('URGENT'), 'urgent');
    output.takeAll();
    expect(output.writes.map((bytes) => bytes.length)).toEqual([
      16 * KIB,
      16 * KIB,
      8 * KIB + 6,
      16 * KIB,
      4 * KIB,
    ]);
    expect(output.text).toBe(`${'l'.repeat(40 * KIB)}URGENT${'m'.repeat(20 * KIB)}`);
    expect(output.given[0]?.buffer).toBe(long.buffer);
  });

  test('never writes more than 16 KiB at a time, whatever the sizes', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    let expected = '';
    for (let n = 0; n < 300; n++) {
      const frame = Buffer.alloc((n * 7919) % (40 * KIB), String.fromCharCode(97 + (n % 26)));
      expected += frame;
      queue.push(frame, 'normal');
    }
    output.takeAll();
    expect(output.text === expected).toBe(true);
    expect(Math.max(...output.writes.map((bytes) => bytes.length))).toBe(16 * KIB);
    expect(queue.queuedBytes).toBe(0);
  });

  test('writes each frame by itself on a wire of messages, however long', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output, {}, 'messages');
    queue.push(Buffer.from('1'), 'normal');
    queue.push(Buffer.alloc(100 * KIB, '2'), 'normal');
    queue.push(Buffer.from('3'), 'normal');
    queue.push(Buffer.from('U'), 'urgent');
    output.takeAll();
    expect(output.writes.map((bytes) => bytes.length)).toEqual([1, 1, 100 * KIB, 1]);
    expect(String(output.writes[1])).toBe('U');
  });

  test('counts what is queued, the write under way included', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    queue.push(Buffer.alloc(20 * KIB), 'normal');
    queue.push(Buffer.alloc(KIB), 'urgent');
    expect(queue.queuedBytes).toBe(21 * KIB);
    output.take();
    expect(queue.queuedBytes).toBe(5 * KIB);
    output.takeAll();
    expect(queue.queuedBytes).toBe(0);
  });

  test('tells when it becomes high, and when half of that is left', () => {
    const output = new SlowOutput();
    const high: boolean[] = [];
    const { queue } = queueOn(output, { onHigh: (isHigh) => high.push(isHigh) });
    queue.push(Buffer.alloc(1024 * KIB), 'normal');
    expect(high).toEqual([]);
    queue.push(Buffer.alloc(1), 'normal');
    queue.push(Buffer.alloc(KIB), 'normal');
    expect(high).toEqual([true]);
    while (queue.queuedBytes > 512 * KIB) {
      expect(high).toEqual([true]);
      output.take();
    }
    expect(high).toEqual([true, false]);
    output.takeAll();
    expect(high).toEqual([true, false]);
  });

  test('ends output when everything is written, and takes nothing after that', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    let ended = 0;
    queue.push(Buffer.from('one '), 'normal');
    queue.push(Buffer.from('two'), 'normal');
    queue.end(() => {
      ended += 1;
    });
    queue.end();
    queue.push(Buffer.from('three'), 'normal');
    expect(output.hasEnded).toBe(false);
    output.takeAll();
    expect([output.text, output.hasEnded, ended]).toEqual(['one two', true, 1]);
  });

  test('ends output at once when nothing is queued', () => {
    const output = new SlowOutput();
    queueOn(output).queue.end();
    expect(output.hasEnded).toBe(true);
  });

  test('forgets what is queued when it is abandoned, and leaves no timer behind', () => {
    const output = new SlowOutput();
    const calls: string[] = [];
    const { queue, clock } = queueOn(output, {
      onHigh: () => calls.push('high'),
      onStalled: () => calls.push('stalled'),
    });
    queue.push(Buffer.from('under way'), 'normal');
    queue.push(Buffer.from('waiting'), 'normal');
    queue.end(() => calls.push('ended'));
    queue.abandon();
    expect([queue.queuedBytes, clock.timerCount]).toEqual([0, 0]);
    output.takeAll();
    queue.push(Buffer.from('later'), 'urgent');
    clock.advance(100_000);
    expect([output.text, output.hasEnded, calls]).toEqual(['under way', false, []]);
  });

  test('is over when a write fails', () => {
    const output = new SlowOutput();
    const { queue, clock } = queueOn(output);
    queue.push(Buffer.from('one'), 'normal');
    queue.push(Buffer.from('two'), 'normal');
    output.take(new Error('gone'));
    queue.push(Buffer.from('three'), 'normal');
    expect([output.text, queue.queuedBytes, clock.timerCount]).toEqual(['one', 0, 0]);
  });

  test('reports once that nothing is taken any more; a slow wire is not a stalled one', () => {
    const output = new SlowOutput();
    let stalled = 0;
    const { queue, clock } = queueOn(output, { onStalled: () => (stalled += 1) });
    queue.push(Buffer.alloc(64 * KIB), 'normal');
    for (let n = 0; n < 3; n++) {
      clock.advance(29_999);
      output.take();
    }
    expect(stalled).toBe(0);
    clock.advance(30_000);
    expect(stalled).toBe(1);
    output.take();
    queue.push(Buffer.from('more'), 'normal');
    clock.advance(90_000);
    expect(stalled).toBe(1);
  });

  test('has no timer while nothing is queued', () => {
    const output = new SlowOutput();
    const { queue, clock } = queueOn(output);
    queue.push(Buffer.from('x'), 'normal');
    expect(clock.timerCount).toBe(1);
    output.take();
    expect(clock.timerCount).toBe(0);
  });

  describe('on a wire that is delivering a chunk', () => {
    function delivering(options: Partial<OutputQueueOptions> = {}) {
      const output = new SlowOutput();
      const clock = new FakeClock();
      const wire = { ...output.wire(), isDelivering: true };
      return { output, clock, wire, queue: new OutputQueue(wire, { clock, ...options }) };
    }

    test('joins the urgent frames of the chunk, and writes them in the same turn', async () => {
      const { output, queue } = delivering();
      for (const text of ['A', 'B', 'C']) queue.push(Buffer.from(text), 'urgent');
      expect([output.writes, queue.queuedBytes]).toEqual([[], 3]);
      await Promise.resolve();
      expect(output.writes.map(String)).toEqual(['ABC']);
      queue.push(Buffer.from('D'), 'urgent');
      await Promise.resolve();
      output.takeAll();
      expect(output.writes.map(String)).toEqual(['ABC', 'D']);
    });

    test('lets no frame wait behind them, and keeps their order', () => {
      const { output, queue } = delivering();
      queue.push(Buffer.from('A'), 'urgent');
      queue.push(Buffer.from('1'), 'normal');
      expect(output.writes.map(String)).toEqual(['A1']);
    });

    test('writes them before it ends, forgets them when it is abandoned', async () => {
      const ending = delivering();
      ending.queue.push(Buffer.from('A'), 'urgent');
      ending.queue.end();
      ending.output.takeAll();
      expect([ending.output.text, ending.output.hasEnded]).toEqual(['A', true]);

      const abandoned = delivering();
      abandoned.queue.push(Buffer.from('A'), 'urgent');
      abandoned.queue.abandon();
      await Promise.resolve();
      expect([abandoned.output.writes, abandoned.clock.timerCount]).toEqual([[], 0]);
    });

    test('begins them before what waits is discarded', async () => {
      const { output, queue } = delivering();
      queue.push(Buffer.from('A'), 'urgent');
      queue.discard();
      queue.push(Buffer.from('B'), 'urgent');
      await Promise.resolve();
      output.takeAll();
      expect(output.writes.map(String)).toEqual(['A', 'B']);
    });

    test('keeps to the speed of the link', async () => {
      const { output, clock, queue } = delivering({ linkSpeed: 1000 });
      queue.push(Buffer.alloc(400), 'urgent');
      await Promise.resolve();
      for (let turn = 0; turn < 10; turn += 1) {
        output.takeAll();
        clock.advance(25);
      }
      expect(output.writes[0]?.length).toBe(250);
      expect(output.text.length).toBe(400);
    });
  });

  test('takes and joins a million small frames', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    const frame = Buffer.from('x');
    for (let n = 0; n < 1_000_000; n++) queue.push(frame, n % 2 === 0 ? 'normal' : 'urgent');
    output.takeAll();
    expect(output.text.length).toBe(1_000_000);
    expect(output.writes.length).toBeLessThan(70);
  });
});

/** A stream that the kernel takes everything of at once; what it took, and when. */
class PacedOutput {
  readonly pieces: { readonly atMs: number; readonly text: string }[] = [];
  readonly queue: OutputQueue;
  readonly clock = new FakeClock();
  hasEnded = false;

  constructor(
    linkSpeed: number,
    options: Partial<OutputQueueOptions> = {},
    framing: Wire['framing'] = 'stream',
  ) {
    const { clock } = this;
    const wire: Wire = {
      framing,
      peer: { text: 'test' },
      start() {},
      write: (bytes, done) => {
        this.pieces.push({ atMs: clock.nowMs(), text: Buffer.from(bytes).toString('latin1') });
        clock.after(0, () => done());
      },
      pause() {},
      resume() {},
      endOutput: () => {
        this.hasEnded = true;
      },
      destroy() {},
    };
    this.queue = new OutputQueue(wire, { clock, linkSpeed, ...options });
  }

  get text(): string {
    return this.pieces.map(({ text }) => text).join('');
  }

  /** The most bytes that the link has not carried yet, if it carries `linkSpeed` bytes per second. */
  backlog(linkSpeed: number): number {
    let most = 0;
    let bytes = 0;
    let lastMs = 0;
    for (const { atMs, text } of this.pieces) {
      bytes = Math.max(0, bytes - ((atMs - lastMs) * linkSpeed) / 1000) + text.length;
      lastMs = atMs;
      most = Math.max(most, bytes);
    }
    return most;
  }
}

describe('an output queue on a slow link', () => {
  test('writes at its speed, a quarter of a second of it at once, in pieces of 256 bytes', () => {
    const output = new PacedOutput(2000);
    output.queue.push(Buffer.alloc(10_500, 'x'), 'normal');
    output.clock.advance(0);
    expect(output.pieces.map(({ text }) => text.length)).toEqual([256]);
    output.clock.advance(10);
    expect(output.text.length).toBe(512);
    output.clock.advance(4990);
    expect(output.text.length).toBeLessThanOrEqual(10_500);
    expect(output.text.length).toBeGreaterThan(10_500 - 256);
    output.clock.advance(250);
    expect(output.text.length).toBe(10_500);
    expect(Math.max(...output.pieces.map(({ text }) => text.length))).toBe(256);
    expect(output.clock.timerCount).toBe(0);
  });

  test('writes pieces of no more than its burst, on the slowest of links too', () => {
    for (const linkSpeed of [1, 3, 30, 120, 960]) {
      const output = new PacedOutput(linkSpeed);
      output.queue.push(Buffer.alloc(linkSpeed * 10, 'x'), 'normal');
      output.clock.advance(10_000);
      expect(output.text.length).toBe(linkSpeed * 10);
      const largest = Math.max(...output.pieces.map(({ text }) => text.length));
      expect(largest).toBeLessThanOrEqual(Math.max(1, linkSpeed / 4));
    }
  });

  test('lets urgent frames overtake what waits, and never cuts a frame', () => {
    const output = new PacedOutput(1000);
    output.queue.push(Buffer.from(`<${'a'.repeat(2000)}>`), 'normal');
    output.queue.push(Buffer.from(`<${'b'.repeat(2000)}>`), 'normal');
    output.clock.advance(1000);
    output.queue.push(Buffer.from('<URGENT>'), 'urgent');
    output.clock.advance(10_000);
    expect(output.text).toBe(`<${'a'.repeat(2000)}><URGENT><${'b'.repeat(2000)}>`);
  });

  test('answers keepalives within 5 s while 200 KB of frames wait at 960 bytes per second', () => {
    const random = seededRandom(7);
    const output = new PacedOutput(960);
    let queued = 0;
    for (let n = 0; queued < 200 * KIB; n += 1) {
      const frame = Buffer.alloc(1 + Math.floor(random() * 2 * KIB), n % 2 === 0 ? '.' : ',');
      output.queue.push(frame, 'normal');
      queued += frame.length;
    }
    const asked: number[] = [];
    const answeredMs: number[] = [];
    while (output.text.length < 200 * KIB) {
      output.clock.advance(Math.floor(random() * 8000));
      asked.push(output.clock.nowMs());
      output.queue.push(Buffer.from(`[${'k'.repeat(78)}]`), 'urgent');
    }
    output.clock.advance(10_000);
    for (const { atMs, text } of output.pieces) {
      for (const letter of text) if (letter === ']') answeredMs.push(atMs);
    }
    expect(asked.length).toBeGreaterThan(20);
    expect(answeredMs).toHaveLength(asked.length);
    // What the kernel still holds of the link's time is a quarter of a second at most.
    for (const [n, atMs] of asked.entries()) expect((answeredMs[n] as number) - atMs).toBeLessThan(4500);
    expect(output.backlog(960)).toBeLessThan(960);
  });

  test('keeps its whole messages on a wire of messages, and its speed', () => {
    const output = new PacedOutput(1000, {}, 'messages');
    for (const letter of 'abc') output.queue.push(Buffer.alloc(2000, letter), 'normal');
    output.queue.end();
    output.clock.advance(0);
    expect(output.pieces).toHaveLength(1);
    output.clock.advance(1999);
    expect(output.pieces).toHaveLength(1);
    output.clock.advance(1);
    expect(output.pieces).toHaveLength(2);
    output.clock.advance(2000);
    expect(output.pieces.map(({ text }) => text.length)).toEqual([2000, 2000, 2000]);
    expect(output.hasEnded).toBe(true);
  });

  test('counts no stall while it waits for the link', () => {
    let stalled = 0;
    const output = new PacedOutput(10, { onStalled: () => (stalled += 1) });
    output.queue.push(Buffer.alloc(10_000, 'x'), 'normal');
    output.clock.advance(1_000_000);
    expect([stalled, output.queue.queuedBytes]).toEqual([0, 0]);
  });

  test('reports a frame of more than 4 s of the link, once, and sends it', () => {
    const slow: number[] = [];
    const output = new PacedOutput(1000, { onSlowFrame: (bytes) => slow.push(bytes) });
    output.queue.push(Buffer.alloc(4000), 'normal');
    expect(slow).toEqual([]);
    output.queue.push(Buffer.alloc(4001), 'normal');
    output.queue.push(Buffer.alloc(9000), 'normal');
    expect(slow).toEqual([4001]);
    output.clock.advance(20_000);
    expect(output.text.length).toBe(17_001);
  });

  test('ends output when the link has been given everything', () => {
    const output = new PacedOutput(1000);
    output.queue.push(Buffer.alloc(2000, 'x'), 'normal');
    output.queue.end();
    output.clock.advance(1700);
    expect(output.hasEnded).toBe(false);
    output.clock.advance(100);
    expect([output.hasEnded, output.text.length, output.clock.timerCount]).toEqual([true, 2000, 0]);
  });

  test('leaves no timer behind when it is abandoned', () => {
    const output = new PacedOutput(1000);
    output.queue.push(Buffer.alloc(2000, 'x'), 'normal');
    output.clock.advance(1);
    expect(output.clock.timerCount).toBe(1);
    output.queue.abandon();
    output.clock.advance(10_000);
    expect([output.clock.timerCount, output.text.length]).toEqual([0, 250]);
  });
});

describe('discarding what waits', () => {
  test('forgets what is not begun; what is being written comes out whole', () => {
    const output = new SlowOutput();
    const high: boolean[] = [];
    const { queue } = queueOn(output, { onHigh: (isHigh) => high.push(isHigh) });
    queue.push(Buffer.alloc(40 * KIB, 'l'), 'normal');
    queue.push(Buffer.alloc(2 * KIB * KIB, 'm'), 'normal');
    queue.push(Buffer.from('URGENT'), 'urgent');
    expect(high).toEqual([true]);
    queue.discard();
    expect([queue.queuedBytes, high]).toEqual([40 * KIB, [true, false]]);
    queue.push(Buffer.from('new'), 'normal');
    output.takeAll();
    expect(output.text).toBe(`${'l'.repeat(40 * KIB)}new`);
    expect(queue.queuedBytes).toBe(0);
  });

  test('of nothing is nothing, also when it is over', () => {
    const output = new SlowOutput();
    const { queue } = queueOn(output);
    queue.discard();
    queue.push(Buffer.from('x'), 'normal');
    queue.discard();
    output.takeAll();
    queue.end();
    queue.discard();
    queue.abandon();
    queue.discard();
    expect([output.text, output.hasEnded, queue.queuedBytes]).toEqual(['x', true, 0]);
  });

  test('lets an output that was to end do so', () => {
    const output = new PacedOutput(1000);
    output.queue.push(Buffer.alloc(250, 'x'), 'normal');
    output.clock.advance(0);
    output.queue.push(Buffer.alloc(5000, 'y'), 'normal');
    output.queue.end();
    expect(output.hasEnded).toBe(false);
    output.queue.discard();
    expect([output.hasEnded, output.clock.timerCount]).toEqual([true, 0]);
  });
});

test('whatever is pushed comes out whole, in order by urgency, and within the rate', () => {
  const step = fc.record({
    bytes: fc.integer({ min: 3, max: 3000 }), // no two frames are the same
    isUrgent: fc.boolean(),
    waitMs: fc.oneof(fc.constant(0), fc.nat(3000)),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 20_000 }),
      fc.array(step, { maxLength: 40 }),
      (linkSpeed, steps) => {
        const output = new PacedOutput(linkSpeed);
        const frames = { urgent: [] as string[], normal: [] as string[] };
        for (const [n, { bytes, isUrgent, waitMs }] of steps.entries()) {
          const letter = String.fromCharCode(0x100 - 1 - n);
          const frame = `<${letter.repeat(bytes - 2)}>`;
          frames[isUrgent ? 'urgent' : 'normal'].push(frame);
          output.queue.push(Buffer.from(frame, 'latin1'), isUrgent ? 'urgent' : 'normal');
          output.clock.advance(waitMs);
        }
        output.clock.advance(10_000_000);
        const written = output.text.match(/<[^<>]*>/g) ?? [];
        expect(written.join('')).toBe(output.text);
        const urgent = new Set(frames.urgent);
        expect(written.filter((frame) => urgent.has(frame))).toEqual(
          frames.urgent.filter((frame) => urgent.has(frame)),
        );
        expect([...written].sort()).toEqual([...frames.urgent, ...frames.normal].sort());
        const order = written.filter((frame) => !urgent.has(frame));
        expect(order).toEqual(frames.normal.filter((frame) => !urgent.has(frame)));
        expect(output.backlog(linkSpeed)).toBeLessThanOrEqual(Math.max(1, linkSpeed / 4) + 0.001);
        expect(output.clock.timerCount).toBe(0);
      },
    ),
  );
});

describe('a queue whose link gets a speed later', () => {
  test('paces what is queued and what comes after', () => {
    const output = new SlowOutput();
    const { clock, queue } = queueOn(output);
    queue.push(Buffer.alloc(1000), 'normal');
    output.takeAll();
    expect(output.writes.map(({ length }) => length)).toEqual([1000]);
    queue.pace(1024);
    queue.push(Buffer.alloc(1024), 'normal');
    output.takeAll();
    // The burst is a quarter of a second.
    expect(output.writes.slice(1).map(({ length }) => length)).toEqual([256]);
    for (let ms = 0; ms < 750; ms += 250) {
      clock.advance(250);
      output.takeAll();
    }
    expect(output.writes.slice(1).map(({ length }) => length)).toEqual([256, 256, 256, 256]);
    expect(clock.timerCount).toBe(0);
  });

  test('tells whenever the wire has taken something', () => {
    const output = new SlowOutput();
    let queue: OutputQueue | undefined;
    const left: (number | undefined)[] = [];
    ({ queue } = queueOn(output, { onWritten: () => left.push(queue?.queuedBytes) }));
    queue.push(Buffer.alloc(20 * KIB), 'normal');
    output.takeAll();
    expect(left).toEqual([4 * KIB, 0]);
    queue.push(Buffer.alloc(1), 'normal');
    output.take(new Error('gone'));
    expect(left).toHaveLength(2);
  });
});

test('watches over a write that is not taken at once, and over no other', () => {
  const output = new SlowOutput();
  let stalls = 0;
  const { clock, queue } = queueOn(output, { stallMs: 1000, onStalled: () => (stalls += 1) });
  output.isTaken = true;
  queue.push(Buffer.from('taken'), 'normal');
  expect(clock.timerCount).toBe(0);
  output.take();
  output.isTaken = false;
  queue.push(Buffer.from('slow'), 'normal');
  expect(clock.timerCount).toBe(1);
  output.take();
  expect(clock.timerCount).toBe(0);
  queue.push(Buffer.from('stuck'), 'normal');
  clock.advance(1000);
  expect([clock.timerCount, stalls]).toEqual([0, 1]);
});
