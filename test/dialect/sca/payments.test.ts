import { describe, expect, test } from 'vitest';
import { readAmount, writeAmount } from '../../../src/dialect/sca/amount.ts';
import { DEFAULT_ASSUMPTIONS } from '../../../src/dialect/sca/assumptions.ts';
import { Basket } from '../../../src/dialect/sca/basket.ts';
import { encodeDocument, type ScaDocument } from '../../../src/dialect/sca/document.ts';
import { transactions } from '../../../src/dialect/sca/routes.ts';
import { readStream } from './document-kit.ts';
import {
  APPROVAL,
  type BenchConnection,
  type BenchOptions,
  type Fields,
  REGISTER_ADDRESS,
  TerminalBench,
} from './kit.ts';

async function inSession(options: BenchOptions = {}): Promise<BenchConnection> {
  const register = new TerminalBench(options).connect();
  await register.start();
  return register;
}

const FIELD_ERROR = { RESULT: 'FIELD_ERROR', TERMINATION_STATUS: 'FAILURE' };

describe('amounts', () => {
  test('are read exactly, in the forms that registers write', () => {
    const minor = (text: string, currency = 'USD') => {
      const read = readAmount('TRANS_AMOUNT', text, currency);
      return read.ok ? read.minor : read.why;
    };
    expect(minor('5.35')).toBe(535);
    expect(minor('1')).toBe(100);
    expect(minor('1.0')).toBe(100);
    expect(minor('04.98')).toBe(498);
    expect(minor('0.29')).toBe(29);
    expect(minor('999999.99')).toBe(99_999_999);
    expect(minor('500.00', 'JPY')).toBe(500);
    expect(minor('1.234', 'KWD')).toBe(1234);
    expect(minor('1.230', 'USD')).toBe(123);
  });

  test('a sign, seven digits, a third decimal, zero and what is no amount are refused', () => {
    for (const text of [
      '-1.00',
      '+1',
      '1000000.00',
      '1.234',
      '0',
      '0.00',
      '',
      '1,00',
      '1e3',
      '.5',
      '1.',
      ' ',
      'x',
    ])
      expect(readAmount('TRANS_AMOUNT', text, 'USD')).toMatchObject({ ok: false });
    expect(readAmount('TRANS_AMOUNT', '500.50', 'JPY')).toMatchObject({ ok: false });
  });

  test('are written with two decimals at least', () => {
    expect(writeAmount('535', 'USD')).toBe('5.35');
    expect(writeAmount('5', 'EUR')).toBe('0.05');
    expect(writeAmount('500', 'JPY')).toBe('500.00');
    expect(writeAmount('1234', 'KWD')).toBe('1.234');
    expect(writeAmount('-5', 'USD')).toBe('-0.05');
    expect(writeAmount('1.5', 'USD')).toBeUndefined();
  });

  test('that cannot be used never reach an application', async () => {
    const register = await inSession();
    for (const TRANS_AMOUNT of ['-1.00', '1000000.00', '1.234', '0.00'])
      expect(await register.ask('PAYMENT', 'CAPTURE', { TRANS_AMOUNT })).toMatchObject(FIELD_ERROR);
    expect(await register.ask('PAYMENT', 'CAPTURE')).toMatchObject(FIELD_ERROR);
    expect(register.asked).toEqual([]);
  });
});

