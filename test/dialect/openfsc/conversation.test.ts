import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { reply } from '../../../src/dialect/reply.ts';
import {
  type BenchOptions,
  F1,
  F2,
  faultIn,
  K1,
  K2,
  loggedIn,
  multiplexed,
  SECRET1,
  SERVER_CAPS,
  SiteBench,
  site,
  TRANSACTION,
} from './kit.ts';

const PUMP_3 = { pump: 3, status: 'free' };
const errCodes = (lines: readonly string[]) => lines.map((line) => line.split(' ').slice(0, 3).join(' '));

describe('the beginning', () => {
  test('says what it can at once, without waiting for the server', () => {
    const always =
      'BEAT CHARSET CLEAR HEARTBEAT LOCKEDPUMP LOCKPUMP NEWSESSION PLAINAUTH PRICE PRICES PRODUCT PRODUCTS PUMP PUMPS PUMPSTATUS QUIT SESSIONS TRANSACTION TRANSACTIONS UNLOCKPUMP'.split(
        ' ',
      );
    const announced = (options: BenchOptions) =>
      new SiteBench({ transactionInfo: false, ...options }).lines().join('\n').split(' ').slice(2);
    expect(announced({})).toEqual(always);
    expect(announced({ transactionInfo: true })).toEqual([...always, 'TRANSACTIONINFO'].sort());
    expect(announced({ sessionMode: true })).toEqual([...always, 'SESSIONMODE'].sort());
    expect(announced({ sites: [site(), site({ legacyPan: true })] })).toEqual([...always, 'PAN'].sort());
  });

  test('ends with QUIT when the server says nothing for 30 s', () => {
    const bench = new SiteBench();
    bench.lines();
    bench.clock.advance(29_999);
    expect(bench.finished).toBeUndefined();
    bench.clock.advance(1);
    expect(bench.lines()).toEqual(['* QUIT the server has not said what it can do']);
    expect(bench.finished).toMatchObject({ how: 'ended', verdict: 'failed' });
    expect(bench.clock.timerCount).toBe(0);
  });

  test('ends with QUIT when the server begins with something else', () => {
    for (const line of ['S0 PUMPS', '* PUMP 1 free', 'rubbish', '\u0001']) {
      const bench = new SiteBench();
      bench.receive(line);
      expect(bench.finished).toMatchObject({ how: 'broken' });
      expect(bench.lines().at(-1)).toMatch(/^\* QUIT /);
      expect(bench.clock.timerCount).toBe(0);
    }
  });

  test('a QUIT before CAPABILITY is an end in good order', () => {
    const bench = new SiteBench();
    bench.receive('* QUIT come back later');
    expect(bench.finished).toMatchObject({ how: 'ended', verdict: 'failed', reason: { by: 'peer' } });
    expect(bench.lines().filter((line) => line.includes('QUIT ') && !line.includes('CAPABILITY'))).toEqual(
      [],
    );
  });

  test('without CHARSET in the list of the server it stays with ASCII', () => {
    const bench = new SiteBench({ charsets: ['UTF-8'] });
    bench.receive('* CAPABILITY PLAINAUTH');
    expect(bench.lines().at(-1)).toBe(`C0 PLAINAUTH ${K1} ${SECRET1}`);
  });

  test('asks for one charset after the other, and logs in only after the last answer', () => {
    const bench = new SiteBench({ charsets: ['UTF-8', 'WINDOWS-1252', 'ISO-8859-1'] });
    bench.receive(SERVER_CAPS);
    bench.receive('C0 ERR 404 no');
    bench.receive('C1 ERR 404 no');
    bench.receive('C2 OK');
    expect(bench.lines().slice(1)).toEqual([
      'C0 CHARSET UTF-8',
      'C1 CHARSET WINDOWS-1252',
      'C2 CHARSET ISO-8859-1',
      `C3 PLAINAUTH ${K1} ${SECRET1}`,
    ]);
  });

  test.each([
    ['UTF-8', 'M\xc3\xbcller \xe2\x82\xac'],
    ['WINDOWS-1252', 'M\xfcller \x80'],
    ['ISO-8859-1', 'M\xfcller ?'],
    [undefined, 'M?ller ?'],
  ] as const)('a price is written in %s after that', (charset, bytes) => {
    const bench = loggedIn({ charsets: charset === undefined ? [] : [charset] });
    bench.receive('S1 PRICES');
    const description = 'Müller €';
    bench.connection().result({
      prices: [{ productId: '0500', unit: 'LTR', currency: 'EUR', pricePerUnit: '1.629', description }],
    });
    expect(bench.lines()).toEqual([`* PRICE 0500 LTR EUR 1.629 ${bytes}`, 'S1 OK']);
  });

  test('a login that the server refuses with 401 is not tried again', () => {
    const bench = new SiteBench();
    bench.receive(SERVER_CAPS, `C0 ERR 401 wrong secret ${SECRET1}`);
    expect(bench.lines().at(-1)).toBe('* QUIT authentication failed');
    expect(bench.finished).toMatchObject({ verdict: 'refused' });
    expect(bench.connection().links()).toEqual(['connecting', 'connected', 'refused 401', 'closed']);
    expect(JSON.stringify(bench.connection().notifications)).not.toContain(SECRET1);
    expect(bench.clock.timerCount).toBe(0);
  });

  test('a login that fails in another way, or is not answered for 30 s, may be tried again', () => {
    const refused = new SiteBench();
    refused.receive(SERVER_CAPS, 'C0 ERR 500 busy');
    expect(refused.finished).toMatchObject({ verdict: 'failed' });
    const silent = new SiteBench();
    silent.receive(SERVER_CAPS);
    silent.clock.advance(30_000);
    expect(silent.finished).toMatchObject({ verdict: 'failed' });
  });

  test('a repeated CAPABILITY adds to the list and begins nothing anew', () => {
    const bench = loggedIn();
    bench.receive('* CAPABILITY RECEIPTINFO', '* CAPABILITY PUMP FROB');
    expect(bench.lines()).toEqual([]);
    bench.receive(`S1 CLEAR 3 x ${F1} pace`);
    bench.connection().result({ receiptInfo: [{ key: 'Receipt-No', value: '17' }] });
    expect(bench.lines()).toEqual([`* RECEIPTINFO ${F1} Receipt-No 17`, 'S1 OK']);
  });
});

