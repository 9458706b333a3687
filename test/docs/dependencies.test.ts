import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../cli/kit.ts';

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;

/** Name and licence of each row of a table. */
function rowsUnder(heading: string): [string, string, string][] {
  const [, section = ''] = read('docs/dependencies.md').split(`\n## ${heading}\n`);
  return [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(
    ([, name = '', licence = '', reason = '']) => [name, licence.trim(), reason.trim()],
  );
}

test.each([
  ['In service', 'dependencies'],
  ['For building and testing', 'devDependencies'],
] as const)(
  'docs/dependencies.md, %s: lists the %s of package.json, with licence and reason',
  (heading, kind) => {
    const rows = rowsUnder(heading);
    expect(rows.map(([name]) => name).toSorted()).toEqual(Object.keys(manifest[kind]).toSorted());
    for (const [name, licence, reason] of rows) {
      const installed = JSON.parse(read(`node_modules/${name}/package.json`)) as { license: string };
      expect([name, licence]).toEqual([name, installed.license]);
      expect(reason.length).toBeGreaterThan(10);
    }
  },
);

test('what comes along in service has a licence that may be passed on', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; license?: string; optional?: boolean }>;
  };
  const free = /^(?:MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|Unlicense)$/;
  for (const [name, { dev, license }] of Object.entries(lock.packages)) {
    if (name !== '' && dev !== true) expect([name, license]).toEqual([name, expect.stringMatching(free)]);
  }
});
