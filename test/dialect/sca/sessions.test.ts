import { describe, expect, test } from 'vitest';
import { type Assumptions, readAssumptions } from '../../../src/dialect/sca/assumptions.ts';
import { APPROVAL, TerminalBench } from './kit.ts';

const assumed = (text: string) => readAssumptions(text) as Assumptions;
const OK = { RESULT: 'OK', RESULT_CODE: '-1', TERMINATION_STATUS: 'SUCCESS' };
const NO_SESSION = { RESULT_CODE: '59004', TERMINATION_STATUS: 'FAILURE', RESPONSE_TEXT: 'No Session' };
const BUSY = { RESULT: 'BUSY', RESULT_CODE: '59002', TERMINATION_STATUS: 'FAILURE' };
const IN_PROGRESS = { RESULT: 'BUSY', RESULT_CODE: '59003', TERMINATION_STATUS: 'FAILURE' };

describe('sessions', () => {
  test('START and FINISH are answered here and told to the applications', async () => {
    const register = new TerminalBench().connect();
    expect(await register.start({ SWIPE_AHEAD: '1', POS_RECON: 'r1' })).toEqual({
      ...OK,
      RESPONSE_TEXT: 'Session Started',
      TRAINING_MODE: 'OFF',
      POS_RECON: 'r1',
    });
    expect(await register.ask('SESSION', 'FINISH')).toEqual({ ...OK, RESPONSE_TEXT: 'Session finished' });
    expect(register.asked).toEqual([]);
    const receiptId = expect.stringMatching(/^123456\/\d{8}T\d{9}Z-x\d+$/);
    expect(register.told).toEqual([
      {
        method: 'sca.SESSION.START',
        params: { receipt_id: receiptId, INVOICE: '123456', SWIPE_AHEAD: '1', POS_RECON: 'r1' },
      },
      { method: 'sca.SESSION.FINISH', params: { receipt_id: receiptId } },
    ]);
  });

  test('PAYMENT and LINE_ITEM before START are told that there is no session', async () => {
    const register = new TerminalBench().connect();
    expect(await register.ask('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '1.00' })).toMatchObject(NO_SESSION);
    expect(await register.ask('LINE_ITEM', 'ADD')).toMatchObject(NO_SESSION);
    expect(register.asked).toEqual([]);
  });

  test('a second START is told that a session is open', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    expect(await register.start()).toMatchObject(IN_PROGRESS);
  });

  test('FINISH without START is told that there is no session', async () => {
    expect(await new TerminalBench().connect().ask('SESSION', 'FINISH')).toMatchObject(NO_SESSION);
  });

  test('FINISH from another connection is refused as busy', async () => {
    const bench = new TerminalBench();
    const first = bench.connect();
    await first.start();
    const second = bench.connect();
    expect(await second.ask('SESSION', 'FINISH')).toMatchObject(BUSY);
    expect(await first.ask('SESSION', 'FINISH')).toMatchObject(OK);
  });

  test('a session outlives its connection, and the register that has come back may finish it', async () => {
    const bench = new TerminalBench();
    const first = bench.connect();
    await first.start();
    await first.lose();
    const second = bench.connect();
    expect(await second.start()).toMatchObject(IN_PROGRESS);
    expect(await second.ask('SESSION', 'FINISH')).toMatchObject(OK);
  });

  test('of a register without a name that is gone may be finished by whoever comes', async () => {
    const bench = new TerminalBench({ dials: false });
    const first = bench.connect();
    const second = bench.connect();
    await first.start();
    expect(await second.ask('SESSION', 'FINISH')).toMatchObject(BUSY);
    await first.lose();
    expect(await second.start()).toMatchObject(IN_PROGRESS);
    expect(await second.ask('SESSION', 'FINISH')).toMatchObject(OK);
    expect(await second.start()).toMatchObject(OK);
  });

  test('of a register without a name that is gone stays open while its payment is running', async () => {
    const bench = new TerminalBench({ dials: false });
    const first = bench.connect();
    await first.start();
    await first.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    await first.lose();
    expect(await bench.connect().ask('SESSION', 'FINISH')).toMatchObject(BUSY);
  });

  test('where only the same connection may finish, one that has come back is refused as busy', async () => {
    const bench = new TerminalBench({ assumed: assumed('finish-from=same') });
    const first = bench.connect();
    await first.start();
    await first.lose();
    expect(await bench.connect().ask('SESSION', 'FINISH')).toMatchObject(BUSY);
  });

  test('FINISH while the customer is asked something is refused as busy', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    await register.send('DEVICE', 'CUST_QUESTION', { DISPLAY_TEXT1: 'Receipt?' });
    expect(await register.ask('SESSION', 'FINISH')).toMatchObject(BUSY);
    await register.result({ CUST_RESPONSE: '1' });
    expect(register.response).toMatchObject({ ...OK, CUST_RESPONSE: '1' });
    expect(await register.ask('SESSION', 'FINISH')).toMatchObject(OK);
  });

  test('two payments in one session are two transactions of one receipt', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    for (const recon of ['r1', 'r2']) {
      await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: recon });
      await register.result(APPROVAL);
      expect(register.response).toMatchObject({ RESULT: 'APPROVED', POS_RECON: recon });
    }
    const [first, second] = register.asked.map(({ params }) => params);
    expect(first.receipt_id).toBe(second.receipt_id);
    expect([first.sequence_id, second.sequence_id]).toEqual(['r1', 'r2']);
  });

  test('LANE_CLOSED ends an open session, whether or not somebody shows its text, and is taken without one', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    await register.send('ADMIN', 'LANE_CLOSED', { DISPLAY_TEXT: 'closed' });
    expect(register.last).toMatchObject({
      method: 'sca.ADMIN.LANE_CLOSED',
      params: { DISPLAY_TEXT: 'closed' },
    });
    await register.error('JSONRPC_METHOD_NOT_FOUND');
    expect(register.response).toMatchObject({ ...OK, RESPONSE_TEXT: 'Lane Closed' });
    expect(register.told.at(-1)?.method).toBe('sca.SESSION.FINISH');
    expect(await register.ask('SESSION', 'FINISH')).toMatchObject(NO_SESSION);
    await register.send('ADMIN', 'LANE_CLOSED');
    await register.result({});
    expect(register.response).toMatchObject(OK);
  });

  test('SETTIME, SAF and TEST_MAC inside a session are told that one is open', async () => {
    const register = new TerminalBench({ authentication: 'optional' }).connect();
    await register.start();
    expect(await register.ask('ADMIN', 'SETTIME', { TIME: '20300101000000' })).toMatchObject(IN_PROGRESS);
    expect(await register.ask('SAF', 'QUERY')).toMatchObject(IN_PROGRESS);
    expect(await register.ask('SECURITY', 'TEST_MAC')).toMatchObject(IN_PROGRESS);
  });

  test('REBOOT during a session drops it', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    await register.send('SECONDARYPORT', 'REBOOT');
    await register.result({});
    expect(register.told.at(-1)?.method).toBe('sca.SESSION.FINISH');
    expect(await register.start()).toMatchObject(OK);
  });

  test('INVOICE of START has 1 to 40 characters, and may hold what XML escapes', async () => {
    const register = new TerminalBench().connect();
    expect(await register.start({ INVOICE: '' })).toMatchObject({ RESULT: 'FIELD_ERROR' });
    expect(await register.start({ INVOICE: 'x'.repeat(41) })).toMatchObject({ RESULT: 'FIELD_ERROR' });
    expect(await register.start({ INVOICE: 'x'.repeat(40) })).toMatchObject(OK);
    await register.ask('SESSION', 'FINISH');
    expect(await register.start({ INVOICE: 'A&B<1>' })).toMatchObject(OK);
    expect(register.told.at(-1)?.params.INVOICE).toBe('A&B<1>');
  });

  test('texts come in capital letters where that is assumed', async () => {
    const register = new TerminalBench({ assumed: assumed('text-case=upper') }).connect();
    expect(await register.start()).toMatchObject({ RESPONSE_TEXT: 'SESSION STARTED' });
  });

  test('a register that asks for training is told that it is off', async () => {
    expect(await new TerminalBench().connect().start({ TRAINING_MODE: '1' })).toMatchObject({
      TRAINING_MODE: 'OFF',
    });
  });
});

