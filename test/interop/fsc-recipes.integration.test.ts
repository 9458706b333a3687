import { readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT, Workbench } from './kit.ts';

/** The recipes of docs/fsc-server.md and docs/openfsc.md as they stand there, pasted one after the other. */

const pages = ['docs/fsc-server.md', 'docs/openfsc.md'].map((page) =>
  readFileSync(path.join(ROOT, page), 'utf8'),
);
const blocks = new Map(
  [...pages.join('\n').matchAll(/<!-- test: (\S+) -->\n```sh\n(.*?)```/gs)].map((match) => [
    match[1] ?? '',
    match[2] ?? '',
  ]),
);

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** Only the port is another one: tests run beside each other. */
async function paste(...names: string[]): Promise<string> {
  symlinkSync(path.join(ROOT, 'examples'), bench.path('examples'));
  const text = names.map((name) => blocks.get(name) ?? `echo no block ${name}`).join('\n');
  const shell = bench.start('bash', ['-c', text.replaceAll('tcp:127.0.0.1:4711', 'unix:platform.sock')]);
  const { stdout } = shell;
  await shell.exited;
  await stdout.ended;
  return stdout.text;
}

test('every block that is marked has a test here', () => {
  expect([...blocks.keys()]).toEqual(['sites-file', 'script', 'handover', 'station']);
});

test('a script against a bridge with the simulated station', async () => {
  expect(await paste('sites-file', 'script')).toMatch(/the script post-pay holds\n(?:.*\n)*status 0\n$/);
});

test('primary and backup on one connection', async () => {
  expect(await paste('sites-file', 'handover')).toMatch(/the script handover holds\n(?:.*\n)*status 0\n$/);
});

test('the example station, whose sale the platform hears of', async () => {
  expect(await paste('sites-file', 'station')).toMatch(
    /^C1: \* TRANSACTION 3 [0-9a-f]{16} open 0400 EUR 74\.12 62\.29 19\.0 11\.83 LTR 45\.50 1\.629\n$/,
  );
});
