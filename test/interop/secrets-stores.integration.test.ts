import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DISGUISES } from '../base/mask/disguises.ts';
import { settledLog } from './abuse-kit.ts';
import { exitedWith, Workbench } from './kit.ts';
import { F1, LOGIN, PlayedServer, writeSites } from './openfsc-kit.ts';

/** Secrets in an application's answers, in every disguise; then every file and every output is searched for them. */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const PAN = '4716108999716531';
const KEY = 'zebra1quagga';
/** Looks like a card number of Visa, and is a receipt. */
const RECEIPT = '4000123400000008';

const RESULT = {
  amount: 100,
  currency: 'EUR',
  t2: `;${PAN}=25127391826455?`,
  raw: JSON.stringify({ track2: `${PAN}=25127391826455`, cvv: '739', pin: '73918264' }),
  lines: [`TRACK2 ${PAN}=25127391826455`, 'PIN: 73918264', 'PIN 73918264'],
  card: { number: PAN },
  passwort: KEY,
  said: `your key is ${KEY}`,
  disguises: DISGUISES.map(([, disguise]) => disguise(PAN)),
};

/** Everything in the folder of the test, but for the programs. */
function files(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((name) => !name.includes('/bin') && statSync(name, { throwIfNoEntry: false })?.isFile())
    .map((name) => `${name}\n${readFileSync(name, 'utf8')}`)
    .join('\n');
}

function leaks(text: string): string[] {
  const digits = text.normalize('NFKC').replace(/[^0-9A-Za-z]/g, '');
  const hidden = [
    ...DISGUISES.map(([, disguise]) => disguise(PAN)).filter((shown) => shown.length < 100),
    ...[PAN, KEY, '73918264', '7391826455', PAN.slice(0, -4)],
  ];
  return hidden.filter(
    (secret) => text.includes(secret) || (/^\d+$/.test(secret) && digits.includes(secret)),
  );
}

test('the search finds what it should', () => {
  for (const [, disguise] of DISGUISES.filter(([, of]) => of(PAN).length < 100))
    expect(leaks(`x${disguise(PAN)}x`)).not.toEqual([]);
});

test('a purchase leaves nothing of a card in a journal, a store, a log or on the screen, and its identifiers as they are', async () => {
  const application = await bench.application(() => ({ result: RESULT }));
  const journal = bench.path('journal');
  const { server, port } = await bench.startServe([
    ...['--app', `unix:${bench.socketPath}`, '--journal', journal, '--log-level', 'trace'],
  ]);
  const store = bench.path('store');
  const outputs: string[] = [];
  const run = async (args: string[], codes: number[]) => {
    const running = bench.start('posbridge', args, { env: { POSBRIDGE_API_KEY: KEY } });
    const { stdout } = running;
    running.child.stdin?.end();
    const { code } = await running.exited;
    await stdout.ended;
    expect(codes, running.errors).toContain(code);
    outputs.push(stdout.text, running.errors);
    return stdout.text;
  };
  const to = ['--to', `tcp:127.0.0.1:${port}`, '--store', store];
  const sale = await run(
    ['pos', 'purchase', '1.00', 'EUR', '--receipt', RECEIPT, ...to, '--json', '--log-level', 'trace'],
    [0],
  );
  expect(sale).toContain(`"receipt_id":"${RECEIPT}"`);
  expect(application.requests('Purchase')[0]?.message?.params?.['api_key']).toBe(KEY);
  await run(['pos', 'check', RECEIPT, ...to, '--log-level', 'trace'], [0]);
  for (const folder of [journal, store]) {
    expect(await run(['journal', 'list', '--journal', folder], [0])).toContain(`${RECEIPT}/1`);
    await run(['journal', 'export', '--journal', folder], [0]);
  }
  await settledLog(server);
  server.signal('SIGTERM');
  expect(await server.exited).toEqual(exitedWith(0));
  expect(server.errors).toMatch(/line in|line out/);
  for (const text of [files(journal), files(store), server.errors, ...outputs])
    expect(leaks(text)).toEqual([]);
});

test('a sale whose outcome is unknown is named in the log as it is, also where its receipt looks like a card number', async () => {
  const unknown = { error: { code: 1, message: 'x', data: { string_code: 'UNKNOWN' } } };
  await bench.application(() => unknown);
  const { server, port } = await bench.startServe([
    ...['--app', `unix:${bench.socketPath}`, '--outcome-wait', '1'],
  ]);
  const register = await bench.register(port);
  const sale = { receipt_id: RECEIPT, sequence_id: 1, amount: 100, currency: 'EUR' };
  void register.request('Purchase', sale).catch(() => {});
  await register.closed;
  expect(register.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
  await server.says('outcome of a transaction is unknown');
  expect(server.errors).toMatch(new RegExp(`unknown .*receipt_id.*${RECEIPT}`));
});

test('a card number that fails its check is hidden wherever an application repeats it, and in a goodbye', async () => {
  const pan = '92873498723498792384';
  const shown = [pan, pan.replace(/.{4}(?=.)/g, '$& '), pan.slice(0, 16)];
  writeSites(bench, { transactionInfo: true });
  await bench.application((message) => {
    if (message.method !== 'openfsc.unlockPump') return { result: {} };
    const text = `refused: ${shown[0]}, ${shown[1]}`;
    return { error: { code: 1, message: text, data: { string_code: 'X', details: text } } };
  });
  const server = await PlayedServer.listen(bench);
  const bridge = bench.startBridge([
    ...[
      '--dialect',
      'openfsc',
      '--sites',
      bench.path('sites.json'),
      '--wire',
      `tcp:127.0.0.1:${server.port}`,
    ],
    ...['--app', `unix:${bench.socketPath}`, '--log-level', 'trace'],
  ]);
  const side = await server.next();
  await side.line(LOGIN);
  side.say(`* TRANSACTIONINFO ${F1} PAN ${pan}`, `S1 UNLOCKPUMP 3 EUR 10.00 ${F1} pace`);
  await side.line(/^S1 ERR/);
  side.say(`* QUIT card ${pan} is unknown`);
  await bridge.says('disconnected');
  bridge.signal('SIGTERM');
  await bridge.exited;
  server.close();
  expect(bridge.errors).toMatch(/line in/);
  for (const secret of shown) expect(bridge.errors).not.toContain(secret);
});
