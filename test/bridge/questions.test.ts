import { describe, expect, test } from 'vitest';
import { type Purpose, Questions } from '../../src/bridge/questions.ts';
import type { Attachment, AttachmentUser, OutgoingLine } from '../../src/channel/channel.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { codeOf, result } from './journal-kit.ts';
import { settle } from './kit.ts';

/** An application that keeps what it is sent. */
function attachment(): { attachment: Attachment; lines: OutgoingLine[] } {
  const lines: OutgoingLine[] = [];
  const send = (_: AttachmentUser, line: OutgoingLine) => {
    lines.push(line);
    return { withdraw: () => true };
  };
  return { attachment: { send } as unknown as Attachment, lines };
}

function asking() {
  const clock = new FakeClock();
  const user = { lineStart: '{"connection":"till.a","jsonrpc":"2.0"' } as AttachmentUser;
  let ids = 0;
  const nextId = () => `q${++ids}`;
  const questions = new Questions({ user, method: 'Check', clock, timeoutMs: 60_000, nextId });
  const one = attachment();
  /** What each question came to; `nothing`: it was settled without an answer. */
  const heard: string[] = [];
  const ask = (purpose: Purpose = 'peer', at = one.attachment) =>
    questions.ask(at, Buffer.from('{"receipt_id":17}'), purpose, (answer) =>
      heard.push(answer === undefined ? 'nothing' : codeOf(answer)),
    );
  return { clock, questions, one, heard, ask };
}

describe('a question', () => {
  test('is a request of the recovery method under an id of its own', () => {
    const { ask, one } = asking();
    ask();
    ask();
    expect(one.lines.map(({ bytes }) => bytes.toString())).toEqual([
      '{"connection":"till.a","jsonrpc":"2.0","id":"q1","method":"Check","params":{"receipt_id":17}}\n',
      '{"connection":"till.a","jsonrpc":"2.0","id":"q2","method":"Check","params":{"receipt_id":17}}\n',
    ]);
    expect(one.lines[0]?.kind).toBe('request');
  });

  test('is settled by the answer under its id, once, with bytes that are its own', () => {
    const { ask, heard, questions, clock } = asking();
    ask();
    ask();
    expect([questions.has('q1'), questions.has('q2'), questions.has('q3')]).toEqual([true, true, false]);
    const { kind, text } = result('{"n":1}');
    questions.answered('q1', { kind, text });
    text.fill(0);
    questions.answered('q1', result('{}'));
    questions.misheard('q1');
    expect(heard).toEqual(['result']);
    expect([questions.has('q1'), questions.has('q2')]).toEqual([false, true]);
    clock.advance(60_000);
    expect(heard).toEqual(['result', 'nothing']);
    expect(clock.timerCount).toBe(0);
  });

  test('keeps the bytes of its answer, whatever becomes of the buffer that they came in', () => {
    const { questions, one } = asking();
    const texts: string[] = [];
    const { kind, text } = result('{"n":1}');
    questions.ask(one.attachment, Buffer.from('{}'), 'peer', (answer) => {
      text.fill(0);
      texts.push(String(answer?.text));
    });
    questions.answered('q1', { kind, text });
    expect(texts).toEqual(['{"n":1}']);
  });

  test('gets nothing when its answer cannot be read, when it is refused, and after its time, not before', () => {
    const { ask, heard, questions, one, clock } = asking();
    ask();
    questions.misheard('q1');
    ask();
    one.lines[1]?.fate?.refused?.('BUSY');
    ask();
    clock.advance(59_999);
    expect(heard).toEqual(['nothing', 'nothing']);
    clock.advance(1);
    expect(heard).toEqual(['nothing', 'nothing', 'nothing']);
  });

  test('gets nothing when its application goes away; questions to others go on', () => {
    const { ask, heard, questions, one } = asking();
    const other = attachment();
    ask('peer');
    ask('transaction', other.attachment);
    questions.applicationGone(one.attachment);
    expect(heard).toEqual(['nothing']);
    questions.answered('q2', result('{}'));
    expect(heard).toEqual(['nothing', 'result']);
  });

  test('of the peer gets nothing when the peer is gone; one about a transaction goes on', () => {
    const { ask, heard, questions } = asking();
    ask('transaction');
    ask('peer');
    questions.peerGone();
    expect(heard).toEqual(['nothing']);
    expect([questions.has('q1'), questions.has('q2')]).toEqual([true, false]);
  });

  test('gets nothing at the end, and from then on is not put, which is told in a later turn', async () => {
    const { ask, heard, questions, one, clock } = asking();
    ask('transaction');
    questions.close();
    expect(heard).toEqual(['nothing']);
    ask('transaction');
    expect(heard).toEqual(['nothing']);
    await settle();
    expect(heard).toEqual(['nothing', 'nothing']);
    expect(one.lines).toHaveLength(1);
    expect(clock.timerCount).toBe(0);
  });
});
