import { describe, expect, test } from 'vitest';
import { Statistics } from '../../src/base/statistics.ts';
import { type CallEnd, PeerCalls } from '../../src/bridge/peer-calls.ts';
import type { CallRules, PeerAnswer, SendOutcome } from '../../src/dialect/dialect.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const RESULT: PeerAnswer = { kind: 'result', text: Buffer.from('{}'), depth: 2 };
const LOST: PeerAnswer = {
  kind: 'error',
  text: Buffer.from('{}'),
  depth: 2,
  lost: { code: 'CONNECTION_CLOSED', text: 'gone', by: 'peer' },
};

/** A peer that is asked through `PeerCalls` and answers when the test says so. */
function peerWith(rules: CallRules, timeoutMs = 60_000) {
  const clock = new FakeClock();
  const statistics = new Statistics();
  const sent: { name: string; params: string; answer: (answer?: PeerAnswer) => void }[] = [];
  const ends: Record<string, string> = {};
  const state: { outcome: SendOutcome | 'full' } = { outcome: 'sent' };
  const calls = new PeerCalls({
    rules,
    timeoutMs: () => timeoutMs,
    clock,
    statistics,
    peer: {
      request: (methodText, params, settle) => {
        if (state.outcome === 'sent') {
          const name = JSON.parse(methodText) as string;
          sent.push({ name, params: params.toString(), answer: (answer = RESULT) => settle(answer) });
        }
        return state.outcome;
      },
      notify: () => 'sent',
      close: () => {},
    },
  });
  const ask = (method: string) => {
    const params = Buffer.from(`{"of":"${method}"}`);
    calls.ask({
      method,
      methodText: JSON.stringify(method),
      params,
      settle: (end: CallEnd) => {
        ends[method] = end.kind === 'answered' ? end.answer.kind : end.code;
      },
    });
    params.fill(0); // belongs to somebody else from now on
  };
  return { clock, statistics, calls, ask, ends, sent, state, names: () => sent.map(({ name }) => name) };
}

describe('the deadline', () => {
  test('is counted from the moment that the application asks', () => {
    const { ask, clock, ends } = peerWith({ deadlineMs: 30_000 });
    ask('a');
    clock.advance(20_000);
    ask('b');
    clock.advance(10_050);
    expect(ends).toEqual({ a: 'TIMEOUT' });
    clock.advance(20_000);
    expect(ends).toEqual({ a: 'TIMEOUT', b: 'TIMEOUT' });
  });

  test('is final: an answer after it is dropped and counted, an end of the connection is not', () => {
    const { ask, clock, ends, sent, statistics } = peerWith({ deadlineMs: 1000 });
    ask('a');
    ask('b');
    clock.advance(1050);
    sent[0]?.answer();
    sent[1]?.answer(LOST);
    expect(ends).toEqual({ a: 'TIMEOUT', b: 'TIMEOUT' });
    expect(statistics.snapshot()).toMatchObject({
      'late answers of the peer': 1,
      'calls that the peer did not answer in time': 2,
    });
  });

  test('is the time-out of applications where the dialect names none', () => {
    const { ask, clock, ends } = peerWith({}, 5000);
    ask('a');
    clock.advance(4999);
    expect(ends).toEqual({});
    clock.advance(51);
    expect(ends).toEqual({ a: 'TIMEOUT' });
  });

  test('is the conversation’s own where the dialect says so', () => {
    const { ask, clock, ends, sent } = peerWith({ deadlineMs: 'own' }, 5000);
    ask('a');
    expect(clock.timerCount).toBe(0);
    clock.advance(60_000);
    sent[0]?.answer();
    expect(ends).toEqual({ a: 'result' });
  });
});

test.each([
  ['too-large', 'JSONRPC_INVALID_PARAMS'],
  ['full', 'BUSY'],
  ['closed', 'CONNECTION_CLOSED'],
] as const)('a call that is %s ends with %s', (outcome, code) => {
  const { ask, ends, state, names, clock } = peerWith({});
  state.outcome = outcome;
  ask('a');
  expect(ends).toEqual({ a: code });
  expect(names()).toEqual([]);
  expect(clock.timerCount).toBe(0);
});
