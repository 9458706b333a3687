import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import type { PosClientOptions } from '../../src/pos/pos-options.ts';
import { Workbench } from '../interop/kit.ts';
import { frameOf } from '../kit/register.ts';
import { TestTerminal } from '../kit/terminal.ts';

/** The checklist of the JSONPOS integration guide of 2018-03-27, sections 2.1 and 2.2, over real sockets. */

const SALE = { amountMinor: 1230, currency: 'EUR' };
const TILL = path.join(import.meta.dirname, 'till.mjs');
/** Keepalives at a pace that a test can wait for. */
const BRISK = { idleMs: 200, busyMs: 100, limitMs: 500 };

let terminal: TestTerminal;
let folder: string;
const clients: PosClient[] = [];

beforeEach(async () => {
  terminal = await TestTerminal.listen();
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-checklist-'));
});

afterEach(async () => {
  const closing = clients.splice(0).map((client) => client.close());
  await terminal.stop();
  await Promise.all(closing);
  rmSync(folder, { recursive: true });
});

async function till(options: Partial<PosClientOptions> = {}): Promise<PosClient> {
  const store = path.join(folder, 'store');
  const client = await PosClient.open({ to: terminal.endpoint, store, ...options });
  clients.push(client);
  return client;
}

const entries = () => readdirSync(path.join(folder, 'store')).filter((name) => name.endsWith('.entry'));
const states = () =>
  entries().map((name) => readFileSync(path.join(folder, 'store', name), 'utf8').includes('"state":"done"'));

