import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { History } from './history.ts';
import { Subject } from './subject.ts';

declare const SUBJECT: string;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'until-failed': { type: 'boolean', default: false },
  },
});

const subject = new Subject(SUBJECT);
let internal: string[] = [];
process.on('unhandledRejection', (fault) => {
  if ((fault as Error)?.constructor?.name === 'Exited') return;
  internal.push(`unhandled rejection: ${fault instanceof Error ? fault.stack : String(fault)}`);
});

async function runOne(seed: string, isTold: boolean): Promise<boolean> {
  internal = [];
  const verdict = await History.run(subject, seed, { isTold });
  const wrong = [...verdict.wrong, ...internal];
  digests.update(verdict.digest);
  totals.sales += verdict.sales;
  totals.statements += verdict.statements;
  totals.steps += verdict.steps;
  for (const [kind, count] of Object.entries(verdict.faults))
    faults.set(kind, (faults.get(kind) ?? 0) + count);
  if (isTold) {
    console.log(verdict.story.join('\n'));
    console.log(`${verdict.digest} ${JSON.stringify({ ...verdict, story: undefined })}`);
  }
  if (wrong.length === 0) return true;
  console.log(`seed ${seed}:\n  ${wrong.join('\n  ')}`);
  return false;
}

const totals = { sales: 0, statements: 0, steps: 0 };
const digests = createHash('sha256');
const faults = new Map<string, number>();
const beganUs = process.cpuUsage();
let failed = 0;
if (values.seed !== undefined) {
  if (!(await runOne(values.seed, values.trace))) failed = 1;
} else {
  const from = Number(values.from);
  for (let seed = from; seed < from + Number(values.seeds); seed += 1) {
    if (!(await runOne(String(seed), false))) failed += 1;
    if (failed > 0 && values['until-failed']) break;
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
