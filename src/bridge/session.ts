import { CHANNEL_NAMES } from '../base/channel-name.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import { answerLine, bridgeLine, complaintLine, requestLine } from '../channel/application-line.ts';
import type { Attachment, AttachmentUser, Channels, QueuedLine, Refusal } from '../channel/channel.ts';
import type {
  ConnectionEvents,
  Dialect,
  InboundNotification,
  InboundRequest,
  PeerConnection,
} from '../dialect/dialect.ts';
import { completeError, errorText } from '../rpc/error-object.ts';
import type { Message } from '../rpc/message.ts';
import type { LockHolder, TransactionLock } from '../store/lock.ts';
import { type Identity, identify } from './identity.ts';
import { Recovery } from './recovery.ts';
import { type Route, Router } from './router.ts';

/** Deepest nesting that is passed on, in either direction. */
const MAX_DEPTH = 100;
/** Requests of the peer that may be open at one time. */
const MAX_PENDING = 4096;
/** How long ordinary requests are still answered after the peer has ended its output. */
const DRAIN_MS = 5000;
/** How long open requests have when the bridge is told to stop; the goodbye may take 2 s more. */
const STOP_MS = 2500;

export interface SessionOptions {
  /** The connection's name, unique among live ones. */
  readonly name: string;
  readonly peerText: string;
  readonly version: string;
  readonly dialect: Dialect;
  readonly channels: Channels;
  readonly routes: readonly Route[];
  readonly identity: readonly string[];
  readonly timeoutMs: (method: string) => number;
  readonly outcomeWaitMs: number;
  readonly lock: TransactionLock;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly randomId: () => string;
  /** Nothing is open any more and the peer is gone. */
  readonly ended: (outcome: 'clean' | 'unknown') => void;
}

/** A request of the peer that is not answered yet. */
interface OpenRequest {
  readonly id: string;
  readonly method: string;
  readonly attachment: Attachment;
  readonly fits: InboundRequest['fits'];
  readonly answer: InboundRequest['answer'];
  /** Of a transaction, or of the one that a recovery request asks about. */
  readonly identity: Identity | undefined;
  readonly transaction?: Transaction;
  line?: QueuedLine;
  timer?: Timer;
}

interface Transaction {
  readonly recovery: Recovery;
  /** Frees the terminal for the next transaction. */
  readonly release: () => void;
  /** The application may have it. */
  isHandedOver: boolean;
  /** Runs when nobody waits at the wire or the application is gone. */
  limit?: Timer;
}

/**
 * One connection between a peer and its applications: open → draining (the peer has ended its output, or the bridge
 * is to stop) → gone (the peer is not there; transactions are still awaited) → ended.
 *
 * Keeps the promises about requests: each is answered once; a transaction that may have reached the application is never
 * answered by invention.
 */
export class Session implements ConnectionEvents, AttachmentUser {
  readonly connection: string;
  readonly #options: SessionOptions;
  readonly #peer: PeerConnection;
  readonly #router: Router;
  readonly #attachments: ReadonlySet<Attachment>;
  readonly #open = new Map<string, OpenRequest>();
  /** Questions about lost outcomes, by the id of their line. */
  readonly #questions = new Map<string, { request: OpenRequest; question: number }>();
  #state: 'open' | 'draining' | 'gone' | 'ended' = 'open';
  #isStopping = false;
  #reason: CloseReason | undefined;
  #drain: Timer | undefined;
  #outcome: 'clean' | 'unknown' = 'clean';
  /** Refusals whose words are still being looked up. */
  #refusing = 0;

  constructor(peer: PeerConnection, options: SessionOptions) {
    this.connection = options.name;
    this.#options = options;
    this.#peer = peer;
    this.#router = new Router(options.channels, options.routes, options.dialect.routes);
    this.#attachments = new Set(options.channels.values());
  }

