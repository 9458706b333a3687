import path from 'node:path';
import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { requests } from '../messages.mjs';
import { quietPosbridge, startApplication, startOnPipes } from '../processes.mjs';
import { oneAtATime, pipelined } from '../rate.mjs';
import { quantile } from '../statistics.mjs';

const DEPTH = 100;
const PARAMS = { api_key: 'e086554a-9a35-4bbf-9f99-a8a7cd7d1dcc' };

/** Register to application and back: through the bridge, and through socat, which copies bytes. */
export async function measure({ isQuick, folder }) {
  const socketPath = path.join(folder, 'application.sock');
  const application = await startApplication(socketPath);
  const size = isQuick ? { single: 500, batches: 20 } : { single: 5000, batches: 200 };
  const through = (command) => () => askMany(startOnPipes(command, folder), size);
  const metrics = await interleave(
    {
      posbridge: through(
        quietPosbridge('--app', `unix:${socketPath}`, '--keepalive', 'off', '--lock', 'none'),
      ),
      socat: through(['socat', '-', `UNIX-CONNECT:${socketPath}`]),
    },
    { rounds: isQuick ? 3 : 11 },
  );
  application.kill('SIGTERM');
  await application.exited;
  const comparison = (title, unit, goal, results) => ({
    title,
    unit,
    subject: 'posbridge',
    reference: 'socat',
    goal,
    results,
  });
  return [
    comparison('routed request, median', 'µs', { atMost: 1.3 }, metrics.medianUs),
    comparison('routed request, 99 of 100', 'µs', { atMost: 3 }, metrics.p99Us),
    comparison(`routed requests, ${DEPTH} at a time`, '/s', { atLeast: 0.6 }, metrics.pipelined),
  ];
}

async function askMany(starting, { single, batches }) {
  const running = await starting;
  const asker = new Asker(running);
  const times = await oneAtATime(asker, requests(1, 'Status', PARAMS), single);
  const perSecond = await pipelined(asker, requests(DEPTH, 'Status', PARAMS), DEPTH, batches);
  running.input.end();
  await running.child.exited;
  return { medianUs: quantile(times, 0.5) * 1000, p99Us: quantile(times, 0.99) * 1000, pipelined: perSecond };
}