describe('a sale', () => {
  test('is a Purchase, with every field of the register beside it, in its order', async () => {
    const register = await inSession();
    await register.send('PAYMENT', 'CAPTURE', {
      TRANS_AMOUNT: '5.35',
      PAYMENT_TYPE: 'CREDIT',
      TIP_AMOUNT: '0.35',
      POS_RECON: 'r2',
      MAC: 'x',
      COUNTER: '9',
    });
    expect(register.last.method).toBe('Purchase');
    expect(register.last.params).toMatchObject({ sequence_id: 'r2', amount: 535, currency: 'USD' });
    expect(Object.entries(register.last.params.sca)).toEqual([
      ['INVOICE', '123456'],
      ['TRANS_AMOUNT', '5.35'],
      ['PAYMENT_TYPE', 'CREDIT'],
      ['TIP_AMOUNT', '0.35'],
      ['POS_RECON', 'r2'],
      ['COUNTER', '9'],
    ]);
  });

  test('that is approved is answered as SCA does', async () => {
    const register = await inSession();
    await register.send('PAYMENT', 'CAPTURE', {
      TRANS_AMOUNT: '5.35',
      PAYMENT_TYPE: 'CREDIT',
      POS_RECON: 'r2',
    });
    await register.result(APPROVAL);
    expect(register.response).toEqual({
      RESPONSE_TEXT: 'APPROVED',
      RESULT: 'APPROVED',
      RESULT_CODE: '5',
      TERMINATION_STATUS: 'SUCCESS',
      AUTH_CODE: 'TA1260',
      CTROUTD: '45',
      TRANS_SEQ_NUM: '45',
      PAYMENT_TYPE: 'CREDIT',
      PAYMENT_MEDIA: 'VISA',
      APPROVED_AMOUNT: '5.35',
      ACCT_NUM: '************1111',
      CARD_ENTRY_MODE: 'Insert',
      TRANS_DATE: '2030.01.01',
      TRANS_TIME: '10:20:30',
      POS_RECON: 'r2',
    });
  });

  test('that is declined has produced an outcome: SUCCESS with DECLINED', async () => {
    const register = await inSession();
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    await register.error('DECLINED');
    expect(register.response).toMatchObject({
      TERMINATION_STATUS: 'SUCCESS',
      RESULT: 'DECLINED',
      RESULT_CODE: '6',
    });
  });

  test('takes over the words of the application, unless they contradict what became of it', async () => {
    const register = await inSession();
    const pay = () => register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    await pay();
    await register.result({
      ...APPROVAL,
      sca: { RESULT: 'CAPTURED', RESULT_CODE: '4', HOST_RESPCODE: 'A1' },
    });
    expect(register.response).toMatchObject({ RESULT: 'CAPTURED', RESULT_CODE: '4', HOST_RESPCODE: 'A1' });
    await pay();
    await register.result({ ...APPROVAL, sca: { RESULT: 'DECLINED', TERMINATION_STATUS: 'FAILURE' } });
    expect(register.response).toMatchObject({ RESULT: 'APPROVED', TERMINATION_STATUS: 'SUCCESS' });
    await pay();
    await register.error('DECLINED', { sca: { RESULT: 'APPROVED', RESULT_CODE: '5' } });
    expect(register.response).toMatchObject({ RESULT: 'DECLINED', RESULT_CODE: '6' });
    await pay();
    await register.error('DECLINED', { sca: { RESULT: 'DECLINED', RESULT_CODE: '1234' } });
    expect(register.response).toMatchObject({ RESULT: 'DECLINED', RESULT_CODE: '1234' });
  });

  test('in another currency cannot be told to a register, and is not', async () => {
    const register = await inSession();
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    const before = register.sent.length;
    await register.result({ ...APPROVAL, currency: 'EUR' });
    expect(register.sent).toHaveLength(before);
    await register.result(APPROVAL);
    expect(register.response).toMatchObject({ RESULT: 'APPROVED' });
  });

  test('without POS_RECON is one of its own each time', async () => {
    const register = await inSession();
    for (let count = 0; count < 2; count += 1) {
      await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', COUNTER: '7' });
      await register.result(APPROVAL);
    }
    const [one, other] = register.asked.map(({ params }) => params.sequence_id);
    expect(one).not.toBe(other);
  });

  test('that repeats the POS_RECON of one in this session is a duplicate, and never gets its approval', async () => {
    const register = await inSession();
    const pay = (more: Fields = {}) =>
      register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: 'r1', ...more });
    await pay();
    await register.result(APPROVAL);
    await pay();
    expect(register.response).toMatchObject({
      RESULT_CODE: '56783',
      TERMINATION_STATUS: 'FAILURE',
      RESPONSE_TEXT: 'DUPLICATE TRANSACTION',
    });
    expect(register.asked).toHaveLength(1);
    await pay({ FORCE_FLAG: 'TRUE', INVOICE: 'another' });
    expect(register.response).toMatchObject({ RESULT_CODE: '56023' });
    await pay({ FORCE_FLAG: 'TRUE' });
    expect(register.asked).toHaveLength(2);
    expect(register.last.params.sequence_id).not.toBe('r1');
  });

  test('that is refused before it began leaves its POS_RECON free', async () => {
    const register = await inSession();
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: 'r1' });
    await register.error('BUSY');
    expect(register.response).toMatchObject({ RESULT_CODE: '59002' });
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: 'r1' });
    await register.result(APPROVAL);
    expect(register.response).toMatchObject({ RESULT: 'APPROVED' });
  });
});

