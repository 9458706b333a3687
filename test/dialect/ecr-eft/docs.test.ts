import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { RESULT } from '../../../src/dialect/ecr-eft/catalogue.ts';
import { demo } from '../../../src/dialect/ecr-eft/demo.ts';
import { routes } from '../../../src/dialect/ecr-eft/routes.ts';
import { frameNamed } from './frames.ts';

const PAGE = readFileSync(path.join(import.meta.dirname, '../../../docs/ecr-eft.md'), 'utf8');

test('the page and the demo give the same commands, which print the worked frames', () => {
  const pattern = /^ *(printf '.*' \| nc .*)$/gm;
  const inPage = [...PAGE.matchAll(pattern)].map(([, command]) => command);
  const inDemo = [...demo.whatToTry('tcp:127.0.0.1:5002').matchAll(pattern)].map(([, command]) => command);
  expect(inPage).toEqual(inDemo);
  const bytesOf = (command = '') =>
    (/printf '(.*)' \|/.exec(command)?.[1] ?? '').replace(/\\(\d{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
  expect(inPage.map(bytesOf)).toEqual(['t1', 's1'].map((name) => frameNamed(name).toString('latin1')));
});

test('the page has the route table', () => {
  const documented = [...PAGE.matchAll(/^\| (payment|storage|ui|device) \| (.*) \|$/gm)].flatMap(
    ([, channel, methods = '']) => [...methods.matchAll(/`([^`]+)`/g)].map(([, method]) => [method, channel]),
  );
  const { Purchase, Abort, ...listed } = Object.fromEntries(documented);
  expect([Purchase, Abort]).toEqual(['payment', 'payment']);
  expect(listed).toEqual(routes);
});

test('the page has every result that posbridge makes', () => {
  const { success, ...failures } = RESULT;
  expect(PAGE).toContain(`S2 with the result ${success}`);
  for (const result of Object.values(failures)) expect(PAGE).toMatch(new RegExp(`^\\| ${result} \\|`, 'm'));
});