describe('requests of the server', () => {
  test('go to the applications under ids that never come twice, with the site and without a session', () => {
    const bench = loggedIn();
    bench.receive(`S1 UNLOCKPUMP 1 EUR 100.00 ${F2} pace 0100 0400`);
    bench.receive(`S2 CLEAR 3 c71b F1 pace`, `S3 CLEAR 3 c71b ${F1} pace`);
    const [unlock, clear] = bench.connection().requests;
    expect([unlock?.method, unlock?.json]).toEqual([
      'openfsc.unlockPump',
      {
        siteAccessKey: K1,
        pump: 1,
        currency: 'EUR',
        credit: '100.00',
        fscTransactionId: F2,
        paymentMethod: 'pace',
        productIds: ['0100', '0400'],
      },
    ]);
    expect(clear?.json).toEqual({
      siteAccessKey: K1,
      pump: 3,
      siteTransactionId: 'c71b',
      fscTransactionId: F1,
      paymentMethod: 'pace',
    });
    expect(bench.lines()).toEqual(['S2 ERR 400 fscTransactionId is not a uuid']);
  });

  test('with the tag of one that is open get 400, and the first goes on', () => {
    const bench = loggedIn();
    bench.receive('S1 PUMPS', 'S1 PRICES');
    expect(errCodes(bench.lines())).toEqual(['S1 ERR 400']);
    bench.connection().result({ pumps: [PUMP_3] });
    expect(bench.lines()).toEqual(['* PUMP 3 free', 'S1 OK']);
    bench.receive('S1 PRICES');
    bench.connection().result({ prices: [] });
    expect(bench.lines()).toEqual(['S1 OK']);
  });

  test('two at a time get each their own lines before their own OK', () => {
    const bench = loggedIn();
    bench.receive('S1 PUMPS', 'S2 PRODUCTS');
    const [pumps, products] = bench.connection().requests;
    bench
      .connection()
      .result({ products: [{ productId: '0100', category: 'ron98', vatRate: '19.0' }] }, products);
    bench.connection().result({ pumps: [PUMP_3] }, pumps);
    expect(bench.lines()).toEqual(['* PRODUCT 0100 ron98 19.0', 'S2 OK', '* PUMP 3 free', 'S1 OK']);
  });

  test('that find nothing end with a mere OK', () => {
    const bench = loggedIn();
    for (const [index, [method, member]] of [
      ['PUMPS', 'pumps'],
      ['PRICES', 'prices'],
      ['PRODUCTS', 'products'],
      ['TRANSACTIONS', 'transactions'],
    ].entries()) {
      bench.receive(`S${index} ${method}`);
      bench.connection().result({ [member ?? '']: [] });
      expect(bench.lines()).toEqual([`S${index} OK`]);
    }
  });

  test('of an unknown method, in lower case or from the other direction get 405', () => {
    const bench = loggedIn();
    bench.receive('S1 FROBNICATE 1', 'S2 pumps', 'S3 PLAINAUTH a b', 'S4 PRICE 1', `S5 PAN ${F1} 123`);
    expect(errCodes(bench.lines())).toEqual([1, 2, 3, 4, 5].map((tag) => `S${tag} ERR 405`));
  });

  test('for pump 0 get 400; 01 is pump 1; 4294967296 goes to the application', () => {
    const bench = loggedIn();
    bench.receive(
      'S1 PUMPSTATUS 0',
      'S2 PUMPSTATUS 01',
      'S3 PUMPSTATUS 4294967296',
      'S4 PUMPSTATUS',
      'S5 PUMPSTATUS -1',
    );
    expect(errCodes(bench.lines())).toEqual(['S1 ERR 400', 'S4 ERR 400', 'S5 ERR 400']);
    expect(bench.connection().requests.map(({ json }) => json.pump)).toEqual([1, 4294967296]);
  });

  test.each(['0.00', '10', '0.10000000000000000001', '100.0', '00.5'])(
    'a credit of %s keeps its text',
    (credit) => {
      const bench = loggedIn();
      bench.receive(`S1 UNLOCKPUMP 1 EUR ${credit} ${F1} pace`);
      expect(bench.connection().last.json.credit).toBe(credit);
    },
  );

  test.each(['1,00', '-5', '+5', '1e2', '.5', '5.', '1.2.3', 'NaN'])('a credit of %s gets 400', (credit) => {
    const bench = loggedIn();
    bench.receive(`S1 UNLOCKPUMP 1 EUR ${credit} ${F1} pace`);
    expect(errCodes(bench.lines())).toEqual(['S1 ERR 400']);
  });

  test('more arguments than the method has are put up with, and spaces between them', () => {
    const bench = loggedIn();
    bench.receive('S1  PUMPSTATUS   3   30  more  ', 'S2 PUMPS 1 2');
    expect(bench.connection().requests.map(({ json }) => json)).toEqual([
      { siteAccessKey: K1, pump: 3, updateTtl: 30 },
      { siteAccessKey: K1 },
    ]);
  });

  test('without a tag are no requests; nothing is said about them', () => {
    const bench = loggedIn();
    bench.receive(
      '* PUMPS',
      '* FROBNICATE',
      '* TRANSACTIONINFO',
      '* PRICE x',
      'C9 OK',
      'C9 ERR 400',
      'S1 BEAT x',
    );
    expect(bench.lines()).toEqual([]);
    expect(bench.connection().requests).toEqual([]);
  });

  test('PUSH is answered with a mere OK', () => {
    const bench = loggedIn();
    bench.receive('S1 PUSH');
    expect(bench.lines()).toEqual(['S1 OK']);
  });

  test('a notification with a tag is taken and answered with OK', () => {
    const bench = loggedIn();
    bench.receive(`S1 TRANSACTIONINFO ${F1} PAN 92873498723498792384`, `S2 CLEAR 3 x ${F1} pace`);
    expect(bench.lines()).toEqual(['S1 OK']);
    expect(bench.connection().last.json.transactionInfo).toEqual({ pan: '92873498723498792384', mileage: 0 });
  });

  test('before the login get 403, after unknown methods got 405 and before arguments are looked at', () => {
    const bench = new SiteBench();
    bench.receive(SERVER_CAPS, 'S1 FROBNICATE', 'S2 PUMPSTATUS', 'S3 HEARTBEAT');
    expect(errCodes(bench.lines().slice(2))).toEqual(['S1 ERR 405', 'S2 ERR 403', 'S3 ERR 400']);
  });

  test('the errors of an application become ERR lines', () => {
    const bench = loggedIn();
    const ask = (error: object) => {
      bench.receive('S1 PUMPS');
      reply(bench.connection().last, 'error', Buffer.from(JSON.stringify(error)));
      return bench.lines();
    };
    expect(ask({ code: 1, message: 'no\r\nsuch  pump', data: { fscCode: 404 } })).toEqual([
      'S1 ERR 404 no such pump',
    ]);
    expect(ask({ code: -32601, message: 'm' })).toEqual(['S1 ERR 405 m']);
    expect(ask({ code: -32602, message: 'm' })).toEqual(['S1 ERR 400 m']);
    expect(ask({ code: 1, message: 'm', data: { fscCode: 399 } })).toEqual(['S1 ERR 500 m']);
    expect(ask({ code: 1, message: 'm', data: { fscCode: 600 } })).toEqual(['S1 ERR 500 m']);
    expect(ask({ code: 1, message: '', data: { fscCode: '404' } })).toEqual(['S1 ERR 500']);
  });

  test('a malformed result is told to the application, and names no value', () => {
    const bench = loggedIn();
    bench.receive('S1 PUMPS', 'S2 TRANSACTIONS');
    const [pumps, transactions] = bench.connection().requests;
    const why = (request: typeof pumps, result: object) =>
      request && faultIn(request.prepare('result', Buffer.from(JSON.stringify(result))))?.why;
    expect(why(pumps, {})).toBe('pumps is no array');
    expect(why(pumps, { pumps: [PUMP_3, { pump: '3', status: 'free' }] })).toBe(
      'pumps[1]: pump is no number',
    );
    expect(why(pumps, { pumps: [{ pump: 3, status: 'open' }] })).toMatch(
      /^pumps\[0\]: status is not one of free,/,
    );
    expect(why(transactions, { transactions: [{ ...TRANSACTION, priceWithVat: 79.58 }] })).toBe(
      'transactions[0]: priceWithVat is no string',
    );
    expect(why(transactions, { transactions: [{ ...TRANSACTION, pricePerUnit: undefined }] })).toBe(
      'transactions[0]: pricePerUnit is missing',
    );
    expect(why(pumps, { pumps: [PUMP_3] })).toBeUndefined();
  });

  test('a name keeps its spaces; words that are deprecated are never sent', () => {
    const bench = loggedIn();
    bench.receive('S1 PRODUCTS', 'S2 PRICES', 'S3 PUMPS');
    const [products, prices, pumps] = bench.connection().requests;
    const product = { productId: '1', category: 'careDiesel', vatRate: '19.0', unit: 'LTR' };
    bench.connection().result(
      {
        products: [
          { ...product, name: '  a  b ' },
          { ...product, name: ' ' },
        ],
      },
      products,
    );
    const price = { productId: '1', unit: 'LTR', currency: 'EUR', pricePerUnit: '1.0' };
    bench.connection().result({ prices: [{ ...price, description: ' x\ny ' }] }, prices);
    bench.connection().result({ pumps: [{ pump: 1, status: 'in-transaction' }] }, pumps);
    expect(bench.lines()).toEqual([
      '* PRODUCT 1 dieselHvo 19.0 LTR   a  b ',
      '* PRODUCT 1 dieselHvo 19.0 LTR  ',
      'S1 OK',
      '* PRICE 1 LTR EUR 1.0  x y ',
      'S2 OK',
      '* PUMP 1 in-use',
      'S3 OK',
    ]);
  });

  test('a receipt goes before the OK of a CLEAR, to a server that takes it', () => {
    for (const takes of [true, false]) {
      const bench = loggedIn();
      bench.receive(`${SERVER_CAPS}${takes ? ' RECEIPTINFO' : ''}`, `S1 CLEAR 3 x ${F1} pace`);
      bench.connection().result({ receiptInfo: [{ key: 'Receipt-No', value: '17' }] });
      expect(bench.lines()).toEqual([...(takes ? [`* RECEIPTINFO ${F1} Receipt-No 17`] : []), 'S1 OK']);
    }
  });
});

