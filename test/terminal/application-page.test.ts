import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const PAGE = path.resolve(import.meta.dirname, '../../docs/application.md');
const ORDER = ['connection', 'jsonrpc', 'id', 'method', 'params', 'result', 'error'];

test('every line that docs/application.md shows is a line as posbridge builds it', () => {
  const blocks = [...readFileSync(PAGE, 'utf8').matchAll(/^```json\n(.*?)^```$/gms)];
  const lines = blocks.flatMap(([, text = '']) => text.trimEnd().split('\n'));
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) {
    const message = JSON.parse(line);
    expect(JSON.stringify(message)).toBe(line);
    expect(Object.keys(message)).toEqual(ORDER.filter((name) => name in message));
    expect(message).toMatchObject({ connection: expect.any(String), jsonrpc: '2.0' });
  }
});
