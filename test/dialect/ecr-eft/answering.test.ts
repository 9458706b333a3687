import { describe, expect, test } from 'vitest';
import { ACK } from '../../../src/dialect/ecr-eft/frame-decoder.ts';
import { frameNamed, frameOf, rawFrame } from './frames.ts';
import { answer, answering, error, lastOf, paramsOf, s1 } from './kit.ts';

const ACKED = Buffer.from([ACK]);
const APPROVED = { amount: 928, currency: 'PLN' };

describe('S1', () => {
  test('becomes a Purchase: the gross amount is the amount, everything else stands beside it', () => {
    const end = answering();
    expect(end.say(frameNamed('s1'))).toEqual(['ACK']);
    const [request] = lastOf(end).requests;
    expect(request).toMatchObject({ method: 'Purchase', methodText: '"Purchase"' });
    expect(request && paramsOf(request)).toEqual({
      receipt_id: '6',
      sequence_id: 'ABC1234567890',
      amount: 928,
      currency: 'PLN',
      'ecr-eft': {
        ecr_id: 'ABC1234567890',
        net: 828,
        vat: 100,
        cashback: 0,
        cashback_limit: 30000,
      },
    });
  });

  test('is answered by S2 with the fields that the result has, as in the worked frame', () => {
    const end = answering();
    end.receive(frameNamed('s1'));
    end.bytes();
    const result = {
      ...APPROVED,
      cashback_amount: 0,
      transaction_id: 'X1',
      card_scheme: 'CARD',
      response_text: 'OK',
      'ecr-eft': { merchant_id: 'M1', terminal_id: 'T1' },
    };
    expect(answer(lastOf(end).requests[0], 'result', result)).toBe('sent');
    expect(end.bytes()).toEqual(frameNamed('s2-success'));
    expect(answer(lastOf(end).requests[0], 'result', result)).toBe('closed');
  });

  test('is answered by result 993 while the terminal is busy, as in the worked frame', () => {
    const end = answering();
    end.receive(frameNamed('s1'));
    end.bytes();
    expect(answer(lastOf(end).requests[0], 'error', error('BUSY'))).toBe('sent');
    expect(end.bytes()).toEqual(frameNamed('s2-busy'));
  });

  test.each([
    ['CHANNEL_UNAVAILABLE', {}, '993', 'Payment endpoint busy'],
    ['DUPLICATE_TRANSACTION', { display_message: 'already paid' }, '994', 'already paid'],
    ['DECLINED', { display_message: 'Płatność odrzucona' }, '999', 'Platnosc odrzucona'],
    ['JOURNAL_UNAVAILABLE', {}, '999', 'It is JOURNAL_UNAVAILABLE.'],
    ['DECLINED', { 'ecr-eft': { result: 116 } }, '116', 'It is DECLINED.'],
    ['DECLINED', { 'ecr-eft': { result: 4294967295 } }, '4294967295', 'It is DECLINED.'],
    ['DECLINED', { 'ecr-eft': { result: 0 } }, '999', 'It is DECLINED.'],
    ['DECLINED', { 'ecr-eft': { result: '0' } }, '999', 'It is DECLINED.'],
    ['DECLINED', { 'ecr-eft': { result: -5 } }, '999', 'It is DECLINED.'],
    ['DECLINED', { 'ecr-eft': { result: 4294967296 } }, '999', 'It is DECLINED.'],
  ])('the error %s with %j becomes result %s', (code, data, result, text) => {
    const end = answering();
    end.say(frameNamed('s1'));
    answer(lastOf(end).requests[0], 'error', error(code, data));
    expect(end.said()).toEqual([`2A31 S2 ${result},,M000,T000,N/A,,,NONE,${text}`]);
  });

  test.each([
    ['another currency', { amount: 928, currency: 'EUR' }],
    ['an amount that is no whole number', { amount: 9.28, currency: 'PLN' }],
    ['a negative amount', { amount: -928, currency: 'PLN' }],
    ['an amount of 13 digits', { amount: 1234567890123, currency: 'PLN' }],
  ])('a result with %s cannot be said, and the register hears nothing', (_title, result) => {
    const end = answering();
    end.say(frameNamed('s1'));
    expect(answer(lastOf(end).requests[0], 'result', result)).toBe('JSONRPC_INVALID_PARAMS');
    expect(end.said()).toEqual([]);
    expect(answer(lastOf(end).requests[0], 'result', APPROVED)).toBe('sent');
  });

  test('texts are cut to what a field takes, a card token passes only as hexadecimal digits', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    const own = { card_token: 'ab'.repeat(32), terminal_id: 't'.repeat(30), message: 'm'.repeat(200) };
    answer(lastOf(end).requests[0], 'result', { ...APPROVED, card_scheme: 'Visa', 'ecr-eft': own });
    expect(end.said()).toEqual([
      `2A31 S2 0,${'AB'.repeat(32)},,${'t'.repeat(20)},,928,,Visa,${'m'.repeat(80)}`,
    ]);
    end.say(ACKED, s1(1, '7'));
    answer(lastOf(end).requests[1], 'result', { ...APPROVED, 'ecr-eft': { card_token: 'xyz' } });
    expect(end.said()).toEqual(['1 S2 0,,,,,928,,CARD,']);
  });

  test('an amount below what was asked for is said as it is', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    answer(lastOf(end).requests[0], 'result', { amount: 500, currency: 'PLN' });
    expect(end.said()).toEqual(['2A31 S2 0,,,,,500,,CARD,']);
  });
});

