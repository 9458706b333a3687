import { afterEach, describe, expect, test } from 'vitest';
import type { Wire } from '../../src/wire/wire.ts';
import { pattern, Recorder, someTurns, writePieces } from './recorder.ts';

export interface WirePair {
  readonly near: Wire;
  readonly far: Wire;
  /** Resolves when both ends have heard all calls so far (an end may live in another process). */
  readonly settled?: () => Promise<void>;
  /** After the test: whatever the wires do not give back themselves. */
  readonly close?: () => Promise<void> | void;
}

export interface Traits {
  /** One direction can end while the other goes on. Default true. */
  readonly halfClose?: boolean;
  /** The peer hears of the end: of output, and of the wire. A serial line tells nobody. Default true. */
  readonly carriesEnd?: boolean;
  /** Both ends live in this process: what they do is felt in the same turn. Default true. */
  readonly isLocal?: boolean;
  /** What a long transfer is. Default 3 MiB and a bit. */
  readonly longBytes?: number;
  /** More than all buffers between the two ends hold. Default 24 MiB. */
  readonly bulkBytes?: number;
  /** What carries it serves no direction while it waits for the other one, as socat does. Default false. */
  readonly oneWayAtATime?: boolean;
}

/** What every wire promises, whatever carries it. */
export function wireContract(name: string, open: () => Promise<WirePair>, traits: Traits = {}): void {
  const { carriesEnd = true, halfClose = carriesEnd, isLocal = true, oneWayAtATime = false } = traits;
  const { bulkBytes = 24 * 1024 * 1024, longBytes = 3 * 1024 * 1024 + 17 } = traits;
  const opened: WirePair[] = [];

  async function openPair() {
    const pair = await open();
    opened.push(pair);
    const near = new Recorder(pair.near);
    const far = new Recorder(pair.far);
    return { near, far, settled: pair.settled ?? (async () => {}) };
  }

  async function openStarted() {
    const pair = await openPair();
    pair.near.start();
    pair.far.start();
    await pair.settled();
    return pair;
  }

  afterEach(async () => {
    for (const pair of opened.splice(0)) {
      pair.near.destroy();
      pair.far.destroy();
      await pair.close?.();
    }
  });

  function pieceBytes(recorder: Recorder): number {
    return recorder.wire.framing === 'messages' ? 64 * 1024 : 1024 * 1024;
  }

  async function witness(from: Recorder, to: Recorder): Promise<void> {
    await from.write('still writing');
    await to.received(13);
  }

  describe(`${name}: the contract of every wire`, () => {
    test('carries bytes both ways at once, in order and whole', async () => {
      const { near, far } = await openStarted();
      const bytes = pattern(longBytes);
      const [nearFault, farFault] = await Promise.all([
        writePieces(near, bytes, pieceBytes(near)),
        writePieces(far, bytes, pieceBytes(far)),
      ]);
      expect([nearFault, farFault]).toEqual([undefined, undefined]);
      expect((await far.received(bytes.length)).equals(bytes)).toBe(true);
      expect((await near.received(bytes.length)).equals(bytes)).toBe(true);
      expect([...near.violations, ...far.violations]).toEqual([]);
    });

    test('says nothing before start, and keeps what arrives until then', async () => {
      const { near, far, settled } = await openPair();
      near.start();
      expect(await Promise.race([near.write('early'), settled().then(someTurns)])).toBeUndefined();
      expect(far.order).toEqual([]);
      far.start();
      expect((await far.received(5)).toString()).toBe('early');
    });

    test.runIf(isLocal)('refuses a second start and a second write under way', async () => {
      const { near } = await openPair();
      near.start();
      void near.write('one');
      expect(() => near.start()).toThrow(TypeError);
      expect(() => near.wire.write(Buffer.from('two'), () => {})).toThrow(TypeError);
    });

    test.runIf(halfClose)(
      'reports the end of input once, after the last chunk, and still takes output',
      async () => {
        const { near, far } = await openStarted();
        await near.write('question');
        near.wire.endOutput();
        near.wire.endOutput();
        await far.ended;
        expect(far.text).toBe('question');
        expect(await far.write('answer')).toBeUndefined();
        expect((await near.received(6)).toString()).toBe('answer');
        expect(far.outline).toEqual(['chunk', 'end', 'done']);
        expect([...near.violations, ...far.violations]).toEqual([]);
      },
    );

    test('reports a write after endOutput as a fault, from a later turn', async () => {
      const { near } = await openStarted();
      near.wire.endOutput();
      expect(await near.write('too late')).toBeInstanceOf(Error);
      expect(near.violations).toEqual([]);
    });

    test.runIf(carriesEnd)('closes without a fault when both directions have ended', async () => {
      const { near, far } = await openStarted();
      await near.write('last words');
      near.wire.endOutput();
      await far.ended;
      far.wire.endOutput();
      expect(await near.closed).toBeUndefined();
      expect(await far.closed).toBeUndefined();
      await someTurns();
      expect(near.order).toEqual(['done', 'end', 'closed']);
      expect(far.outline).toEqual(['chunk', 'end', 'closed']);
    });

    test.runIf(carriesEnd)('writes what is under way before it ends output', async () => {
      const { near, far } = await openStarted();
      const bytes = pattern(Math.min(longBytes, pieceBytes(near)));
      void near.write(bytes);
      near.wire.endOutput();
      await far.ended;
      expect(Buffer.concat(far.chunks).equals(bytes)).toBe(true);
    });

    test('answers destroy with closed, once, from a later turn, and the other side reads the end', async () => {
      const { near, far } = await openStarted();
      near.destroy();
      near.destroy();
      expect(near.order).toEqual([]);
      expect(await near.closed).toBeUndefined();
      if (carriesEnd) await (halfClose ? far.ended : far.closed);
      near.destroy();
      await someTurns();
      expect(near.order).toEqual(['closed']);
      expect(near.violations).toEqual([]);
    });

    test('reports closed after start when it was destroyed before', async () => {
      const { near, far } = await openPair();
      far.start();
      near.destroy();
      if (carriesEnd) await (halfClose ? far.ended : far.closed);
      await someTurns();
      expect(near.order).toEqual([]);
      near.start();
      expect(await near.closed).toBeUndefined();
      expect(near.order).toEqual(['closed']);
      expect(near.violations).toEqual([]);
    });

    test('fails the write under way before closed when it is destroyed', async () => {
      const { near, far, settled } = await openPair();
      near.start();
      const written = writePieces(near, Buffer.alloc(bulkBytes), bulkBytes);
      await settled();
      near.destroy();
      expect(await written).toBeInstanceOf(Error);
      expect(await near.closed).toBeUndefined();
      expect(near.order.slice(-2)).toEqual(['failed', 'closed']);
      expect(await near.write('after')).toBeInstanceOf(Error);
      expect([...near.violations, ...far.violations]).toEqual([]);
    });

    test.runIf(carriesEnd)(
      'fails the write under way before closed when the other side goes away',
      async () => {
        const { near, far } = await openStarted();
        far.wire.pause();
        const written = writePieces(near, Buffer.alloc(bulkBytes), bulkBytes);
        far.destroy();
        const fault = await written;
        expect(fault).toBeInstanceOf(Error);
        expect((await near.closed)?.message).toBe(fault?.message);
        expect(near.order.slice(-2)).toEqual(['failed', 'closed']);
        expect(near.violations).toEqual([]);
      },
    );

    test('takes no more than buffers hold while the other side is paused', async () => {
      const { near, far, settled } = await openPair();
      near.start();
      far.wire.pause();
      far.wire.pause();
      far.start();
      await settled();
      const bytes = pattern(bulkBytes);
      let isWritten = false;
      const writing = writePieces(near, bytes, pieceBytes(near)).then((fault) => {
        isWritten = true;
        return fault;
      });
      // The other direction is a witness that time passes and that pausing stops input only.
      if (!oneWayAtATime) await witness(far, near);
      await someTurns();
      expect(far.bytes).toBe(0);
      expect(isWritten).toBe(false);
      far.wire.resume();
      far.wire.resume();
      if (oneWayAtATime) await witness(far, near);
      expect(await writing).toBeUndefined();
      expect((await far.received(bytes.length)).equals(bytes)).toBe(true);
    });

    test('takes no more than buffers hold before the other side is started', async () => {
      const { near, far, settled } = await openPair();
      near.start();
      await settled();
      const bytes = pattern(bulkBytes);
      let isWritten = false;
      const writing = writePieces(near, bytes, pieceBytes(near)).then((fault) => {
        isWritten = true;
        return fault;
      });
      if (!oneWayAtATime) await witness(far, near);
      await someTurns();
      expect(isWritten).toBe(false);
      far.start();
      if (oneWayAtATime) await witness(far, near);
      expect(await writing).toBeUndefined();
      expect((await far.received(bytes.length)).equals(bytes)).toBe(true);
    });

    test.runIf(isLocal)('stops within the chunk during which it is paused', async () => {
      const { near, far } = await openStarted();
      const bytes = pattern(longBytes);
      let seen = 0;
      far.onChunk = () => {
        far.wire.pause();
        seen += 1;
        const before = far.chunks.length;
        setImmediate(() => {
          if (far.chunks.length !== before) far.violations.push('chunk while paused');
          far.wire.resume();
        });
      };
      expect(await writePieces(near, bytes, pieceBytes(near))).toBeUndefined();
      expect((await far.received(bytes.length)).equals(bytes)).toBe(true);
      expect(seen).toBeGreaterThan(1);
      expect(far.violations).toEqual([]);
    });
  });
}
