import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { frameOf } from '../messages.mjs';
import { contestant, posbridge, residentMb, start } from '../processes.mjs';

const KEEPALIVE = frameOf({ jsonrpc: '2.0', id: 'pos-1-1', method: '_Keepalive', params: {} });

/** From the start of the process to the answer of its first `_Keepalive`, and the memory that it had taken by then. */
export async function measure({ isQuick }) {
  const rounds = isQuick ? 9 : 31;
  const metrics = await interleave(
    {
      posbridge: () => answerOnce(posbridge('--app', 'null:')),
      floor: () => answerOnce(contestant('floor.cjs')),
      'node -e 0': () => exit([process.execPath, '-e', '0']),
    },
    { rounds, warmUp: 2 },
  );
  const { 'node -e 0': _none, ...resident } = metrics.residentMb;
  return [
    {
      title: 'start to the first answer',
      unit: 'ms',
      subject: 'posbridge',
      reference: 'floor',
      goal: { atMost: 1.25 },
      results: metrics.ms,
    },
    {
      title: 'peak resident size after it',
      unit: 'MB',
      subject: 'posbridge',
      reference: 'floor',
      goal: { atMost: 1.15 },
      results: resident,
    },
  ];
}

async function answerOnce(command) {
  const startMs = performance.now();
  const child = start(command, ['pipe', 'pipe', 'ignore']);
  await new Asker({ child, input: child.stdin, output: child.stdout }).ask(KEEPALIVE, 1);
  const ms = performance.now() - startMs;
  const peakMb = residentMb(child, 'VmHWM');
  child.stdin.end();
  await child.exited;
  return { ms, residentMb: peakMb };
}

async function exit(command) {
  const startMs = performance.now();
  await start(command, ['ignore', 'ignore', 'inherit']).exited;
  return { ms: performance.now() - startMs };
}
