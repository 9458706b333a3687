import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitedWith, freePort, purchase, Workbench } from '../interop/kit.ts';
import { launchBrowser } from '../kit/browser.ts';

/** The program as a user starts it: register, bridge, terminal and browser are processes of their own. */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

async function startTerminal(screen: string) {
  const args = ['terminal', '--listen', `unix:${bench.socketPath}`, '--screen', screen, '--interactive'];
  const terminal = bench.start('posbridge', args);
  const [url = ''] = await terminal.says(/http:\/\/\S+/);
  await terminal.says(/listening/);
  return { terminal, url };
}

test('a register is answered when a person taps the card in a browser', async () => {
  const { terminal, url } = await startTerminal('tcp:127.0.0.1:0');
  const { port } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    const answer = (await bench.register(port)).request('Purchase', purchase('r-1', { amount: 1230 }));
    await page
      .getByRole('status')
      .filter({ hasText: /12\.30 EUR/ })
      .waitFor();
    await page.getByRole('button', { name: 'Tap card' }).click();
    expect((await answer).result).toMatchObject({ amount: 1230, entry_mode: 'CONTACTLESS' });
    terminal.signal('SIGTERM');
    expect(await terminal.exited).toEqual(exitedWith(0));
    await page.getByText('Disconnected, trying again …').waitFor();
  } finally {
    await browser.close();
  }
});

test('a port that is taken is told in one line, with status 111', async () => {
  const port = await freePort();
  await startTerminal(`tcp:127.0.0.1:${port}`);
  const args = [
    'terminal',
    '--listen',
    `unix:${bench.path('other.sock')}`,
    '--screen',
    `tcp:127.0.0.1:${port}`,
  ];
  const second = bench.start('posbridge', args);
  expect(await second.exited).toEqual(exitedWith(111));
  expect(second.stderr?.text.trim().split('\n')).toEqual([
    expect.stringContaining(`cannot listen on tcp:127.0.0.1:${port}: address already in use`),
  ]);
});
