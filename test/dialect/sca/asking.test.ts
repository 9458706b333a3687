import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSalesMemory, type SalesMemory, type StoredSale } from '../../../src/dialect/sca/sales-memory.ts';
import { TerminalMemo } from '../../../src/dialect/sca/terminal-memo.ts';
import { type Fields, settled } from './kit.ts';
import { APPROVED, AskingBench, BUSY, DECLINED, DONE, SALE } from './pair-kit.ts';

/** What LAST_TRAN shows before the first sale. */
const OLDER = { ...APPROVED, CTROUTD: '44', INVOICE: '1000', POS_RECON: 'older' };

/** A sale whose CAPTURE is under way. */
function selling(bench = new AskingBench()) {
  const sale = bench.request('Purchase', SALE);
  if (bench.last['COMMAND'] === 'LAST_TRAN') bench.say(OLDER);
  bench.answer({ ...DONE, RESPONSE_TEXT: 'Session Started' });
  expect(bench.last['COMMAND']).toBe('CAPTURE');
  return { bench, sale, capture: bench.last };
}

describe('a sale', () => {
  test('is START, CAPTURE and FINISH, after a look at what LAST_TRAN shows before', () => {
    const bench = new AskingBench();
    const sale = bench.request('Purchase', {
      ...SALE,
      sca: { PAYMENT_TYPE: 'DEBIT', TRANS_AMOUNT: '9.99', POS_RECON: 'p' },
    });
    bench.say(OLDER);
    bench.answer(DONE);
    bench.answer(APPROVED);
    bench.answer(DONE);
    expect(bench.asked.map(({ COMMAND }) => COMMAND)).toEqual(['LAST_TRAN', 'START', 'CAPTURE', 'FINISH']);
    expect(bench.asked[1]).toMatchObject({ INVOICE: '1001' });
    expect(bench.asked[2]).toEqual({
      FUNCTION_TYPE: 'PAYMENT',
      COMMAND: 'CAPTURE',
      TRANS_AMOUNT: '5.35',
      PAYMENT_TYPE: 'DEBIT',
      POS_RECON: expect.stringMatching(/^pb[0-9a-f]{26}$/),
    });
    expect(sale.answer).toMatchObject({
      kind: 'result',
      json: {
        amount: 535,
        currency: 'USD',
        authorization_code: 'TA1260',
        transaction_id: '45',
        sca: APPROVED,
      },
    });
  });

  test('LAST_TRAN is asked once, and a second sale begins at once', () => {
    const { bench } = selling();
    bench.answer(APPROVED);
    bench.answer(DONE);
    bench.request('Purchase', { ...SALE, receipt_id: '1002' });
    expect(bench.last).toMatchObject({ COMMAND: 'START', INVOICE: '1002' });
  });

  test('that is declined has produced an outcome, in either case of letters', () => {
    const { bench, sale } = selling();
    bench.answer(DECLINED);
    expect(sale.answer?.json).toMatchObject({ data: { string_code: 'DECLINED', outcome: 'not-charged' } });
  });

  test('that is cancelled, busy or a duplicate is told in the words of the vocabulary', () => {
    for (const [response, data] of [
      [
        { RESULT: 'CANCELLED', RESULT_CODE: '59001', TERMINATION_STATUS: 'FAILURE' },
        { string_code: 'CANCELLED', outcome: 'not-charged' },
      ],
      [BUSY, { string_code: 'BUSY' }],
      [{ RESULT_CODE: '56783', TERMINATION_STATUS: 'FAILURE' }, { string_code: 'DUPLICATE_TRANSACTION' }],
      [
        { RESULT_CODE: '59045', TERMINATION_STATUS: 'FAILURE' },
        { string_code: 'SCA_59045', outcome: 'not-charged' },
      ],
    ] as const) {
      const { bench, sale } = selling();
      bench.answer(response);
      expect(sale.answer?.json.data).toMatchObject(data);
    }
  });

  test('of which the terminal says neither yes nor no is unknown: no code is guessed', () => {
    for (const response of [
      DONE,
      { ...APPROVED, TERMINATION_STATUS: 'FAILURE' },
      { ...APPROVED, RESULT_CODE: '6' },
      { RESULT: 'ERROR', RESULT_CODE: '40002', TERMINATION_STATUS: 'FAILURE' },
      { RESULT_CODE: '5', TERMINATION_STATUS: 'SUCCESS' },
      {},
    ]) {
      const { bench, sale } = selling();
      bench.answer(response);
      expect(sale.answer?.json.data).toMatchObject({ string_code: 'OUTCOME_UNKNOWN', outcome: 'unknown' });
    }
  });

  test('that is approved for another amount says so', () => {
    const { bench, sale } = selling();
    bench.answer({ ...APPROVED, APPROVED_AMOUNT: '5.00' });
    expect(sale.answer?.json.amount).toBe(500);
  });

  test('in another currency than the terminal has, and an amount that SCA cannot write, never leave', () => {
    const bench = new AskingBench({ currency: 'USD' });
    for (const params of [
      { ...SALE, currency: 'EUR' },
      { ...SALE, amount: 0 },
      { ...SALE, amount: 100_000_000 },
      { ...SALE, amount: '535' },
      { amount: 535, currency: 'USD' },
    ])
      expect(bench.request('Purchase', params).answer?.json.data.string_code).toBe('JSONRPC_INVALID_PARAMS');
    expect(bench.asked).toEqual([]);
  });

  test('of which only START has left is not started', () => {
    const bench = new AskingBench();
    const sale = bench.request('Purchase', SALE);
    bench.say(OLDER);
    bench.lose();
    expect(sale.answer).toMatchObject({
      kind: 'error',
      lost: false,
      json: { data: { string_code: 'CHANNEL_UNAVAILABLE' } },
    });
  });

  test('finds a session open that somebody left: it is finished first', () => {
    const bench = new AskingBench();
    bench.request('Purchase', SALE);
    bench.say(OLDER);
    bench.answer({ RESULT: 'BUSY', RESULT_CODE: '59003', TERMINATION_STATUS: 'FAILURE' });
    expect(bench.last['COMMAND']).toBe('FINISH');
    bench.answer(DONE);
    expect(bench.last['COMMAND']).toBe('START');
    bench.answer(DONE);
    expect(bench.last['COMMAND']).toBe('CAPTURE');
  });

  test('a second one meanwhile is busy', () => {
    const { bench } = selling();
    expect(bench.request('Purchase', { ...SALE, receipt_id: '2' }).answer?.json.data.string_code).toBe(
      'BUSY',
    );
  });
});

