import { isoTime } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import type { Framing } from '../../base/framing.ts';
import { encodeLengthPrefixed, LengthPrefixedDecoder } from '../../frame/length-prefixed.ts';
import { type JsonObject, writeTree } from '../../rpc/json-tree.ts';
import type {
  ConnectionEvents,
  Conversation,
  ConversationHost,
  DialectOptions,
  PeerAnswer,
  PeerConnection,
  PreparedAnswer,
  Refused,
  SendOutcome,
} from '../dialect.ts';
import { readAnswer } from './answer-text.ts';
import type { NexoCodec } from './codec.ts';
import { failure, responseBody } from './failures.ts';
import { type MessageHeader, responseHeader } from './header.ts';
import type { RegisterMemory } from './memory.ts';
import { MAX_DEPTH, type NexoMessage, type Outgoing } from './message.ts';
import { RegisterSide } from './register-side.ts';
import type { Served } from './served.ts';
import { serve } from './services.ts';
import type { Vendor } from './vendors.ts';

/** What the terminal's end of every wire of this process is. */
export interface PoiEnd {
  readonly vendor: Vendor;
  readonly codec: NexoCodec;
  readonly memory: RegisterMemory;
  readonly requiresLogin: boolean;
}

/**
 * One wire to a register: open → closed. On a wire that carries one exchange (HTTP) it ends when the request is
 * answered, or when it is certain that there is no answer.
 */
export class NexoAnswering implements Conversation, PeerConnection {
  readonly #host: ConversationHost;
  readonly #framing: Framing;
  readonly #maxFrameBytes: number;
  readonly #end: PoiEnd;
  readonly #decoder: LengthPrefixedDecoder;
  readonly #events: ConnectionEvents;
  readonly #register: RegisterSide;
  /** Services of the register that are not answered yet. */
  readonly #open = new Set<string>();
  #hasWritten = false;
  #heard = 0;
  #state: 'open' | 'closed' = 'open';
  #ending: 'ended' | 'broken' = 'ended';

