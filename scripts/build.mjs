// Bundles src/ into dist/: the command line (heavy parts load on demand) and the library with its types.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
process.chdir(root);

const { build } = await import('esbuild').catch(() => {
  if (existsSync('dist/cli.js')) process.exit(0); // installed without development packages, already built
  console.error('posbridge: esbuild is missing; run "npm ci" (with development packages) to build');
  process.exit(1);
});

rmSync('dist', { recursive: true, force: true });
const { version } = createRequire(import.meta.url)('../package.json');
await build({
  entryPoints: { cli: 'src/cli/main.ts', index: 'src/index.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: 'linked',
  sourcesContent: false,
  define: { POSBRIDGE_VERSION: JSON.stringify(version) },
  logLevel: 'warning',
});
const tsc = path.join(
  path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
);
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
