// What posbridge costs, next to what people would use instead.
//
//     npm run bench [-- --quick] [--only NAME] [--out FILE] [--in FOLDER] [--against REF]
//
// Prints a table, and writes the figures to FILE (default: bench.json) for programs. --quick: under a minute, for a
// first look. NAME is a file of measurements/. FOLDER (default: a temporary one) is where the journal and the files to
// send are put, and removed again. --against builds another commit as well and runs it in turn with ours.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildRival } from './build-rival.mjs';
import { setRival } from './interleave.mjs';
import { killAll } from './processes.mjs';
import { evaluate } from './statistics.mjs';
import { formatTable } from './table.mjs';

const NAMES = [
  'start-up',
  'many-at-once',
  'serve-memory',
  'local-round-trips',
  'routed-round-trips',
  'throughput',
  'worst-cases',
  'durable-purchases',
  'nats',
  'ecr-eft',
  'answers',
  'http-api',
  'ocpp',
];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', short: 'q', default: false },
    only: { type: 'string', short: 'o', multiple: true, default: NAMES },
    out: { type: 'string', default: 'bench.json' },
    in: { type: 'string', default: tmpdir() },
    against: { type: 'string' },
  },
});
const unknown = values.only.find((name) => !NAMES.includes(name));
if (unknown !== undefined) refuse(`no measurement is called ${unknown}; there are ${NAMES.join(', ')}`);
if (!existsSync(path.join(import.meta.dirname, '../../dist/bridge.cjs')))
  refuse('build first (npm run build)');
if (process.platform !== 'linux') refuse('needs Linux: it reads /proc and uses mkfifo');
try {
  execFileSync('socat', ['-V'], { stdio: 'ignore' });
} catch {
  refuse('socat is missing (apt-get install socat)');
}

const notes = [];
const log = (text) => {
  notes.push(text);
  console.error(`bench: ${text}`);
};
const machine = {
  node: process.version,
  cpus: `${cpus().length} × ${cpus()[0]?.model}`,
  memoryMb: Math.round(totalmem() / 1_048_576),
  system: `${process.platform} ${release()}`,
  loadBefore: loadavg()[0],
};
const folder = mkdtempSync(path.join(values.in, 'posbridge-bench-'));
const rival = values.against === undefined ? undefined : buildRival(values.against, folder);
setRival(rival);
const startMs = performance.now();
const evaluations = [];
try {
  for (const name of values.only) {
    console.error(`bench: ${name} …`);
    const { measure } = await import(`./measurements/${name}.mjs`);
    const comparisons = await measure({ isQuick: values.quick, folder, log });
    evaluations.push(...comparisons.map(evaluate));
  }
} finally {
  killAll();
  rival?.remove();
  rmSync(folder, { recursive: true, force: true });
}
const seconds = Math.round((performance.now() - startMs) / 1000);
const report = {
  ...machine,
  loadAfter: loadavg()[0],
  isQuick: values.quick,
  against: rival?.name,
  seconds,
  notes,
  comparisons: evaluations,
};
console.log(formatTable(evaluations));
console.log(
  `\n${machine.node}, ${machine.cpus}, ${machine.system}, load ${machine.loadBefore.toFixed(1)} to ${report.loadAfter.toFixed(1)}, ${seconds} s`,
);
await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
console.error(`bench: figures in ${values.out}`);

function refuse(why) {
  console.error(`bench: ${why}`);
  process.exit(100);
}
