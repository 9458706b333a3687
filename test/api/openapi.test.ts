import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SCOPES } from '../../src/api/caller.ts';
import { openApiDocument } from '../../src/api/http/openapi.ts';
import { OPERATION_LIST } from '../../src/api/http/operations.ts';
import { PROBLEMS } from '../../src/api/problem.ts';
import { SALE_STATES } from '../../src/api/sale.ts';
import { ROOT } from '../cli/kit.ts';

const page = readFileSync(path.join(ROOT, 'docs/api.md'), 'utf8');

/** The first column of the table whose header begins so. */
function column(header: string): string[] {
  const [, table = ''] = page.split(`\n| ${header} |`);
  return [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `(.+?)`(?: \||,)/gm)].map(([, cell = '']) => cell);
}

test('docs/api.md has every problem with its status', () => {
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ]);
  expect(rows).toEqual(Object.entries(PROBLEMS).map(([code, [status]]) => [code, status]));
});

test('docs/api.md has every state and every scope', () => {
  expect(column('state')).toEqual(SALE_STATES);
  expect(column('scope')).toEqual(SCOPES);
});

test('docs/api.md has every operation', () => {
  const named = new Set(
    [...page.matchAll(/`(?:(GET|POST) )?(\/[\w./{}]+)`/g)].map(
      ([, method = 'GET', where]) => `${method} ${where}`,
    ),
  );
  const missing = OPERATION_LIST.map(([, { method, path: where }]) => `${method} ${where}`).filter(
    (one) => !named.has(one),
  );
  expect(missing).toEqual([]);
});

test('the document names what it refers to, and everything in it once', () => {
  const document = openApiDocument('1.2.3') as {
    components: { schemas: object };
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const names = Object.keys(document.components.schemas);
  const referred = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect(referred.filter((name) => name === undefined || !names.includes(name))).toEqual([]);
  const ids = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(OPERATION_LIST.length);
});
