import { type CloseReason, LINE_ECHOES } from '../../base/close-reason.ts';
import type { Framing } from '../../base/framing.ts';
import { errorText } from '../../rpc/error-object.ts';
import { createIds } from '../../rpc/ids.ts';
import { Keepalive } from '../../rpc/keepalive.ts';
import { type Message, parseMessage } from '../../rpc/message.ts';
import { Pending } from '../../rpc/pending.ts';
import type {
  ConnectionEvents,
  Conversation,
  ConversationHost,
  DialectOptions,
  PeerAnswer,
  PeerConnection,
  Reply,
  SendOutcome,
} from '../dialect.ts';
import { JsonposDecoder } from './frame.ts';
import {
  goodbyeParts,
  JsonposOutput,
  keepaliveParts,
  notificationParts,
  type Parts,
  requestParts,
  responseParts,
  type Urgency,
} from './output.ts';
import { readCloseReason } from './transport.ts';

type Request = Extract<Message, { kind: 'request' }>;
type Notification = Extract<Message, { kind: 'notification' }>;
type Response = Extract<Message, { kind: 'result' | 'error' }>;

/** Requests of ours that may wait for the peer at one time. */
const MAX_PENDING = 4096;

/** What one conversation needs to know; the register's end has wishes of its own. */
export interface JsonposOptions extends Omit<DialectOptions, 'sync'> {
  /** Begins the ids of our requests; default `pt`, the terminal's end. */
  readonly idPrefix?: string;
  /** Whether the first request that becomes pending sends a keepalive along; default: no. */
  readonly pingAtOnce?: boolean;
  readonly supervisor?: Supervisor;
}

/** Watches a conversation that is one of several on the same stream. */
export interface Supervisor {
  /** Sees every message before it is acted upon. True: it has been dealt with. */
  intercepts(message: Message): boolean;
  /** What is known of a frame that is not complete: see `JsonposDecoder.unfinished`. */
  readonly unfinished: string;
  /** The peer broke the protocol; the goodbye is sent next. */
  breaking(): void;
}

/**
 * One JSONPOS conversation: open → closing (the peer has ended its output) → closed.
 *
 * Answers the transport's own methods (`_Keepalive`, `_Sync`), watches the peer by keepalives of its own,
 * hands everything else to the bridge. Whoever ends it, the first close reason sticks, `_CloseReason` is the last
 * frame whenever one can still be sent, and every request of ours is settled.
 */
export class JsonposConversation implements Conversation, PeerConnection {
  readonly #host: ConversationHost;
  readonly #framing: Framing;
  readonly #maxFrameBytes: number;
  readonly #output: JsonposOutput;
  readonly #decoder: JsonposDecoder;
  readonly #keepalive: Keepalive | undefined;
  readonly #events: ConnectionEvents;
  readonly #nextId: () => string;
  /** How every id of ours begins, and what is in it and in nobody else's. */
  readonly #idPrefix: string;
  readonly #mark: string;
  /** The id of the peer's request that was answered last. */
  #answeredId: string | undefined;
  readonly #supervisor: Supervisor | undefined;
  /** Ids of the peer's requests that are not answered yet. */
  readonly #inFlight = new Set<string>();
  readonly #pending = new Pending<(answer: PeerAnswer) => void>(MAX_PENDING);
  #state: 'open' | 'closing' | 'closed' = 'open';
  #isFresh = true;
  #heard = 0;
  /** What the peer said in its goodbye: it sticks. */
  #reason: CloseReason | undefined;
  #pingId: string | undefined;
  /** How it ends when the bridge has answered what was open. */
  #ending: 'ended' | 'broken' = 'ended';

