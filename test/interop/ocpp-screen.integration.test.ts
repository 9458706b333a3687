import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from '../kit/browser.ts';
import { exitedWith, Workbench } from './kit.ts';
import { type Any, RawChargePoint, startCentral } from './ocpp-kit.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let bench: Workbench;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** A central system with its page open, and one charge point. */
async function open(): Promise<{ page: Page; point: RawChargePoint; url: string; screen: string }> {
  const { server, url } = await startCentral(bench, ['--app', 'simulator:', '--screen', 'tcp:127.0.0.1:0']);
  const [, screen = ''] = await server.says(/open (http\S+) in a browser/);
  const page = await browser.newPage();
  await page.goto(screen);
  const point = await RawChargePoint.booted(`${url}/CP001`);
  await point.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Available' });
  return { page, point, url, screen };
}

test('a person starts and stops charging from the page, each after a yes, and everybody can use it', async () => {
  const { page, point } = await open();
  await page.getByRole('button', { name: 'Start charging: CP001, connector 1' }).click();
  await page.getByLabel('Tag of who charges').fill('TAG1');
  expect(point.frames.filter(([type]) => type === 2)).toEqual([]);
  await page.getByRole('button', { name: 'Yes' }).click();
  const start = await point.until(() => point.frames.find(([type]) => type === 2));
  expect(start?.slice(2)).toEqual(['RemoteStartTransaction', { connectorId: 1, idTag: 'TAG1' }]);
  point.ws.send(JSON.stringify([3, start?.[1], { status: 'Accepted' }]));
  await page.getByText('RemoteStartTransaction: Accepted').waitFor();

  const started = await point.call('StartTransaction', {
    connectorId: 1,
    idTag: 'TAG1',
    meterStart: 0,
    timestamp: '2026-02-01T21:00:00Z',
  });
  await point.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Charging' });
  await page.getByRole('button', { name: 'Stop charging: CP001, connector 1' }).click();
  await page.getByRole('button', { name: 'Yes' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Yes' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Stop charging: CP001, connector 1' }).click();
  await page.getByRole('button', { name: 'Yes' }).press('Enter');
  const stop = await point.until(() =>
    point.frames.find(([, , action]) => action === 'RemoteStopTransaction'),
  );
  expect(stop?.[3]).toEqual({ transactionId: started[2].transactionId });
  point.ws.send(JSON.stringify([3, stop?.[1], { status: 'Accepted' }]));

  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => (globalThis as Any).axe.run());
    expect(violations.map(({ id }: Any) => id)).toEqual([]);
  }
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  const text = await page.locator('body').innerText();
  expect(text).not.toContain('TAG1');
});

test('another web page, or another name, is not let in', async () => {
  const { screen } = await open();
  const { port } = new URL(screen);
  const statusOf = async (headers: Record<string, string>, path = '/') =>
    (
      await browser
        .newContext()
        .then((context) => context.request.get(`http://127.0.0.1:${port}${path}`, { headers }))
    ).status();
  expect(await statusOf({ Host: `evil.example:${port}` })).toBe(403);
  const response = await browser.newContext().then((context) => context.request.get(screen));
  expect(response.headers()['content-security-policy']).toContain("default-src 'none'");
});

test('--screen is nothing for a dialect that has nothing to show', async () => {
  const args = [
    'serve',
    '--listen',
    'tcp:127.0.0.1:0',
    '--app',
    'null:',
    '--screen',
    'tcp:127.0.0.1:0',
    '--lock',
    'none',
  ];
  const server = bench.start('posbridge', args);
  expect(await server.exited).toEqual(exitedWith(100));
  expect(server.errors).toMatch(/--screen: jsonpos has nothing to show/);
});

test('the demo shows two charge points that charge, and leaves nothing behind', async () => {
  const args = [
    'demo',
    '--dialect',
    'ocpp1.6',
    '--listen',
    'ws://127.0.0.1:0/ocpp',
    '--screen',
    'tcp:127.0.0.1:0',
  ];
  const demo = bench.start('posbridge', args, { env: { TMPDIR: bench.path() } });
  const [, screen = ''] = await demo.says(/Open (http\S+) in a browser/);
  const page = await browser.newPage();
  await page.goto(screen);
  for (const identity of ['CP001', 'CP002'])
    await page.getByRole('button', { name: `Stop charging: ${identity}, connector 1` }).waitFor();
  demo.signal('SIGTERM');
  expect(await demo.exited).toEqual(exitedWith(0));
  expect(readdirSync(bench.folder).filter((name) => name.startsWith('posbridge-demo'))).toEqual([]);
});