describe('other payments', () => {
  const method = async (command: string, fields: Fields) => {
    const register = await inSession();
    await register.send('PAYMENT', command, fields);
    return register.asked.length === 0 ? register.response : register.last;
  };

  test('CREDIT is a Refund', async () => {
    expect(await method('CREDIT', { TRANS_AMOUNT: '1.00' })).toMatchObject({
      method: 'Refund',
      params: { amount: 100 },
    });
  });

  test('what the vocabulary has no word for keeps its name and its fields, and is a transaction all the same', async () => {
    const handle = { CTROUTD: '45', PAYMENT_TYPE: 'CREDIT' };
    for (const [command, fields] of [
      ['VOID', handle],
      ['AUTH', { TRANS_AMOUNT: '1.00' }],
      ['CAPTURE', { TRANS_AMOUNT: '1.00', ...handle }],
      ['CAPTURE', { TRANS_AMOUNT: '1.00', AUTH_CODE: 'A1' }],
      ['CAPTURE', { TRANS_AMOUNT: '1.00', PAYMENT_TYPE: 'GIFT' }],
      ['CREDIT', { TRANS_AMOUNT: '1.00', ...handle }],
      ['ADD_TIP', { ...handle, TIP_AMOUNT: '1.00' }],
      ['ACTIVATE', { TRANS_AMOUNT: '1.00', PAYMENT_TYPE: 'GIFT' }],
    ] as const) {
      const asked = await method(command, fields);
      expect(asked).toMatchObject({
        method: `sca.PAYMENT.${command}`,
        params: { currency: 'USD', ...fields },
      });
      expect(transactions.methods).toContain(`sca.PAYMENT.${command}`);
    }
  });

  test('VOID that worked is VOIDED, code 7: a payment outcome, not the notification of the same code', async () => {
    const register = await inSession();
    await register.send('PAYMENT', 'VOID', { CTROUTD: '45', PAYMENT_TYPE: 'CREDIT' });
    await register.result({});
    expect(register.response).toMatchObject({
      RESULT: 'VOIDED',
      RESULT_CODE: '7',
      TERMINATION_STATUS: 'SUCCESS',
    });
  });

  test('AUTH_CODE together with CTROUTD is an error, and so is CTROUTD without PAYMENT_TYPE', async () => {
    const amount = { TRANS_AMOUNT: '1.00' };
    expect(
      await method('CAPTURE', { ...amount, AUTH_CODE: 'A', CTROUTD: '1', PAYMENT_TYPE: 'CREDIT' }),
    ).toMatchObject(FIELD_ERROR);
    expect(await method('CAPTURE', { ...amount, CTROUTD: '1' })).toMatchObject(FIELD_ERROR);
    expect(await method('VOID', { CTROUTD: '1' })).toMatchObject(FIELD_ERROR);
    expect(await method('VOID', { PAYMENT_TYPE: 'CREDIT' })).toMatchObject(FIELD_ERROR);
  });

  test('a PAYMENT command that nobody knows is refused: it might move money', async () => {
    expect(await method('TELEPORT', { TRANS_AMOUNT: '1.00' })).toMatchObject({
      TERMINATION_STATUS: 'FAILURE',
    });
  });

  test('INVOICE of 41 characters is refused, of 40 taken, and an & in it survives', async () => {
    const pay = (INVOICE: string) => method('CAPTURE', { TRANS_AMOUNT: '1.00', INVOICE });
    expect(await pay('x'.repeat(41))).toMatchObject(FIELD_ERROR);
    expect(await pay('x'.repeat(40))).toMatchObject({ method: 'Purchase' });
    expect(await pay('A&B')).toMatchObject({ params: { sca: { INVOICE: 'A&B' } } });
  });

  test('codes that nobody has given a meaning pass through from the application', async () => {
    const register = await inSession();
    await register.send('DEVICE', 'SURVEY', {});
    await register.error('X', { sca: { RESULT_CODE: '59069', RESULT: 'ERROR' } });
    expect(register.response).toMatchObject({ RESULT_CODE: '59069', TERMINATION_STATUS: 'FAILURE' });
  });
});