  constructor(host: ConversationHost, framing: Framing, options: JsonposOptions) {
    this.#host = host;
    this.#framing = framing;
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#output = new JsonposOutput(host, framing, options.maxFrameBytes);
    this.#decoder = new JsonposDecoder({ maxFrameBytes: options.maxFrameBytes });
    const random = host.randomId();
    this.#idPrefix = options.idPrefix ?? 'pt';
    this.#mark = `-${random}-`;
    this.#nextId = createIds(this.#idPrefix, random);
    this.#supervisor = options.supervisor;
    if (options.keepalive !== 'off') {
      this.#keepalive = new Keepalive({
        ...options.keepalive,
        pingAtOnce: options.pingAtOnce ?? false,
        clock: host.clock,
        ping: () => this.#ping(),
        stale: () => this.#lostByKeepalive(),
      });
    }
    this.#events = host.opened(this);
    this.#keepalive?.start();
  }

  get isInsideMessage(): boolean {
    return this.#decoder.isInsideFrame;
  }

  get messagesHeard(): number {
    return this.#heard;
  }

  /** Nothing but the transport's own requests has crossed so far, in either direction. */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  // What the wire brings.

  receive(chunk: Buffer): void {
    if (this.#state !== 'open') return;
    if (this.#framing !== 'stream') {
      if (chunk.length > this.#maxFrameBytes) {
        this.break('JSONRPC_PARSE_ERROR', `a message of ${chunk.length} bytes is too long`);
      } else this.message(chunk);
      return;
    }
    this.#decoder.push(chunk, this.#frames);
    if (this.#decoder.isInsideFrame) this.progress();
  }

  /** The text of a whole frame, for who finds the frames instead of `receive`. Valid only during the call. */
  message(text: Buffer): void {
    if (this.#state !== 'open') return;
    this.#heard += 1;
    this.#host.statistics.count('frames in');
    if (this.#host.log.enabled('trace')) this.#host.log.trace('frame in', { text: text.toString() });
    const parsed = parseMessage(text, 'wire');
    if (!parsed.ok) {
      this.break(parsed.code, parsed.why);
      return;
    }
    const { message } = parsed;
    if (this.#supervisor?.intercepts(message)) return;
    if (message.kind === 'request') this.#request(message);
    else if (message.kind === 'notification') this.#notification(message);
    else this.#response(message);
  }

  /** Bytes of a frame that is not complete have come. */
  progress(): void {
    this.#keepalive?.progress();
  }

  /** The peer broke the protocol: says so and ends. */
  break(code: string, why: string): void {
    if (this.#state === 'closed') return;
    this.#host.log.warn('the peer broke the protocol', { code, why });
    this.#supervisor?.breaking();
    this.#finish({ code, text: why, by: 'us' }, 'broken', 'goodbye');
  }

  /** What was sent has come back. Nobody can tell any more who says what, and nothing of it is obeyed. */
  #echoes(): void {
    this.break(LINE_ECHOES, 'the line echoes what is sent');
  }

  endOfInput(): void {
    if (this.#state !== 'open') return;
    let reason: CloseReason = {
      code: 'CONNECTION_CLOSED',
      text: 'the peer has closed its output',
      by: 'peer',
    };
    if (this.#framing === 'stream') {
      this.#decoder.end({
        ...this.#frames,
        rejected: (code, why) => {
          this.#host.log.warn('the peer broke the protocol', { code, why });
          this.#ending = 'broken';
          reason = { code, text: why, by: 'us' };
        },
      });
    }
    this.#inputEnded(reason);
  }

  congested(isCongested: boolean): void {
    if (isCongested) this.#keepalive?.stop();
    else if (this.#state !== 'closed') this.#keepalive?.start();
  }

  refused(why: string): void {
    this.break('JSONRPC_PARSE_ERROR', why);
  }

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost', 'mute');
  }

  readonly #frames = {
    frame: (payload: Buffer) => this.message(payload),
    rejected: (code: string, why: string) => this.break(code, why),
  };

  #request(message: Request): void {
    const { id, idText, method, methodText } = message;
    if (id.startsWith(this.#idPrefix) && id.includes(this.#mark)) {
      this.#echoes();
      return;
    }
    if (this.#inFlight.has(id)) {
      this.break('JSONRPC_INVALID_REQUEST', 'a request has the id of one that is still being processed');
      return;
    }
    if (method === '_Keepalive' || method === '_Sync') {
      this.#answeredId = id;
      this.#send(responseParts(idText, methodText, 'result', '{}'), 'urgent');
      return;
    }
    if (method.startsWith('_')) {
      this.#answeredId = id;
      const text = errorText('JSONRPC_METHOD_NOT_FOUND', 'no such method of the transport');
      this.#send(responseParts(idText, methodText, 'error', text), 'urgent');
      return;
    }
    this.#isFresh = false;
    this.#inFlight.add(id);
    this.#pendingChanged();
    this.#events.request({
      method,
      methodText,
      params: message.params,
      depth: message.depth,
      prepare: this.#replyTo(id, idText, methodText),
    });
  }

  /** A closure of its own, so that an open request keeps its id alive but not the bytes that it came in. */
  #replyTo(id: string, idText: string, methodText: string): Reply['prepare'] {
    return (kind, text) => {
      const frame = this.#output.encode(responseParts(idText, methodText, kind, text));
      if (frame === undefined) return 'too-large';
      return {
        send: () => {
          if (this.#state === 'closed' || !this.#inFlight.delete(id)) return 'closed';
          this.#answeredId = id;
          this.#output.send(frame, 'normal');
          this.#pendingChanged();
          return 'sent';
        },
      };
    };
  }

  #notification(message: Notification): void {
    const { method } = message;
    this.#isFresh = false;
    if (method === '_CloseReason') this.#peerSaidGoodbye(message);
    else if (method === '_Error' || method === '_Info') {
      this.#host.log.info(`peer says ${method}`, { params: message.params.toString() });
    } else if (method.startsWith('_'))
      this.#host.log.debug('unknown notification of the transport', { method });
    else this.#events.notification(message);
  }

  #response(message: Response): void {
    if (message.id === this.#pingId) {
      this.#pingId = undefined;
      this.#host.statistics.keptAlive(this.#keepalive?.answered());
      return;
    }
    const settle = this.#pending.take(message.id);
    if (settle === undefined && message.id === this.#answeredId) {
      this.#echoes();
      return;
    }
    if (settle === undefined) {
      this.#host.statistics.count('answers of the peer to nothing');
      this.#host.log.info('the peer answers a request that is not open', { id: message.id });
      return;
    }
    this.#pendingChanged();
    settle({ kind: message.kind, text: message.text, depth: message.depth });
  }

  #peerSaidGoodbye(message: Notification): void {
    const reason = readCloseReason(message);
    this.#host.log.info('the peer says goodbye', { code: reason.code, text: reason.text });
    this.#decoder.stop();
    this.#reason = reason;
    this.#inputEnded(reason);
  }

  #inputEnded(reason: CloseReason): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#keepalive?.suspendLimit();
    this.#settleAll(reason);
    this.#events.inputEnded(reason);
  }

  // What the bridge wants.

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#state !== 'open') return 'closed';
    if (this.#pending.isFull) return 'full';
    const id = this.#nextId();
    const outcome = this.#send(requestParts(id, methodText, params), 'normal');
    if (outcome === 'sent') {
      this.#isFresh = false;
      this.#pending.add(id, settle);
      this.#pendingChanged();
    }
    return outcome;
  }

  notify(methodText: string, params: Buffer): SendOutcome {
    this.#isFresh = false;
    return this.#send(notificationParts(methodText, params), 'normal');
  }

  close(reason: CloseReason): void {
    this.#finish(reason, this.#ending, 'goodbye');
  }

  // Inside.

  #send(parts: Parts, urgency: Urgency): SendOutcome {
    if (this.#state === 'closed') return 'closed';
    const frame = this.#output.encode(parts);
    if (frame === undefined) return 'too-large';
    this.#output.send(frame, urgency);
    return 'sent';
  }

  #pendingChanged(): void {
    this.#keepalive?.setBusy(this.#inFlight.size + this.#pending.size > 0);
  }

  #ping(): void {
    this.#pingId = this.#nextId();
    this.#send(keepaliveParts(this.#pingId), 'urgent');
  }

  #lostByKeepalive(): void {
    const unfinished = (this.#supervisor ?? this.#decoder).unfinished;
    const text = `no answer to _Keepalive in time${unfinished}`;
    this.#finish({ code: 'KEEPALIVE', text, by: 'us' }, 'lost', 'goodbye');
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost', last: 'goodbye' | 'mute'): void {
    if (this.#state === 'closed') return;
    const final = this.#reason ?? reason;
    this.#decoder.stop();
    this.#keepalive?.stop();
    if (last === 'goodbye') this.#send(goodbyeParts(final), 'normal');
    this.#state = 'closed';
    this.#settleAll(final);
    this.#events.closed(final);
    this.#host.finished(final, how);
  }

  #settleAll(reason: CloseReason): void {
    const text = errorText('CONNECTION_CLOSED', reason.text);
    this.#pending.settleAll((settle) => settle({ kind: 'error', text, depth: 2, lost: reason }));
    this.#pendingChanged();
  }
}
