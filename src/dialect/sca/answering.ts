import type { CloseReason } from '../../base/close-reason.ts';
import type { Framing } from '../../base/framing.ts';
import { errorText } from '../../rpc/error-object.ts';
import type {
  ConnectionEvents,
  Conversation,
  ConversationHost,
  DialectOptions,
  PeerAnswer,
  PeerConnection,
  Refused,
  Reply,
  SendOutcome,
} from '../dialect.ts';
import { type Element, encodeDocument, RESPONSE_ROOT, type ScaDocument } from './document.ts';
import { DocumentReader } from './document-reader.ts';
import { documentJson } from './json-fields.ts';
import type { LastPayment } from './memory.ts';
import { notificationOf } from './notifications.ts';
import { Obedience } from './obedience.ts';
import { readRequest } from './request.ts';
import { type Echo, rejected, responseOf, type Verdict } from './responses.ts';
import type { Port, Speaking } from './speaking.ts';
import type { Owner } from './terminal.ts';
import type { TerminalEnd } from './terminal-end.ts';
import { Unasked } from './unasked.ts';

/** Some registers have all fields of a purchase and two images in one document. */
const MIN_CHARACTERS = 262_144;

/**
 * The terminal's end of one connection: open → closed. What outlives it (session, counters, responses that did not
 * arrive) is the `TerminalEnd`'s.
 */
export class AnsweringConversation implements Conversation, PeerConnection, Speaking {
  readonly host: ConversationHost;
  readonly end: TerminalEnd;
  readonly port: Port;
  readonly #framing: Framing;
  readonly #reader: DocumentReader;
  readonly #events: ConnectionEvents;
  readonly #obedience: Obedience;
  readonly #unasked: Unasked;
  #state: 'open' | 'closed' = 'open';
  #hasInputEnded = false;
  #working = 0;
  /** The response that was sent last, if nothing has come since. */
  #unconfirmed:
    | { readonly owner: Owner; readonly payment: LastPayment; readonly response: ScaDocument }
    | undefined;

  constructor(
    host: ConversationHost,
    framing: Framing,
    options: DialectOptions,
    end: TerminalEnd,
    port: Port,
  ) {
    this.host = host;
    this.end = end;
    this.port = framing === 'messages' ? 'both' : port;
    this.#framing = framing;
    this.#unasked = new Unasked(host);
    this.#reader = new DocumentReader({ maxCharacters: Math.max(options.maxFrameBytes, MIN_CHARACTERS) });
    this.#events = host.opened(this);
    this.#obedience = new Obedience(this, host.randomId());
    host.accepted?.();
    this.#obedience.connected();
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  // The wire.

  get isInsideMessage(): boolean {
    return this.#reader.isInside;
  }

  get messagesHeard(): number {
    return this.#reader.documents;
  }

  receive(chunk: Buffer): void {
    if (this.isClosed) return;
    if (this.#framing === 'stream') this.#reader.push(chunk, this.#documents);
    else this.#reader.pushMessage(chunk, this.#documents);
  }

  endOfInput(): void {
    if (this.isClosed) return;
    this.#reader.stop();
    this.#hasInputEnded = true;
    this.#tellEnd();
  }

  /** Not before every request that has come is on its way: the bridge closes what nothing is open on. */
  #tellEnd(): void {
    if (!this.#hasInputEnded || this.#working > 0 || this.isClosed) return;
    const text = 'the register has closed its output';
    this.#events.inputEnded({ code: 'CONNECTION_CLOSED', text, by: 'peer' });
  }

  congested(): void {}

  refused(why: string): void {
    this.#break(why);
  }

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  readonly #documents = {
    document: (document: ScaDocument) => this.#document(document),
    rejected: (why: string) => {
      if (this.#framing === 'stream') this.#break(why);
      else {
        this.host.log.warn('a message of the register cannot be read', { why });
        this.respond(responseOf(rejected(this.end.options.assumed, why)));
      }
    },
  };

  #document(document: ScaDocument): void {
    if (this.isClosed) return;
    this.host.statistics.count('documents in');
    this.#trace('document in', document);
    this.#unconfirmed = undefined;
    if (document.root === RESPONSE_ROOT) {
      this.host.log.warn('the register sends a response; it is ignored');
      return;
    }
    const read = readRequest(document);
    if (read.ok) {
      this.#obedience.obey(read.request);
      return;
    }
    this.host.log.warn('a request is refused', { why: read.why });
    this.respond(responseOf(rejected(this.end.options.assumed, read.why), [], read.echo));
  }

  #break(why: string): void {
    if (this.isClosed) return;
    this.host.log.warn('the register broke the protocol', { why });
    this.respond(responseOf(rejected(this.end.options.assumed, why)));
    this.#finish({ code: 'PROTOCOL_ERROR', text: why, by: 'us' }, 'broken');
  }