describe('line items', () => {
  const line = (name: string, fields: Fields) => ({
    name,
    text: '',
    children: Object.entries(fields).map(([child, text]) => ({ name: child, text, children: [] })),
  });
  const items = (...children: ReturnType<typeof line>[]) => [{ name: 'LINE_ITEMS', text: '', children }];
  const milk = line('MERCHANDISE', { LINE_ITEM_ID: '1' });
  const offer = line('OFFER', { LINE_ITEM_ID: '2', OFFER_LINE_ITEM: '1' });

  test('an offer before its merchandise is refused, and changes nothing', () => {
    const basket = new Basket();
    expect(basket.apply('ADD', items(offer, milk))).toMatch(/before its merchandise/);
    expect(basket.ids).toEqual([]);
    expect(basket.apply('ADD', items(milk, offer))).toBeUndefined();
    expect(basket.offersOf('1')).toEqual(['2']);
  });

  test('a line that has an offer cannot be overridden; without one it can', () => {
    const basket = new Basket();
    basket.apply('ADD', items(milk));
    expect(basket.apply('OVERRIDE', items(milk))).toBeUndefined();
    basket.apply('ADD', items(offer));
    expect(basket.apply('OVERRIDE', items(milk))).toMatch(/cannot be overridden/);
  });

  test('removing merchandise removes its offers, singly and in a list', () => {
    const basket = new Basket();
    basket.apply('ADD', items(milk, offer, line('MERCHANDISE', { LINE_ITEM_ID: '3' })));
    basket.apply('REMOVE', [{ name: 'LINE_ITEM_ID', text: '1', children: [] }]);
    expect(basket.ids).toEqual(['3']);
    expect(basket.apply('ADD', items(offer))).toMatch(/before its merchandise/);
    basket.apply('REMOVE', items({ name: 'LINE_ITEM_ID', text: '3', children: [] }));
    expect(basket.ids).toEqual([]);
  });

  test('a subtotal that is left out is erased, and totals may be negative', () => {
    const basket = new Basket();
    basket.apply('ADD', [...items(milk), { name: 'RUNNING_SUB_TOTAL', text: '-2.00', children: [] }]);
    expect(basket.subtotal).toBe('-2.00');
    basket.apply('SHOW', []);
    expect(basket.subtotal).toBe('-2.00');
    basket.apply('ADD', []);
    expect(basket.subtotal).toBeUndefined();
  });

  test('go to the applications with their lines in order', async () => {
    const register = await inSession();
    const document: ScaDocument = {
      root: 'TRANSACTION',
      fields: [
        { name: 'FUNCTION_TYPE', text: 'LINE_ITEM', children: [] },
        { name: 'COMMAND', text: 'ADD', children: [] },
        ...items(milk, offer),
      ],
    };
    await register.bytes(encodeDocument(document));
    expect(register.last).toMatchObject({
      method: 'sca.LINE_ITEM.ADD',
      params: {
        LINE_ITEMS: [
          { MERCHANDISE: { LINE_ITEM_ID: '1' } },
          { OFFER: { LINE_ITEM_ID: '2', OFFER_LINE_ITEM: '1' } },
        ],
      },
    });
  });
});

