import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'posbridge-wire-'));
// Programs out of here also run as other users.
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bundles = new Map<string, Promise<string>>();

/** A program out of test/wire/fixtures, runnable by plain Node. */
export function bundleOf(fixture: string): Promise<string> {
  const known = bundles.get(fixture);
  if (known !== undefined) return known;
  const outfile = join(folder, `${fixture}.mjs`);
  const bundle = build({
    entryPoints: [fileURLToPath(new URL(`./fixtures/${fixture}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  }).then(() => outfile);
  bundles.set(fixture, bundle);
  return bundle;
}

/** A new empty folder, removed after the tests of the file. */
export function temporaryFolder(): string {
  return mkdtempSync(join(folder, 'at-'));
}