describe('CANCEL', () => {
  test('goes to the secondary port while the sale runs', () => {
    const { bench, sale, capture } = selling();
    const abort = bench.request('Abort', {});
    expect(bench.last).toMatchObject({ FUNCTION_TYPE: 'SECONDARYPORT', COMMAND: 'CANCEL' });
    bench.answer({ RESULT: 'CANCELLED', RESULT_CODE: '59001', TERMINATION_STATUS: 'FAILURE' }, capture);
    bench.answer(DONE, bench.asked.at(-2));
    expect(abort.answer).toMatchObject({ kind: 'result', json: {} });
    expect(sale.answer?.json.data.string_code).toBe('CANCELLED');
  });

  test('with nothing running is not even asked', () => {
    const bench = new AskingBench();
    expect(bench.request('Abort', {}).answer?.json.data.string_code).toBe('NOTHING_TO_ABORT');
    expect(bench.asked).toEqual([]);
  });
});

describe('a sale whose answer is lost', () => {
  const check = { receipt_id: '1001', sequence_id: '1' };

  test('settles as lost, and LAST_TRAN that shows it tells its outcome', () => {
    const { bench, sale, capture } = selling();
    bench.lose();
    expect(sale.answer).toMatchObject({ lost: true });
    const again = new AskingBench({ memo: bench.memo, clock: bench.clock, mark: 'y' });
    const asked = again.request('Check', check);
    again.say({ ...APPROVED, POS_RECON: capture['POS_RECON'] ?? '' });
    expect(asked.answer).toMatchObject({ kind: 'result', json: { amount: 535, currency: 'USD' } });
  });

  test('is known by INVOICE and amount where LAST_TRAN has no POS_RECON', () => {
    for (const [shown, code] of [
      [{ INVOICE: '1001', TRANS_AMOUNT: '5.35' }, undefined],
      [{ INVOICE: '1001', TRANS_AMOUNT: '9.99' }, 'OUTCOME_UNKNOWN'],
      [{ INVOICE: '1001' }, 'OUTCOME_UNKNOWN'],
      [{}, 'OUTCOME_UNKNOWN'],
    ] as const) {
      const { bench } = selling();
      bench.lose();
      const again = new AskingBench({ memo: bench.memo, clock: bench.clock });
      const asked = again.request('Check', check);
      again.say({ ...APPROVED, CTROUTD: '46', ...shown });
      expect(asked.answer?.json.data?.string_code).toBe(code);
    }
  });

  test('is unknown while the terminal may be posting it, and not charged when it is idle and still shows the older one', () => {
    const { bench } = selling();
    bench.lose();
    const again = new AskingBench({ memo: bench.memo, clock: bench.clock });
    const early = again.request('Check', check);
    again.say(OLDER);
    expect(early.answer?.json.data.string_code).toBe('OUTCOME_UNKNOWN');
    bench.clock.advance(150_000);
    const late = again.request('Check', check);
    again.say(OLDER);
    expect(again.last['COMMAND']).toBe('FINISH');
    again.answer(DONE);
    expect(again.last['COMMAND']).toBe('STATUS');
    again.answer({ ...DONE, SECONDARY_DATA: '0' });
    again.say(OLDER);
    expect(late.answer?.json.data).toMatchObject({
      string_code: 'TRANSACTION_NOT_FOUND',
      outcome: 'not-charged',
    });
  });

  test('stays unknown while the terminal is busy, keeps its session, or shows a sale that may be newer', () => {
    const cases = [
      { shows: OLDER, finish: BUSY, status: DONE },
      { shows: OLDER, finish: DONE, status: { ...DONE, INVOICE_SESSION: '1001' } },
      { shows: BUSY, finish: BUSY, status: DONE },
      { shows: { ...APPROVED, CTROUTD: '46', POS_RECON: 'newer' }, finish: DONE, status: DONE },
      { shows: { RESULT_CODE: '59040', TERMINATION_STATUS: 'FAILURE' }, finish: DONE, status: DONE },
    ];
    for (const { shows, finish, status } of cases) {
      const { bench } = selling();
      bench.lose();
      bench.clock.advance(200_000);
      const again = new AskingBench({ memo: bench.memo, clock: bench.clock });
      const asked = again.request('Check', check);
      again.say(shows);
      if (again.last['COMMAND'] === 'FINISH') again.answer(finish);
      if (again.last['COMMAND'] === 'STATUS') again.answer(status);
      expect(asked.answer?.json.data.string_code).toBe('OUTCOME_UNKNOWN');
    }
  });

  test('of a process that is gone is never called not charged: nobody knows what was shown before it', () => {
    const bench = new AskingBench({ memo: new TerminalMemo() });
    bench.clock.advance(1_000_000);
    const asked = bench.request('Check', check);
    bench.say(OLDER);
    expect(asked.answer?.json.data.string_code).toBe('OUTCOME_UNKNOWN');
  });

  test('of a process that is gone is found by what that one stored before it was sent', () =>
    forEachEnding(async ({ ending, shows, says }) => {
      const stored = new Map<string, StoredSale>();
      const first = new AskingBench({ memo: new TerminalMemo(memoryOf(stored)) });
      first.request('Purchase', SALE);
      first.say(OLDER);
      await settled();
      if (ending === 'after CAPTURE') first.answer(DONE);
      expect(stored.size).toBe(1);
      const [sale] = stored.values();
      const names = { POS_RECON: sale?.posRecon ?? '', INVOICE: sale?.invoice ?? '' };
      const again = new AskingBench({ memo: new TerminalMemo(memoryOf(stored)) });
      const early = again.request('Check', check);
      await settled();
      const shown = shows(names);
      again.say(shown);
      expect(early.answer?.json.data?.string_code).toBe(says === 'charged' ? undefined : 'OUTCOME_UNKNOWN');
      again.clock.advance(150_000);
      const late = again.request('Check', check);
      again.say(shown);
      if (again.last['COMMAND'] === 'FINISH') again.answer(DONE);
      if (again.last['COMMAND'] === 'STATUS') again.answer({ ...DONE, SECONDARY_DATA: '0' });
      if (again.last['COMMAND'] === 'LAST_TRAN') again.say(shown);
      expect(late.answer?.json.data?.outcome ?? late.answer?.json.data?.string_code ?? 'charged').toBe(says);
    }));

  const ENDINGS = [
    { ending: 'after CAPTURE', shows: () => OLDER, says: 'not-charged' },
    { ending: 'after CAPTURE', shows: (own: object) => ({ ...APPROVED, ...own }), says: 'charged' },
    { ending: 'before CAPTURE', shows: () => OLDER, says: 'not-charged' },
    // Another register's sale, which counts its receipts as we do.
    {
      ending: 'before CAPTURE',
      shows: () => ({ ...APPROVED, CTROUTD: '46', INVOICE: '1001', TRANS_AMOUNT: '5.35' }),
      says: 'OUTCOME_UNKNOWN',
    },
  ] as const;

  async function forEachEnding(
    play: (one: { ending: string; shows: (own: Fields) => Fields; says: string }) => Promise<void>,
  ): Promise<void> {
    for (const one of ENDINGS) await play({ ...one, shows: one.shows as (own: Fields) => Fields });
  }

  test('is not taken for another one of the same INVOICE and amount', () => {
    const own = { ...APPROVED, INVOICE: '1001', TRANS_AMOUNT: '5.35' };
    const { AUTH_CODE: _, CTROUTD: __, ...nameless } = own as Fields;
    for (const [before, shown, code] of [
      [own, own, 'OUTCOME_UNKNOWN'],
      [nameless, nameless, 'OUTCOME_UNKNOWN'],
      [own, { ...own, CTROUTD: '46', AUTH_CODE: 'X' }, undefined],
    ] as const) {
      const bench = new AskingBench();
      bench.request('Purchase', SALE);
      bench.say(before);
      bench.answer(DONE);
      bench.lose();
      const again = new AskingBench({ memo: bench.memo, clock: bench.clock });
      const asked = again.request('Check', check);
      again.say(shown);
      expect(asked.answer?.json.data?.string_code).toBe(code);
    }
  });

  test('whose response comes late, after the reconnection, is known from it', () => {
    const { bench, capture } = selling();
    bench.lose();
    const again = new AskingBench({ memo: bench.memo, clock: bench.clock });
    again.say({ ...APPROVED, POS_RECON: capture['POS_RECON'] ?? '' });
    expect(again.told).toEqual([]);
    expect(again.request('Check', check).answer).toMatchObject({ kind: 'result', json: { amount: 535 } });
    expect(again.asked).toEqual([]);
  });

  test('that has an outcome keeps it, whatever is sold afterwards', () => {
    const { bench } = selling();
    bench.answer(APPROVED);
    bench.answer(DONE);
    bench.request('Purchase', { ...SALE, receipt_id: '1002' });
    bench.answer(DONE);
    bench.answer(DECLINED);
    bench.answer(DONE);
    expect(bench.request('Check', check).answer).toMatchObject({ kind: 'result', json: { amount: 535 } });
  });

  test('that still runs is active', () => {
    const { bench } = selling();
    expect(bench.request('Check', check).answer?.json.data.string_code).toBe('TRANSACTION_ACTIVE');
  });
});

