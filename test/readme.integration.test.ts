import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  cleanEnvironment,
  type Ended,
  type Folder,
  messagesIn,
  PROGRAM,
  ROOT,
  type Running,
  run,
  start,
  stopAll,
  temporaryFolder,
} from './cli/kit.ts';
import { launchBrowser } from './kit/browser.ts';
import { frameOf, TestRegister } from './kit/register.ts';

/** The README's recipes as they stand there, typed by somebody who has `posbridge` in the path. */

const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const blocks = new Map(
  [...readme.matchAll(/<!-- test: (\S+) -->\n```sh\n(.*?)```/gs)].map((match) => [
    match[1] ?? '',
    match[2] ?? '',
  ]),
);

let folder: Folder;
let environment: NodeJS.ProcessEnv;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  const bin = path.join(folder.path, 'bin');
  mkdirSync(bin);
  symlinkSync(PROGRAM, path.join(bin, 'posbridge'));
  environment = {
    PATH: `${bin}:${process.env['PATH']}`,
    POSBRIDGE_LOCK: path.join(folder.path, 'lock'), // not the one that a real terminal on this machine may use
    DELAY: '0.1', // of the example applications
  };
});

afterEach(async () => {
  await stopAll();
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-(child.pid as number), 'SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    }
  }
  folder.remove();
});

function block(name: string): string {
  const text = blocks.get(name);
  if (text === undefined) throw new Error(`README.md has no block "${name}"`);
  return text;
}

/** A demo on a port that is free: the port of the recipes may be somebody else's. */
async function startDemo(): Promise<{ demo: Running; typedThere: (text: string) => Promise<Ended> }> {
  const demo = start('posbridge', ['demo', '--listen', 'tcp:127.0.0.1:0'], { env: environment });
  await demo.until(/Ctrl-C ends the demo/);
  const [, port = ''] = /listens on tcp:127\.0\.0\.1:(\d+)/.exec(demo.output().stderr) ?? [];
  return { demo, typedThere: (text) => typed(text.replaceAll(DEMO_PORT, port)) };
}

const DEMO_PORT = '10001';

const typed = (text: string) => run('bash', ['-c', text], { env: environment, cwd: folder.path });

test('every block that is marked has a test here', () => {
  expect([...blocks.keys()].toSorted()).toEqual([
    'api-purchase',
    'named-pipes',
    'purchase-by-hand',
    'python-application',
  ]);
  expect(readme.match(/<!-- test:/g)).toHaveLength(blocks.size);
});

test('the demo listens on the port of the recipes unless told otherwise', async () => {
  const { stdout } = await run('posbridge', ['demo', '--help'], { env: environment });
  expect(stdout).toContain(`tcp:127.0.0.1:${DEMO_PORT}`);
  expect(block('purchase-by-hand')).toContain(DEMO_PORT);
});

test('what the demo says to try works, and the purchase by hand', async () => {
  const { demo, typedThere } = await startDemo();
  const { stdout, stderr } = demo.output();
  expect(stdout).toBe('');
  const [purchase = '', check = '', ...more] = [...stderr.matchAll(/^ {2}(printf .*)$/gm)].map(
    (match) => match[1],
  );
  expect(more).toEqual([]);

  const approved = messagesIn((await typed(purchase)).stdout);
  expect(approved.at(0)).toMatchObject({ method: 'StatusEvent' });
  expect(approved.at(-1)).toMatchObject({ method: '_CloseReason' });
  const result = approved.find(({ response_to }) => response_to === 'Purchase')?.['result'];
  expect(result).toMatchObject({ amount: 1230, currency: 'EUR' });
  const checked = messagesIn((await typed(check)).stdout);
  expect(checked[0]).toMatchObject({ response_to: 'Check', result });

  // The README's own purchase, on the same terminal; the same again is refused.
  const byHand = messagesIn((await typedThere(block('purchase-by-hand'))).stdout);
  expect(byHand).toContainEqual(
    expect.objectContaining({ id: 'pos-1', result: expect.objectContaining({ amount: 1230 }) }),
  );
  expect(byHand.at(0)).toMatchObject({ method: 'StatusEvent' });
  expect(byHand.at(-1)).toMatchObject({ method: '_CloseReason' });
  const again = messagesIn((await typedThere(block('purchase-by-hand'))).stdout);
  const { error } = again.find(({ id }) => id === 'pos-1') ?? {};
  expect(error).toMatchObject({ data: { string_code: 'DUPLICATE_TRANSACTION' } });

  // Amounts that end in 01, as the README says.
  const declined = block('purchase-by-hand')
    .replace('1230', '1201')
    .replace('"sequence_id":1', '"sequence_id":2');
  const refused = messagesIn((await typedThere(declined)).stdout).find(({ id }) => id === 'pos-1');
  expect(refused).toMatchObject({ error: { data: { string_code: 'DECLINED' } } });

  // The same terminal by HTTP: another demo may have the usual port.
  const [, url = ''] = /sales in a browser: (\S+)\//.exec(stderr) ?? [];
  const recipe = block('api-purchase');
  expect(recipe).toContain('http://127.0.0.1:8480/');
  const paid = await typed(recipe.replace('http://127.0.0.1:8480', url));
  expect(JSON.parse(paid.stdout)).toMatchObject({
    state: 'approved',
    terminal: 'demo',
    reference: 'ORDER-1',
  });

  demo.signal('SIGINT');
  expect(await demo.ended).toMatchObject({ code: 0, stdout: '' });
});

