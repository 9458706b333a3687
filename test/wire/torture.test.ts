import { describe, expect, test } from 'vitest';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { tortureWire } from '../../src/wire/torture.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { wireContract } from './contract.ts';
import { pattern, Recorder, someTurns } from './recorder.ts';

const FEW = { bulkBytes: 1024, longBytes: 50_000 };
wireContract('tortured memory', async () => tortured(), FEW);
wireContract(
  'memory, the other side tortured',
  async () => {
    const { near, far } = tortured();
    return { near: far, far: near };
  },
  FEW,
);

function tortured() {
  const [one, far] = memoryWirePair();
  return { near: tortureWire(one), far };
}

function pair() {
  const { near, far } = tortured();
  return { near: new Recorder(near), far: new Recorder(far).start(), other: far };
}

describe('a tortured wire', () => {
  test('hands input on a byte at a time', async () => {
    const { near, far } = pair();
    near.start();
    const bytes = pattern(20_000);
    await far.write(bytes);
    expect((await near.received(bytes.length)).equals(bytes)).toBe(true);
    expect(near.chunks.every((chunk) => chunk.length === 1)).toBe(true);
    expect(near.chunks).toHaveLength(bytes.length);
  });

  test('hands output on a byte at a time', async () => {
    const { near, far } = pair();
    near.start();
    expect(await near.write('one by one')).toBeUndefined();
    expect(await near.write('')).toBeUndefined();
    await someTurns();
    expect(far.chunks.map(String)).toEqual([...'one by one', '']);
  });

  test('keeps bytes that wait while it is paused apart as well', async () => {
    const { near, far } = pair();
    near.wire.pause();
    near.start();
    void far.write('waits');
    await someTurns();
    expect(near.order).toEqual([]);
    near.onChunk = () => near.wire.pause();
    for (let bytes = 1; bytes <= 5; bytes += 1) {
      near.wire.resume();
      await near.received(bytes);
      await someTurns();
      expect(near.bytes).toBe(bytes);
    }
    expect(near.chunks.map(String)).toEqual([...'waits']);
  });

  test('takes little more than one chunk while it is paused', async () => {
    const { near, far } = pair();
    near.start();
    near.wire.pause();
    let taken = 0;
    const writing = (async () => {
      for (; taken < 20; taken += 1) await far.write(Buffer.alloc(32 * 1024));
    })();
    await someTurns();
    expect(taken).toBeLessThanOrEqual(1);
    near.wire.resume();
    await writing;
    expect((await near.received(20 * 32 * 1024)).length).toBe(20 * 32 * 1024);
  });

  test('passes on what has arrived before a fault closes it', async () => {
    const { near, far, other } = pair();
    near.start();
    await far.write('last words');
    other.reset();
    expect(await near.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(near.text).toBe('last words');
    expect(near.order.slice(-2)).toEqual(['chunk', 'closed']);
  });

  test('closes for a fault while it is paused, without what waits', async () => {
    const { near, far, other } = pair();
    near.start();
    near.onChunk = () => near.wire.pause();
    await far.write('cut');
    await near.received(1);
    other.reset();
    expect(await near.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(near.text).toBe('c');
    near.wire.resume();
    await someTurns();
    expect(near.order).toEqual(['chunk', 'closed']);
  });

  test('closes when it is paused or destroyed after the fault', async () => {
    for (const act of ['pause', 'destroy'] as const) {
      const { near, far, other } = pair();
      near.start();
      let isLost = false;
      near.onChunk = () => {
        if (isLost) return;
        isLost = true;
        other.reset();
        setImmediate(() => setImmediate(() => near.act(act, () => near.wire[act]())));
      };
      await far.write(pattern(30_000));
      await near.closed;
      expect(near.order.at(-1)).toBe('closed');
      expect(near.violations).toEqual([]);
    }
  });

  test('resets the wire as well', async () => {
    const { near, far } = pair();
    near.start();
    near.wire.reset?.();
    expect(await near.closed).toBeUndefined();
    expect(await far.closed).toMatchObject({ code: 'ECONNRESET' });
  });

  test('ends output after the whole of the write under way', async () => {
    const { near, far } = pair();
    near.start();
    void near.write('to the end');
    near.wire.endOutput();
    await far.ended;
    expect(far.text).toBe('to the end');
  });

  test('is the wire itself where messages have borders', () => {
    const [wire]: Wire[] = memoryWirePair({ framing: 'messages' });
    expect(wire && tortureWire(wire)).toBe(wire);
  });
});
