import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { EXAMPLE_SITES } from '../../../../src/dialect/openfsc/simulator/example-sites.ts';
import { parseScript, STEP_NAMES } from '../../../../src/dialect/openfsc/simulator/script.ts';
import { SCRIPTS } from '../../../../src/dialect/openfsc/simulator/scripts.ts';
import { SETTING_NAMES } from '../../../../src/dialect/openfsc/simulator/settings.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../../docs/fsc-server.md'), 'utf8');

/** First words in the first column of the table with this head. */
function firstColumn(head: string): string[] {
  const [, table = ''] = page.split(`\n| ${head} |`);
  const [rows = ''] = table.split('\n\n');
  return [...rows.matchAll(/^\| `([a-z-]+)[^`]*` \|/gm)].map(([, name = '']) => name);
}

test('the page lists every script, step and setting', () => {
  expect(firstColumn('script')).toEqual(Object.keys(SCRIPTS));
  expect(firstColumn('step').toSorted()).toEqual(STEP_NAMES.toSorted());
  expect(firstColumn('setting').toSorted()).toEqual(SETTING_NAMES.toSorted());
});

test('the page names the sites of the examples with their secrets', () => {
  for (const { siteAccessKey, secret } of EXAMPLE_SITES)
    expect(page).toContain(`| \`${siteAccessKey}\` | \`${secret}\` |`);
});

test('the script of the page can be read, and every script with a name', () => {
  const [, script = ''] = /```\n(set heartbeat[\s\S]*?)```/.exec(page) ?? [];
  expect(parseScript(script).steps).toHaveLength(5);
  for (const text of Object.values(SCRIPTS)) expect(parseScript(text).steps.length).toBeGreaterThan(1);
});
