import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { frameOf } from '../messages.mjs';
import { contestant, posbridge, proportionalMb, start, startApplication } from '../processes.mjs';
import { quantile } from '../statistics.mjs';

const KEEPALIVE = frameOf({ jsonrpc: '2.0', id: 'pos-1-1', method: '_Keepalive', params: {} });
const FIRST_PORT = 21_000;
const WANTED_MB = 8.2;

let port = FIRST_PORT + (process.pid % 10_000);

/** Connections that come all at once to a super-server (`tcpserver`), which starts a process for each. */
export async function measure({ isQuick, folder, log }) {
  if (!hasTcpserver()) {
    log('many at once: tcpserver is missing (apt-get install ucspi-tcp)');
    return [];
  }
  const socketPath = path.join(folder, 'many.sock');
  const application = await startApplication(socketPath);
  const bridge = posbridge('--app', `unix:${socketPath}`);
  const comparisons = [];
  for (const [count, rounds] of isQuick
    ? [[50, 1]]
    : [
        [200, 3],
        [1000, 1],
      ]) {
    const metrics = await interleave(
      { posbridge: () => startMany(bridge, count), floor: () => startMany(contestant('floor.cjs'), count) },
      { rounds, warmUp: 0 },
    );
    const comparison = (title, results) => ({
      title: `${count} processes at once, ${title}`,
      unit: 's',
      subject: 'posbridge',
      reference: 'floor',
      goal: { atMost: 1.25 },
      results,
    });
    comparisons.push(
      comparison('half are answered', metrics.medianS),
      comparison('the last is answered', metrics.lastS),
    );
    if (count >= 1000) continue;
    comparisons.push({
      title: `proportional size of one of ${count} processes`,
      unit: 'MB',
      subject: 'posbridge',
      reference: 'wanted',
      goal: { atMost: 1 },
      results: { ...metrics.proportionalMb, wanted: [WANTED_MB] },
    });
  }
  application.kill('SIGTERM');
  await application.exited;
  return comparisons;
}

function hasTcpserver() {
  try {
    execFileSync('sh', ['-c', 'command -v tcpserver'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startMany(command, count) {
  port += 1;
  const limits = ['-c', `${count + 10}`, '-b', `${count + 10}`];
  const server = start(
    ['tcpserver', '-RHl0', ...limits, '127.0.0.1', `${port}`, ...command],
    ['ignore', 'ignore', 'ignore'],
  );
  const sockets = [await connected(server)]; // it listens
  const startMs = performance.now();
  const answered = Array.from({ length: count }, async () => {
    const socket = await connected(server);
    sockets.push(socket);
    await new Asker({ child: server, input: socket, output: socket }).ask(KEEPALIVE, 1);
    return (performance.now() - startMs) / 1000;
  });
  const times = await Promise.all(answered);
  const sizes = childrenOf(server.pid).map(proportionalMb);
  for (const socket of sockets) socket.destroy();
  while (childrenOf(server.pid).length > 0) await sleep(20);
  server.kill('SIGKILL');
  await server.exited;
  return { medianS: quantile(times, 0.5), lastS: Math.max(...times), proportionalMb: quantile(sizes, 0.5) };
}

function childrenOf(pid) {
  try {
    const text = execFileSync('pgrep', ['-P', `${pid}`], { encoding: 'utf8' });
    return text.trim().split('\n').map(Number);
  } catch {
    return [];
  }
}

/** As soon as somebody listens. */
async function connected(server) {
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const isOpen = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    if (isOpen) return socket;
    if (server.exitCode !== null) throw new Error(`bench: tcpserver ended with ${server.exitCode}`);
    await sleep(20);
  }
}