  /** Attaches the channels; apart from the constructor because attachments call back. */
  start(): void {
    for (const attachment of this.#attachments) attachment.attach(this);
  }

  // The peer.

  request(request: InboundRequest): void {
    const identity = this.#isRecovery(request.method) ? this.#identityOf(request) : undefined;
    if (this.#isStopping) {
      this.#refuse(request, 'CHANNEL_UNAVAILABLE', 'the bridge is being stopped', identity);
    } else if (request.depth > MAX_DEPTH) {
      this.#refuse(request, 'JSONRPC_INVALID_PARAMS', `nested deeper than ${MAX_DEPTH}`, identity);
    } else if (this.#open.size + this.#refusing >= MAX_PENDING) {
      this.#refuse(request, 'BUSY', `${MAX_PENDING} requests are open already`, identity);
    } else {
      const attachment = this.#router.attachmentFor(request.method);
      if (attachment === undefined) {
        const why = 'no application is attached for this method';
        this.#refuse(request, 'JSONRPC_METHOD_NOT_FOUND', why, identity);
      } else if (this.#options.dialect.transactions.methods.includes(request.method)) {
        this.#startTransaction(request, attachment);
      } else this.#send(this.#remember(request, { attachment, identity }), request);
    }
  }

  notification(notification: InboundNotification): void {
    const attachment = this.#router.attachmentFor(notification.method);
    if (attachment === undefined || notification.depth > MAX_DEPTH) {
      this.#options.statistics.count('refused notifications');
      this.#options.log.info('a notification has no way', { method: notification.method });
      return;
    }
    const bytes = requestLine({ connection: this.connection }, notification.methodText, notification.params);
    this.#trace('line out', attachment, bytes);
    attachment.send(this, { bytes, kind: 'notification' });
  }

  inputEnded(reason: CloseReason): void {
    this.#reason ??= reason;
    this.#beginDrain(DRAIN_MS, () => this.#giveUpWaiting('TIMEOUT', 'the peer has ended its output'));
    for (const request of this.#open.values()) this.#limitTransaction(request);
  }

  closed(reason: CloseReason): void {
    this.#reason ??= reason;
    this.#drain?.cancel();
    this.#state = 'gone';
    for (const request of [...this.#open.values()]) {
      if (request.transaction?.isHandedOver) this.#limitTransaction(request);
      else {
        request.line?.withdraw();
        this.#forget(request);
        this.#countOutcome(request.method, 'dropped');
      }
    }
    this.#options.log.info('disconnected', {
      reason: reason.code,
      details: reason.text,
      by: reason.by,
      awaited: this.#open.size,
    });
    const line = this.#disconnectedLine(reason);
    for (const attachment of this.#attachments) {
      if (attachment.canWrite) attachment.send(this, { bytes: line, kind: 'lifecycle' });
      attachment.hold(this, false);
    }
    this.#endIfDone();
  }

  // The bridge.

  /** Refuses new work, gives what is open a moment, then says goodbye. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#reason ??= { code: 'CONNECTION_CLOSED', text: 'the bridge is being stopped', by: 'us' };
    const give = () => {
      this.#giveUpWaiting('CHANNEL_UNAVAILABLE', 'the bridge is being stopped');
      for (const request of [...this.#open.values()])
        this.#giveUpTransaction(request, 'the bridge is being stopped');
    };
    if (this.#state === 'gone') this.#drain = this.#options.clock.after(STOP_MS, give);
    else this.#beginDrain(STOP_MS, give);
  }

  /** The peer does not take its output for the moment: applications are read no further. */
  congested(isCongested: boolean): void {
    for (const attachment of this.#attachments) attachment.hold(this, isCongested);
  }

  /** Open requests of the peer, for statistics. */
  get openRequests(): number {
    return this.#open.size;
  }

  /** Bytes that wait for its applications, for statistics. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const attachment of this.#attachments) bytes += attachment.queuedBytes;
    return bytes;
  }

  // The applications.

  greeting(): Buffer[] {
    const { name, dialect, peerText, version, channels, clock } = this.#options;
    const connected = bridgeLine(name, '_Connected', {
      connection: name,
      dialect: dialect.name,
      peer: peerText,
      channels: Object.fromEntries(
        CHANNEL_NAMES.flatMap((channel) => {
          const attachment = channels.get(channel);
          return attachment === undefined ? [] : [[channel, attachment.text]];
        }),
      ),
      version,
      time: new Date(clock.wallMs()).toISOString(),
    });
    if (this.#state !== 'gone' || this.#reason === undefined) return [connected];
    return [connected, this.#disconnectedLine(this.#reason)];
  }

  applicationThere(attachment: Attachment): void {
    for (const { attachment: own, transaction } of this.#open.values()) {
      if (own === attachment) transaction?.recovery.applicationBack();
    }
  }

  applicationSays(message: Message, from: Attachment): void {
    if (message.kind === 'request' || message.kind === 'notification') this.#toPeer(message, from);
    else this.#answered(message, from);
  }

  applicationGone(attachment: Attachment): void {
    for (const request of [...this.#open.values()]) {
      if (request.attachment !== attachment) continue;
      if (request.transaction?.isHandedOver) this.#recover(request);
      else if (request.transaction === undefined) {
        // A line that was not handed over is refused by the attachment itself, under the same code.
        this.#settleRefused(request, 'CHANNEL_CLOSED', `the application at ${attachment.text} went away`);
      }
    }
  }

  // Requests of the peer.

  #startTransaction(request: InboundRequest, attachment: Attachment): void {
    const { lock, pid, clock } = this.#options;
    const identity = identify(request.params, this.#options.identity);
    if (identity === 'ambiguous') {
      this.#refuse(request, 'JSONRPC_INVALID_PARAMS', 'a member of params comes twice');
      return;
    }
    const since = new Date(clock.wallMs()).toISOString();
    const attempt = lock.tryAcquire({ connection: this.connection, pid, since });
    if (!attempt.acquired) {
      this.#refuseBusy(request, attempt.holder());
      return;
    }
    const transaction: Transaction = {
      release: attempt.release,
      isHandedOver: false,
      recovery: new Recovery({
        clock,
        ask: (question) => this.#ask(open, question),
        found: (kind, text) => this.#settle(open, kind, text),
      }),
    };
    const open = this.#remember(request, { attachment, identity, transaction });
    this.#send(open, request);
  }

  #refuseBusy({ method, answer }: InboundRequest, holder: Promise<LockHolder | undefined>): void {
    this.#refusing += 1;
    void holder.then((who) => {
      this.#refusing -= 1;
      const details =
        who === undefined
          ? 'another transaction is running'
          : `a transaction of ${who.connection} (process ${who.pid}) is running since ${who.since}`;
      this.#refuse({ method, answer }, 'BUSY', details);
      this.#endIfDone();
    });
  }

  #remember(
    { id, method, fits, answer }: InboundRequest,
    more: Pick<OpenRequest, 'attachment' | 'identity' | 'transaction'>,
  ): OpenRequest {
    const open: OpenRequest = { id, method, fits, answer, ...more };
    this.#open.set(id, open);
    open.timer = this.#options.clock.after(this.#options.timeoutMs(method), () => this.#timedOut(open));
    return open;
  }

  #send(open: OpenRequest, { idText, methodText, params }: InboundRequest): void {
    const bytes = requestLine({ connection: this.connection, idText }, methodText, params);
    this.#trace('line out', open.attachment, bytes);
    open.line = open.attachment.send(this, {
      bytes,
      kind: 'request',
      handedOver: () => this.#handedOver(open),
      refused: (why) => this.#refused(open, why),
    });
  }

  #handedOver({ transaction, timer }: OpenRequest): void {
    if (transaction === undefined) return;
    transaction.isHandedOver = true;
    timer?.cancel();
  }

  #refused(open: OpenRequest, why: Refusal): void {
    const where = open.attachment.text;
    const details = {
      BUSY: `too much is waiting for the application at ${where}`,
      CHANNEL_UNAVAILABLE: `no application is there at ${where}`,
      CHANNEL_CLOSED: `the application at ${where} went away`,
    };
    this.#settleRefused(open, why, details[why]);
  }

  #timedOut(open: OpenRequest): void {
    const wasWaiting = open.line?.withdraw() === true;
    this.#settleRefused(
      open,
      'TIMEOUT',
      wasWaiting ? 'the application does not read' : 'the application does not answer',
    );
  }

  /** Ends an open request that its application will not answer. Never for a transaction that was handed over. */
  #settleRefused(open: OpenRequest, code: string, details: string): void {
    if (this.#open.get(open.id) !== open) return;
    this.#forget(open);
    this.#refuse(open, code, details, open.identity);
    this.#endIfDone();
  }

  /** An answer from the application, or an outcome that was found. */
  #settle(open: OpenRequest, kind: 'result' | 'error', text: Buffer): void {
    this.#forget(open); // frees the terminal before the peer can ask for the next transaction
    if (open.answer(kind, text) === 'closed') {
      this.#options.log.info('an answer came when the peer was gone', { method: open.method, kind });
    }
    this.#countOutcome(open.method, kind);
    this.#endIfDone();
  }

  #forget(open: OpenRequest): void {
    this.#open.delete(open.id);
    open.timer?.cancel();
    if (open.transaction === undefined) return;
    open.transaction.limit?.cancel();
    open.transaction.recovery.stop();
    open.transaction.release();
    for (const [id, { request }] of this.#questions) if (request === open) this.#questions.delete(id);
  }

  /**
   * An answer by the bridge itself. A register takes an error of the recovery method for the transaction's outcome,
   * so there the only words are TRANSACTION_ACTIVE and OUTCOME_UNKNOWN.
   */
  #refuse(
    { method, answer }: Pick<InboundRequest, 'method' | 'answer'>,
    code: string,
    details: string,
    identity?: Identity,
  ): void {
    this.#countOutcome(method, code);
    if (this.#isRecovery(method)) {
      const said = this.#isRunning(identity) ? 'TRANSACTION_ACTIVE' : 'OUTCOME_UNKNOWN';
      answer('error', errorText(said, `${code}: ${details}`));
    } else answer('error', errorText(code, details));
  }

