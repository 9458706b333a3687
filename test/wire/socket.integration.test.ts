import { spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectWire } from '../../src/wire/socket.ts';
import { socketWire } from '../../src/wire/socket-wire.ts';
import { hasExactAbstractNames } from '../../src/wire/unix-name.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { temporaryFolder } from './bundle.ts';
import { tcpEndpoint, unixEndpoint } from './endpoints.ts';
import { socketPair } from './pairs.ts';
import { Recorder } from './recorder.ts';

/** TCP_NODELAY and SO_KEEPALIVE, asked by a process that inherits the socket. */
async function optionsOf(socket: Socket): Promise<string> {
  const script = [
    'import socket as s',
    'c = s.socket(fileno=0)',
    'print(bool(c.getsockopt(s.IPPROTO_TCP, s.TCP_NODELAY)), bool(c.getsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE)))',
  ].join('\n');
  const child = spawn('python3', ['-c', script], { stdio: [socket, 'pipe', 'inherit'] });
  let text = '';
  for await (const bytes of child.stdout) text += bytes;
  return text.trim();
}

function listening(server: Server, where: object): Promise<number> {
  return new Promise((resolve) => {
    server.listen(where, () => {
      const address = server.address();
      resolve(typeof address === 'object' ? (address?.port ?? 0) : 0);
    });
  });
}

