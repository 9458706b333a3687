import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openApiDocument } from '../../src/api/http/openapi.ts';
import { ROOT } from '../cli/kit.ts';
import { isSoak } from '../reliability/pos-kit.ts';
import { Stage } from './kit.ts';

/** The programs of others: what is generated from the OpenAPI document, and the examples in other languages. */

const CLIENTS = path.join(import.meta.dirname, 'clients');
const run = promisify(execFile);
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
});

afterAll(() => stage.close());

/** Linting and generating take long, and depend on the document alone: this one has passed. */
const CHECKED = path.join(CLIENTS, 'checked.sha256');
const digest = createHash('sha256')
  .update(JSON.stringify(openApiDocument('0.0.0')))
  .digest('hex');
const isChecked = readFileSync(CHECKED, 'utf8').trim() === digest;

test.runIf(isSoak || !isChecked)(
  'the document passes a strict linter, and a client that is generated from it pays; with WRITE_DOCS=1 it counts as checked',
  { timeout: 300_000 },
  async () => {
    // Packages of their own, since what generates clients wants an older TypeScript than the project.
    if (!existsSync(path.join(CLIENTS, 'node_modules'))) {
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit'], {
        cwd: CLIENTS,
        stdio: 'ignore',
      });
    }
    const document = path.join(stage.folder.path, 'openapi.json');
    const folder = path.join(stage.folder.path, 'client');
    mkdirSync(folder);
    writeFileSync(document, (await stage.ask('/v1/openapi.json')).text);
    const { stdout } = await run(process.execPath, [
      path.join(CLIENTS, 'check.mjs'),
      document,
      folder,
      stage.url,
    ]);
    expect(JSON.parse(stdout)).toEqual({
      state: 'approved',
      lines: ['PAID', 'THANK YOU'],
      found: 1,
      code: 'NOT_FOUND',
    });
    if (process.env['WRITE_DOCS'] === '1') writeFileSync(CHECKED, `${digest}\n`);
  },
);

test('the document is one that has passed them', () => {
  expect(readFileSync(CHECKED, 'utf8').trim()).toBe(digest);
});

test.each([
  ['sh', 'api.sh'],
  ['python3', 'api.py'],
  ['php', 'api.php'],
])('%s examples/%s pays once, however often it is run with its key', async (program, file) => {
  const before = stage.terminal.requests('Purchase').length;
  const args = [path.join(ROOT, 'examples', file), stage.url, 'counter', '12.30', 'EUR', `key of ${file}`];
  const first = await run(program, args);
  expect(first.stdout).toContain('approved');
  expect((await run(program, args)).stdout).toBe(first.stdout);
  expect(stage.terminal.requests('Purchase')).toHaveLength(before + 1);
  const wrong = await run(program, [...args.slice(0, 3), '12.3', 'EUR']).catch(
    (fault: { code: number }) => fault,
  );
  expect(wrong).toMatchObject({ code: 100 });
});
