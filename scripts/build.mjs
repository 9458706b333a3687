// Bundles src/ into dist/: the command line, the page of the simulated terminal's screen, and the library with its
// types. With --test: command line and page only, into dist-test/, with the fault points that the reliability tests
// use.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

process.chdir(path.dirname(import.meta.dirname));
const require = createRequire(import.meta.url);
const isTest = process.argv.includes('--test');
const outdir = isTest ? 'dist-test' : 'dist';

const { build } = await import('esbuild').catch(() => {
  if (existsSync('dist/bridge.cjs')) process.exit(0); // installed without development packages, already built
  console.error('posbridge: esbuild is missing; run "npm ci" (with development packages) to build');
  process.exit(1);
});

const { buildProgram } = await import('./build-program.mjs');
const { buildScreens } = await import('./build-screen.mjs');
const settings = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: 'linked',
  sourcesContent: false,
  define: {
    POSBRIDGE_VERSION: JSON.stringify(require('../package.json').version),
    POSBRIDGE_TEST_BUILD: String(isTest),
  },
  minifySyntax: true, // leaves out what the constants above make unreachable
  logLevel: 'warning',
};
// Made beside its place and then put there, so that nobody meets half of it.
const fresh = `dist-new-${process.pid}`;
await buildProgram(fresh, settings);
await buildScreens(fresh);
if (!isTest) {
  await buildManual(fresh);
  const entryPoints = { index: 'src/index.ts' };
  await build({ ...settings, entryPoints, outdir: fresh, splitting: true, format: 'esm' });
  const tsc = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin/tsc');
  const types = ['-p', 'tsconfig.build.json', '--outDir', path.join(fresh, 'declarations')];
  execFileSync(process.execPath, [tsc, ...types], { stdio: 'inherit' });
  await rollUp(path.join(fresh, 'declarations'), path.join(fresh, 'types/index.d.ts'));
}
for (let attempts = 1; ; attempts += 1) {
  rmSync(outdir, { recursive: true, force: true });
  try {
    renameSync(fresh, outdir);
    break;
  } catch (fault) {
    if (fault.code !== 'ENOTEMPTY' || attempts === 5) throw fault; // another build was quicker
  }
}

/** Manual pages and completion, from the table of options. */
async function buildManual(folder) {
  const outfile = path.resolve(folder, 'manual.mjs');
  await build({
    ...settings,
    sourcemap: false,
    entryPoints: ['scripts/manual/main.ts'],
    outfile,
    format: 'esm',
  });
  const { writeManual } = await import(outfile);
  writeManual(folder, require('../package.json').version);
  rmSync(outfile);
}

/** One file of declarations out of those of all modules. */
async function rollUp(folder, target) {
  const { extract } = await import('./extract.mjs');
  const dtsRollup = { enabled: true, untrimmedFilePath: path.resolve(target) };
  extract(path.resolve(folder, 'index.d.ts'), { dtsRollup });
  rmSync(folder, { recursive: true });
}
