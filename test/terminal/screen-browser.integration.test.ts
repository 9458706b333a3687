import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Screen } from '../../src/screen/server.ts';
import type { ScreenModel } from '../../src/terminal/screen-model.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { launchBrowser } from '../kit/browser.ts';
import { ScriptedModel, serveScreen, Till } from './screen-kit.ts';

/** A real browser in front of a real terminal; the till is the only part that is played. */

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const open: { close(): unknown }[] = [];
/** What pages complained about: a policy that stops them, a script that fails. */
const complaints: string[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
  expect(complaints.splice(0)).toEqual([]);
});

async function serve(model: ScreenModel, at?: string): Promise<Screen> {
  const screen = await serveScreen(model, at === undefined ? {} : { at });
  open.push(screen);
  return screen;
}

/** A new browser profile with a page that is not connected to anything yet. */
async function blankPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  open.push(context);
  return context.newPage();
}

async function look({ url }: Pick<Screen, 'url'>, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await blankPage(options);
  page.on('pageerror', (fault) => complaints.push(fault.message));
  page.on('console', (message) => {
    // A lost connection is complained about by the browser itself.
    const text = message.text();
    if (message.type() === 'error' && !text.includes('WebSocket connection to')) complaints.push(text);
  });
  await page.goto(url);
  await page.getByText('Connected', { exact: true }).waitFor();
  return page;
}

function openTerminal(): Terminal {
  const terminal = new Terminal({
    clock: systemClock,
    log: silentLogger,
    isInteractive: true,
    delayMs: 30,
  });
  open.push(terminal);
  return terminal;
}

const display = (page: Page) => page.locator('.display').getByRole('status');
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const shows = (page: Page, text: string | RegExp) => display(page).filter({ hasText: text }).waitFor();

