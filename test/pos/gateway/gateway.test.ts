import { beforeEach, describe, expect, test } from 'vitest';
import type { FakeClock } from '../../kit/fake-clock.ts';
import type { Attached } from '../../terminal/kit.ts';
import { type Any, type PlayedConnection, type PlayedTerminal, pass, rest } from '../kit.ts';
import { CHECK, type GatewayBench, gatewayBench, PAID, SALE } from './kit.ts';

let bench: GatewayBench;
let terminal: PlayedTerminal;
let clock: FakeClock;
let till: Attached;
/** Purchases that the terminal has and has not answered. */
let held: [request: Any, connection: PlayedConnection][];

beforeEach(async () => {
  bench = await gatewayBench();
  ({ terminal, clock } = bench);
  held = [];
  terminal.on('Purchase', (request, connection) => held.push([request, connection]));
  till = bench.bridge('a');
});

const ask = async (bridge: Attached, id: string, method: string, params: unknown, connection = 'a') => {
  await bridge.request(id, method, params, connection);
  await rest();
};

const answerHeld = async (
  answer = (request: Any, connection: PlayedConnection) => connection.answer(request, PAID),
) => {
  for (const [request, connection] of held.splice(0)) answer(request, connection);
  await rest();
};

/** The terminal is gone, and cannot be reached. */
const leave = async () => {
  await rest();
  terminal.isThere = false;
  terminal.connection.vanish();
  await rest();
};

describe('a sale', () => {
  test('goes to the terminal as it is written, after a sign of life, and its answer comes back as it is written', async () => {
    const params = '{"receipt_id":17,"amount":1230,"currency":"EUR","big":12345678901234567890.10}';
    await ask(till, 'p', 'Purchase', params);
    expect(terminal.connection.texts[1]).toContain(params);
    const methods = terminal.connection.messages.map(({ method }) => method);
    expect(methods).toEqual(['_Keepalive', 'Purchase', 'TerminalInfo']);
    await answerHeld((request, connection) =>
      connection.sendText(
        `{"jsonrpc":"2.0","id":"${request.id}","response_to":"Purchase","result":{"n":1.10}}`,
      ),
    );
    expect(till.outcomeText('p')).toBe('result {"n":1.10}');
  });

  test('that another register wants at the same time is refused, and so is a second one with its identifiers', async () => {
    const other = bench.bridge('b', { peer: '192.0.2.8', register: 'till-2' });
    await ask(till, 'p', 'Purchase', SALE);
    await ask(other, 'q', 'Purchase', { ...SALE, receipt_id: 18 }, 'b');
    await ask(other, 'r', 'Refund', { ...SALE, receipt_id: '17', sequence_id: 1.0 }, 'b');
    expect(other.code('q')).toBe('BUSY');
    expect(other.answer('q')?.error?.data?.['details']).toMatch(/^a has the terminal since 20\d\d-/);
    expect(other.code('r')).toBe('DUPLICATE_TRANSACTION');
    await answerHeld();
    expect(terminal.requests('Purchase')).toHaveLength(1);
    expect(till.answer('p')?.result).toEqual(PAID);
    await ask(other, 's', 'Purchase', { ...SALE, receipt_id: 18 }, 'b');
    expect(terminal.requests('Purchase')).toHaveLength(2);
  });

  test('that nobody can take is refused within 5 s, and never sent', async () => {
    await leave();
    await ask(till, 'p', 'Purchase', SALE);
    await pass(clock, 4900);
    expect(till.answer('p')).toBeUndefined();
    await pass(clock, 200);
    expect(till.code('p')).toBe('CHANNEL_UNAVAILABLE');
    terminal.isThere = true;
    await pass(clock, 20_000);
    expect(terminal.requests('Purchase')).toEqual([]);
  });

  test('waits for a terminal that gives a sign of life, and is sent once', async () => {
    await rest();
    terminal.connection.answersKeepalive = false;
    await ask(till, 'p', 'Purchase', SALE);
    expect(terminal.requests('Purchase')).toEqual([]);
    terminal.connection.vanish();
    await pass(clock, 2000);
    expect(terminal.requests('Purchase')).toHaveLength(1);
    await answerHeld();
    expect(till.answer('p')?.result).toEqual(PAID);
  });

  test('whose bridge dies before it was sent is not sent', async () => {
    await leave();
    await ask(till, 'p', 'Purchase', SALE);
    till.close();
    terminal.isThere = true;
    await pass(clock, 10_000);
    expect(terminal.connections.length).toBeGreaterThan(0);
    expect(terminal.requests('Purchase')).toEqual([]);
    const next = bench.bridge('c');
    await ask(next, 'q', 'Purchase', { ...SALE, receipt_id: 18 }, 'c');
    expect(terminal.requests('Purchase')).toHaveLength(1);
  });

  test('whose bridge dies afterwards goes on, and its outcome is the terminal’s to tell', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    till.close();
    terminal.on('Check', (request, connection) => connection.answer(request, PAID));
    await answerHeld();
    const next = bench.bridge('c');
    await ask(next, 'k', 'Check', CHECK, 'c');
    expect(next.answer('k')?.result).toEqual(PAID);
  });

  test('whose identifiers are none is refused by the gateway', async () => {
    await ask(till, 'p', 'Purchase', { ...SALE, receipt_id: {} });
    expect(till.code('p')).toBe('JSONRPC_INVALID_PARAMS');
    await ask(till, 'q', 'Purchase', '{"amount":1230,"currency":"EUR"}');
    expect(terminal.requests('Purchase')).toHaveLength(1);
  });

  test('that does not fit a frame is refused, and the terminal is free', async () => {
    await ask(till, 'p', 'Purchase', { ...SALE, note: 'x'.repeat(300_000) });
    expect(till.code('p')).toBe('JSONRPC_INVALID_PARAMS');
    await ask(till, 'q', 'Purchase', SALE);
    expect(terminal.requests('Purchase')).toHaveLength(1);
  });
});

