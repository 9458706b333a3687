import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { interleave } from '../interleave.mjs';
import { quietPosbridge, residentMb, start } from '../processes.mjs';

const OCPP = path.join(import.meta.dirname, '../../bench-ocpp');
const POINTS = 100;

let port = 31_000 + (process.pid % 1000);

/** The central system with its database beside one of 40 lines on `ocpp-rpc` that stores the same. */
export async function measure({ isQuick, folder }) {
  const seconds = isQuick ? 2 : 4;
  let files = 0;
  const database = () => path.join(folder, `ocpp-${++files}.db`);
  const ours = () =>
    quietPosbridge(
      ...['serve', '--dialect', 'ocpp1.6', '--listen', `ws://127.0.0.1:${port}`, '--app', 'simulator:'],
      ...['--max-connections', '1000', '--database', `sqlite:${database()}`],
    );
  const rival = () => [process.execPath, path.join(OCPP, 'rival.mjs'), database(), `${port}`];
  const metrics = await interleave(
    { posbridge: () => load(ours, seconds), 'ocpp-rpc': () => load(rival, seconds) },
    { rounds: isQuick ? 1 : 3, warmUp: 0 },
  );
  const comparison = (title, unit, goal, results) => ({
    title: `OCPP, ${POINTS} charge points: ${title}`,
    unit,
    subject: 'posbridge',
    reference: 'ocpp-rpc',
    goal,
    results,
  });
  return [
    comparison('messages', '/s', { atLeast: 1 }, metrics.perSecond),
    comparison('99 of 100 answers', 'ms', { atMost: 1 }, metrics.p99Ms),
    comparison('resident size', 'MB', undefined, metrics.residentMb),
  ];
}

async function load(command, seconds) {
  port += 1;
  const server = start(command(), ['ignore', 'ignore', 'ignore']);
  while (!(await listens(port))) {
    if (server.exitCode !== null) throw new Error(`bench: the central system ended with ${server.exitCode}`);
    await sleep(50);
  }
  const url = `ws://127.0.0.1:${port}`;
  const loader = start(
    [process.execPath, path.join(OCPP, 'load.mjs'), url, `${POINTS}`, `${seconds}`],
    ['ignore', 'pipe', 'inherit'],
  );
  let text = '';
  for await (const chunk of loader.stdout) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  const mb = residentMb(server, 'VmRSS');
  loader.kill();
  server.kill('SIGKILL');
  await Promise.all([loader.exited, server.exited]);
  const { perSecond, p99Ms } = JSON.parse(text);
  return { perSecond, p99Ms, residentMb: mb };
}

function listens(at) {
  return new Promise((resolve) => {
    const socket = connect(at, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