  #countOutcome(method: string, outcome: string): void {
    this.#options.statistics.count(`${method.slice(0, 64)}: ${outcome}`);
  }

  #isRecovery(method: string): boolean {
    return method === this.#options.dialect.transactions.recovery;
  }

  #identityOf(request: InboundRequest): Identity | undefined {
    const identity = identify(request.params, this.#options.identity);
    return identity === 'ambiguous' ? undefined : identity;
  }

  #isRunning(identity: Identity | undefined): boolean {
    if (identity === undefined) return false;
    for (const open of this.#open.values()) {
      if (open.transaction !== undefined && open.identity?.key === identity.key) return true;
    }
    return false;
  }

  // Transactions whose outcome is not known.

  #recover(open: OpenRequest): void {
    const { transaction, attachment } = open;
    if (transaction === undefined || transaction.recovery.isAsking) return;
    this.#options.log.warn('the application went away during a transaction', {
      method: open.method,
      endpoint: attachment.text,
    });
    if (open.identity === undefined) {
      this.#giveUpTransaction(open, 'the application went away and the request has no identifiers');
    } else if (
      attachment.isGone &&
      ![...this.#attachments].some(({ canRead, isGone }) => canRead && !isGone)
    ) {
      this.#giveUpTransaction(open, 'the application went away and cannot come back');
    } else {
      this.#limitTransaction(open);
      transaction.recovery.start();
    }
  }

  #ask(open: OpenRequest, question: number): void {
    const { identity, attachment } = open;
    if (identity === undefined) return;
    const id = `check-${this.#options.randomId()}`;
    this.#questions.set(id, { request: open, question });
    const methodText = JSON.stringify(this.#options.dialect.transactions.recovery);
    const bytes = requestLine(
      { connection: this.connection, idText: JSON.stringify(id) },
      methodText,
      identity.params,
    );
    this.#trace('line out', attachment, bytes);
    attachment.send(this, {
      bytes,
      kind: 'request',
      refused: () => {
        this.#questions.delete(id);
        open.transaction?.recovery.refused();
      },
    });
  }

  #limitTransaction(open: OpenRequest): void {
    const { transaction } = open;
    if (transaction === undefined || transaction.limit !== undefined) return;
    transaction.limit = this.#options.clock.after(this.#options.outcomeWaitMs, () =>
      this.#giveUpTransaction(open, 'no outcome could be found in time'),
    );
  }

  /** Never an answer: the register must ask. */
  #giveUpTransaction(open: OpenRequest, why: string): void {
    if (this.#open.get(open.id) !== open) return;
    if (open.transaction === undefined || !open.transaction.isHandedOver) {
      open.line?.withdraw();
      this.#settleRefused(open, 'CHANNEL_UNAVAILABLE', why);
      return;
    }
    this.#outcome = 'unknown';
    this.#options.log.error('the outcome of a transaction is unknown', {
      method: open.method,
      identity: open.identity?.key,
      why,
    });
    this.#forget(open);
    this.#countOutcome(open.method, 'OUTCOME_UNKNOWN');
    if (this.#state === 'gone') this.#endIfDone();
    else this.#peer.close({ code: 'OUTCOME_UNKNOWN', text: why, by: 'us' });
  }

  /** Ends all that may be ended: what is no transaction, or was not handed over. */
  #giveUpWaiting(code: string, why: string): void {
    for (const open of [...this.#open.values()]) {
      if (open.transaction?.isHandedOver) continue;
      open.line?.withdraw();
      this.#settleRefused(open, code, why);
    }
  }

  // Answers and requests of applications.

  #answered(message: Extract<Message, { kind: 'result' | 'error' }>, from: Attachment): void {
    const { kind, id, text } = message;
    const question = this.#questions.get(id);
    const open = question?.request ?? this.#open.get(id);
    if (open === undefined) {
      this.#options.statistics.count('late answers');
      this.#options.log.info('an answer to nothing that is open', { id, from: from.text });
      return;
    }
    if (message.depth > MAX_DEPTH) {
      this.#complain(from, undefined, 'JSONRPC_INVALID_PARAMS', `nested deeper than ${MAX_DEPTH}`, id);
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
    } else if (this.#state !== 'gone' && !open.fits(kind, full)) {
      const why = 'the answer does not fit a frame';
      this.#complain(from, undefined, 'RESPONSE_TOO_LARGE', why, id);
      if (open.transaction === undefined) this.#settleRefused(open, 'RESPONSE_TOO_LARGE', why);
    } else if (question !== undefined) {
      this.#questions.delete(id);
      open.transaction?.recovery.answered(question.question, kind, full);
    } else this.#settle(open, kind, full);
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
      this.#complain(from, idText, 'JSONRPC_INVALID_PARAMS', `nested deeper than ${MAX_DEPTH}`);
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
  #returnTo(from: Attachment, idText: string) {
    const { epoch } = from;
    return ({ kind, text, depth }: { kind: 'result' | 'error'; text: Buffer; depth: number }): void => {
      if (from.epoch !== epoch) return;
      const to = from.canWrite ? from : this.#router.writable('payment');
      if (to === undefined) return;
      const bytes =
        depth > MAX_DEPTH
          ? complaintLine(
              this.connection,
              idText,
              'JSONRPC_INVALID_PARAMS',
              `the answer is nested deeper than ${MAX_DEPTH}`,
            )
          : answerLine({ connection: this.connection, idText }, kind, text);
      this.#trace('line out', to, bytes);
      to.send(this, { bytes, kind: 'answer' });
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
    const bytes = complaintLine(this.connection, idText, code, details, about);
    to?.send(this, { bytes, kind: 'answer' });
  }

  // Ends.

  #beginDrain(limitMs: number, give: () => void): void {
    if (this.#state === 'gone' || this.#state === 'ended') return;
    this.#state = 'draining';
    this.#drain?.cancel();
    this.#drain = this.#options.clock.after(limitMs, give);
    this.#endIfDone();
  }

  /** Nothing is open any more: say goodbye if the time for it has come, and leave when the peer is gone. */
  #endIfDone(): void {
    if (this.#open.size + this.#refusing > 0) return;
    if (this.#state === 'draining' && this.#reason !== undefined) this.#peer.close(this.#reason);
    else if (this.#state === 'gone') {
      this.#state = 'ended';
      this.#drain?.cancel();
      for (const attachment of this.#attachments) attachment.detach(this);
      this.#options.ended(this.#outcome);
    }
  }

  #disconnectedLine(reason: CloseReason): Buffer {
    return bridgeLine(this.connection, '_Disconnected', {
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
