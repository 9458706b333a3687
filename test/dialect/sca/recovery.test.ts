import { describe, expect, test } from 'vitest';
import type { LastPayment, Remembered, TerminalMemory } from '../../../src/dialect/sca/memory.ts';
import { APPROVAL, type BenchConnection, requestXml, settled, TerminalBench } from './kit.ts';

const APPROVED = { RESULT: 'APPROVED', RESULT_CODE: '5', APPROVED_AMOUNT: '5.35' };

async function paying(bench: TerminalBench, posRecon = 'r2'): Promise<BenchConnection> {
  const register = bench.connect();
  await register.start();
  await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: posRecon });
  expect(register.last.method).toBe('Purchase');
  return register;
}

describe('a response that could not be delivered', () => {
  test('is the first message after the reconnection, once', async () => {
    const bench = new TerminalBench();
    const first = await paying(bench);
    await first.lose();
    await first.result(APPROVAL);
    const second = bench.connect();
    await settled();
    expect(second.sent).toMatchObject([{ ...APPROVED, POS_RECON: 'r2' }]);
    expect(await second.ask('SESSION', 'FINISH')).toMatchObject({ RESULT_CODE: '-1' });
    await second.lose();
    expect(bench.connect().sent).toEqual([]);
  });

  test('whose outcome comes after the reconnection is found by Check, and the terminal is busy until then', async () => {
    const bench = new TerminalBench();
    const first = await paying(bench);
    await first.lose();
    const second = bench.connect();
    expect(second.last).toMatchObject({
      method: 'Check',
      params: { receipt_id: first.last.params.receipt_id, sequence_id: 'r2' },
    });
    await second.error('TRANSACTION_ACTIVE');
    expect(await second.ask('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '1.00' })).toMatchObject({
      RESULT_CODE: '59002',
    });
    bench.clock.advance(5000);
    await second.result(APPROVAL);
    expect(second.response).toMatchObject({ ...APPROVED, POS_RECON: 'r2' });
    await second.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '1.00' });
    expect(second.last.method).toBe('Purchase');
  });

  test('of a register that does not come back keeps others waiting only until its outcome is found', async () => {
    const bench = new TerminalBench({ dials: false });
    const first = await paying(bench);
    await first.lose();
    const other = bench.connect();
    expect(await other.start()).toMatchObject({ RESULT_CODE: '59002' });
    expect(other.last).toMatchObject({ method: 'Check', params: { sequence_id: 'r2' } });
    expect(await other.start()).toMatchObject({ RESULT_CODE: '59002' });
    expect(other.asked).toHaveLength(1);
    await other.error('TRANSACTION_ACTIVE');
    bench.clock.advance(5000);
    expect(await other.start()).toMatchObject({ RESULT_CODE: '59002' });
    const before = other.sent.length;
    await other.result(APPROVAL);
    expect(other.sent).toHaveLength(before);
    expect(bench.end.terminal.running).toBeUndefined();
  });

  test('of a sale that never happened is told as cancelled', async () => {
    const bench = new TerminalBench();
    await (await paying(bench)).lose();
    const second = bench.connect();
    await second.error('TRANSACTION_NOT_FOUND');
    expect(second.response).toMatchObject({ RESULT: 'CANCELLED', RESULT_CODE: '59001', POS_RECON: 'r2' });
  });

  test('whose outcome stays unknown is never invented: it is asked for again, and others may pay meanwhile', async () => {
    const bench = new TerminalBench();
    const first = await paying(bench);
    await first.lose();
    const second = bench.connect();
    await second.error('OUTCOME_UNKNOWN');
    expect(second.sent).toEqual([]);
    expect(await second.ask('SESSION', 'FINISH')).toMatchObject({ RESULT_CODE: '-1' });
    bench.clock.advance(5000);
    expect(second.last.method).toBe('Check');
    await second.result(APPROVAL);
    expect(second.response).toMatchObject(APPROVED);
  });

  test('may have arrived: with a POS_RECON it is sent again, since the register can tell; without one it is not', async () => {
    for (const [posRecon, count] of [
      ['r2', 1],
      ['', 0],
    ] as const) {
      const bench = new TerminalBench();
      const first = await paying(bench, posRecon);
      await first.result(APPROVAL);
      await first.lose();
      expect(bench.connect().sent).toHaveLength(count);
    }
  });

  test('of a sale that no application has heard of is that it was cancelled', async () => {
    const bench = new TerminalBench();
    const first = bench.connect();
    await first.start();
    first.conversation.receive(requestXml('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '5.35', POS_RECON: 'r2' }));
    await first.lose();
    expect(first.asked).toEqual([]);
    expect(bench.connect().sent).toMatchObject([{ RESULT_CODE: '59001', POS_RECON: 'r2' }]);
  });

  test('has arrived when the register has said something after it', async () => {
    const bench = new TerminalBench();
    const first = await paying(bench);
    await first.result(APPROVAL);
    await first.send('SECONDARYPORT', 'CANCEL');
    await first.lose();
    expect(bench.connect().sent).toEqual([]);
  });

  test('when the bridge gives up, the connection ends without an answer', async () => {
    const bench = new TerminalBench();
    const first = await paying(bench);
    const before = first.sent.length;
    first.peer?.close({ code: 'OUTCOME_UNKNOWN', text: 'unknown', by: 'us' });
    expect(first.sent).toHaveLength(before);
    expect(first.finished).toMatchObject({ how: 'ended', reason: { code: 'OUTCOME_UNKNOWN' } });
    expect(bench.connect().last.method).toBe('Check');
  });
});

