import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PosClient } from '../../../src/pos/pos-client.ts';
import { Workbench } from '../../interop/kit.ts';
import { Line } from '../../kit/line.ts';
import { after } from '../kit.ts';
import { loopback, sha256 } from './kit.ts';

/**
 * The acceptance test of the integration guide, section 2.3: three `large_file_download` at once over a slow line,
 * purchases meanwhile, no keepalive lost. The guide's files have 1 MB; that takes eight minutes, and is done by `npm
 * run soak`.
 */
const FILE_BYTES = process.env['SOAK'] === undefined ? 50_000 : 1_048_576;
const LINE_SPEED = 10_240;
const LIMIT_MS = 3_600_000;

let bench: Workbench;
let line: Line;

beforeEach(async () => {
  bench = await Workbench.open();
  const settings = { bytesPerS: LINE_SPEED, bufferBytes: 512 };
  line = await Line.open(bench.folder, { toBridge: settings, toRegister: settings });
});

afterEach(async () => {
  await line.close();
  await bench.close();
});

/** Serves one file of random bytes, and says where, with its hash. */
async function fileServer(): Promise<string> {
  const file = randomBytes(FILE_BYTES);
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': file.length }).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file#sha256=${sha256(file)}`;
}

test('three downloads over a slow serial line, and purchases meanwhile', { timeout: LIMIT_MS }, async () => {
  const url = await fileServer();
  const place = `unix:${bench.socketPath}`;
  const speed = ['--terminal-link-speed', `${LINE_SPEED}`];
  const terminal = bench.start('posbridge', [
    ...['terminal', '--listen', place, '--download-url', url, '--delay', '300'],
    ...speed,
  ]);
  await terminal.says('listening');
  const bridge = bench.startBridge([
    ...['--wire', `serial:${line.bridgeEnd}`, '--link-speed', `${LINE_SPEED}`],
    ...['--app', place, '--timeout', 'Test=3600'],
  ]);
  await bridge.says('waiting for _Sync');

  const client = await PosClient.open({
    to: `serial:${line.registerEnd}`,
    store: bench.path('store'),
    connectTimeoutMs: 60_000,
    keepalive: { idleMs: 1000, busyMs: 1000, limitMs: 5000 },
  });
  after(() => client.close());
  const disconnections: string[] = [];
  client.on('disconnected', ({ reason }) => disconnections.push(reason.text));
  const started = new Promise<number>((resolve) => {
    void client.offerNetwork({
      allow: loopback,
      onEvent: (event) => event.kind === 'started' && resolve(event.linkSpeed),
    });
  });
  await client.connect();
  expect(await started).toBe(LINE_SPEED);

  const params = { test_id: 'large_file_download' };
  let left = 3;
  const downloads = Array.from({ length: left }, async () => {
    const { value } = await client.call('Test', params, { timeoutMs: LIMIT_MS });
    left -= 1;
    return value;
  });
  const sold: string[] = [];
  while (left > 0) {
    const { outcome } = await client.purchase({ amountMinor: 1200, currency: 'EUR' });
    sold.push(outcome);
    // As many keepalives as fit, and time for the downloads.
    for (let count = 0; count < 20 && left > 0; count += 1) await client.ping();
  }
  for (const value of await Promise.all(downloads)) {
    expect(value).toMatchObject({ bytes: FILE_BYTES, verified: true });
  }
  expect(sold.length).toBeGreaterThan(2);
  expect(new Set(sold)).toEqual(new Set(['approved']));
  expect(disconnections).toEqual([]);
  expect(bridge.errors).not.toContain('disconnected');
});
