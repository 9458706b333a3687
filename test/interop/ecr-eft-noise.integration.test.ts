import { createCipheriv } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { frameNamed, rawFrame, WRONG } from '../dialect/ecr-eft/frames.ts';
import { MEMORY_LIMIT_BYTES, startMeasured } from './abuse-kit.ts';
import { exitedWith, readAll, Workbench } from './kit.ts';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

test('100 MB of random bytes: as many ACK and NAK as there are frames, in fixed memory', async () => {
  const frames = new FrameCount();
  const { running, peakBytes } = startMeasured(bench, [
    '--dialect',
    'ecr-eft',
    '--app',
    'null:',
    '--keepalive',
    'off',
  ]);
  const output = readAll(running.child.stdout as Readable);
  const source = Readable.from(randomBytes(100_000_000, (bytes) => frames.add(bytes)));
  await pipeline(source, running.child.stdin as Writable);
  const said = await output;
  expect(await running.exited).toEqual(exitedWith(0));
  expect(said.length).toBe(frames.good + frames.bad);
  expect(said.filter((byte) => byte === 0x06)).toHaveLength(frames.good);
  expect(said.filter((byte) => byte === 0x15)).toHaveLength(frames.bad);
  expect(frames.bad).toBeGreaterThan(190_000);
  expect(await peakBytes()).toBeLessThan(MEMORY_LIMIT_BYTES);
});

test('the noise has frames that are right, and the count knows them', () => {
  const count = new FrameCount();
  count.add(Buffer.concat([frameNamed('t1'), Buffer.from([2, 3]), frameNamed(WRONG), rawFrame('x')]));
  expect([count.good, count.bad]).toEqual([2, 1]);
});

function* randomBytes(total: number, note: (bytes: Buffer) => void): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 18), Buffer.alloc(16));
  const zeros = Buffer.alloc(1_000_000);
  for (let made = 0; made < total; made += zeros.length) {
    const bytes = cipher.update(zeros.subarray(0, Math.min(zeros.length, total - made)));
    note(bytes);
    yield bytes;
  }
}

/**
 * Counts frames one byte at a time by the words of the protocol: a second opinion that shares nothing with the first.
 */
class FrameCount {
  good = 0;
  bad = 0;
  /** Bytes since STX, undefined outside a frame. */
  #length: number | undefined;
  #sum = 0;
  #isBehindEtx = false;

  add(bytes: Buffer): void {
    for (const byte of bytes) this.#add(byte);
  }

  #add(byte: number): void {
    if (this.#isBehindEtx) {
      if (byte === this.#sum && (this.#length ?? 0) <= 4096 - 3) this.good += 1;
      else this.bad += 1;
      this.#isBehindEtx = false;
      this.#length = undefined;
    } else if (byte === 0x02) {
      this.#length = 0;
      this.#sum = 0;
    } else if (this.#length !== undefined && byte === 0x03) {
      this.#sum ^= byte;
      if (this.#length === 0) this.#length = undefined;
      else this.#isBehindEtx = true;
    } else if (this.#length !== undefined) {
      this.#length += 1;
      this.#sum ^= byte;
    }
  }
}
