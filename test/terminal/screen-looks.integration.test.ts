import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Screen } from '../../src/screen/server.ts';
import { ROOT } from '../cli/kit.ts';
import { launchBrowser } from '../kit/browser.ts';
import { ScriptedModel, serveScreen } from './screen-kit.ts';
import { STATES } from './screen-states.ts';

const AXE = readFileSync(path.join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let screen: Screen;
const model = new ScriptedModel();

beforeAll(async () => {
  for (const channel of ['ui', 'payment', 'storage', 'device'] as const) {
    model.log({ channel, method: 'AVeryLongMethodName'.repeat(3), id: channel, connection: 'x'.repeat(120) });
    model.log({ channel, kind: 'error', direction: 'out', id: channel, connection: 'x'.repeat(120) });
  }
  model.log({ text: JSON.stringify({ key: 'x'.repeat(500), list: [1, 'two', null] }) });
  [browser, screen] = await Promise.all([launchBrowser(), serveScreen(model)]);
});
afterAll(async () => {
  await screen.close();
  await browser.close();
});

async function look(options: BrowserContextOptions): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(screen.url);
  await page.getByText('Connected', { exact: true }).waitFor();
  await page.locator('.messages summary').first().click();
  return page;
}

async function show(page: Page, name: string): Promise<void> {
  const state = STATES[name] ?? {};
  model.show({ ...state, registers: [...(state.registers ?? []), { connection: name, peer: 'here' }] });
  await page.getByRole('region', { name: 'Connected registers' }).getByText(name, { exact: true }).waitFor();
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate<Violation[]>('axe.run().then(({ violations }) => violations)');
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

describe.each(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  let page: Page;
  beforeAll(async () => {
    page = await look({ colorScheme, reducedMotion: 'reduce', viewport: { width: 1280, height: 800 } });
    await page.evaluate(AXE);
  });
  afterAll(() => page.context().close());

  test.each(Object.keys(STATES))('everybody can use it: %s', async (name) => {
    await show(page, name);
    expect(await violations(page)).toEqual([]);
  });
});

const MANY = 60;
/** Below the last panel, in pixels, rounded up. */
const MARGIN = 21;

describe.each([
  ['a small phone', 320, 560],
  ['a phone', 360, 740],
  ['a tablet', 820, 1180],
  ['a small desktop', 1280, 640],
  ['a desktop', 1280, 800],
] as const)('on %s', (_name, width, height) => {
  let page: Page;
  beforeAll(async () => {
    page = await look({ reducedMotion: 'reduce', viewport: { width, height } });
  });
  afterAll(() => page.context().close());

  test('nothing makes the page scroll sideways, and nothing moves', async () => {
    for (const name of Object.keys(STATES)) {
      await show(page, name);
      const size = await page.evaluate(
        '[document.documentElement.scrollWidth, document.getAnimations().length]',
      );
      expect([name, size]).toEqual([name, [width, 0]]);
    }
  });

  test('the page ends below its last panel, however many messages there are', async () => {
    for (let count = 0; count < MANY; count += 1) model.log({});
    await page.locator(`.messages > :nth-child(${MANY})`).waitFor({ state: 'attached' });
    await page.evaluate(
      "document.querySelectorAll('.messages summary').forEach((one, n) => n % 5 || one.click())",
    );
    const [scrolled = 0, end = 0] = await page.evaluate<number[]>(`{
      const ends = [...document.querySelectorAll('.counter > *, .panels > *, .shortcuts')].map(
        (each) => each.getBoundingClientRect().bottom,
      );
      [document.documentElement.scrollHeight, Math.max(innerHeight, ...ends.map((end) => end + scrollY))];
    }`);
    expect(scrolled - end).toBeLessThanOrEqual(MARGIN);
    if (width >= 1200 && height >= 768) expect(scrolled).toBe(height);
  });
});

test('everybody can use it: disconnected', async () => {
  const other = await serveScreen(new ScriptedModel());
  const pages = await Promise.all(
    (['light', 'dark'] as const).map(async (colorScheme) => {
      const page = await (await browser.newContext({ colorScheme, reducedMotion: 'reduce' })).newPage();
      await page.goto(other.url);
      await page.getByText('Connected', { exact: true }).waitFor();
      return page;
    }),
  );
  await other.close();
  for (const page of pages) {
    await page.getByText('No connection').waitFor();
    await page.evaluate(AXE);
    expect(await violations(page)).toEqual([]);
    await page.context().close();
  }
});