describe('a reversal', () => {
  const REVERSAL = {
    receipt_id: '1002',
    sequence_id: '1',
    amount: 535,
    currency: 'USD',
    original_receipt_id: '1001',
    original_sequence_id: '1',
  };
  const VOIDED = { ...APPROVED, RESULT: 'VOIDED', RESULT_CODE: '7', RESPONSE_TEXT: 'VOIDED' };

  async function reversing(bench: AskingBench, params: object = REVERSAL) {
    const asked = bench.request('Reversal', params);
    expect(bench.last['COMMAND']).toBe('LAST_TRAN');
    bench.say(OLDER);
    await settled();
    return asked;
  }

  test('is a VOID in a session of its own, with the handle that the terminal gave the sale', async () => {
    const { bench } = selling();
    bench.answer({ ...APPROVED, PAYMENT_TYPE: 'DEBIT' });
    bench.answer(DONE);
    const asked = await reversing(bench);
    expect(bench.last).toMatchObject({ COMMAND: 'START', INVOICE: '1002' });
    bench.answer(DONE);
    expect(bench.last).toEqual({
      FUNCTION_TYPE: 'PAYMENT',
      COMMAND: 'VOID',
      CTROUTD: '45',
      PAYMENT_TYPE: 'DEBIT',
      POS_RECON: expect.stringMatching(/^pb[0-9a-f]{26}$/),
    });
    bench.answer(VOIDED);
    expect(asked.answer).toMatchObject({ kind: 'result', json: { amount: 535, currency: 'USD' } });
    expect(bench.last['COMMAND']).toBe('FINISH');
  });

  test('of a sale of an earlier process finds the handle in what that one stored', async () => {
    const stored = new Map<string, StoredSale>();
    const first = new AskingBench({ memo: new TerminalMemo(memoryOf(stored)) });
    first.request('Purchase', SALE);
    first.say(OLDER);
    await settled();
    first.answer(DONE);
    first.answer(APPROVED);
    await settled();
    const bench = new AskingBench({ memo: new TerminalMemo(memoryOf(stored)) });
    await reversing(bench);
    expect(bench.last).toMatchObject({ COMMAND: 'START' });
    bench.answer(DONE);
    expect(bench.last).toMatchObject({ COMMAND: 'VOID', CTROUTD: '45', PAYMENT_TYPE: 'CREDIT' });
  });

  test('is refused where the handle is not known, the amount is another one, or the terminal refuses it', async () => {
    const unknown = await reversing(new AskingBench());
    expect(unknown.answer?.json.data.string_code).toBe('REVERSAL_REFUSED');
    const { bench } = selling();
    bench.answer(APPROVED);
    bench.answer(DONE);
    const other = await reversing(bench, { ...REVERSAL, amount: 500 });
    expect(other.answer?.json.data.string_code).toBe('REVERSAL_REFUSED');
    const refused = await reversing(bench);
    bench.answer(DONE);
    bench.answer(DECLINED);
    expect(refused.answer?.json.data).toMatchObject({
      string_code: 'REVERSAL_REFUSED',
      outcome: 'not-charged',
    });
  });

  test.each([
    ['the same amount', { TRANS_AMOUNT: '5.35' }, 'START'],
    ['another amount', { TRANS_AMOUNT: '50.00' }, 'LAST_TRAN'],
    ['no amount', { TRANS_AMOUNT: undefined }, 'LAST_TRAN'],
  ])('of a sale that only the terminal knows, with %s', async (_, fields, next) => {
    const first = selling().bench;
    const { POS_RECON = '' } = first.last;
    const bench = new AskingBench();
    const asked = bench.request('Reversal', REVERSAL);
    bench.say(
      Object.fromEntries(
        Object.entries({ ...APPROVED, POS_RECON, ...fields }).filter(([, value]) => value !== undefined),
      ) as Record<string, string>,
    );
    await settled();
    expect(bench.last['COMMAND']).toBe(next);
    if (next === 'LAST_TRAN') expect(asked.answer?.json.data.string_code).toBe('REVERSAL_REFUSED');
  });

  test('whose answer is lost is asked for by its own identifiers', async () => {
    const { bench } = selling();
    bench.answer(APPROVED);
    bench.answer(DONE);
    const asked = await reversing(bench);
    bench.answer(DONE);
    const { POS_RECON = '' } = bench.last;
    bench.lose();
    expect(asked.answer).toMatchObject({ lost: true });
    const again = new AskingBench({ memo: bench.memo, clock: bench.clock });
    const check = again.request('Check', { receipt_id: '1002', sequence_id: '1' });
    again.say({ ...VOIDED, POS_RECON });
    expect(check.answer).toMatchObject({ kind: 'result', json: { amount: 535 } });
  });
});

