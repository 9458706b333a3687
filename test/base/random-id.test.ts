import { expect, test } from 'vitest';
import { randomId } from '../../src/base/random-id.ts';

test.each([
  ['the generator of the system', undefined],
  ['where there is no such file', '/nonexistent/urandom'],
  ['where it gives too little', '/dev/null'],
])('%s: 12 characters, never the same', (_, generator) => {
  const ids = Array.from({ length: 1000 }, () => randomId(generator));
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9]{12}$/);
  expect(new Set(ids).size).toBe(1000);
});
