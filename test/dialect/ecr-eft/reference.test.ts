import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/dialect/ecr-eft/catalogue.ts';
import { readMessage } from '../../../src/dialect/ecr-eft/frame.ts';
import { ACK } from '../../../src/dialect/ecr-eft/frame-decoder.ts';
import { readParameters } from '../../../src/dialect/ecr-eft/parameters.ts';
import { byteByByte, everySplit } from '../../kit/splits.ts';
import { frameNamed, frameOf, WRONG } from './frames.ts';
import { answer, answering, lastOf } from './kit.ts';

/** Faults that an existing program of this protocol has, and what we do instead. */

const ACKED = Buffer.from([ACK]);
const T2 = '12 T2 170,posbridge,bridge,0';
const APPROVED = { amount: 928, currency: 'PLN', transaction_id: 'X1' };

describe('1: a frame in two reads', () => {
  test('is acknowledged and answered, wherever it is cut, and so is the next one', () => {
    for (const chunks of everySplit(frameNamed('t1'))) {
      const end = answering();
      for (const chunk of chunks) end.receive(chunk);
      expect(end.said()).toEqual(['ACK', T2]);
      expect(end.say(frameNamed('t1'))).toEqual(['ACK', T2]);
    }
  });

  test('cut before its check byte makes nobody deaf', () => {
    const end = answering();
    for (const byte of byteByByte(Buffer.concat([frameNamed('t1'), frameNamed(WRONG), frameNamed('t3')])))
      end.receive(byte);
    expect(end.said()).toEqual(['ACK', T2, 'NAK', 'ACK', '1F T4 160\x1f170\x1f']);
  });
});

describe('2: answers that do not come', () => {
  const KEEPALIVE = { idleMs: 1000, busyMs: 1000, limitMs: 10_000 };

  test('no ACK within 3 s: the frame is sent again', () => {
    const end = answering();
    end.say(frameNamed('t1'));
    end.clock.advance(3000);
    expect(end.said()).toEqual([T2]);
  });

  test('a second request before the ACK of the first answer is answered', () => {
    expect(answering().say(frameNamed('t1'), frameNamed('t3'))).toHaveLength(4);
  });

  test('a link test without an ACK, and a long silence after it, end the link in good order', () => {
    const end = answering({ keepalive: KEEPALIVE });
    end.clock.advance(60_000);
    expect(end.finished).toEqual([{ code: 'KEEPALIVE', how: 'lost' }]);
  });
});

describe('3: requests that nobody carries out', () => {
  test.each([
    ['K1', '1 K0 999,'],
    ['A1', '1 A2 999,It is JSONRPC_METHOD_NOT_FOUND.'],
    ['D2', '1 D0 999'],
    ['D7', '1 D8 999'],
  ])('%s without an application is refused with %s', (type, refusal) => {
    const end = answering();
    end.say(frameOf(1, type));
    const refused = { code: -32601, message: 'It is JSONRPC_METHOD_NOT_FOUND.', data: {} };
    answer(lastOf(end).requests[0], 'error', refused);
    expect(end.said()).toEqual([refusal]);
  });

  test('S1 of kind C, S2, B3 and K0 are no reason to stop', () => {
    const end = answering();
    const kindC = frameOf(1, 'S1', 'C', 'E', '1', '1', '1', '0', 'PLN', '0');
    for (const frame of [kindC, frameNamed('s2-success'), frameOf(2, 'B3', 'AB', 'CD'), frameNamed('k0')]) {
      expect(end.say(frame)[0]).toBe('ACK');
      end.receive(ACKED);
    }
    expect(end.say(frameNamed('t1'))).toEqual(['ACK', T2]);
    expect(end.finished).toEqual([]);
  });

  test('every type of the catalogue can be said to us without harm, and each that wants an answer gets one', () => {
    for (const [type, { answer: answerType }] of CATALOGUE) {
      const end = answering();
      end.receive(frameOf(1, type));
      const [request] = lastOf(end).requests;
      answer(request, 'error', { code: 1, message: 'no', data: {} });
      const said = end.said();
      expect(said[0], type).toBe('ACK');
      if (answerType !== undefined) expect(said[1], type).toMatch(new RegExp(`^1 ${answerType}( |$)`));
      expect(end.finished, type).toEqual([]);
    }
  });

  test('P1, I1, L1, M1 and A2 are not dropped: they are told, or answer what is open', () => {
    const end = answering();
    end.say(
      frameNamed('s1'),
      frameNamed('p1'),
      frameOf(1, 'I1', '20', ''),
      frameOf(1, 'L1'),
      frameOf(1, 'M1'),
    );
    const told = lastOf(end).notifications.map(({ method }) => method);
    expect(told).toEqual(['Abort', 'ecr-eft.I1', 'ecr-eft.L1', 'ecr-eft.M1']);
    const heard: string[] = [];
    lastOf(end).peer.request('"ecr-eft.A1"', Buffer.from('{}'), ({ text }) => heard.push(text.toString()));
    const [a1 = ''] = end.said().filter((one) => one.endsWith('A1'));
    end.receive(ACKED, frameOf(Number.parseInt(a1, 16), 'A2', '0', 'ok'));
    expect(heard).toEqual(['{"result":0,"message":"ok"}']);
  });
});

