import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Handler, LineMessage, TestApplication } from '../kit/application.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';
import { F1, LOGIN, PlayedServer, writeSites } from './openfsc-kit.ts';

/** What applications and servers may do on a running site, seen on the wire of a real process. */

const PAN = '92873498723498792384';
const TWO = [{ session: 's1' }, { siteAccessKey: '6a3cc50e-dcbb-4d83-a67f-44b3728a00a6', session: 's2' }];

let bench: Workbench;
let server: PlayedServer | undefined;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await bench.close();
});

const station: Handler = ({ method }) => {
  if (method === 'openfsc.pumps') return { result: { pumps: [] } };
  return { result: {} };
};

function start(port: number, more: readonly string[] = []): Running {
  const where = ['--wire', `tcp:127.0.0.1:${port}`, '--app', `unix:${bench.socketPath}`];
  const sites = ['--dialect', 'openfsc', '--sites', bench.path('sites.json')];
  return bench.startBridge([...sites, ...where, '--log-level', 'trace', ...more]);
}

const isLink =
  (state: string, site = 's1') =>
  ({ message }: { message: LineMessage | undefined }) =>
    message?.method === 'openfsc.link' &&
    message.params?.['state'] === state &&
    message.connection?.startsWith(`${site}.`) === true;
const linkOf = async (application: TestApplication, state: string, site?: string) =>
  (await application.waitFor(isLink(state, site))).message?.connection;

test('CAPABILITY says what the site receives and uses, and what the sites file switches on', async () => {
  writeSites(bench, { transactionInfo: true, sessionMode: true }, [{ legacyPan: true }]);
  await bench.application(station);
  server = await PlayedServer.listen(bench);
  start(server.port);
  const side = await server.next();
  expect(await side.line(/CAPABILITY/)).toBe(
    '* CAPABILITY BEAT CHARSET CLEAR HEARTBEAT LOCKEDPUMP LOCKPUMP NEWSESSION PAN PLAINAUTH PRICE PRICES PRODUCT PRODUCTS PUMP PUMPS PUMPSTATUS QUIT SESSIONMODE SESSIONS TRANSACTION TRANSACTIONINFO TRANSACTIONS UNLOCKPUMP',
  );
});

test('openfsc.quit closes one session and keeps the other, openfsc.login opens it again', async () => {
  writeSites(bench, {}, TWO);
  const application = await bench.application(station);
  server = await PlayedServer.listen(bench);
  start(server.port);
  const side = await server.next();
  const connection = await linkOf(application, 'authenticated', 's1');
  await linkOf(application, 'authenticated', 's2');
  const reason = 'shutting down site 1';
  application.send({ connection, jsonrpc: '2.0', id: 'q', method: 'openfsc.quit', params: { reason } });
  await side.line('s1.* QUIT shutting down site 1');
  await linkOf(application, 'closed', 's1');
  side.say('s1.S1 PUMPS', 's2.S1 PUMPS');
  await side.line('s2.S1 OK');
  expect(await side.line(/^s1\.S1 /)).toMatch(/^s1\.S1 ERR 400 /);
  application.send({ connection, jsonrpc: '2.0', id: 'l', method: 'openfsc.login' });
  await side.wait('a second login', () => side.lines.filter((line) => /^s1\.\S+ PLAINAUTH /.test(line))[1]);
  side.say('s1.S2 PUMPS');
  await side.line('s1.S2 OK');
  const answers = application.lines.filter(({ message }) => message?.id === 'q' || message?.id === 'l');
  expect(answers.map(({ message }) => message?.result)).toEqual([{}, {}]);
});

test('a wire that ended with 401 is opened again by openfsc.login', async () => {
  writeSites(bench);
  const application = await bench.application(station);
  let answer = 'ERR 401 no';
  server = await PlayedServer.listen(bench, () => answer);
  start(server.port);
  await (await server.next()).line('* QUIT authentication failed');
  const connection = await linkOf(application, 'refused');
  answer = 'OK';
  application.send({ connection, jsonrpc: '2.0', id: 'l', method: 'openfsc.login' });
  const side = await server.next();
  await side.line(LOGIN);
  await linkOf(application, 'authenticated');
  side.say('S1 PUMPS');
  await side.line('S1 OK');
});

