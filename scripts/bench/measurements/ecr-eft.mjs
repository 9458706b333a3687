import { randomFillSync } from 'node:crypto';
import { closeSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { contestant, makePipe, quietPosbridge, start, startOnPipes, startOnTcp } from '../processes.mjs';
import { oneAtATime } from '../rate.mjs';

/** T1 with the token 12, behind the ACK for the answer to the one before. */
const LINK_TEST = Buffer.from('06023132 1C5431 1C0365'.replaceAll(' ', ''), 'hex');
/** ACK and T2: what each of them is answered with. */
const ANSWER_BYTES = 33;
const NOISE_MB = 100;
const WANTED_MB_PER_S = 100;

/** Link tests a second, answered by the program itself, and random bytes that it skips. */
export async function measure({ isQuick, folder }) {
  const count = isQuick ? 1000 : 10_000;
  const bridge = quietPosbridge('--dialect', 'ecr-eft', '--app', 'null:', '--keepalive', 'off');
  const floor = contestant('ecr-eft-floor.cjs');
  const options = { rounds: isQuick ? 3 : 11 };
  const onPipes = (command) => () => answerMany(startOnPipes(command, folder), count);
  const onTcp = (command) => () => answerMany(startOnTcp(command), count);
  const pipe = await interleave({ posbridge: onPipes(bridge), floor: onPipes(floor) }, options);
  const tcp = await interleave({ posbridge: onTcp(bridge), floor: onTcp(floor) }, options);
  const noise = path.join(folder, 'noise');
  await writeFile(noise, randomFillSync(Buffer.alloc(NOISE_MB * 1_000_000)));
  const read = (command) => () => skip(command, noise);
  const skipped = await interleave(
    { posbridge: read(bridge), floor: read(floor) },
    { rounds: isQuick ? 3 : 7 },
  );
  await rm(noise);
  const comparison = (title, results) => ({
    title: `ECR-EFT link tests ${title}, one at a time`,
    unit: '/s',
    subject: 'posbridge',
    reference: 'floor',
    goal: { atLeast: 0.9 },
    results,
  });
  return [
    comparison('on a pipe', pipe.rate),
    comparison('on TCP', tcp.rate),
    {
      title: `ECR-EFT, ${NOISE_MB} MB of random bytes on a pipe`,
      unit: 'MB/s',
      subject: 'posbridge',
      reference: 'wanted',
      goal: { atLeast: 1 },
      results: { ...skipped.rate, wanted: [WANTED_MB_PER_S] },
    },
  ];
}

async function answerMany(starting, count) {
  const running = await starting;
  const asker = new Asker(running, { answerBytes: ANSWER_BYTES });
  const times = await oneAtATime(asker, LINK_TEST, count);
  running.input.end();
  await running.child.exited;
  const totalMs = times.reduce((sum, ms) => sum + ms, 0);
  return { rate: (times.length * 1000) / totalMs };
}

/** From the start of the process, which is not counted apart, to its end. */
async function skip(command, file) {
  const startMs = performance.now();
  const toChild = await makePipe(path.dirname(file));
  const child = start(command, [toChild.readFd, 'ignore', 'inherit']);
  closeSync(toChild.readFd);
  const feeder = start(['cat', file], ['ignore', toChild.writeFd, 'inherit']);
  closeSync(toChild.writeFd);
  await feeder.exited;
  await child.exited;
  return { rate: (NOISE_MB * 1000) / (performance.now() - startMs) };
}