describe('heartbeats', () => {
  test('are answered at once and ahead of what waits, in every state', () => {
    const bench = new SiteBench();
    bench.receive(SERVER_CAPS, 'S1 HEARTBEAT 2030-01-01T00:00:00Z');
    expect(bench.lines().slice(2)).toEqual(['S1 BEAT 2030-01-01T00:00:00.000Z', 'S1 OK']);
    bench.receive('C0 OK', 'S2 PUMPS');
    bench.clock.advance(15_000);
    bench.receive('S3 HEARTBEAT 2030-01-01T00:00:15Z');
    expect(bench.urgent.slice(-2)).toEqual(['S3 BEAT 2030-01-01T00:00:15.000Z', 'S3 OK']);
  });

  test.each([
    'yesterday',
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '2026-01-01T25:00:00Z',
    '2026-01-01T00:00:00',
  ])('of %s get 422', (time) => {
    const bench = loggedIn();
    bench.receive(`S1 HEARTBEAT ${time}`);
    expect(errCodes(bench.lines())).toEqual(['S1 ERR 422']);
  });

  test('tell the ui when the clocks differ, and again when that changes', () => {
    const bench = loggedIn();
    const beat = (time: string) => bench.receive(`S1 HEARTBEAT ${time}`);
    beat('2030-01-01T00:00:01Z');
    beat('2030-01-01T01:00:05.500+01:00');
    beat('2030-01-01T00:00:06Z');
    beat('2030-01-01T00:00:00Z');
    const drifts = bench.connection().notifications.filter(({ method }) => method === 'openfsc.drift');
    expect(drifts.map(({ params }) => params.driftMs)).toEqual([5500, 0]);
  });
});

