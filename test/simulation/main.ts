import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Cast, History, type Verdict } from './history.ts';
import { optionsOf, shortStory, shrink } from './shrink.ts';
import { Subject } from './subject.ts';

declare const SUBJECT: string;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'until-failed': { type: 'boolean', default: false },
    // What a history that was shrunk has been left.
    without: { type: 'string', default: '' },
    idle: { type: 'string', default: '' },
    sales: { type: 'string', default: 'Infinity' },
    'no-client': { type: 'boolean', default: false },
  },
});
/** More than these are not shrunk: as a rule they go wrong for one reason. */
const MOST_STORIES = 3;

const subject = new Subject(SUBJECT);
let internal: string[] = [];
process.on('unhandledRejection', (fault) => {
  if ((fault as Error)?.constructor?.name === 'Exited') return;
  internal.push(`unhandled rejection: ${fault instanceof Error ? fault.stack : String(fault)}`);
});

async function play(seed: string, cast: Cast, isTold: boolean): Promise<Verdict> {
  internal = [];
  const verdict = await History.run(subject, seed, { cast, isTold });
  return { ...verdict, wrong: [...verdict.wrong, ...internal] };
}

/** Whether it goes well. */
async function judge(seed: string, cast: Cast, isTold: boolean): Promise<boolean> {
  const verdict = await play(seed, cast, isTold);
  digests.update(verdict.digest);
  totals.sales += verdict.sales;
  totals.statements += verdict.statements;
  totals.steps += verdict.steps;
  for (const [kind, count] of Object.entries(verdict.faults))
    faults.set(kind, (faults.get(kind) ?? 0) + count);
  if (isTold) console.log(verdict.story.join('\n'));
  if (verdict.wrong.length === 0) return true;
  console.log(`seed ${seed}:\n  ${verdict.wrong.join('\n  ')}`);
  return false;
}

/** What a history comes down to that goes wrong. */
async function explain(seed: string): Promise<void> {
  const cast = await shrink((smaller) => play(seed, smaller, false));
  const verdict = await play(seed, cast, true);
  console.log(`it comes down to this (npm run simulate -- ${optionsOf(seed, cast)} --trace tells all):`);
  console.log(shortStory(verdict).join('\n'));
  console.log(verdict.wrong.join('\n'));
}

const totals = { sales: 0, statements: 0, steps: 0 };
const digests = createHash('sha256');
const faults = new Map<string, number>();
const beganUs = process.cpuUsage();
let failed = 0;
const numbers = (list: string) => new Set(list.split(',').filter(Boolean).map(Number));
const cast: Cast = {
  without: numbers(values.without),
  idle: numbers(values.idle),
  sales: Number(values.sales),
  hasClient: !values['no-client'],
};
if (values.seed !== undefined) {
  if (!(await judge(values.seed, cast, values.trace))) failed = 1;
} else {
  const from = Number(values.from);
  for (let seed = from; seed < from + Number(values.seeds); seed += 1) {
    if (await judge(String(seed), cast, false)) continue;
    failed += 1;
    if (values['until-failed']) break;
    if (failed <= MOST_STORIES) await explain(String(seed));
  }
}
const { user, system } = process.cpuUsage(beganUs);
const seconds = (user + system) / 1e6;
console.log(
  `${values.seed ?? values.seeds} seeds, ${failed} failed, ${totals.sales} sales, ${totals.statements} statements, ` +
    `${totals.steps} steps, ${seconds.toFixed(1)} s of a processor, ${(totals.sales / seconds).toFixed(0)} sales/s`,
);
console.log(JSON.stringify(Object.fromEntries([...faults].sort())));
console.log(`digest ${digests.digest('hex')}`);
process.exitCode = failed > 0 ? 1 : 0;
