import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Asker } from '../asker.mjs';
import { frameOf } from '../messages.mjs';
import { quietPosbridge, residentMb, start } from '../processes.mjs';

const KEEPALIVE = frameOf({ jsonrpc: '2.0', id: 'pos-1-1', method: '_Keepalive', params: {} });
const COUNTS = [1, 10, 100];
const POLL_MS = 10;

/** What `serve` takes with so many connections open, each of which has had an answer. */
export async function measure({ isQuick, folder }) {
  const results = Object.fromEntries([...COUNTS, 'each'].map((count) => [nameOf(count), []]));
  for (let round = 0; round < (isQuick ? 2 : 7); round += 1) {
    const place = path.join(folder, `serve-${round}.sock`);
    const child = start(quietPosbridge('serve', '--listen', `unix:${place}`, '--app', 'null:'), [
      'ignore',
      'ignore',
      'inherit',
    ]);
    const sockets = [];
    const sizes = [];
    for (const count of COUNTS) {
      while (sockets.length < count) {
        const socket = await connected(place, child);
        sockets.push(socket);
        await new Asker({ child, input: socket, output: socket }).ask(KEEPALIVE, 1);
      }
      sizes.push(residentMb(child, 'VmHWM'));
      results[nameOf(count)].push(sizes.at(-1));
    }
    results[nameOf('each')].push(((sizes.at(-1) - sizes[0]) / (COUNTS.at(-1) - COUNTS[0])) * 1024);
    for (const socket of sockets) socket.destroy();
    child.kill('SIGTERM');
    await child.exited;
  }
  const { [nameOf('each')]: each, ...resident } = results;
  return [
    {
      title: 'peak resident size of serve',
      unit: 'MB',
      subject: nameOf(COUNTS.at(-1)),
      reference: nameOf(COUNTS[0]),
      results: resident,
    },
    { title: 'growth of serve, a connection', unit: 'KB', results: { [nameOf('each')]: each } },
  ];
}

function nameOf(count) {
  if (count === 'each') return '1 to 100 connections';
  return count === 1 ? '1 connection' : `${count} connections`;
}

/** As soon as it listens. */
async function connected(place, child) {
  for (;;) {
    const socket = connect(place);
    const isOpen = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    if (isOpen) return socket;
    if (child.exitCode !== null) throw new Error(`bench: serve ended with ${child.exitCode}`);
    await sleep(POLL_MS);
  }
}
