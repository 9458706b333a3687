import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { deferred } from '../../src/base/deferred.ts';
import type { Endpoint } from '../../src/endpoint/endpoint.ts';
import { type Listener, listen } from '../../src/wire/listen.ts';
import { connectWire, type SocketEndpoint } from '../../src/wire/socket.ts';
import { removeDead } from '../../src/wire/unix-listen.ts';
import { hasExactAbstractNames } from '../../src/wire/unix-name.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { temporaryFolder } from './bundle.ts';
import { tcpEndpoint, unixEndpoint } from './endpoints.ts';
import { Recorder } from './recorder.ts';

function path(): string {
  return join(temporaryFolder(), 'socket');
}

/** A listener whose wires are greeted. */
function greeting(endpoint: Endpoint): Promise<Listener> {
  return listen(endpoint, {
    onWire(wire) {
      const recorder = new Recorder(wire).start();
      void recorder.write('hello').then(() => wire.endOutput());
    },
  });
}

async function listenForOne(host?: string) {
  const accepted = deferred<Wire>();
  const listener = await listen(tcpEndpoint(0, host), { onWire: accepted.resolve });
  const port = Number(listener.address.split(':').at(-1));
  return { listener, port, accepted: accepted.promise };
}

async function isGreeted(endpoint: SocketEndpoint): Promise<boolean> {
  const wire = new Recorder(await connectWire(endpoint)).start();
  await wire.ended;
  wire.destroy();
  return wire.text === 'hello';
}

/** A socket file that a program has left behind. */
function deadSocket(at: string): void {
  execFileSync('python3', ['-c', 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', at]);
}

test('reports the real port of port 0, and names the peer of each wire', async () => {
  const { listener, port, accepted } = await listenForOne();
  expect(listener.address).toBe(`tcp:127.0.0.1:${port}`);
  const wire = await connectWire(tcpEndpoint(port));
  expect((await accepted).peer).toEqual({ address: '127.0.0.1', text: '127.0.0.1' });
  for (const end of [wire, await accepted]) end.destroy();
  await listener.close();
});

test('writes an IPv4 peer of an IPv6 listener as IPv4', async () => {
  const { listener, port, accepted } = await listenForOne('::');
  expect(listener.address).toBe(`tcp:[::]:${port}`);
  const wire = await connectWire(tcpEndpoint(port));
  expect((await accepted).peer.address).toBe('127.0.0.1');
  for (const end of [wire, await accepted]) end.destroy();
  await listener.close();
});

test('refuses a port that is taken', async () => {
  const listener = await greeting(tcpEndpoint(0));
  const port = Number(listener.address.split(':').at(-1));
  await expect(greeting(tcpEndpoint(port))).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    text: `cannot listen on tcp:127.0.0.1:${port}: address already in use (EADDRINUSE)`,
  });
  await listener.close();
});

test('refuses endpoints on which nobody can listen', async () => {
  const nothing: Endpoint = { kind: 'null', text: 'null:' };
  await expect(greeting(nothing)).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
});

test('makes the socket file with its mode, and removes it when it closes; open wires stay', async () => {
  const endpoint = unixEndpoint(path(), { mode: 0o640 });
  const mask = process.umask();
  const accepted: Recorder[] = [];
  const listener = await listen(endpoint, { onWire: (wire) => accepted.push(new Recorder(wire).start()) });
  expect(process.umask()).toBe(mask);
  expect(listener.address).toBe(endpoint.text);
  expect(statSync(endpoint.path).mode & 0o777).toBe(0o640);
  const wire = new Recorder(await connectWire(endpoint)).start();
  await wire.write('before');
  while (accepted.length === 0) await new Promise(setImmediate);
  await listener.close();
  await listener.close();
  expect(existsSync(endpoint.path)).toBe(false);
  await expect(connectWire(endpoint)).rejects.toMatchObject({ code: 'WIRE_OPEN_FAILED' });
  await wire.write(' and after');
  expect((await accepted[0]?.received(16))?.toString()).toBe('before and after');
  wire.destroy();
  accepted[0]?.destroy();
});

test('replaces a dead socket file, whatever names other users have taken, and leaves nothing beside it', async () => {
  const endpoint = unixEndpoint(path());
  deadSocket(endpoint.path);
  const hash = createHash('sha256').update(endpoint.path).digest('hex');
  const taken = await greeting(unixEndpoint(`posbridge-listen-${hash}`, { abstract: true }));
  const listener = await greeting(endpoint);
  expect(readdirSync(dirname(endpoint.path))).toEqual([basename(endpoint.path)]);
  await taken.close();
  expect(await isGreeted(endpoint)).toBe(true);
  await listener.close();
});

test('leaves a live socket to its owner', async () => {
  const endpoint = unixEndpoint(path());
  const first = await greeting(endpoint);
  await expect(greeting(endpoint)).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    text: `cannot listen on ${endpoint.text}: another program listens there`,
  });
  expect(await isGreeted(endpoint)).toBe(true);
  await first.close();
});

test('lets one of several that replace a dead socket win, and the winner is reached', async () => {
  const endpoint = unixEndpoint(path());
  deadSocket(endpoint.path);
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => greeting(endpoint)));
  const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  expect(winners.length).toBe(1);
  expect(await isGreeted(endpoint)).toBe(true);
  await winners[0]?.close();
});

test('puts a socket back that has come to life since it was found dead', async () => {
  const endpoint = unixEndpoint(path());
  const listener = await greeting(endpoint);
  await removeDead(endpoint.path, statSync(endpoint.path).ino + 1);
  expect(await isGreeted(endpoint)).toBe(true);
  expect(readdirSync(dirname(endpoint.path))).toEqual([basename(endpoint.path)]);
  await listener.close();
});

test.each(['a file', 'a link to a file'])('leaves %s alone that is no socket', async (what) => {
  const endpoint = unixEndpoint(path());
  const target = what === 'a file' ? endpoint.path : `${endpoint.path}.target`;
  writeFileSync(target, 'precious');
  if (target !== endpoint.path) symlinkSync(target, endpoint.path);
  await expect(greeting(endpoint)).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  expect(readFileSync(target, 'latin1')).toBe('precious');
});

test('says why a folder cannot hold the socket', async () => {
  await expect(greeting(unixEndpoint(join(temporaryFolder(), 'missing', 's')))).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
  });
});

test('listens on an abstract name that others of this Node find', async () => {
  const endpoint = unixEndpoint(`posbridge-listen-${process.pid}`, { abstract: true });
  const listener = await greeting(endpoint);
  expect(await isGreeted(endpoint)).toBe(true);
  await expect(greeting(endpoint)).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  await listener.close();
});

test('is found by socat under an abstract name, which on Node 20 must be filled up', async () => {
  const name = `posbridge-socat-${process.pid}`;
  const listener = await greeting(unixEndpoint(name, { abstract: true }));
  const option = hasExactAbstractNames ? '' : ',unix-tightsocklen=0';
  const socat = spawn('socat', ['-u', `ABSTRACT-CONNECT:${name}${option}`, '-']);
  let text = '';
  for await (const bytes of socat.stdout) text += bytes;
  expect(text).toBe('hello');
  await listener.close();
});

test('reports a connection that is gone again before it is started', async () => {
  const { listener, port, accepted } = await listenForOne();
  const socket = connect({ port, host: '127.0.0.1' });
  socket.once('connect', () => socket.resetAndDestroy());
  const wire = new Recorder(await accepted).start();
  expect(await wire.closed).toMatchObject({ code: 'ECONNRESET' });
  await listener.close();
});
