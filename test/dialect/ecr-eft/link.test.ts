import { describe, expect, test } from 'vitest';
import { ACK, NAK } from '../../../src/dialect/ecr-eft/frame-decoder.ts';
import { everySplit } from '../../kit/splits.ts';
import { FRAMES, frameNamed, frameOf, rawFrame, WRONG } from './frames.ts';
import { answering, lastOf, paramsOf } from './kit.ts';

const ACKED = Buffer.from([ACK]);
const NAKED = Buffer.from([NAK]);
const KEEPALIVE = { idleMs: 1000, busyMs: 1000, limitMs: 10_000 };

describe('what two devices ask each other', () => {
  test('T1 is answered by T2 under the same token, in one write with its ACK', () => {
    const end = answering();
    end.receive(frameNamed('t1'));
    expect(end.writes()).toEqual([['ACK', '12 T2 170,posbridge,bridge,0']]);
  });

  test('T3 is answered by T4 with 160 and 170, as in the worked frame', () => {
    const end = answering();
    end.receive(frameNamed('t3'));
    expect(end.bytes()).toEqual(Buffer.concat([ACKED, frameNamed('t4')]));
  });

  test('T4 is answered by T5 with the highest version that both have', () => {
    const selected = (...fields: string[]) => answering().say(frameOf(0x1f, 'T4', ...fields))[1];
    expect(selected('160\x1f170\x1f')).toBe('1F T5 170');
    expect(selected('160\x1f\x1f\x1f')).toBe('1F T5 160');
    expect(selected('170', '160')).toBe('1F T5 170');
    expect(selected('150\x1f180\x1f')).toBe('1F T5 170');
    expect(selected()).toBe('1F T5 170');
  });

  test('D4 is answered by D5 with 22 fields, and a superfluous empty field is no harm', () => {
    const [ack, d5 = ''] = answering().say(frameOf(0x1f, 'D4', ''));
    expect([ack, d5.slice(0, 5)]).toEqual(['ACK', '1F D5']);
    expect(d5.split(',')).toHaveLength(22);
  });

  test('keys are refused: no success, and no key', () => {
    const end = answering();
    expect(end.say(frameOf(5, 'B1', '170', '', '', ''))).toEqual(['ACK', '5 B2 170,posbridge,bridge,0,999']);
    expect(end.say(frameOf(6, 'B3', 'AB'.repeat(256), 'ABCDEF'))).toEqual(['ACK', '6 B4 999']);
  });

  test('what answers nothing is acknowledged and has no other effect', () => {
    const end = answering();
    for (const type of ['T2', 'T5', 'D5', 'B2', 'B4', 'S2', 'K0', 'D0', 'A2', 'D8'])
      expect(end.say(frameOf(7, type, '0')), type).toEqual(['ACK']);
    expect(end.say(...[...FRAMES.values()].slice(0, 3))).toEqual([
      'ACK',
      '12 T2 170,posbridge,bridge,0',
      'ACK',
      'NAK',
    ]);
    expect(end.finished).toEqual([]);
  });

  test('a frame with a wrong check byte gets NAK and nothing else; what cannot be read gets ACK and nothing else', () => {
    const end = answering();
    expect(end.say(frameNamed(WRONG))).toEqual(['NAK']);
    expect(end.say(frameOf(1, 'T1').fill('x', 1, 2), frameNamed('t1'))).toEqual([
      'NAK',
      'ACK',
      '12 T2 170,posbridge,bridge,0',
    ]);
    expect(end.say(rawFrame('\x1cT1\x1c'))).toEqual(['ACK']);
    expect(end.statistics.snapshot()).toMatchObject({
      'unreadable frames': 1,
      'frames with a wrong check byte': 2,
    });
  });

  test('every worked frame gets exactly one ACK, and the frame behind it its own', () => {
    for (const [name, frame] of FRAMES) {
      if (name === WRONG) continue;
      for (const [first = ACKED, second = ACKED] of everySplit(
        Buffer.concat([frame, frameNamed('t1-ping')]),
      )) {
        const end = answering();
        end.receive(first);
        end.receive(second);
        const said = end.said();
        expect(
          said.filter((one) => one === 'ACK'),
          name,
        ).toHaveLength(2);
        expect(said, name).not.toContain('NAK');
        expect(said, name).toContain('1 T2 170,posbridge,bridge,0');
      }
    }
  });
});

