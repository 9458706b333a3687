import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openFdWire } from '../../src/wire/fd.ts';
import { parseLineSettings } from '../../src/wire/line-settings.ts';
import { cleanEnvironment, PROGRAM } from '../cli/kit.ts';
import { temporaryFolder } from './bundle.ts';
import { Recorder, someTurns } from './recorder.ts';
import { RemoteWire } from './remote-wire.ts';

const { O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

/** Two terminals joined like a null modem cable; the first one with the settings of a login terminal. */
async function cable(): Promise<{ ours: string; theirs: string }> {
  const folder = temporaryFolder();
  const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
  const socat = spawn('socat', ['-d', '-d', `pty,link=${ours}`, `pty,raw,echo=0,link=${theirs}`]);
  children.push(socat);
  await new Promise<void>((resolve) => {
    socat.stderr.on('data', (bytes) => String(bytes).includes('starting data transfer') && resolve());
  });
  return { ours, theirs };
}

function settingsOf(path: string): string {
  return execFileSync('stty', ['-g', '-F', path]).toString();
}

function open(path: string, access = O_RDWR): number {
  return openSync(path, access | O_NOCTTY);
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

test('carries every byte both ways as it is, and restores the line when it closes', async () => {
  const { ours, theirs } = await cable();
  const before = settingsOf(ours);
  const exitHandlers = process.listenerCount('exit');
  const fd = open(ours);
  const line = new Recorder(openFdWire({ read: fd, write: fd }));
  expect(line.wire.peer).toEqual({ text: 'tty' });
  expect(settingsOf(ours)).not.toBe(before);
  line.start();
  const other = open(theirs);
  const far = new Recorder(openFdWire({ read: other, write: other })).start();
  await line.write(everyByte);
  await far.write(everyByte);
  expect((await far.received(256)).equals(everyByte)).toBe(true);
  expect((await line.received(256)).equals(everyByte)).toBe(true);
  expect([line.bytes, far.bytes]).toEqual([256, 256]);
  line.destroy();
  far.destroy();
  expect(await line.closed).toBeUndefined();
  await far.closed;
  expect(settingsOf(ours)).toBe(before);
  expect(process.listenerCount('exit')).toBe(exitHandlers);
  expect(existsSync(`/proc/self/fd/${fd}`)).toBe(false);
  expect([...line.violations, ...far.violations]).toEqual([]);
});

test('does not hold the process up while a slow line takes its output', async () => {
  const { ours } = await cable();
  const socat = children[0];
  const fd = open(ours);
  const line = new Recorder(openFdWire({ read: fd, write: fd })).start();
  socat?.kill('SIGSTOP');
  let isWritten = false;
  const written = line.write(Buffer.alloc(1_000_000)).then((fault) => {
    isWritten = true;
    return fault;
  });
  await someTurns();
  expect(isWritten).toBe(false);
  line.destroy();
  expect(await written).toBeInstanceOf(Error);
  expect(await line.closed).toBeUndefined();
  socat?.kill('SIGCONT');
});

test('uses two descriptors of one line, each for its direction', async () => {
  const { ours, theirs } = await cable();
  const before = settingsOf(ours);
  const line = new Recorder(openFdWire({ read: open(ours, O_RDONLY), write: open(ours, O_WRONLY) })).start();
  const other = open(theirs);
  const far = new Recorder(openFdWire({ read: other, write: other })).start();
  await line.write('ping\r');
  expect((await far.received(5)).toString()).toBe('ping\r');
  await far.write('pong\r');
  expect((await line.received(5)).toString()).toBe('pong\r');
  line.destroy();
  far.destroy();
  await Promise.all([line.closed, far.closed]);
  expect(settingsOf(ours)).toBe(before);
});

test('ends when the line hangs up', async () => {
  const { ours } = await cable();
  const fd = open(ours);
  const line = new Recorder(openFdWire({ read: fd, write: fd })).start();
  children[0]?.kill();
  await line.ended;
  line.wire.endOutput();
  expect(await line.closed).toBeUndefined();
});

test('restores the line when the process exits, and never sets O_NONBLOCK on what it shares', async () => {
  const { ours } = await cable();
  const before = settingsOf(ours);
  const fd = open(ours);
  // Not 0, 1 or 2: those Node restores by itself.
  const remote = await RemoteWire.open({ read: 4, write: 4 }, ['ignore', 'ignore', 'inherit', 'ipc', fd]);
  expect(remote.peer.text).toBe('tty');
  new Recorder(remote).start();
  expect((await remote.ping())['4']).toBe(readlinkSync(`/proc/self/fd/${fd}`));
  expect(settingsOf(ours)).not.toBe(before);
  await remote.exit();
  expect(settingsOf(ours)).toBe(before);
  expect(
    Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8) &
      O_NONBLOCK,
  ).toBe(0);
  closeSync(fd);
});

/** Two descriptors of one terminal that behave as one wire, set to `settings`. */
function openSet(path: string, settings: string): Recorder {
  const tty = parseLineSettings(settings);
  const fd = open(path);
  return new Recorder(openFdWire({ read: fd, write: fd }, { tty })).start();
}

function speedOf(path: string): string {
  return execFileSync('stty', ['-F', path, 'speed']).toString().trim();
}

test('sets speed, format and flow control, carries every byte both ways, and restores all of it', async () => {
  const { ours, theirs } = await cable();
  execFileSync('stty', ['-F', ours, '19200', 'cstopb', '-crtscts']);
  const before = settingsOf(ours);
  const line = openSet(ours, '9600,8N1,rtscts');
  expect(speedOf(ours)).toBe('9600');
  const words = execFileSync('stty', ['-a', '-F', ours])
    .toString()
    .split(/[\s;]+/);
  for (const word of ['cs8', '-cstopb', '-parenb', 'crtscts', 'clocal', 'parmrk', '-opost', '-icanon'])
    expect(words).toContain(word);
  const far = openSet(theirs, '9600');
  const twice = Buffer.concat([everyByte, Buffer.alloc(100, 0xff), everyByte]);
  await line.write(twice);
  await far.write(twice);
  expect((await far.received(twice.length)).equals(twice)).toBe(true);
  expect((await line.received(twice.length)).equals(twice)).toBe(true);
  line.destroy();
  far.destroy();
  await Promise.all([line.closed, far.closed]);
  expect(speedOf(ours)).toBe('19200');
  expect(settingsOf(ours)).toBe(before);
});

test('refuses settings that a line does not take, and leaves it as it was', async () => {
  const { ours } = await cable();
  const before = settingsOf(ours);
  const exitHandlers = process.listenerCount('exit');
  const terminals = () => readdirSync('/proc/self/fd').length;
  for (const [settings, why] of [
    ['12345', /^the terminal at descriptor \d+ cannot be set to 12345 8N1: stty: .*12345/],
    // A pseudo-terminal has no parity.
    ['9600,7E1', /^the terminal at descriptor \d+ cannot be set to 9600 7E1: stty: /],
  ] as const) {
    const fd = open(ours);
    const opened = terminals();
    const fault = await Promise.resolve()
      .then(() => openFdWire({ read: fd, write: fd }, { tty: parseLineSettings(settings) }))
      .catch((thrown) => thrown);
    expect(fault).toMatchObject({ code: 'USAGE', text: expect.stringMatching(why) });
    expect(settingsOf(ours)).toBe(before);
    expect(terminals()).toBe(opened);
    closeSync(fd);
  }
  expect(process.listenerCount('exit')).toBe(exitHandlers);
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  'is restored, speed included, when %s ends posbridge',
  async (signal) => {
    const { ours } = await cable();
    execFileSync('stty', ['-F', ours, '19200', 'cstopb']);
    const before = settingsOf(ours);
    const fd = open(ours);
    const program = spawn(
      process.execPath,
      [PROGRAM, '--tty', '9600', '--app', 'simulator:', '--lock', 'none'],
      {
        stdio: [fd, fd, 'ignore'],
        env: cleanEnvironment(),
      },
    );
    children.push(program);
    const ended = new Promise((resolve) => program.once('exit', resolve));
    while (speedOf(ours) !== '9600') await someTurns();
    program.kill(signal);
    await ended;
    expect(settingsOf(ours)).toBe(before);
    closeSync(fd);
  },
);

test('gives 0 and 1 back while the process lives', async () => {
  const { ours } = await cable();
  const before = settingsOf(ours);
  const fd = open(ours);
  const remote = await RemoteWire.open({ read: 0, write: 1 }, [fd, fd, 'inherit', 'ipc']);
  closeSync(fd);
  const wire = new Recorder(remote).start();
  wire.destroy();
  await wire.closed;
  const descriptors = await remote.ping();
  expect([descriptors['0'], descriptors['1']]).toEqual(['/dev/null', '/dev/null']);
  expect(Object.values(descriptors).filter((target) => target.startsWith('/dev/pts'))).toEqual([]);
  expect(settingsOf(ours)).toBe(before);
  await remote.kill();
});
