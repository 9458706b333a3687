import { afterAll, expect, test, vi } from 'vitest';
import { Chaos } from './chaos.ts';
import { sizeOf } from './random.ts';
import { untruths } from './witnesses.ts';

/**
 * An application that answers late, twice, unreadably, with every code, dies, restarts and forgets Check, registers
 * that ask again, cut and abort, bridges that die: nobody is ever told "charged" of a sale that was not, or "not
 * charged" of one that was. A seed that fails tells its story.
 */

// They wait much more than they work.
vi.setConfig({ maxConcurrency: 6 });

const RUNS = sizeOf('SOAK_RUNS', 12);
const SEED = sizeOf('SOAK_SEED', 1);

/** Of all runs, how often. */
const heard = new Map<string, number>();
let runs = 0;

afterAll(() => {
  console.info(`truth, seed ${SEED}:`, JSON.stringify(Object.fromEntries(heard)));
  for (const says of ['charged', 'not charged']) expect(heard.get(says)).toBeGreaterThan(runs);
});

test.concurrent.each(Array.from({ length: RUNS }, (_, run) => SEED * 1000 + run))(
  'whatever is told of a sale is true, seed %i',
  { timeout: 300_000 },
  async (seed) => {
    runs += 1;
    const chaos = await Chaos.open(seed);
    try {
      await chaos.run();
      await chaos.settle();
      const wrong = untruths(chaos.statements, chaos.terminal.application.record);
      if (wrong.length > 0) {
        const keys = [...new Set(wrong.map((text) => text.split(' ')[0] ?? ''))];
        throw new Error(`${wrong.join('\n')}\n${chaos.storyOf(keys)}`);
      }
      for (const { says } of chaos.statements) heard.set(says, (heard.get(says) ?? 0) + 1);
    } finally {
      await chaos.close();
    }
  },
);