test('4: a frame over 4 KB is not acknowledged: it gets NAK', () => {
  const end = answering();
  expect(end.say(frameOf(1, 'K3', 'x'.repeat(4096)), frameNamed('t1'))).toEqual(['NAK', 'ACK', T2]);
  expect(end.statistics.snapshot()).toMatchObject({ 'frames too long': 1 });
});

describe('5: S2', () => {
  test('has the transaction id, and every field in its place', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    answer(lastOf(end).requests[0], 'result', APPROVED);
    expect(end.said()).toEqual(['2A31 S2 0,,,,X1,928,,CARD,']);
  });

  test('frees the terminal: the next S1 is carried out', () => {
    const end = answering();
    end.say(frameNamed('s1'));
    answer(lastOf(end).requests[0], 'result', APPROVED);
    end.receive(ACKED, frameOf(5, 'S1', 'S', 'E', '7', '1', '1', '0', 'PLN', '0'));
    expect(lastOf(end).requests).toHaveLength(2);
  });
});

test('6: the type DA keeps its second character, in and out', () => {
  const end = answering();
  end.say(frameOf(1, 'DA', 'logo'));
  expect(lastOf(end).requests.map(({ method }) => method)).toEqual(['ecr-eft.DA']);
  lastOf(end).peer.request('"ecr-eft.DA"', Buffer.from('{"fields":["logo"]}'), () => {});
  expect(end.said().map((one) => one.slice(5))).toEqual(['DA logo']);
});

test('7: B1 is never answered with success, nor with a key', () => {
  const end = answering();
  end.receive(frameOf(1, 'B1', '170', 'V', 'T', '1'));
  const b2 = end.bytes();
  const read = readMessage(b2.subarray(2, -2));
  expect(read).toMatchObject({ ok: true, message: { type: 'B2' } });
  if (!read.ok) return;
  expect(read.message.fields).toHaveLength(5);
  expect(read.message.fields[4]?.toString()).toBe('999');
});

test('8: every frame is answered, not the first one alone, and there is no end of time', () => {
  const end = answering();
  for (let count = 0; count < 100; count += 1) {
    expect(end.say(frameNamed('t1'))).toEqual(['ACK', T2]);
    end.receive(ACKED);
    end.clock.advance(3_600_000);
  }
  expect(end.finished).toEqual([]);
});

describe('the file of parameters', () => {
  const d5 = frameNamed('d5').subarray(1, -2);

  test('is read as it is written for that program', () => {
    const fields = readParameters(d5);
    expect(Array.isArray(fields) && fields.map(String)).toEqual([
      ...['40', '20', '9', '20', '1', '1', '1', '26', '114', '128', '396', '255', '1000', '9999', '4', '20'],
      ...['O\x1fC\x1fX\x1fX\x1f\x1fUp\x1fDn\x1fUp\x1fDn\x1f', '2', '1', '1', '1', '1'],
    ]);
    expect(readParameters(Buffer.concat([d5, Buffer.from('\r\n')]))).toEqual(fields);
  });

  test.each([
    ['an empty file', '', /token/],
    ['text', 'hello', /token/],
    ['another message', '1F\x1cD4\x1c', /D4, not D5/],
    ['too few fields', '1F\x1cD5\x1c40\x1c', /22 fields/],
    ['an end that is missing', d5.subarray(0, -1), /no end/],
    [
      'letters for a number',
      Buffer.from(d5.toString('latin1').replace('\x1c40', '\x1cxx'), 'latin1'),
      /field 1 must/,
    ],
    ['eight key names', Buffer.from(d5.toString('latin1').replace('O\x1f', ''), 'latin1'), /9 key names/],
    [
      'another kind',
      Buffer.from(d5.toString('latin1').replace('\x1c2\x1c1\x1c1', '\x1c7\x1c1\x1c1'), 'latin1'),
      /0, 1, 2 or 3/,
    ],
  ])('%s is refused', (_title, file, why) => {
    expect(readParameters(Buffer.from(file as string))).toMatch(why);
  });
});