test('with the screen of the demo open, tapping the card answers the purchase by hand', async () => {
  const { demo, typedThere } = await startDemo();
  const browser = await launchBrowser();
  try {
    const [, url = ''] = /Its screen: (\S+)/.exec(demo.output().stderr) ?? [];
    const page = await browser.newPage();
    await page.goto(url);
    await page.getByText('Connected', { exact: true }).waitFor();
    const typing = typedThere(block('purchase-by-hand'));
    await page
      .getByRole('status')
      .filter({ hasText: /12\.30 EUR/ })
      .waitFor();
    await page.getByRole('button', { name: 'Tap card' }).click();
    const answer = messagesIn((await typing).stdout).find(({ id }) => id === 'pos-1');
    expect(answer).toMatchObject({ result: { amount: 1230, entry_mode: 'CONTACTLESS' } });
  } finally {
    await browser.close();
  }
  demo.signal('SIGINT');
  expect(await demo.ended).toMatchObject({ code: 0 });
});

test('the frame of the purchase by hand has the right length', () => {
  const [, frame = ''] = /'([0-9a-f]{8}:\{.*\})'/.exec(block('purchase-by-hand')) ?? [];
  expect(`${frame}\n`).toBe(frameOf(frame.slice(9)));
});

test('the Python application takes purchases on its UNIX socket', async () => {
  const recipe = block('python-application');
  expect(recipe).toContain('tcp:127.0.0.1:10002');
  const text = recipe.replaceAll('/tmp/', `${folder.path}/`).replace(':10002', ':0');
  const running = start('bash', ['-c', text], { env: environment, cwd: ROOT });
  const said = await running.until(/info listening on=tcp:127\.0\.0\.1:\d+/);
  const [, port] = /listening on=tcp:127\.0\.0\.1:(\d+)/.exec(said) ?? [];
  const register = TestRegister.on(connect(Number(port), '127.0.0.1'));
  // Until the application listens, requests are refused at once.
  await vi.waitFor(
    async () => expect((await register.request('Status')).result).toEqual({ ready_for_transaction: true }),
    { timeout: 20_000, interval: 20 },
  );
  const identifiers = { receipt_id: 'r-1', sequence_id: 1 };
  const paid = await register.request('Purchase', { ...identifiers, amount: 1230, currency: 'EUR' });
  expect(paid.result).toMatchObject({ amount: 1230, currency: 'EUR' });
  const checked = await register.request('Check', identifiers);
  expect(checked.result).toEqual(paid.result);
  expect((await register.request('DisplayScreen')).error?.data.string_code).toBe('JSONRPC_METHOD_NOT_FOUND');
  register.end();
  await register.closed;
  expect(register.faults).toEqual([]);
  expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
  running.signal('SIGTERM');
  await running.ended;
});

test('four named pipes carry requests to their programs, and answers back', async () => {
  const child = spawn('bash', ['-c', block('named-pipes')], {
    cwd: folder.path,
    env: cleanEnvironment(environment),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  children.push(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const register = new TestRegister({ readable: child.stdout, writable: child.stdin });
  const linesOf = (channel: string) => {
    const file = path.join(folder.path, `${channel}.log`);
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  };
  const lineOf = (channel: string, method: string) =>
    vi.waitFor(
      () => {
        const line = linesOf(channel).find((each) => each.method === method);
        expect(line, `${method} in ${channel}.log\n${log}`).toBeDefined();
        return line;
      },
      { timeout: 20_000, interval: 20 },
    );

  for (const [method, channel] of [
    ['DisplayScreen', 'ui'],
    ['Purchase', 'payment'],
    ['Check', 'storage'],
    ['Status', 'payment'],
  ] as const) {
    const params = { receipt_id: 'r-1', sequence_id: 1, amount: 5 };
    const answer = register.request(method, params);
    const { connection, id, params: received } = await lineOf(channel, method);
    expect(received).toEqual(params);
    const { params: connected } = linesOf(channel)[0];
    expect(connected.channels.device).toMatch(/^fifo:device\.unix\.[\w.]{12}$/);
    const device = path.join(folder.path, connected.channels.device.slice('fifo:'.length));
    await writeFile(
      device,
      `${JSON.stringify({ connection, jsonrpc: '2.0', id, result: { by: channel } })}\n`,
    );
    expect((await answer).result).toEqual({ by: channel });
  }

  const exited = new Promise((resolve) => child.once('close', resolve));
  register.end();
  expect(await exited).toBe(0);
  expect(register.faults).toEqual([]);
  for (const channel of ['ui', 'payment', 'storage']) {
    expect(linesOf(channel).map(({ method }) => method)[0]).toBe('_Connected');
    await lineOf(channel, '_Disconnected'); // `cat` may still be writing it
  }
  expect(readdirSync(folder.path).filter((name) => name.startsWith('device'))).toEqual([]);
});