describe('pushes', () => {
  test('are sent as they come, but never what the server knows', () => {
    const bench = loggedIn();
    const push = (status: string) => bench.connection().push('openfsc.pump', { pump: 3, status });
    for (const status of ['free', 'free', 'in-use', 'in-use', 'free']) push(status);
    expect(bench.lines()).toEqual(['* PUMP 3 free', '* PUMP 3 in-use', '* PUMP 3 free']);
    bench.receive('S1 PUMPSTATUS 3');
    bench.connection().result({ pump: 3, status: 'ready-to-pay' });
    push('ready-to-pay');
    expect(bench.lines()).toEqual(['* PUMP 3 ready-to-pay', 'S1 OK']);
    bench.connection().push('openfsc.transaction', TRANSACTION);
    bench.connection().push('openfsc.transaction', TRANSACTION);
    bench.connection().push('openfsc.transaction', { ...TRANSACTION, status: 'deferred' });
    expect(bench.lines().map((line) => line.split(' ')[4])).toEqual(['open', 'deferred']);
  });

  test('wait for nobody: before the login, in passive mode and after the end they are dropped', () => {
    const bench = new SiteBench();
    bench.receive(SERVER_CAPS);
    bench.lines();
    bench.connection().push('openfsc.pump', PUMP_3);
    bench.receive('C0 OK', '* SESSIONMODE passive');
    bench.connection().push('openfsc.pump', PUMP_3);
    expect(bench.lines()).toEqual([]);
    bench.receive('* SESSIONMODE active');
    bench.connection().push('openfsc.pump', PUMP_3);
    expect(bench.lines()).toEqual(['* PUMP 3 free']);
    const modes = bench.connection().notifications.filter(({ method }) => method === 'openfsc.sessionMode');
    expect(modes.map(({ params }) => params.mode)).toEqual(['passive', 'active']);
  });

  test('that make no sense are told back to the application', () => {
    const { peer } = loggedIn().connection();
    const fault = (method: string, params: object) =>
      faultIn(peer.notify(JSON.stringify(method), Buffer.from(JSON.stringify(params))));
    expect(fault('openfsc.pump', PUMP_3)).toBeUndefined();
    expect(fault('openfsc.pump', { pump: 3 })).toEqual({
      code: 'JSONRPC_INVALID_PARAMS',
      why: 'status is missing',
    });
    expect(fault('openfsc.pump', { pump: 1.5, status: 'free' })?.why).toBe(
      'pump is not a whole number from 1 on',
    );
    expect(fault('openfsc.price', { productId: 'a b' })?.why).toBe(
      'productId is not one word of printable ASCII characters',
    );
    expect(fault('openfsc.frob', {})?.code).toBe('JSONRPC_METHOD_NOT_FOUND');
  });

  test('with push=subscribed are sent for as long as the server has asked for, and renewed', () => {
    const bench = loggedIn({ push: 'subscribed' });
    let status = 'free';
    const change = () => {
      status = status === 'free' ? 'in-use' : 'free';
      bench.connection().push('openfsc.pump', { pump: 3, status });
      return bench.lines().length;
    };
    const subscribe = (ttl: string) => {
      bench.receive(`S1 PUMPSTATUS 3${ttl}`);
      bench.connection().result({ pump: 3, status });
      bench.lines();
    };
    expect(change()).toBe(0);
    subscribe(' 30');
    bench.clock.advance(29_900);
    expect(change()).toBe(1);
    bench.clock.advance(200);
    expect(change()).toBe(0);
    subscribe(' 30');
    bench.clock.advance(20_000);
    subscribe(' 30');
    subscribe('');
    bench.clock.advance(29_900);
    expect(change()).toBe(1);
    bench.connection().push('openfsc.pump', { pump: 4, status });
    bench.connection().push('openfsc.transaction', TRANSACTION);
    expect(bench.lines()).toEqual([]);
    bench.receive('S2 TRANSACTIONS 3 300');
    bench.connection().result({ transactions: [] });
    bench.clock.advance(299_000);
    bench.connection().push('openfsc.transaction', TRANSACTION);
    expect(bench.lines()).toHaveLength(2);
  });

  test.each([
    ['29', ['S1 ERR 416']],
    ['301', ['S1 ERR 416']],
    ['30', []],
    ['300', []],
  ])('a time to live of %s', (ttl, lines) => {
    const bench = loggedIn();
    bench.receive(`S1 PUMPSTATUS 3 ${ttl}`);
    expect(errCodes(bench.lines())).toEqual(lines);
    expect(bench.connection().requests).toHaveLength(1 - lines.length);
  });
});

