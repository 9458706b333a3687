import type { CloseReason } from '../../base/close-reason.ts';
import { encodeLengthPrefixed, LengthPrefixedDecoder } from '../../frame/length-prefixed.ts';
import { errorText } from '../../rpc/error-object.ts';
import { type JsonObject, readTree, writeTree } from '../../rpc/json-tree.ts';
import { decodeString } from '../../rpc/scan.ts';
import type { AskedTerminal, AskingOptions } from '../asking.ts';
import type {
  ConnectionEvents,
  Conversation,
  ConversationHost,
  PeerAnswer,
  Refused,
  SendOutcome,
} from '../dialect.ts';
import { Inquiries } from './inquiries.ts';
import { Logins } from './logins.ts';
import { MAX_DEPTH, type NexoMessage } from './message.ts';
import { OutcomeInquiry } from './outcome-inquiry.ts';
import type { SaleEnd } from './sale-end.ts';
import type { SaleIds } from './sale-records.ts';
import { Sales } from './sales.ts';
import { ServiceLine } from './service-line.ts';
import { TerminalSide } from './terminal-side.ts';

/** Requests that may wait for the terminal at one time. */
const MAX_PENDING = 256;

/**
 * The register's end (Sale System) of one wire to a terminal: open → closed. Services go one at a time, but for those
 * that nexo allows beside another: Abort and TransactionStatus.
 */
export class SaleSystem implements Conversation, AskedTerminal {
  readonly #host: ConversationHost;
  readonly #framing: 'stream' | 'messages' | 'exchange';
  readonly #maxFrameBytes: number;
  readonly #end: SaleEnd;
  readonly #decoder: LengthPrefixedDecoder;
  readonly #line: ServiceLine;
  readonly #sales: Sales;
  readonly #outcomes: OutcomeInquiry;
  readonly #inquiries: Inquiries;
  readonly #terminal: TerminalSide;
  readonly #rejected: (message: NexoMessage) => boolean;
  readonly #events: ConnectionEvents;
  readonly #open = new Set<(answer: PeerAnswer) => void>();
  #isClosed = false;