describe('link tests of our own', () => {
  test('after the time of silence T1 goes out, and twice more when nobody acknowledges; then the link is broken', () => {
    const end = answering({ keepalive: KEEPALIVE });
    const ping = () => end.said().map((one) => one.slice(5));
    end.clock.advance(999);
    expect(ping()).toEqual([]);
    end.clock.advance(1);
    expect(ping()).toEqual(['T1']);
    end.clock.advance(2999);
    expect(ping()).toEqual([]);
    end.clock.advance(1);
    expect(ping()).toEqual(['T1']);
    end.clock.advance(3000);
    expect(ping()).toEqual(['T1']);
    end.clock.advance(3000);
    expect(ping()).toEqual([]);
    expect(end.finished).toEqual([{ code: 'KEEPALIVE', how: 'lost' }]);
    expect(lastOf(end).reports).toEqual(['closed KEEPALIVE']);
    expect(end.clock.timerCount).toBe(0);
  });

  test('a peer that acknowledges and answers stays connected', () => {
    const end = answering({ keepalive: KEEPALIVE });
    for (let second = 0; second < 60; second += 1) {
      end.clock.advance(1000);
      const [ping = ''] = end.said();
      expect(ping).toMatch(/^[0-9A-F]{4} T1$/);
      end.receive(ACKED, frameOf(Number.parseInt(ping, 16), 'T2', '170'));
      expect(end.said()).toEqual(['ACK']);
    }
    expect(end.finished).toEqual([]);
  });

  test('a peer that acknowledges and does not answer is lost 10 s after the test, whatever the limit is', () => {
    const end = answering({ keepalive: { ...KEEPALIVE, limitMs: 20_000 } });
    end.clock.advance(1000);
    end.receive(ACKED);
    end.clock.advance(9999);
    expect(end.finished).toEqual([]);
    end.clock.advance(1);
    expect(end.finished).toEqual([{ code: 'KEEPALIVE', how: 'lost' }]);
  });

  test('a T2 under another token is no answer', () => {
    const end = answering({ keepalive: KEEPALIVE });
    end.clock.advance(1000);
    end.receive(ACKED, frameOf(1, 'T2', '170'));
    end.clock.advance(10_000);
    expect(end.finished).toHaveLength(1);
  });

  test('a T2 without an ACK is answer enough', () => {
    const end = answering({ keepalive: { ...KEEPALIVE, idleMs: 60_000 } });
    end.clock.advance(60_000);
    const [ping = ''] = end.said();
    end.receive(frameOf(Number.parseInt(ping, 16), 'T2', '170'));
    end.clock.advance(30_000);
    expect(end.said()).toEqual(['ACK']);
    expect(end.finished).toEqual([]);
  });

  test('while the peer talks no test is due', () => {
    const end = answering({ keepalive: KEEPALIVE });
    for (let count = 0; count < 10; count += 1) {
      end.clock.advance(900);
      end.receive(frameNamed('t1'), ACKED);
      expect(end.said()).toEqual(['ACK', '12 T2 170,posbridge,bridge,0']);
    }
  });

  test('a NAK repeats a test, at most twice', () => {
    const end = answering({ keepalive: KEEPALIVE });
    end.clock.advance(1000);
    expect(end.said()).toHaveLength(1);
    end.receive(NAKED);
    end.receive(NAKED);
    expect(end.said()).toHaveLength(2);
    expect(end.finished).toEqual([]);
    end.receive(NAKED);
    expect(end.finished).toEqual([{ code: 'KEEPALIVE', how: 'lost' }]);
  });

  test('on a serial line nobody is lost who has not spoken yet, and no connection begins', () => {
    const end = answering({ keepalive: KEEPALIVE, sync: true });
    end.clock.advance(60_000);
    expect(end.said().length).toBeGreaterThan(10);
    expect([end.finished, end.opened]).toEqual([[], []]);
    end.receive(frameNamed('t1'));
    expect(end.opened).toHaveLength(1);
    end.clock.advance(11_000);
    expect(end.finished).toEqual([{ code: 'KEEPALIVE', how: 'lost' }]);
  });
});

