import { beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger as log } from '../../src/base/log.ts';
import { openSimulator } from '../../src/terminal/simulator.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { memoryWirePair } from '../../src/wire/memory.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, identifiers, pass, purchase, settled } from './kit.ts';

let clock: FakeClock;
let terminal: Terminal;
let register: Attached;

beforeEach(() => {
  clock = new FakeClock();
  terminal = new Terminal({ clock, log, delayMs: 1000 });
  register = new Attached(terminal);
});

function advance(ms: number): Promise<void> {
  return pass(clock, ms);
}

describe('a purchase', () => {
  test('is approved after the delay with what a terminal gives', async () => {
    await register.request('1', 'Purchase', purchase());
    await advance(999);
    expect(register.answer('1')).toBeUndefined();
    await advance(1);
    expect(register.answer('1')).toEqual({
      connection: 'a',
      jsonrpc: '2.0',
      id: '1',
      result: {
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        amount: 1250,
        currency: 'EUR',
        transaction_id: expect.stringMatching(/^SIM-[0-9a-z]+-1$/),
        trace_number: '000001',
        authorization_code: expect.stringMatching(/^\d{6}$/),
        masked_card_number: '541333******0010',
        card_scheme: 'Mastercard',
        entry_mode: 'CHIP',
        verification_method: 'PIN',
        response_text: 'Approved',
        merchant_receipt: {
          text: expect.stringMatching(/\nPURCHASE 12.50 EUR\n.*\nAPPROVED\nMERCHANT COPY$/s),
        },
        customer_receipt: {
          text: expect.stringMatching(/\nPURCHASE 12.50 EUR\n.*\nAPPROVED\nCUSTOMER COPY$/s),
        },
      },
    });
  });

  test('is accompanied by a StatusEvent at each change, the idle one before the answer', async () => {
    await register.request('1', 'Purchase', purchase());
    expect(register.statuses).toEqual(['WAIT_CARD_IN']);
    await advance(333);
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING']);
    await advance(333);
    await advance(334);
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', 'idle']);
    expect(register.messages.map(({ method }) => method ?? 'answer').slice(-2)).toEqual([
      'StatusEvent',
      'answer',
    ]);
    const idle = register.messages.at(-2)?.params;
    expect(idle).not.toHaveProperty('transaction_status');
    expect(idle).toMatchObject({ ready_for_transaction: true, chip_card_in: false });
    expect(register.messages[0]).toMatchObject({ connection: 'a', params: { ready_for_transaction: false } });
  });

  test('whose amount ends in 01 is declined with a text for the cashier', async () => {
    await register.request('1', 'Purchase', purchase({ amount: 501, cashier_language: 'fi' }));
    await advance(1000);
    expect(register.answer('1')?.error).toEqual({
      code: 1,
      message: expect.any(String),
      data: {
        string_code: 'DECLINED',
        details: expect.any(String),
        outcome: 'not-charged',
        display_message: 'Hylätty',
      },
    });
  });

  test('is answered to the connection that asked, or to none where none was named', async () => {
    await register.request('1', 'Purchase', purchase(), 'till "3"');
    await advance(1000);
    expect(register.answer('1')?.connection).toBe('till "3"');
    register.write(`{"jsonrpc":"2.0","id":7,"method":"Status"}\n`);
    expect(register.lines.at(-1)).toMatch(/^\{"jsonrpc":"2\.0","id":7,"result":/);
  });

  test('gets its refund in the same way', async () => {
    await register.request('1', 'Refund', purchase());
    await advance(1000);
    expect(JSON.stringify(register.answer('1')?.result)).toContain('REFUND 12.50 EUR');
  });

  test('is answered after no delay at all when told so', async () => {
    const fast = new Attached(new Terminal({ clock, log, delayMs: 0 }));
    await fast.request('1', 'Purchase', purchase());
    await advance(0);
    await advance(0);
    await advance(0);
    expect(fast.answer('1')?.result).toBeDefined();
  });
});

describe('parameters', () => {
  test.each([
    ['receipt_id', { receipt_id: undefined }],
    ['receipt_id', { receipt_id: null }],
    ['receipt_id', { receipt_id: '' }],
    ['receipt_id', { receipt_id: ['r1'] }],
    ['receipt_id', { receipt_id: 'r'.repeat(129) }],
    ['sequence_id', { sequence_id: '' }],
    ['sequence_id', { sequence_id: true }],
    ['sequence_id', { sequence_id: {} }],
    ['sequence_id', { sequence_id: 17.5 }],
    ['cashback_amount', { cashback_amount: 1251 }],
    ['cashback_amount', { cashback_amount: '5' }],
    ['amount', { amount: undefined }],
    ['amount', { amount: 0 }],
    ['amount', { amount: -100 }],
    ['amount', { amount: 12.5 }],
    ['amount', { amount: '1250' }],
    ['amount', { amount: 1_000_000_000_000 }],
    ['currency', { currency: undefined }],
    ['currency', { currency: 'eur' }],
    ['currency', { currency: 978 }],
    ['currency', { currency: 'EURO' }],
    ['api_key', { api_key: 5 }],
    ['cashier_language', { cashier_language: {} }],
    ['forced_authorization', { forced_authorization: 'yes' }],
  ])('a wrong %s is refused by name: %j', async (field, changes) => {
    await register.request('1', 'Purchase', purchase(changes));
    expect(register.answer('1')?.error).toMatchObject({
      code: -32602,
      message: expect.stringContaining(field),
      data: { string_code: 'JSONRPC_INVALID_PARAMS', details: expect.stringContaining(field) },
    });
    expect(register.statuses).toEqual([]);
  });

  test.each([
    ['amount', '1e3'],
    ['amount', '1250.0'],
    ['amount', '0.99999999999999999999999'],
    ['amount', '9'.repeat(100_000)],
    ['amount', '1e999999'],
    ['sequence_id', '17.0000000000000000000000001'],
    ['sequence_id', '1e128'],
    ['receipt_id', '1e-1'],
  ])('numbers are judged by their text: %s', async (field, text) => {
    const params = JSON.stringify(purchase({ [field]: 'HERE' })).replace('"HERE"', text);
    await register.request('1', 'Purchase', params);
    expect(register.code('1')).toBe('JSONRPC_INVALID_PARAMS');
    expect(register.answer('1')?.error?.message).toContain(field);
  });

  test('a member that is given twice is refused', async () => {
    await register.request(
      '1',
      'Purchase',
      '{"receipt_id":"a","sequence_id":"1","amount":5,"amount":500,"currency":"EUR"}',
    );
    expect(register.code('1')).toBe('JSONRPC_INVALID_PARAMS');
  });

  test('unknown members, hostile names and absent options do no harm', async () => {
    const params = JSON.stringify(purchase({ api_key: null })).replace(
      '{',
      '{"__proto__":{"amount":1},"x":[[1e400]],',
    );
    await register.request('1', 'Purchase', params);
    await advance(1000);
    expect(register.answer('1')?.result).toMatchObject({ amount: 1250 });
  });

  test('a currency without decimals is printed without them', async () => {
    await register.request('1', 'Purchase', purchase({ currency: 'JPY', amount: 500 }));
    await advance(1000);
    expect(JSON.stringify(register.answer('1')?.result)).toContain('PURCHASE 500 JPY');
  });

  test('a fault leaves no trace: the same identifiers may be used again', async () => {
    await register.request('1', 'Purchase', purchase({ amount: 0 }));
    await register.request('2', 'Purchase', purchase());
    await advance(1000);
    expect(register.answer('2')?.result).toBeDefined();
  });
});

describe('Check', () => {
  test.each([1250, 1201])(
    'gives the same bytes as the purchase of %i gave, again and again',
    async (amount) => {
      await register.request('1', 'Purchase', purchase({ amount }));
      await advance(1000);
      await register.request('2', 'Check', identifiers);
      await advance(5000);
      await new Attached(terminal).request('3', 'Check', identifiers);
      await register.request('4', 'Check', identifiers, 'another');
      expect(register.outcomeText('2')).toBe(register.outcomeText('1'));
      expect(register.outcomeText('4')).toBe(register.outcomeText('1'));
    },
  );

  test('takes 17, 17.0, 1.7e1 and "17" for the same, and "017" and "17.0" for others', async () => {
    await register.request('1', 'Purchase', purchase({ sequence_id: 17 }));
    await advance(1000);
    for (const written of ['17', '17.0', '1.7e1', '170E-1', '"17"']) {
      const params = `{"receipt_id":"r1","sequence_id":${written}}`;
      await register.request(written, 'Check', params);
      expect(register.outcomeText(written)).toBe(register.outcomeText('1'));
      await register.request(
        `again ${written}`,
        'Purchase',
        `${params.slice(0, -1)},"amount":5,"currency":"EUR"}`,
      );
      expect(register.code(`again ${written}`)).toBe('DUPLICATE_TRANSACTION');
    }
    for (const another of ['"017"', '"17.0"', '-17']) {
      await register.request(another, 'Check', `{"receipt_id":"r1","sequence_id":${another}}`);
      expect(register.code(another)).toBe('TRANSACTION_NOT_FOUND');
    }
  });

  test('keeps integers apart that a double cannot', async () => {
    const of = (sequence: string) =>
      `{"receipt_id":1,"sequence_id":${sequence},"amount":500,"currency":"EUR"}`;
    await register.request('1', 'Purchase', of('9007199254740993'));
    await advance(1000);
    await register.request('2', 'Check', of('9007199254740992'));
    await register.request('3', 'Check', of('9007199254740993.0'));
    expect(register.code('2')).toBe('TRANSACTION_NOT_FOUND');
    expect(register.outcomeText('3')).toBe(register.outcomeText('1'));
  });

  test('says TRANSACTION_ACTIVE while it runs', async () => {
    await register.request('1', 'Purchase', purchase());
    await register.request('2', 'Check', identifiers);
    expect(register.code('2')).toBe('TRANSACTION_ACTIVE');
  });

  test('says TRANSACTION_NOT_FOUND of the unknown, and then a purchase that turns up late is refused', async () => {
    await register.request('1', 'Check', identifiers);
    await register.request('2', 'Purchase', purchase());
    await register.request('3', 'Check', identifiers);
    expect(register.code('1')).toBe('TRANSACTION_NOT_FOUND');
    expect(register.code('2')).toBe('DUPLICATE_TRANSACTION');
    expect(register.code('3')).toBe('TRANSACTION_NOT_FOUND');
    expect(register.statuses).toEqual([]);
  });

  test('needs receipt_id', async () => {
    await register.request('1', 'Check', { sequence_id: 1 });
    expect(register.code('1')).toBe('JSONRPC_INVALID_PARAMS');
    expect(register.answer('1')?.error?.message).toContain('receipt_id');
  });

  test('remembers the last 10 000 outcomes, whatever else is asked for meanwhile', async () => {
    await register.request('p', 'Purchase', purchase());
    await advance(1000);
    for (let n = 0; n < 10_001; n += 1) {
      register.write(
        `{"connection":"a","jsonrpc":"2.0","id":"c","method":"Check","params":{"receipt_id":"x","sequence_id":${n}}}\n`,
      );
    }
    await register.request('again', 'Check', identifiers);
    expect(register.outcomeText('again')).toBe(register.outcomeText('p'));
    await register.request('old', 'Purchase', purchase({ receipt_id: 'x', sequence_id: 1 }));
    expect(register.code('old')).toBe('DUPLICATE_TRANSACTION');
    await register.request('forgotten', 'Purchase', purchase({ receipt_id: 'x', sequence_id: 0 }));
    await advance(1000);
    expect(register.answer('forgotten')?.result).toBeDefined();
  });
});

describe('one transaction at a time', () => {
  test('a second one gets BUSY, from every connection and attachment', async () => {
    const other = new Attached(terminal);
    await register.request('1', 'Purchase', purchase());
    await register.request('2', 'Refund', purchase({ sequence_id: 2 }));
    await other.request('3', 'Purchase', purchase({ sequence_id: 3 }), 'b');
    expect(register.code('2')).toBe('BUSY');
    expect(other.code('3')).toBe('BUSY');
    await advance(1000);
    expect(register.answer('1')?.result).toBeDefined();
    await other.request('4', 'Purchase', purchase({ sequence_id: 3 }), 'b');
    await advance(1000);
    expect(other.answer('4')?.result).toBeDefined();
    expect(register.statuses).toHaveLength(4);
    expect(other.statuses).toHaveLength(4);
  });

  test('the same identifiers are not charged again, running or finished, by any connection or method', async () => {
    const other = new Attached(terminal);
    await register.request('1', 'Purchase', purchase());
    await other.request('2', 'Purchase', purchase(), 'b');
    expect(other.code('2')).toBe('DUPLICATE_TRANSACTION');
    await advance(1000);
    await register.request('3', 'Purchase', purchase());
    await register.request('4', 'Refund', purchase({ sequence_id: 17 }));
    expect(register.code('3')).toBe('DUPLICATE_TRANSACTION');
    expect(register.code('4')).toBe('DUPLICATE_TRANSACTION');
    expect(register.statuses).toHaveLength(4);
  });
});

describe('Abort', () => {
  test('ends the running transaction of the same connection', async () => {
    await register.request('1', 'Purchase', purchase());
    await advance(500);
    await register.request('2', 'Abort', {});
    expect(register.answer('2')?.result).toEqual({});
    expect(register.answer('1')).toBeUndefined();
    await advance(334);
    expect(register.code('1')).toBe('ABORTED');
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', 'idle']);
    await register.request('3', 'Check', identifiers);
    expect(register.outcomeText('3')).toBe(register.outcomeText('1'));
  });

  test.each([
    ['another connection', 'b'],
    ['no connection', ''],
  ])('from %s is refused', async (_, connection) => {
    const other = new Attached(terminal);
    await register.request('1', 'Purchase', purchase());
    await other.request('2', 'Abort', {}, connection);
    expect(other.code('2')).toBe('ABORT_REFUSED');
    await advance(1000);
    expect(register.answer('1')?.result).toBeDefined();
  });

  test('before a card is there needs none to be removed', async () => {
    await register.request('1', 'Purchase', purchase());
    await register.request('2', 'Abort', {});
    expect(register.code('1')).toBe('ABORTED');
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'idle']);
  });

  test('after the decision is refused', async () => {
    await register.request('1', 'Purchase', purchase());
    await advance(700);
    await register.request('2', 'Abort', {});
    expect(register.code('2')).toBe('ABORT_REFUSED');
    await advance(300);
    expect(register.answer('1')?.result).toBeDefined();
  });

  test('with nothing running is an error', async () => {
    await register.request('1', 'Abort', {});
    expect(register.code('1')).toBe('NOTHING_TO_ABORT');
  });
});

