import { describe, expect, test } from 'vitest';
import { OutputQueue, type OutputQueueOptions } from '../../src/wire/output-queue.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const KIB = 1024;

/** The output of a wire: takes a write when the test says so. */
class SlowOutput {
  readonly writes: Buffer[] = [];
  readonly given: Uint8Array[] = [];
  hasEnded = false;
  #done: ((fault?: Error) => void) | undefined;

  wire(framing: Wire['framing'] = 'stream'): Wire {
    return {
      framing,
      peer: { text: 'test' },
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
