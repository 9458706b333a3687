import path from 'node:path';
import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { frameOf } from '../messages.mjs';
import {
  contestant,
  posbridge,
  processorMs,
  residentMb,
  start,
  startApplication,
  startOnTcp,
} from '../processes.mjs';

const KEEPALIVE = frameOf({ jsonrpc: '2.0', id: 'pos-1-1', method: '_Keepalive', params: {} });

/**
 * From the start of the process, on a TCP connection as super-servers start it, to the answer of its first
 * `_Keepalive`, and the memory that it had taken by then. As everybody runs it: an application at a socket, lock and
 * log.
 */
export async function measure({ isQuick, folder }) {
  const socketPath = path.join(folder, 'start-up.sock');
  const application = await startApplication(socketPath);
  const rounds = isQuick ? 9 : 31;
  const app = ['--app', `unix:${socketPath}`];
  const metrics = await interleave(
    {
      posbridge: () => answerOnce(posbridge(...app)),
      'posbridge --app null:': () => answerOnce(posbridge('--app', 'null:')),
      floor: () => answerOnce(contestant('floor.cjs')),
      'node -e 0': () => exit([process.execPath, '-e', '0']),
    },
    { rounds, warmUp: 2 },
  );
  application.kill('SIGTERM');
  await application.exited;
  const comparison = (title, unit, atMost, results) => ({
    title,
    unit,
    subject: 'posbridge',
    reference: 'floor',
    goal: { atMost },
    results,
  });
  const { 'node -e 0': _exits, ...resident } = metrics.residentMb;
  const { 'node -e 0': _ends, ...processor } = metrics.processorMs;
  return [
    comparison('start to the first answer', 'ms', 1.3, metrics.ms),
    comparison('processor time to the first answer', 'ms', 1.3, processor),
    comparison('peak resident size after it', 'MB', 1.15, resident),
  ];
}

async function answerOnce(command) {
  const startMs = performance.now();
  const running = await startOnTcp(command, 'ignore');
  await new Asker(running).ask(KEEPALIVE, 1);
  const ms = performance.now() - startMs;
  const figures = { processorMs: processorMs(running.child), residentMb: residentMb(running.child, 'VmHWM') };
  running.input.end();
  await running.child.exited;
  return { ms, ...figures };
}

async function exit(command) {
  const startMs = performance.now();
  await start(command, ['ignore', 'ignore', 'inherit']).exited;
  return { ms: performance.now() - startMs };
}