describe('LOCKEDPUMP', () => {
  test('is asked by an application, and the answer of the server comes back to it', () => {
    const bench = loggedIn();
    const params = { pump: 2, fscTransactionId: F1, reason: 'aborted' };
    const [first, second] = [1, 2].map(() => bench.connection().ask('openfsc.lockedPump', params));
    expect(bench.lines()).toEqual([`C1 LOCKEDPUMP 2 ${F1} aborted`, `C2 LOCKEDPUMP 2 ${F1} aborted`]);
    bench.receive('C2 OK', 'C1 ERR 404 unknown pair');
    expect(second?.answer).toEqual({ kind: 'result', json: {} });
    expect(first?.answer).toEqual({
      kind: 'error',
      json: {
        code: 1,
        message: 'unknown pair',
        data: { string_code: 'FSC_404', details: 'unknown pair', fscCode: 404 },
      },
    });
  });

  test('without an answer for 30 s, or with the end of the session, ends for the application too', () => {
    const bench = loggedIn();
    const params = { pump: 2, fscTransactionId: F1, reason: 'timeout' };
    const late = bench.connection().ask('openfsc.lockedPump', params);
    bench.clock.advance(30_000);
    expect(late.answer?.json.data.string_code).toBe('TIMEOUT');
    const lost = bench.connection().ask('openfsc.lockedPump', params);
    bench.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
    expect(lost.answer?.json.data.string_code).toBe('CONNECTION_CLOSED');
  });

  test('with a bad argument does not reach the server', () => {
    const bench = loggedIn();
    for (const params of [
      {},
      { pump: '2', fscTransactionId: F1, reason: 'x' },
      { pump: 2, fscTransactionId: 'x', reason: 'x' },
    ]) {
      expect(bench.connection().ask('openfsc.lockedPump', params).answer?.json.code).toBe(-32602);
    }
    expect(bench.connection().ask('openfsc.nothing', {}).answer?.json.code).toBe(-32601);
    expect(bench.lines()).toEqual([]);
  });
});

