import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT, Workbench } from './kit.ts';
import { F1, LOGIN, PlayedServer, writeSites } from './openfsc-kit.ts';

/** The example of docs/openfsc.md behind a real bridge, asked by a played server. */

const F2 = '70644955-ef32-4d33-a88b-67b500a7c00d';
let bench: Workbench;
let server: PlayedServer;

beforeEach(async () => {
  bench = await Workbench.open();
  writeSites(bench);
  server = await PlayedServer.listen(bench);
});
afterEach(async () => {
  server.close();
  await bench.close();
});

/** A request that comes before the station listens is refused at once. */
async function listening(): Promise<void> {
  for (;;) {
    const socket = await bench.connect({ path: bench.socketPath }).catch(() => undefined);
    if (socket !== undefined) return void socket.destroy();
    await sleep(20);
  }
}

async function open() {
  const running = bench.start('python3', [path.join(ROOT, 'examples/openfsc-station.py'), bench.socketPath]);
  await listening();
  const args = [
    '--dialect',
    'openfsc',
    '--sites',
    bench.path('sites.json'),
    '--app',
    `unix:${bench.socketPath}`,
  ];
  bench.startBridge([...args, '--wire', `tcp:127.0.0.1:${server.port}`]);
  const side = await server.next();
  await side.line(LOGIN);
  return { side, fuel: (words: string) => running.child.stdin?.write(`${words}\n`) };
}

test('the example station sells after fuelling', async () => {
  const { side, fuel } = await open();
  side.say('S0 PRODUCTS', 'S1 PRICES', 'S2 PUMPS');
  await side.line('S2 OK');
  expect(side.lines.filter((line) => line.startsWith('* P'))).toEqual([
    '* PRODUCT 0400 diesel 19.0',
    '* PRICE 0400 LTR EUR 1.629 Diesel',
    '* PUMP 1 locked',
    '* PUMP 2 locked',
    '* PUMP 3 free',
    '* PUMP 4 free',
  ]);
  fuel('3 45.50');
  const sale = await side.line(/^\* TRANSACTION 3/);
  const id = sale.split(' ')[3];
  expect(sale).toBe(`* TRANSACTION 3 ${id} open 0400 EUR 74.12 62.29 19.0 11.83 LTR 45.50 1.629`);
  side.say(`S3 CLEAR 4 ${id} ${F1} pace`, `S4 CLEAR 3 ${id} ${F1} pace`);
  expect(await side.line(/^S3 /)).toBe('S3 ERR 404 Transaction unknown');
  await side.line('S4 OK');
  await side.wait('the pump is free', () => (side.lines.at(-1) === '* PUMP 3 free' ? true : undefined));
  side.say(`S5 CLEAR 3 ${id} ${F1} pace`, `S6 CLEAR 3 ${id} ${F2} pace`, 'S7 TRANSACTIONS');
  expect(await side.line(/^S5 /)).toBe('S5 ERR 410 Already cleared');
  expect(await side.line(/^S6 /)).toBe('S6 ERR 403 Paid otherwise');
  await side.line('S7 OK');
});

test('the example station unlocks a pump, and locks it again', async () => {
  const { side, fuel } = await open();
  side.say(`S1 UNLOCKPUMP 1 EUR 100.00 ${F2} pace`);
  await side.line('S1 OK');
  await side.line('* PUMP 1 free');
  side.say(`S2 UNLOCKPUMP 1 EUR 100.00 ${F1} pace`, `S3 UNLOCKPUMP 1 EUR 100.00 ${F2} pace`);
  expect(await side.line(/^S2 /)).toMatch(/^S2 ERR 412 /);
  await side.line('S3 OK');
  fuel('1 30.00');
  expect(await side.line(/^\* TRANSACTION 1/)).toContain(
    ` ${F2} open 0400 EUR 48.87 41.07 19.0 7.80 LTR 30.00 1.629`,
  );
  side.say(`S4 CLEAR 1 ${F2} ${F2} pace`);
  await side.line('S4 OK');
  side.say(`S5 UNLOCKPUMP 2 EUR 5 ${F1} pace`);
  await side.line('* PUMP 2 free');
  side.say('S6 LOCKPUMP 2');
  await side.line('S6 OK');
  await side.line('* PUMP 2 locked');
  side.say('S7 LOCKPUMP 2', 'S8 LOCKPUMP 9');
  expect(await side.line(/^S7 /)).toMatch(/^S7 ERR 423 /);
  expect(await side.line(/^S8 /)).toBe('S8 ERR 404 Pump unknown');
});
