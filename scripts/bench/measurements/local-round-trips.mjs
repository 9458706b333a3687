import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { requests } from '../messages.mjs';
import { contestant, quietPosbridge, startOnPipes, startOnTcp } from '../processes.mjs';
import { oneAtATime, pipelined } from '../rate.mjs';

const DEPTH = 100;

/** `_Keepalive` a second, answered by the program itself. */
export async function measure({ isQuick, folder }) {
  const size = isQuick ? { single: 1000, batches: 50 } : { single: 10_000, batches: 500 };
  const onPipes = (command) => () => answerMany(startOnPipes(command, folder), size);
  const onTcp = (command) => () => answerMany(startOnTcp(command), size);
  const bridge = quietPosbridge('--app', 'null:', '--keepalive', 'off');
  const floor = contestant('floor.cjs');
  const options = { rounds: isQuick ? 3 : 11 };
  const pipe = await interleave({ posbridge: onPipes(bridge), floor: onPipes(floor) }, options);
  const tcp = await interleave({ posbridge: onTcp(bridge), floor: onTcp(floor) }, options);
  const comparison = (title, results, atLeast = 0.9) => ({
    title: `keepalives ${title}`,
    unit: '/s',
    subject: 'posbridge',
    reference: 'floor',
    goal: { atLeast },
    results,
  });
  return [
    comparison('on a pipe, one at a time', pipe.single, 0.95),
    comparison(`on a pipe, ${DEPTH} at a time`, pipe.pipelined),
    comparison('on TCP, one at a time', tcp.single, 0.95),
    comparison(`on TCP, ${DEPTH} at a time`, tcp.pipelined),
  ];
}

async function answerMany(starting, { single, batches }) {
  const running = await starting;
  const asker = new Asker(running);
  const times = await oneAtATime(asker, requests(1, '_Keepalive'), single);
  const perSecond = await pipelined(asker, requests(DEPTH, '_Keepalive'), DEPTH, batches);
  running.input.end();
  await running.child.exited;
  const totalMs = times.reduce((sum, ms) => sum + ms, 0);
  return { single: (times.length * 1000) / totalMs, pipelined: perSecond };
}
