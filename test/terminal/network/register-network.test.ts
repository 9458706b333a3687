import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { type NetworkAnswer, RegisterNetwork } from '../../../src/terminal/network/register-network.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { settled } from '../kit.ts';

interface Asked {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: params of every kind
  readonly params: any;
  answer(kind: NetworkAnswer['kind'], value?: object): void;
}

/** A terminal's use of a network whose register is played by hand. */
function setUp(linkSpeed = Number.POSITIVE_INFINITY) {
  const clock = new FakeClock();
  const asked: Asked[] = [];
  const told: string[] = [];
  const wire: { written: (() => void)[] | undefined } = { written: undefined };
  const network = new RegisterNetwork({
    clock,
    log: silentLogger,
    linkSpeed,
    ask: (method, params, settle) => {
      asked.push({
        method,
        params: JSON.parse(params),
        answer: (kind, value = {}) => settle({ kind, text: Buffer.from(JSON.stringify(value)) }),
      });
    },
    tell: (_method, params, written) => {
      told.push(params);
      if (wire.written === undefined) queueMicrotask(written);
      else wire.written.push(written);
    },
  });
  const connect = () => {
    const stream = network.connect('psp.example', 443);
    const faults: string[] = [];
    let text = '';
    const seen = { faults, isEnded: false, isConnected: false, text: () => text };
    stream.on('error', (fault: Error) => faults.push(fault.message));
    stream.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    stream.on('end', () => Object.assign(seen, { isEnded: true }));
    stream.on('connect', () => Object.assign(seen, { isConnected: true }));
    return { stream, seen };
  };
  const last = (method: string) => {
    const found = asked.findLast((one) => one.method === method);
    if (found === undefined) throw new Error(`${method} was not asked`);
    return found;
  };
  const data = (id: number, text: string) =>
    network.data(Buffer.from(JSON.stringify({ id, data: Buffer.from(text).toString('base64') })));
  const disconnected = (id: number) =>
    network.disconnected(Buffer.from(JSON.stringify({ connection_id: id, reason: 'gone' })));
  const sent = () => told.map((params) => Buffer.from(JSON.parse(params).data, 'base64').toString()).join('');
  return { clock, network, asked, told, wire, connect, last, data, disconnected, sent };
}

function offered(linkSpeed?: number) {
  const bench = setUp(linkSpeed);
  bench.network.offered();
  bench.clock.advance(10_000); // long enough ago
  return bench;
}

const refusal = (code: string, details: string) => ({
  code: 1,
  message: 'no',
  data: { string_code: code, details },
});

test('without an offer there is no connection', async () => {
  const { connect, asked } = setUp();
  const { seen } = connect();
  await settled();
  expect(seen.faults).toEqual(['the register has not offered its network']);
  expect(asked).toEqual([]);
});

test('what is written before the connection waits for it', async () => {
  const { connect, last, sent } = offered();
  const { stream, seen } = connect();
  stream.write('early ');
  stream.write('bird');
  await settled();
  expect(last('NetworkConnect').params).toEqual({ connection_id: 1, host: 'psp.example', port: 443 });
  expect(sent()).toBe('');
  last('NetworkConnect').answer('result');
  await settled();
  expect(seen.isConnected).toBe(true);
  expect(sent()).toBe('early bird');
});

describe('answers in no order', () => {
  test('data may come before the answer to NetworkConnect', async () => {
    const { connect, last, data } = offered();
    const { seen } = connect();
    data(1, 'hel');
    await settled();
    last('NetworkConnect').answer('result');
    data(1, 'lo');
    await settled();
    expect(seen.text()).toBe('hello');
  });

  test('data and the end may come before the answer', async () => {
    const { connect, last, data, disconnected, network, asked } = offered();
    const { seen } = connect();
    data(1, 'all');
    disconnected(1);
    await settled();
    expect(seen.isEnded).toBe(false);
    last('NetworkConnect').answer('result');
    await settled();
    expect(seen).toMatchObject({ isEnded: true, faults: [] });
    expect(seen.text()).toBe('all');
    expect(network.size).toBe(0);
    expect(asked.map(({ method }) => method)).toEqual(['NetworkConnect']);
  });

  test.each(['before', 'after'])('a failure may be told twice, the end %s the error', async (when) => {
    const { connect, last, disconnected, network } = offered();
    const { seen } = connect();
    if (when === 'before') disconnected(1);
    last('NetworkConnect').answer('error', refusal('OTHER', 'nobody there'));
    if (when === 'after') disconnected(1);
    await settled();
    expect(seen).toMatchObject({ isEnded: false, faults: ['nobody there'] });
    expect(network.size).toBe(0);
  });

  test('data that arrives after the terminal has closed is ignored', async () => {
    const { connect, last, data, disconnected, network } = offered();
    const { stream, seen } = connect();
    last('NetworkConnect').answer('result');
    stream.destroy();
    await settled();
    expect(last('NetworkDisconnect').params).toEqual({ connection_id: 1 });
    last('NetworkDisconnect').answer('result');
    data(1, 'late');
    disconnected(1);
    await settled();
    expect(seen.text()).toBe('');
    expect(network.size).toBe(0);
  });

  test('nobody minds what is about no connection', () => {
    const { data, disconnected, network } = offered();
    data(99, 'x');
    disconnected(99);
    network.data(Buffer.from('{}'));
    network.disconnected(Buffer.from('{"connection_id":"x"}'));
  });
});

