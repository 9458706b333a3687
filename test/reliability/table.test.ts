import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../interop/kit.ts';

/** `row, column: word` for every word in a cell of the tables whose first column is about faults. */
function documented(): string[] {
  const page = readFileSync(path.join(ROOT, 'docs/reliability.md'), 'utf8');
  const tables = page.split('\n\n').filter((block) => block.startsWith('| fault'));
  return tables.flatMap((table) => {
    const [head = [], , ...rows] = table.trimEnd().split('\n').map(cellsOf);
    const [, ...moments] = head;
    return rows.flatMap(([fault, ...cells]) =>
      cells.flatMap((text, column) =>
        text === '—' ? [] : text.split(' or ').map((word) => `${fault}, ${moments[column]}: ${word}`),
      ),
    );
  });
}

function cellsOf(row: string): string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((text) => text.trim());
}

/** The beginnings of the titles that `cell` makes. */
function tested(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.integration.test.ts'))
    .flatMap((name) => {
      const text = readFileSync(path.join(import.meta.dirname, name), 'utf8');
      return [...text.matchAll(/\bcell\(\s*\['([^']+)', '([^']+)', '([^']+)'\]/g)].map(
        ([, fault, moment, word]) => `${fault}, ${moment}: ${word}`,
      );
    });
}

test('every cell of the tables of faults has a test, and every such test its cell', () => {
  const [cells, titles] = [documented(), tested()];
  expect(cells.length).toBeGreaterThan(50);
  expect(cells.toSorted()).toEqual([...new Set(titles)].toSorted());
});
