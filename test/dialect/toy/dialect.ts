import type { CloseReason } from '../../../src/base/close-reason.ts';
import type {
  ConnectionEvents,
  Conversation,
  ConversationHost,
  Dialect,
  PeerAnswer,
  PeerConnection,
  Refused,
  Reply,
  SendOutcome,
} from '../../../src/dialect/dialect.ts';
import type { DialectSettings } from '../../../src/dialect/row.ts';
import { errorText } from '../../../src/rpc/error-object.ts';
import { scanObject } from '../../../src/rpc/scan.ts';
import { decodeToy, encodeToy, type ToyFrame } from './frame.ts';

/** What everybody who listens to toys has to know: binary frames, one call at a time each way, `Buy` moves money. */
export async function setUp(settings: DialectSettings): Promise<Dialect> {
  const names = settings.text('toy-names')?.split(',');
  if (names === undefined) throw settings.fault('toy-names', 'say which toys may connect');
  return {
    name: 'toy',
    routes: { 'toy.Show': 'ui' },
    transactions: {
      methods: ['toy.Buy'],
      identity: ['order'],
      scope: 'identity',
      amount: undefined,
      currency: undefined,
      recovery: undefined,
      isParallel: true,
      deadlineMs: 8000,
    },
    calls: { deadlineMs: 5000 },
    webSocket: { subprotocol: undefined, isBinary: true, takesPathsBelow: true },
    admit: ({ path }) =>
      names.includes(path) ? { identity: path } : { status: 404, why: 'there is no such toy' },
    converse: (host, _framing, { maxFrameBytes }) => new ToyConversation(host, maxFrameBytes),
  };
}

class ToyConversation implements Conversation, PeerConnection {
  readonly #host: ConversationHost;
  readonly #maxFrameBytes: number;
  readonly #events: ConnectionEvents;
  #isClosed = false;
  /** The toy's call that is not answered. */
  #inbound: number | undefined;
  /** Ours. */
  #outbound: { readonly id: number; readonly settle: (answer: PeerAnswer) => void } | undefined;
  #calls = 0;

  constructor(host: ConversationHost, maxFrameBytes: number) {
    this.#host = host;
    this.#maxFrameBytes = maxFrameBytes;
    this.#events = host.opened(this);
  }

  receive(chunk: Buffer): void {
    const frame = decodeToy(chunk);
    const params = frame === undefined ? undefined : scanObject(frame.body, []);
    if (frame === undefined || !params?.ok) this.#end(reasonOf('no frame of a toy'), 'broken');
    else if (frame.kind !== 'call') this.#answered(frame, params.depth + 1);
    else if (this.#inbound !== undefined)
      this.#say({ ...frame, kind: 'error', body: errorText('BUSY', 'one call at a time') });
    else this.#called(frame, params.depth + 1);
  }

  endOfInput(): void {
    this.#events.inputEnded(reasonOf('the toy has closed its output'));
  }

  congested(): void {}

  lost(reason: CloseReason): void {
    this.#end(reason, 'lost');
  }

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#isClosed) return 'closed';
    if (this.#outbound !== undefined) return 'full';
    this.#calls = (this.#calls + 1) & 0xffff;
    const call = { id: this.#calls, method: JSON.parse(methodText) as string, body: params };
    const sent = this.#say({ ...call, kind: 'call' });
    if (sent === 'sent') this.#outbound = { id: call.id, settle };
    return sent;
  }

  notify(): Refused {
    return { code: 'JSONRPC_METHOD_NOT_FOUND', why: 'toys have no notifications' };
  }

  close(reason: CloseReason): void {
    this.#end(reason, 'ended');
  }

  #called({ id, method, body }: ToyFrame, depth: number): void {
    this.#inbound = id;
    const named = `toy.${method}`;
    const methodText = JSON.stringify(named);
    this.#events.request({
      method: named,
      methodText,
      params: body,
      depth,
      prepare: this.#replyTo(id),
    });
  }

  #replyTo(id: number): Reply['prepare'] {
    return (kind, text) => {
      const bytes = encodeToy({ kind, id, method: '', body: text });
      if (bytes.length > this.#maxFrameBytes) return 'too-large';
      return {
        send: () => {
          if (this.#isClosed || this.#inbound !== id) return 'closed';
          this.#inbound = undefined;
          this.#host.send(bytes, 'normal');
          return 'sent';
        },
      };
    };
  }

  #answered({ id, kind, body }: ToyFrame, depth: number): void {
    const outbound = this.#outbound;
    if (outbound?.id !== id || kind === 'call') return;
    this.#outbound = undefined;
    outbound.settle({ kind, text: body, depth });
  }

  #say(frame: ToyFrame): 'sent' | 'too-large' {
    const bytes = encodeToy(frame);
    if (bytes.length > this.#maxFrameBytes) return 'too-large';
    this.#host.send(bytes, 'normal');
    return 'sent';
  }

  #end(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const text = errorText('CONNECTION_CLOSED', reason.text);
    this.#outbound?.settle({ kind: 'error', text, depth: 2, lost: reason });
    this.#events.closed(reason);
    this.#host.finished(reason, how);
  }
}

function reasonOf(text: string): CloseReason {
  return { code: 'CONNECTION_CLOSED', text, by: 'peer' };
}