describe('LAST_TRAN', () => {
  test('tells what became of the last payment, with what names it', async () => {
    const register = await paying(new TerminalBench());
    const { receipt_id } = register.last.params;
    await register.result(APPROVAL);
    await register.send('REPORT', 'LAST_TRAN', { POS_RECON: 'q' });
    expect(register.last).toMatchObject({ method: 'Check', params: { receipt_id, sequence_id: 'r2' } });
    await register.result(APPROVAL);
    expect(register.response).toMatchObject({
      ...APPROVED,
      INVOICE: '123456',
      TRANS_AMOUNT: '5.35',
      POS_RECON: 'r2',
      COMMAND: 'CAPTURE',
    });
  });

  test('tells a decline as one, and the truth wherever it changed', async () => {
    const register = await paying(new TerminalBench());
    await register.error('DECLINED');
    await register.send('REPORT', 'LAST_TRAN');
    await register.error('DECLINED');
    expect(register.response).toMatchObject({
      RESULT: 'DECLINED',
      TERMINATION_STATUS: 'SUCCESS',
      POS_RECON: 'r2',
    });
    await register.send('REPORT', 'LAST_TRAN');
    await register.result(APPROVAL);
    expect(register.response).toMatchObject(APPROVED);
  });

  test('is busy while the outcome is not known, and never an older sale', async () => {
    const register = await paying(new TerminalBench());
    await register.result(APPROVAL);
    for (const code of ['TRANSACTION_ACTIVE', 'OUTCOME_UNKNOWN', 'TIMEOUT']) {
      await register.send('REPORT', 'LAST_TRAN');
      await register.error(code);
      expect(register.response).toMatchObject({ RESULT: 'BUSY', RESULT_CODE: '59002' });
    }
  });

  test('says that there was no transaction only where there was none', async () => {
    const register = new TerminalBench({ dials: false }).connect();
    expect(await register.ask('REPORT', 'LAST_TRAN')).toMatchObject({ RESPONSE_TEXT: 'No transaction' });
  });

  test('answers the register of that sale only', async () => {
    const bench = new TerminalBench({ dials: false });
    const first = await paying(bench);
    await first.result(APPROVAL);
    const other = bench.connect();
    expect(await other.ask('REPORT', 'LAST_TRAN')).toMatchObject({
      TERMINATION_STATUS: 'FAILURE',
      RESPONSE_TEXT: 'Payments of other connections only',
    });
    expect(other.asked).toEqual([]);
  });

  test('skips a payment that was refused before it began', async () => {
    const register = await paying(new TerminalBench(), 'r1');
    await register.result(APPROVAL);
    await register.send('PAYMENT', 'CAPTURE', { TRANS_AMOUNT: '9.99', POS_RECON: 'r2' });
    await register.error('CHANNEL_UNAVAILABLE');
    expect(register.response).toMatchObject({ TERMINATION_STATUS: 'FAILURE' });
    await register.send('REPORT', 'LAST_TRAN');
    expect(register.last.params.sequence_id).toBe('r1');
  });
});

describe('after a restart', () => {
  /** What the disk keeps. */
  function disk(): { memory: () => TerminalMemory; kept: () => Remembered | undefined } {
    let kept: Remembered | undefined;
    return {
      kept: () => kept,
      memory: () => ({
        remembered: kept,
        save: async (remembered) => {
          kept = JSON.parse(JSON.stringify(remembered)) as Remembered;
        },
        close: async () => {},
      }),
    };
  }

  test('a payment is on the disk before an application hears of it', async () => {
    const { memory, kept } = disk();
    const bench = new TerminalBench({ memory: memory() });
    const register = bench.connect();
    await register.start();
    register.conversation.receive(
      Buffer.from(
        '<TRANSACTION><FUNCTION_TYPE>PAYMENT</FUNCTION_TYPE><COMMAND>CAPTURE</COMMAND><TRANS_AMOUNT>5.35</TRANS_AMOUNT></TRANSACTION>',
      ),
    );
    expect(register.asked).toEqual([]);
    await settled();
    expect(register.asked).toHaveLength(1);
    const [last] = Object.values(kept()?.last ?? {}) as LastPayment[];
    expect(last).toMatchObject({ sequenceId: register.last.params.sequence_id, isOpen: true });
  });

  test('a payment that was open is looked for, and its response is the first message', async () => {
    const { memory } = disk();
    await paying(new TerminalBench({ memory: memory() }));
    const second = new TerminalBench({ memory: memory() }).connect();
    expect(second.last).toMatchObject({ method: 'Check', params: { sequence_id: 'r2' } });
    await second.result(APPROVAL);
    expect(second.response).toMatchObject({ ...APPROVED, POS_RECON: 'r2' });
  });

  test('one that was answered is not, and LAST_TRAN still tells of it', async () => {
    const { memory } = disk();
    const first = await paying(new TerminalBench({ memory: memory() }));
    await first.result(APPROVAL);
    const second = new TerminalBench({ memory: memory() }).connect();
    expect(second.asked).toEqual([]);
    await second.send('REPORT', 'LAST_TRAN');
    await second.result(APPROVAL);
    expect(second.response).toMatchObject({ ...APPROVED, POS_RECON: 'r2' });
  });

  test('no session is open, so that START is taken', async () => {
    const { memory } = disk();
    await new TerminalBench({ memory: memory() }).connect().start();
    expect(await new TerminalBench({ memory: memory() }).connect().start()).toMatchObject({
      RESULT_CODE: '-1',
    });
  });
});
