import { describe, expect, test } from 'vitest';
import { RequestRefused } from '../../src/pos/pos-error.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { closed, PlayedTerminal, pass, passUntil, posBench, rest, settle, until, watch } from './kit.ts';

const named = (events: readonly [string, unknown][], name: string) =>
  // biome-ignore lint/suspicious/noExplicitAny: events of every shape
  events.filter(([each]) => each === name).map(([, event]) => event as any);

describe('call', () => {
  test('resolves with the value and its text', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Status', ({ id }, connection) =>
      connection.sendText(`{"jsonrpc":"2.0","id":"${id}","result":{"n":12345678901234567890}}`),
    );
    const { value, text } = await client.call('Status');
    expect(text).toBe('{"n":12345678901234567890}');
    expect(Object.keys(value)).toEqual(['n']);
  });

  test('rejects with what the terminal says', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Test', (request, connection) =>
      connection.fail(request, 'NO_SUCH_TEST', { display_message: 'Ei onnistu' }),
    );
    await expect(client.call('Test', { test_id: 'x' })).rejects.toMatchObject({
      name: 'PeerError',
      code: 'NO_SUCH_TEST',
      details: 'details of NO_SUCH_TEST',
      displayMessage: 'Ei onnistu',
      message: 'NO_SUCH_TEST: Ei onnistu',
    });
  });

  test.each([
    ['{"code":1,"message":"","data":{"string_code":"NO","details":"why not"}}', 'NO: why not'],
    ['{"code":1,"data":{"string_code":"NO","details":"why not"}}', 'NO: why not'],
    ['{"code":1,"message":"no","data":{"string_code":"NO","details":"why not"}}', 'NO: no'],
    ['{"code":1,"data":{"string_code":"NO"}}', 'NO'],
  ])('says of the error %s %s', async (error, message) => {
    const { client, terminal } = await posBench();
    terminal.on('Test', ({ id }, connection) =>
      connection.sendText(`{"jsonrpc":"2.0","id":"${id}","error":${error}}`),
    );
    await expect(client.call('Test')).rejects.toMatchObject({ message });
  });

  test.each([
    [{ a: 1 }, undefined, { a: 1 }],
    [{ a: 1 }, 'key', { api_key: 'key', a: 1 }],
    [{}, 'key', { api_key: 'key' }],
    [{ api_key: 'own' }, 'key', { api_key: 'own' }],
    [' { } ', 'key', { api_key: 'key' }],
    ['{"a": 1}', 'key', { api_key: 'key', a: 1 }],
  ])('with %j and the key %j sends %j', async (params, apiKey, sent) => {
    const { client, terminal } = await posBench({ apiKey });
    terminal.on('Test', (request, connection) => connection.answer(request, {}));
    await client.call('Test', params);
    expect(terminal.requests('Test')[0].params).toEqual(sent);
  });

  test.each(['[]', '1', '{', '', '{"a":1,"a":2}'])('refuses the params %j', async (params) => {
    const { client, terminal } = await posBench();
    await expect(client.call('Test', params)).rejects.toThrow(/^params: /);
    expect(terminal.attempts).toBe(0);
  });

  test.each(['Purchase', 'Refund', 'Reversal', '_Keepalive', '_Sync'])('refuses %s', async (method) => {
    const { client, terminal } = await posBench();
    await expect(client.call(method)).rejects.toThrow(TypeError);
    expect(terminal.attempts).toBe(0);
  });

  test('rejects when the connection ends, with the reason of the terminal', async () => {
    const { client, terminal } = await posBench();
    const error = { code: 1, message: 'rebooting', data: { string_code: 'REBOOT', details: '' } };
    terminal.on('Test', (_, connection) => connection.send({ method: '_CloseReason', params: { error } }));
    const calls = [watch(client.call('Test')), watch(client.call('Other'))];
    await until(() => calls.every(({ isSettled }) => isSettled));
    for (const { fault } of calls) {
      expect(fault).toMatchObject({ code: 'CONNECTION_CLOSED' });
      expect(fault.text).toBe('the connection to the terminal was lost: rebooting (REBOOT)');
    }
  });

  test('rejects with KEEPALIVE when the terminal falls silent', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Test', (_, connection) => {
      connection.answersKeepalive = false;
    });
    const call = watch(client.call('Test'));
    await passUntil(clock, () => call.isSettled);
    expect(call.fault).toMatchObject({ code: 'KEEPALIVE' });
    expect(clock.nowMs()).toBeLessThanOrEqual(10_000);
  });

  test('rejects with TIMEOUT, and the late answer harms nobody', async () => {
    const { client, terminal, clock } = await posBench();
    const call = watch(client.call('Test', {}, { timeoutMs: 2000 }));
    await passUntil(clock, () => call.isSettled);
    expect(call.fault).toMatchObject({ code: 'TIMEOUT' });
    terminal.connection.answer(terminal.requests('Test')[0], {});
    await rest();
    await client.ping();
    expect(terminal.connections).toHaveLength(1);
  });

  test('rejects with ABORTED at once', async () => {
    const { client, terminal } = await posBench();
    const controller = new AbortController();
    const call = watch(client.call('Test', {}, { signal: controller.signal }));
    await until(() => terminal.requests('Test').length > 0);
    controller.abort(new Error('enough'));
    await until(() => call.isSettled);
    expect(call.fault).toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
  });

  test('rejects with NOT_CONNECTED when nobody is there', async () => {
    const { client, terminal, clock } = await posBench({ connectTimeoutMs: 4000 });
    terminal.isThere = false;
    const call = watch(client.call('Test'));
    await passUntil(clock, () => call.isSettled);
    expect(call.fault).toMatchObject({ code: 'NOT_CONNECTED' });
    expect(call.fault.text).toContain('within 4 s: connection refused (ECONNREFUSED)');
  });

  test('refuses what does not fit a frame', async () => {
    const { client } = await posBench();
    await expect(client.call('Test', { a: 'x'.repeat(300_000) })).rejects.toThrow(RangeError);
  });

  test('writes non-ASCII so that every terminal reads it', async () => {
    const { client, terminal } = await posBench();
    terminal.on('Print', (request, connection) => connection.answer(request, { text: 'Kiitos 🙏 ä' }));
    const { value } = await client.call('Print', { text: 'Näytä kortti 💳' });
    expect(terminal.requests('Print')[0].params.text).toBe('Näytä kortti 💳');
    expect(value['text']).toBe('Kiitos 🙏 ä');
  });

  test('never uses an id twice, over all connections', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.on('Test', (request, connection) => {
      connection.answer(request, {});
      if (terminal.connections.length < 4) connection.vanish();
    });
    for (let round = 0; round < 5; round += 1) {
      const call = watch(client.call('Test'));
      await passUntil(clock, () => call.isSettled);
    }
    const ids = terminal.connections.flatMap(({ messages }) => messages.map(({ id }) => id));
    const own = ids.filter((id) => id !== undefined);
    expect(own.length).toBeGreaterThan(5);
    expect(new Set(own).size).toBe(own.length);
    expect(own.every((id) => /^pos-[\w.]+-\d+$/.test(id))).toBe(true);
  });
});

