import { closeSync, constants, openSync, readdirSync, readSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SerialOptions } from '../../src/endpoint/endpoint.ts';
import { openSerial, type SerialWireOptions } from '../../src/wire/serial.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { temporaryFolder } from './bundle.ts';
import { wireContract } from './contract.ts';
import { Recorder, someTurns } from './recorder.ts';
import { descriptorsOf, nullModem, serialEndpoint, settingsOf, speedOf } from './serial-kit.ts';

wireContract(
  'serial line',
  async () => {
    const { ours, theirs } = await nullModem();
    return { near: await openSerial(serialEndpoint(ours)), far: await openSerial(serialEndpoint(theirs)) };
  },
  { carriesEnd: false, bulkBytes: 1024 * 1024, oneWayAtATime: true },
);

async function openOn(path: string, options: SerialOptions = {}, more: SerialWireOptions = {}) {
  return new Recorder(await openSerial(serialEndpoint(path, options), more)).start();
}

const complaint = (path: string, options: SerialOptions = {}, more: SerialWireOptions = {}) =>
  openSerial(serialEndpoint(path, options), more).then(
    () => 'opened',
    (fault) => `${fault.code} ${fault.text}`,
  );

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

test('carries every byte both ways as it is', async () => {
  const { ours, theirs } = await nullModem();
  const near = await openOn(ours);
  const far = await openOn(theirs);
  expect(near.wire).toMatchObject({ framing: 'stream', peer: { text: 'serial' } });
  const twice = Buffer.concat([everyByte, Buffer.alloc(300, 0xff), everyByte]);
  expect(await Promise.all([near.write(twice), far.write(twice)])).toEqual([undefined, undefined]);
  expect((await far.received(twice.length)).equals(twice)).toBe(true);
  expect((await near.received(twice.length)).equals(twice)).toBe(true);
  expect([near.bytes, far.bytes]).toEqual([twice.length, twice.length]);
});

test('sets the line as the options say, else to 115200 8N1 without flow control', async () => {
  const { ours, theirs } = await nullModem();
  await openOn(ours);
  expect(settingsOf(ours)).toMatch(/speed 115200 baud/);
  for (const word of [
    'cs8',
    '-parenb',
    '-cstopb',
    '-crtscts',
    '-ixon',
    '-ixoff',
    'hupcl',
    'clocal',
    'parmrk',
    'inpck',
    '-ignpar',
    '-icrnl',
    '-opost',
    '-icanon',
    '-echo',
    '-isig',
  ])
    expect(settingsOf(ours).split(/[\s;]+/)).toContain(word);
  await openOn(theirs, {
    baudRate: 9600,
    stopBits: 2,
    rtscts: true,
    xon: true,
    xoff: true,
    xany: true,
    hupcl: false,
  });
  expect(settingsOf(theirs)).toMatch(/speed 9600 baud/);
  for (const word of ['cstopb', 'crtscts', 'ixon', 'ixoff', 'ixany', '-hupcl'])
    expect(settingsOf(theirs).split(/[\s;]+/)).toContain(word);
});

test('takes a speed that is in no table', async () => {
  const { ours } = await nullModem();
  await openOn(ours, { baudRate: 250_000 });
  expect(speedOf(ours)).toBe(250_000);
});

test('says what a line does not take', async () => {
  const { ours } = await nullModem();
  // A pseudo-terminal has no parity and 8 bits only.
  expect(await complaint(ours, { dataBits: 7, parity: 'even' })).toMatch(
    /^WIRE_OPEN_FAILED cannot open serial port \S+: it cannot be set to 7E1: stty: .*unable to perform all/,
  );
  expect(await complaint(ours)).toBe('opened');
});

test('has the kernel mark bytes, which doubles FF on the line itself', async () => {
  const { ours, theirs } = await nullModem();
  let damaged = 0;
  const near = await openOn(ours, {}, { onLineError: (count) => (damaged += count) });
  const far = await openOn(theirs);
  near.wire.pause();
  const line = openSync(ours, constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  await far.write(Buffer.from([0x41, 0xff, 0x42]));
  expect((await readAll(line, 4)).toString('hex')).toBe('41ffff42');
  closeSync(line);
  near.wire.resume();
  // On its way through a pseudo-terminal no byte is damaged: these are three bytes.
  await far.write(Buffer.from([0xff, 0x00, 0x41]));
  expect((await near.received(3)).toString('hex')).toBe('ff0041');
  expect(damaged).toBe(0);
});

/** Reads from a non-blocking descriptor until there is as much as wanted. */
async function readAll(fd: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    await someTurns();
    try {
      at += readSync(fd, bytes, at, length - at, null);
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'EAGAIN') throw fault;
    }
  }
  return bytes;
}