describe('retransmission', () => {
  test('an answer that is not acknowledged is sent twice again, and then given up, because the peer can ask again', () => {
    const end = answering();
    expect(end.say(frameNamed('t1'))).toEqual(['ACK', '12 T2 170,posbridge,bridge,0']);
    end.clock.advance(3000);
    end.clock.advance(3000);
    expect(end.said()).toEqual(Array(2).fill('12 T2 170,posbridge,bridge,0'));
    end.clock.advance(60_000);
    expect([end.said(), end.finished]).toEqual([[], []]);
  });

  test('answers do not wait for each other', () => {
    const end = answering();
    const said = end.say(frameNamed('t1'), frameNamed('t3'), frameNamed('d4'));
    expect(said.filter((one) => one === 'ACK')).toHaveLength(3);
    expect(said).toHaveLength(6);
    end.receive(ACKED, ACKED, ACKED);
    end.clock.advance(60_000);
    expect(end.said()).toEqual([]);
  });

  test('one-byte answers to nothing have no effect', () => {
    const end = answering();
    end.receive(Buffer.alloc(1000, ACK), Buffer.alloc(1000, NAK));
    expect(end.say(frameNamed('t1'))).toHaveLength(2);
    end.receive(ACKED, NAKED, NAKED);
    expect([end.said(), end.finished]).toEqual([[], []]);
  });

  test('while output does not flow nothing is repeated and nobody is lost', () => {
    const end = answering({ keepalive: KEEPALIVE });
    end.receive(frameNamed('t1'));
    end.said();
    end.conversation.congested(true);
    end.clock.advance(60_000);
    expect([end.said(), end.finished]).toEqual([[], []]);
    end.conversation.congested(false);
    end.clock.advance(1000);
    expect(end.said().map((one) => one.split(' ')[1])).toEqual(['T1']);
  });

  test('when input has ended what is left to say is said once', () => {
    const end = answering({ keepalive: KEEPALIVE });
    end.receive(frameNamed('t1'));
    end.conversation.endOfInput();
    expect(end.said()).toHaveLength(2);
    end.clock.advance(60_000);
    expect(end.said()).toEqual([]);
    expect(lastOf(end).reports).toEqual(['inputEnded CONNECTION_CLOSED']);
  });
});

describe('unknown types and fields', () => {
  test('an unknown type is passed on with all its fields, once within 30 s', () => {
    const end = answering();
    const frame = frameOf(0xab, 'S7', 'text', '\xb3\xff', 'a\x1f\x1f', '', '\x1b');
    expect(end.say(frame, frame)).toEqual(['ACK', 'ACK']);
    const [told, ...others] = lastOf(end).notifications;
    expect(others).toEqual([]);
    expect(told?.method).toBe('ecr-eft.S7');
    expect(told && paramsOf(told)).toEqual({
      token: 'AB',
      fields: ['text', { hex: 'B3FF' }, { list: ['a', ''] }, '', { hex: '1B' }],
    });
    end.clock.advance(30_001);
    end.receive(frame);
    expect(lastOf(end).notifications).toHaveLength(2);
  });

  test('extra trailing fields and attributes do no harm', () => {
    const end = answering();
    expect(end.say(frameNamed('t1-attributes'))).toEqual(['ACK', '1 T2 170,posbridge,bridge,0']);
    expect(end.say(frameOf(2, 'T3', 'x', 'y\x1f'))).toEqual(['ACK', '2 T4 160\x1f170\x1f']);
  });
});