  // What the parts use.

  ask(method: string, params: Buffer, prepare: Reply['prepare']): void {
    const methodText = JSON.stringify(method);
    this.#events.request({
      method,
      methodText,
      params,
      depth: MAX_PARAMS_DEPTH,
      prepare,
    });
  }

  tell(method: string, params: Buffer): void {
    const methodText = JSON.stringify(method);
    this.#events.notification({ method, methodText, params, depth: MAX_PARAMS_DEPTH });
  }

  after(work: Promise<void>, run: () => void): void {
    this.#working += 1;
    void work.then(() => {
      this.#working -= 1;
      run();
      this.#tellEnd();
    });
  }

  hide(secret: string): void {
    this.#events.secret?.(secret);
  }

  answer(request: { readonly echo: Echo }, said: Verdict, fields: readonly Element[] = []): boolean {
    if (said.status === 'FAILURE')
      this.host.log.info('a request is refused', { result: said.result, code: said.code, why: said.text });
    return this.respond(responseOf(said, fields, request.echo));
  }

  respond(response: ScaDocument): boolean {
    if (this.isClosed) return false;
    this.host.statistics.count('documents out');
    this.#trace('document out', response);
    this.host.send(encodeDocument(response), 'normal');
    return true;
  }

  responded(owner: Owner, payment: LastPayment, response: ScaDocument): void {
    this.#unconfirmed = { owner, payment, response };
  }

  // What the bridge wants.

  request(_methodText: string, _params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.isClosed) return 'closed';
    const text = errorText('JSONRPC_METHOD_NOT_FOUND', 'an SCA register answers no questions');
    settle({ kind: 'error', text, depth: 2 });
    return 'sent';
  }

  notify(methodText: string, params: Buffer): SendOutcome | Refused {
    if (this.isClosed) return 'closed';
    const response = notificationOf(JSON.parse(methodText) as string, params);
    if (response === undefined) return 'sent';
    if ('why' in response) return { code: 'JSONRPC_INVALID_PARAMS', why: response.why };
    const { session } = this.end.terminal;
    const isOn = this.end.options.assumed.notifications === 'on';
    if (isOn && this.#framing === 'stream' && session?.listener !== undefined)
      this.#unasked.tell(session, response);
    else if (isOn && session?.wantsNotifications === true && this.port === 'both') this.respond(response);
    else this.host.log.debug('the register has not asked for notifications; dropped');
    return 'sent';
  }

  close(reason: CloseReason): void {
    this.#finish(reason, 'ended');
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.isClosed) return;
    this.#state = 'closed';
    this.#reader.stop();
    this.#unasked.close();
    const unconfirmed = this.#unconfirmed;
    // Whether the register has it is not known. With a POS_RECON it can tell that it has it already.
    if (how === 'lost' && unconfirmed?.payment.posRecon !== undefined)
      this.end.keep(unconfirmed.owner.register, unconfirmed.payment, unconfirmed.response);
    this.#obedience.disconnected();
    this.#events.closed(reason);
    this.host.finished(reason, how);
  }

  #trace(message: string, document: ScaDocument): void {
    // As JSON: masking knows what a member is by its name.
    if (this.host.log.enabled('trace')) this.host.log.trace(message, { text: documentJson(document) });
  }
}

/** Of what we build from a document, which is nested 16 deep at most. */
const MAX_PARAMS_DEPTH = 20;