describe('the rest', () => {
  test('Status follows the transaction', async () => {
    await register.request('1', 'Status', {});
    await register.request('2', 'Purchase', purchase());
    await advance(400);
    await register.request('3', 'Status', {});
    expect(register.answer('1')?.result).toMatchObject({ ready_for_transaction: true });
    expect(register.answer('1')?.result).not.toHaveProperty('transaction_status');
    expect(register.answer('3')?.result).toMatchObject({
      ready_for_transaction: false,
      transaction_status: 'PROCESSING',
      chip_card_in: true,
    });
  });

  test.each(['TerminalInfo', 'VersionInfo'])('%s tells version and link speed', async (method) => {
    await register.request('1', method, {});
    expect(register.answer('1')?.result).toMatchObject({ version: '18.9.0', link_speed: expect.any(Number) });
  });

  test.each(['Print', 'DisplayScreen'])('%s is accepted', async (method) => {
    await register.request('1', method, { lines: ['x'] });
    expect(register.answer('1')?.result).toEqual({});
  });

  test.each(['Nonsense', 'constructor', '__proto__', 'purchase'])(
    'the request %s is unknown',
    async (method) => {
      await register.request('1', method, {});
      expect(register.answer('1')?.error).toMatchObject({
        code: -32601,
        data: { string_code: 'JSONRPC_METHOD_NOT_FOUND' },
      });
    },
  );

  test('notifications, answers and lines that cannot be read get nothing', async () => {
    register.write('{"connection":"a","jsonrpc":"2.0","method":"_Connected","params":{"connection":"a"}}\n');
    register.write(
      '{"jsonrpc":"2.0","method":"Purchase","params":{}}\n\n{"jsonrpc":"2.0","id":"x","result":{}}\n',
    );
    register.write(
      `rubbish\n[]\n{"jsonrpc":"2.0","id":"x","method":"Status","params":[]}\n${'x'.repeat(2_000_000)}\n`,
    );
    await register.request('1', 'Status', {});
    expect(register.lines).toHaveLength(1);
  });
});

