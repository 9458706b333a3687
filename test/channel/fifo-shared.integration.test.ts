import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FifoPlace, isMarked, killNow, messageOf, type OpenWire, until } from './fifo-kit.ts';
import { headOf, isIntact } from './fifo-lines.ts';

const KIB = 1024;
const VICTIM = 99;

let place: FifoPlace;
beforeAll(async () => {
  place = await FifoPlace.make();
  await place.buildPrograms();
});
afterEach(() => place.reset());
afterAll(() => place.remove());

/** Everything but intact lines of the test, empty lines aside. */
function brokenLines({ received }: OpenWire): Buffer[] {
  return received.lines.filter((line) => line.length > 0 && !isIntact(line));
}

function countOf({ received }: OpenWire, writer: number): number {
  return received.lines.filter((line) => headOf(line)?.writer === writer && isIntact(line)).length;
}

test('keeps the lines of eight processes whole, short and long, while one after another is killed inside a line', async () => {
  const rounds = 20;
  const fifo = place.makeFifo('crowd');
  const reader = await place.openReader(fifo);
  const steady = Array.from({ length: 7 }, (_, at) =>
    place.start('fifo-writer-child', fifo, at, 64 * KIB, 100, 300, 64 * KIB + 17, 4096, 4097),
  );
  await Promise.all(steady.map(messageOf));

  for (let round = 0; round < rounds; round++) {
    const writer = VICTIM + round;
    const victim = place.start('fifo-writer-child', fifo, writer, 200, 512 * KIB);
    // The pipe has room for 64 KiB, so when the line begins to arrive most of it is still in its writer's hands.
    const isInside = (): boolean => {
      const head = headOf(reader.received.tail);
      return head?.writer === writer && head.n === 1;
    };
    reader.onChunk = () => {
      if (isInside()) reader.wire.pause();
    };
    await until('the victim is inside its line', isInside);
    expect(await isMarked(fifo)).toBe(true);
    await killNow(victim);
    reader.onChunk = () => undefined;
    reader.wire.resume();
  }

  const counts = await Promise.all(
    steady.map(async (child) => {
      const written = messageOf(child);
      child.send('stop');
      return (await written).written ?? 0;
    }),
  );
  await until('all has arrived', () => counts.every((count, at) => countOf(reader, at) === count));
  expect(counts.every((count) => count > rounds)).toBe(true);

  const cuts = brokenLines(reader);
  expect(cuts.map((line) => headOf(line)?.writer)).toEqual(
    Array.from({ length: rounds }, (_, at) => VICTIM + at),
  );
  for (const [at, line] of cuts.entries()) {
    expect(
      line
        .toString('latin1')
        .replace(/^.*?"pad":"/, '')
        .replaceAll(`${VICTIM + at}.1|`, '').length,
    ).toBeLessThan(20);
    expect(countOf(reader, VICTIM + at)).toBe(1);
  }
  expect(reader.received.tail.length).toBe(0);
  expect(await isMarked(fifo)).toBe(false);
});

/** Of each writer; the others write as fast as they can, all the time. */
const TURNS = 20;

test('lets every writer have its turn', async () => {
  const fifo = place.makeFifo('fair');
  const reader = await place.openReader(fifo);
  const writers = Array.from({ length: 4 }, (_, at) => place.start('fifo-writer-child', fifo, at, 8 * KIB));
  await Promise.all(writers.map(messageOf));
  const before = writers.map((_, at) => countOf(reader, at));
  const isServed = (at: number) => countOf(reader, at) >= (before[at] ?? 0) + TURNS;
  await until('every writer has had its turns', () => writers.every((_, at) => isServed(at)));
});

test('ends a line cut by our own destroy before the next one', async () => {
  const fifo = place.makeFifo('own-cut');
  const reader = await place.openReader(fifo);
  reader.wire.pause();
  const [first, second] = [await place.openWriter(fifo), await place.openWriter(fifo)];
  const cut = first.write(`${'a'.repeat(200 * KIB)}\n`);
  await until('the first is inside its line', () => isMarked(fifo));
  const waiting = second.write('b\n');
  await new Promise((resolve) => setTimeout(resolve, 50));
  first.wire.destroy();
  expect(await cut).toBeInstanceOf(Error);
  expect(await first.closed).toBeUndefined();
  reader.wire.resume();
  expect(await waiting).toBeUndefined();
  await until('both lines are there', () => reader.received.lines.length === 2);
  expect(reader.received.lines[0]?.toString()).toMatch(/^a+$/);
  expect(reader.received.lines[1]?.toString()).toBe('b');
  expect(await isMarked(fifo)).toBe(false);
});

test('puts no empty line before a line that follows whole ones', async () => {
  const fifo = place.makeFifo('clean');
  const reader = await place.openReader(fifo);
  const [first, second] = [await place.openWriter(fifo), await place.openWriter(fifo)];
  for (const size of [10, 100 * KIB, 10]) {
    await first.write(`${'a'.repeat(size)}\n`);
    await second.write(`${'b'.repeat(size)}\n`);
  }
  await until('all lines are there', () => reader.received.lines.length >= 6);
  expect(reader.received.lines.map((line) => line.length)).toEqual([10, 10, 100 * KIB, 100 * KIB, 10, 10]);
});

test('a writer that waits behind a full pipe may be destroyed, or exit, at any time', async () => {
  const fifo = place.makeFifo('full');
  const reader = await place.openReader(fifo);
  reader.wire.pause();
  const owner = place.start('fifo-writer-child', fifo, 1, 512 * KIB);
  await until('the owner is inside its line', () => isMarked(fifo));
  const behind = place.start('fifo-writer-child', fifo, 2, 100);
  await messageOf(behind);
  const here = await place.openWriter(fifo);
  const waiting = here.write('never\n');

  here.wire.destroy();
  expect(await waiting).toBeInstanceOf(Error);
  await here.closed;
  for (const child of [behind, owner]) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.send('exit');
    expect(await gone).toBe(0);
  }
});