describe('S1 that is refused before anything begins', () => {
  const refused = (fields: string[], rules = {}) => {
    const end = answering({}, rules);
    const said = end.say(frameOf(5, 'S1', ...fields));
    expect(lastOf(end).requests).toEqual([]);
    expect(said[0]).toBe('ACK');
    return said[1];
  };
  const GOOD = ['S', 'ECR', '6', '928', '828', '100', 'PLN', '0'];
  const withField = (index: number, value: string) => GOOD.toSpliced(index, 1, value);

  test.each([
    ['of kind C', withField(0, 'C'), 'kind C is not carried out here'],
    ['of another kind', withField(0, 'R'), 'kind R is not carried out here'],
    ['without an ECR id', withField(1, ''), 'the ECR id is missing'],
    ['without a payment id', withField(2, ''), 'the payment id is missing'],
    ['without a gross amount', withField(3, ''), 'the gross amount is missing'],
    ['without its last needed field', GOOD.slice(0, 7), 'the cashback is missing'],
    ['with nothing at all', [], 'the kind is missing'],
    ['with an amount of 13 digits', withField(3, '1234567890123'), 'an amount is not 1 to 12 digits'],
    ['with a sign', withField(3, '-928'), 'an amount is not 1 to 12 digits'],
    ['with letters in the VAT', withField(5, '1e2'), 'an amount is not 1 to 12 digits'],
    ['with nothing to pay', withField(3, '000'), 'there is nothing to pay'],
    ['with a currency number', withField(6, '985'), 'the currency is not three letters'],
    ['with a control character in an id', withField(2, 'r\x00'), 'an id holds a control character'],
    ['with an endless payment id', withField(2, 'x'.repeat(129)), 'an id is longer than 128 characters'],
  ])('%s', (_title, fields, why) => {
    expect(refused(fields)).toBe(`5 S2 999,,M000,T000,N/A,,,NONE,${why}`);
  });

  test('whose last field has no end', () => {
    const end = answering();
    expect(end.say(rawFrame('5\x1cS1\x1cS\x1cECR'))).toEqual([
      'ACK',
      '5 S2 999,,M000,T000,N/A,,,NONE,the last field has no end',
    ]);
  });

  test('bytes above 7F in an id are no reason: the sale keeps them one to one', () => {
    const end = answering();
    end.say(frameOf(5, 'S1', ...withField(2, 'r\xf3\xb3')));
    expect(paramsOf(lastOf(end).requests[0] ?? { params: Buffer.from('{}') }).receipt_id).toBe(
      'r\u00f3\u00b3',
    );
  });
});