test('what a register stores of its sales is found by another process, and its mark stays', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'sca-'));
  try {
    const [one, two] = await Promise.all([1, 2].map(() => openSalesMemory(folder, 'terminal', Date.now())));
    expect(one?.mark).toMatch(/^[A-Z2-9]{5}$/);
    expect(two?.mark).toBe(one?.mark);
    const sale = { command: 'CAPTURE', posRecon: 'pb1', invoice: '1', amount: 535, currency: 'USD' };
    await one?.save(sale);
    expect(await two?.find('pb1')).toEqual(sale);
    expect(await two?.find('pb2')).toBeUndefined();
    const later = await openSalesMemory(folder, 'terminal', Date.now() + 61 * 86_400_000);
    expect(await later.find('pb1')).toBeUndefined();
    expect(later.mark).toBe(one?.mark);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** What outlives a process, in the test's own hands. */
function memoryOf(stored: Map<string, StoredSale>): SalesMemory {
  return {
    mark: 'TILL2',
    save: async (sale) => {
      stored.set(sale.posRecon, JSON.parse(JSON.stringify(sale)));
    },
    find: async (posRecon) => stored.get(posRecon),
  };
}

describe('which response belongs to which request', () => {
  test('POS_RECON decides, in either order', () => {
    const bench = new AskingBench();
    const version = bench.request('sca.DEVICE.VERSION', { POS_RECON: 'mine' });
    const status = bench.request('sca.SECONDARYPORT.STATUS', {});
    const [first, second] = bench.asked;
    bench.answer({ ...DONE, SECONDARY_DATA: '14' }, second);
    bench.answer({ ...DONE, VERSION_INFO: 'A=1' }, first);
    expect(version.answer?.json).toEqual({ ...DONE, VERSION_INFO: 'A=1', POS_RECON: 'mine' });
    expect(status.answer?.json).toEqual({ ...DONE, SECONDARY_DATA: '14' });
  });

  test('without POS_RECON the look of it does: SECONDARY_DATA is secondary, a mere OK is no payment', () => {
    const { bench, sale } = selling();
    const cancel = bench.request('Abort', {});
    bench.say(DONE);
    expect(cancel.answer?.kind).toBe('result');
    const status = bench.request('Status', {});
    bench.say({ ...DONE, SECONDARY_DATA: '15' });
    expect(status.answer?.kind).toBe('result');
    bench.say(APPROVED);
    expect(sale.answer?.kind).toBe('result');
  });

  test('a POS_RECON of the wrong request does not make a status an outcome', () => {
    const { bench, sale, capture } = selling();
    const status = bench.request('Status', {});
    bench.answer({ ...DONE, SECONDARY_DATA: '15' }, capture);
    expect(status.answer?.kind).toBe('result');
    expect(sale.answer).toBeUndefined();
  });

  test('an orphan reaches the applications as a late response, with the POS_RECON of its caller', () => {
    const bench = new AskingBench();
    bench.request('sca.DEVICE.SURVEY', { POS_RECON: 'mine' });
    const [asked] = bench.asked;
    bench.lose();
    const again = new AskingBench({ memo: bench.memo, mark: 'y' });
    again.answer({ ...DONE, SURVEY_DATA: '3' }, asked);
    expect(again.told).toEqual([
      { method: 'sca.LATE_RESPONSE', params: { ...DONE, SURVEY_DATA: '3', POS_RECON: 'mine' } },
    ]);
    again.say({ ...DONE, POS_RECON: 'nobody' });
    expect(again.told).toHaveLength(2);
  });

  test('notifications are told from payments of the same code by their words', () => {
    const { bench, sale } = selling();
    bench.say({
      RESPONSE_TEXT: 'CARD ENTRY SCREEN',
      RESULT: 'OK',
      RESULT_CODE: '5',
      TERMINATION_STATUS: 'SUCCESS',
    });
    bench.say({
      RESPONSE_TEXT: 'Consumer Card Entry',
      RESULT: 'OK',
      RESULT_CODE: '1',
      CARD_ENTRY_METHOD: 'TAPPED',
    });
    bench.say({ RESPONSE_TEXT: 'USE CHIP READER', RESULT: 'ERROR', RESULT_CODE: '7' });
    expect(bench.told.map(({ method, params }) => [method, params.RESULT_CODE])).toEqual([
      ['sca.NOTIFICATION', '5'],
      ['sca.NOTIFICATION', '1'],
      ['sca.NOTIFICATION', '7'],
    ]);
    expect(sale.answer).toBeUndefined();
    bench.say(APPROVED);
    expect(sale.answer?.kind).toBe('result');
  });

  test('at most one primary and one secondary request are under way', () => {
    const bench = new AskingBench();
    for (let count = 0; count < 3; count += 1) {
      bench.request('sca.DEVICE.VERSION', {});
      bench.request('sca.SECONDARYPORT.STATUS', {});
    }
    expect(bench.asked.map(({ COMMAND }) => COMMAND)).toEqual(['VERSION', 'STATUS']);
    bench.answer(DONE, bench.asked[0]);
    expect(bench.asked.map(({ COMMAND }) => COMMAND)).toEqual(['VERSION', 'STATUS', 'VERSION']);
  });

  test('what the terminal does not answer is lost in the end, and the next request goes out', () => {
    const bench = new AskingBench();
    const first = bench.request('sca.SECONDARYPORT.STATUS', {});
    bench.request('sca.SECONDARYPORT.ANY_UPDATES', {});
    bench.clock.advance(30_000);
    expect(first.answer).toMatchObject({ lost: true });
    expect(bench.last['COMMAND']).toBe('ANY_UPDATES');
  });
});

describe('a terminal that floods', () => {
  test('with messages that nobody asked for is closed, so that others are not kept waiting', () => {
    const bench = new AskingBench();
    const note = { RESPONSE_TEXT: 'CONSUMER CARD ENTRY', RESULT_CODE: '1' };
    for (let count = 0; count < 200; count += 1) bench.say(note);
    expect(bench.finished).toBeUndefined();
    bench.clock.advance(1000);
    for (let count = 0; count < 20; count += 1) bench.say(note);
    expect(bench.finished).toBeUndefined();
    bench.say(note);
    expect(bench.finished).toMatchObject({ how: 'broken' });
    expect(bench.told).toHaveLength(220);
  });
});

describe('what is no answer', () => {
  test('our own request that comes back ends the conversation: the line echoes', () => {
    const bench = new AskingBench();
    bench.request('Status', {});
    bench.conversation.receive(Buffer.from('<TRANSACTION><FUNCTION_TYPE>A</FUNCTION_TYPE></TRANSACTION>'));
    expect(bench.finished).toMatchObject({ how: 'broken', reason: { code: 'LINE_ECHOES' } });
  });

  test('rubbish in a message costs itself alone', () => {
    const bench = new AskingBench();
    const status = bench.request('Status', {});
    bench.conversation.receive(Buffer.from('<RESPONSE><A></B></RESPONSE>'));
    bench.answer(DONE);
    expect(status.answer?.kind).toBe('result');
  });

  test('methods that SCA has no words for are told so', () => {
    const bench = new AskingBench();
    for (const method of ['Totals', 'TerminalInfo', 'Print', 'sca.lower.case'])
      expect(bench.request(method, {}).answer?.json.data.string_code).toBe('JSONRPC_METHOD_NOT_FOUND');
  });

  test('a payment keeps the POS_RECON of its caller, so that the terminal knows a repeated one', () => {
    const bench = new AskingBench();
    const asked = bench.request('sca.PAYMENT.CAPTURE', { TRANS_AMOUNT: '1.00', POS_RECON: 'mine' });
    expect(bench.last['POS_RECON']).toBe('mine');
    bench.answer(APPROVED);
    expect(asked.answer?.json.sca.POS_RECON).toBe('mine');
    bench.request('sca.PAYMENT.CAPTURE', { TRANS_AMOUNT: '1.00' });
    expect(bench.last['POS_RECON']).toMatch(/^x-\d+$/);
  });

  test('a payment in the words of SCA follows the same rules: a decline is an error', () => {
    const bench = new AskingBench();
    const asked = bench.request('sca.PAYMENT.AUTH', { TRANS_AMOUNT: '1.00' });
    bench.answer(DECLINED);
    expect(asked.answer?.json.data).toMatchObject({ string_code: 'DECLINED', outcome: 'not-charged' });
  });
});

describe('over TCP, secondary requests', () => {
  test('go to the secondary port, and their responses come from it', () => {
    const bench = new AskingBench({ secondaryPort: 'next' });
    const sale = selling(bench);
    const abort = bench.request('Abort', {});
    expect(bench.last['COMMAND']).toBe('CAPTURE');
    expect(bench.beside?.port).toBe('next');
    expect(bench.beside?.asked.map(({ COMMAND }) => COMMAND)).toEqual(['CANCEL']);
    bench.beside?.say(DONE);
    expect(abort.answer?.kind).toBe('result');
    expect(sale.sale.answer).toBeUndefined();
    bench.lose();
    expect(bench.beside?.isClosed).toBe(true);
  });

  test('go to the primary port where nobody listens on the secondary one', () => {
    const bench = new AskingBench({ secondaryPort: 'next' });
    const status = bench.request('Status', {});
    expect(bench.asked).toEqual([]);
    bench.beside?.events.closed();
    expect(bench.last['COMMAND']).toBe('STATUS');
    bench.answer(DONE);
    expect(status.answer?.kind).toBe('result');
  });

  test('are lost with a secondary port that has answered before, and the next one opens it again', () => {
    const bench = new AskingBench({ secondaryPort: 5016 });
    bench.request('Status', {});
    bench.beside?.say(DONE);
    const status = bench.request('Status', {});
    bench.beside?.events.closed();
    expect(status.answer).toMatchObject({ lost: true });
    const first = bench.beside;
    bench.request('Status', {});
    expect(bench.beside).not.toBe(first);
  });
});
