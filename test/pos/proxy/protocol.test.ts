import { describe, expect, test } from 'vitest';
import type { NetworkOptions } from '../../../src/pos/proxy/network-offer.ts';
import { type Any, PlayedTerminal, passUntil, posBench, rest, settle, until } from '../kit.ts';
import { loopback, tcpServer } from './kit.ts';

/** A register on a terminal that is played by hand, its network offered. Connections are real, time is not. */
async function setUp(
  options: NetworkOptions = {},
  info: object = { version: '18.9.0', link_speed: 100_000 },
) {
  const terminal = new PlayedTerminal()
    .on('TerminalInfo', (request, from) => from.answer(request, info))
    .on('NetworkStart', (request, from) => from.answer(request, {}))
    .on('NetworkStop', (request, from) => from.answer(request, {}))
    .on('NetworkDisconnected', (request, from) => from.answer(request, {}));
  const bench = await posBench({ terminal });
  const events: Any[] = [];
  const offer = await bench.client.offerNetwork({
    allow: loopback,
    linkSpeed: Number.POSITIVE_INFINITY,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const connected = bench.client.connect();
  let asked = 0;
  /** A request with its params as they are written; resolves with the answer. */
  const ask = async (method: string, params: string): Promise<Any> => {
    asked += 1;
    const id = `t${asked}`;
    const { connection } = terminal;
    connection.sendText(`{"jsonrpc":"2.0","id":"${id}","method":"${method}","params":${params}}`);
    await until(() => connection.answerTo(id) !== undefined);
    return connection.answerTo(id);
  };
  const say = (method: string, params: string) =>
    terminal.connection.sendText(`{"jsonrpc":"2.0","method":"${method}","params":${params}}`);
  const dial = (port: number | string, id = '1', host = '127.0.0.1') =>
    ask('NetworkConnect', `{"connection_id":${id},"host":"${host}","port":${port}}`);
  const disconnect = (id = '1') => ask('NetworkDisconnect', `{"connection_id":${id}}`);
  const texts = (method: string) =>
    terminal.connection.texts.filter((text) => text.includes(`"method":"${method}"`));
  const gone = (id = '1') =>
    until(() => texts('NetworkDisconnected').some((text) => text.includes(`"connection_id":${id},`)));
  await connected;
  return { ...bench, terminal, offer, events, ask, say, dial, disconnect, texts, gone };
}

async function started(options?: NetworkOptions, info?: object) {
  const bench = await setUp(options, info);
  await until(() => bench.offer.isStarted);
  return bench;
}

const codeOf = (answer: Any) => answer.error?.data.string_code;
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('an offer', () => {
  /** A terminal that has not answered NetworkStart yet. */
  async function offered(signal?: AbortSignal) {
    const terminal = new PlayedTerminal();
    const bench = await posBench({ terminal });
    const offering = bench.client.offerNetwork({ linkSpeed: 10_240, signal });
    let outcome: unknown;
    offering.then(
      (offer) => (outcome = offer),
      (fault) => (outcome = fault),
    );
    await until(() => terminal.requests('NetworkStart').length === 1);
    await rest();
    expect(outcome).toBeUndefined();
    return { ...bench, terminal, offering, start: terminal.requests('NetworkStart')[0] as Any };
  }

  test('is made when the terminal has accepted it', async () => {
    const { terminal, offering, start } = await offered();
    terminal.connection.answer(start, {});
    expect((await offering).isStarted).toBe(true);
  });

  test('that the terminal does not want is an error, and another one can be made', async () => {
    const { client, terminal, offering, start } = await offered();
    terminal.connection.fail(start, 'JSONRPC_METHOD_NOT_FOUND');
    await expect(offering).rejects.toMatchObject({ name: 'PeerError', code: 'JSONRPC_METHOD_NOT_FOUND' });
    terminal.on('NetworkStart', (request, from) => from.answer(request, {}));
    expect((await client.offerNetwork({ linkSpeed: 10_240 })).isStarted).toBe(true);
  });

  test('is waited for until the register wants no more', async () => {
    const stopping = new AbortController();
    const { client, terminal, offering } = await offered(stopping.signal);
    stopping.abort();
    await expect(offering).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(client.offerNetwork({ signal: stopping.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(terminal.requests('NetworkStart')).toHaveLength(1);
  });

  test('is waited for until the client is closed', async () => {
    const { client, offering } = await offered();
    const closing = client.close();
    await expect(offering).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await closing;
  });
});

describe('before NetworkStart is answered', () => {
  test('every connection is refused, and right behind the answer none is', async () => {
    const { port } = await tcpServer(() => {});
    const { terminal, dial, offer, client } = await started();
    const starts: Any[] = [];
    terminal.on('NetworkStart', (request) => starts.push(request));
    terminal.connection.vanish();
    await until(() => !offer.isStarted);
    await client.connect();
    await until(() => starts.length === 1);
    expect(codeOf(await dial(port))).toBe('NETWORK_NOT_STARTED');
    terminal.connection.answer(starts[0], {});
    expect((await dial(port)).result).toEqual({});
  });

  test('a terminal that does not want the network is asked again when it has connected again', async () => {
    const { terminal, events, dial, client, offer } = await started();
    terminal.on('NetworkStart', (request, from) => from.fail(request, 'JSONRPC_METHOD_NOT_FOUND'));
    terminal.connection.vanish();
    await until(() => !offer.isStarted);
    await client.connect();
    await until(() => events.length === 2);
    expect(events[1]).toMatchObject({ kind: 'refused', error: { code: 'JSONRPC_METHOD_NOT_FOUND' } });
    expect(codeOf(await dial(1))).toBe('NETWORK_NOT_STARTED');
    terminal.on('NetworkStart', (request, from) => from.answer(request, {}));
    terminal.connection.vanish();
    await rest();
    await client.connect();
    await until(() => offer.isStarted);
  });
});

test('a terminal that is not ready is asked again in a moment', async () => {
  const { terminal, events, client, offer, clock } = await started();
  terminal.on('NetworkStart', (request, from) => from.fail(request, 'CHANNEL_UNAVAILABLE'));
  terminal.connection.vanish();
  await until(() => !offer.isStarted);
  await client.connect();
  await until(() => events.length === 2);
  expect(events[1]).toMatchObject({ kind: 'waiting', error: { code: 'CHANNEL_UNAVAILABLE' } });
  terminal.on('NetworkStart', (request, from) => from.answer(request, {}));
  await passUntil(clock, () => offer.isStarted, 1000);
});

describe('the speed of the link', () => {
  test.each([
    [{ link_speed: 123_456 }, 123_456],
    [{ link_speed: 5 }, 10_240],
    [{}, 10_240],
  ])('is what the terminal says (%j), at least 10 240', async (info, linkSpeed) => {
    const { events } = await started({ linkSpeed: undefined }, info);
    expect(events).toEqual([{ kind: 'started', linkSpeed }]);
  });

  test('is never more than that of the line', async () => {
    const terminal = new PlayedTerminal()
      .on('TerminalInfo', (request, from) => from.answer(request, { link_speed: 123_456 }))
      .on('NetworkStart', (request, from) => from.answer(request, {}));
    for (const [baudRate, linkSpeed] of [
      ['115200', 11_520],
      ['9600', 960],
    ] as const) {
      const { client } = await posBench({ terminal, to: `serial:/dev/x?baudRate=${baudRate}`, sync: false });
      const events: Any[] = [];
      await client.offerNetwork({ onEvent: (event) => events.push(event) });
      expect(events).toEqual([{ kind: 'started', linkSpeed }]);
    }
  });

  test('is not asked for when the register knows', async () => {
    const { events, terminal } = await started({ linkSpeed: 960 });
    expect(events).toEqual([{ kind: 'started', linkSpeed: 960 }]);
    expect(terminal.requests('TerminalInfo')).toEqual([]);
  });

  test('is taken to be 10 240 after ten seconds without an answer', async () => {
    const terminal = new PlayedTerminal().on('NetworkStart', (request, from) => from.answer(request, {}));
    const { client, clock } = await posBench({ terminal });
    const events: Any[] = [];
    const offering = client.offerNetwork({ onEvent: (event) => events.push(event) });
    await passUntil(clock, () => events.length > 0, 1000);
    await offering;
    expect(events).toEqual([{ kind: 'started', linkSpeed: 10_240 }]);
  });

  test('holds the data back, in order', async () => {
    const content = Buffer.alloc(30_000, 'abcdefg');
    const { port } = await tcpServer((socket) => socket.end(content));
    const { clock, dial, texts, gone } = await started({ linkSpeed: undefined }, {});
    await dial(port);
    const startedMs = clock.nowMs();
    const over = gone();
    await passUntil(clock, () => texts('NetworkDisconnected').length > 0, 50);
    await over;
    const seconds = (clock.nowMs() - startedMs) / 1000;
    const data = texts('Data').map((text) => JSON.parse(text).params.data);
    expect(Buffer.concat(data.map((each) => Buffer.from(each, 'base64'))).equals(content)).toBe(true);
    const onWire = texts('Data').reduce((sum, text) => sum + text.length + 10, 0);
    expect(onWire / seconds).toBeLessThan(10_240);
    expect(30_000 / seconds).toBeGreaterThan(0.6 * 10_240);
  });
});

test('data makes way for a transaction, but never stops', async () => {
  const { port } = await tcpServer((socket) => void socket.write(Buffer.alloc(200_000)));
  const { clock, dial, say, texts } = await started({ linkSpeed: 10_240 });
  await dial(port);
  const sentIn = async (ms: number) => {
    const before = texts('Data').length;
    for (const endMs = clock.nowMs() + ms; clock.nowMs() < endMs; ) {
      clock.advance(50);
      await rest();
    }
    return texts('Data').length - before;
  };
  expect(await sentIn(3000)).toBeGreaterThan(20);
  say('StatusEvent', '{"transaction_status":"PROCESSING"}');
  await rest();
  const busy = await sentIn(3000);
  expect([busy >= 5, busy <= 7]).toEqual([true, true]);
  say('StatusEvent', '{"transaction_status":null}');
  await rest();
  expect(await sentIn(3000)).toBeGreaterThan(20);
});

describe('the id of a connection', () => {
  test('is kept exactly, 64 bits of it, in the form in which it came', async () => {
    const { port } = await tcpServer((socket) => socket.on('data', (bytes) => socket.end(bytes)));
    const { dial, say, texts, gone } = await started();
    const ids = ['9223372036854775807', '-9223372036854775808', '"9007199254740993"'];
    for (const id of ids) {
      expect((await dial(`"${port}"`, id)).result).toEqual({});
      // A number and a string that holds it are the same.
      const other = id.startsWith('"') ? id.slice(1, -1) : `"${id}"`;
      say('Data', `{"id":${other},"data":"${base64(id)}"}`);
      await gone(id);
    }
    expect(texts('Data').map((text) => /"params":(.*)\}$/.exec(text)?.[1])).toEqual(
      ids.map((id) => `{"id":${id},"data":"${base64(id)}"}`),
    );
  });

  test('is in use until the terminal has been told that the connection is closed', async () => {
    const { port } = await tcpServer(() => {});
    const { dial, disconnect, terminal } = await started();
    await dial(port, '5');
    expect(codeOf(await dial(port, '5'))).toBe('NETWORK_ID_IN_USE');
    expect(codeOf(await dial(port, '"5"'))).toBe('NETWORK_ID_IN_USE');
    expect((await disconnect('5')).result).toEqual({});
    await until(() => terminal.requests('NetworkDisconnected').length === 1);
    expect(terminal.requests('NetworkDisconnected')[0].params).toEqual({
      connection_id: 5,
      reason: 'the terminal has closed',
    });
    expect((await dial(port, '5')).result).toEqual({});
  });

  test.each(['1.5', '"x"', 'null', '{}', '9223372036854775808'])('is refused when it is %s', async (id) => {
    const { dial, ask } = await started();
    expect(codeOf(await dial(1, id))).toBe('JSONRPC_INVALID_PARAMS');
    expect(codeOf(await ask('NetworkDisconnect', `{"connection_id":${id}}`))).toBe('JSONRPC_INVALID_PARAMS');
  });
});

test('a host or port that is none is refused', async () => {
  const { ask } = await started();
  for (const params of [
    '{"connection_id":1,"port":80}',
    '{"connection_id":1,"host":"","port":80}',
    '{"connection_id":1,"host":"a b","port":80}',
    '{"connection_id":1,"host":"a\\u0000b","port":80}',
    '{"connection_id":1,"host":7,"port":80}',
    '{"connection_id":1,"host":"127.0.0.1"}',
    '{"connection_id":1,"host":"127.0.0.1","port":0}',
    '{"connection_id":1,"host":"127.0.0.1","port":65536}',
    '{"connection_id":1,"host":"127.0.0.1","port":"http"}',
    '{}',
  ]) {
    expect([params, codeOf(await ask('NetworkConnect', params))]).toEqual([params, 'JSONRPC_INVALID_PARAMS']);
  }
});

describe('what is for no connection', () => {
  test('is ignored as data, and as good as closed for NetworkDisconnect', async () => {
    const { port } = await tcpServer((socket) => socket.pipe(socket));
    const { say, dial, disconnect, texts, lines } = await started();
    say('Data', `{"id":77,"data":"${base64('x')}"}`);
    say('Data', `{"data":"${base64('x')}"}`);
    say('Data', '{}');
    expect((await disconnect('77')).result).toEqual({});
    await dial(port);
    say('Data', `{"id":1,"data":"${base64('x')}"}`);
    await until(() => texts('Data').length === 1);
    expect(lines.filter((line) => line.includes('data for no connection'))).toHaveLength(3);
    expect(texts('NetworkDisconnected')).toEqual([]);
  });
});

test('data that is no base64 closes its connection, and no other', async () => {
  const { port } = await tcpServer((socket) => socket.pipe(socket));
  const { say, dial, gone, texts, terminal } = await started();
  await dial(port, '1');
  await dial(port, '2');
  for (const broken of ['"AAAAA"', '"!"', '"AA==="', '7']) {
    say('Data', `{"id":1,"data":${broken}}`);
    await gone('1');
    terminal.connection.texts.length = 0;
    await dial(port, '1');
  }
  say('Data', `{"id":2,"data":"${base64('still')}"}`);
  await until(() => texts('Data').length === 1);
});

test('each connection ends once, after its data, whoever closes', async () => {
  const { port } = await tcpServer((socket) => socket.write('all of it'));
  const { dial, disconnect, texts, terminal } = await started();
  await dial(port);
  const [one, other] = await Promise.all([disconnect(), disconnect()]);
  expect([one.result, other.result]).toEqual([{}, {}]);
  await settle();
  expect(texts('NetworkDisconnected')).toHaveLength(1);
  const order = terminal.connection.messages.map(({ method }: Any) => method);
  expect(order.lastIndexOf('Data')).toBeLessThan(order.indexOf('NetworkDisconnected'));
});

test('a connection that is closed while it is being made is refused, and nothing is left of it', async () => {
  let found: (addresses: string[]) => void = () => {};
  const { port } = await tcpServer(() => {});
  const { dial, disconnect, texts, offer } = await started({
    resolve: () =>
      new Promise((resolve) => {
        found = resolve;
      }),
  });
  const dialling = dial(port, '1', 'localhost');
  await rest();
  expect((await disconnect()).result).toEqual({});
  expect(codeOf(await dialling)).toBe('NETWORK_CLOSED');
  found(['127.0.0.1']);
  await settle();
  expect(texts('NetworkDisconnected')).toEqual([]);
  expect(offer.totals).toMatchObject({ connections: 0, open: 0 });
});

test('a remote end that takes nothing is given up before it fills the memory', async () => {
  const { port } = await tcpServer((socket) => socket.on('readable', () => {}));
  const { dial, say, gone, texts } = await started();
  await dial(port);
  const chunk = Buffer.alloc(150_000).toString('base64');
  const over = gone();
  for (let count = 0; count < 200 && texts('NetworkDisconnected').length === 0; count += 1) {
    say('Data', `{"id":1,"data":"${chunk}"}`);
    await settle(2);
  }
  await over;
  expect(texts('NetworkDisconnected')[0]).toContain('does not take what the terminal sends');
});

test('other requests of the terminal still go where they went', async () => {
  const { ask } = await started();
  expect(codeOf(await ask('NetworkMagic', '{}'))).toBe('JSONRPC_METHOD_NOT_FOUND');
});

test('closing the offer tells the terminal, and closing the client without it does not hang', async () => {
  const { offer, terminal, client } = await started();
  await offer.close();
  expect(terminal.requests('NetworkStop')).toHaveLength(1);
  expect(client.connectionState).toBe('connected');
});

test('no secret is in the log', async () => {
  const { port } = await tcpServer((socket) => socket.write('x'));
  const { dial, say, texts, lines } = await started();
  await dial(port);
  say('Data', `{"id":1,"data":"${base64('4539 1488 0343 6467')}"}`);
  await until(() => texts('Data').length === 1);
  expect(lines.join('\n')).not.toContain('4539 1488');
});