describe('cashback', () => {
  const sale = (gross: string, cashback: string, rules = {}) => {
    const end = answering({}, rules);
    const said = end.say(s1(5, '6', { fields: [gross, '828', '100', 'PLN', cashback] }));
    const [request] = lastOf(end).requests;
    return { end, said: said[1], request, params: request && paramsOf(request) };
  };

  test('is taken where net and VAT show that the gross amount includes it', () => {
    expect(sale('5928', '5000').params).toMatchObject({ amount: 5928, cashback_amount: 5000 });
  });

  test('is refused where they do not, because somebody would be charged too little', () => {
    expect(sale('928', '5000').said).toMatch(/^5 S2 999,.*whether the gross amount includes the cashback/);
  });

  test('within: the gross amount is what moves', () => {
    const { params } = sale('9000', '5000', { cashback: 'within' });
    expect(params).toMatchObject({ amount: 9000, cashback_amount: 5000 });
  });

  test('on-top: it is added for the application, and taken off again in S2', () => {
    const { params, request, end } = sale('928', '5000', { cashback: 'on-top' });
    expect(params).toMatchObject({ amount: 5928, cashback_amount: 5000 });
    const short = { amount: 4000, currency: 'PLN', cashback_amount: 4000 };
    expect(answer(request, 'result', short)).toBe('JSONRPC_INVALID_PARAMS');
    answer(request, 'result', { amount: 5928, currency: 'PLN', cashback_amount: 5000 });
    expect(end.said()).toEqual(['5 S2 0,,,,,928,5000,CARD,']);
  });
});

describe('a frame that comes again', () => {
  test('S1 that is running: ACK, and nothing is forwarded', () => {
    const end = answering();
    for (let count = 0; count < 3; count += 1) {
      expect(end.say(frameNamed('s1'))).toEqual(['ACK']);
      end.clock.advance(60_000);
    }
    expect(lastOf(end).requests).toHaveLength(1);
  });

  test('S1 that is answered: ACK and the same S2, for 30 s', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    answer(lastOf(end).requests[0], 'result', APPROVED);
    const [s2 = ''] = end.said();
    end.receive(ACKED);
    end.clock.advance(30_000);
    expect(end.say(frameNamed('s1'))).toEqual(['ACK', s2]);
    end.receive(ACKED);
    end.clock.advance(1);
    expect(end.say(frameNamed('s1'))).toEqual(['ACK']);
    expect(lastOf(end).requests).toHaveLength(2);
  });

  test('the same payment under another token is another request', () => {
    const end = answering();
    end.say(s1(1, '6'), s1(2, '6'));
    expect(lastOf(end).requests).toHaveLength(2);
    expect(end.statistics.snapshot()).toMatchObject({ 'requests out of turn': 1 });
  });

  test('another payment under the token of one that is running gets no answer, which would end the first', () => {
    const end = answering();
    expect(end.say(s1(1, '6'), s1(1, '7'), rawFrame('1\x1cS1\x1cS'))).toEqual(['ACK', 'ACK', 'ACK']);
    expect(lastOf(end).requests).toHaveLength(1);
    answer(lastOf(end).requests[0], 'result', APPROVED);
    expect(end.said()).toEqual(['1 S2 0,,,,,928,,CARD,']);
  });

  test('S2 that nobody acknowledges is sent twice again; then the link is broken, so that the register asks anew', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    answer(lastOf(end).requests[0], 'result', APPROVED);
    end.clock.advance(6000);
    expect(end.said()).toEqual(Array(3).fill('2A31 S2 0,,,,,928,,CARD,'));
    expect(end.finished).toEqual([]);
    end.clock.advance(3000);
    expect(end.finished).toEqual([{ code: 'KEEPALIVE', how: 'lost' }]);
  });
});

describe('P1', () => {
  test('aborts the sale of its token', () => {
    const end = answering();
    expect(end.say(s1(0x2a31, '6'), s1(2, '7'), frameNamed('p1'))).toEqual(['ACK', 'ACK', 'ACK']);
    const [abort] = lastOf(end).notifications;
    expect(abort).toMatchObject({ method: 'Abort' });
    expect(abort && paramsOf(abort)).toEqual({ receipt_id: '6', sequence_id: 'ABC1234567890' });
  });

  test('under another token aborts what is running; where nothing is running nobody hears of it', () => {
    const end = answering();
    end.say(frameNamed('p1'));
    expect(lastOf(end).notifications).toEqual([]);
    end.say(s1(1, '6'), frameOf(2, 'P1'));
    expect(lastOf(end).notifications.map(paramsOf)).toEqual([{}]);
  });
});