describe('a lost line', () => {
  test('makes of a sale that was sent nothing but unknown, and a Check goes to the terminal when it is back', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    await leave();
    expect(till.code('p')).toBe('OUTCOME_UNKNOWN');
    await ask(till, 'k1', 'Check', CHECK);
    await pass(clock, 5100);
    expect(till.code('k1')).toBe('CHANNEL_UNAVAILABLE');
    terminal.isThere = true;
    terminal.on('Check', (request, connection) => connection.answer(request, PAID));
    await ask(till, 'k2', 'Check', CHECK);
    await pass(clock, 5000);
    expect(till.answer('k2')?.result).toEqual(PAID);
    expect(terminal.requests('Purchase')).toHaveLength(1);
  });

  test('that leads to another terminal afterwards leaves the sale unknown: that one cannot know', async () => {
    terminal.on('TerminalInfo', (request, connection) => connection.answer(request, { serial_number: 'A' }));
    await ask(till, 'p', 'Purchase', SALE);
    terminal.on('TerminalInfo', (request, connection) => connection.answer(request, { serial_number: 'B' }));
    terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
    terminal.connection.vanish();
    await pass(clock, 2000);
    await ask(till, 'k', 'Check', CHECK);
    await ask(till, 'l', 'Check', { receipt_id: 18 });
    expect([till.code('k'), till.code('l')]).toEqual(['OUTCOME_UNKNOWN', 'TRANSACTION_NOT_FOUND']);
    terminal.on('TerminalInfo', (request, connection) => connection.answer(request, { serial_number: 'A' }));
    terminal.connection.vanish();
    await pass(clock, 2000);
    await ask(till, 'm', 'Check', CHECK);
    expect(till.code('m')).toBe('TRANSACTION_NOT_FOUND');
  });

  test('during a Check or another request answers nothing in the terminal’s place', async () => {
    await ask(till, 'k', 'Check', CHECK);
    await ask(till, 's', 'Status', {});
    terminal.connection.vanish();
    await rest();
    expect([till.code('k'), till.code('s')]).toEqual(['CHANNEL_CLOSED', 'CHANNEL_CLOSED']);
  });

  test('is one line in the log, as is its return', async () => {
    await leave();
    await pass(clock, 60_000);
    terminal.isThere = true;
    await pass(clock, 12_000);
    const told = bench.lines.filter((line) => line.startsWith('warn'));
    expect(told.map((line) => line.replace(/ to=.*/, ''))).toEqual([
      'warn the terminal is not there',
      'warn the terminal is there',
    ]);
  });
});

