import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { announcedBy } from '../../src/dialect/openfsc/capabilities.ts';
import { METHODS } from '../../src/dialect/openfsc/methods.ts';
import { SERVER_REQUESTS } from '../../src/dialect/openfsc/requests.ts';
import { routes } from '../../src/dialect/openfsc/routes.ts';
import { readSites } from '../../src/dialect/openfsc/sites.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../docs/openfsc.md'), 'utf8');
const section = (heading: string) => page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
const inBackticks = (text: string) => [...text.matchAll(/`(openfsc\.\w+)`/g)].map((match) => match[1] ?? '');

test('the page has the route table', () => {
  const rows = section('Where methods go')
    .split('\n')
    .filter((line) => line.includes('`openfsc.'));
  const documented = rows.flatMap((row) =>
    inBackticks(row).map((method) => [method, row.split('|')[1]?.trim()]),
  );
  expect(Object.fromEntries(documented)).toEqual(routes);
});

test('the page says what to answer to every request', () => {
  const rows = section('What to answer')
    .split('\n')
    .filter((line) => line.startsWith('| `openfsc.'));
  const asked = Object.values(SERVER_REQUESTS).map(({ channelMethod }) => channelMethod);
  expect(rows.flatMap((row) => inBackticks(row.split('|')[1] ?? ''))).toEqual(expect.arrayContaining(asked));
});

test('the sites file of the page can be read', () => {
  const [, json = ''] = /```json\n(\{"sites".*)\n```/.exec(page) ?? [];
  expect(readSites(json)).toMatchObject({ ok: true, usesSessions: true });
});

test('the page says what is announced, and what of the protocol there is', () => {
  const table = section('What of the protocol there is');
  const always = announcedBy({ sites: [], transactionInfo: false, sessionMode: false });
  expect(table).toContain(`\`${always.join(' ')}\``);
  const answers = ['OK', 'ERR', 'SESSION', 'PRODUCT', 'PUSHING'];
  for (const method of Object.keys(METHODS).filter((name) => !answers.includes(name)))
    expect(table).toContain(method);
});

test('the example has at most 60 lines', () => {
  const example = readFileSync(path.join(import.meta.dirname, '../../examples/openfsc-station.py'), 'utf8');
  expect(example.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
});