test('discards what the line has kept from before', async () => {
  const { ours, theirs } = await nullModem();
  const reader = openSync(ours, constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  const far = await openOn(theirs);
  await far.write('left over\n');
  // Its echo says that the bytes have arrived.
  await far.received(9);
  const near = await openOn(ours);
  closeSync(reader);
  await far.write('new');
  expect((await near.received(3)).toString()).toBe('new');
});

test('closes with WIRE_UNPLUGGED when the line hangs up, and gives every descriptor back', async () => {
  const { ours, unplug } = await nullModem();
  const terminal = realpathSync(ours);
  const near = await openOn(ours);
  expect(descriptorsOf(terminal)).toBeGreaterThan(1);
  void unplug();
  expect(await near.closed).toMatchObject({ code: 'WIRE_UNPLUGGED' });
  expect(near.order).toEqual(['closed']);
  expect(descriptorsOf(terminal)).toBe(0);
  expect(await near.write('late')).toMatchObject({ code: 'WIRE_UNPLUGGED' });
});

test('fails the write under way when the line hangs up while the other side does not read', async () => {
  const { ours, socat, unplug } = await nullModem();
  const terminal = realpathSync(ours);
  const near = await openOn(ours);
  socat.kill('SIGSTOP');
  const written = near.write(Buffer.alloc(1024 * 1024));
  await someTurns();
  void unplug();
  expect(await written).toMatchObject({ code: 'WIRE_UNPLUGGED' });
  expect(await near.closed).toMatchObject({ code: 'WIRE_UNPLUGGED' });
  expect(near.order).toEqual(['failed', 'closed']);
  expect(descriptorsOf(terminal)).toBe(0);
});

test('leaves nothing open when the line is unplugged while it is being opened, at whatever moment', async () => {
  const outcomes = new Set<string>();
  const before = readdirSync('/proc/self/fd').length;
  for (let moment = 0; moment < 40; moment += 1) {
    const { ours, unplug } = await nullModem();
    const terminal = realpathSync(ours);
    const opening = openSerial(serialEndpoint(ours)).catch((fault) => fault.code as string);
    for (let turn = 0; turn < moment; turn += 1) await someTurns();
    await unplug();
    const opened = await opening;
    if (typeof opened === 'string') outcomes.add(opened);
    else outcomes.add(String((await new Recorder(opened).start().closed)?.message));
    expect(descriptorsOf(terminal)).toBe(0);
  }
  const possible = ['WIRE_OPEN_FAILED', 'the serial line is gone: unplugged, or hung up'];
  expect([...outcomes].filter((outcome) => !possible.includes(outcome))).toEqual([]);
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 2);
});

test('is closed at once while the other side does not read', async () => {
  const { ours, socat } = await nullModem();
  const terminal = realpathSync(ours);
  const near = await openOn(ours);
  socat.kill('SIGSTOP');
  const written = near.write(Buffer.alloc(1024 * 1024));
  await someTurns();
  near.destroy();
  expect(await written).toMatchObject({ code: 'WIRE_CLOSED' });
  expect(await near.closed).toBeUndefined();
  expect(descriptorsOf(terminal)).toBe(0);
});

test('is reset without waiting for what the line still holds', async () => {
  const { ours } = await nullModem();
  const terminal = realpathSync(ours);
  const near = await openOn(ours);
  await near.write('unheard');
  near.act('reset', () => near.wire.reset?.());
  near.destroy();
  expect(await near.closed).toBeUndefined();
  expect([...near.order, ...near.violations]).toEqual(['done', 'closed']);
  expect(descriptorsOf(terminal)).toBe(0);
});

test('hears input while its own output is blocked', async () => {
  const { ours, theirs } = await nullModem();
  const near = await openOn(ours);
  const far = await openOn(theirs);
  far.wire.pause();
  void near.write(Buffer.alloc(1024 * 1024));
  await someTurns();
  await far.write('heard');
  expect((await near.received(5)).toString()).toBe('heard');
});

test('refuses a line that is in use, without touching its settings', async () => {
  const { ours } = await nullModem();
  await openOn(ours);
  const before = settingsOf(ours);
  expect(await complaint(ours, { baudRate: 9600 })).toBe(
    `WIRE_OPEN_FAILED cannot open serial port ${ours}: process ${process.pid} uses it`,
  );
  expect(settingsOf(ours)).toBe(before);
});

test('opens a line again once it is closed', async () => {
  const { ours } = await nullModem();
  for (let round = 0; round < 3; round += 1) {
    const near = await openOn(ours);
    near.destroy();
    expect(await near.closed).toBeUndefined();
  }
});

test('says why a port cannot be had', async () => {
  const folder = temporaryFolder();
  const missing = join(folder, 'ttyUSB7');
  expect(await complaint(missing)).toBe(
    `WIRE_OPEN_FAILED cannot open serial port ${missing}: no such file or directory (ENOENT); "posbridge ports" lists what is there`,
  );
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(await complaint(file)).toBe(
    `WIRE_OPEN_FAILED cannot open serial port ${file}: it is no serial port; "posbridge ports" lists what is there`,
  );
  expect(await complaint('/dev/null')).toContain('it is no serial port');
  expect(await complaint(folder)).toContain('is a directory (EISDIR)');
});

test('gives an attempt up when it is told to, and after its time', async () => {
  const { ours } = await nullModem();
  expect(await complaint(ours, {}, { signal: AbortSignal.abort() })).toBe(
    `WIRE_OPEN_FAILED cannot open serial:${ours}: given up`,
  );
  const clock = new FakeClock();
  const late = complaint(ours, {}, { clock });
  clock.advance(5000);
  expect(await late).toBe(`WIRE_OPEN_FAILED cannot open serial:${ours}: it took longer than 5000 ms`);
  // What was under way gives the line back when it is done.
  while ((await complaint(ours)) !== 'opened') await someTurns();
});
