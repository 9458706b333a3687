import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { BridgeError } from '../../src/base/errors.ts';
import { openFifoReader, openFifoWriter } from '../../src/channel/fifo.ts';
import { CutMark } from '../../src/channel/fifo-turn.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { FifoPlace, killNow, messageOf, OpenWire, until } from './fifo-kit.ts';

const MIB = 1024 * 1024;

let place: FifoPlace;
beforeAll(async () => {
  place = await FifoPlace.make();
  await place.buildPrograms();
});
afterEach(() => place.reset());
afterAll(() => place.remove());

async function faultOf(opening: Promise<unknown>): Promise<BridgeError> {
  const fault = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(fault).toBeInstanceOf(BridgeError);
  expect(fault).toMatchObject({ code: 'CHANNEL_OPEN_FAILED' });
  return fault as BridgeError;
}

describe('writing', () => {
  test('says that nobody reads, and whose turn it is then', async () => {
    const fifo = place.makeFifo('lonely');
    const { text } = await faultOf(place.openWriter(fifo));
    expect(text).toMatch(
      /lonely cannot be written: nobody has it open for reading \(ENXIO\); start the application/,
    );
  });

  test('refuses what is missing or no named pipe', async () => {
    const missing = path.join(place.folder, 'missing');
    expect((await faultOf(place.openWriter(missing))).text).toMatch(/ENOENT.*mkfifo/);
    const file = path.join(place.folder, 'file');
    writeFileSync(file, 'kept');
    expect((await faultOf(place.openWriter(file))).text).toMatch(/no named pipe/);
    const socket = path.join(place.folder, 'socket');
    const server = createServer().listen(socket);
    await until('the socket is there', () => existsSync(socket));
    expect((await faultOf(place.openWriter(socket))).text).toMatch(/no named pipe/);
    server.close();
    expect(await readFile(file, 'utf8')).toBe('kept');
  });

  test('waits for the reader: a write is done when the pipe has taken all of it', async () => {
    const fifo = place.makeFifo('pressure');
    const reader = await place.openReader(fifo);
    reader.wire.pause();
    const writer = await place.openWriter(fifo);
    let isDone = false;
    const written = writer.write(`${'x'.repeat(MIB)}\n`).then((fault) => {
      isDone = true;
      return fault;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isDone).toBe(false);
    expect(reader.received.tail.length).toBe(0);
    reader.wire.resume();
    expect(await written).toBeUndefined();
    await until('the line is there', () => reader.received.lines.length === 1);
    expect(reader.received.lines[0]?.length).toBe(MIB);
  });

  test('notices within a second that the last reader has left an idle pipe', async () => {
    const fifo = place.makeFifo('idle');
    const child = place.start('fifo-reader-child', `${fifo}-own`);
    await messageOf(child);
    const clock = new FakeClock();
    const writer = await place.openWriter(`${fifo}-own`, clock);
    await killNow(child);
    clock.advance(1000);
    expect(await writer.closed).toMatchObject({ code: 'EPIPE' });
  });

  test.each([
    ['writing more than the pipe holds', 0],
    ['waiting for the turn of another', 1],
  ])('a reader that leaves while one is %s ends the write and the wire with EPIPE', async (_what, at) => {
    const fifo = place.makeFifo(`vanish-${at}`);
    const reader = await place.openReader(fifo);
    reader.wire.pause();
    const writers = [await place.openWriter(fifo), await place.openWriter(fifo)];
    const writes = writers.map((writer) => writer.write(`${'x'.repeat(MIB)}\n`));
    await new Promise((resolve) => setTimeout(resolve, 50));
    reader.wire.destroy();
    expect(await writes[at]).toMatchObject({ code: 'EPIPE' });
    expect(await writers[at]?.closed).toMatchObject({ code: 'EPIPE' });
    expect(await writers[at]?.write('late\n')).toBeInstanceOf(Error);
  });

  test('reaches a reader that has started again', async () => {
    const fifo = place.makeFifo('again');
    for (let life = 0; life < 3; life++) {
      const reader = await place.openReader(fifo);
      const writer = await place.openWriter(fifo);
      expect(await writer.write(`life ${life}\n`)).toBeUndefined();
      await until('the line is there', () => reader.received.lines.length === 1);
      expect(reader.received.lines.map(String)).toEqual([`life ${life}`]);
      reader.wire.destroy();
      await reader.closed;
      expect(await writer.closed).toMatchObject({ code: 'EPIPE' });
      await faultOf(place.openWriter(fifo));
    }
  });

  test('ends in good order after what was being written', async () => {
    const fifo = place.makeFifo('ending');
    const reader = await place.openReader(fifo);
    const writer = await place.openWriter(fifo);
    const written = writer.write(`${'x'.repeat(MIB)}\n`);
    writer.wire.endOutput();
    expect(await written).toBeUndefined();
    expect(await writer.closed).toBeUndefined();
    await until('the line is there', () => reader.received.lines.length === 1);
  });

  test('five pipes without another end leave the file system usable', async () => {
    const fifos = Array.from({ length: 5 }, (_, at) => place.makeFifo(`unopened-${at}`));
    await Promise.all(fifos.map((fifo) => faultOf(place.openWriter(fifo))));
    await Promise.all(fifos.map((fifo) => place.openReader(fifo)));
    expect((await readFile('/etc/hostname', 'utf8')).length).toBeGreaterThan(0);
  });

  test('without a place to remember a cut line, every line counts as following one', async () => {
    const mark = new CutMark(undefined);
    expect(await mark.isSet()).toBe(true);
    await mark.set();
    await mark.clear();
    expect(await mark.isSet()).toBe(true);
  });
});

describe('reading', () => {
  test('goes on when writers come and go', async () => {
    const fifo = place.makeFifo('device');
    const reader = await place.openReader(fifo);
    for (let at = 0; at < 3; at++) {
      const writer = await place.openWriter(fifo);
      await writer.write(`writer ${at}\n`);
      writer.wire.endOutput();
      expect(await writer.closed).toBeUndefined();
    }
    await until('three lines are there', () => reader.received.lines.length === 3);
    expect(reader.received.lines.map(String)).toEqual(['writer 0', 'writer 1', 'writer 2']);
    expect(reader.isEnded || reader.isClosed).toBe(false);
  });

  test('cannot be written', async () => {
    const reader = await place.openReader(place.makeFifo('read-only'));
    expect(await reader.write('x\n')).toMatchObject({ code: 'WIRE_FAULT' });
  });

  test('is for one reader at a time', async () => {
    const fifo = place.makeFifo('single');
    const first = await place.openReader(fifo);
    expect((await faultOf(place.openReader(fifo))).text).toMatch(
      /another bridge reads it already.*\{connection\}/,
    );
    first.wire.destroy();
    expect(await first.closed).toBeUndefined();
    await place.openReader(fifo);
  });

  test('makes its pipe for the owner alone and removes it', async () => {
    const fifo = path.join(place.folder, 'made');
    const reader = await place.openReader(fifo, true);
    expect(statSync(fifo).isFIFO()).toBe(true);
    expect(statSync(fifo).mode & 0o777).toBe(0o600);
    await faultOf(place.openReader(fifo, true));
    expect(existsSync(fifo)).toBe(true);
    reader.wire.destroy();
    await reader.closed;
    expect(existsSync(fifo)).toBe(false);
  });

  test('leaves a pipe that it did not make', async () => {
    const fifo = place.makeFifo('kept');
    const reader = await place.openReader(fifo);
    reader.wire.destroy();
    await reader.closed;
    expect(existsSync(fifo)).toBe(true);
  });

  test('removes its pipe when the process exits', async () => {
    const fifo = path.join(place.folder, 'exiting');
    const child = place.start('fifo-reader-child', fifo);
    expect(await messageOf(child)).toEqual({ opened: true });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.send('exit');
    await gone;
    expect(existsSync(fifo)).toBe(false);
  });

  test('replaces the pipe of a dead process and refuses that of a living one', async () => {
    const fifo = path.join(place.folder, 'left');
    const child = place.start('fifo-reader-child', fifo);
    await messageOf(child);
    const { ino } = statSync(fifo);
    expect((await faultOf(place.openReader(fifo, true))).text).toMatch(/another bridge reads it already/);
    expect(statSync(fifo).ino).toBe(ino);
    const stale = await place.openWriter(fifo);
    await killNow(child);
    expect(existsSync(fifo)).toBe(true);
    const reader = await place.openReader(fifo, true);
    await stale.write('for somebody else\n');
    const writer = await place.openWriter(fifo);
    await writer.write('for us\n');
    await until('the line is there', () => reader.received.lines.length === 1);
    expect(reader.received.lines.map(String)).toEqual(['for us']);
  });

  test('makes no pipe in the place of something else, nor where it may not', async () => {
    const file = path.join(place.folder, 'occupied');
    writeFileSync(file, 'kept');
    expect((await faultOf(place.openReader(file, true))).text).toMatch(/something else has that name/);
    expect(await readFile(file, 'utf8')).toBe('kept');
    expect((await faultOf(place.openReader('/proc/device.fifo', true))).text).toMatch(/mkfifo/);
  });
});

test('a wire that was destroyed before it started is closed all the same', async () => {
  const fifo = place.makeFifo('early');
  const reader = await openFifoReader(fifo, { create: false });
  const writer = await openFifoWriter(fifo, { clock: systemClock });
  for (const wire of [writer, reader]) {
    wire.destroy();
    const open = new OpenWire(wire);
    expect(open.isClosed).toBe(false);
    expect(await open.closed).toBeUndefined();
  }
});

test('leaves no descriptor behind', async () => {
  const fifo = place.makeFifo('descriptors');
  const before = readdirSync('/proc/self/fd').length;
  for (let round = 0; round < 20; round++) {
    const reader = await place.openReader(fifo);
    await faultOf(place.openReader(fifo));
    const writer = await place.openWriter(fifo);
    writer.wire.destroy();
    reader.wire.destroy();
    await Promise.all([writer.closed, reader.closed]);
  }
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 2);
});