test('openfsc.quit of the only site closes the wire, and openfsc.login opens it again', async () => {
  writeSites(bench);
  const application = await bench.application(station);
  server = await PlayedServer.listen(bench);
  const bridge = start(server.port);
  const side = await server.next();
  const connection = await linkOf(application, 'authenticated');
  application.send({ connection, jsonrpc: '2.0', id: 'q', method: 'openfsc.quit', params: {} });
  await side.line('* QUIT closed by the site');
  await side.wait('the end', () => side.isOver || undefined);
  await linkOf(application, 'closed');
  application.send({ connection, jsonrpc: '2.0', id: 'l', method: 'openfsc.login' });
  await (await server.next()).line(LOGIN);
  bridge.signal('SIGTERM');
  expect(await bridge.exited).toEqual(exitedWith(0));
});

test('a line without an end closes the connection at 8192 bytes', async () => {
  writeSites(bench);
  await bench.application(station);
  server = await PlayedServer.listen(bench);
  start(server.port);
  const side = await server.next();
  await side.line(LOGIN);
  server.sockets[0]?.write(`S1 PUMPS ${'x'.repeat(8192)}`);
  await side.line('S1 ERR 400 the line is too long');
  await side.line('* QUIT the line is too long');
  await side.wait('the end', () => side.isOver || undefined);
});

test('card data waits for the application that is away, and is in no log and no journal', async () => {
  writeSites(bench, { transactionInfo: true });
  const application = await bench.application(station);
  server = await PlayedServer.listen(bench);
  const bridge = start(server.port, ['--journal', bench.path('journal')]);
  const side = await server.next();
  await linkOf(application, 'authenticated');
  await application.kill();
  side.say(`* TRANSACTIONINFO ${F1} PAN ${PAN}`, `S1 CLEAR 3 c71b ${F1} pace`);
  expect(await side.line(/^S1 /)).toMatch(/^S1 ERR 500 /);
  await application.start();
  side.say(`S2 CLEAR 3 c71b ${F1} pace`);
  await side.line('S2 OK');
  const infos = application
    .requests('openfsc.clear')
    .map(({ message }) => message?.params?.['transactionInfo']);
  expect(infos).toEqual([{ pan: PAN, mileage: 0 }]);
  bridge.signal('SIGTERM');
  await bridge.exited;
  const journal = readdirSync(bench.path('journal')).map((file) =>
    readFileSync(bench.path('journal', file), 'latin1'),
  );
  expect([bridge.errors, ...journal].join('\n')).not.toContain(PAN);
});

test('a malformed receipt: JSONRPC_INVALID_PARAMS to the application, ERR 500 to the server', async () => {
  writeSites(bench);
  const receiptInfo = [{ key: 'Receipt No', value: '17' }];
  const application = await bench.application(({ method }) =>
    method === 'openfsc.clear' ? { result: { receiptInfo } } : { result: {} },
  );
  server = await PlayedServer.listen(bench);
  start(server.port, ['--journal', bench.path('journal')]);
  const side = await server.next();
  await linkOf(application, 'authenticated');
  side.say(`S1 CLEAR 3 c71b ${F1} pace`);
  expect(await side.line(/^S1 /)).toMatch(/^S1 ERR 500 /);
  await application.waitFor(({ message }) => message?.error?.code === -32602);
});

test('what the grammar does not have is refused; what does not add up is sent, with a warning', async () => {
  writeSites(bench);
  const application = await bench.application(station);
  server = await PlayedServer.listen(bench);
  const bridge = start(server.port);
  const side = await server.next();
  await linkOf(application, 'connecting');
  await linkOf(application, 'authenticated');
  const sale = {
    pump: 3,
    siteTransactionId: 'c71b9838ad3dfc15',
    status: 'open',
    productId: '0100',
    currency: 'EUR',
    priceWithVat: '86.83',
    priceWithoutVat: '72.978',
    vatRate: '19.0',
    vatAmount: '13.65',
    unit: 'LTR',
    volume: '54.40',
    pricePerUnit: '1.339',
  };
  for (const change of [{ priceWithVat: '86' }, { siteTransactionId: 'ä' }, {}])
    application.send({ jsonrpc: '2.0', method: 'openfsc.transaction', params: { ...sale, ...change } });
  const params = { pump: 3, fscTransactionId: F1, reason: 'tired' };
  application.send({ jsonrpc: '2.0', id: 'p', method: 'openfsc.lockedPump', params });
  await application.waitFor(({ message }) => message?.id === 'p' && message.error?.code === -32602);
  await side.line(/^\* TRANSACTION /);
  await bridge.says(/net price and VAT do not add up/);
  await bridge.says(/volume times price per unit/);
  expect(side.lines.filter((line) => /TRANSACTION 3|LOCKEDPUMP 3/.test(line))).toEqual([
    '* TRANSACTION 3 c71b9838ad3dfc15 open 0100 EUR 86.83 72.978 19.0 13.65 LTR 54.40 1.339',
  ]);
});
