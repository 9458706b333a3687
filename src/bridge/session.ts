import { CHANNEL_NAMES, type ChannelName, isChannelName } from '../base/channel-name.ts';
import { isoTime, type Timer } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { shorten } from '../base/printable.ts';
import type { Statistics } from '../base/statistics.ts';
import {
  answerLine,
  bridgeLine,
  complaintLine,
  lineStart,
  notificationLine,
  requestLine,
} from '../channel/application-line.ts';
import type {
  Attachment,
  AttachmentUser,
  Channels,
  LineFate,
  OutgoingLine,
  Refusal,
} from '../channel/channel.ts';
import type {
  ConnectionEvents,
  Dialect,
  InboundNotification,
  InboundRequest,
  PeerAnswer,
  PeerConnection,
  SendOutcome,
} from '../dialect/dialect.ts';
import { completeError, errorText } from '../rpc/error-object.ts';
import type { Message } from '../rpc/message.ts';
import { Gate } from './gate.ts';
import type { Identity } from './identity.ts';
import type { Known, OpenRequest } from './open-request.ts';
import type { Answer } from './outcome.ts';
import { Questions } from './questions.ts';
import { type Route, Router } from './router.ts';
import { Transactions, type TransactionsHost, type TransactionsOptions } from './transactions.ts';

/** Deepest nesting that is passed on, in either direction. */
const MAX_DEPTH = 100;
const TOO_DEEP = `nested deeper than ${MAX_DEPTH}`;
const TOO_LARGE = 'the answer does not fit a frame';
const MALFORMED = 'the answer is malformed';
/** Requests of the peer that may be open at one time. */
const MAX_PENDING = 4096;
/** How long ordinary requests are still answered after the peer has ended its output. */
const DRAIN_MS = 5000;
/** How long open requests have when the bridge is told to stop; the goodbye may take 2 s more. */
const STOP_MS = 2500;
const STOPPING = 'the bridge is being stopped';

export interface SessionOptions extends Omit<TransactionsOptions, 'rules'> {
  /** The connection's name, which never comes twice. */
  readonly name: string;
  /** Random, and a part of every id toward applications. */
  readonly token: string;
  /** Whose connection it is, where that has a name. */
  readonly register: string | undefined;
  /** Whom the dialect has opened it for. */
  readonly peerIdentity: string | undefined;
  readonly peerText: string;
  readonly version: string;
  readonly dialect: Dialect;
  readonly channels: Channels;
  readonly routes: readonly Route[];
  readonly timeoutMs: (method: string) => number;
  readonly statistics: Statistics;
  /** Nothing is open any more and the peer is gone. */
  readonly ended: (outcome: 'clean' | 'unknown') => void;
}

/**
 * One connection between a peer and its applications: open → draining (the peer has ended its output, or the bridge
 * is to stop) → gone (the peer is not there; transactions are still awaited) → ended.
 *
 * Keeps the promises about requests: each is answered once, by its application or by the bridge.
 */
export class Session implements ConnectionEvents, AttachmentUser, TransactionsHost {
  readonly connection: string;
  readonly lineStart: string;
  readonly #options: SessionOptions;
  readonly #peer: PeerConnection;
  readonly #router: Router;
  readonly #gates: ReadonlyMap<Attachment, Gate>;
  readonly #transactions: Transactions;
  readonly #questions: Questions;
  readonly #open = new Map<string, OpenRequest>();
  #state: 'open' | 'draining' | 'gone' | 'ended' = 'open';
  #isStopping = false;
  #reason: CloseReason | undefined;
  #drain: Timer | undefined;
  #outcome: 'clean' | 'unknown' = 'clean';
  /** Work that has to be finished before the end: refusals that are not given yet, records that are not written yet. */
  #working = 0;
  #ids = 0;