describe('transaction information', () => {
  const info = (bench: SiteBench, id: string, key: string, value: string) =>
    bench.receive(`* TRANSACTIONINFO ${id} ${key} ${value}`);
  const taken = (bench: SiteBench, id = F1) => {
    bench.receive(`S1 CLEAR 3 x ${id} pace`);
    const { transactionInfo } = bench.connection().last.json;
    bench.connection().result({});
    bench.lines();
    return transactionInfo;
  };

  test('is handed over once, with the last value of each key', () => {
    const bench = loggedIn();
    info(bench, F1, 'PAN', '1');
    info(bench, F1.toUpperCase(), 'PAN', '92873498723498792384');
    info(bench, F1, 'ApprovalCode', '043972');
    info(bench, F1, 'Mileage', '176439');
    info(bench, F1, 'Driver', 'a "b" \\');
    expect(taken(bench)).toEqual({
      pan: '92873498723498792384',
      approvalCode: '043972',
      mileage: 176439,
      other: { Driver: 'a "b" \\' },
    });
    expect(taken(bench)).toBeUndefined();
  });

  test('that is no number where one is meant is carried along as it is', () => {
    const bench = loggedIn();
    info(bench, F1, 'Mileage', '0176439');
    info(bench, F1, 'PAN', '12 34');
    expect(taken(bench)).toEqual({ other: { Mileage: '0176439', PAN: '12 34' } });
  });

  test('is gone ten minutes later, and with the session', () => {
    const bench = loggedIn();
    info(bench, F1, 'PAN', '123');
    bench.clock.advance(599_999);
    info(bench, F2, 'PAN', '456');
    bench.clock.advance(1);
    expect(taken(bench, F1)).toBeUndefined();
    expect(taken(bench, F2)).toEqual({ pan: '456', mileage: 0 });
    info(bench, F2, 'PAN', '456');
    bench.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
    expect(bench.clock.timerCount).toBe(0);
  });

  test('is gone after LOCKPUMP and LOCKEDPUMP, and when it comes after its request was answered', () => {
    const bench = loggedIn();
    bench.receive(`S1 UNLOCKPUMP 1 EUR 5 ${F1} pace`);
    info(bench, F1, 'PAN', '1');
    bench.connection().result({});
    expect(taken(bench)).toBeUndefined();
    bench.receive(`S1 UNLOCKPUMP 1 EUR 5 ${F1} pace`);
    bench.connection().result({});
    info(bench, F1, 'PAN', '2');
    bench.receive('S2 LOCKPUMP 1');
    bench.connection().result({});
    expect(taken(bench)).toBeUndefined();
    info(bench, F1, 'PAN', '3');
    bench.lines();
    bench.connection().ask('openfsc.lockedPump', { pump: 1, fscTransactionId: F1, reason: 'aborted' });
    bench.receive(`${bench.lines()[0]?.split(' ')[0]} OK`);
    expect(taken(bench)).toBeUndefined();
  });

  test('of 65 transactions loses the oldest', () => {
    const bench = loggedIn();
    const id = (index: number) => `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`;
    for (let index = 0; index < 65; index += 1) info(bench, id(index), 'PAN', '1');
    expect(taken(bench, id(0))).toBeUndefined();
    expect(taken(bench, id(1))).toEqual({ pan: '1', mileage: 0 });
    expect(taken(bench, id(64))).toEqual({ pan: '1', mileage: 0 });
  });

  test('that is malformed or too much is dropped', () => {
    const bench = loggedIn();
    bench.receive(
      '* TRANSACTIONINFO',
      `* TRANSACTIONINFO ${F1}`,
      `* TRANSACTIONINFO ${F1} PAN`,
      '* TRANSACTIONINFO x PAN 1',
    );
    info(bench, F1, 'PAN', '9'.repeat(257));
    for (let index = 0; index < 20; index += 1) info(bench, F1, `K${index}`, '1');
    expect(Object.keys(taken(bench)?.other ?? {})).toHaveLength(16);
  });

  test('PAN, the old way, is taken where the site says so', () => {
    const bench = loggedIn({ sites: [site({ legacyPan: true })] });
    bench.receive(`S0 PAN ${F1} 1234567890123456789`);
    expect(bench.lines()).toEqual(['S0 OK']);
    expect(taken(bench)).toEqual({ pan: '1234567890123456789', mileage: 0 });
  });
});