describe('a person at the screen', () => {
  test('pays by tapping the card', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const answer = new Till(terminal).purchase(1230);
    await shows(page, /12\.30 EUR/);
    await page.getByRole('radio', { name: 'Visa, contactless and chip' }).check({ force: true });
    await button(page, 'Tap card').click();
    expect((await answer).result).toMatchObject({ amount: 1230, card_scheme: 'Visa' });
    await shows(page, 'Approved');
    await page.getByRole('region', { name: 'Paper' }).getByText('PURCHASE 12.30 EUR').waitFor();
    const asked = page.getByRole('region', { name: 'Requests and answers' }).getByRole('listitem');
    await asked.filter({ hasText: /Purchase\s*12\.30 EUR\s*Approved/ }).waitFor();
  });

  test('pays by chip with the PIN', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const answer = new Till(terminal).purchase(4500);
    await shows(page, /45\.00 EUR/);
    await page.getByRole('radio', { name: /Visa Debit/ }).check({ force: true });
    await expect.poll(() => button(page, 'Tap card').isDisabled()).toBe(true);
    await button(page, 'Insert card').click();
    await shows(page, 'Enter PIN');
    for (const digit of '9987') await button(page, digit).click();
    await shows(page, '4 digits entered');
    await button(page, 'OK').click();
    await shows(page, 'Wrong PIN');
    for (const digit of '1235') await button(page, digit).click();
    await button(page, 'Clear').click();
    await shows(page, '3 digits entered');
    await button(page, '4').click();
    await button(page, 'OK').click();
    await shows(page, 'Remove');
    await button(page, 'Remove card').click();
    expect((await answer).result).toMatchObject({ entry_mode: 'CHIP', verification_method: 'PIN' });
  });

  test('never sees or sends the PIN back', async () => {
    const terminal = openTerminal();
    const screen = await serve(terminal.screen);
    const page = await blankPage();
    const received: string[] = [];
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => received.push(String(payload))),
    );
    await page.goto(screen.url);
    void new Till(terminal).purchase(100);
    await shows(page, /1\.00 EUR/);
    await button(page, 'Insert card').click();
    await shows(page, 'Enter PIN');
    await page.keyboard.type('7391');
    await shows(page, '4 digits entered');
    expect(received.join('\n')).not.toContain('7391');
    expect(await page.locator('main').innerText()).not.toContain('7391');
  });

  test('cancels', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const answer = new Till(terminal).purchase(1230);
    await shows(page, /12\.30 EUR/);
    await button(page, 'Stop').click();
    expect((await answer).error?.data).toMatchObject({ string_code: 'CANCELLED' });
    await shows(page, /Cancelled/);
  });

  test('signs, and the cashier refuses', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const answer = new Till(terminal).purchase(1230);
    await shows(page, /12\.30 EUR/);
    await page.getByRole('radio', { name: /signature/ }).check({ force: true });
    await button(page, 'Insert card').click();
    await button(page, 'Refuse signature').click();
    await button(page, 'Remove card').click();
    expect((await answer).error?.data).toMatchObject({ string_code: 'SIGNATURE_REFUSED' });
  });

  test('types a text that a register asks for', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const till = new Till(terminal);
    const first = till.request('TextInput', { text: 'Customer number' });
    const field = page.getByRole('textbox', { name: 'Customer number' });
    await field.fill('AB');
    await button(page, '7').click();
    await button(page, 'OK').click();
    expect((await first).result).toEqual({ text: 'AB7' });
    const second = till.request('TextInput', { text: 'Mileage' });
    const other = page.getByRole('textbox', { name: 'Mileage' });
    await other.waitFor();
    await page.keyboard.type('12 000');
    await page.keyboard.press('Enter');
    expect((await second).result).toEqual({ text: '12 000' });
  });

  test('reads what registers print and tears it off', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const till = new Till(terminal);
    await till.request('Print', { lines: ['Thank you', '  for your visit'] });
    await till.request('Print', { lines: ['Merchant copy'] });
    const paper = page.getByRole('region', { name: 'Paper' });
    await paper.getByText('Merchant copy').waitFor();
    expect(await paper.locator('.paper').allInnerTexts()).toEqual([
      'Thank you\n  for your visit',
      'Merchant copy',
    ]);
    await button(page, 'Tear off').click();
    await paper.getByText('Nothing printed yet.').waitFor();
  });

  test('needs nothing but a keyboard', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const answer = new Till(terminal).purchase(1230);
    await shows(page, /12\.30 EUR/);
    await page.keyboard.press('c');
    await page.keyboard.press('c');
    await expect.poll(() => page.getByRole('radio', { name: /Visa Debit/ }).isChecked()).toBe(true);
    await page.keyboard.press('i');
    await shows(page, 'Enter PIN');
    await page.keyboard.type('1239');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('4');
    await shows(page, '4 digits entered');
    await page.keyboard.press('Enter');
    await shows(page, 'Remove');
    await page.keyboard.press('i');
    expect((await answer).result).toMatchObject({ verification_method: 'PIN' });
    const next = new Till(terminal, 'till-2.4712').request('Purchase', {
      receipt_id: 'k',
      sequence_id: '2',
      amount: 200,
      currency: 'EUR',
    });
    await shows(page, /2\.00 EUR/);
    await page.keyboard.press('Escape');
    expect((await next).error?.data).toMatchObject({ string_code: 'CANCELLED' });
  });

  test('is the cardholder from the first moment where whoever looks decides', async () => {
    let screen: Screen | undefined;
    const isInteractive = () => (screen?.viewers ?? 0) > 0;
    const terminal = new Terminal({ clock: systemClock, log: silentLogger, isInteractive });
    open.push(terminal);
    screen = await serve(terminal.screen);
    const page = await look(screen);
    await page.getByText('You are the cardholder').waitFor();
    await page.keyboard.press('c');
    await page.keyboard.press('Shift+C');
    await expect.poll(() => page.getByRole('radio', { name: /Visa Debit/ }).isChecked()).toBe(true);
  });

  test('reaches every control with Tab, and leaves letters alone when told', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    const answer = new Till(terminal).purchase(1230);
    await shows(page, /12\.30 EUR/);
    await page.getByRole('checkbox', { name: 'Shortcuts' }).focus();
    await page.keyboard.press('Space');
    await page.keyboard.type('t5');
    await page.keyboard.press('Escape');
    const focused = new Set<unknown>();
    const press = async (name: string, key: string) => {
      for (let presses = 0; presses < 100; presses += 1) {
        await page.keyboard.press('Tab');
        const text = await page.evaluate('document.activeElement.innerText');
        focused.add(text);
        if (text === name) return page.keyboard.press(key);
      }
      throw new Error(`Tab does not reach ${name}`);
    };
    await press('Insert card', 'Enter');
    await shows(page, 'Enter PIN');
    for (const digit of '1234') await press(digit, 'Space');
    await shows(page, '4 digits entered');
    await press('OK', 'Enter');
    await shows(page, 'Remove');
    await press('Remove card', 'Enter');
    expect((await answer).result).toMatchObject({ entry_mode: 'CHIP' });
    await press('Tear off', 'Enter');
    await page.getByText('Nothing printed yet.').waitFor();
    await press('1', 'Space'); // all the way round
    for (const name of [...'0123456789', 'Stop', 'Clear', 'ui']) expect(focused).toContain(name);
  });
});

