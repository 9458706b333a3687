import { describe, expect, test } from 'vitest';
import { ACK, NAK } from '../../../src/dialect/ecr-eft/frame-decoder.ts';
import { frameNamed, frameOf } from './frames.ts';
import { type Any, answer, answering, error, lastOf, paramsOf } from './kit.ts';

const ACKED = Buffer.from([ACK]);
type End = ReturnType<typeof answering>;

/** An application's request, with what it hears. */
function ask(
  end: End,
  method: string,
  params: object = {},
): { readonly heard: Any[]; readonly outcome: string } {
  const heard: Any[] = [];
  const outcome = lastOf(end).peer.request(
    JSON.stringify(method),
    Buffer.from(JSON.stringify(params)),
    (said) => heard.push([said.kind, JSON.parse(said.text.toString())]),
  );
  return { heard, outcome };
}

/** The type and fields that were sent, and the register's answer to them. */
async function step(end: End, type: string, ...fields: string[]): Promise<string> {
  const [frame = ''] = end.said().filter((one) => one !== 'ACK');
  const [token = '', ...rest] = frame.split(' ');
  end.receive(ACKED, frameOf(Number.parseInt(token, 16), type, ...fields));
  await Promise.resolve();
  return rest.join(' ');
}

describe('what an application wants of the register', () => {
  test('a frame of its own, with fields of any kind, is answered by what the register says', async () => {
    const end = answering();
    const { heard } = ask(end, 'ecr-eft.K6', { fields: ['Kraj', { list: ['PL', ''] }, { hex: 'B3' }, 5] });
    expect(await step(end, 'K0', '0', '2')).toBe('K6 Kraj,PL\x1f\x1f,\xb3,5');
    expect(heard).toEqual([['result', { result: 0, output: '2' }]]);
  });

  test('a refusal of the register is its answer, number and all', async () => {
    const end = answering();
    const { heard } = ask(end, 'ecr-eft.D2');
    await step(end, 'D0', '4294967295', 'more');
    expect(heard).toEqual([['result', { result: 4294967295, fields: ['more'] }]]);
  });

  test('Print claims the printer, prints line by line and lets it go', async () => {
    const end = answering();
    const { heard } = ask(end, 'Print', { lines: ['POTWIERDZENIE', 'Suma: 9,28 zł'] });
    expect(await step(end, 'D0', '0')).toBe('D2');
    expect(await step(end, 'D0', '0')).toBe('D6 POTWIERDZENIE');
    expect(await step(end, 'D0', '0')).toBe('D6 Suma: 9,28 zl');
    expect(heard).toEqual([]);
    expect(await step(end, 'D0', '0')).toBe('D3');
    expect(heard).toEqual([['result', {}]]);
  });

  test('a printer that says no in the middle is let go, and the application hears so', async () => {
    const end = answering();
    const { heard } = ask(end, 'Print', { text: 'a\nb' });
    await step(end, 'D0', '0');
    await step(end, 'D0', '7');
    expect(heard).toMatchObject([['error', { data: { string_code: 'REFUSED_BY_PEER' } }]]);
    expect(end.said().map((one) => one.split(' ').at(-1))).toEqual(['ACK', 'D3']);
  });

  test('one that is not free is not let go', async () => {
    const end = answering();
    const { heard } = ask(end, 'Print', { text: 'a' });
    await step(end, 'D0', '999');
    expect(heard).toHaveLength(1);
    expect(end.said().filter((one) => one !== 'ACK')).toEqual([]);
  });

  test('TextInput asks on the operator console and returns what was entered', async () => {
    const end = answering();
    const { heard } = ask(end, 'TextInput', { text: 'Numer stolika?' });
    expect(await step(end, 'K0', '0')).toBe('K1');
    expect(await step(end, 'K0', '0', '17')).toBe('K4 Numer stolika?');
    expect(await step(end, 'K0', '0')).toBe('K2');
    expect(heard).toEqual([['result', { text: '17' }]]);
  });

  test('a text for the cashier outside a sale is shown on the operator console', async () => {
    const end = answering();
    expect(lastOf(end).peer.notify('"PosMessage"', Buffer.from('{"message":"Hello"}'))).toBe('sent');
    expect(await step(end, 'K0', '0')).toBe('K1');
    expect(await step(end, 'K0', '0')).toBe('K3 Hello');
    expect(await step(end, 'K0', '0')).toBe('K2');
  });

  test('one command follows the other, each under a token of its own', async () => {
    const end = answering();
    const first = ask(end, 'ecr-eft.K9');
    const second = ask(end, 'ecr-eft.K9');
    const [frame = '', ...none] = end.said();
    expect(none).toEqual([]);
    end.receive(ACKED, frameOf(1, 'K0', '0'));
    expect(first.heard).toEqual([]);
    end.receive(frameOf(Number.parseInt(frame, 16), 'K0', '0'));
    await Promise.resolve();
    expect(first.heard).toHaveLength(1);
    const next = end.said().filter((one) => one !== 'ACK');
    expect(next).toHaveLength(1);
    expect(Number.parseInt(next[0] ?? '', 16)).toBe(Number.parseInt(frame, 16) + 1);
    expect(second.heard).toEqual([]);
  });

  test('a frame with an effect is sent again after a NAK, never because no ACK came', () => {
    const end = answering();
    ask(end, 'ecr-eft.D6', { fields: ['x'] });
    end.clock.advance(60_000);
    expect(end.said()).toHaveLength(1);
    const other = answering();
    const { heard } = ask(other, 'ecr-eft.D6', { fields: ['x'] });
    other.receive(Buffer.from([NAK]));
    other.receive(Buffer.from([NAK]));
    expect(other.said()).toHaveLength(3);
    other.receive(Buffer.from([NAK]));
    other.clock.advance(3000);
    expect(heard).toMatchObject([['error', { data: { string_code: 'CHANNEL_UNAVAILABLE' } }]]);
  });

  test('nobody answers: the application hears so after three minutes, or when the line is gone', () => {
    const end = answering();
    const first = ask(end, 'ecr-eft.K6');
    end.clock.advance(180_000);
    expect(first.heard).toMatchObject([['error', { data: { string_code: 'TIMEOUT' } }]]);
    const second = ask(end, 'ecr-eft.K6');
    end.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'gone', by: 'wire' });
    expect(second.heard).toMatchObject([['error', { data: { string_code: 'CONNECTION_CLOSED' } }]]);
    expect(ask(end, 'ecr-eft.K6').outcome).toBe('closed');
  });

  test.each([
    ['Refund', {}, 'JSONRPC_METHOD_NOT_FOUND'],
    ['ecr-eft.S1', { fields: ['S'] }, 'JSONRPC_METHOD_NOT_FOUND'],
    ['ecr-eft.B1', {}, 'JSONRPC_METHOD_NOT_FOUND'],
    ['ecr-eft.I1', {}, 'JSONRPC_METHOD_NOT_FOUND'],
    ['ecr-eft.K6', { fields: 'x' }, 'JSONRPC_INVALID_PARAMS'],
    ['ecr-eft.K6', { fields: ['ł'] }, 'JSONRPC_INVALID_PARAMS'],
    ['ecr-eft.K6', { fields: [{ hex: '02' }] }, 'JSONRPC_INVALID_PARAMS'],
    ['ecr-eft.K6', { fields: [{ hex: '1C' }] }, 'JSONRPC_INVALID_PARAMS'],
    ['ecr-eft.K6', { fields: [{ hex: 'A' }] }, 'JSONRPC_INVALID_PARAMS'],
    ['ecr-eft.K6', { fields: ['x'.repeat(5000)] }, 'JSONRPC_INVALID_PARAMS'],
    ['Print', {}, 'JSONRPC_INVALID_PARAMS'],
  ])('%s with %j is refused', (method, params, code) => {
    const end = answering();
    expect(ask(end, method, params).heard).toMatchObject([['error', { data: { string_code: code } }]]);
    expect(end.said()).toEqual([]);
  });

  test.each([
    ['ecr-eft.I1', { token: '2a31', status: 90, message: 'PIN' }, '2A31 I1 90,PIN'],
    ['ecr-eft.Z9', { token: '1', fields: ['x', { hex: '1B' }] }, '1 Z9 x,\x1b'],
    ['ecr-eft.S2', { token: '1', fields: ['0'] }, undefined],
    ['ecr-eft.T1', { token: '1' }, undefined],
    ['ecr-eft.Z9', { token: '1234567' }, undefined],
    ['ecr-eft.I1', { token: '1', message: 'PIN' }, undefined],
    ['ecr-eft.zz', {}, undefined],
    ['Refund', {}, undefined],
  ])('the notification %s with %j is sent as %s', (method, params, frame) => {
    const end = answering();
    const outcome = lastOf(end).peer.notify(JSON.stringify(method), Buffer.from(JSON.stringify(params)));
    expect(typeof outcome).toBe(frame === undefined ? 'object' : 'string');
    expect(end.said()).toEqual(frame === undefined ? [] : [frame]);
  });
});

