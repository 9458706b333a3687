import { describe, expect, test } from 'vitest';
import { Statistics } from '../../src/base/statistics.ts';
import { type Call, type CallEnd, PeerCalls } from '../../src/bridge/peer-calls.ts';
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
  const ask = (method: string, more: Partial<Call> = {}) => {
    const params = Buffer.from(`{"of":"${method}"}`);
    calls.ask({
      method,
      methodText: JSON.stringify(method),
      params,
      isWanted: () => true,
      settle: (end: CallEnd) => {
        ends[method] = end.kind === 'answered' ? end.answer.kind : end.code;
      },
      ...more,
    });
    params.fill(0); // belongs to somebody else from now on
  };
  return { clock, statistics, calls, ask, ends, sent, state, names: () => sent.map(({ name }) => name) };
}

describe('calls to a peer that takes one at a time', () => {
  test('wait for their turn, with their own params', () => {
    const { ask, sent, names, ends } = peerWith({ inFlight: 1 });
    for (const name of ['a', 'b', 'c']) ask(name);
    expect(names()).toEqual(['a']);
    sent[0]?.answer();
    expect(names()).toEqual(['a', 'b']);
    expect(sent[1]?.params).toBe('{"of":"b"}');
    sent[1]?.answer();
    sent[2]?.answer();
    expect(ends).toEqual({ a: 'result', b: 'result', c: 'result' });
  });

  test('go first where their method is urgent', () => {
    const { ask, sent, names } = peerWith({ inFlight: 1, isUrgent: (method) => method.startsWith('stop') });
    for (const name of ['a', 'b', 'stop 1', 'stop 2']) ask(name);
    for (let turn = 0; turn < 3; turn += 1) sent[turn]?.answer();
    expect(names()).toEqual(['a', 'stop 1', 'stop 2', 'b']);
  });

  test('are not sent any more where nobody waits for the answer', () => {
    const { ask, sent, names } = peerWith({ inFlight: 1 });
    ask('a');
    ask('b', { isWanted: () => false });
    ask('c');
    sent[0]?.answer();
    expect(names()).toEqual(['a', 'c']);
  });

  test('are BUSY where 256 wait already', () => {
    const { ask, ends, names } = peerWith({ inFlight: 1 });
    for (let index = 0; index < 258; index += 1) ask(String(index));
    expect(names()).toEqual(['0']);
    expect(ends).toEqual({ 257: 'BUSY' });
  });

  test('end with CONNECTION_CLOSED when the peer goes, each once', () => {
    const { ask, sent, calls, ends, names, state } = peerWith({ inFlight: 1 });
    for (const name of ['a', 'b', 'c']) ask(name);
    state.outcome = 'closed';
    sent[0]?.answer(LOST);
    calls.close('gone');
    expect(ends).toEqual({ a: 'error', b: 'CONNECTION_CLOSED', c: 'CONNECTION_CLOSED' });
    expect(names()).toEqual(['a']);
  });
});

describe('the deadline', () => {
  test('is counted from the moment that the application asks; a call without time left is not sent', () => {
    const { ask, clock, ends, sent, names } = peerWith({ inFlight: 1, deadlineMs: 30_000 });
    ask('a');
    clock.advance(20_000);
    ask('b');
    ask('c');
    clock.advance(10_050);
    expect(ends).toEqual({ a: 'TIMEOUT' });
    expect(names()).toEqual(['a', 'b']);
    clock.advance(20_000);
    expect(ends).toEqual({ a: 'TIMEOUT', b: 'TIMEOUT', c: 'TIMEOUT' });
    expect(sent).toHaveLength(2);
  });

  test('makes room for the next call; an answer after it is dropped and counted', () => {
    const { ask, clock, ends, sent, names, statistics } = peerWith({ inFlight: 1, deadlineMs: 1000 });
    ask('a');
    clock.advance(1050);
    ask('b');
    sent[0]?.answer();
    expect(names()).toEqual(['a', 'b']);
    expect(ends).toEqual({ a: 'TIMEOUT' });
    sent[1]?.answer();
    expect(ends).toEqual({ a: 'TIMEOUT', b: 'result' });
    expect(statistics.snapshot()).toMatchObject({
      'late answers of the peer': 1,
      'calls that the peer did not answer in time': 1,
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
});

test.each([
  ['too-large', 'JSONRPC_INVALID_PARAMS'],
  ['full', 'BUSY'],
  ['closed', 'CONNECTION_CLOSED'],
] as const)('a call that is %s ends with %s and takes no place', (outcome, code) => {
  const { ask, ends, state, names } = peerWith({ inFlight: 1 });
  state.outcome = outcome;
  ask('a');
  state.outcome = 'sent';
  ask('b');
  expect(ends).toEqual({ a: code });
  expect(names()).toEqual(['b']);
});