  constructor(peer: PeerConnection, options: SessionOptions) {
    const { dialect, channels, clock, timeoutMs } = options;
    const { recovery } = dialect.transactions;
    this.connection = options.name;
    this.lineStart = lineStart(options.name, options.register);
    this.#options = options;
    this.#peer = peer;
    this.#router = new Router(channels, options.routes, dialect.routes);
    this.#gates = new Map(
      [...new Set(channels.values())].map((attachment) => [attachment, new Gate(attachment, this)]),
    );
    this.#transactions = new Transactions(this, { ...options, rules: dialect.transactions });
    this.#questions = new Questions({
      user: this,
      method: recovery ?? '',
      clock,
      timeoutMs: timeoutMs(recovery ?? ''),
      nextId: () => this.#nextId(),
    });
  }

  /** Attaches the channels; apart from the constructor because attachments call back. */
  start(): void {
    for (const attachment of this.#gates.keys()) attachment.attach(this);
  }

  // The peer.

  request(request: InboundRequest): void {
    const { method } = request;
    const isRecovery = this.#transactions.isRecovery(method);
    const identity = isRecovery ? this.#transactions.identityOf(request) : undefined;
    if (this.#isStopping) {
      this.refuse(request, 'CHANNEL_UNAVAILABLE', STOPPING, identity);
    } else if (request.depth > MAX_DEPTH) {
      this.refuse(request, 'JSONRPC_INVALID_PARAMS', TOO_DEEP, identity);
    } else if (this.#open.size + this.#working >= MAX_PENDING) {
      this.refuse(request, 'BUSY', `${MAX_PENDING} requests are open already`, identity);
    } else if (!isRecovery || !this.#transactions.check(request, identity)) {
      const attachment = this.#router.attachmentFor(method);
      if (attachment === undefined) {
        this.refuse(
          request,
          'JSONRPC_METHOD_NOT_FOUND',
          'no application is attached for this method',
          identity,
        );
      } else if (this.#transactions.isTransaction(method)) {
        this.#transactions.start(request, attachment);
      } else {
        const open = this.remember(request, { attachment, identity });
        this.forward(open, this.lineOf(open, request));
      }
    }
  }

  notification(notification: InboundNotification): void {
    const { method } = notification;
    const attachment = this.#router.attachmentFor(method);
    // Without an id it could not be answered, and so be neither locked nor recorded.
    const isTransaction = this.#transactions.isTransaction(method);
    if (attachment === undefined || notification.depth > MAX_DEPTH || isTransaction) {
      this.#options.statistics.count('refused notifications');
      if (isTransaction) this.#options.log.warn('a transaction without an id is not passed on', { method });
      else this.#options.log.info('a notification has no way', { method });
      return;
    }
    const bytes = notificationLine(this.lineStart, notification.methodText, notification.params);
    this.#send(attachment, { bytes, kind: 'notification' });
  }

  inputEnded(reason: CloseReason): void {
    this.#reason ??= reason;
    this.#beginDrain(DRAIN_MS, () => this.#giveUpWaiting('TIMEOUT', 'the peer has ended its output'));
    for (const open of this.#open.values()) this.#transactions.limit(open);
  }

  closed(reason: CloseReason): void {
    this.#reason ??= reason;
    this.#drain?.cancel();
    this.#state = 'gone';
    this.#questions.close();
    for (const open of [...this.#open.values()]) {
      if (open.transaction?.isHandedOver) this.#transactions.abandoned(open);
      else {
        open.line?.withdraw();
        this.#forget(open);
        if (open.transaction?.entry !== undefined)
          this.holdOpen(this.#transactions.withdraw(open.transaction.entry));
        this.#countOutcome(open.method, 'dropped');
      }
    }
    this.#options.log.info('disconnected', {
      reason: reason.code,
      details: reason.text,
      by: reason.by,
      awaited: this.#open.size,
    });
    const bytes = this.#disconnectedLine(reason);
    for (const attachment of this.#gates.keys()) {
      if (attachment.canWrite) this.#send(attachment, { bytes, kind: 'lifecycle' });
      attachment.hold(this, false);
    }
    this.#endIfDone();
  }

  // The bridge.

  /** Refuses new work, gives what is open a moment, then says goodbye. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#reason ??= { code: 'CONNECTION_CLOSED', text: STOPPING, by: 'us' };
    const giveUp = () => {
      this.#questions.close();
      this.#giveUpWaiting('CHANNEL_UNAVAILABLE', STOPPING);
      for (const open of [...this.#open.values()]) this.#transactions.giveUp(open, STOPPING);
    };
    if (this.#state === 'gone') this.#drain = this.#options.clock.after(STOP_MS, giveUp);
    else this.#beginDrain(STOP_MS, giveUp);
  }

  /** The peer does not take its output for the moment: applications are read no further. */
  congested(isCongested: boolean): void {
    for (const attachment of this.#gates.keys()) attachment.hold(this, isCongested);
  }

  /** Open requests of the peer, for statistics. */
  get openRequests(): number {
    return this.#open.size;
  }

  /** Bytes that wait for its applications, for statistics. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const attachment of this.#gates.keys()) bytes += attachment.queuedBytes;
    return bytes;
  }

  // The applications.

  greeting(): Buffer[] {
    const { name, register, peerIdentity, dialect, peerText, version, channels, clock } = this.#options;
    const connected = bridgeLine(this.lineStart, '_Connected', {
      connection: name,
      ...(register !== undefined && { register }),
      ...(peerIdentity !== undefined && { identity: peerIdentity }),
      dialect: dialect.name,
      peer: peerText,
      channels: Object.fromEntries(
        CHANNEL_NAMES.flatMap((channel) => {
          const attachment = channels.get(channel);
          return attachment === undefined ? [] : [[channel, attachment.text]];
        }),
      ),
      version,
      time: isoTime(clock),
    });
    if (this.#state !== 'gone' || this.#reason === undefined) return [connected];
    return [connected, this.#disconnectedLine(this.#reason)];
  }

  applicationThere(attachment: Attachment): void {
    for (const { attachment: own, transaction } of this.#open.values()) {
      if (own === attachment) transaction?.recovery.applicationBack();
    }
  }

  applicationGone(attachment: Attachment): void {
    this.#questions.applicationGone(attachment);
    for (const open of [...this.#open.values()]) {
      if (open.attachment !== attachment) continue;
      if (open.transaction?.isHandedOver) this.#transactions.recover(open);
      else if (open.transaction === undefined) {
        // A line that was not handed over is refused by the attachment itself, under the same code.
        this.settleRefused(open, 'CHANNEL_CLOSED', goneText(attachment));
      }
    }
  }

  applicationSays(message: Message, from: Attachment): void {
    if (message.kind === 'request' || message.kind === 'notification') this.#toPeer(message, from);
    else this.#answered(message, from);
  }

  // Requests of the peer, also for the transactions among them.

  isOpen(open: OpenRequest): boolean {
    return this.#open.get(open.id) === open;
  }

  remember(
    { method, fits, faultOf, answer }: InboundRequest,
    { attachment, identity, transaction }: Known,
  ): OpenRequest {
    const open: OpenRequest = {
      id: this.#nextId(),
      method,
      fits,
      faultOf,
      answer,
      attachment,
      identity,
      transaction,
      line: undefined,
      timer: undefined,
    };
    this.#open.set(open.id, open);
    this.#startTimer(open);
    return open;
  }

  lineOf({ id }: OpenRequest, { methodText, params }: InboundRequest): Buffer {
    return requestLine(this.lineStart, `"${id}"`, methodText, params);
  }

  forward(open: OpenRequest, bytes: Buffer): void {
    const { attachment, transaction } = open;
    if (attachment === undefined) return;
    if (transaction?.entry !== undefined) this.#startTimer(open); // recording has taken its time
    const line: OutgoingLine = { bytes, kind: 'request', fate: new RequestFate(this, open, attachment) };
    this.#trace('line out', attachment, bytes);
    // A transaction is what the others are held back for.
    const gate = transaction?.entry === undefined ? this.#gates.get(attachment) : undefined;
    open.line = gate?.send(line) ?? attachment.send(this, line);
  }

  holdBack(attachment: Attachment): () => void {
    return this.#gates.get(attachment)?.hold() ?? (() => {});
  }

  attachmentOf(channel: string | undefined, method: string): Attachment | undefined {
    const named =
      channel !== undefined && isChannelName(channel) ? this.#router.writable(channel) : undefined;
    return named ?? this.#router.attachmentFor(method);
  }

  channelOf(method: string): ChannelName {
    return this.#router.channelOf(method);
  }

  ask(attachment: Attachment, params: Buffer, settle: (answer: Answer | undefined) => void): void {
    if (this.#state === 'ended') queueMicrotask(() => settle(undefined));
    else this.#questions.ask(attachment, params, settle);
  }

  canTake(open: OpenRequest, { kind, text }: Answer): boolean {
    return this.#state === 'gone' || open.fits(kind, text);
  }

  canHear(attachment: Attachment): boolean {
    return !attachment.isGone || [...this.#gates.keys()].some(({ canRead, isGone }) => canRead && !isGone);
  }

  settleRefused(open: OpenRequest, code: string, details: string): void {
    if (!this.isOpen(open)) return;
    this.#forget(open);
    const entry = open.transaction?.entry;
    const say = () => this.refuse(open, code, details, open.identity);
    if (entry !== undefined) this.holdOpen(this.#transactions.withdraw(entry).then(say));
    else {
      say();
      this.#endIfDone();
    }
  }

  finish(open: OpenRequest, { kind, text }: Answer): void {
    if (!this.isOpen(open)) return;
    this.#forget(open); // frees the terminal before the peer can ask for the next transaction
    this.#answeredAs(open, kind, open.answer(kind, text));
  }

  /** Its application is gone, and nobody can be asked: the peer has to repeat it. */
  settleGone(open: OpenRequest): void {
    if (open.attachment !== undefined) this.#endUnsettled(open, 'CHANNEL_CLOSED', goneText(open.attachment));
  }

  /** Ends a transaction whose outcome nobody can be asked for; the journal knows no more than that it was sent. */
  #endUnsettled(open: OpenRequest, code: string, details: string): void {
    if (!this.isOpen(open)) return;
    this.#forget(open);
    void open.transaction?.entry?.release();
    this.refuse(open, code, details);
    this.#endIfDone();
  }

  /** Never an answer: the register must ask. */
  endUnknown(open: OpenRequest, why: string): void {
    this.#outcome = 'unknown';
    this.#options.log.error('the outcome of a transaction is unknown', {
      method: open.method,
      identity: open.identity?.key,
      why,
    });
    this.#forget(open);
    void open.transaction?.entry?.release();
    this.#countOutcome(open.method, 'OUTCOME_UNKNOWN');
    if (this.#state === 'gone') this.#endIfDone();
    else this.#peer.close({ code: 'OUTCOME_UNKNOWN', text: why, by: 'us' });
  }

  /**
   * An answer by the bridge itself. A register takes an error of the recovery method for the transaction's outcome,
   * so there the only words are TRANSACTION_ACTIVE and OUTCOME_UNKNOWN.
   */
  refuse(
    { method, answer }: Pick<InboundRequest, 'method' | 'answer'>,
    code: string,
    details: string,
    identity?: Identity,
  ): void {
    this.#countOutcome(method, code);
    if (this.#transactions.isRecovery(method)) {
      const said = this.#isRunning(identity) ? 'TRANSACTION_ACTIVE' : 'OUTCOME_UNKNOWN';
      answer('error', errorText(said, `${code}: ${details}`));
    } else answer('error', errorText(code, details));
  }

  holdOpen(work: Promise<void>): void {
    this.#working += 1;
    void work.finally(() => {
      this.#working -= 1;
      this.#endIfDone();
    });
  }

  #send(attachment: Attachment, line: OutgoingLine) {
    this.#trace('line out', attachment, line.bytes);
    return this.#gates.get(attachment)?.send(line) ?? attachment.send(this, line);
  }

  /** No other bridge, and this one never again, has an id like it: an answer can be taken for no other's. */
  #nextId(): string {
    this.#ids += 1;
    return `${this.#options.token}-${this.#ids}`;
  }

  #startTimer(open: OpenRequest): void {
    const { clock, timeoutMs } = this.#options;
    open.timer?.cancel();
    open.timer = clock.after(timeoutMs(open.method), () => this.#timedOut(open));
  }

  #timedOut(open: OpenRequest): void {
    if (open.transaction?.isUndecided) {
      this.#transactions.giveUp(open, 'the journal did not answer in time');
      return;
    }
    const wasWaiting = open.line?.withdraw() === true;
    const why = wasWaiting ? 'the application does not read' : 'the application does not answer';
    this.settleRefused(open, 'TIMEOUT', why);
  }

  #forget(open: OpenRequest): void {
    this.#open.delete(open.id);
    open.timer?.cancel();
    open.transaction?.limit?.cancel();
    open.transaction?.recovery.stop();
    open.transaction?.release();
  }

  #countOutcome(method: string, outcome: string): void {
    this.#options.statistics.count(`${shorten(method, 64)}: ${outcome}`);
  }

  #isRunning(identity: Identity | undefined): boolean {
    if (identity === undefined) return false;
    for (const open of this.#open.values()) {
      if (open.transaction !== undefined && open.identity?.key === identity.key) return true;
    }
    return false;
  }

  /** Ends all that may be ended: what is no transaction, or was not handed over. */
  #giveUpWaiting(code: string, why: string): void {
    for (const open of [...this.#open.values()]) {
      if (open.transaction?.isHandedOver || open.transaction?.isUndecided) continue;
      open.line?.withdraw();
      this.settleRefused(open, code, why);
    }
  }

  // Answers and requests of applications.

  #answered(message: Extract<Message, { kind: 'result' | 'error' }>, from: Attachment): void {
    const { kind, id, text } = message;
    const open = this.#open.get(id);
    if ((open === undefined || open.transaction?.isSettled) && !this.#questions.has(id)) {
      this.#options.statistics.count('late answers');
      this.#options.log.info('an answer to nothing that is open', { id, from: from.text });
      return;
    }
    if (message.depth > MAX_DEPTH) {
      this.#complain(from, undefined, 'JSONRPC_INVALID_PARAMS', TOO_DEEP, id);
      return;
    }
    const full = kind === 'error' ? completeError(text) : text;
    if (full === undefined) {
      this.#complain(
        from,
        undefined,
        'JSONRPC_INVALID_REQUEST',
        'an error needs an integer code and a message',
        id,
      );
      return;
    }
    const answer: Answer = { kind, text: full };
    const fault = open?.faultOf?.(kind, full);
    if (open !== undefined && fault !== undefined) {
      this.#complain(from, undefined, fault.code, fault.why, id);
      const { recovery } = this.#options.dialect.transactions;
      if (open.transaction === undefined) this.settleRefused(open, 'INTERNAL_ERROR', MALFORMED);
      else if (recovery === undefined) this.#endUnsettled(open, 'INTERNAL_ERROR', MALFORMED);
    } else if (open === undefined) this.#questions.answered(id, answer);
    else if (open.transaction === undefined) this.#give(open, answer, from);
    else if (this.canTake(open, answer)) this.#transactions.settle(open, answer);
    else this.#complain(from, undefined, 'RESPONSE_TOO_LARGE', TOO_LARGE, id);
  }

  /** To an ordinary request; that it does not fit shows when it is encoded, so that it is encoded once. */
  #give(open: OpenRequest, { kind, text }: Answer, from: Attachment): void {
    this.#forget(open);
    const outcome = open.answer(kind, text);
    if (outcome !== 'too-large') {
      this.#answeredAs(open, kind, outcome);
      return;
    }
    this.#complain(from, undefined, 'RESPONSE_TOO_LARGE', TOO_LARGE, open.id);
    this.refuse(open, 'RESPONSE_TOO_LARGE', TOO_LARGE, open.identity);
    this.#endIfDone();
  }

  #answeredAs({ method }: OpenRequest, kind: Answer['kind'], outcome: SendOutcome): void {
    if (outcome === 'closed') {
      this.#options.log.info('an answer came when the peer was gone', { method, kind });
    }
    this.#countOutcome(method, kind);
    this.#endIfDone();
  }

  #toPeer(message: Extract<Message, { kind: 'request' | 'notification' }>, from: Attachment): void {
    const { method, methodText, params } = message;
    const idText = message.kind === 'request' ? message.idText : undefined;
    if (method.startsWith('_')) {
      this.#complain(
        from,
        idText,
        'JSONRPC_METHOD_NOT_FOUND',
        'names that start with _ do not cross the bridge',
      );
      return;
    }
    if (message.depth > MAX_DEPTH) {
      this.#complain(from, idText, 'JSONRPC_INVALID_PARAMS', TOO_DEEP);
      return;
    }
    const fault = idText === undefined ? this.#peer.faultOf?.(methodText, params) : undefined;
    if (fault !== undefined) {
      this.#complain(from, idText, fault.code, fault.why);
      return;
    }
    const outcome =
      idText === undefined
        ? this.#peer.notify(methodText, params)
        : this.#peer.request(methodText, params, this.#returnTo(from, idText));
    if (outcome === 'too-large') {
      this.#complain(from, idText, 'JSONRPC_INVALID_PARAMS', 'the message does not fit a frame');
    } else if (outcome === 'full') {
      this.#complain(from, idText, 'BUSY', 'too many requests wait for the peer');
    } else if (outcome === 'closed' && idText !== undefined) {
      this.#complain(from, idText, 'CONNECTION_CLOSED', this.#reason?.text ?? 'the peer is gone');
    }
  }

  /** Takes the peer's answer back to the application that asked, if it is still the same one. */
  #returnTo(from: Attachment, idText: string): (answer: PeerAnswer) => void {
    const { epoch } = from;
    return ({ kind, text, depth }) => {
      if (from.epoch !== epoch) return;
      const to = from.canWrite ? from : this.#router.writable('payment');
      if (to === undefined) return;
      const bytes =
        depth > MAX_DEPTH
          ? complaintLine(this.lineStart, idText, 'JSONRPC_INVALID_PARAMS', `the answer is ${TOO_DEEP}`)
          : answerLine(this.lineStart, idText, kind, text);
      this.#send(to, { bytes, kind: 'answer' });
    };
  }

  #complain(
    from: Attachment,
    idText: string | undefined,
    code: string,
    details: string,
    about?: string,
  ): void {
    this.#options.log.warn('a line of an application was refused', { endpoint: from.text, code, details });
    this.#options.statistics.count('refused lines');
    const to = from.canWrite ? from : this.#router.writable('payment');
    const bytes = complaintLine(this.lineStart, idText, code, details, about);
    if (to !== undefined) this.#send(to, { bytes, kind: 'answer' });
  }

  // Ends.

  #beginDrain(limitMs: number, giveUp: () => void): void {
    if (this.#state === 'gone' || this.#state === 'ended') return;
    this.#state = 'draining';
    this.#drain?.cancel();
    this.#drain = this.#options.clock.after(limitMs, giveUp);
    this.#endIfDone();
  }

  /** Nothing is open any more: say goodbye if the time for it has come, and leave when the peer is gone. */
  #endIfDone(): void {
    if (this.#open.size + this.#working > 0) return;
    if (this.#state === 'draining' && this.#reason !== undefined) this.#peer.close(this.#reason);
    else if (this.#state === 'gone') {
      this.#state = 'ended';
      this.#drain?.cancel();
      this.#questions.close();
      for (const attachment of this.#gates.keys()) attachment.detach(this);
      this.#options.ended(this.#outcome);
    }
  }

  #disconnectedLine(reason: CloseReason): Buffer {
    return bridgeLine(this.lineStart, '_Disconnected', {
      connection: this.connection,
      reason: reason.code,
      details: reason.text,
      pending: [...this.#open.keys()],
    });
  }

  #trace(event: string, { text }: Attachment, bytes: Buffer): void {
    const { log } = this.#options;
    if (log.enabled('trace'))
      log.trace(event, { endpoint: text, text: bytes.toString('utf8', 0, bytes.length - 1) });
  }
}

/** What becomes of the line of a request. */
class RequestFate implements LineFate {
  readonly #session: Session;
  readonly #open: OpenRequest;
  readonly #attachment: Attachment;

  constructor(session: Session, open: OpenRequest, attachment: Attachment) {
    this.#session = session;
    this.#open = open;
    this.#attachment = attachment;
  }

  handedOver(): void {
    const { transaction, timer } = this.#open;
    if (transaction === undefined) return;
    transaction.isHandedOver = true;
    timer?.cancel();
  }

  refused(why: Refusal): void {
    this.#session.settleRefused(this.#open, why, WHY_REFUSED[why](this.#attachment.text));
  }
}

function goneText({ text }: Attachment): string {
  return `the application at ${text} went away`;
}

const WHY_REFUSED: Readonly<Record<Refusal, (where: string) => string>> = {
  BUSY: (where) => `too much is waiting for the application at ${where}`,
  CHANNEL_UNAVAILABLE: (where) => `no application is there at ${where}`,
  CHANNEL_CLOSED: (where) => `the application at ${where} went away`,
};
