import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../cli/kit.ts';
import { launchBrowser } from '../kit/browser.ts';
import { Stage } from './kit.ts';

let stage: Stage;
let browser: Awaited<ReturnType<typeof launchBrowser>>;

beforeEach(async () => {
  [stage, browser] = await Promise.all([Stage.open(), launchBrowser()]);
});

/** The terminal has another sale under each number: nobody can tell what became of a new one. */
function answerDoubtfully(): void {
  stage.terminal.onRequest = ({ method }) =>
    method === 'Check' ? { amount: 1, currency: 'EUR' } : new Error('UNKNOWN');
}

afterEach(async () => {
  await browser.close();
  await stage.close();
});

test('a person makes a purchase by hand, sees it as it happens, and settles what nobody can tell', async () => {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(stage.url);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByLabel('Amount').fill('12.3');
  await page.getByRole('button', { name: 'Charge' }).click();
  await page.getByRole('alert').getByText('write 12.30').waitFor();
  await page.getByLabel('Amount').fill('12.30');
  await page.getByRole('button', { name: 'Charge' }).click();
  const sales = page.getByRole('region', { name: 'Sales', exact: true });
  await sales.getByText('Approved').waitFor();
  await sales.getByRole('button', { name: "Customer's receipt" }).waitFor();

  answerDoubtfully();
  await stage.purchase('k1', { amount: '5.00' });
  const unknown = page.getByRole('region', { name: 'Sales that wait for you' });
  await unknown.getByText('Do not repeat the sale').waitFor();
  await unknown.getByRole('button', { name: 'Settle…' }).click();
  await page.getByLabel('It was not charged').check();
  await page.getByLabel('Your name').fill('alice');
  await page.getByRole('button', { name: 'Settle', exact: true }).click();
  await sales.getByText('settled by alice').waitFor();
  // A refused request is no fault of the page's; what the browser keeps from it would be.
  expect(complaints.filter((text) => !text.includes('400'))).toEqual([]);
});

test('everybody can use it, in both colours, and on a phone nothing is cut off', async () => {
  await stage.ended('k1', { reference: 'A'.repeat(128) });
  answerDoubtfully();
  await stage.purchase('k2', { amount: '5.00' });
  const axe = readFileSync(path.join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');
  for (const colorScheme of ['light', 'dark'] as const) {
    const viewport = { width: 320, height: 640 };
    const page = await browser.newPage({ colorScheme, viewport, reducedMotion: 'reduce' });
    await page.goto(stage.url);
    await page.getByRole('button', { name: 'Settle…' }).waitFor();
    await page.evaluate(axe);
    const faults = () =>
      page.evaluate(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))',
      );
    expect(await faults()).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    await page.getByRole('button', { name: 'Settle…' }).click();
    await page.getByLabel('Your name').waitFor();
    expect(await faults()).toEqual([]);
    await page.close();
  }
});
