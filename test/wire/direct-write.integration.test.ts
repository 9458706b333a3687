import { closeSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writeDirectly } from '../../src/wire/direct-write.ts';
import { SocketReader, socketWire } from '../../src/wire/socket-wire.ts';
import { openFifo, socketPair } from './pairs.ts';
import { pattern, Recorder, writePieces } from './recorder.ts';

/** A socket on the writing end of a pipe, and the reading end. */
function pipeSocket() {
  const { read, write } = openFifo();
  const socket = new Socket({ fd: write, readable: false, writable: true });
  onTestFinished(() => void socket.destroy());
  return { socket, read };
}

/** As a Node would be whose handles do not tell their descriptor. */
function hideDescriptor(socket: Socket): void {
  const { _handle: handle } = socket as Socket & { readonly _handle?: object };
  Object.defineProperty(handle, 'fd', { value: undefined });
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

describe('a direct write', () => {
  test('is in the kernel when it returns', () => {
    const { socket, read } = pipeSocket();
    expect(writeDirectly(socket, Buffer.from('at once'))).toBe(7);
    const buffer = Buffer.alloc(16);
    expect(buffer.toString('latin1', 0, readSync(read, buffer))).toBe('at once');
    closeSync(read);
  });

  test('takes what there is room for, then nothing, and never waits', () => {
    const { socket, read } = pipeSocket();
    const bytes = Buffer.alloc(1024 * 1024);
    const taken = writeDirectly(socket, bytes);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(bytes.length);
    expect(writeDirectly(socket, bytes)).toBe(0);
    expect(socket.destroyed).toBe(false);
    closeSync(read);
  });

  test('destroys the socket with the fault of the system', async () => {
    const { socket, read } = pipeSocket();
    const faults: Error[] = [];
    socket.on('error', (fault) => faults.push(fault));
    closeSync(read);
    expect(writeDirectly(socket, Buffer.from('x'))).toBe(0);
    expect([socket.destroyed, faults]).toEqual([true, []]);
    await closed(socket);
    expect(faults).toMatchObject([{ code: 'EPIPE' }]);
  });

  test('goes nowhere once the socket is destroyed: its number may be another file', () => {
    const { socket, read } = pipeSocket();
    socket.destroy();
    expect(writeDirectly(socket, Buffer.from('x'))).toBe(0);
    expect(readSync(read, Buffer.alloc(16))).toBe(0);
    closeSync(read);
  });

  test('takes nothing where the descriptor is not to be found', () => {
    const { socket, read } = pipeSocket();
    hideDescriptor(socket);
    expect(writeDirectly(socket, Buffer.from('x'))).toBe(0);
    expect([socket.destroyed, writeDirectly(new Socket(), Buffer.from('x'))]).toEqual([false, 0]);
    closeSync(read);
  });
});

describe.each([
  ['directly', () => {}],
  ['without a descriptor', hideDescriptor],
])('a socket wire that writes %s', (_, prepare) => {
  async function openWires(kind: 'tcp' | 'unix') {
    const [here, there] = await socketPair(kind);
    prepare(here);
    onTestFinished(() => {
      here.destroy();
      there.destroy();
    });
    return { near: new Recorder(socketWire(here)), far: new Recorder(socketWire(there)), here, there };
  }

  test.each(['tcp', 'unix'] as const)('carries pieces of every size, in order (%s)', async (kind) => {
    const { near, far } = await openWires(kind);
    near.start();
    far.start();
    const bytes = pattern(3 * 1024 * 1024 + 17);
    for (const pieceBytes of [1, 100, 16 * 1024, 1024 * 1024]) {
      const part = bytes.subarray(0, Math.min(bytes.length, 2000 * pieceBytes));
      far.chunks = [];
      far.bytes = 0;
      expect(await writePieces(near, part, pieceBytes)).toBeUndefined();
      expect((await far.received(part.length)).equals(part)).toBe(true);
    }
    expect([...near.violations, ...far.violations]).toEqual([]);
  });

  test('reports the reset that a write meets, and settles the write', async () => {
    const { near, there } = await openWires('tcp');
    near.start();
    near.wire.pause();
    there.resetAndDestroy();
    await closed(there);
    let fault: Error | undefined;
    while (fault === undefined) fault = await near.write('into the void');
    expect(await near.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(near.order.slice(-2)).toEqual(['failed', 'closed']);
    expect(near.violations).toEqual([]);
  });

  test('knows when it is delivering', async () => {
    const { near, far } = await openWires('unix');
    const seen: (boolean | undefined)[] = [near.wire.isDelivering];
    near.onChunk = () => seen.push(near.wire.isDelivering);
    near.start();
    far.start();
    await far.write('x');
    await near.received(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect([...seen, near.wire.isDelivering]).toEqual([false, true, false]);
  });

  test('fails a write that was taken, when it is destroyed in the same turn', async () => {
    const { near } = await openWires('unix');
    near.start();
    const written = near.write('x');
    near.destroy();
    expect(await written).toBeInstanceOf(Error);
    expect(await near.closed).toBeUndefined();
  });
});

test('a socket wire tells whether the kernel has taken all of a write; `done` comes later all the same', async () => {
  const [here, there] = await socketPair('unix');
  onTestFinished(() => {
    here.destroy();
    there.destroy();
  });
  const wire = socketWire(here, { reader: new SocketReader() });
  wire.start({ chunk() {}, end() {}, closed() {} });
  let isDone = false;
  const write = (bytes: Buffer) => new Promise<void>((resolve) => wire.write(bytes, () => resolve()));
  const written = write(Buffer.from('little')).then(() => {
    isDone = true;
  });
  expect([wire.isTaken, isDone]).toEqual([true, false]);
  await written;
  const much = write(Buffer.alloc(4 * 1024 * 1024));
  expect(wire.isTaken).toBe(false);
  there.resume();
  await much;
  expect(wire.isTaken).toBe(false);
});
