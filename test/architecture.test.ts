import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = path.join(import.meta.dirname, '../src');

/** From the top down: a folder may import from folders in later rows, and from itself. */
const ROWS = [
  ['cli'],
  ['api'],
  ['pos', 'terminal'],
  ['bridge', 'application', 'screen', 'status', 'inspect'],
  ['dialect', 'channel', 'store'],
  ['rpc', 'frame', 'wire', 'nats', 'page'],
  ['endpoint'],
  ['base'],
];
/** The dialects' simulated peers open wires of their own, and three files of the seam know what a wire is. */
const MAY_IMPORT_WIRES = /^dialect\/(?:[^/]+\/simulator\/|simulator\.ts$|simulator-line\.ts$|demo\.ts$)/;
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = { dialect: ['wire', 'endpoint'] };
/** Files at the top of src belong to no row: the library's surface may name anything. */
const SURFACE = new Set(['index.ts']);

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function imports(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.tsx?$/.test(file),
  );
  return files.flatMap((file) => {
    const text = readFileSync(path.join(SRC, file), 'utf8');
    return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => ({
      file,
      from: file.split(path.sep)[0] ?? '',
      to: path.relative(SRC, path.resolve(SRC, path.dirname(file), match[1] ?? '')),
    }));
  });
}

const rowOf = (folder: string) => ROWS.findIndex((row) => row.includes(folder));

describe('layers', () => {
  const all = imports().filter(({ from }) => !SURFACE.has(from));

  test('every folder has its row', () => {
    const folders = new Set(all.flatMap(({ from, to }) => [from, to.split(path.sep)[0] ?? '']));
    expect([...folders].filter((folder) => rowOf(folder) === -1)).toEqual([]);
  });

  test('docs/architecture.md draws the same rows', () => {
    const page = readFileSync(path.join(SRC, '../docs/architecture.md'), 'utf8');
    const rows = [...page.matchAll(/^\| \d+ \| (.+?) \|/gm)].map(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, folder]) => folder),
    );
    expect(rows).toEqual(ROWS);
  });

  test('arrows point down, and neighbours leave each other alone', () => {
    const wrong = all.filter(({ file, from, to }) => {
      const target = to.split(path.sep)[0] ?? '';
      if (target === from) return false;
      return (
        rowOf(target) <= rowOf(from) || (FORBIDDEN[from]?.includes(target) && !MAY_IMPORT_WIRES.test(file))
      );
    });
    // The command line hands the simulated terminal to the channels as a factory, so nothing else names it.
    expect(wrong.map(({ file, to }) => `${file} -> ${to}`)).toEqual([]);
  });

  test('no file imports itself, by whatever way round', () => {
    const imported = new Map<string, string[]>();
    for (const { file, to } of imports()) imported.set(file, [...(imported.get(file) ?? []), to]);
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, way: readonly string[]): void => {
      const at = way.indexOf(file);
      if (at !== -1) circles.push([...way.slice(at), file].join(' -> '));
      if (at !== -1 || done.has(file)) return;
      for (const to of imported.get(file) ?? []) visit(to, [...way, file]);
      done.add(file);
    };
    for (const file of imported.keys()) visit(file, []);
    expect(circles).toEqual([]);
  });

  test('a dialect imports no other dialect', () => {
    const wrong = all.filter(({ file, to }) => {
      const [, own, inFolder] = file.split(path.sep);
      const [folder, other, otherFile] = to.split(path.sep);
      return folder === 'dialect' && file.startsWith('dialect') && inFolder && otherFile && own !== other;
    });
    expect(wrong.map(({ file, to }) => `${file} -> ${to}`)).toEqual([]);
  });
});