describe('2.1 transport handling', () => {
  test('_CloseReason is sent before closing a connection', async () => {
    const client = await till();
    await client.ping();
    await client.close();
    const { connection } = terminal;
    await connection.closed;
    expect(connection.messages.at(-1)).toMatchObject({
      method: '_CloseReason',
      params: { error: { data: { string_code: 'CONNECTION_CLOSED' } } },
    });
    expect(connection.hasEnded).toBe(true);
  });

  test('_Keepalive is answered in all situations: idle, at work, during a purchase, while requests wait', async () => {
    const client = await till({ onRequest: () => new Promise(() => {}) });
    await client.connect();
    await terminal.until(() => terminal.connections.length > 0);
    const { connection } = terminal;
    const answered = (id: string) => {
      connection.send({ id, method: '_Keepalive', params: {} });
      return terminal.until(() => connection.answerTo(id) !== undefined);
    };
    await answered('idle');
    const call = client.call('Print', { text: 'x' });
    await terminal.until(() => connection.requests('Print').length > 0);
    await answered('at work');
    const sale = client.purchase(SALE);
    await terminal.until(() => connection.requests('Purchase').length > 0);
    await answered('during a purchase');
    connection.send({ id: 'work', method: 'NetworkConnect', params: {} });
    await answered('while a request of its own waits');
    for (const request of [...connection.requests('Print'), ...connection.requests('Purchase')])
      connection.answer(request, {});
    await Promise.all([call, sale]);
    await answered('afterwards');
    expect(connection.answerTo('during a purchase')?.result).toEqual({});
    expect(connection.answerTo('work')).toBeUndefined();
  });

  test('the connection is monitored by _Keepalive: when idle, at once when work starts, before a purchase', async () => {
    const client = await till({ keepalive: { ...BRISK, limitMs: 10_000 } });
    await client.connect();
    await terminal.until(() => (terminal.connections[0]?.requests('_Keepalive').length ?? 0) >= 2);
    terminal.onRequest = () => ({});
    await client.purchase(SALE);
    const methods = terminal.connection.messages.map(({ method }) => method);
    expect(methods.slice(0, methods.indexOf('Purchase')).at(-1)).toBe('_Keepalive');
  });

  test('a terminal that answers no _Keepalive is left, and every request to it ends', async () => {
    const client = await till({ keepalive: BRISK });
    terminal.onRequest = (_, connection) => {
      connection.answersKeepalive = false;
      return undefined;
    };
    const calls = [client.call('Status'), client.call('Test')];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'KEEPALIVE' });
    const [connection] = terminal.connections;
    await connection?.closed;
    expect(connection?.messages.at(-1)).toMatchObject({
      method: '_CloseReason',
      params: { error: { code: -32000, data: { string_code: 'KEEPALIVE' } } },
    });
  });

  test.each(['bytes', 'glued', 'plain'] as const)(
    'frames are parsed however they arrive (%s), also when all comes at once',
    async (manner) => {
      terminal.manner = manner;
      const client = await till();
      const messages: string[] = [];
      client.on('message', (message) => messages.push(message));
      terminal.onRequest = (request, connection) => {
        if (request.method === 'TerminalInfo') return new Error('JSONRPC_METHOD_NOT_FOUND');
        for (let count = 0; count < 5; count += 1)
          connection.send({ method: 'PosMessage', params: { message: `${request.method} ${count}` } });
        return { of: request.method ?? '' };
      };
      expect((await client.call('Status')).value).toEqual({ of: 'Status' });
      expect(await client.purchase(SALE)).toMatchObject({ outcome: 'approved', result: { of: 'Purchase' } });
      expect(messages).toEqual(
        ['Status', 'Purchase'].flatMap((method) => [0, 1, 2, 3, 4].map((count) => `${method} ${count}`)),
      );
    },
  );

  test('several frames in one read are all processed', async () => {
    const client = await till();
    await client.connect();
    await terminal.until(() => terminal.connections.length > 0);
    const messages: string[] = [];
    client.on('message', (message) => messages.push(message));
    const frames = Array.from({ length: 200 }, (_, index) =>
      frameOf({ jsonrpc: '2.0', method: 'PosMessage', params: { message: String(index) } }),
    );
    terminal.connection.sendRaw(frames.join(''));
    await client.ping();
    expect(messages).toEqual(frames.map((_, index) => String(index)));
  });

  test('non-ASCII characters are sent and received, escaped and as UTF-8, whole and in pieces', async () => {
    const text = 'Näytä kortti – 请刷卡 💳 "\\"';
    for (const manner of ['plain', 'bytes'] as const) {
      terminal.manner = manner;
      const client = await till();
      const messages: string[] = [];
      client.on('message', (message) => messages.push(message));
      terminal.onRequest = (request, connection) => {
        expect(request.params?.['text']).toBe(text);
        expect(request.text).toMatch(/^[ -~]+$/);
        connection.send({ method: 'PosMessage', params: { message: text } });
        const json = JSON.stringify({ jsonrpc: '2.0', method: 'PosMessage', params: { message: text } });
        const length = Buffer.byteLength(json).toString(16).padStart(8, '0').toUpperCase();
        connection.sendRaw(`${length}:${json}\n`);
        return { text };
      };
      expect((await client.call('Print', { text })).value).toEqual({ text });
      expect(messages).toEqual([text, text]);
      await client.close();
    }
  });

  test('every request of the terminal is answered: unknown, refused, failing, slow', async () => {
    const client = await till({
      onRequest: (method) => {
        if (method === 'NetworkConnect') return Promise.resolve({ ok: true });
        if (method === 'Fails') return Promise.reject(new Error('x'));
        if (method === 'Slow') return new Promise((resolve) => setImmediate(() => resolve({ slow: true })));
        return undefined;
      },
    });
    await client.connect();
    await terminal.until(() => terminal.connections.length > 0);
    const { connection } = terminal;
    for (const method of ['NetworkConnect', 'Fails', 'Slow', 'Unknown'])
      connection.send({ id: method, method, params: {} });
    await client.ping();
    await client.ping();
    expect(connection.answerTo('NetworkConnect')?.result).toEqual({ ok: true });
    expect(connection.answerTo('Fails')?.error?.data['string_code']).toBe('INTERNAL_ERROR');
    expect(connection.answerTo('Slow')?.result).toEqual({ slow: true });
    expect(connection.answerTo('Unknown')?.error).toMatchObject({ code: -32601 });
  });
});

