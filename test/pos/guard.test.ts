import { readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PosClientOptions } from '../../src/pos/pos-options.ts';
import { resolvePosOptions } from '../../src/pos/pos-options.ts';
import { Journal } from '../../src/store/journal.ts';
import {
  type Any,
  after,
  approval,
  closed,
  pass,
  passUntil,
  posBench,
  rest,
  temporaryFolder,
  until,
  watch,
} from './kit.ts';

const SALE = { amountMinor: 1230, currency: 'EUR' };

describe('numbers among the options', () => {
  test.each([
    { connectTimeoutMs: 2 ** 31 },
    { connectTimeoutMs: Number.NaN },
    { outcomeWaitMs: 30 * 86_400_000 },
    { discardMs: -1 },
    { keepMs: Number.POSITIVE_INFINITY },
    { keepalive: { idleMs: 0, busyMs: 1, limitMs: 1 } },
    { keepalive: { idleMs: 1, busyMs: 2 ** 31, limitMs: 1 } },
    { linkSpeed: 0 },
    { linkSpeed: Number.NaN },
    { maxFrameBytes: 40 },
    { maxFrameBytes: 20_000.5 },
    { maxFrameBytes: 2 ** 31 },
  ])('are refused when nothing could come of them: %j', async (options: Partial<PosClientOptions>) => {
    const [name = ''] = Object.keys(options);
    const resolving = resolvePosOptions({ to: 'tcp:127.0.0.1:1', ...options });
    await expect(resolving).rejects.toThrow(RangeError);
    await expect(resolving).rejects.toThrow(name);
  });

  test('are also refused for one call', async () => {
    const { client } = await posBench();
    await client.connect();
    await expect(client.call('Status', {}, { timeoutMs: 2 ** 31 })).rejects.toThrow(RangeError);
  });
});

test.each(['Purchase', 'Refund', 'Reversal', '_Keepalive'])(
  'a notification %s is refused',
  async (method) => {
    const { client, terminal } = await posBench();
    await client.connect();
    expect(() => client.notify(method, {})).toThrow(TypeError);
    await rest();
    expect(terminal.requests(method).filter(({ id }) => id === undefined)).toEqual([]);
  },
);

test('an opener that throws is an attempt that failed', async () => {
  const { client, clock, events } = await posBench({
    openWire: () => {
      throw new Error('no such thing');
    },
  });
  const sale = watch(client.purchase(SALE));
  await passUntil(clock, () => sale.isSettled, 500);
  expect(sale.fault).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(sale.fault.text).toContain('no such thing');
  expect(events.filter(([name]) => name === 'disconnected').length).toBeGreaterThan(1);
});

test('the key is shown nowhere, not even when the terminal repeats it', async () => {
  const apiKey = 'hunter2-key-xyz';
  const { client, terminal, clock, lines, store } = await posBench({ apiKey, outcomeWaitMs: 3000 });
  const error = { code: 1, message: `bye ${apiKey}`, data: { string_code: 'X', details: `for ${apiKey}` } };
  terminal.on('Purchase', (request, connection) => {
    connection.send({ method: '_Error', params: { error } });
    connection.fail(request, 'DECLINED', { details: `not with ${apiKey}` });
  });
  await client.purchase(SALE);
  terminal.on('Purchase', (_, connection) => {
    connection.send({ method: '_CloseReason', params: { error } });
    connection.endOutput();
  });
  const sale = watch(client.purchase(SALE));
  const call = watch(client.call('Foo'));
  await passUntil(clock, () => sale.isSettled && call.isSettled, 500);
  const texts = [sale.fault.message, call.fault.message, ...lines];
  for (const file of readdirSync(store)) texts.push(readFileSync(path.join(store, file), 'utf8'));
  expect(call.fault.message).toContain('***');
  expect(texts.filter((text) => text.includes(apiKey))).toEqual([]);
});

test('a client that closes while a sale is unanswered resets the connection after its goodbye', async () => {
  const { client, terminal, clock } = await posBench();
  watch(client.purchase(SALE));
  await until(() => terminal.requests('Purchase').length > 0);
  const { connection } = terminal;
  await closed(client, clock);
  expect(connection.goodbye.data.string_code).toBe('CONNECTION_CLOSED');
  expect([connection.hasEnded, connection.isClosed]).toEqual([false, true]);
});

test('a client that closes after its sales ends its output in peace', async () => {
  const { client, terminal, clock } = await posBench();
  terminal.on('Purchase', (request, connection) => connection.answer(request, approval(request)));
  await client.purchase(SALE);
  const { connection } = terminal;
  await closed(client, clock);
  expect(connection.hasEnded).toBe(true);
});

test('a bridge on the same folder, with the same identifiers, is not met', async () => {
  const { client, terminal, store, clock } = await posBench();
  watch(client.purchase({ ...SALE, receiptId: 17 }));
  await until(() => terminal.requests('Purchase').length > 0);
  const silent: Any = { error() {}, warn() {} };
  const journal = await Journal.open(store, { clock, log: silent, keepMs: 1e12 });
  for (const register of ['', 'pos']) {
    for (const key of ['["17","1"]', JSON.stringify({ receipt_id: '17', sequence_id: '1' })]) {
      expect(await journal.lookup(Journal.idOf(register, key))).toEqual({ state: 'none' });
    }
  }
  await journal.close();
});

describe('a disk that hangs', () => {
  /** From now on nothing is synced until the answer is called. */
  async function hang(): Promise<() => void> {
    const handle = await open(path.join(temporaryFolder(), 'file'), 'w+');
    const prototype: Any = Object.getPrototypeOf(handle);
    await handle.close();
    const { datasync } = prototype;
    const free: (() => void)[] = [];
    prototype.datasync = () => new Promise<void>((resolve) => free.push(resolve));
    const release = () => {
      prototype.datasync = datasync;
      for (const resolve of free) resolve();
    };
    after(release);
    return release;
  }

  test('keeps neither an outcome from the cashier nor the client from closing', async () => {
    const { client, terminal, clock, lines } = await posBench();
    let ask: Any;
    terminal.on('Purchase', (request) => {
      ask = request;
    });
    const sale = watch(client.purchase(SALE));
    await until(() => ask !== undefined);
    await hang();
    terminal.connection.answer(ask, approval(ask));
    await pass(clock, 6000, 500);
    expect(sale.value).toMatchObject({ outcome: 'approved', isRecorded: false });
    expect(lines.join('\n')).toContain('in time');
    await closed(client, clock);
  });

  test('at the beginning of a sale does not keep the client from closing', async () => {
    const { client, clock } = await posBench();
    const free = await hang();
    const sale = watch(client.purchase(SALE));
    await rest();
    const closing = watch(client.close());
    await pass(clock, 60_000, 1000);
    expect(closing.isSettled).toBe(true);
    free();
    await passUntil(clock, () => sale.isSettled);
    expect(sale.fault).toBeDefined();
  });
});