describe('documents of registers', () => {
  test('fields come in any order, and unknown ones are passed on', async () => {
    const register = await inSession();
    await register.bytes(
      '<TRANSACTION><X_NEW>1</X_NEW><TRANS_AMOUNT>1.00</TRANS_AMOUNT><COMMAND>CAPTURE</COMMAND><FUNCTION_TYPE>PAYMENT</FUNCTION_TYPE></TRANSACTION>',
    );
    expect(register.last).toMatchObject({ method: 'Purchase', params: { sca: { X_NEW: '1' } } });
  });

  test('a field that comes twice is refused: two readers could see two amounts', async () => {
    const register = await inSession();
    await register.bytes(
      '<TRANSACTION><FUNCTION_TYPE>PAYMENT</FUNCTION_TYPE><COMMAND>CAPTURE</COMMAND><TRANS_AMOUNT>1.00</TRANS_AMOUNT><TRANS_AMOUNT>2.00</TRANS_AMOUNT></TRANSACTION>',
    );
    expect(register.response).toMatchObject({ TERMINATION_STATUS: 'FAILURE' });
    expect(register.asked).toEqual([]);
  });

  test('a command that the specification does not name goes to the device', async () => {
    const register = new TerminalBench().connect();
    await register.send('NEWS', 'TODAY', { A: '1' });
    expect(register.last).toMatchObject({ method: 'sca.NEWS.TODAY', params: { A: '1' } });
    await register.result({ B: '2' });
    expect(register.response).toMatchObject({ RESULT_CODE: '-1', B: '2' });
  });

  test('two in one message are obeyed in turn, and one over two messages as one', async () => {
    const register = new TerminalBench().connect();
    const start =
      '<TRANSACTION><FUNCTION_TYPE>SESSION</FUNCTION_TYPE><COMMAND>START</COMMAND><INVOICE>1</INVOICE></TRANSACTION>';
    const finish =
      '<TRANSACTION><FUNCTION_TYPE>SESSION</FUNCTION_TYPE><COMMAND>FINISH</COMMAND></TRANSACTION>';
    await register.bytes(start + finish);
    expect(register.sent).toMatchObject([{ RESULT_CODE: '-1' }, { RESULT_CODE: '-1' }]);
    await register.bytes(start.slice(0, 50));
    await register.bytes(start.slice(50));
    expect(register.response).toMatchObject({ RESPONSE_TEXT: 'Session Started' });
  });

  test('a stream that is no XML is told so, and ends; a message costs itself alone', async () => {
    const stream = new TerminalBench({ framing: 'stream', authentication: 'optional' }).connect();
    await stream.bytes('<TRANSACTION><A></B></TRANSACTION>');
    expect(stream.response).toMatchObject({ TERMINATION_STATUS: 'FAILURE' });
    expect(stream.finished?.how).toBe('broken');
    const messages = new TerminalBench().connect();
    await messages.bytes('<TRANSACTION><A></B></TRANSACTION>');
    expect(messages.finished).toBeUndefined();
    expect(await messages.start()).toMatchObject({ RESULT_CODE: '-1' });
  });

  test('a response from a register is ignored', async () => {
    const register = new TerminalBench().connect();
    await register.bytes('<RESPONSE><RESULT_CODE>-1</RESULT_CODE></RESPONSE>');
    expect(register.sent).toEqual([]);
  });

  test('the sample of the documentation is answered with its sample, field by field', async () => {
    const { readFileSync } = await import('node:fs');
    const sample = (name: string) => readFileSync(new URL(`../../fixtures/sca/${name}`, import.meta.url));
    const register = new TerminalBench().connect();
    await register.bytes(sample('start.xml'));
    const [expected] = readStream([sample('start-response.xml')]);
    if (expected === undefined || typeof expected === 'string') throw new Error('no sample');
    expect(Object.entries(register.response)).toEqual(expected.fields.map(({ name, text }) => [name, text]));
  });
});