describe('one request at a time', () => {
  test('a second primary request while one is running is refused as busy', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: 'r1' });
    for (const [functionType, command] of [
      ['PAYMENT', 'CAPTURE'],
      ['SESSION', 'START'],
      ['SESSION', 'FINISH'],
      ['DEVICE', 'VERSION'],
      ['LINE_ITEM', 'ADD'],
      ['ADMIN', 'GET_COUNTER'],
    ] as const)
      expect(await register.ask(functionType, command, { POS_RECON: 'r2' })).toMatchObject({
        ...BUSY,
        POS_RECON: 'r2',
      });
    await register.result(APPROVAL);
    expect(register.response).toMatchObject({ RESULT: 'APPROVED', POS_RECON: 'r1' });
  });

  test('items are added while a request is running where that is assumed', async () => {
    const register = new TerminalBench({ assumed: assumed('items-while-busy=yes') }).connect();
    await register.start();
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    const payment = register.last;
    await register.send('LINE_ITEM', 'ADD', { RUNNING_SUB_TOTAL: '1.00' });
    await register.result({});
    expect(register.response).toMatchObject(OK);
    await register.result(APPROVAL, payment);
    expect(register.response).toMatchObject({ RESULT: 'APPROVED' });
  });

  test('STATUS is answered during CAPTURE, with the state of the session', async () => {
    const bench = new TerminalBench();
    const register = bench.connect();
    const status = async () => {
      await register.send('SECONDARYPORT', 'STATUS', { POS_RECON: 's' });
      await register.error('CHANNEL_UNAVAILABLE');
      return register.response;
    };
    expect(await status()).toEqual({
      ...OK,
      RESPONSE_TEXT: 'Operation SUCCESSFUL',
      SECONDARY_DATA: '0',
      POS_RECON: 's',
    });
    await register.start();
    bench.clock.advance(3_723_000);
    expect(await status()).toMatchObject({
      SECONDARY_DATA: '14',
      SESSION_DURATION: '01:02:03',
      INVOICE_SESSION: '123456',
    });
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    const payment = register.last;
    expect(await status()).toMatchObject({ SECONDARY_DATA: '15', INVOICE_SESSION: '123456' });
    await register.result(APPROVAL, payment);
    expect(register.response).toMatchObject({ RESULT: 'APPROVED' });
  });

  test('what runs for a connection that is lost is over, so that the next one is not kept out', async () => {
    const bench = new TerminalBench();
    const first = bench.connect();
    await first.send('DEVICE', 'DISPLAY_MESSAGE', { DISPLAY_TEXT: 'hello' });
    await first.lose();
    expect(await bench.connect().start()).toMatchObject(OK);
  });
});

