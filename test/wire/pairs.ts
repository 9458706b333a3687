import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openFdWire } from '../../src/wire/fd.ts';
import { socketWire } from '../../src/wire/socket-wire.ts';
import { temporaryFolder } from './bundle.ts';
import type { WirePair } from './contract.ts';
import { RemoteWire } from './remote-wire.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/** Two ends of one connection, paused and untouched. */
export async function socketPair(kind: 'tcp' | 'unix'): Promise<[Socket, Socket]> {
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const path = join(temporaryFolder(), 'socket');
  await new Promise<void>((resolve) =>
    server.listen(kind === 'tcp' ? { port: 0, host: '127.0.0.1' } : { path }, resolve),
  );
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const target = port === undefined ? { path } : { port, host: '127.0.0.1' };
  const client = connect({ ...target, allowHalfOpen: true }).pause();
  await new Promise<void>((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
  });
  const pair: [Socket, Socket] = [client, await accepted];
  server.close();
  return pair;
}

/** A named pipe, opened at both ends without waiting. */
export function openFifo(): { path: string; read: number; write: number } {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const read = openSync(path, O_RDONLY | O_NONBLOCK);
  return { path, read, write: openSync(path, O_WRONLY | O_NONBLOCK) };
}

/** An anonymous pipe: made by another program, taken from its /proc entry. Both ends block, as a shell's do. */
export async function openPipe(): Promise<{ read: number; write: number }> {
  const script = 'import os, sys; print(*os.pipe(), flush=True); sys.stdin.read()';
  const holder = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(holder.stdout);
  const line = await new Promise<string>((resolve) => lines.once('line', resolve));
  const [read, write] = line.split(' ').map((fd) => `/proc/${holder.pid}/fd/${fd}`);
  const pipe = { read: openSync(read ?? '', O_RDONLY), write: openSync(write ?? '', O_WRONLY) };
  const exited = new Promise((resolve) => holder.once('exit', resolve));
  holder.stdin.end();
  await exited;
  return pipe;
}

export async function fifoWires(): Promise<WirePair> {
  const there = openFifo();
  const back = openFifo();
  return {
    near: openFdWire({ read: back.read, write: there.write }),
    far: openFdWire({ read: there.read, write: back.write }),
  };
}

/** A wire in a child that has the connection at 0 and 1, as under a super-server, and our end of it. */
export async function inheritedSocketWires(
  kind: 'tcp' | 'unix',
): Promise<{ remote: RemoteWire; here: Socket }> {
  const [here, theirs] = await socketPair(kind);
  const remote = await RemoteWire.open({ read: 0, write: 1 }, [theirs, theirs, 'inherit', 'ipc']);
  theirs.destroy();
  return { remote, here };
}

/** A wire in a child between two anonymous pipes at 0 and 1, and our ends of them. */
export async function inheritedPipes(): Promise<{ remote: RemoteWire; read: number; write: number }> {
  const input = await openPipe();
  const output = await openPipe();
  const remote = await RemoteWire.open({ read: 0, write: 1 }, [input.read, output.write, 'inherit', 'ipc']);
  closeSync(input.read);
  closeSync(output.write);
  return { remote, read: output.read, write: input.write };
}

export async function remotePair(end: 'near' | 'far', kind: 'tcp' | 'unix' | 'pipe'): Promise<WirePair> {
  const { remote, local } = kind === 'pipe' ? await pipeEnds() : await socketEnds(kind);
  return {
    near: end === 'near' ? remote : local,
    far: end === 'near' ? local : remote,
    settled: async () => void (await remote.ping()),
    close: () => remote.kill(),
  };
}

async function socketEnds(kind: 'tcp' | 'unix') {
  const { remote, here } = await inheritedSocketWires(kind);
  return { remote, local: socketWire(here) };
}

async function pipeEnds() {
  const { remote, read, write } = await inheritedPipes();
  return { remote, local: openFdWire({ read, write }) };
}