describe('many sites on one wire', () => {
  const two = [site(), site({ name: 's2', siteAccessKey: K2, priority: 2 })];

  test('each is a connection of its own', () => {
    const bench = multiplexed(two);
    expect(bench.connections.map(({ identity }) => identity)).toEqual(['s1', 's2']);
    expect(bench.connections.map((one) => one.links())).toEqual([
      ['connecting', 'connected', 'authenticated'],
      ['connecting', 'connected', 'authenticated'],
    ]);
    expect(bench.sent).toContain('C1 NEWSESSION s2 2');
    bench.receive('s2.S1 PUMPS', 's1.S1 PUMPS');
    bench.connection('s1').result({ pumps: [] });
    bench.connection('s2').result({ pumps: [{ pump: 7, status: 'locked' }] });
    expect(bench.lines()).toEqual(['s1.S1 OK', 's2.* PUMP 7 locked', 's2.S1 OK']);
  });

  test('the initial connection takes no site requests; unknown sessions get 400', () => {
    const bench = multiplexed(two);
    bench.receive(
      'S1 PUMPS',
      's9.S1 PUMPS',
      'S2.S1 PUMPS',
      's9.* QUIT',
      'S2 HEARTBEAT 2030-01-01T00:00:00Z',
      's2.S3 HEARTBEAT 2030-01-01T00:00:00Z',
    );
    expect(errCodes(bench.lines())).toEqual([
      'S1 ERR 403',
      's9.S1 ERR 400',
      // Capital letters make another name.
      'S2.S1 ERR 400',
      'S2 BEAT 2030-01-01T00:00:00.000Z',
      'S2 OK',
      's2.S3 BEAT 2030-01-01T00:00:00.000Z',
      's2.S3 OK',
    ]);
  });

  test.each([
    [401, 300_000],
    [409, 1000],
  ])('a login refused with %i leaves the others alone, and is tried again after %i ms', (code, delayMs) => {
    const bench = new SiteBench({ sites: two, usesSessions: true });
    bench.receive(SERVER_CAPS, 'C0 OK', 'C1 OK', `s1.C0 ERR ${code} no`, 's2.C0 OK');
    expect(bench.connections.map((one) => one.links().at(-1))).toEqual([`refused ${code}`, 'authenticated']);
    expect(bench.sent.some((line) => line.startsWith('s1.* QUIT'))).toBe(true);
    bench.lines();
    bench.receive('s2.S1 PUMPS');
    bench.connection('s2').result({ pumps: [] });
    expect(bench.lines()).toEqual(['s2.S1 OK']);
    bench.clock.advance(delayMs / 2 - 1);
    expect(bench.lines()).toEqual([]);
    bench.clock.advance(delayMs / 2 + 1);
    expect(bench.lines()).toEqual(['C2 NEWSESSION s1']);
  });

  test('when all of them are refused with 401 the wire is given up', () => {
    const bench = new SiteBench({ sites: two, usesSessions: true });
    bench.receive(SERVER_CAPS, 'C0 OK', 'C1 OK', 's1.C0 ERR 401 no');
    expect(bench.finished).toBeUndefined();
    bench.receive('s2.C0 ERR 401 no');
    expect(bench.finished).toMatchObject({ verdict: 'refused' });
    expect(bench.sent.at(-1)).toBe('* QUIT authentication failed');
    expect(bench.clock.timerCount).toBe(0);
  });

  test('an application may have the next attempt now', () => {
    const bench = new SiteBench({ sites: two, usesSessions: true });
    bench.receive(SERVER_CAPS, 'C0 OK', 'C1 OK', 's1.C0 ERR 401 no', 's2.C0 OK');
    bench.lines();
    expect(bench.connection('s1').ask('openfsc.login', {}).answer?.kind).toBe('result');
    bench.clock.advance(0);
    expect(bench.lines()).toEqual(['C2 NEWSESSION s1']);
  });

  test.each([400, 409])('a session id that is taken (%i) is tried again later', (code) => {
    const bench = new SiteBench({ sites: two, usesSessions: true });
    bench.receive(SERVER_CAPS, `C0 ERR ${code} in use`, 'C1 OK', 's2.C0 OK');
    bench.lines();
    bench.clock.advance(1000);
    expect(bench.lines()).toEqual(['C2 NEWSESSION s1']);
  });

  test('the QUIT of one session leaves the others alone; the site logs in again at once', () => {
    const bench = multiplexed(two);
    bench.clock.advance(60_000);
    bench.receive('s1.S1 PUMPS', 's1.* QUIT maintenance');
    expect(bench.connection('s1').reports).toEqual(['closed CONNECTION_CLOSED peer']);
    expect(bench.connection('s2').isClosed).toBe(false);
    expect(reply(bench.connection('s1').last, 'result', Buffer.from('{"pumps":[]}'))).toBe('closed');
    bench.clock.advance(0);
    expect(bench.lines()).toEqual(['C2 NEWSESSION s1']);
    bench.receive('C2 OK', 's1.C0 OK');
    expect(bench.connection('s1').links()).toEqual(['connecting', 'connected', 'authenticated']);
    expect(bench.finished).toBeUndefined();
  });

  test('the QUIT of the connection ends them all', () => {
    const bench = multiplexed(two);
    bench.receive('* QUIT all');
    expect(bench.connections.map((one) => one.reports)).toEqual([
      ['closed CONNECTION_CLOSED peer'],
      ['closed CONNECTION_CLOSED peer'],
    ]);
    expect(bench.finished).toMatchObject({ how: 'ended', verdict: 'failed' });
    expect(bench.clock.timerCount).toBe(0);
  });

  test('a bridge that stops says goodbye on the connection when its sessions are gone', () => {
    const bench = multiplexed(two);
    const reason = { code: 'CONNECTION_CLOSED', text: 'bye', by: 'us' } as const;
    bench.conversation.stop();
    expect(bench.finished).toBeUndefined();
    for (const { peer } of bench.connections) peer.close(reason);
    expect(bench.lines()).toEqual(['s1.* QUIT bye', 's2.* QUIT bye', '* QUIT the bridge is being stopped']);
    expect(bench.finished).toMatchObject({ how: 'ended', verdict: undefined });
    expect(bench.clock.timerCount).toBe(0);
  });

  test('an application asks which sessions there are', () => {
    const bench = multiplexed(two);
    const asked = bench.connection('s1').ask('openfsc.sessions', {});
    const [tag] = bench.lines()[0]?.split(' ') ?? [];
    bench.receive(`* SESSION s1 1 ${K1}`, '* SESSION 1337 1', `${tag} OK`);
    expect(asked.answer?.json).toEqual({
      sessions: [
        { sessionId: 's1', priority: 1, siteAccessKey: K1 },
        { sessionId: '1337', priority: 1 },
      ],
    });
  });

  test('a server without NEWSESSION gets a wire for each site', () => {
    const bench = new SiteBench({ sites: two, usesSessions: true, canBranch: true });
    bench.receive('* CAPABILITY PLAINAUTH');
    expect(bench.branches).toEqual(['s2']);
    expect(bench.lines().at(-1)).toBe(`C0 PLAINAUTH ${K1} ${SECRET1}`);
  });

  test('on a wire that cannot be opened twice only the first site is served, and the log says so', () => {
    const errors: string[] = [];
    const log = { ...silentLogger, error: (event: string) => void errors.push(event) };
    const bench = new SiteBench({ sites: two, usesSessions: true, log });
    bench.receive('* CAPABILITY PLAINAUTH', 'C0 OK');
    expect(bench.connections.map(({ identity }) => identity)).toEqual(['s1']);
    expect(errors).toEqual([expect.stringContaining('cannot be opened twice')]);
  });

  test('200 sites: one that nobody answers for holds up no other, and every heartbeat is answered', () => {
    const sites = Array.from({ length: 200 }, (_, index) =>
      site({ name: `s${index}`, siteAccessKey: K1.replace(/^.{3}/, String(index).padStart(3, '0')) }),
    );
    const bench = multiplexed(sites);
    expect(bench.connections.filter((one) => one.links().at(-1) === 'authenticated')).toHaveLength(200);
    for (const { name } of sites)
      bench.receive(`${name}.S1 PUMPS`, `${name}.S2 HEARTBEAT 2030-01-01T00:00:00Z`);
    for (const { name } of sites.slice(1)) bench.connection(name).result({ pumps: [] });
    const lines = bench.lines();
    expect(lines.filter((line) => line.endsWith('S2 OK'))).toHaveLength(200);
    expect(lines.filter((line) => line.endsWith('S1 OK'))).toHaveLength(199);
  });

  test('a login that the server never answers holds up no other site', () => {
    const bench = new SiteBench({ sites: two, usesSessions: true });
    bench.receive(SERVER_CAPS, 'C0 OK', 'C1 OK', 's2.C0 OK');
    expect(bench.connection('s2').links().at(-1)).toBe('authenticated');
    bench.clock.advance(30_000);
    expect(bench.connection('s1').links().at(-1)).toBe('refused');
    expect(bench.finished).toBeUndefined();
  });
});

