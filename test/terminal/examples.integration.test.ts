import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type LineMessage,
  type SpawnedApplication,
  spawnApplication,
  TestApplication,
} from '../kit/application.ts';

const EXAMPLES = path.resolve(import.meta.dirname, '../../examples');

/** The examples as a bridge meets them: lines on their UNIX socket. */
describe.each(['application.sh', 'application.py', 'application.mjs'])('%s', (name) => {
  let folder: string;
  let socket: string;
  let application: SpawnedApplication | undefined;
  const bridges: TestApplication[] = [];

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'posbridge-'));
    socket = path.join(folder, 'pay.sock');
  });

  afterEach(async () => {
    for (const bridge of bridges.splice(0)) await bridge.kill();
    await application?.kill();
    application = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(delaySeconds: number): Promise<void> {
    application = await spawnApplication(path.join(EXAMPLES, name), {
      args: [socket],
      env: { DELAY: String(delaySeconds) },
      socket,
    });
  }

  async function attach(): Promise<TestApplication> {
    const bridge = await TestApplication.connect({ path: socket });
    bridges.push(bridge);
    bridge.send('{"connection":"c1","jsonrpc":"2.0","method":"_Connected","params":{"connection":"c1"}}\n');
    return bridge;
  }

  let ids = 0;
  async function ask(
    bridge: TestApplication,
    method: string,
    params: object = {},
    connection = 'c1',
  ): Promise<LineMessage> {
    ids += 1;
    const id = `r-${ids}`;
    bridge.send({ connection, jsonrpc: '2.0', id, method, params });
    const { message } = await bridge.waitFor((line) => line.message?.id === id);
    return message as LineMessage;
  }

  const identifiers = { receipt_id: 'r "ä" /1', sequence_id: 17 };
  const purchase = { ...identifiers, amount: 1250, currency: 'EUR', api_key: 'k' };
  const code = (message: LineMessage) => message.error?.data?.['string_code'];

  test('has at most 40 lines', () => {
    expect(readFileSync(path.join(EXAMPLES, name), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(
      40,
    );
  });

  test('approves, and tells the same again and again, to others and after kill -9 too', async () => {
    await start(0.2);
    const bridge = await attach();
    const paid = await ask(bridge, 'Purchase', purchase);
    expect(paid).toMatchObject({
      connection: 'c1',
      jsonrpc: '2.0',
      result: { amount: 1250, currency: 'EUR' },
    });
    const checked = await ask(bridge, 'Check', identifiers);
    const elsewhere = await ask(await attach(), 'Check', { ...identifiers, sequence_id: '17' }, 'c2');
    expect(elsewhere.connection).toBe('c2');
    expect(code(await ask(bridge, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    await application?.kill();
    await start(0.2);
    const later = await ask(await attach(), 'Check', identifiers);
    for (const answer of [checked, elsewhere, later]) {
      expect(JSON.stringify(answer.result)).toBe(JSON.stringify(paid.result));
    }
    expect(code(await ask(await attach(), 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
  });

  test('says TRANSACTION_ACTIVE while it runs, and charges once', async () => {
    await start(2);
    const bridge = await attach();
    const paying = ask(bridge, 'Purchase', purchase);
    await sleep(800);
    expect(code(await ask(bridge, 'Check', identifiers))).toBe('TRANSACTION_ACTIVE');
    expect(code(await ask(await attach(), 'Purchase', purchase, 'c2'))).toBe('DUPLICATE_TRANSACTION');
    expect((await paying).result).toBeDefined();
  });

  test('refuses a purchase of which it said TRANSACTION_NOT_FOUND, after a restart too', async () => {
    await start(0);
    const bridge = await attach();
    expect(code(await ask(bridge, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
    expect(code(await ask(bridge, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    await application?.kill();
    await start(0);
    const later = await attach();
    expect(code(await ask(later, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    expect(code(await ask(later, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
  });

  test('finishes a purchase whose bridge is gone', async () => {
    await start(2);
    const bridge = await attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await sleep(800);
    await bridge.kill();
    const other = await attach();
    expect(code(await ask(other, 'Check', identifiers))).toBe('TRANSACTION_ACTIVE');
    await vi.waitFor(
      async () => expect((await ask(other, 'Check', identifiers)).result).toMatchObject({ amount: 1250 }),
      { timeout: 10_000, interval: 200 },
    );
  });

  test('that is killed inside a purchase has charged nothing, and says so', async () => {
    await start(2);
    const bridge = await attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await sleep(800);
    await application?.kill();
    await start(0);
    const other = await attach();
    expect(code(await ask(other, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
    expect(code(await ask(other, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
  });

  test('serves several connections at once', async () => {
    await start(2);
    const bridge = await attach();
    const beganMs = performance.now();
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((connection, index) =>
        ask(bridge, 'Purchase', { ...purchase, sequence_id: index, amount: index + 1 }, connection),
      ),
    );
    expect(answers.map(({ connection, result }) => [connection, result?.['amount']])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    expect(performance.now() - beganMs).toBeLessThan(5500);
  });

  test('answers Status, refuses the unknown and the wrong, skips what cannot be read', async () => {
    await start(0);
    const bridge = await attach();
    bridge.send('rubbish\n\n[1]\n17\nnull\n{"half":\n');
    bridge.send(
      '{"connection":"c1","jsonrpc":"2.0","method":"_Disconnected","params":{"reason":"x","pending":[]}}\n',
    );
    bridge.send('{"connection":"c1","jsonrpc":"2.0","method":"_Dropped","params":{"count":3}}\n');
    bridge.send(
      `${JSON.stringify({ connection: 'c1', jsonrpc: '2.0', method: 'Purchase', params: purchase })}\n`,
    );
    expect((await ask(bridge, 'Status')).result).toMatchObject({ ready_for_transaction: true });
    const unknown = await ask(bridge, 'DisplayScreen', { text: 'x' });
    expect(unknown.error).toMatchObject({ code: -32601, data: { string_code: 'JSONRPC_METHOD_NOT_FOUND' } });
    for (const wrong of [{ amount: 0 }, { amount: 1.5 }, { amount: '5' }, { receipt_id: undefined }]) {
      const refused = await ask(bridge, 'Purchase', { ...purchase, ...wrong });
      expect(refused.error).toMatchObject({ code: -32602, data: { string_code: 'JSONRPC_INVALID_PARAMS' } });
    }
    expect(code(await ask(bridge, 'Check', { receipt_id: 'r' }))).toBe('JSONRPC_INVALID_PARAMS');
    expect(bridge.lines).toHaveLength(7);
  });
});