describe('progress', () => {
  const tell = (end: ReturnType<typeof answering>, method: string, params: object) =>
    lastOf(end).peer.notify(JSON.stringify(method), Buffer.from(JSON.stringify(params)));

  test.each([
    ['WAIT_CARD_IN', '20'],
    ['PROCESSING', '50'],
    ['WAIT_POS', '120'],
    ['WAIT_CARD_OUT', '1000'],
    ['SOMETHING_ELSE', '1000'],
  ])('%s is I1 with %s under the token of S1', (transaction_status, status) => {
    const end = answering();
    end.say(frameNamed('s1'));
    expect(tell(end, 'StatusEvent', { ready_for_transaction: false, transaction_status })).toBe('sent');
    expect(end.said()).toEqual([`2A31 I1 ${status},`]);
  });

  test('the own number and text of an application are taken, as in the worked frame', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    end.bytes();
    tell(end, 'StatusEvent', { transaction_status: 'PROCESSING', 'ecr-eft': { status: 90, message: 'PIN' } });
    expect(end.bytes()).toEqual(frameNamed('i1'));
  });

  test('a text for the cashier goes with the last number, or with "other"', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    tell(end, 'PosMessage', { message: 'Proszę czekać' });
    tell(end, 'StatusEvent', { transaction_status: 'WAIT_CARD_IN' });
    tell(end, 'PosMessage', { message: 'x'.repeat(100) });
    expect(end.said()).toEqual(['2A31 I1 1000,Prosze czekac', '2A31 I1 20,', `2A31 I1 20,${'x'.repeat(80)}`]);
  });

  test('idle and what is said outside a sale is not told', () => {
    const end = answering();
    tell(end, 'StatusEvent', { ready_for_transaction: true });
    tell(end, 'StatusEvent', { transaction_status: 'PROCESSING' });
    expect(end.said()).toEqual([]);
    end.say(frameNamed('s1'));
    tell(end, 'StatusEvent', { ready_for_transaction: true });
    answer(lastOf(end).requests[0], 'result', APPROVED);
    tell(end, 'StatusEvent', { transaction_status: 'PROCESSING' });
    expect(end.said()).toEqual(['2A31 S2 0,,,,,928,,CARD,']);
  });
});

describe('kind C', () => {
  const asked = (rules = { takesEarlier: true }) => {
    const end = answering({}, rules);
    end.say(frameOf(9, 'S1', 'C', 'ECR', '6', '928', '828', '100', 'PLN', '0'));
    return end;
  };

  test('asks for an earlier payment where --kind-c check says so', () => {
    const end = asked();
    const [request] = lastOf(end).requests;
    expect(request?.method).toBe('Check');
    expect(request && paramsOf(request)).toEqual({ receipt_id: '6', sequence_id: 'ECR' });
    answer(request, 'result', APPROVED);
    expect(end.said()).toEqual(['9 S2 0,,,,,928,,CARD,']);
  });

  test.each(['DECLINED', 'TRANSACTION_NOT_FOUND'])('%s: it was not charged', (code) => {
    const end = asked();
    answer(lastOf(end).requests[0], 'error', error(code));
    expect(end.said()).toEqual([`9 S2 999,,M000,T000,N/A,,,NONE,It is ${code}.`]);
  });

  test.each(['TRANSACTION_ACTIVE', 'OUTCOME_UNKNOWN', 'BUSY', 'TIMEOUT', 'JSONRPC_METHOD_NOT_FOUND', 'ELSE'])(
    '%s: there is no S2, and the connection ends',
    (code) => {
      const end = asked();
      answer(lastOf(end).requests[0], 'error', error(code));
      expect(end.said()).toEqual([]);
      expect(end.finished).toEqual([{ code: 'OUTCOME_UNKNOWN', how: 'ended' }]);
    },
  );

  test('is told no progress', () => {
    const end = asked();
    lastOf(end).peer.notify('"StatusEvent"', Buffer.from('{"transaction_status":"PROCESSING"}'));
    expect(end.said()).toEqual([]);
  });

  test('the connection goes on for a sale that is running', () => {
    const end = answering({}, { takesEarlier: true });
    end.say(s1(1, '6'), frameOf(9, 'S1', 'C', 'ABC1234567890', '6', '928', '828', '100', 'PLN', '0'));
    answer(lastOf(end).requests[1], 'error', error('TRANSACTION_ACTIVE'));
    expect([end.said(), end.finished]).toEqual([[], []]);
    answer(lastOf(end).requests[0], 'result', APPROVED);
    expect(end.said()).toEqual(['1 S2 0,,,,,928,,CARD,']);
  });
});

