// Runs the whole system in simulated worlds: see docs/reliability.md.
//     npm run simulate -- --seeds 100000 [--from SEED] [--jobs N] [--until-failed] [--keep FILE]
//     npm run simulate -- --seed 17 --trace         tells what happened
// With --keep, what has been played goes into a file, and the same code plays on from there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { bundleSubject } from '../test/simulation/bundle.mjs';
import { NODE_OPTIONS, playPieces } from '../test/simulation/pieces.mjs';

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    'until-failed': { type: 'boolean', default: false },
    keep: { type: 'string' },
    // These are for one history, and test/simulation/main.ts reads them.
    seed: { type: 'string' },
    trace: { type: 'boolean' },
    without: { type: 'string' },
    idle: { type: 'string' },
    sales: { type: 'string' },
    'no-client': { type: 'boolean' },
  },
});

const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-simulation-'));
try {
  const program = path.join(folder, 'simulation.mjs');
  await build({
    entryPoints: [path.join(import.meta.dirname, '../test/simulation/main.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    outfile: program,
    sourcemap: 'inline',
    define: { SUBJECT: JSON.stringify(await bundleSubject()) },
    logLevel: 'error',
  });
  if (values.seed === undefined) await playMany(program);
  else {
    const { status } = spawnSync(process.execPath, [...NODE_OPTIONS, program, ...args], { stdio: 'inherit' });
    process.exitCode = status ?? 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}

async function playMany(program) {
  const [code = ''] = readFileSync(program, 'utf8').split('//# sourceMappingURL');
  const beganMs = Date.now();
  const pieces = await playPieces({
    ...{ program, code: createHash('sha256').update(code).digest('hex') },
    ...{ from: Number(values.from), seeds: Number(values.seeds), jobs: Number(values.jobs) },
    ...{ isUntilFailed: values['until-failed'], keep: values.keep },
  });
  const seconds = (Date.now() - beganMs) / 1000;
  const sum = (name) => pieces.reduce((total, piece) => total + piece[name], 0);
  const fresh = pieces.filter(({ isKept }) => !isKept);
  const sales = fresh.reduce((total, piece) => total + piece.sales, 0);
  const processorSeconds = fresh.reduce((total, piece) => total + piece.cpuMs, 0) / 1000;
  const faults = {};
  for (const piece of pieces) {
    for (const [kind, times] of Object.entries(piece.faults)) faults[kind] = (faults[kind] ?? 0) + times;
  }
  console.log(
    `${sum('count')} seeds, ${sum('failed')} failed, ${sum('sales')} sales, ${sum('statements')} statements, ` +
      `${sum('steps')} steps`,
  );
  console.log(
    `now ${sales} sales in ${seconds.toFixed(1)} s, ${(sales / seconds).toFixed(0)} a second; ` +
      `${processorSeconds.toFixed(1)} s of a processor, ${(sales / processorSeconds).toFixed(0)} a second of it`,
  );
  console.log(JSON.stringify(Object.fromEntries(Object.entries(faults).sort())));
  const digest = createHash('sha256');
  for (const piece of pieces) digest.update(piece.digest);
  console.log(`digest ${digest.digest('hex')}`);
  process.exitCode = sum('failed') > 0 ? 1 : 0;
}
