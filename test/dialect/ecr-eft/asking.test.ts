import { describe, expect, test } from 'vitest';
import type { AskedTerminal } from '../../../src/dialect/asking.ts';
import { askingDialect } from '../../../src/dialect/ecr-eft/asking.ts';
import { ACK, NAK } from '../../../src/dialect/ecr-eft/frame-decoder.ts';
import { defaultParameters } from '../../../src/dialect/ecr-eft/parameters.ts';
import { frameOf, rawFrame } from './frames.ts';
import { type Any, answer, error, lastOf, OPTIONS, PlayedHost, paramsOf } from './kit.ts';

const ACKED = Buffer.from([ACK]);
const NAKED = Buffer.from([NAK]);
const DEVICE = { vendor: 'posbridge', type: 'register', id: '0', parameters: defaultParameters(0) };
const PURCHASE = { receipt_id: '6', amount: 928, currency: 'PLN' };

/** The register's end, on a line where the link test has been answered. */
function asking(more: { register?: string; untested?: boolean; discardMs?: number } = {}) {
  const dialect = askingDialect({ device: DEVICE, register: more.register ?? 'TILL1' });
  const begin = (played = new PlayedHost()) => {
    const conversation = dialect.ask(played.host, 'stream', { ...OPTIONS, discardMs: more.discardMs ?? 0 });
    const receive = (...parts: Buffer[]) => conversation.receive(Buffer.concat(parts));
    const end = Object.assign(played, { conversation, receive });
    if (more.untested === true) return end;
    end.receive(ACKED, frameOf(tokenOf(end.said()[0]), 'T2', '170', 'V', 'T', '1'));
    expect(end.said()).toEqual(['ACK']);
    return end;
  };
  return { dialect, begin, end: begin() };
}

type End = ReturnType<typeof asking>['end'];

const tokenOf = (frame = '') => Number.parseInt(frame, 16);
const terminalOf = (end: End) => lastOf(end).peer as AskedTerminal;

/** Asks the terminal; what is heard grows. */
function ask(end: End, method: string, params: object = {}): Any[] {
  const heard: Any[] = [];
  terminalOf(end).request(JSON.stringify(method), Buffer.from(JSON.stringify(params)), (said) =>
    heard.push({
      kind: said.kind,
      ...JSON.parse(said.text.toString()),
      ...(said.lost && { lost: said.lost.code }),
    }),
  );
  return heard;
}

/** A purchase whose S1 was acknowledged. */
function purchase(end: End, params: object = {}) {
  const heard = ask(end, 'Purchase', { ...PURCHASE, ...params });
  const [s1 = ''] = end.said();
  const token = tokenOf(s1);
  return { heard, s1, token, s2: (...fields: string[]) => end.receive(frameOf(token, 'S2', ...fields)) };
}

describe('the beginning', () => {
  test('a terminal can be asked when it has answered a link test', () => {
    const { end } = asking({ untested: true });
    expect(end.opened).toEqual([]);
    const [t1 = ''] = end.said();
    expect(t1).toMatch(/ T1$/);
    expect(tokenOf(t1)).toBeGreaterThanOrEqual(10_000);
    expect(tokenOf(t1)).toBeLessThan(20_000);
    end.receive(ACKED);
    expect(end.opened).toEqual([]);
    end.receive(frameOf(tokenOf(t1), 'T2', '170'));
    expect(end.opened).toHaveLength(1);
  });

  test('one that does not answer is given up', () => {
    const { end } = asking({ untested: true });
    end.clock.advance(9000);
    expect(end.said()).toHaveLength(3);
    expect(end.finished).toEqual([{ code: 'KEEPALIVE', how: 'lost' }]);
  });

  test('what an old connection has left on the line is thrown away first', () => {
    const { end } = asking({ untested: true, discardMs: 200 });
    end.receive(frameOf(0x2710, 'T2', '170'), frameOf(1, 'T1'));
    expect(end.said()).toEqual([]);
    end.clock.advance(200);
    expect(end.said().map((one) => one.slice(-2))).toEqual(['T1']);
  });

  test('a sign of life is a link test', () => {
    const { end } = asking();
    const heard: string[] = [];
    for (let count = 0; count < 2; count += 1) terminalOf(end).probe?.(({ kind }) => heard.push(kind));
    const [t1, ...others] = end.said();
    expect(others).toEqual([]);
    expect(heard).toEqual([]);
    end.receive(ACKED, frameOf(tokenOf(t1), 'T2', '170'));
    expect(heard).toEqual(['result', 'result']);
  });
});

