import { afterEach, beforeEach, expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import { Workbench } from '../interop/kit.ts';
import { Line } from '../kit/line.ts';

/** The register's side on a serial line, against the real bridge on its other end. */

const SALE = { amountMinor: 1230, currency: 'EUR' };

let bench: Workbench;
let line: Line;
let client: PosClient | undefined;

beforeEach(async () => {
  bench = await Workbench.open();
  line = await Line.open(bench.folder);
});

afterEach(async () => {
  await client?.close();
  await line.close();
  await bench.close();
});

async function till(): Promise<PosClient> {
  client = await PosClient.open({
    to: `serial:${line.registerEnd}`,
    store: bench.path('store'),
    connectTimeoutMs: 60_000,
    keepalive: { idleMs: 1000, busyMs: 500, limitMs: 2000 },
  });
  return client;
}

test('synchronises, sells, and says goodbye', async () => {
  const wire = `serial:${line.bridgeEnd}`;
  const bridge = bench.startBridge(['--wire', wire, '--app', 'simulator:?delay=30']);
  await bridge.says('waiting for _Sync');
  const pos = await till();
  expect(await pos.purchase(SALE)).toMatchObject({ outcome: 'approved' });
  expect(await pos.purchase({ ...SALE, amountMinor: 501 })).toMatchObject({ outcome: 'declined' });
});

test('finds the outcome of a purchase during which the line was unplugged', async () => {
  const application = await bench.application(({ method }) =>
    method === 'Check' ? { result: { charged: 'once' } } : undefined,
  );
  const args = ['--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
  const bridge = bench.startBridge(['--wire', `serial:${line.bridgeEnd}`, ...args]);
  await bridge.says('waiting for _Sync');
  const pos = await till();
  const sale = pos.purchase(SALE);
  await application.waitFor('Purchase');
  await line.unplug();
  application.attachments[0]?.answer(application.requests('Purchase')[0]?.message ?? {}, {
    result: { charged: 'once' },
  });
  await line.plug();
  expect(await sale).toMatchObject({ outcome: 'approved', result: { charged: 'once' } });
  expect(application.requests('Purchase')).toHaveLength(1);
});
