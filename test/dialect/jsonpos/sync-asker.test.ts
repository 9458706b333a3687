import { describe, expect, test } from 'vitest';
import { retryDelayMs, SyncAsker, type SyncAskerOptions } from '../../../src/dialect/jsonpos/sync-asker.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { seededRandom } from '../../kit/random.ts';
import { byteByByte, everySplit } from '../../kit/splits.ts';

const framed = (message: object | string) => {
  const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message });
  return Buffer.from(`${text.length.toString(16).padStart(8, '0')}:${text}\n`);
};
const FILLER = '\n'.repeat(64);
const answer = framed({ id: 'pos-1', response_to: '_Sync', result: {} });

function asker(options: Partial<SyncAskerOptions> = {}) {
  const clock = new FakeClock();
  const sent: string[] = [];
  const outcomes: string[] = [];
  let ids = 0;
  const asks = new SyncAsker({
    clock,
    nextId: () => `pos-${++ids}`,
    send: (bytes) => sent.push(Buffer.from(bytes).toString()),
    settled: (outcome) => outcomes.push(outcome),
    ...options,
  });
  const receive = (...chunks: readonly Buffer[]) => {
    let behind: Buffer | undefined;
    for (const chunk of chunks) {
      if (behind === undefined) behind = asks.receive(chunk);
      else behind = Buffer.concat([behind, chunk]);
    }
    return behind?.toString();
  };
  return { clock, sent, outcomes, asks, receive };
}

describe('the asking side of _Sync', () => {
  test('writes 64 newlines at once, and the request 100 ms later', () => {
    const { clock, sent } = asker();
    expect(sent).toEqual([FILLER]);
    clock.advance(99);
    expect(sent).toHaveLength(1);
    clock.advance(1);
    expect(sent[1]).toBe(framed('{"jsonrpc":"2.0","id":"pos-1","method":"_Sync","params":{}}').toString());
  });

  test('first throws away what comes, if it is to', () => {
    const { clock, sent, receive, outcomes } = asker({ discardMs: 2000 });
    receive(answer);
    clock.advance(1999);
    receive(answer);
    expect(sent).toEqual([]);
    clock.advance(1);
    expect(sent).toEqual([FILLER]);
    receive(answer);
    clock.advance(100);
    expect(sent).toHaveLength(2);
    expect(outcomes).toEqual([]);
    expect(receive(answer)).toBe('');
    expect(outcomes).toEqual(['synchronised']);
  });

  test('hands back what stands behind the answer, however it is cut, and leaves no timer behind', () => {
    const bytes = Buffer.concat([
      Buffer.from('0003fff6:{"half'),
      answer,
      framed({ method: 'StatusEvent', params: {} }),
    ]);
    for (const chunks of [...everySplit(bytes), byteByByte(bytes)]) {
      const { clock, receive, outcomes } = asker();
      clock.advance(100);
      expect(receive(...chunks)).toBe(framed({ method: 'StatusEvent', params: {} }).toString());
      expect(outcomes).toEqual(['synchronised']);
      expect(clock.timerCount).toBe(0);
    }
  });

  test.each([
    ['an error', { id: 'pos-1', error: { code: 1, message: 'no' } }],
    ['a result for another id', { id: 'pos-0', result: {} }],
    ['a request with another id', { id: 'pos-0', method: '_Sync', params: {} }],
    ['a result without an object', { id: 'pos-1', result: null }],
    ['a notification', { method: 'StatusEvent', params: {} }],
  ])('takes %s for no answer', (_what, message) => {
    const { clock, receive, outcomes } = asker();
    clock.advance(100);
    expect(receive(framed(message))).toBeUndefined();
    expect(outcomes).toEqual([]);
    expect(receive(answer)).toBe('');
  });

  test('hears an answer that lay unread when the 5 s ran out', () => {
    const { clock, receive, outcomes } = asker();
    clock.advance(100);
    clock.after(5000, () => receive(answer));
    clock.advance(5000);
    expect([outcomes, clock.timerCount]).toEqual([['synchronised'], 0]);
  });

  test('fails after 5 s, and hears nothing any more', () => {
    const { clock, receive, outcomes } = asker();
    clock.advance(5099);
    expect(outcomes).toEqual([]);
    clock.advance(1);
    expect(outcomes).toEqual(['failed']);
    expect(receive(answer)).toBeUndefined();
    expect([outcomes, clock.timerCount]).toEqual([['failed'], 0]);
  });

  test.each([0, 50, 150])('that is stopped after %i ms says nothing any more', (ms) => {
    const { clock, asks, sent, outcomes, receive } = asker({ discardMs: 50 });
    clock.advance(ms);
    asks.stop();
    asks.stop();
    const { length } = sent;
    clock.advance(10_000);
    receive(answer);
    expect([sent.length, outcomes, clock.timerCount]).toEqual([length, [], 0]);
  });

  test('finds its answer behind rubbish of a thousand seeds', () => {
    for (let seed = 0; seed < 1000; seed += 1) {
      const random = seededRandom(seed);
      const rubbish = Buffer.from(
        [...Array(Math.floor(random() * 400))].map(() => Math.floor(random() * 256)),
      );
      const { clock, receive } = asker();
      clock.advance(100);
      expect(receive(rubbish, answer, Buffer.from('x')), `seed ${seed}`).toBe('x');
    }
  });

  test('is tried again after 1 s, and 2 s more for each failure in a row, up to 10 s', () => {
    expect([0, 1, 2, 3, 4, 5, 100].map(retryDelayMs)).toEqual([1000, 3000, 5000, 7000, 9000, 10_000, 10_000]);
  });
});

test.each(['whole', 'byte by byte'])('a question that comes back (%s) is an echo, and no answer', (how) => {
  const { clock, sent, receive, outcomes } = asker();
  clock.advance(100);
  const echo = Buffer.from(sent.join(''));
  const chunks =
    how === 'whole' ? [Buffer.concat([echo, answer])] : byteByByte(Buffer.concat([echo, answer]));
  expect(receive(...chunks)).toBeUndefined();
  expect(outcomes).toEqual(['echoes']);
});