/** A Python listener that accepts only when it is told to, its backlog being full with one connection. */
async function busyListener(path: string) {
  const script = [
    'import socket, sys',
    's = socket.socket(socket.AF_UNIX)',
    's.bind(sys.argv[1])',
    's.listen(0)',
    'print("ready", flush=True)',
    'sys.stdin.readline()',
    'kept = [s.accept()[0] for _ in range(2)]',
    'print(kept[1].recv(100).decode(), flush=True)',
    'sys.stdin.read()',
  ].join('\n');
  const child = spawn('python3', ['-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return {
    accept: () => child.stdin.write('\n'),
    heard: async () => (await lines.next()).value,
    hangUp: () => child.kill(),
  };
}

describe('socketWire', () => {
  test('sets TCP_NODELAY and SO_KEEPALIVE, and names the peer', async () => {
    const [here, there] = await socketPair('tcp');
    expect(await optionsOf(here)).toBe('False False');
    const wire = socketWire(here);
    expect(await optionsOf(here)).toBe('True True');
    expect(wire.peer).toEqual({ address: '127.0.0.1', text: '127.0.0.1' });
    wire.destroy();
    there.destroy();
  });

  test('reports a reset with the system’s code', async () => {
    const [here, there] = await socketPair('tcp');
    const wire = new Recorder(socketWire(here)).start();
    there.resetAndDestroy();
    expect(await wire.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(wire.order).toEqual(['closed']);
  });

  test('is reset without what the other side has not received, on TCP', async () => {
    const [here, there] = await socketPair('tcp');
    there.pause();
    const wire = new Recorder(socketWire(here)).start();
    // The kernel takes megabytes for a reader that has room for a part of one, and goes on sending after a close.
    wire.wire.write(Buffer.alloc(32 * 1024 * 1024), () => {});
    await new Promise((resolve) => setImmediate(resolve));
    wire.wire.reset?.();
    expect(await wire.closed).toBeUndefined();
    let received = 0;
    there.on('data', (bytes) => {
      received += bytes.length;
    });
    const over = new Promise<void>((resolve) => there.once('end', resolve).once('error', () => resolve()));
    there.resume();
    await over;
    there.destroy();
    expect(received).toBeLessThan(1024 * 1024);
  });

  test('is destroyed by a reset where there is no such thing', async () => {
    const [here, there] = await socketPair('unix');
    const ended = new Promise((resolve) => there.once('end', resolve));
    there.resume();
    const wire = new Recorder(socketWire(here)).start();
    wire.wire.reset?.();
    expect(await wire.closed).toBeUndefined();
    await ended;
    there.destroy();
  });

  test('keeps a fault from before start for after it', async () => {
    const [here, there] = await socketPair('tcp');
    const wire = new Recorder(socketWire(here));
    here.destroy(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
    await new Promise((resolve) => here.once('close', resolve));
    expect(await wire.start().closed).toMatchObject({ code: 'ECONNRESET' });
    there.destroy();
  });
});

describe('connectWire', () => {
  test('finds a server that listens on one of several addresses of a name', async () => {
    const server = createServer((socket) => socket.end('hello'));
    const port = await listening(server, { port: 0, host: '127.0.0.1' });
    const wire = new Recorder(await connectWire(tcpEndpoint(port, 'localhost'))).start();
    expect((await wire.received(5)).toString()).toBe('hello');
    expect(wire.wire.peer.text).toBe('127.0.0.1');
    wire.destroy();
    await wire.closed;
    server.close();
  });

  test('says which endpoint refused and why', async () => {
    const server = createServer();
    const port = await listening(server, { port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => server.close(resolve));
    await expect(connectWire(tcpEndpoint(port))).rejects.toMatchObject({
      code: 'WIRE_OPEN_FAILED',
      text: `cannot connect to tcp:127.0.0.1:${port}: connection refused (ECONNREFUSED)`,
    });
    const path = join(temporaryFolder(), 'nobody');
    await expect(connectWire(unixEndpoint(path))).rejects.toMatchObject({
      text: `cannot connect to unix:${path}: no such file or directory (ENOENT)`,
    });
  });

  test('refuses a UNIX path of more than 107 bytes, which Node 20 would cut', async () => {
    await expect(connectWire(unixEndpoint(`/${'x'.repeat(107)}`))).rejects.toMatchObject({
      code: 'ENDPOINT_INVALID',
    });
  });

  test('gives up after its timeout', async () => {
    const clock = new FakeClock();
    const path = join(temporaryFolder(), 's');
    await busyListener(path);
    const first = await connectWire(unixEndpoint(path));
    const second = connectWire(unixEndpoint(path), { clock, timeoutMs: 200 });
    const refused = expect(second).rejects.toMatchObject({
      code: 'WIRE_OPEN_FAILED',
      text: `cannot connect to unix:${path}: no connection within 200 ms`,
    });
    // Two timers: the limit, and the next attempt after EAGAIN.
    while (clock.timerCount < 2) await new Promise(setImmediate);
    clock.advance(200);
    await refused;
    expect(clock.timerCount).toBe(0);
    first.destroy();
  });

  test('tries again while the backlog of a UNIX listener is full', async () => {
    const path = join(temporaryFolder(), 's');
    const server = await busyListener(path);
    const clock = new FakeClock();
    const first = await connectWire(unixEndpoint(path));
    const connecting = connectWire(unixEndpoint(path), { clock });
    while (clock.timerCount < 2) await new Promise(setImmediate);
    server.accept();
    let wire: Awaited<typeof connecting> | undefined;
    void connecting.then((opened) => {
      wire = opened;
    });
    while (wire === undefined) {
      if (clock.timerCount === 2) clock.advance(50);
      await new Promise(setImmediate);
    }
    const recorder = new Recorder(wire).start();
    await recorder.write('second');
    expect(await server.heard()).toBe('second');
    server.hangUp();
    await recorder.ended;
    recorder.destroy();
    first.destroy();
  });

  test('is called off by its signal, before and during the attempt', async () => {
    const path = join(temporaryFolder(), 's');
    await busyListener(path);
    const first = await connectWire(unixEndpoint(path));
    const controller = new AbortController();
    const clock = new FakeClock();
    const connecting = connectWire(unixEndpoint(path), { clock, signal: controller.signal });
    const calledOff = expect(connecting).rejects.toMatchObject({ code: 'WIRE_OPEN_FAILED' });
    while (clock.timerCount < 2) await new Promise(setImmediate);
    controller.abort();
    await calledOff;
    expect(clock.timerCount).toBe(0);
    const later = connectWire(unixEndpoint(path), { signal: controller.signal });
    await expect(later).rejects.toMatchObject({ code: 'WIRE_OPEN_FAILED' });
    first.destroy();
  });
});

describe('an abstract UNIX name', () => {
  const name = `posbridge-test-${process.pid}`;

  async function pythonServer(script: string): Promise<void> {
    const whole = `import socket, sys\nname = sys.argv[1]\ns = socket.socket(socket.AF_UNIX)\ns.bind(${script})\ns.listen(5)\nprint("ready", flush=True)\nc = s.accept()[0]\nc.sendall(b"hello")\nc.close()`;
    const child = spawn('python3', ['-c', whole, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    await createInterface(child.stdout)[Symbol.asyncIterator]().next();
    onTestFinished(() => void child.kill());
  }

  test.runIf(hasExactAbstractNames)('is the name that other programs use', async () => {
    await pythonServer("'\\0' + name");
    const wire = new Recorder(await connectWire(unixEndpoint(name, { abstract: true }))).start();
    expect((await wire.received(5)).toString()).toBe('hello');
    wire.destroy();
  });

  test.runIf(!hasExactAbstractNames)(
    'is filled up with NULs on this Node, and a refusal says so',
    async () => {
      await pythonServer("'\\0' + name");
      await expect(connectWire(unixEndpoint(name, { abstract: true }))).rejects.toMatchObject({
        text: expect.stringMatching(/ECONNREFUSED.*Node 20 fills abstract names/),
      });
      await pythonServer("('\\0' + name).ljust(108, '\\0')");
      const wire = new Recorder(await connectWire(unixEndpoint(name, { abstract: true }))).start();
      expect((await wire.received(5)).toString()).toBe('hello');
      wire.destroy();
    },
  );

  test('of full length is the same for everybody', async () => {
    await pythonServer("'\\0' + name.ljust(107, '-')");
    const full = name.padEnd(107, '-');
    const wire = new Recorder(await connectWire(unixEndpoint(full, { abstract: true }))).start();
    expect((await wire.received(5)).toString()).toBe('hello');
    wire.destroy();
  });
});

test('after each full read others have their turn, however much has come', async () => {
  const flood = Buffer.alloc(8 * 1024 * 1024);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(flood);
  });
  onTestFinished(() => void server.close());
  const port = await listening(server, { port: 0, host: '127.0.0.1' });
  const recorder = new Recorder(await connectWire(tcpEndpoint(port)));
  onTestFinished(() => recorder.wire.destroy());
  const lengths: number[] = [];
  const readInARow: number[] = [];
  let inARow = 0;
  recorder.onChunk = (bytes) => {
    lengths.push(bytes.length);
    inARow += 1;
    readInARow.push(inARow);
    setImmediate(() => {
      inARow = 0;
    });
  };
  await new Promise((resolve) => setImmediate(resolve)); // let some of it come
  recorder.start();
  await recorder.ended;
  expect(recorder.bytes).toBe(flood.length);
  const full = Math.max(...lengths);
  const afterFull = readInARow.filter((_, index) => lengths[index - 1] === full);
  expect([full, afterFull.length > 0, Math.max(...afterFull)]).toEqual([128 * 1024, true, 1]);
});
