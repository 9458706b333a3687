import { expect, test } from 'vitest';
import { textOfFile } from '../../src/base/text-file.ts';

test.each([
  ['', ''],
  ['a\nb\n', 'a\nb\n'],
  ['\ufeffa', 'a'],
  ['\ufeffa\r\nb\r\n', 'a\nb\n'],
  ['a\ufeffb\rc', 'a\ufeffb\rc'],
])('the text of a file with %j is %j', (written, text) => {
  expect(textOfFile(Buffer.from(written))).toBe(text);
});