test('takes its delay from the endpoint', async () => {
  const attached = new Attached(await openSimulator({ delay: '30' }, { clock, log }));
  await attached.request('1', 'Purchase', purchase());
  await advance(29);
  expect(attached.answer('1')).toBeUndefined();
  await advance(1);
  expect(attached.answer('1')?.result).toBeDefined();
});

describe('an attachment', () => {
  test('reads lines that arrive a byte at a time, and several at once', async () => {
    for (const byte of Buffer.from('{"jsonrpc":"2.0","id":"é","method":"Status","params":{}}\n')) {
      register.write(Buffer.of(byte));
    }
    register.write(
      '{"jsonrpc":"2.0","id":"1","method":"Status"}\n{"jsonrpc":"2.0","id":"2","method":"Status"}\n{"js',
    );
    await settled();
    expect(register.messages.map(({ id }) => id)).toEqual(['é', '1', '2']);
  });

  test('still gets its answer after _Disconnected, but no status any more', async () => {
    await register.request('1', 'Purchase', purchase());
    register.write(
      '{"connection":"b","jsonrpc":"2.0","method":"_Disconnected","params":{"connection":"b","pending":[]}}\n',
    );
    await advance(400);
    register.write(
      '{"connection":"a","jsonrpc":"2.0","method":"_Disconnected","params":{"connection":"a","pending":["1"]}}\n',
    );
    await advance(1000);
    expect(register.statuses).toEqual(['WAIT_CARD_IN', 'PROCESSING']);
    expect(register.answer('1')?.result).toBeDefined();
  });

  test('that is gone loses its answer; Check on another one finds it', async () => {
    await register.request('1', 'Purchase', purchase());
    register.close();
    await advance(1000);
    expect(register.answer('1')).toBeUndefined();
    const other = new Attached(terminal);
    await other.request('2', 'Check', identifiers);
    expect(other.answer('2')?.result).toMatchObject({ amount: 1250 });
  });

  test('whose input has ended is closed', () => {
    register.end();
    expect(register.isDestroyed).toBe(true);
  });

  test('that does not read is not read any more until it does', async () => {
    register.isStuck = true;
    for (let n = 0; n < 3; n += 1) register.write(`{"jsonrpc":"2.0","id":"${n}","method":"Status"}\n`);
    expect(register.isPaused).toBe(true);
    await register.release();
    expect(register.isPaused).toBe(false);
    expect(register.messages.map(({ id }) => id)).toEqual(['0', '1', '2']);
  });
});

test('speaks over a memory wire, as it is attached inside the bridge', async () => {
  const [ours, theirs] = memoryWirePair();
  const simulator = await openSimulator({ delay: '0' }, { clock: systemClock, log });
  simulator.attach(theirs);
  const lines: string[] = [];
  const closed = new Promise<void>((resolve) => {
    ours.start({
      chunk: (bytes) => lines.push(...bytes.toString().trimEnd().split('\n')),
      end: () => {},
      closed: () => resolve(),
    });
  });
  const line = JSON.stringify({ jsonrpc: '2.0', id: '1', method: 'Purchase', params: purchase() });
  ours.write(Buffer.from(`${line}\n`), () => {});
  await vi.waitFor(() => expect(lines.at(-1)).toContain('"id":"1","result":'), { timeout: 30_000 });
  expect(lines.filter((text) => text.includes('"StatusEvent"'))).toHaveLength(4);
  ours.endOutput();
  await closed;
  await simulator.close();
});
