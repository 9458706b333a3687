// Runs the whole system in simulated worlds: see docs/reliability.md.
//     npm run simulate -- --seeds 100000 [--from SEED] [--until-failed]
//     npm run simulate -- --seed 17 --trace         tells what happened
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { bundleSubject } from '../test/simulation/bundle.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-simulation-'));
const outfile = path.join(folder, 'simulation.mjs');
await build({
  entryPoints: [path.join(import.meta.dirname, '../test/simulation/main.ts')],
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  outfile,
  sourcemap: 'inline',
  define: { SUBJECT: JSON.stringify(await bundleSubject()) },
  logLevel: 'error',
});
process.setSourceMapsEnabled(true);
try {
  await import(pathToFileURL(outfile).href);
} finally {
  rmSync(folder, { recursive: true });
}
