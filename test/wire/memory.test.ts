import { describe, expect, test } from 'vitest';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { Recorder, someTurns } from './recorder.ts';

function pair(options?: Parameters<typeof memoryWirePair>[0]) {
  const [one, other] = memoryWirePair(options);
  return { one, other, near: new Recorder(one).start(), far: new Recorder(other).start() };
}

describe('a memory wire', () => {
  test('delivers a write as one chunk, and says so when it was taken', async () => {
    const { near, far } = pair();
    far.wire.pause();
    const written = near.write('whole');
    await someTurns();
    expect(near.order).toEqual([]);
    far.wire.resume();
    expect(await written).toBeUndefined();
    expect(far.chunks.map(String)).toEqual(['whole']);
  });

  test('names framing and peer', () => {
    expect(memoryWirePair()[0]).toMatchObject({ framing: 'stream', peer: { text: 'memory' } });
    const peer = { address: '192.0.2.1', text: '192.0.2.1' };
    expect(memoryWirePair({ framing: 'messages', peer })[1]).toMatchObject({ framing: 'messages', peer });
  });

  test('closes by itself when the other side is destroyed, after what was sent', async () => {
    const { near, far } = pair();
    far.wire.pause();
    const bytes = Buffer.from('sent');
    void near.write(bytes);
    await someTurns();
    near.destroy();
    await near.closed;
    bytes.fill('x');
    far.wire.resume();
    expect(await far.closed).toBeUndefined();
    expect(far.text).toBe('sent');
    expect(far.order).toEqual(['chunk', 'end', 'closed']);
  });

  test('is broken when the other side is destroyed before it has taken everything', async () => {
    const { near, far } = pair();
    far.wire.pause();
    const written = near.write('untaken');
    far.destroy();
    expect(await written).toMatchObject({ code: 'EPIPE' });
    expect(await near.closed).toMatchObject({ code: 'EPIPE' });
  });

  test('is broken by a write after the other side has gone', async () => {
    const { one, near, far } = pair();
    one.pause();
    far.destroy();
    expect(await near.write('nobody')).toMatchObject({ code: 'EPIPE' });
    expect(await near.closed).toMatchObject({ code: 'EPIPE' });
  });

  test('can be reset: the other side loses what it has not taken', async () => {
    const { one, near, far } = pair();
    far.wire.pause();
    void near.write('lost');
    one.reset();
    one.reset();
    expect(await near.closed).toBeUndefined();
    expect(await far.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(far.order).toEqual(['closed']);
  });
});
