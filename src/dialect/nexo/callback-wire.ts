import type { CloseReason } from '../../base/close-reason.ts';
import { writeTree } from '../../rpc/json-tree.ts';
import type { AskedTerminal } from '../asking.ts';
import type { ConnectionEvents, Conversation, ConversationHost } from '../dialect.ts';
import { MAX_DEPTH, type NexoMessage } from './message.ts';
import type { SaleEnd } from './sale-end.ts';
import { TerminalSide } from './terminal-side.ts';

/**
 * One message that a terminal has posted to us. It ends with the response, or with an empty answer where none is
 * wanted.
 */
export class CallbackWire implements Conversation, AskedTerminal {
  readonly #host: ConversationHost;
  readonly #end: SaleEnd;
  readonly #terminal: TerminalSide;
  readonly #events: ConnectionEvents;
  #hasWritten = false;
  #isClosed = false;

  constructor(host: ConversationHost, end: SaleEnd) {
    this.#host = host;
    this.#end = end;
    const { clock, log } = host;
    this.#terminal = new TerminalSide({
      end,
      clock,
      log,
      write: (message) => this.#write(message),
      notify: (method, params) =>
        this.#events.notification({
          method,
          methodText: JSON.stringify(method),
          params: Buffer.from(writeTree(params)),
          depth: MAX_DEPTH,
        }),
    });
    this.#events = host.opened(this);
  }

  receive(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#host.statistics.count('frames in');
    const decoded = this.#end.codec.decode(chunk);
    if (!decoded.ok) {
      this.#refuse(decoded.why);
      return;
    }
    const { message } = decoded;
    if (message.header.POIID !== this.#end.poiId) this.#refuse('it is another terminal');
    else if (message.header.MessageType === 'Response') this.#refuse('nothing was asked here');
    else this.#take(message);
  }

  #take(message: NexoMessage): void {
    if (message.header.MessageType === 'Request') this.#terminal.request(message);
    else this.#event(message);
    if (!this.#hasWritten) this.#host.send(NOTHING, 'normal');
    this.#finish(ANSWERED, 'ended');
  }

  #event(message: NexoMessage): void {
    const isReject = message.body['EventToNotify'] === 'Reject';
    const isTaken = isReject && [...this.#end.memory.rejecters].some((rejected) => rejected(message));
    if (!isTaken) this.#terminal.event(message.body);
  }

  endOfInput(): void {}

  congested(): void {}

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  request(): 'closed' {
    return 'closed';
  }

  notify(): 'closed' {
    return 'closed';
  }

  close(reason: CloseReason): void {
    this.#finish(reason, 'ended');
  }

  #write(message: Buffer): void {
    this.#hasWritten = true;
    this.#host.statistics.count('frames out');
    this.#host.send(message, 'normal');
  }

  #refuse(why: string): void {
    this.#host.log.warn('what was posted to us is refused', { why });
    this.#finish({ code: 'JSONRPC_INVALID_REQUEST', text: why, by: 'us' }, 'broken');
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(reason);
    this.#host.finished(reason, how);
  }
}

const NOTHING = Buffer.alloc(0);
const ANSWERED: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the message is answered', by: 'us' };