describe('CANCEL', () => {
  const NOTHING = { RESULT: 'ERROR', RESULT_CODE: '59006', TERMINATION_STATUS: 'FAILURE' };

  test('before the card, and during card entry: the payment ends as cancelled, replies in either order', async () => {
    for (const order of ['cancel first', 'payment first']) {
      const register = new TerminalBench().connect();
      await register.start();
      await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: 'r7' });
      const payment = register.last;
      await register.send('SECONDARYPORT', 'CANCEL', { POS_RECON: 'r8' });
      const cancel = register.last;
      expect(cancel.method).toBe('Abort');
      expect(cancel.params).toEqual({
        receipt_id: payment.params.receipt_id,
        sequence_id: payment.params.sequence_id,
      });
      if (order === 'cancel first') await register.result({}, cancel);
      await register.error('ABORTED', { outcome: 'not-charged' }, payment);
      if (order === 'payment first') await register.result({}, cancel);
      const [one, other] = register.sent.slice(1);
      const [said, cancelled] = order === 'cancel first' ? [one, other] : [other, one];
      expect(said).toMatchObject({ ...OK, POS_RECON: 'r8' });
      expect(cancelled).toMatchObject({
        RESULT: 'CANCELLED',
        RESULT_CODE: '59001',
        TERMINATION_STATUS: 'FAILURE',
        POS_RECON: 'r7',
      });
      expect(await register.ask('SESSION', 'FINISH')).toMatchObject(OK);
    }
  });

  test('in flight it is refused, and the payment goes on', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    const payment = register.last;
    await register.send('SECONDARYPORT', 'CANCEL');
    await register.error('ABORT_REFUSED');
    expect(register.response).toMatchObject({ RESULT_CODE: '59049', TERMINATION_STATUS: 'FAILURE' });
    await register.result(APPROVAL, payment);
    expect(register.response).toMatchObject({ RESULT: 'APPROVED' });
  });

  test('with nothing running it is refused, and nobody is asked', async () => {
    const register = new TerminalBench().connect();
    expect(await register.ask('SECONDARYPORT', 'CANCEL')).toMatchObject(NOTHING);
    await register.start();
    expect(await register.ask('SECONDARYPORT', 'CANCEL')).toMatchObject(NOTHING);
    expect(register.asked).toEqual([]);
  });

  test('twice: the second one is answered by what the application says to it', async () => {
    const register = new TerminalBench().connect();
    await register.start();
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    const payment = register.last;
    await register.send('SECONDARYPORT', 'CANCEL', { POS_RECON: 'a' });
    const first = register.last;
    await register.send('SECONDARYPORT', 'CANCEL', { POS_RECON: 'b' });
    const second = register.last;
    await register.result({}, first);
    await register.error('ABORTED', {}, payment);
    await register.error('NOTHING_TO_ABORT', {}, second);
    expect(register.sent.slice(1)).toMatchObject([
      { ...OK, POS_RECON: 'a' },
      { RESULT_CODE: '59001' },
      { ...NOTHING, POS_RECON: 'b' },
    ]);
  });
});

describe('ports', () => {
  test('the secondary port takes no primary commands, and the other commands work there', async () => {
    const bench = new TerminalBench({ framing: 'stream', authentication: 'optional' });
    const primary = bench.connect('primary');
    const secondary = bench.connect('secondary');
    expect(await secondary.start()).toMatchObject({ TERMINATION_STATUS: 'FAILURE' });
    await primary.start();
    await primary.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35' });
    await secondary.send('SECONDARYPORT', 'CANCEL');
    expect(secondary.last.params).toEqual({
      receipt_id: primary.last.params.receipt_id,
      sequence_id: primary.last.params.sequence_id,
    });
    await secondary.result({});
    expect(secondary.response).toMatchObject(OK);
  });
});