test('the remote end closes: everything is read, nothing is asked', async () => {
  const { connect, last, data, disconnected, asked } = offered();
  const { stream, seen } = connect();
  last('NetworkConnect').answer('result');
  data(1, 'bye');
  disconnected(1);
  await settled();
  await settled();
  expect(seen).toMatchObject({ isEnded: true, faults: [] });
  expect(stream.destroyed).toBe(true);
  expect(asked).toHaveLength(1);
});

test('a register that refuses right after its offer is asked again, under a new id', async () => {
  const { connect, network, asked, last, clock } = setUp();
  network.offered();
  const { seen, stream } = connect();
  stream.write('x');
  for (const id of [1, 2, 3]) {
    expect(last('NetworkConnect').params.connection_id).toBe(id);
    last('NetworkConnect').answer('error', refusal('UNKNOWN', 'not yet'));
    clock.advance(500);
  }
  last('NetworkConnect').answer('result');
  await settled();
  expect(seen).toMatchObject({ isConnected: true, faults: [] });
  expect(asked).toHaveLength(4);
});

test('a register that goes on refusing, or says why, is believed', async () => {
  const { connect, network, asked, last, clock } = setUp();
  network.offered();
  const one = connect();
  last('NetworkConnect').answer('error', refusal('NETWORK_NOT_ALLOWED', 'forbidden'));
  await settled();
  expect(one.seen.faults).toEqual(['forbidden']);
  const other = connect();
  for (let count = asked.length; count < 30 && other.seen.faults.length === 0; count += 1) {
    last('NetworkConnect').answer('error', refusal('UNKNOWN', 'never'));
    clock.advance(100);
    await settled();
  }
  expect(other.seen.faults).toEqual(['never']);
  expect(asked.length).toBeLessThan(10);
  expect(clock.timerCount).toBe(0);
});

test('a register that never answers is given up, and told', async () => {
  const { connect, last, clock } = offered();
  const { seen } = connect();
  clock.advance(30_000);
  await settled();
  expect(seen.faults).toEqual(['the register does not answer']);
  expect(last('NetworkDisconnect').params).toEqual({ connection_id: 1 });
  expect(clock.timerCount).toBe(0);
});

test('a register that does not tell of the end is asked after a silence', async () => {
  const { connect, last, data, clock, asked } = offered();
  const { seen } = connect();
  last('NetworkConnect').answer('result');
  clock.advance(100_000);
  data(1, 'x');
  clock.advance(119_999);
  expect(asked).toHaveLength(1);
  clock.advance(1);
  await settled();
  await settled();
  expect(last('NetworkDisconnect').params).toEqual({ connection_id: 1 });
  expect(seen).toMatchObject({ isEnded: true, faults: [] });
  expect(clock.timerCount).toBe(0);
});

test.each(['withdrawn', 'back'])('a network that is %s fails every stream', async (how) => {
  const { connect, last, network, clock, sent } = offered(10_240);
  const { seen, stream } = connect();
  last('NetworkConnect').answer('result');
  stream.write(Buffer.alloc(50_000));
  const waiting = connect();
  network.withdrawn('the register has gone');
  await settled();
  expect([seen.faults, waiting.seen.faults]).toEqual([['the register has gone'], ['the register has gone']]);
  expect(clock.timerCount).toBe(0);
  if (how === 'withdrawn') return;
  network.offered();
  const before = sent().length;
  const again = connect();
  last('NetworkConnect').answer('result');
  again.stream.write('fresh');
  clock.advance(1000);
  await settled();
  expect(sent().slice(before)).toBe('fresh');
});

test('what is written goes out at the speed of the link, in order, and the writer is held back', async () => {
  const { connect, last, clock, sent } = offered(10_240);
  const { stream } = connect();
  last('NetworkConnect').answer('result');
  const content = Array.from({ length: 8500 }, (_, at) => `${at},`).join('');
  let isWritten = false;
  stream.write(content, () => {
    isWritten = true;
  });
  await settled();
  expect(isWritten).toBe(false);
  for (let ms = 0; ms < 6000; ms += 100) {
    clock.advance(100);
    await settled();
  }
  expect(isWritten).toBe(true);
  expect(content.startsWith(sent())).toBe(true);
  expect(sent().length / 6).toBeLessThan(0.75 * 10_240);
  expect(sent().length / 6).toBeGreaterThan(0.6 * 10_240);
});

test('nothing is sent while what was sent has not left', async () => {
  const { connect, last, told, wire } = offered();
  const { stream } = connect();
  last('NetworkConnect').answer('result');
  wire.written = [];
  stream.write(Buffer.alloc(1_000_000));
  await settled();
  const before = told.length;
  expect(told.join('').length).toBeLessThan(200_000);
  for (const written of wire.written.splice(0)) written();
  await settled();
  expect(told.length).toBeGreaterThan(before);
});

test('what nobody reads does not fill the memory', async () => {
  const { network, last } = offered();
  const stream: Duplex = network.connect('psp.example', 443);
  const faults: string[] = [];
  stream.on('error', (fault: Error) => faults.push(fault.message));
  last('NetworkConnect').answer('result');
  const chunk = Buffer.from(JSON.stringify({ id: 1, data: Buffer.alloc(150_000).toString('base64') }));
  for (let count = 0; count < 40; count += 1) network.data(chunk);
  await settled();
  expect(faults).toEqual(['nobody reads what comes over the network']);
  expect(last('NetworkDisconnect').params).toEqual({ connection_id: 1 });
});

test('data that is no base64 ends the connection', async () => {
  const { network, last, connect } = offered();
  const { seen } = connect();
  last('NetworkConnect').answer('result');
  network.data(Buffer.from('{"id":1,"data":"?"}'));
  await settled();
  expect(seen.faults).toEqual(['the register has sent what is not base64']);
});
