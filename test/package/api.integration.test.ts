import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, run } from '../cli/kit.ts';

test('the library exports what its report says', async () => {
  const ended = await run(process.execPath, [path.join(ROOT, 'scripts/api.mjs'), '--check'], { cwd: ROOT });
  expect([ended.code, ended.stderr]).toEqual([0, '']);
});
