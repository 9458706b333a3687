import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { SparingLog } from '../../../src/dialect/ecr-eft/sparing-log.ts';

test('the first of each kind is told at its level, the others at debug', () => {
  const lines: string[] = [];
  const log = new SparingLog({
    ...silentLogger,
    warn: (text) => lines.push(`warn ${text}`),
    debug: (text) => lines.push(`debug ${text}`),
  });
  for (const text of ['a', 'a', 'b', 'a']) log.tell('warn', text);
  expect(lines).toEqual(['warn a', 'debug a', 'warn b', 'debug a']);
});
