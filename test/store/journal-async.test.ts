import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const SRC = path.join(import.meta.dirname, '../../src');
/**
 * What runs while connections live. Files that open things at the start (descriptors, pipes, the configuration) are
 * elsewhere.
 */
const FOLDERS = ['store', 'bridge', 'rpc', 'frame', 'dialect'];

test('no disk is waited for while connections live', () => {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(SRC, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.join(SRC, folder, name)),
  );
  expect(files.map((file) => path.basename(file))).toEqual(
    expect.arrayContaining(['journal.ts', 'journal-file.ts', 'journal-desk.ts', 'lock.ts']),
  );
  const waits = files.filter((file) =>
    /\b(?!is|pbkdf2Sync)\w+Sync\(|^import (?!\{ (?:constants|unwatchFile, watchFile) \}).*from 'node:fs'/m.test(
      readFileSync(file, 'utf8'),
    ),
  );
  expect(waits.map((file) => path.relative(SRC, file))).toEqual([]);
});
