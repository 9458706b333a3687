import { describe, expect, test } from 'vitest';
import type { CloseReason } from '../../../src/base/close-reason.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type {
  ConnectionEvents,
  ConversationHost,
  DialectOptions,
  InboundNotification,
  InboundRequest,
  PeerAnswer,
  PeerConnection,
} from '../../../src/dialect/dialect.ts';
import { JsonposConversation } from '../../../src/dialect/jsonpos/conversation.ts';
import { jsonpos } from '../../../src/dialect/jsonpos/dialect.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { FakeClock } from '../../kit/fake-clock.ts';

function replyTo(request: InboundRequest | undefined, kind: 'result', text: Buffer) {
  return request && reply(request, kind, text);
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
type Any = any;

/** A conversation with everything that it says and reports written down. */
function converse(options: Partial<DialectOptions> = {}, framing: 'stream' | 'messages' = 'stream') {
  const clock = new FakeClock();
  const sent: { message: Any; urgency: string }[] = [];
  const requests: InboundRequest[] = [];
  const notifications: InboundNotification[] = [];
  const reports: string[] = [];
  const finished: { reason: CloseReason; how: string }[] = [];
  let peer: PeerConnection | undefined;
  let ids = 0;
  const events: ConnectionEvents = {
    request: (request) => requests.push(request),
    notification: (notification) => notifications.push(notification),
    inputEnded: ({ code }) => reports.push(`inputEnded ${code}`),
    closed: ({ code }) => reports.push(`closed ${code}`),
  };
  const host: ConversationHost = {
    clock,
    log: silentLogger,
    statistics: new Statistics(),
    randomId: () => `x${++ids}`,
    send(frame, urgency) {
      const text = Buffer.from(frame).toString('latin1');
      const json = framing === 'stream' ? text.slice(9) : text;
      sent.push({ message: JSON.parse(json), urgency });
    },
    discardOutput() {},
    opened(connection) {
      peer = connection;
      return events;
    },
    finished: (reason, how) => finished.push({ reason, how }),
  };
  const conversation = jsonpos.converse(host, framing, {
    maxFrameBytes: 262_134,
    keepalive: 'off',
    sync: false,
    ...options,
  });
  if (peer === undefined) throw new Error('no connection was opened');
  const receive = (json: string) => {
    const bytes = Buffer.from(json);
    if (framing === 'messages') conversation.receive(bytes);
    else {
      const head = Buffer.from(`${bytes.length.toString(16).padStart(8, '0')}:`);
      conversation.receive(Buffer.concat([head, bytes, Buffer.from('\n')]));
    }
  };
  const send = (message: object) => receive(JSON.stringify({ jsonrpc: '2.0', ...message }));
  return { clock, conversation, peer, sent, requests, notifications, reports, finished, receive, send };
}

const codeOf = ({ message }: { message: Any }) => message.params.error.data.string_code;

describe('methods of the transport', () => {
  test('_Keepalive and _Sync are answered with {}, urgently, any number of times, also while requests are open', () => {
    const { send, sent, requests } = converse();
    send({ id: 'p', method: 'Purchase', params: {} });
    for (let n = 0; n < 3; n += 1) {
      send({ id: `s${n}`, method: '_Sync', params: {} });
      send({ id: `k${n}`, method: '_Keepalive', params: { n } });
    }
    expect(sent).toHaveLength(6);
    expect(sent[0]).toEqual({
      message: { jsonrpc: '2.0', id: 's0', response_to: '_Sync', result: {} },
      urgency: 'urgent',
    });
    expect(sent[5]?.message).toMatchObject({ id: 'k2', response_to: '_Keepalive', result: {} });
    expect(requests.map(({ method }) => method)).toEqual(['Purchase']);
  });

  test('other names with _ are refused as requests and ignored as notifications', () => {
    const { send, sent, requests, notifications, finished } = converse();
    send({ id: '1', method: '_Reboot', params: {} });
    send({ method: '_Reboot', params: {} });
    send({ method: '_Info', params: { text: 'x' } });
    send({ method: '_Error', params: { error: {} } });
    expect(sent.map(({ message }) => message.error.data.string_code)).toEqual(['JSONRPC_METHOD_NOT_FOUND']);
    expect([...requests, ...notifications, ...finished]).toEqual([]);
  });

  test('_CloseReason: no further input is heard, the reason sticks and is echoed', () => {
    const { send, peer, sent, requests, reports, finished } = converse();
    const error = { code: 1, message: 'bye', data: { string_code: 'SHIFT_OVER' } };
    send({ method: '_CloseReason', params: { error } });
    send({ id: '1', method: 'Status', params: {} });
    expect(requests).toEqual([]);
    expect(reports).toEqual(['inputEnded SHIFT_OVER']);
    peer.close({ code: 'CONNECTION_CLOSED', text: 'ours', by: 'us' });
    expect(sent.map(codeOf)).toEqual(['SHIFT_OVER']);
    expect(finished).toMatchObject([{ how: 'ended', reason: { code: 'SHIFT_OVER', by: 'peer' } }]);
  });

  test.each(['{}', '{"error":7}', '{"error":{"data":{"string_code":5},"message":[]}}'])(
    'a _CloseReason that says nothing (%s) is CONNECTION_CLOSED',
    (params) => {
      const { receive, reports } = converse();
      receive(`{"jsonrpc":"2.0","method":"_CloseReason","params":${params}}`);
      expect(reports).toEqual(['inputEnded CONNECTION_CLOSED']);
    },
  );
});

describe('what breaks the protocol', () => {
  const request = (members: string) => `{"jsonrpc":"2.0",${members}}`;

  test.each([
    ['an id that is a number', request('"id":1,"method":"A","params":{}')],
    ['an id that is null', request('"id":null,"method":"A","params":{}')],
    ['an id over 256 characters', request(`"id":"${'i'.repeat(257)}","method":"A","params":{}`)],
    ['a method over 256 characters', request(`"id":"1","method":"${'m'.repeat(257)}","params":{}`)],
    ['no params', request('"id":"1","method":"A"')],
    ['params null', request('"id":"1","method":"A","params":null')],
    ['params an array', request('"id":"1","method":"A","params":[]')],
    ['another version', '{"jsonrpc":"1.0","id":"1","method":"A","params":{}}'],
    ['no version', '{"id":"1","method":"A","params":{}}'],
    ['result and error', request('"id":"1","result":{},"error":{}')],
    ['a result that is null', request('"id":"1","result":null')],
    ['an error that is null beside a result', request('"id":"1","result":{},"error":null')],
    ['params beside a result', request('"id":"1","params":{},"result":{}')],
    ['a member twice', request('"id":"1","\\u0069d":"2","method":"A","params":{}')],
  ])('%s: JSONRPC_INVALID_REQUEST', (_what, json) => {
    const { receive, sent, requests, reports, finished } = converse();
    receive(json);
    expect(requests).toEqual([]);
    expect(sent.map(codeOf)).toEqual(['JSONRPC_INVALID_REQUEST']);
    expect(sent[0]?.message.params.error.code).toBe(-32600);
    expect(reports).toEqual(['closed JSONRPC_INVALID_REQUEST']);
    expect(finished).toMatchObject([{ how: 'broken' }]);
  });

  test.each([
    ['rubbish', 'hello'],
    ['a batch', '[{"jsonrpc":"2.0","method":"A","params":{}}]'],
    ['cut JSON', '{"jsonrpc":"2.0",'],
    ['text behind the object', '{"jsonrpc":"2.0","method":"A","params":{}} x'],
  ])('%s: JSONRPC_PARSE_ERROR', (_what, json) => {
    const { receive, sent, finished } = converse();
    receive(json);
    expect(sent.map(codeOf)).toEqual(['JSONRPC_PARSE_ERROR']);
    expect(finished).toMatchObject([{ how: 'broken' }]);
  });

  test('a frame without a header: JSONRPC_PARSE_ERROR, and nothing more is heard', () => {
    const { conversation, send, sent, requests } = converse();
    conversation.receive(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    send({ id: '1', method: 'Status', params: {} });
    expect(sent.map(codeOf)).toEqual(['JSONRPC_PARSE_ERROR']);
    expect(requests).toEqual([]);
  });

  test('an id that is still in use; once answered it may come again', () => {
    const { send, sent, requests, finished } = converse();
    send({ id: '1', method: 'A', params: {} });
    replyTo(requests[0], 'result', Buffer.from('{}'));
    send({ id: '1', method: 'B', params: {} });
    expect(finished).toEqual([]);
    send({ id: '1', method: 'C', params: {} });
    expect(sent.slice(1).map(codeOf)).toEqual(['JSONRPC_INVALID_REQUEST']);
    expect(requests.map(({ method }) => method)).toEqual(['A', 'B']);
  });

  test('input that ends inside a frame: what is open may be answered, then JSONRPC_PARSE_ERROR', () => {
    const { conversation, send, peer, sent, requests, reports, finished } = converse();
    send({ id: '1', method: 'A', params: {} });
    conversation.receive(Buffer.from('0000'));
    conversation.endOfInput();
    expect(reports).toEqual(['inputEnded JSONRPC_PARSE_ERROR']);
    expect(replyTo(requests[0], 'result', Buffer.from('{}'))).toBe('sent');
    peer.close({ code: 'JSONRPC_PARSE_ERROR', text: 'x', by: 'us' });
    expect(sent.slice(1).map(codeOf)).toEqual(['JSONRPC_PARSE_ERROR']);
    expect(finished).toMatchObject([{ how: 'broken' }]);
  });
});

describe('requests of ours', () => {
  const settled = () => {
    const answers: string[] = [];
    return { answers, settle: ({ kind, text }: PeerAnswer) => answers.push(`${kind} ${text}`) };
  };

  test('have ids of their own; answers to unknown ids are ignored', () => {
    const { peer, send, sent, finished } = converse();
    const { answers, settle } = settled();
    expect(peer.request('"NetworkConnect"', Buffer.from('{"a":1}'), settle)).toBe('sent');
    send({ id: 'nobody', result: {} });
    const { id } = sent[0]?.message ?? {};
    send({ id, result: { b: 2 } });
    send({ id, result: { b: 3 } });
    expect(answers).toEqual(['result {"b":2}']);
    expect(finished).toEqual([]);
  });

  test.each(['endOfInput', 'lost', 'close'] as const)('are settled with CONNECTION_CLOSED by %s', (how) => {
    const { conversation, peer } = converse();
    const { answers, settle } = settled();
    peer.request('"A"', Buffer.from('{}'), settle);
    const reason: CloseReason = { code: 'X', text: 'why', by: 'us' };
    if (how === 'endOfInput') conversation.endOfInput();
    else if (how === 'lost') conversation.lost(reason);
    else peer.close(reason);
    expect(answers).toHaveLength(1);
    expect(answers[0]).toContain('CONNECTION_CLOSED');
    expect(peer.request('"A"', Buffer.from('{}'), settle)).toBe('closed');
  });

  test('too large for a frame, and more than 4096, are not sent', () => {
    const { peer, sent } = converse({ maxFrameBytes: 20_000 });
    const { settle } = settled();
    const large = Buffer.from(JSON.stringify({ text: 'x'.repeat(20_000) }));
    expect(peer.request('"A"', large, settle)).toBe('too-large');
    expect(peer.notify('"A"', large)).toBe('too-large');
    expect(sent).toEqual([]);
    for (let n = 0; n < 4096; n += 1) expect(peer.request('"A"', Buffer.from('{}'), settle)).toBe('sent');
    expect(peer.request('"A"', Buffer.from('{}'), settle)).toBe('full');
  });

  test('non-ASCII leaves as escapes', () => {
    const { peer, sent } = converse();
    peer.notify('"PosMessage"', Buffer.from('{"message":"Hyväksytty 😀"}'));
    expect(sent[0]?.message.params.message).toBe('Hyväksytty 😀');
  });
});

describe("the register's end", () => {
  test('has ids of its own, and sends a keepalive along with its first pending request', () => {
    const sent: Any[] = [];
    const answers: PeerAnswer[] = [];
    const finished: string[] = [];
    const host: ConversationHost = {
      clock: new FakeClock(),
      log: silentLogger,
      statistics: new Statistics(),
      randomId: () => 'x1',
      send: (frame) => sent.push(JSON.parse(Buffer.from(frame).toString().slice(9))),
      discardOutput() {},
      opened: () => ({ request() {}, notification() {}, inputEnded() {}, closed() {} }),
      finished: ({ code }) => finished.push(code),
    };
    const register = new JsonposConversation(host, 'stream', {
      maxFrameBytes: 262_134,
      keepalive: { idleMs: 30_000, busyMs: 5000, limitMs: 5000 },
      idPrefix: 'pos',
      pingAtOnce: true,
    });
    register.request('"Purchase"', Buffer.from('{}'), (answer) => answers.push(answer));
    register.request('"Status"', Buffer.from('{}'), (answer) => answers.push(answer));
    expect(sent.map(({ id, method }) => `${id} ${method}`)).toEqual([
      'pos-x1-1 Purchase',
      'pos-x1-2 _Keepalive',
      'pos-x1-3 Status',
    ]);
    const error = '{"code":1,"message":"bye","data":{"string_code":"SHIFT_OVER","details":""}}';
    const goodbye = `{"jsonrpc":"2.0","method":"_CloseReason","params":{"error":${error}}}`;
    register.receive(Buffer.from(`${goodbye.length.toString(16).padStart(8, '0')}:${goodbye}\n`));
    expect(answers.map(({ kind, lost }) => `${kind} ${lost?.code} ${lost?.by}`)).toEqual([
      'error SHIFT_OVER peer',
      'error SHIFT_OVER peer',
    ]);
  });
});

describe('the end', () => {
  test('comes once: the first reason sticks, nothing is sent behind the goodbye', () => {
    const { conversation, peer, send, sent, requests, reports, finished } = converse();
    send({ id: '1', method: 'A', params: {} });
    peer.close({ code: 'OUTCOME_UNKNOWN', text: 'one', by: 'us' });
    peer.close({ code: 'OTHER', text: 'two', by: 'us' });
    conversation.lost({ code: 'CONNECTION_CLOSED', text: 'three', by: 'wire' });
    expect(replyTo(requests[0], 'result', Buffer.from('{}'))).toBe('closed');
    expect(peer.notify('"A"', Buffer.from('{}'))).toBe('closed');
    expect(sent.map(codeOf)).toEqual(['OUTCOME_UNKNOWN']);
    expect(reports).toEqual(['closed OUTCOME_UNKNOWN']);
    expect(finished).toHaveLength(1);
  });

  test('of a lost wire is silent', () => {
    const { conversation, sent, finished } = converse();
    conversation.lost({ code: 'CONNECTION_CLOSED', text: 'reset', by: 'wire' });
    expect(sent).toEqual([]);
    expect(finished).toMatchObject([{ how: 'lost' }]);
  });
});

describe('keepalives of ours', () => {
  const keepalive = { idleMs: 30_000, busyMs: 5000, limitMs: 20_000 };

  test('go out every 30 s, every 5 s while a request is open, urgently', () => {
    const { clock, send, sent } = converse({ keepalive });
    clock.advance(29_999);
    expect(sent).toEqual([]);
    clock.advance(1);
    expect(sent.at(-1)).toMatchObject({ urgency: 'urgent', message: { method: '_Keepalive', params: {} } });
    send({ id: sent.at(-1)?.message.id, result: {} });
    send({ id: '1', method: 'Purchase', params: {} });
    clock.advance(5000);
    expect(sent).toHaveLength(2);
  });

  test('progress inside a frame counts, whole frames do not', () => {
    const { clock, conversation, send, finished } = converse({ keepalive });
    clock.advance(30_000);
    clock.advance(15_000);
    const note = JSON.stringify({ jsonrpc: '2.0', method: 'Note', params: { text: 'half' } });
    const frame = `${note.length.toString(16).padStart(8, '0')}:${note}\n`;
    conversation.receive(Buffer.from(frame.slice(0, 20)));
    clock.advance(15_000);
    expect(finished).toEqual([]);
    conversation.receive(Buffer.from(frame.slice(20)));
    send({ method: 'Note', params: {} });
    clock.advance(5000);
    expect(finished).toMatchObject([{ how: 'lost', reason: { code: 'KEEPALIVE' } }]);
  });

  test('that are missed behind half a frame name it: the peer may write its lengths wrongly', () => {
    const { clock, conversation, sent, finished } = converse({ keepalive });
    const text = '{"jsonrpc":"2.0","id":"a","method":"Status","params":{}}';
    conversation.receive(Buffer.from(`00000057:${text}\n`));
    clock.advance(50_000);
    const why =
      'no answer to _Keepalive in time; a frame of 87 bytes (00000057) stopped after 57: the length is hexadecimal, 00000038';
    expect(finished).toMatchObject([{ how: 'lost', reason: { code: 'KEEPALIVE', text: why } }]);
    expect(JSON.stringify(sent.at(-1)?.message)).toContain(why);
  });

  test('are not missed while output does not flow, nor after the peer has ended its output', () => {
    const congested = converse({ keepalive });
    congested.clock.advance(30_000);
    congested.conversation.congested(true);
    congested.clock.advance(600_000);
    expect(congested.finished).toEqual([]);
    congested.conversation.congested(false);
    congested.clock.advance(60_000);
    expect(congested.finished).toMatchObject([{ reason: { code: 'KEEPALIVE' } }]);

    const ended = converse({ keepalive });
    ended.send({ id: '1', method: 'Purchase', params: {} });
    ended.conversation.endOfInput();
    ended.clock.advance(600_000);
    expect(ended.finished).toEqual([]);
  });
});

describe('on WebSocket', () => {
  test('a message is one JSON object, without header', () => {
    const { send, sent, requests } = converse({}, 'messages');
    send({ id: '1', method: 'Status', params: {} });
    replyTo(requests[0], 'result', Buffer.from('{"a":1}'));
    expect(sent[0]?.message.result).toEqual({ a: 1 });
  });

  test('one over the limit is refused', () => {
    const { receive, sent } = converse({ maxFrameBytes: 20_000 }, 'messages');
    receive(JSON.stringify({ jsonrpc: '2.0', method: 'A', params: { t: 'x'.repeat(20_000) } }));
    expect(sent.map(codeOf)).toEqual(['JSONRPC_PARSE_ERROR']);
  });
});

describe('a line that echoes', () => {
  test('is found out by a request with an id of our own, which is not answered', () => {
    const { peer, sent, send, finished, requests } = converse();
    const answers: PeerAnswer[] = [];
    peer.request('"Display"', Buffer.from('{}'), (answer) => answers.push(answer));
    const { id } = sent[0]?.message ?? {};
    send({ id, method: 'Display', params: {} });
    expect(requests).toEqual([]);
    expect(finished).toMatchObject([{ reason: { code: 'LINE_ECHOES', by: 'us' }, how: 'broken' }]);
    expect(sent.slice(1).map(codeOf)).toEqual(['LINE_ECHOES']);
    // The echo of an answer, had one been given, is none to the request.
    send({ id, response_to: 'Display', error: { code: 1, message: 'x', data: {} } });
    expect(answers).toMatchObject([{ kind: 'error', lost: { code: 'LINE_ECHOES' } }]);
  });

  test('is found out by a keepalive of our own', () => {
    const { clock, sent, send, finished } = converse({
      keepalive: { idleMs: 1000, busyMs: 1000, limitMs: 5000 },
    });
    clock.advance(1000);
    const { id, method } = sent[0]?.message ?? {};
    expect(method).toBe('_Keepalive');
    send({ id, method, params: {} });
    expect(finished).toMatchObject([{ reason: { code: 'LINE_ECHOES' }, how: 'broken' }]);
  });

  test('is found out by an answer that we have given', () => {
    const { sent, send, finished, requests } = converse();
    send({ id: 'p', method: 'Purchase', params: {} });
    replyTo(requests[0], 'result', Buffer.from('{"amount":1}'));
    send(sent[0]?.message);
    expect(finished).toMatchObject([{ reason: { code: 'LINE_ECHOES' }, how: 'broken' }]);
  });

  test('is not suspected where the peer answers what nobody has asked', () => {
    const { send, finished } = converse();
    send({ id: 'k', method: '_Keepalive', params: {} });
    send({ id: 'something', response_to: 'x', result: {} });
    send({ id: 'pt-x9-1', method: 'Status', params: {} });
    expect(finished).toEqual([]);
  });
});
