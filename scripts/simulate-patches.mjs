// Shows that the simulation sees: takes back one mend after the other, and looks after how many seeds somebody is told
// something untrue.
//     node scripts/simulate-patches.mjs [--seeds LIMIT] [NAME…]
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = path.dirname(import.meta.dirname);
const PATCHES = path.join(ROOT, 'test/simulation/patches');

const { values, positionals } = parseArgs({
  options: { seeds: { type: 'string', default: '20000' } },
  allowPositionals: true,
});
const all = readdirSync(PATCHES).map((file) => path.basename(file, '.patch'));
const names = positionals.length > 0 ? positionals : all;

console.log('| what is taken back | found by seed | what is seen |\n|---|---|---|');
let missed = 0;
for (const name of names) {
  const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-patched-'));
  try {
    for (const part of ['src', 'scripts', 'test/simulation', 'package.json']) {
      cpSync(path.join(ROOT, part), path.join(folder, part), { recursive: true });
    }
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    execFileSync('git', ['apply', path.join(PATCHES, `${name}.patch`)], { cwd: folder });
    const args = ['scripts/simulate.mjs', '--seeds', values.seeds, '--until-failed'];
    const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1e9 });
    const [, seed, what] = /^seed (\d+):\n {2}(.*)/m.exec(stdout) ?? [];
    if (seed === undefined) missed += 1;
    console.log(`| ${name} | ${seed ?? `none of ${values.seeds}`} | ${what?.slice(0, 100) ?? ''} |`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
process.exitCode = missed > 0 ? 1 : 0;