describe('Purchase', () => {
  test('is S1 with the register as ECR id; S2 is its result', () => {
    const { end } = asking();
    const { heard, s1, s2 } = purchase(end);
    expect(s1.slice(5)).toBe('S1 S,TILL1,6,928,928,0,PLN,0');
    end.receive(ACKED);
    s2('0', 'AB', 'M1', 'T1', 'X1', '928', '0', 'CARD', 'OK');
    expect(heard).toEqual([
      {
        kind: 'result',
        amount: 928,
        currency: 'PLN',
        transaction_id: 'X1',
        card_scheme: 'CARD',
        response_text: 'OK',
        'ecr-eft': {
          result: 0,
          payment_id: '6',
          card_token: 'AB',
          merchant_id: 'M1',
          terminal_id: 'T1',
          transaction_id: 'X1',
          payment_method: 'CARD',
          message: 'OK',
        },
      },
    ]);
    expect(end.said()).toEqual(['ACK']);
  });

  test.each([
    [{ receipt_id: 17 }, 'S,TILL1,17,928,928,0,PLN,0'],
    [{ sequence_id: 1 }, 'S,TILL1,6/1,928,928,0,PLN,0'],
    [{ sequence_id: null }, 'S,TILL1,6,928,928,0,PLN,0'],
    [{ amount: 1428, cashback_amount: 500 }, 'S,TILL1,6,1428,928,0,PLN,500'],
    [
      { sequence_id: 'ECR9', 'ecr-eft': { ecr_id: 'ECR9', net: 828, vat: 100, cashback_limit: 30000 } },
      'S,ECR9,6,928,828,100,PLN,0,30000',
    ],
  ])('%j is %s', (params, s1) => {
    expect(purchase(asking().end, params).s1.slice(8)).toBe(s1);
  });

  test.each([
    [{ receipt_id: 1.5 }],
    [{ receipt_id: '' }],
    [{ amount: 0 }],
    [{ amount: 1e12 }],
    [{ amount: 1.5 }],
    [{ currency: 'zloty' }],
    [{ cashback_amount: 929 }],
    [{ 'ecr-eft': { ecr_id: 'x'.repeat(21) } }],
    [{ 'ecr-eft': { net: -1 } }],
  ])('%j is refused, and nothing is sent', (params) => {
    const { end } = asking();
    expect(ask(end, 'Purchase', { ...PURCHASE, ...params })).toMatchObject([
      { data: { string_code: 'JSONRPC_INVALID_PARAMS' } },
    ]);
    expect(end.said()).toEqual([]);
  });

  test.each([
    ['993', 'BUSY'],
    ['994', 'DUPLICATE_TRANSACTION'],
    ['999', 'DECLINED'],
    ['4294967295', 'DECLINED'],
    ['', 'OUTCOME_UNKNOWN'],
    ['x', 'OUTCOME_UNKNOWN'],
    ['-1', 'OUTCOME_UNKNOWN'],
  ])('S2 with the result %j is %s, and the number is kept', (result, code) => {
    const { heard, s2 } = purchase(asking().end);
    s2(result, '', '', '', '', '', '', '', 'Brak srodkow');
    expect(heard).toMatchObject([{ kind: 'error', data: { string_code: code } }]);
    const number = /^\d+$/.test(result) ? Number(result) : result;
    expect(heard[0].data['ecr-eft']).toEqual({ payment_id: '6', result: number, message: 'Brak srodkow' });
  });

  test('an S2 without an amount means what was asked for; one with an amount that cannot be read is unknown', () => {
    const short = purchase(asking().end);
    short.s2('0');
    expect(short.heard).toMatchObject([{ amount: 928, currency: 'PLN' }]);
    const other = purchase(asking().end);
    other.s2('00', '', '', '', '', '500', '');
    expect(other.heard).toMatchObject([{ amount: 500 }]);
    const strange = purchase(asking().end);
    strange.s2('0', '', '', '', '', '9.28');
    expect(strange.heard).toMatchObject([{ data: { string_code: 'OUTCOME_UNKNOWN', outcome: 'unknown' } }]);
  });

  test('a frame that cannot be read may have been S2: where nothing follows the outcome is unknown', () => {
    const { end } = asking();
    const { heard, token } = purchase(end);
    end.receive(ACKED, rawFrame('\x001\x1cS2\x1c0\x1c'));
    end.clock.advance(30_000);
    end.receive(frameOf(token, 'I1', '50', ''));
    end.clock.advance(600_000);
    expect(heard).toEqual([]);
    end.receive(rawFrame('\x001\x1cS2\x1c0\x1c'));
    end.clock.advance(60_000);
    expect(heard).toMatchObject([{ data: { string_code: 'OUTCOME_UNKNOWN' } }]);
    end.said();
    const cut = purchase(end);
    end.receive(rawFrame(`${cut.token.toString(16)}\x1cS2\x1c0`));
    expect(cut.heard).toMatchObject([{ data: { string_code: 'OUTCOME_UNKNOWN' } }]);
  });

  test('a terminal that lives and says nothing more of a payment for a quarter of an hour cannot be waited for', () => {
    const { end } = asking();
    const { heard } = purchase(end);
    end.receive(ACKED);
    end.clock.advance(899_000);
    expect(heard).toEqual([]);
    end.clock.advance(1000);
    expect(heard).toMatchObject([{ data: { string_code: 'OUTCOME_UNKNOWN' } }]);
  });

  test('S2 under another token ends nothing', () => {
    const { end } = asking();
    const { heard, token, s2 } = purchase(end);
    end.receive(ACKED, frameOf(token + 1, 'S2', '0'));
    expect([heard, end.said()]).toEqual([[], ['ACK']]);
    s2('999');
    expect(heard).toHaveLength(1);
  });

  test('a second one waits for nobody: BUSY', () => {
    const { end } = asking();
    purchase(end);
    expect(ask(end, 'Purchase', { ...PURCHASE, receipt_id: '7' })).toMatchObject([
      { data: { string_code: 'BUSY' } },
    ]);
    expect(end.said()).toEqual([]);
  });

  test('what an ECR-EFT terminal cannot do is no method', () => {
    const { end } = asking();
    for (const method of ['Check', 'Refund', 'Reversal', 'Status', 'Print', 'ecr-eft.S1', 'ecr-eft.T1'])
      expect(ask(end, method, PURCHASE), method).toMatchObject([
        { data: { string_code: 'JSONRPC_METHOD_NOT_FOUND' } },
      ]);
    expect(end.said()).toEqual([]);
  });
});