describe('Check', () => {
  test('of a sale that is not sent yet says that it is running', async () => {
    await leave();
    await ask(till, 'p', 'Purchase', SALE);
    await ask(till, 'k', 'Check', { receipt_id: '17' });
    expect(till.code('k')).toBe('TRANSACTION_ACTIVE');
  });

  test('of the sale that is under way never says "not found"', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_NOT_FOUND'));
    await ask(till, 'k', 'Check', CHECK);
    expect(till.code('k')).toBe('TRANSACTION_ACTIVE');
    await ask(till, 'l', 'Check', { receipt_id: 18 });
    expect(till.code('l')).toBe('TRANSACTION_NOT_FOUND');
    await answerHeld();
    await ask(till, 'm', 'Check', CHECK);
    expect(till.code('m')).toBe('TRANSACTION_NOT_FOUND');
  });

  test('that brings an outcome of the sale under way frees the terminal, and answers for nothing but itself', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    terminal.on('Check', (request, connection) =>
      connection.answer(request, { amount: 500, currency: 'EUR' }),
    );
    await ask(till, 'k', 'Check', CHECK);
    expect(till.answer('k')?.result).toEqual({ amount: 500, currency: 'EUR' });
    expect(till.answer('p')).toBeUndefined();
    await ask(till, 'q', 'Purchase', { ...SALE, receipt_id: 18 });
    expect(terminal.requests('Purchase')).toHaveLength(2);
    await answerHeld();
    expect([till.answer('p')?.result, till.answer('q')?.result]).toEqual([PAID, PAID]);
  });

  test('that brings "not charged" does not keep a result from coming later', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    terminal.on('Check', (request, connection) => connection.fail(request, 'DECLINED'));
    await ask(till, 'k', 'Check', CHECK);
    expect(till.code('k')).toBe('DECLINED');
    await answerHeld();
    expect(till.answer('p')?.result).toEqual(PAID);
  });

  test('without identifiers is refused', async () => {
    await ask(till, 'k', 'Check', {});
    expect(till.code('k')).toBe('JSONRPC_INVALID_PARAMS');
  });
});

describe('Abort', () => {
  let aborts: Any[];
  beforeEach(() => {
    aborts = [];
    terminal.on('Abort', (request, connection) => {
      aborts.push(request);
      connection.answer(request, {});
    });
  });

  test('of the register that pays reaches the terminal, as a request or a notification, by any of its connections', async () => {
    const again = bench.bridge('a2');
    await ask(till, 'p', 'Purchase', SALE);
    await ask(till, 'x', 'Abort', {});
    await ask(again, 'y', 'Abort', CHECK, 'a2');
    till.announce('a', 'Abort', {});
    await rest();
    expect(aborts).toHaveLength(3);
    expect([till.answer('x')?.result, again.answer('y')?.result]).toEqual([{}, {}]);
  });

  test('of anybody else, or of another sale, does not', async () => {
    const other = bench.bridge('b', { peer: '192.0.2.8' });
    await ask(till, 'p', 'Purchase', SALE);
    await ask(other, 'x', 'Abort', {}, 'b');
    await ask(till, 'y', 'Abort', { receipt_id: 18 });
    expect([other.code('x'), till.code('y')]).toEqual(['ABORT_REFUSED', 'NOTHING_TO_ABORT']);
    expect(aborts).toEqual([]);
  });

  test('of a sale that is not sent yet ends it at once, and it is never sent', async () => {
    await leave();
    await ask(till, 'p', 'Purchase', SALE);
    await ask(till, 'x', 'Abort', {});
    expect([till.code('p'), till.answer('x')?.result]).toEqual(['ABORTED', {}]);
    terminal.isThere = true;
    await pass(clock, 10_000);
    expect(terminal.requests('Purchase')).toEqual([]);
  });

  test('of a sale whose line was lost reaches the terminal, which may still be at it', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    terminal.connection.vanish();
    await pass(clock, 2000);
    await ask(till, 'x', 'Abort', {});
    expect(aborts).toHaveLength(1);
  });
});