describe('the end', () => {
  test('a line of 8193 bytes gets 400, then QUIT', () => {
    const bench = loggedIn();
    bench.receive(`S1 PUMPS ${'x'.repeat(8193 - 11)}`);
    expect(bench.lines()).toEqual(['S1 ERR 400 the line is too long', '* QUIT the line is too long']);
    expect(bench.finished).toMatchObject({ how: 'broken' });
  });

  test('a line without an end is over at 8192 bytes, whatever comes in how many pieces', () => {
    for (const piece of [1, 7, 1000, 100_000]) {
      const bench = loggedIn();
      let sent = 0;
      bench.conversation.receive(Buffer.from('S1 PUMPS '));
      for (; bench.finished === undefined && sent < 1_000_000; sent += piece)
        bench.conversation.receive(Buffer.alloc(piece, 'x'));
      expect(sent).toBeLessThan(8192 + piece);
      expect(bench.lines()).toEqual(['S1 ERR 400 the line is too long', '* QUIT the line is too long']);
      expect(bench.finished).toMatchObject({ how: 'broken' });
    }
  });

  test('bytes that do not fit the charset get 406, and the connection goes on', () => {
    const bench = loggedIn();
    bench.receive('S1 CLEAR 3 m\xfcller x y', 'S2 PUMPS');
    expect(errCodes(bench.lines())).toEqual(['S1 ERR 406']);
    expect(bench.connection().requests).toHaveLength(1);
  });

  test('malformed lines get 400, and the connection goes on', () => {
    const bench = loggedIn();
    bench.receive('S1.S2.S3 PUMPS', '.S1 PUMPS', '*.S1 PUMPS', 'S9 PU-MPS', 'S8 PU\rMPS', '', '   ');
    expect(errCodes(bench.lines())).toEqual([
      'S1.S2.S3 ERR 400',
      '.S1 ERR 400',
      '*.S1 ERR 400',
      'S9 ERR 400',
      'S8 ERR 400',
    ]);
    expect(bench.finished).toBeUndefined();
  });

  test('a late answer after the loss goes nowhere', () => {
    const bench = loggedIn();
    bench.receive(`S1 CLEAR 3 x ${F1} pace`);
    bench.lines();
    bench.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
    expect(reply(bench.connection().last, 'result', Buffer.from('{}'))).toBe('closed');
    expect(bench.lines()).toEqual([]);
    expect(bench.finished).toMatchObject({ how: 'lost', verdict: 'failed' });
    expect(bench.clock.timerCount).toBe(0);
  });

  test('the end of input lets what is open be answered', () => {
    const bench = loggedIn();
    bench.receive('S1 PUMPS');
    bench.conversation.endOfInput();
    expect(bench.connection().reports).toEqual(['inputEnded CONNECTION_CLOSED']);
    bench.connection().result({ pumps: [] });
    bench.connection().peer.close({ code: 'CONNECTION_CLOSED', text: 'over', by: 'us' });
    expect(bench.lines()).toEqual(['S1 OK', '* QUIT over']);
    expect(bench.finished).toMatchObject({ how: 'ended', verdict: 'failed' });
  });

  test('five seconds after the end of input nothing is waited for any more', () => {
    const bench = loggedIn();
    bench.receive(`S1 CLEAR 3 x ${F1} pace`);
    bench.conversation.endOfInput();
    bench.clock.advance(4999);
    expect(bench.finished).toBeUndefined();
    bench.clock.advance(1);
    expect(bench.finished).toMatchObject({ how: 'lost', verdict: 'failed' });
    expect(bench.clock.timerCount).toBe(0);
  });

  test('a QUIT with a tag is a QUIT', () => {
    const bench = loggedIn();
    bench.receive('S1 QUIT now');
    expect(bench.finished).toMatchObject({ verdict: 'failed' });
    const many = multiplexed([site(), site({ name: 's2', siteAccessKey: K2 })]);
    many.receive('s1.S1 QUIT now');
    expect([many.connection('s1').isClosed, many.connection('s2').isClosed]).toEqual([true, false]);
  });

  test('the end of input before the login is the end', () => {
    const bench = new SiteBench();
    bench.conversation.endOfInput();
    expect(bench.finished).toMatchObject({ verdict: 'failed' });
    expect(bench.clock.timerCount).toBe(0);
  });
});