describe('S1 on its way', () => {
  test('is never sent again because no ACK came: S2 still ends it', () => {
    const { end } = asking();
    const { heard, s2 } = purchase(end);
    end.clock.advance(59_000);
    expect([end.said(), heard]).toEqual([[], []]);
    s2('0');
    expect(heard).toMatchObject([{ kind: 'result' }]);
  });

  test('without an ACK and without a word for a minute the outcome is unknown, and the cashier is told what to do', () => {
    const { end } = asking();
    const { heard } = purchase(end);
    end.clock.advance(63_000);
    expect(heard).toMatchObject([{ data: { string_code: 'OUTCOME_UNKNOWN', outcome: 'unknown' } }]);
    expect(heard[0].data.display_message).toMatch(/Look at the terminal's receipt/);
  });

  test('progress proves that it arrived', () => {
    const { end } = asking();
    const { heard, token } = purchase(end);
    end.clock.advance(30_000);
    end.receive(frameOf(token, 'I1', '20', ''));
    end.clock.advance(600_000);
    expect(heard).toEqual([]);
  });

  test('a NAK has it sent again, at most twice; a third one means that nothing has begun', () => {
    const { end } = asking();
    const { heard, s1 } = purchase(end);
    end.receive(NAKED);
    end.receive(NAKED);
    expect(end.said()).toEqual([s1, s1]);
    end.receive(NAKED);
    expect(heard).toEqual([]);
    end.clock.advance(3000);
    expect(heard).toMatchObject([{ data: { string_code: 'CHANNEL_UNAVAILABLE' } }]);
    expect(end.said()).toEqual([]);
  });

  test.each([
    ['an ACK', ACKED],
    ['progress', undefined],
  ])('%s behind the third NAK: one of them was noise, and the sale goes on', (_title, byte) => {
    const { end } = asking();
    const { heard, token, s2 } = purchase(end);
    for (let count = 0; count < 3; count += 1) end.receive(NAKED);
    end.receive(byte ?? frameOf(token, 'I1', '20', ''));
    end.clock.advance(60_000);
    expect(heard).toEqual([]);
    s2('0');
    expect(heard).toMatchObject([{ kind: 'result' }]);
  });

  test('is alone on its way: whatever else is to be said waits for its ACK', () => {
    const { end } = asking();
    purchase(end);
    end.receive(frameOf(1, 'T1'));
    expect(end.said()).toEqual(['ACK']);
    end.receive(ACKED);
    expect(end.said()).toEqual(['1 T2 170,posbridge,register,0']);
  });

  test('a NAK that comes when an earlier answer is missing repeats nothing either', () => {
    const { end } = asking();
    end.receive(frameOf(1, 'T1'));
    end.clock.advance(9000);
    const { heard } = purchase(end);
    end.said();
    end.receive(NAKED);
    expect(end.said()).toEqual([]);
    end.clock.advance(63_000);
    expect(heard).toMatchObject([{ data: { string_code: 'OUTCOME_UNKNOWN' } }]);
  });

  test('waits until nothing else is unacknowledged', () => {
    const { end } = asking();
    end.receive(frameOf(1, 'T1'));
    end.said();
    ask(end, 'Purchase', PURCHASE);
    expect(end.said()).toEqual([]);
    end.receive(ACKED);
    expect(end.said().map((one) => one.slice(5, 7))).toEqual(['S1']);
  });

  test('a line that is lost before it was sent: nothing has begun', () => {
    const { end } = asking();
    end.receive(frameOf(1, 'T1'));
    const heard = ask(end, 'Purchase', PURCHASE);
    end.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'gone', by: 'wire' });
    expect(heard).toMatchObject([{ data: { string_code: 'CHANNEL_UNAVAILABLE' } }]);
    expect(heard[0].lost).toBeUndefined();
  });

  test.each(['lost', 'endOfInput', 'close'] as const)('%s while it runs: lost, and nobody guesses', (how) => {
    const { end } = asking();
    const { heard } = purchase(end);
    end.receive(ACKED);
    const reason = { code: 'CONNECTION_CLOSED', text: 'gone', by: 'wire' } as const;
    if (how === 'lost') end.conversation.lost(reason);
    else if (how === 'endOfInput') end.conversation.endOfInput();
    else terminalOf(end).close(reason);
    expect(heard).toMatchObject([{ kind: 'error', lost: 'CONNECTION_CLOSED' }]);
    expect(lastOf(end).reports).toEqual(['closed CONNECTION_CLOSED']);
    expect(end.finished).toHaveLength(1);
    expect(end.clock.timerCount).toBe(0);
  });
});

