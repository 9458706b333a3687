import { afterEach, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from '../kit/browser.ts';
import { Stage } from './kit.ts';

let stage: Stage;
let browser: Awaited<ReturnType<typeof launchBrowser>>;

beforeEach(async () => {
  [stage, browser] = await Promise.all([Stage.open({ outcomeWaitMs: 30 }), launchBrowser()]);
});

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

  stage.terminal.onRequest = ({ method }) => (method === 'Check' ? new Error('NOT_READY') : undefined);
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