  constructor(
    host: ConversationHost,
    framing: 'stream' | 'messages' | 'exchange',
    { maxFrameBytes }: AskingOptions,
    end: SaleEnd,
  ) {
    this.#host = host;
    this.#framing = framing;
    this.#maxFrameBytes = maxFrameBytes;
    this.#end = end;
    this.#decoder = new LengthPrefixedDecoder({ maxMessageBytes: maxFrameBytes });
    const { vendor, codec, saleId, poiId } = end;
    const { clock, log } = host;
    const write = (message: Buffer) => this.#write(message);
    this.#line = new ServiceLine({ vendor, codec, saleId, poiId, clock, write });
    const line = this.#line;
    const logins = new Logins({
      end,
      line,
      clock,
      log,
      isListening: framing !== 'exchange' || end.callback !== undefined,
    });
    this.#terminal = new TerminalSide({
      end,
      clock,
      log,
      write,
      notify: (method, params) => this.#tell(method, params),
    });
    this.#sales = new Sales({
      end,
      line,
      logins,
      clock,
      log,
      isOpen: () => !this.#isClosed,
      changed: (isRunning) => this.#terminal.transaction(isRunning),
    });
    const runningMs = (ids: SaleIds) => this.#sales.runningMs(ids);
    this.#outcomes = new OutcomeInquiry({ end, line, logins, clock, log, runningMs });
    this.#inquiries = new Inquiries({ end, line, logins, terminal: this.#terminal });
    this.#rejected = (message) => line.rejected(message);
    end.memory.rejecters.add(this.#rejected);
    this.#events = host.opened(this);
  }

  // The wire.

  receive(chunk: Buffer): void {
    if (this.#isClosed) return;
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
    this.#finish(
      { code: 'CONNECTION_CLOSED', text: 'the terminal has closed its output', by: 'peer' },
      'ended',
    );
  }

  congested(): void {}

  refused(why: string): void {
    this.#break(why);
  }

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  // Messages of the terminal.

  #message(text: Buffer): void {
    // Over HTTP an answer may be empty: there is none to an Abort.
    if (this.#isClosed || text.length === 0) return;
    this.#host.statistics.count('frames in');
    const decoded = this.#end.codec.decode(text);
    if (!decoded.ok) {
      this.#host.log.warn('a message of the terminal cannot be read', { why: decoded.why });
      this.#misheard();
      return;
    }
    const { message } = decoded;
    this.#trace(message);
    if (message.header.MessageType === 'Request') this.#terminal.request(message);
    else if (message.header.MessageType === 'Response') this.#response(message);
    else this.#event(message);
  }

  #response(message: NexoMessage): void {
    if (this.#line.answered(message)) return;
    this.#host.statistics.count('answers of the peer to nothing');
    this.#host.log.warn('the terminal answers a request that is not open', {
      service: message.header.ServiceID,
    });
    this.#misheard();
  }

  #event(message: NexoMessage): void {
    const isReject = message.body['EventToNotify'] === 'Reject';
    if (!(isReject && this.#line.rejected(message))) this.#terminal.event(message.body);
  }

  /** An answer has come that cannot be told: over HTTP no other one will, so whatever is open is lost. */
  #misheard(): void {
    if (this.#framing !== 'exchange') return;
    this.#line.loseAll({
      code: 'CONNECTION_CLOSED',
      text: 'the terminal has answered something else',
      by: 'peer',
    });
  }

  // What is asked.

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#isClosed) return 'closed';
    if (this.#open.size >= MAX_PENDING) return 'full';
    const method = decodeString(methodText);
    const read = readTree(params);
    const once = this.#once(settle);
    if (read.ok) this.#ask(method, read.value, once);
    else once({ kind: 'error', text: errorText('JSONRPC_INVALID_PARAMS', read.why), depth: 3 });
    return 'sent';
  }

  #ask(method: string, params: JsonObject, settle: (answer: PeerAnswer) => void): void {
    if (method === 'Purchase' || method === 'Refund' || method === 'Reversal') {
      this.#sales.begin(method, params, settle);
      return;
    }
    const answer =
      method === 'Check'
        ? this.#outcomes.check(params)
        : method === 'Abort'
          ? this.#sales.abort(params)
          : this.#inquiries.ask(method, params, this.#sales.isRunning);
    answer
      .catch((fault): PeerAnswer => {
        this.#host.log.error('the records of a terminal cannot be used', { why: String(fault) });
        return { kind: 'error', text: errorText('STORAGE_ERROR', 'the records cannot be read'), depth: 3 };
      })
      .then(settle, () => {});
  }

  probe(settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    return this.request('"Status"', EMPTY, settle);
  }

  notify(methodText: string): SendOutcome | Refused {
    return {
      code: 'JSONRPC_METHOD_NOT_FOUND',
      why: `a nexo terminal is told nothing like ${decodeString(methodText)}`,
    };
  }

  close(reason: CloseReason): void {
    this.#finish(reason, 'ended');
  }

  // Inside.

  /** Every request is settled once: by its answer, or when the wire ends. */
  #once(settle: (answer: PeerAnswer) => void): (answer: PeerAnswer) => void {
    const once = (answer: PeerAnswer) => {
      if (this.#open.delete(once)) settle(answer);
    };
    this.#open.add(once);
    return once;
  }

  #tell(method: string, params: JsonObject): void {
    if (this.#isClosed) return;
    this.#events.notification({
      method,
      methodText: JSON.stringify(method),
      params: Buffer.from(writeTree(params)),
      depth: MAX_DEPTH,
    });
  }

  #write(message: Buffer): void {
    if (this.#isClosed) return;
    this.#host.statistics.count('frames out');
    this.#host.send(this.#framing === 'stream' ? encodeLengthPrefixed(message) : message, 'normal');
  }

  #trace({ header, name, body }: NexoMessage): void {
    if (!this.#host.log.enabled('trace')) return;
    this.#host.log.trace('frame in', { text: writeTree({ MessageHeader: header.raw, [name]: body }) });
  }

  #break(why: string): void {
    this.#host.log.warn('the terminal broke the protocol', { why });
    this.#finish({ code: 'JSONRPC_PARSE_ERROR', text: why, by: 'us' }, 'broken');
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#decoder.stop();
    this.#end.memory.rejecters.delete(this.#rejected);
    this.#line.loseAll(reason);
    const text = errorText('CONNECTION_CLOSED', reason.text);
    for (const settle of [...this.#open]) settle({ kind: 'error', text, depth: 2, lost: reason });
    this.#events.closed(reason);
    this.#host.finished(reason, how);
  }
}

const EMPTY = Buffer.from('{}');