  constructor(host: ConversationHost, framing: Framing, { maxFrameBytes }: DialectOptions, end: PoiEnd) {
    this.#host = host;
    this.#framing = framing;
    this.#maxFrameBytes = maxFrameBytes;
    this.#end = end;
    this.#decoder = new LengthPrefixedDecoder({ maxMessageBytes: maxFrameBytes });
    this.#register = new RegisterSide({
      vendor: end.vendor,
      codec: end.codec,
      maxFrameBytes,
      clock: host.clock,
      random: host.randomId(),
      poiId: () => end.memory.poiId,
      write: (message) => this.#write(message),
      tell: this.#teller(),
    });
    this.#events = host.opened(this);
  }

  get isInsideMessage(): boolean {
    return this.#decoder.isInsideMessage;
  }

  get messagesHeard(): number {
    return this.#heard;
  }

  // The wire.

  receive(chunk: Buffer): void {
    if (this.#state !== 'open') return;
    if (this.#framing === 'stream') {
      this.#decoder.push(chunk, {
        message: (bytes) => this.#message(bytes),
        rejected: (why) => this.#break(why),
      });
    } else if (chunk.length > this.#maxFrameBytes)
      this.#break(`a message of ${chunk.length} bytes is too long`);
    else this.#message(chunk);
  }

  endOfInput(): void {
    if (this.#state !== 'open') return;
    if (this.#decoder.isInsideMessage) this.#host.log.info('the input ended inside a message');
    this.#register.settleAll(INPUT_ENDED);
    this.#events.inputEnded(INPUT_ENDED);
  }

  congested(): void {}

  refused(why: string): void {
    this.#break(why);
  }

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  // Messages of the register.

  #message(text: Buffer): void {
    if (this.#state !== 'open') return;
    this.#heard += 1;
    this.#host.statistics.count('frames in');
    const decoded = this.#end.codec.decode(text);
    if (!decoded.ok) {
      this.#host.log.warn('a message is refused', { why: decoded.why });
      this.#refuse(decoded.header, decoded.why, text);
      return;
    }
    const { message } = decoded;
    this.#trace('frame in', message);
    if (message.header.MessageType === 'Request') this.#request(message, text);
    else if (message.header.MessageType === 'Response') this.#response(message);
    else this.#notification(message);
  }

  #request(message: NexoMessage, text: Buffer): void {
    const { header } = message;
    this.#register.spoke(header);
    const served = serve(message, {
      memory: this.#end.memory,
      vendor: this.#end.vendor,
      requiresLogin: this.#end.requiresLogin,
      now: () => isoTime(this.#host.clock),
      notify: (event, details) => this.#register.sayEvent(event, details, header),
    });
    if (served.kind === 'ask') this.#ask(message, served);
    else if (served.kind === 'respond') this.#respond(message, served.body);
    else this.#reject(served.why, header, text);
  }

  /** Hands a request to the bridge. */
  #ask({ header, name, isWrapped }: NexoMessage, served: Extract<Served, { kind: 'ask' }>): void {
    const id = JSON.stringify([header.SaleID, header.ServiceID ?? header.DeviceID ?? '', name]);
    this.#open.add(id);
    const answer = { header: responseHeader(header), name: name.replace(/Request$/, 'Response') };
    this.#events.request({
      method: served.method,
      methodText: JSON.stringify(served.method),
      params: Buffer.from(writeTree(served.params)),
      depth: MAX_DEPTH,
      prepare: (kind, text) => {
        const read = readAnswer(kind, text);
        const body = read === undefined ? { unsayable: 'a member comes twice' } : served.respond(read);
        if (body !== undefined && 'unsayable' in body) {
          return { code: 'JSONRPC_INVALID_PARAMS', why: String(body['unsayable']) };
        }
        return this.#prepared(id, answer, body as JsonObject | undefined, isWrapped);
      },
    });
  }

  #prepared(
    id: string,
    answer: Omit<Outgoing, 'body'>,
    body: JsonObject | undefined,
    isWrapped: boolean,
  ): PreparedAnswer | 'too-large' {
    const frame = body === undefined ? undefined : this.#encodeWithin({ ...answer, body }, isWrapped);
    if (frame === 'too-large') return frame;
    return {
      send: () => {
        if (this.#state !== 'open' || !this.#open.delete(id)) return 'closed';
        if (frame !== undefined) this.#write(frame);
        this.#answered();
        return 'sent';
      },
    };
  }

  /** A response that is too long loses its receipts before it loses itself. */
  #encodeWithin(outgoing: Outgoing, isWrapped: boolean): Buffer | 'too-large' {
    const frame = this.#end.codec.encode(outgoing, isWrapped);
    if (frame.length <= this.#maxFrameBytes) return frame;
    if (outgoing.body['PaymentReceipt'] === undefined) return 'too-large';
    const { PaymentReceipt, ...body } = outgoing.body;
    this.#host.log.warn('receipts are left out of a response that is too long');
    return this.#encodeWithin({ ...outgoing, body }, isWrapped);
  }

  #respond({ header, name, isWrapped }: NexoMessage, body: JsonObject): void {
    const answer = { header: responseHeader(header), name: name.replace(/Request$/, 'Response'), body };
    this.#write(this.#end.codec.encode(answer, isWrapped));
    this.#answered();
  }

  /** To a message that cannot be taken: a response where one belongs to it, else an Event. */
  #refuse(header: MessageHeader | undefined, why: string, text: Buffer): void {
    const hasResponse = header?.MessageType === 'Request' && header.MessageCategory !== 'Abort';
    if (header !== undefined && hasResponse) {
      const category = header.MessageCategory;
      const body = responseBody(category, {}, failure('MessageFormat', why));
      const name = `${category}Response`;
      this.#write(this.#end.codec.encode({ header: responseHeader(header), name, body }));
      this.#answered();
    } else this.#reject(why, header, text);
  }

  #reject(why: string, header: MessageHeader | undefined, text: Buffer): void {
    const half = this.#maxFrameBytes / 2;
    const RejectedMessage = text.length < half ? text.toString('base64') : undefined;
    this.#register.sayEvent('Reject', why, header, RejectedMessage);
    this.#answered();
  }

  #response(message: NexoMessage): void {
    if (this.#register.answered(message)) return;
    this.#host.statistics.count('answers of the peer to nothing');
    this.#host.log.info('the register answers a request that is not open');
  }

  #notification({ body }: NexoMessage): void {
    this.#events.notification({
      method: 'nexo.Event',
      methodText: '"nexo.Event"',
      params: Buffer.from(writeTree(body)),
      depth: MAX_DEPTH,
    });
    this.#answered();
  }

  // What the bridge wants.

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    return this.#state === 'open' ? this.#register.request(methodText, params, settle) : 'closed';
  }

  notify(methodText: string, params: Buffer): SendOutcome | Refused {
    return this.#state === 'open' ? this.#register.notify(methodText, params) : 'closed';
  }

  close(reason: CloseReason): void {
    this.#finish(reason, this.#ending);
  }

  // Inside.

  /**
   * On a wire that carries one exchange there is room for the answer alone: what else is said goes to where the
   * register listens.
   */
  #teller(): ((message: Buffer, lost: () => void) => void) | undefined {
    if (this.#framing !== 'exchange') return (message) => this.#write(message);
    const { post } = this.#host;
    if (post === undefined) return undefined;
    return (message, lost) => {
      this.#host.statistics.count('frames out');
      post(message, (body) => {
        if (!this.#takePosted(body)) lost();
      });
    };
  }

  /** The answer to what we have posted. False: there is none. */
  #takePosted(body: Buffer | undefined): boolean {
    if (body === undefined || body.length === 0) return false;
    const decoded = this.#end.codec.decode(body);
    if (decoded.ok && decoded.message.header.MessageType === 'Response') {
      this.#host.statistics.count('frames in');
      return this.#register.answered(decoded.message);
    }
    this.#host.log.warn('what the register answers at its X-Callback-Url is no response');
    return false;
  }

  #write(message: Buffer): void {
    if (this.#state !== 'open') return;
    this.#hasWritten = true;
    this.#host.statistics.count('frames out');
    this.#host.send(this.#framing === 'stream' ? encodeLengthPrefixed(message) : message, 'normal');
  }

  #trace(what: string, { header, name, body }: NexoMessage): void {
    if (!this.#host.log.enabled('trace')) return;
    this.#host.log.trace(what, { text: writeTree({ MessageHeader: header.raw, [name]: body }) });
  }

  /** A wire that carries one exchange has carried it; an empty message says that there is no response. */
  #answered(): void {
    if (this.#framing !== 'exchange') return;
    if (!this.#hasWritten) this.#host.send(NOTHING, 'normal');
    this.#finish(ANSWERED, 'ended');
  }

  #break(why: string): void {
    if (this.#state !== 'open') return;
    this.#host.log.warn('the register broke the protocol', { why });
    this.#ending = 'broken';
    this.#decoder.stop();
    this.#register.sayEvent('Reject', why);
    const reason: CloseReason = { code: 'JSONRPC_PARSE_ERROR', text: why, by: 'us' };
    this.#register.settleAll(reason);
    this.#events.inputEnded(reason);
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#decoder.stop();
    this.#open.clear();
    this.#register.settleAll(reason);
    this.#events.closed(reason);
    this.#host.finished(reason, how);
  }
}

const NOTHING = Buffer.alloc(0);
const INPUT_ENDED: CloseReason = {
  code: 'CONNECTION_CLOSED',
  text: 'the register has closed its output',
  by: 'peer',
};
const ANSWERED: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the request is answered', by: 'us' };