describe('what a register wants of the applications', () => {
  test('a request without a counterpart is passed on, and its answer passed back', () => {
    const end = answering();
    expect(end.say(frameOf(5, 'A1', 'balance'))).toEqual(['ACK']);
    const [request] = lastOf(end).requests;
    expect(request).toMatchObject({ method: 'ecr-eft.A1' });
    expect(request && paramsOf(request)).toEqual({ fields: ['balance'] });
    expect(answer(request, 'result', { result: 7, message: 'later' })).toBe('sent');
    expect(answer(request, 'result', {})).toBe('closed');
    expect(end.said()).toEqual(['5 A2 7,later']);
    expect(end.say(frameOf(5, 'A1', 'balance'))).toEqual(['ACK', '5 A2 7,later']);
  });

  test('an empty result says that all is well, an error that it is not, as in the worked frame', () => {
    const end = answering();
    end.say(frameNamed('k1'));
    end.bytes();
    answer(lastOf(end).requests[0], 'error', error('JSONRPC_METHOD_NOT_FOUND'));
    expect(end.bytes()).toEqual(frameNamed('k0'));
    end.say(frameOf(6, 'D2'), frameOf(7, 'A1'));
    answer(lastOf(end).requests[1], 'result', {});
    answer(lastOf(end).requests[2], 'error', error('BUSY'));
    expect(end.said()).toEqual(['6 D0 0', '7 A2 999,It is BUSY.']);
  });

  test('a result that is no answer of the protocol is refused', () => {
    const end = answering();
    end.say(frameOf(5, 'A1'));
    const [request] = lastOf(end).requests;
    expect(answer(request, 'result', { fields: ['x'] })).toBe('JSONRPC_INVALID_PARAMS');
    expect(answer(request, 'result', { result: 0, message: 'ł' })).toBe('JSONRPC_INVALID_PARAMS');
    expect(answer(request, 'result', { result: 0, message: 'x'.repeat(5000) })).toBe('too-large');
    expect(answer(request, 'result', { result: 0 })).toBe('sent');
  });

  test('equal steps of a conversation follow each other; one comes again only while our answer is not acknowledged', () => {
    const end = answering();
    end.say(frameOf(6, 'D6', 'line'));
    answer(lastOf(end).requests[0], 'result', {});
    expect(end.said()).toEqual(['6 D0 0']);
    expect(end.say(frameOf(6, 'D6', 'line'))).toEqual(['ACK', '6 D0 0']);
    end.receive(ACKED, ACKED);
    end.say(frameOf(6, 'D6', 'line'));
    expect(lastOf(end).requests).toHaveLength(2);
  });

  test('notifications are told with their token', () => {
    const end = answering();
    end.say(frameOf(0xabc, 'L1', 'x'), frameOf(1, 'M1'), frameOf(1, 'M1'));
    expect(lastOf(end).notifications.map((one) => [one.method, paramsOf(one)])).toEqual([
      ['ecr-eft.L1', { token: 'ABC', fields: ['x'] }],
      ['ecr-eft.M1', { token: '1' }],
    ]);
  });
});
