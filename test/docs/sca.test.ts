import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ASSUMPTIONS } from '../../src/dialect/sca/assumptions.ts';

const PAGE = readFileSync(path.join(import.meta.dirname, '../../docs/sca.md'), 'utf8');

test('docs/sca.md lists what is assumed, with the defaults of the code', () => {
  const [, section = ''] = PAGE.split('## What the specification leaves open');
  const rows = [...section.matchAll(/^\| `([a-z-]+)` \| (\S+) \| (.+) \|$/gm)].map(([, ...cells]) => cells);
  expect(rows).toEqual(
    Object.entries(ASSUMPTIONS).map(([name, { fallback, says }]) => [name, fallback, says]),
  );
});