test('a lost connection is shown, and comes back with the terminal', async () => {
  const terminal = openTerminal();
  const first = await serve(terminal.screen);
  const page = await look(first);
  await first.close();
  await page.getByText('Disconnected, trying again …').waitFor();
  await shows(page, 'No connection');
  await expect.poll(() => button(page, 'OK').isDisabled()).toBe(true);
  const answer = new Till(terminal).purchase(1230);
  await serve(terminal.screen, `tcp:127.0.0.1:${new URL(first.url).port}`);
  await page.getByText('Connected', { exact: true }).waitFor();
  await shows(page, /12\.30 EUR/);
  await button(page, 'Tap card').click();
  expect((await answer).result).toMatchObject({ amount: 1230 });
});

test('two browsers at once show the same', async () => {
  const terminal = openTerminal();
  const screen = await serve(terminal.screen);
  const [one, other] = [await look(screen), await look(screen)];
  const answer = new Till(terminal).purchase(1230);
  await shows(one, /12\.30 EUR/);
  await button(other, 'Insert card').click();
  await shows(one, 'Enter PIN');
  await one.keyboard.type('12');
  await shows(other, '2 digits entered');
  await other.keyboard.type('34');
  await shows(one, '4 digits entered');
  await one.keyboard.press('Enter');
  await shows(other, 'Remove');
  await button(one, 'Remove card').click();
  await answer;
  for (const page of [one, other]) {
    await page.getByRole('region', { name: 'Paper' }).getByText('CUSTOMER COPY').waitFor();
  }
});

describe('the panels', () => {
  test('list the registers and what they do', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    void new Till(terminal, 'till-1.1').purchase(1230);
    void new Till(terminal, 'till-2.2').request('Status', {});
    const registers = page.getByRole('region', { name: 'Connected registers' }).getByRole('listitem');
    await registers.filter({ hasText: /till-1\.1.*Purchase 12\.30 EUR/s }).waitFor();
    await registers.filter({ hasText: /till-2\.2.*Idle/s }).waitFor();
  });

  test('list messages by channel and register, with secrets masked', async () => {
    const terminal = openTerminal();
    const page = await look(await serve(terminal.screen));
    await new Till(terminal, 'till-1.1').request('Status', { api_key: 'geheim', pan: '4111111111111111' });
    await new Till(terminal, 'till-2.2').request('Check', { receipt_id: 1, sequence_id: 1 });
    const messages = page.getByRole('region', { name: 'Messages', exact: true }).getByRole('listitem');
    const request = messages.filter({ hasText: /device.*Status.*request/s });
    await request.locator('summary').click();
    await request.getByText('"api_key": "***"').waitFor();
    expect(await request.innerText()).not.toMatch(/geheim|4111111111111111/);
    await page.getByRole('combobox', { name: 'Register' }).selectOption('till-2.2');
    await expect.poll(() => request.count()).toBe(0);
    await messages.filter({ hasText: /storage.*Check.*error/s }).waitFor();
    await button(page, 'storage').click();
    await expect.poll(() => messages.filter({ hasText: 'Check' }).count()).toBe(0);
  });
});

describe('a page of somebody else', () => {
  /** A page of another origin, without a policy of its own in the way. */
  async function foreignPage(): Promise<Page> {
    const page = await blankPage({ bypassCSP: true });
    await page.goto((await serve(new ScriptedModel())).url);
    return page;
  }

  test('cannot connect, read or press', async () => {
    const model = new ScriptedModel();
    const { url } = await serve(model);
    const page = await foreignPage();
    const ended = await page.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket(${JSON.stringify(url.replace('http', 'ws'))} + 'socket');
      socket.onopen = () => { socket.send('{"do":"key","key":"ok"}'); resolve('open'); };
      socket.onclose = () => resolve('closed');
    })`);
    expect(ended).toBe('closed');
    const read = await page.evaluate(`fetch(${JSON.stringify(url)}).then(() => 'read', () => 'refused')`);
    expect(read).toBe('refused');
    expect(model.actions).toEqual([]);
  });

  test('cannot show the screen in a frame', async () => {
    const { url } = await serve(new ScriptedModel());
    const page = await foreignPage();
    const blocked = page.waitForEvent('console', (message) => message.text().includes('frame-ancestors'));
    await page.evaluate(`{
      const frame = document.createElement('iframe');
      frame.src = ${JSON.stringify(url)};
      document.body.append(frame);
    }`);
    await blocked;
  });
});

test('from other machines the page needs its token, and passes it on', async () => {
  const { url } = await serve(new ScriptedModel(), 'tcp:0.0.0.0:0');
  const { port, search } = new URL(url);
  await look({ url: `http://127.0.0.1:${port}/${search}` });
  const page = await blankPage();
  const response = await page.goto(`http://127.0.0.1:${port}/`);
  expect(response?.status()).toBe(403);
  await page.getByText('with its token').waitFor();
});
