import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSerial } from '../../src/wire/serial.ts';
import { Recorder } from '../wire/recorder.ts';
import { serialEndpoint } from '../wire/serial-kit.ts';
import { Line, type LineOptions } from './line.ts';

let folder = '';
let line: Line | undefined;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-line-'));
});

afterEach(async () => {
  await line?.close();
  rmSync(folder, { recursive: true, force: true });
});

const openEnd = async (link: string) => new Recorder(await openSerial(serialEndpoint(link))).start();

async function opened(options: LineOptions = {}) {
  line = await Line.open(folder, options);
  return { line, bridge: await openEnd(line.bridgeEnd), register: await openEnd(line.registerEnd) };
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

test('a line carries every byte both ways, and counts them', async () => {
  const { line, bridge, register } = await opened();
  await bridge.write(everyByte);
  await register.write(everyByte);
  expect((await register.received(256)).equals(everyByte)).toBe(true);
  expect((await bridge.received(256)).equals(everyByte)).toBe(true);
  expect([line.toBridge.passed, line.toRegister.passed]).toEqual([256, 256]);
});

test('a line damages what it is told to, in one direction', async () => {
  const { bridge, register } = await opened({ toBridge: { faults: [{ at: 2, kind: 'drop' }] } });
  await register.write('question');
  await bridge.write('answer');
  expect((await bridge.received(7)).toString()).toBe('qustion');
  expect((await register.received(6)).toString()).toBe('answer');
});

test('an unplugged line hangs up, and comes back under the same or another name', async () => {
  const { line, bridge, register } = await opened();
  let near = bridge;
  for (const name of ['ttyUSB0', 'ttyUSB1', 'ttyUSB0']) {
    const link = line.bridgeEnd;
    await line.unplug();
    expect(await near.closed).toMatchObject({ code: 'WIRE_UNPLUGGED' });
    expect(existsSync(link)).toBe(false);
    await register.write('nobody hears this');
    const there = await line.plug(name);
    expect(there).toBe(path.join(folder, name));
    near = await openEnd(there);
    const heard = register.bytes;
    await near.write(name);
    expect((await register.received(heard + name.length)).subarray(heard).toString()).toBe(name);
  }
});

test('a line is cut after exactly so many bytes', async () => {
  const { line, bridge, register } = await opened();
  const cut = line.cutAfter(100, 'toRegister');
  void bridge.write(everyByte);
  await cut;
  expect(await bridge.closed).toMatchObject({ code: 'WIRE_UNPLUGGED' });
  expect((await register.received(100)).equals(everyByte.subarray(0, 100))).toBe(true);
  const again = await openEnd(await line.plug());
  const cutBack = line.cutAfter(10, 'toBridge');
  await register.write(everyByte);
  await cutBack;
  expect(await again.closed).toMatchObject({ code: 'WIRE_UNPLUGGED' });
  expect(again.bytes).toBeLessThanOrEqual(10);
  const last = await openEnd(await line.plug());
  await last.write('end');
  await register.received(103);
  expect(register.bytes).toBe(103);
});

test('a terminal lives on while nobody has it open', async () => {
  const { line, bridge } = await opened();
  bridge.destroy();
  await bridge.closed;
  const again = await openEnd(line.bridgeEnd);
  expect(again.order).toEqual([]);
});
