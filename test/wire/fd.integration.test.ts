import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFdWire } from '../../src/wire/fd.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { temporaryFolder } from './bundle.ts';
import { inheritedPipes, inheritedSocketWires, openFifo, openPipe, socketPair } from './pairs.ts';
import { pattern, Recorder, someTurns } from './recorder.ts';
import { RemoteWire } from './remote-wire.ts';

const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
function flagsOf(fd: number): number {
  const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  return Number.parseInt(flags ?? '', 8);
}

function isOpen(fd: number): boolean {
  try {
    flagsOf(fd);
    return true;
  } catch {
    return false;
  }
}

describe('a wire over inherited sockets', () => {
  test.each(['tcp', 'unix'] as const)(
    'at 0 and 1 hangs up on the peer while the process lives (%s)',
    async (kind) => {
      const { remote, here } = await inheritedSocketWires(kind);
      const wire = new Recorder(remote).start();
      const ended = new Promise<void>((resolve) => here.once('end', resolve));
      here.resume();
      wire.destroy();
      await Promise.all([ended, wire.closed]);
      const descriptors = await remote.ping();
      expect([descriptors['0'], descriptors['1']]).toEqual(['/dev/null', '/dev/null']);
    },
  );

  test('at 6 and 7 gives both numbers back', async () => {
    const [here, theirs] = await socketPair('tcp');
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc', 'ignore', 'ignore', theirs, theirs] as const;
    const remote = await RemoteWire.open({ read: 6, write: 7 }, [...stdio]);
    theirs.destroy();
    expect(remote.peer.text).toBe('127.0.0.1');
    const wire = new Recorder(remote).start();
    await wire.write('hello');
    await new Promise<void>((resolve) => here.once('end', resolve).resume() && wire.destroy());
    await wire.closed;
    const descriptors = await remote.ping();
    expect([descriptors['6'], descriptors['7']]).toEqual([undefined, undefined]);
  });

  test('leaves a number alone that somebody else has got meanwhile', async () => {
    const [here, theirs] = await socketPair('unix');
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc', theirs] as const;
    const remote = await RemoteWire.open({ read: 4, write: 4 }, [...stdio]);
    theirs.destroy();
    const wire = new Recorder(remote).start();
    remote.destroyAndOpen();
    await wire.closed;
    expect((await remote.ping())['4']).toMatch(/wire-host\.mjs$/);
    here.destroy();
  });

  test('joins two different sockets, one for each direction', async () => {
    const [hereIn, theirsIn] = await socketPair('unix');
    const [hereOut, theirsOut] = await socketPair('unix');
    const remote = await RemoteWire.open({ read: 0, write: 1 }, [theirsIn, theirsOut, 'inherit', 'ipc']);
    theirsIn.destroy();
    theirsOut.destroy();
    expect(remote.peer.text).toBe('unix');
    const wire = new Recorder(remote).start();
    hereIn.end('in');
    await wire.ended;
    expect(wire.text).toBe('in');
    const out: Buffer[] = [];
    hereOut.on('data', (bytes) => out.push(bytes)).resume();
    const ended = new Promise<void>((resolve) => hereOut.once('end', resolve));
    expect(await wire.write('out')).toBeUndefined();
    remote.endOutput();
    await ended;
    expect(Buffer.concat(out).toString()).toBe('out');
    expect(await wire.closed).toBeUndefined();
    hereIn.destroy();
  });

  test('reports a reset as a fault', async () => {
    const { remote, here } = await inheritedSocketWires('tcp');
    const wire = new Recorder(remote).start();
    await remote.ping();
    here.resetAndDestroy();
    expect(await wire.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(wire.order).toEqual(['closed']);
  });
});

describe('a wire over inherited pipes', () => {
  test('shows the reader the end of output at once, and goes on reading', async () => {
    const { remote, read, write } = await inheritedPipes();
    expect(remote.peer.text).toBe('pipe');
    const wire = new Recorder(remote).start();
    const here = new Recorder(openFdWire({ read, write })).start();
    await wire.write('all');
    remote.endOutput();
    await here.ended;
    expect(here.text).toBe('all');
    await here.write('more');
    expect((await wire.received(4)).toString()).toBe('more');
    expect((await remote.ping())['1']).toBe('/dev/null');
    here.destroy();
    await wire.ended;
    expect(await wire.closed).toBeUndefined();
    expect((await remote.ping())['0']).toBe('/dev/null');
  });

  test('never sets O_NONBLOCK on what it shares with others, not even when it is killed', async () => {
    const input = await openPipe();
    const output = await openPipe();
    const remote = await RemoteWire.open({ read: 0, write: 1 }, [input.read, output.write, 'inherit', 'ipc']);
    const wire = new Recorder(remote).start();
    writeSync(input.write, 'ask');
    await wire.received(3);
    await wire.write('answer');
    expect([flagsOf(input.read) & O_NONBLOCK, flagsOf(output.write) & O_NONBLOCK]).toEqual([0, 0]);
    await remote.kill('SIGKILL');
    expect([flagsOf(input.read) & O_NONBLOCK, flagsOf(output.write) & O_NONBLOCK]).toEqual([0, 0]);
    for (const fd of [...Object.values(input), ...Object.values(output)]) closeSync(fd);
  });

  test('notices within half a second that an idle output has no reader any more', async () => {
    const { read, write } = openFifo();
    const clock = new FakeClock();
    const wire = new Recorder(openFdWire({ write }, { clock })).start();
    clock.advance(499);
    expect(clock.timerCount).toBe(1);
    closeSync(read);
    clock.advance(1);
    expect(await wire.closed).toMatchObject({ code: 'EPIPE' });
    expect(isOpen(write)).toBe(false);
    expect(clock.timerCount).toBe(0);
  });

  test('keeps watching while there is a reader', async () => {
    const { read, write } = openFifo();
    const clock = new FakeClock();
    const wire = new Recorder(openFdWire({ write }, { clock })).start();
    clock.advance(500);
    while (clock.timerCount === 0) await someTurns();
    expect(await wire.write('still here')).toBeUndefined();
    wire.destroy();
    expect(await wire.closed).toBeUndefined();
    expect(clock.timerCount).toBe(0);
    closeSync(read);
  });

  test('reads the end of a named pipe whose writers had left before', async () => {
    const { read, write } = openFifo();
    writeSync(write, 'left behind');
    closeSync(write);
    const wire = new Recorder(openFdWire({ read })).start();
    await wire.ended;
    expect(wire.text).toBe('left behind');
    expect(await wire.closed).toBeUndefined();
    expect(isOpen(read)).toBe(false);
  });

  test('reads on after the writers of a pipe that is open for both have left', async () => {
    const { path, read, write } = openFifo();
    closeSync(read);
    closeSync(write);
    const wire = new Recorder(openFdWire({ read: openSync(path, O_RDWR | O_NONBLOCK) })).start();
    for (const line of ['one', 'two']) {
      writeFileSync(path, line);
      await wire.received(line === 'one' ? 3 : 6);
    }
    expect(wire.text).toBe('onetwo');
    expect(wire.order).not.toContain('end');
    wire.destroy();
    await wire.closed;
  });

  test('reads and writes one descriptor that is open for both', async () => {
    const { path, read, write } = openFifo();
    closeSync(read);
    closeSync(write);
    const fd = openSync(path, O_RDWR | O_NONBLOCK);
    const wire = new Recorder(openFdWire({ read: fd, write: fd })).start();
    expect(await wire.write('echo')).toBeUndefined();
    expect((await wire.received(4)).toString()).toBe('echo');
    wire.destroy();
    expect(await wire.closed).toBeUndefined();
    expect(isOpen(fd)).toBe(false);
  });

  test.runIf(process.getuid?.() === 0)('makes do with a pipe that another user has made', async () => {
    const input = await openPipe();
    const output = await openPipe();
    const stdio = [input.read, output.write, 'inherit', 'ipc'] as const;
    const remote = await RemoteWire.open({ read: 0, write: 1 }, [...stdio], { uid: 65_534 });
    closeSync(input.read);
    closeSync(output.write);
    const wire = new Recorder(remote).start();
    const here = new Recorder(openFdWire({ read: output.read, write: input.write })).start();
    await here.write('question');
    expect((await wire.received(8)).toString()).toBe('question');
    await wire.write('answer');
    remote.endOutput();
    await here.ended;
    expect(here.text).toBe('answer');
    here.destroy();
    expect(await wire.closed).toBeUndefined();
  });
});

describe('a wire over files', () => {
  function file(content = ''): string {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, content);
    return path;
  }

  test('reads from where the descriptor stands to the end, then closes', async () => {
    const fd = openSync(file('skipped, read'), O_RDONLY);
    readSync(fd, Buffer.alloc(9));
    const wire = new Recorder(openFdWire({ read: fd }));
    expect(wire.wire.peer).toEqual({ text: 'file' });
    wire.start();
    expect(await wire.closed).toBeUndefined();
    expect(wire.text).toBe('read');
    expect(wire.order).toEqual(['chunk', 'end', 'closed']);
    expect(wire.violations).toEqual([]);
    expect(isOpen(fd)).toBe(false);
  });

  test('writes in order from where the descriptor stands', async () => {
    const path = file('start ');
    const fd = openSync(path, O_WRONLY | O_APPEND);
    const wire = new Recorder(openFdWire({ write: fd })).start();
    expect(await wire.write('one ')).toBeUndefined();
    void wire.write('two');
    wire.wire.endOutput();
    expect(await wire.closed).toBeUndefined();
    expect(readFileSync(path, 'latin1')).toBe('start one two');
    expect(wire.order).toEqual(['done', 'done', 'closed']);
  });

  test('keeps its place while it is paused', async () => {
    const bytes = pattern(1_000_000);
    const path = file();
    writeFileSync(path, bytes);
    const wire = new Recorder(openFdWire({ read: openSync(path, O_RDONLY) }));
    wire.onChunk = () => {
      wire.wire.pause();
      setImmediate(() => wire.wire.resume());
    };
    wire.start();
    await wire.closed;
    expect(Buffer.concat(wire.chunks).equals(bytes)).toBe(true);
    expect(wire.violations).toEqual([]);
  });

  test('holds what was under way when it was paused', async () => {
    const wire = new Recorder(openFdWire({ read: openSync(file('text'), O_RDONLY) })).start();
    wire.wire.pause();
    await someTurns();
    expect(wire.order).toEqual([]);
    wire.wire.resume();
    await wire.closed;
    expect(wire.text).toBe('text');
  });

  test('ends with a fault when the disk is full', async () => {
    const wire = new Recorder(openFdWire({ write: openSync('/dev/full', O_WRONLY) })).start();
    expect(await wire.write('lost')).toMatchObject({ code: 'ENOSPC' });
    expect(await wire.closed).toMatchObject({ code: 'ENOSPC' });
    expect(wire.order).toEqual(['failed', 'closed']);
  });

  test('writes the rest after a short write, and says when there is no room for it', async () => {
    const path = file();
    const fd = openSync(path, O_WRONLY);
    const remote = await RemoteWire.open({ write: 1 }, ['ignore', fd, 'inherit', 'ipc']);
    closeSync(fd);
    execFileSync('prlimit', ['--pid', String(remote.child.pid), '--fsize=8192:8192']);
    const wire = new Recorder(remote).start();
    expect(await wire.write(Buffer.alloc(10_000))).toMatchObject({ code: 'EFBIG' });
    expect(await wire.closed).toMatchObject({ code: 'EFBIG' });
    expect(statSync(path).size).toBe(8192);
  });

  test('gives the input back too when the output fails', async () => {
    const { read, write } = openFifo();
    const wire = new Recorder(openFdWire({ read, write: openSync('/dev/full', O_WRONLY) })).start();
    void wire.write('lost');
    expect(await wire.closed).toMatchObject({ code: 'ENOSPC' });
    expect(isOpen(read)).toBe(false);
    closeSync(write);
  });

  test('joins /dev/null as input with a file as output', async () => {
    const path = join(temporaryFolder(), 'out');
    const write = openSync(path, O_WRONLY | O_CREAT);
    const wire = new Recorder(openFdWire({ read: openSync('/dev/null', O_RDWR), write })).start();
    await wire.ended;
    expect(await wire.write('after the end')).toBeUndefined();
    wire.wire.endOutput();
    expect(await wire.closed).toBeUndefined();
    expect(statSync(path).size).toBe(13);
  });

  test('stops an endless input when it is destroyed', async () => {
    const fd = openSync('/dev/zero', O_RDONLY);
    const wire = new Recorder(openFdWire({ read: fd })).start();
    await wire.received(1_000_000);
    wire.destroy();
    expect(await wire.closed).toBeUndefined();
    expect(isOpen(fd)).toBe(false);
  });
});

describe('a wire of one direction', () => {
  test('without input never reports an end, and closes when output has ended', async () => {
    const { read, write } = openFifo();
    const wire = new Recorder(openFdWire({ write })).start();
    wire.wire.endOutput();
    expect(await wire.closed).toBeUndefined();
    expect(wire.order).toEqual(['closed']);
    closeSync(read);
  });

  test('without output answers a write with a fault and reads on', async () => {
    const { read, write } = openFifo();
    const wire = new Recorder(openFdWire({ read })).start();
    expect(await wire.write('nowhere')).toMatchObject({ code: 'WIRE_OUTPUT_ENDED' });
    writeSync(write, 'input');
    expect((await wire.received(5)).toString()).toBe('input');
    closeSync(write);
    expect(await wire.closed).toBeUndefined();
  });

  test('without any descriptor is a mistake of the caller', () => {
    expect(() => openFdWire({})).toThrow(TypeError);
  });
});