describe('Abort', () => {
  test('is P1 under the token of the payment, as a request or a notification', () => {
    const { end } = asking();
    expect(ask(end, 'Abort')).toMatchObject([{ data: { string_code: 'NOTHING_TO_ABORT' } }]);
    const { token } = purchase(end);
    end.receive(ACKED);
    expect(ask(end, 'Abort', { receipt_id: '7' })).toMatchObject([
      { data: { string_code: 'NOTHING_TO_ABORT' } },
    ]);
    expect(ask(end, 'Abort', { receipt_id: '6' })).toEqual([{ kind: 'result' }]);
    expect(terminalOf(end).notify('"Abort"', Buffer.from('{}'))).toBe('sent');
    const p1 = `${token.toString(16).toUpperCase()} P1`;
    expect(end.said()).toEqual([p1, p1]);
  });
});

describe('what the terminal says by itself', () => {
  test('progress becomes StatusEvent and PosMessage, with the number that was said', () => {
    const { end } = asking();
    const { token } = purchase(end);
    end.receive(ACKED, frameOf(token, 'I1', '90', 'PIN'), frameOf(token, 'I1', '20', ''));
    end.receive(frameOf(token, 'I1', '120', 'Podpis'), frameOf(token, 'I1', '5555', ''));
    const told = lastOf(end).notifications.map((one) => [one.method, paramsOf(one)]);
    expect(told).toEqual([
      ['StatusEvent', status('PROCESSING', 90, 'PIN')],
      ['PosMessage', { message: 'PIN' }],
      ['StatusEvent', status('WAIT_CARD_IN', 20, '')],
      ['StatusEvent', status('WAIT_POS', 120, 'Podpis')],
      ['PosMessage', { message: 'Podpis' }],
      ['StatusEvent', status('PROCESSING', 5555, '')],
    ]);
  });

  test('printing and operator requests are passed on, and answered as the register says', () => {
    const { end } = asking();
    end.receive(frameOf(0x4e20, 'D2'), frameOf(0x4e21, 'K6', 'Kraj', 'PL\x1fDE\x1f'));
    const [print, menu] = lastOf(end).requests;
    expect([print?.method, menu && [menu.method, paramsOf(menu)]]).toEqual([
      'ecr-eft.D2',
      ['ecr-eft.K6', { fields: ['Kraj', { list: ['PL', 'DE'] }] }],
    ]);
    end.said();
    answer(print, 'error', error('JSONRPC_METHOD_NOT_FOUND'));
    answer(menu, 'result', { result: 0, output: '1' });
    expect(end.said()).toEqual(['4E20 D0 999', '4E21 K0 0,1']);
  });

  test('a terminal that starts a payment is refused, and its requests about the line are answered', () => {
    const { end } = asking();
    end.receive(
      ...[frameOf(2, 'D4'), frameOf(3, 'B1')],
      frameOf(1, 'S1', 'S', 'E', '1', '1', '1', '0', 'PLN', '0'),
      ...[ACKED, ACKED],
    );
    const said = end.said().filter((one) => one !== 'ACK');
    expect(said.map((one) => one.slice(0, 8))).toEqual(['2 D5 40,', '3 B2 170', '1 S2 999']);
    expect(lastOf(end).requests).toEqual([]);
  });
});

function status(transaction_status: string, number: number, message: string): object {
  return { ready_for_transaction: false, transaction_status, 'ecr-eft': { status: number, message } };
}