describe('2.2 transaction reliability', () => {
  test('the identifiers are on the disk before the purchase is sent with them', async () => {
    const client = await till();
    let stored = '';
    terminal.onRequest = () => {
      stored = readFileSync(path.join(folder, 'store', entries()[0] ?? ''), 'utf8');
      return {};
    };
    const { receiptId } = await client.purchase(SALE);
    const [purchase] = terminal.requests('Purchase');
    expect(String(purchase?.params?.['receipt_id'])).toBe(receiptId);
    expect(stored).toContain(`"receipt_id":"${receiptId}"`);
    expect(stored).toContain('"state":"sent"');
  });

  test('a purchase is finished on the disk when its answer has come', async () => {
    const client = await till();
    terminal.onRequest = () => {
      expect(states()).toEqual([false]);
      return new Error('DECLINED');
    };
    expect(await client.purchase(SALE)).toMatchObject({ outcome: 'declined' });
    expect(states()).toEqual([true]);
  });

  test('a lost connection ends what was pending; Check on the next one completes the purchase', async () => {
    const client = await till();
    terminal.onRequest = (request, connection) => {
      if (request.method === 'Purchase') connection.cut();
      return request.method === 'Check' ? { found: true } : undefined;
    };
    const other = client.call('Status').catch((fault) => fault);
    const outcome = await client.purchase(SALE);
    expect(await other).toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(outcome).toMatchObject({ outcome: 'approved', result: { found: true } });
    expect(terminal.requests('Purchase')).toHaveLength(1);
    expect(terminal.requests('Check')[0]?.params).toEqual({
      receipt_id: Number(outcome.receiptId),
      sequence_id: 1,
    });
  });

  test('while the transaction is active Check is sent again until it is over', async () => {
    const client = await till();
    let checks = 0;
    terminal.onRequest = (request) => {
      if (request.method !== 'Check') return new Error('CHANNEL_CLOSED');
      checks += 1;
      return checks < 3 ? new Error('TRANSACTION_ACTIVE') : new Error('CARD_REMOVED');
    };
    expect(await client.purchase(SALE)).toMatchObject({
      outcome: 'declined',
      reason: { code: 'CARD_REMOVED' },
    });
    expect([checks, terminal.requests('Purchase').length]).toEqual([3, 1]);
  });

  test('a terminal that restarts is found again, and asked', async () => {
    const client = await till();
    terminal.onRequest = (request) => (request.method === 'Check' ? { after: 'restart' } : undefined);
    const sale = client.purchase(SALE);
    await terminal.until(() => terminal.requests('Purchase').length > 0);
    const lost = new Promise((resolve) => client.on('disconnected', resolve));
    await terminal.stop();
    await lost;
    await terminal.start();
    expect(await sale).toMatchObject({ outcome: 'approved', result: { after: 'restart' } });
    expect(terminal.requests('Purchase')).toHaveLength(1);
  });

  test('a register that is killed finds out what became of its purchase when it starts again', async () => {
    const bench = await Workbench.open();
    try {
      const store = path.join(folder, 'store');
      const first = bench.start(process.execPath, [TILL, terminal.endpoint, store]);
      await terminal.until(() => terminal.requests('Purchase').length > 0);
      await first.kill();
      expect(states()).toEqual([false]);
      terminal.onRequest = (request) => (request.method === 'Check' ? { after: 'reboot' } : undefined);
      const second = bench.start(process.execPath, [TILL, terminal.endpoint, store, '0']);
      const [line = ''] = await second.stdout.waitFor(/^\{"recovered.*$/m);
      expect(JSON.parse(line).recovered).toMatchObject({ outcome: 'approved', result: { after: 'reboot' } });
      expect(await second.exited).toEqual({ code: 0, signal: null });
      expect(states()).toEqual([true]);
      expect(terminal.requests('Purchase')).toHaveLength(1);
    } finally {
      await bench.close();
    }
  });

  test('a purchase that never reached the terminal is known not to have been made', async () => {
    const client = await till();
    terminal.onRequest = (request, connection) => {
      if (request.method === 'Purchase') connection.cut();
      return request.method === 'Check' ? new Error('TRANSACTION_NOT_FOUND') : undefined;
    };
    expect(await client.purchase(SALE)).toMatchObject({
      outcome: 'not-reached',
      reason: { code: 'TRANSACTION_NOT_FOUND' },
    });
    expect(states()).toEqual([true]);
    expect(terminal.requests('Purchase')).toHaveLength(1);
  });
});

describe('5 recovering from a connection drop', () => {
  test('consecutive failures are counted, and the count ends with success', async () => {
    const client = await till();
    await terminal.stop();
    const counts: number[] = [];
    const failed = new Promise<void>((resolve) => {
      client.on('disconnected', ({ failures }) => {
        counts.push(failures);
        if (failures === 2) resolve();
      });
    });
    const connected = client.connect();
    await failed;
    await terminal.start();
    await connected;
    await client.ping();
    expect(counts).toEqual([1, 2]);
    expect(client.failures).toBe(0);
  });
});
