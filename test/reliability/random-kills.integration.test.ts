import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TestRegister } from '../kit/register.ts';
import { Terminal, Till, type View } from './kit.ts';
import { checkAll, countEntries, disagreements, pause, Random, sizeOf } from './random.ts';

/** kill -9 of the bridge at random moments, one purchase each. Four terminals side by side. */

const KILLS = sizeOf('SOAK_KILLS', 120);
const SEED = sizeOf('SOAK_SEED', 1);
const TERMINALS = 4;
/** From the start of a bridge until it has read its first request, and a little more. */
const START_MS = 200;
/** From a request to its answer, and a little more. */
const PURCHASE_MS = 15;

interface Attempt {
  readonly key: string;
  readonly first: View;
}

/** A purchase, and somewhere on its way the death of the bridge. */
async function attempt(terminal: Terminal, key: string, random: Random): Promise<Attempt> {
  const { application } = terminal;
  application.set({ delayMs: random.below(3) });
  const attached = application.count('connected');
  const till = terminal.till();
  const amount = random.oneOf(1250, 1250, 1250, 1201); // 1201 is declined
  const moment = random.oneOf('start', 'asked', 'asked', 'asked', 'read', 'charged', 'told');
  if (moment === 'start') {
    const first = till.purchase(key, { amount });
    await sleep(random.below(START_MS));
    await till.kill();
    return { key, first: await first };
  }
  await till.orDead(() => application.count('connected') > attached);
  const first = till.purchase(key, { amount });
  if (moment === 'read' || moment === 'charged') await application.at(moment, key);
  if (moment === 'told') await first;
  await pause(random.upTo(moment === 'asked' ? PURCHASE_MS : 1));
  await till.kill();
  return { key, first: await first };
}

/** All the kills of one terminal, and what everybody is told afterwards. */
async function killAgainAndAgain(terminal: Terminal, kills: number, seed: number) {
  const random = new Random(seed);
  const attempts: Attempt[] = [];
  for (let count = 0; count < kills; count += 1) {
    attempts.push(await attempt(terminal, `K-${count}/1`, random));
  }
  const entries = countEntries(terminal);
  const found = { none: kills - entries.done - entries.unresolved, ...entries };

  const keys = attempts.map(({ key }) => key);
  const { server, port } = await terminal.serve();
  const till = new Till(server, TestRegister.on(await terminal.bench.connect(port)));
  // A third asks for the same Purchase before it asks with Check.
  for (const key of keys.filter(() => random.below(3) === 0)) {
    const amount = 1250;
    expect((await till.purchase(key, { amount })).kind).not.toBe('lost');
  }
  const verdicts = await checkAll(till, terminal, keys);
  expect(disagreements(verdicts)).toEqual([]);
  for (const [index, { first }] of attempts.entries()) {
    if (first.kind !== 'lost') expect(verdicts[index]?.view).toEqual(first);
  }

  // Byte for byte the same, here and from the next process, and nothing was charged meanwhile.
  expect(await checkAll(till, terminal, keys)).toEqual(verdicts);
  await server.kill();
  expect(await checkAll(terminal.till(), terminal, keys)).toEqual(verdicts);
  expect(countEntries(terminal)).toEqual({ done: kills, unresolved: 0 });
  expect(terminal.files('.damaged')).toEqual([]);
  return { ...found, charged: verdicts.filter(({ charges }) => charges === 1).length };
}

test(`${KILLS} bridges killed at random moments: charged once if the register believes it, else never`, {
  timeout: 60_000 + KILLS * 1000,
}, async () => {
  const terminals: Terminal[] = [];
  try {
    for (let count = 0; count < TERMINALS; count += 1) terminals.push(await Terminal.open());
    const runs = terminals.map((terminal, index) =>
      killAgainAndAgain(terminal, Math.ceil(KILLS / TERMINALS), SEED * 1000 + index),
    );
    const found = await Promise.all(runs);
    // The kills have met every state that a journal can be left in.
    for (const state of ['none', 'unresolved', 'done'] as const) {
      expect(found.some((one) => one[state] > 0)).toBe(true);
    }
    console.info(`random kills, seed ${SEED}:`, JSON.stringify(found));
  } finally {
    await Promise.all(terminals.map((terminal) => terminal.close()));
  }
});