describe('the connection', () => {
  test('is made by the first use, not before', async () => {
    const { client, terminal } = await posBench();
    await rest();
    expect([client.connectionState, terminal.attempts]).toEqual(['idle', 0]);
    await client.connect();
    expect([client.connectionState, terminal.attempts]).toEqual(['connected', 1]);
    await client.connect();
    expect(terminal.attempts).toBe(1);
  });

  test('is tried again after 3, 5, 7, 9 and then every 10 s, and the failures are counted', async () => {
    const { client, terminal, clock, events } = await posBench({ connectTimeoutMs: 60_000 });
    terminal.isThere = false;
    const triedMs: number[] = [];
    const openWire = terminal.openWire;
    Object.assign(terminal, { openWire });
    client.on('disconnected', () => triedMs.push(clock.nowMs()));
    const connect = watch(client.connect());
    await passUntil(clock, () => triedMs.length === 8);
    expect(triedMs).toEqual([0, 3000, 8000, 15_000, 24_000, 34_000, 44_000, 54_000]);
    expect(named(events, 'disconnected').map(({ failures }) => failures)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(client.failures).toBe(8);
    terminal.isThere = true;
    await passUntil(clock, () => connect.isSettled);
    await client.ping();
    expect(client.failures).toBe(0);
  });

  test('is made again a second after a good one was lost', async () => {
    const { client, terminal, clock, events } = await posBench();
    await client.ping();
    terminal.connection.vanish();
    await pass(clock, 900);
    expect(terminal.attempts).toBe(1);
    await passUntil(clock, () => terminal.attempts === 2);
    expect(clock.nowMs()).toBe(1000);
    expect(named(events, 'disconnected')).toMatchObject([
      { failures: 0, retryMs: 1000, reason: { code: 'CONNECTION_CLOSED' } },
    ]);
  });

  test('is told when it is tried, and not when it ends by close', async () => {
    const { client, clock, events } = await posBench();
    const connecting: string[] = [];
    client.on('connecting', ({ to }) => connecting.push(to));
    await client.ping();
    await closed(client, clock);
    expect([connecting, named(events, 'disconnected')]).toEqual([['tcp:127.0.0.1:10001'], []]);
  });

  test('on which nothing is ever heard counts as a failure', async () => {
    const { client, terminal, clock } = await posBench();
    terminal.answersKeepalive = false;
    void client.ping().catch(() => {});
    await passUntil(clock, () => client.failures === 2);
    expect(terminal.connections.length).toBe(2);
    expect(terminal.connections[0]?.goodbye.data.string_code).toBe('KEEPALIVE');
  });

  test('is tried at once when somebody needs it', async () => {
    const { client, terminal, clock } = await posBench({ connectTimeoutMs: 5000 });
    terminal.isThere = false;
    const first = watch(client.ping());
    await passUntil(clock, () => first.isSettled);
    terminal.isThere = true;
    const nowMs = clock.nowMs();
    await client.ping();
    expect(clock.nowMs()).toBe(nowMs);
  });

  test('ends with a goodbye when the client is closed, and no other is made', async () => {
    const { client, terminal, clock } = await posBench();
    await client.ping();
    await closed(client, clock);
    expect(terminal.connection.goodbye.data.string_code).toBe('CONNECTION_CLOSED');
    expect(terminal.connection.messages.at(-1).method).toBe('_CloseReason');
    expect([terminal.connection.isClosed, client.connectionState]).toEqual([true, 'closed']);
    await pass(clock, 20_000, 1000);
    expect(terminal.attempts).toBe(1);
    expect(clock.timerCount).toBe(0);
    await expect(client.ping()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    const sale = { amountMinor: 1, currency: 'EUR' };
    await expect(client.purchase(sale)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(client.check(1)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(client.recover().next()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await client.close();
  });

  test('of a terminal that reads nothing more is closed all the same', async () => {
    const { client, terminal, clock } = await posBench();
    await client.ping();
    terminal.connection.pause();
    void client.call('Test', { a: 'x'.repeat(100_000) }).catch(() => {});
    await settle();
    await closed(client, clock);
    expect(clock.nowMs()).toBeLessThanOrEqual(3000);
    expect(clock.timerCount).toBe(0);
  });

  test('that is made after the client was closed is thrown away', async () => {
    let give: (wire: Wire) => void = () => {};
    const openWire = () => new Promise<Wire>((resolve) => (give = resolve));
    const { client, clock } = await posBench({ openWire });
    const call = watch(client.ping());
    await rest();
    const closing = watch(closed(client, clock));
    await until(() => call.isSettled);
    expect(call.fault).toMatchObject({ code: 'CONNECTION_CLOSED' });
    const [ours, theirs] = memoryWirePair();
    let isGone = false;
    theirs.start({ chunk() {}, end: () => theirs.endOutput(), closed: () => (isGone = true) });
    give(ours);
    await until(() => closing.isSettled && isGone);
  });

  test('over WebSocket carries bare messages', async () => {
    const { client, terminal } = await posBench({ terminal: new MessageTerminal() });
    expect(terminal.attempts).toBe(0);
    const call = watch(client.call('Status'));
    await until(() => call.isSettled);
    expect(call.value?.value).toEqual({ asked: true });
  });

  test('finds the stream by _Sync where that is wanted', async () => {
    const received: Buffer[] = [];
    const openWire = async () => {
      const [ours, theirs] = memoryWirePair();
      theirs.start({ chunk: (bytes) => received.push(Buffer.from(bytes)), end() {}, closed() {} });
      void until(() => Buffer.concat(received).includes('_Sync')).then(() => {
        const [, id] = /"id":"([^"]+)"/.exec(Buffer.concat(received).toString()) ?? [];
        const frame = (text: string) => `${text.length.toString(16).padStart(8, '0')}:${text}\n`;
        const stale = frame('{"jsonrpc":"2.0","id":"old","result":{}}').slice(5);
        const answer = frame(`{"jsonrpc":"2.0","id":"${id}","result":{}}`);
        const message = frame('{"jsonrpc":"2.0","method":"PosMessage","params":{"message":"Hei"}}');
        theirs.write(Buffer.from(`rubbish\n${stale}0003fff6:{"half${answer}${message}`), () => {});
      });
      return ours;
    };
    const { client, clock, events } = await posBench({ openWire, sync: true });
    const connect = watch(client.connect());
    await rest();
    expect(Buffer.concat(received).toString()).toBe('\n'.repeat(64));
    await passUntil(clock, () => connect.isSettled);
    await rest();
    expect(connect.fault).toBeUndefined();
    expect(named(events, 'message')).toEqual(['Hei']);
    expect(clock.nowMs()).toBe(100);
  });

  test('that cannot be synchronised is given up and tried again', async () => {
    const openWire = async () => {
      const [ours, theirs] = memoryWirePair();
      theirs.start({ chunk() {}, end: () => theirs.endOutput(), closed() {} });
      return ours;
    };
    const { client, clock, events } = await posBench({ openWire, sync: true, connectTimeoutMs: 60_000 });
    void client.connect().catch(() => {});
    await passUntil(clock, () => client.failures === 2);
    expect(named(events, 'disconnected')[0]).toMatchObject({ reason: { code: 'SYNC_FAILED' }, failures: 1 });
    expect(named(events, 'connected')).toEqual([]);
  });
});

class MessageTerminal extends PlayedTerminal {
  override readonly openWire = async (): Promise<Wire> => {
    const [ours, theirs] = memoryWirePair({ framing: 'messages' });
    theirs.start({
      chunk: (bytes) => {
        const { id, method } = JSON.parse(bytes.toString());
        const result = method === 'Status' ? { asked: true } : {};
        const answer = JSON.stringify({ jsonrpc: '2.0', id, result });
        const write = () => {
          try {
            theirs.write(Buffer.from(answer), () => {});
          } catch {
            setImmediate(write); // one write at a time
          }
        };
        write();
      },
      end: () => theirs.endOutput(),
      closed() {},
    });
    return ours;
  };
}

describe('ping', () => {
  test('resolves with the time to the terminal and back', async () => {
    const { client, terminal, clock } = await posBench({ keepalive: 'off' });
    await client.connect();
    terminal.connection.answersKeepalive = false;
    const ping = watch(client.ping());
    await until(() => terminal.requests('_Keepalive').length > 0);
    await rest();
    clock.advance(120);
    terminal.connection.answer(terminal.requests('_Keepalive')[0], {});
    await until(() => ping.isSettled);
    expect(ping.value).toBe(120);
  });

  test('takes an error for an answer', async () => {
    const { client, terminal } = await posBench({ keepalive: 'off' });
    await client.connect();
    terminal.connection.answersKeepalive = false;
    terminal.on('_Keepalive', (request, connection) => connection.fail(request, 'JSONRPC_METHOD_NOT_FOUND'));
    expect(await client.ping()).toBe(0);
  });
});

describe('a request of the terminal', () => {
  test('is answered at once though nobody knows it, also while a purchase runs', async () => {
    const { client, terminal } = await posBench();
    const sale = watch(client.purchase({ amountMinor: 1, currency: 'EUR' }));
    await until(() => terminal.requests('Purchase').length > 0);
    const { connection } = terminal;
    connection.send({ id: 'a', method: 'NetworkConnect', params: { connection_id: 1 } });
    connection.send({ id: 'b', method: '_Unheard', params: {} });
    connection.send({ id: 'c', method: '_Keepalive', params: {} });
    await rest();
    expect(connection.answerTo('a').error.data.string_code).toBe('JSONRPC_METHOD_NOT_FOUND');
    expect(connection.answerTo('b').error.code).toBe(-32601);
    expect(connection.answerTo('c').result).toEqual({});
    connection.answer(terminal.requests('Purchase')[0], {});
    await until(() => sale.isSettled);
  });

  test('gets what the handler says, as result or refusal', async () => {
    const { client, terminal, lines } = await posBench({
      onRequest: (method, params) => {
        if (method === 'Echo') return Promise.resolve({ params });
        if (method === 'Refuse') return Promise.reject(new RequestRefused('NO_ROUTE', 'not from here'));
        if (method === 'Fail') return Promise.reject(new Error('secret detail'));
        if (method === 'Throw') throw new Error('secret detail');
        if (method === 'Nothing') return Promise.resolve(undefined as never);
        if (method === 'Huge') return Promise.resolve({ a: 'x'.repeat(300_000) });
        return undefined;
      },
    });
    await client.connect();
    const { connection } = terminal;
    for (const method of ['Echo', 'Refuse', 'Fail', 'Throw', 'Nothing', 'Huge', 'Other'])
      connection.send({ id: method, method, params: { of: method } });
    await rest();
    const codeOf = (id: string) => connection.answerTo(id).error.data.string_code;
    expect(connection.answerTo('Echo').result).toEqual({ params: { of: 'Echo' } });
    expect(['Refuse', 'Fail', 'Throw', 'Nothing', 'Huge', 'Other'].map(codeOf)).toEqual([
      'NO_ROUTE',
      'INTERNAL_ERROR',
      'INTERNAL_ERROR',
      'INTERNAL_ERROR',
      'RESPONSE_TOO_LARGE',
      'JSONRPC_METHOD_NOT_FOUND',
    ]);
    expect(connection.messages.map((message) => JSON.stringify(message)).join()).not.toContain('secret');
    expect(lines.join('\n')).toContain('a request of the terminal failed');
  });

  test('is refused when too many are open, not forgotten', async () => {
    const open: (() => void)[] = [];
    const { client, terminal } = await posBench({
      onRequest: () => new Promise((resolve) => open.push(() => resolve({}))),
    });
    await client.connect();
    const { connection } = terminal;
    for (let id = 0; id < 300; id += 1) connection.send({ id: `r${id}`, method: 'Slow', params: {} });
    await until(() => connection.answerTo('r299') !== undefined);
    expect(connection.answerTo('r299').error.data.string_code).toBe('BUSY');
    for (const answer of open) answer();
    const results = () => connection.messages.filter(({ result }) => result !== undefined);
    await until(() => results().length >= 256);
  });

  test('that its handler does not answer is answered after 60 s, once', async () => {
    let answer: () => void = () => {};
    const { client, terminal, clock } = await posBench({
      onRequest: () => new Promise((resolve) => (answer = () => resolve({ late: true }))),
    });
    await client.connect();
    const { connection } = terminal;
    connection.send({ id: 'a', method: 'Slow', params: {} });
    await rest();
    await passUntil(clock, () => connection.answerTo('a') !== undefined, 1000);
    expect(connection.answerTo('a').error.data.string_code).toBe('TIMEOUT');
    answer();
    await rest();
    expect(connection.messages.filter(({ id }: { id?: string }) => id === 'a')).toHaveLength(1);
  });

  test('that is answered after its connection has gone is dropped', async () => {
    let answer: () => void = () => {};
    const { client, terminal, clock } = await posBench({
      onRequest: () => new Promise((resolve) => (answer = () => resolve({ late: true }))),
    });
    await client.connect();
    terminal.connection.send({ id: 'a', method: 'Slow', params: {} });
    await rest();
    terminal.connection.vanish();
    await passUntil(clock, () => terminal.connections.length === 2 && client.connectionState === 'connected');
    answer();
    await rest();
    expect(terminal.connection.answerTo('a')).toBeUndefined();
  });

  test('nested too deep is refused', async () => {
    const { client, terminal } = await posBench({ onRequest: async () => ({}) });
    await client.connect();
    const deep = `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`;
    terminal.connection.sendText(`{"jsonrpc":"2.0","id":"a","method":"Deep","params":${deep}}`);
    await rest();
    expect(terminal.connection.answerTo('a').error.data.string_code).toBe('JSONRPC_INVALID_PARAMS');
  });
});

describe('events', () => {
  test('tell statuses, messages for the cashier and other notifications', async () => {
    const { client, terminal, events } = await posBench();
    await client.connect();
    const { connection } = terminal;
    connection.send({
      method: 'StatusEvent',
      params: { transaction_status: 'WAIT_CARD_IN', ready_for_transaction: false, chip_card_in: 'no' },
    });
    connection.send({
      method: 'StatusEvent',
      params: { transaction_status: null, ready_for_transaction: true },
    });
    connection.send({ method: 'PosMessage', params: { message: 'Poista kortti' } });
    connection.send({ method: 'PosMessage', params: { message: 7 } });
    connection.send({ method: 'Data', params: { id: 1, data: '' } });
    connection.send({ method: '_Info', params: {} });
    await rest();
    expect(named(events, 'status')).toMatchObject([
      { transactionStatus: 'WAIT_CARD_IN', readyForTransaction: false, chipCardIn: undefined },
      { transactionStatus: undefined, readyForTransaction: true },
    ]);
    expect(named(events, 'message')).toEqual(['Poista kortti']);
    expect(named(events, 'notification')).toEqual([{ method: 'Data', params: { id: 1, data: '' } }]);
  });

  test('go on when a listener throws, and the sale with them', async () => {
    const { client, terminal, lines } = await posBench();
    terminal.on('Purchase', (request, connection) => connection.answer(request, {}));
    for (const name of ['connected', 'progress'] as const) {
      client.on(name, () => {
        throw new Error('a broken screen');
      });
    }
    expect(await client.purchase({ amountMinor: 1, currency: 'EUR' })).toMatchObject({ outcome: 'approved' });
    expect(lines.join('\n')).toContain('a broken screen');
  });

  test('end when they are not wanted any more', async () => {
    const { client } = await posBench();
    let count = 0;
    const stop = client.on('connected', () => {
      count += 1;
    });
    stop();
    await client.connect();
    expect(count).toBe(0);
  });
});

describe('what the terminal is', () => {
  test('comes from TerminalInfo', async () => {
    const { client, terminal } = await posBench();
    terminal.on('TerminalInfo', (request, connection) =>
      connection.answer(request, { version: '18.9.0', link_speed: 10_240, sales_location_name: 'Kioski' }),
    );
    expect(await client.info()).toMatchObject({
      version: '18.9.0',
      linkSpeed: 10_240,
      salesLocationName: 'Kioski',
    });
  });

  test('comes from VersionInfo of an old one', async () => {
    const { client, terminal } = await posBench();
    terminal.on('TerminalInfo', (request, connection) =>
      connection.fail(request, 'JSONRPC_METHOD_NOT_FOUND'),
    );
    terminal.on('VersionInfo', (request, connection) => connection.answer(request, { version: '17.1.0' }));
    expect((await client.info()).version).toBe('17.1.0');
  });
});

test('abort asks the terminal; the sale tells what came of it', async () => {
  const { client, terminal } = await posBench();
  const sale = watch(client.purchase({ amountMinor: 1, currency: 'EUR' }));
  terminal.on('Abort', (request, connection) => {
    connection.fail(terminal.requests('Purchase')[0], 'ABORTED');
    connection.answer(request, {});
  });
  await until(() => terminal.requests('Purchase').length > 0);
  await client.abort();
  await until(() => sale.isSettled);
  expect(sale.value?.outcome).toBe('cancelled');
});

describe('watch', () => {
  const watching = async (version: string) => {
    const bench = await posBench();
    bench.terminal
      .on('TerminalInfo', (request, connection) => connection.answer(request, { version }))
      .on('Status', (request, connection) => connection.answer(request, { ready_for_transaction: true }));
    const controller = new AbortController();
    const over = watch(bench.client.watch({ signal: controller.signal }));
    return { ...bench, controller, over };
  };

  test.each([
    ['18.1.9', 7],
    ['17.12.0', 7],
    ['18.2.0', 1],
    ['19.0.0', 1],
    ['0.0.0', 1],
    ['unheard of', 1],
  ])('asks a terminal of version %s %d times in 30 s', async (version, times) => {
    const { terminal, clock, controller, over, events } = await watching(version);
    await pass(clock, 30_000, 500);
    expect(terminal.requests('Status')).toHaveLength(times);
    expect(named(events, 'status')).toHaveLength(times);
    controller.abort();
    await until(() => over.isSettled);
  });

  test('goes on with a terminal that does not answer', async () => {
    const { terminal, clock } = await watching('17.0.0');
    terminal.on('Status', () => {});
    await pass(clock, 40_000, 500);
    expect(terminal.requests('Status').length).toBe(3);
  });

  test('begins anew on the next connection, and ends when the client is closed', async () => {
    const { client, terminal, clock, over } = await watching('18.9.0');
    await pass(clock, 1000);
    terminal.connection.vanish();
    await passUntil(clock, () => terminal.requests('Status').length === 2);
    await closed(client, clock);
    expect(over).toEqual({ isSettled: true, value: undefined });
  });
});

describe('notify', () => {
  test('tells the terminal something on the connection that there is', async () => {
    const { client, terminal } = await posBench();
    expect(client.notify('Data', { id: 1 })).toBe(false);
    await client.connect();
    expect(client.notify('Data', { id: 1, data: 'AA==' })).toBe(true);
    await rest();
    expect(terminal.requests('Data')[0]).toMatchObject({ params: { id: 1, data: 'AA==' } });
    expect(client.notify('Data', { data: 'x'.repeat(300_000) })).toBe(false);
    expect(() => client.notify('_Error', {})).toThrow(TypeError);
  });
});

describe('options', () => {
  test.each([
    [{ to: 'nonsense:' }, /ENDPOINT_INVALID/],
    [{ to: 'null:' }, /ENDPOINT_INVALID/],
    [{ to: 'fifo:/tmp/x' }, /ENDPOINT_INVALID/],
    [{ connectTimeoutMs: -1 }, /connectTimeoutMs: -1/],
    [{ outcomeWaitMs: Number.NaN }, /outcomeWaitMs/],
  ])('%j are refused', async (options, why) => {
    await expect(posBench(options)).rejects.toThrow(why);
  });
});