describe('what the terminal says by itself', () => {
  let other: Attached;
  beforeEach(async () => {
    other = bench.bridge('b', { peer: '192.0.2.8' });
    await rest();
  });

  test('goes to the register that pays; its status goes to all', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    terminal.connection.send({ method: 'StatusEvent', params: { transaction_status: 'WAIT_CARD_IN' } });
    terminal.connection.send({ method: 'PosMessage', params: { message: 'Card, please' } });
    await rest();
    expect([till.statuses, other.statuses]).toEqual([['WAIT_CARD_IN'], ['WAIT_CARD_IN']]);
    expect([till.cashierTexts, other.cashierTexts]).toEqual([['Card, please'], []]);
    expect(till.messages.find(({ method }) => method === 'PosMessage')?.connection).toBe('a');
  });

  test('and asks is answered by that register, once', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    terminal.connection.send({ id: 't1', method: 'Print', params: { text: 'paper' } });
    await rest();
    const asked = till.messages.find(({ method }) => method === 'Print');
    expect(asked).toMatchObject({ connection: 'a', params: { text: 'paper' } });
    const answer = `{"jsonrpc":"2.0","id":"${asked?.id}","result":{"n":1}}\n`;
    other.write(answer); // it was not asked
    await rest();
    expect(terminal.connection.answerTo('t1')).toBeUndefined();
    till.write(answer.repeat(2));
    await rest();
    expect(terminal.connection.answerTo('t1').result).toEqual({ n: 1 });
  });

  test.each(['the connection', 'the attachment'])('and asks is refused when %s goes away', async (what) => {
    await ask(till, 'p', 'Purchase', SALE);
    terminal.connection.send({ id: 't1', method: 'Print', params: {} });
    await rest();
    if (what === 'the connection') till.announce('a', '_Disconnected', { connection: 'a', pending: ['p'] });
    else till.close();
    await rest();
    expect(terminal.connection.answerTo('t1').error.data.string_code).toBe('CONNECTION_CLOSED');
    terminal.connection.send({ id: 't2', method: 'Print', params: {} });
    await rest();
    expect(other.messages.find(({ method }) => method === 'Print')?.connection).toBe('b');
  });

  test('without a register in particular is refused where it wants an answer', async () => {
    terminal.connection.send({ id: 't1', method: 'Print', params: {} });
    await rest();
    expect(terminal.connection.answerTo('t1').error.data.string_code).toBe('CONNECTION_CLOSED');
  });
});

describe('everything else', () => {
  test('is passed on at any time, under its own method', async () => {
    terminal.on('Status', (request, connection) =>
      connection.answer(request, { ready_for_transaction: false }),
    );
    terminal.on('sca.DEVICE.QR', (request, connection) => connection.fail(request, 'NO_DISPLAY'));
    await ask(till, 'p', 'Purchase', SALE);
    await ask(till, 's', 'Status', {});
    await ask(till, 'q', 'sca.DEVICE.QR', { text: 'x' });
    expect(till.answer('s')?.result).toEqual({ ready_for_transaction: false });
    expect(till.code('q')).toBe('NO_DISPLAY');
    await ask(till, 'u', '_Sync', {});
    expect(till.code('u')).toBe('JSONRPC_METHOD_NOT_FOUND');
  });

  test('of the network belongs to the register that offers it, until that leaves', async () => {
    const other = bench.bridge('b', { peer: '192.0.2.8' });
    const started = (request: Any, connection: PlayedConnection) => connection.answer(request, {});
    terminal.on('NetworkStart', started).on('NetworkStop', started);
    await ask(till, 'n', 'NetworkStart', {});
    await ask(other, 'm', 'NetworkStart', {}, 'b');
    expect([till.answer('n')?.result, other.code('m')]).toEqual([{}, 'BUSY']);
    terminal.connection.send({ method: 'Data', params: { id: 1, data: 'AA==' } });
    other.announce('b', 'Data', { id: 1, data: 'BB==' });
    till.announce('a', 'Data', { id: 1, data: 'CC==' });
    await rest();
    expect(till.messages.some(({ method }) => method === 'Data')).toBe(true);
    expect(other.messages.some(({ method }) => method === 'Data')).toBe(false);
    expect(terminal.requests('Data').map(({ params }) => params.data)).toEqual(['CC==']);
    till.announce('a', '_Disconnected', { connection: 'a', pending: [] });
    await rest();
    expect(terminal.requests('NetworkStop')).toHaveLength(1);
    await ask(other, 'o', 'NetworkStart', {}, 'b');
    expect(other.answer('o')?.result).toEqual({});
  });
});

test('more requests than can be kept are refused, and the others answered', async () => {
  for (let number = 0; number < 5000; number += 1) {
    const line = { connection: 'a', jsonrpc: '2.0', id: `s${number}`, method: 'Status', params: {} };
    till.write(`${JSON.stringify(line)}\n`);
  }
  await rest();
  const refused = till.messages.filter(({ error }) => error?.data?.['string_code'] === 'BUSY');
  expect(refused.length).toBeGreaterThanOrEqual(5000 - 4096);
  terminal.connection.vanish();
  await rest();
  expect(till.messages.filter(({ id, method }) => id !== undefined && method === undefined)).toHaveLength(
    5000,
  );
});

describe('the end', () => {
  test('leaves a sale that was sent unknown, says goodbye, and closes every attachment', async () => {
    await ask(till, 'p', 'Purchase', SALE);
    const closing = bench.gateway.close();
    await pass(clock, 3000);
    await closing;
    expect(till.code('p')).toBe('OUTCOME_UNKNOWN');
    expect(terminal.connection.goodbye).toBeDefined();
    expect(till.isDestroyed).toBe(true);
    const late = bench.bridge('z');
    expect(late.isDestroyed).toBe(true);
  });
});
