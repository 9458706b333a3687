import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DIALECTS } from '../../src/dialect/registry.ts';
import { matrixPage } from './page.ts';
import { PROTOCOLS } from './table.ts';

const PAGE = path.join(import.meta.dirname, '../../docs/matrix.md');

test('docs/matrix.md is what the table says; with WRITE_DOCS=1 it is written', () => {
  if (process.env['WRITE_DOCS'] === '1') writeFileSync(PAGE, matrixPage());
  expect(readFileSync(PAGE, 'utf8')).toBe(matrixPage());
});

test('every protocol of registers is in the table', () => {
  const both = DIALECTS.filter(({ roles }) => (roles as readonly string[]).includes('asks')).map(
    ({ name }) => name,
  );
  expect(PROTOCOLS.map(({ name }) => name as string).toSorted()).toEqual(both.toSorted());
});