describe('notifications', () => {
  const on = async (assume: string, wants: string) => {
    const { readAssumptions } = await import('../../../src/dialect/sca/assumptions.ts');
    const assumed = readAssumptions(assume);
    if (typeof assumed === 'string') throw new Error(assumed);
    const register = new TerminalBench({ assumed }).connect();
    await register.start({ NOTIFY_SCA_EVENTS: wants });
    return register;
  };
  const event = Buffer.from('{"ready_for_transaction":false,"transaction_status":"WAIT_CARD_OUT"}');

  test('reach a register only where START asked for them and they may travel on the connection', async () => {
    const register = await on('notifications=on', 'TRUE');
    register.peer?.notify('"StatusEvent"', event);
    expect(register.response).toMatchObject({ RESULT_CODE: '9', RESPONSE_TEXT: 'REMOVE CARD' });
    for (const quiet of [await on('notifications=on', 'FALSE'), await on('notifications=off', 'TRUE')]) {
      quiet.peer?.notify('"StatusEvent"', event);
      expect(quiet.sent).toHaveLength(1);
    }
  });

  describe('over TCP', () => {
    async function listening(notifications: string, fields: Fields) {
      const assumed = { ...DEFAULT_ASSUMPTIONS, notifications };
      const bench = new TerminalBench({ assumed, framing: 'stream', port: 'primary' });
      const register = bench.connect();
      await register.start(fields);
      return register;
    }
    const OWN = { POS_IP: REGISTER_ADDRESS, POS_PORT: '5017' };

    test('go to POS_IP and POS_PORT, on one line as long as it lasts', async () => {
      const register = await listening('on', OWN);
      register.peer?.notify('"StatusEvent"', event);
      register.peer?.notify('"StatusEvent"', event);
      expect(register.listened).toMatchObject([
        { port: 5017, heard: [{ RESULT_CODE: '9' }, { RESULT_CODE: '9' }] },
      ]);
      register.listened[0]?.closed();
      register.peer?.notify('"StatusEvent"', event);
      expect(register.listened).toHaveLength(2);
      expect(register.sent).toHaveLength(1);
      await register.lose();
      expect(register.listened[1]?.isClosed).toBe(true);
    });

    test('go to no other machine, and nowhere without a port or where they are off', async () => {
      for (const [notifications, fields] of [
        ['on', { ...OWN, POS_IP: '192.0.2.8' }],
        ['on', { POS_IP: REGISTER_ADDRESS }],
        ['on', { ...OWN, POS_PORT: '99999' }],
        ['off', OWN],
      ] as const) {
        const register = await listening(notifications, fields);
        register.peer?.notify('"StatusEvent"', event);
        expect([register.listened.length, register.sent.length]).toEqual([0, 1]);
      }
    });

    test('are dropped where there are too many', async () => {
      const register = await listening('on', OWN);
      for (let count = 0; count < 300; count += 1) register.peer?.notify('"StatusEvent"', event);
      expect(register.listened[0]?.heard).toHaveLength(200);
    });
  });

  test('of an application in fields of SCA carry no POS_RECON', async () => {
    const register = await on('notifications=on', 'TRUE');
    const fields = '{"RESPONSE_TEXT":"CONSUMER CARD ENTRY","RESULT_CODE":1,"CARD_ENTRY_METHOD":"TAPPED"}';
    expect(register.peer?.notify('"sca.NOTIFICATION"', Buffer.from(fields))).toBe('sent');
    expect(register.response).toEqual({
      RESPONSE_TEXT: 'CONSUMER CARD ENTRY',
      RESULT: 'OK',
      RESULT_CODE: '1',
      TERMINATION_STATUS: 'SUCCESS',
      CARD_ENTRY_METHOD: 'TAPPED',
    });
    expect(register.peer?.notify('"sca.NOTIFICATION"', Buffer.from('{}'))).toMatchObject({
      code: 'JSONRPC_INVALID_PARAMS',
    });
  });
});