describe('registers that are named by their ECR ids', () => {
  const RULES = { namesRegister: true };

  test('each is a connection, which begins with its first S1; the payment id alone identifies its sales', () => {
    const end = answering({}, RULES);
    expect(end.opened).toEqual([]);
    end.say(s1(1, '6', { ecrId: 'A' }), s1(2, '6', { ecrId: 'B' }), s1(3, '7', { ecrId: 'A' }));
    expect(end.opened.map(({ register }) => register)).toEqual(['A', 'B']);
    const [first, second] = end.opened;
    expect(first?.requests.map(paramsOf)).toMatchObject([{ receipt_id: '6' }, { receipt_id: '7' }]);
    expect(first?.requests.map(paramsOf)[0]).not.toHaveProperty('sequence_id');
    answer(second?.requests[0], 'result', APPROVED);
    expect(end.said()).toEqual(['2 S2 0,,,,,928,,CARD,']);
  });

  test('what comes before a payment has named the register is refused', () => {
    const end = answering({}, RULES);
    expect(end.say(frameOf(1, 'A1'), frameOf(2, 'K1'), frameOf(3, 'P1'), frameNamed('t1'))).toEqual([
      ...['ACK', '1 A2 999,no payment has named the register', 'ACK', '2 K0 999,'],
      ...['ACK', 'ACK', '12 T2 170,posbridge,bridge,0'],
    ]);
    end.conversation.endOfInput();
    expect(end.finished).toEqual([{ code: 'CONNECTION_CLOSED', how: 'ended' }]);
  });

  test('one that ends leaves the others alone', () => {
    const end = answering({}, RULES);
    end.say(s1(1, '6', { ecrId: 'A' }), s1(2, '6', { ecrId: 'B' }));
    const [first, second] = end.opened;
    first?.peer.close({ code: 'OUTCOME_UNKNOWN', text: 'x', by: 'us' });
    expect(first?.reports).toEqual(['closed OUTCOME_UNKNOWN']);
    expect(end.finished).toEqual([]);
    answer(second?.requests[0], 'result', APPROVED);
    expect(end.said()).toEqual(['2 S2 0,,,,,928,,CARD,']);
    second?.peer.close({ code: 'CONNECTION_CLOSED', text: 'x', by: 'us' });
    expect(end.finished).toEqual([{ code: 'CONNECTION_CLOSED', how: 'ended' }]);
  });
});

describe('ends', () => {
  test('a sale without an outcome gets no S2: the connection just ends', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    lastOf(end).peer.close({ code: 'OUTCOME_UNKNOWN', text: 'x', by: 'us' });
    expect([end.said(), end.finished]).toEqual([[], [{ code: 'OUTCOME_UNKNOWN', how: 'ended' }]]);
    expect(answer(lastOf(end).requests[0], 'result', APPROVED)).toBe('closed');
    expect(end.say(frameNamed('t1'))).toEqual([]);
  });

  test('what was asked is still answered after the end of input; nothing more can be asked', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    end.conversation.endOfInput();
    expect(lastOf(end).peer.request('"ecr-eft.K1"', Buffer.from('{}'), () => {})).toBe('closed');
    answer(lastOf(end).requests[0], 'result', APPROVED);
    expect(end.said()).toEqual(['2A31 S2 0,,,,,928,,CARD,']);
    end.clock.advance(60_000);
    expect(end.said()).toEqual([]);
  });

  test('a lost line closes every connection once', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    for (let count = 0; count < 2; count += 1)
      end.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'x', by: 'wire' });
    expect(lastOf(end).reports).toEqual(['closed CONNECTION_CLOSED']);
    expect(end.finished).toHaveLength(1);
    expect(lastOf(end).peer.notify('"StatusEvent"', Buffer.from('{}'))).toBe('closed');
    expect(end.clock.timerCount).toBe(0);
  });
});
