import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { isoTime, type Timer } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { HiddenLiterals } from '../base/mask/literals.ts';
import type { Statistics } from '../base/statistics.ts';
import { bridgeLine, lineStart, notificationLine } from '../channel/application-line.ts';
import type { Attachment, AttachmentUser, Channels } from '../channel/channel.ts';
import type {
  ConnectionEvents,
  Dialect,
  InboundNotification,
  InboundRequest,
  PeerConnection,
} from '../dialect/dialect.ts';
import { isPrepared } from '../dialect/reply.ts';
import { completeError } from '../rpc/error-object.ts';
import type { Message } from '../rpc/message.ts';
import type { OutcomeText as Answer } from '../rpc/outcome.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';
import { Applications } from './applications.ts';
import { MAX_DEPTH, TOO_DEEP } from './depth.ts';
import type { OpenRequest } from './open-request.ts';
import { OpenRequests } from './open-requests.ts';
import { RequestFate, wordsForRefusal } from './request-fate.ts';
import type { Route } from './router.ts';
import { TowardPeer } from './toward-peer.ts';
import { type Connection, Transactions, type TransactionsOptions } from './transactions.ts';

const TOO_LARGE = { code: 'RESPONSE_TOO_LARGE', why: 'the answer does not fit a frame' };
const MALFORMED = { code: 'INTERNAL_ERROR', why: 'the answer is malformed' };
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
 * Takes what either side says to where it belongs; the promises about requests are kept by `OpenRequests` and `Transactions`.
 */
export class Session implements ConnectionEvents, AttachmentUser, Connection {
  readonly lineStart: string;
  readonly #options: SessionOptions;
  readonly #peer: PeerConnection;
  readonly #applications: Applications;
  readonly #towardPeer: TowardPeer;
  readonly #requests: OpenRequests;
  readonly #transactions: Transactions;
  readonly #secrets = new HiddenLiterals();
  /** `leaving`: the peer is gone, and the applications are not told yet. */
  #state: 'open' | 'draining' | 'leaving' | 'gone' | 'ended' = 'open';
  #isStopping = false;
  #reason: CloseReason | undefined;
  /** Runs when the peer has ended its output, until it is gone. */
  #drain: Timer | undefined;
  /** Runs when the bridge is told to stop, whatever the peer does. */
  #stopLimit: Timer | undefined;
  #outcome: 'clean' | 'unknown' = 'clean';
  #ids = 0;

  constructor(peer: PeerConnection, options: SessionOptions) {
    const { dialect, timeoutMs } = options;
    const { recovery } = dialect.transactions;
    // No other bridge, and this one never again, has an id like it: an answer can be taken for no other's.
    const nextId = () => {
      this.#ids += 1;
      return `${options.token}-${this.#ids}`;
    };
    this.lineStart = lineStart(options.name, options.register);
    this.#options = options;
    this.#peer = peer;
    this.#applications = new Applications(this, {
      ...options,
      table: dialect.routes,
      method: recovery ?? '',
      timeoutMs: timeoutMs(recovery ?? ''),
      nextId,
    });
    this.#towardPeer = new TowardPeer({
      ...options,
      peer,
      applications: this.#applications,
      lineStart: this.lineStart,
      calls: dialect.calls ?? {},
    });
    this.#requests = new OpenRequests({
      ...options,
      recovery,
      nextId,
      isPeerGone: () => this.#isPeerGone,
      timedOut: (open) => this.#timedOut(open),
      endedUnknown: (why) => this.#endUnknown(why),
      changed: () => this.#endIfDone(),
    });
    this.#transactions = new Transactions(this, this.#requests, this.#applications, {
      ...options,
      rules: dialect.transactions,
    });
  }

  get name(): string {
    return this.#options.name;
  }

  get connection(): string {
    return this.#options.name;
  }

  get identity(): string | undefined {
    return this.#options.peerIdentity;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Attaches the channels; apart from the constructor because attachments call back. */
  start(): void {
    this.#applications.attach();
  }

  // The peer.

  request(request: InboundRequest): void {
    this.#options.desk?.spoke();
    this.#hideSecrets(request.params);
    const { method } = request;
    const isTransaction = this.#transactions.isTransaction(method);
    const isRecovery = this.#requests.isRecovery(method);
    const identity = isRecovery ? this.#transactions.identityOf(request) : undefined;
    const refuse = (code: string, why: string) => this.#requests.refuse(request, code, why, identity);
    if (request.depth > MAX_DEPTH) {
      refuse('JSONRPC_INVALID_PARAMS', TOO_DEEP);
    } else if (this.#isStopping && !isTransaction && !isRecovery) {
      refuse('CHANNEL_UNAVAILABLE', STOPPING);
    } else if (this.#requests.load >= MAX_PENDING && isTransaction) {
      // It may be a repetition of one that is running, so it is not refused.
      const why = `${MAX_PENDING} requests are open already`;
      this.#options.log.error('a transaction is neither refused nor passed on', { method, why });
      this.#endUnknown(why);
    } else if (this.#requests.load >= MAX_PENDING) {
      refuse('BUSY', `${MAX_PENDING} requests are open already`);
    } else if (!isRecovery || !this.#transactions.check(request, identity)) {
      const attachment = this.#applications.attachmentFor(method);
      if (attachment === undefined) {
        refuse('JSONRPC_METHOD_NOT_FOUND', 'no application is attached for this method');
      } else if (isTransaction) {
        this.#transactions.start(request, attachment);
      } else {
        const open = this.#requests.add(request, { attachment, identity });
        const bytes = this.#applications.lineOf(open, request);
        this.#applications.forward(open, bytes, new RequestFate(this.#requests, open));
      }
    }
  }

  notification(notification: InboundNotification): void {
    this.#options.desk?.spoke();
    const { method } = notification;
    const attachment = this.#applications.attachmentFor(method);
    // Without an id it could not be answered, and so be neither locked nor recorded.
    const isTransaction = this.#transactions.isTransaction(method);
    if (attachment === undefined || notification.depth > MAX_DEPTH || isTransaction) {
      this.#options.statistics.count('refused notifications');
      if (isTransaction) this.#options.log.warn('a transaction without an id is not passed on', { method });
      else this.#options.log.info('a notification has no way', { method });
      return;
    }
    const bytes = notificationLine(this.lineStart, notification.methodText, notification.params);
    this.#applications.send(attachment, { bytes, kind: 'notification' });
  }

  secret(value: string): void {
    this.#secrets.hide(value);
  }

  inputEnded(reason: CloseReason): void {
    this.#reason ??= reason;
    const giveUp = () => this.#giveUpWaiting('TIMEOUT', 'the peer has ended its output');
    this.#drain ??= this.#options.clock.after(DRAIN_MS, giveUp);
    this.#beginDrain();
    for (const open of this.#requests) this.#transactions.limit(open);
  }

  closed(reason: CloseReason): void {
    this.#options.desk?.left();
    this.#reason ??= reason;
    this.#drain?.cancel();
    this.#state = 'leaving'; // it must not end before the applications are told
    this.#applications.questions.peerGone();
    this.#towardPeer.close(this.#reason.text);
    for (const open of this.#requests) {
      if (open.transaction === undefined) this.#requests.drop(open);
      else this.#transactions.abandoned(open);
    }
    this.#options.log.info('disconnected', {
      reason: reason.code,
      details: reason.text,
      by: reason.by,
      awaited: this.#requests.size,
    });
    this.#applications.tell(this.#disconnectedLine(reason));
    this.#applications.hold(false);
    this.#state = 'gone';
    this.#endIfDone();
  }

  get #isPeerGone(): boolean {
    return this.#state !== 'open' && this.#state !== 'draining';
  }

  // The bridge.

  /** Refuses new work, gives what is open a moment, then says goodbye. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#reason ??= { code: 'CONNECTION_CLOSED', text: STOPPING, by: 'us' };
    const giveUp = () => {
      this.#applications.questions.close();
      this.#giveUpWaiting('CHANNEL_UNAVAILABLE', STOPPING);
      for (const open of this.#requests) this.#transactions.giveUp(open, STOPPING);
    };
    this.#stopLimit = this.#options.clock.after(STOP_MS, giveUp);
    this.#beginDrain();
  }

  /** The peer does not take its output for the moment: applications are read no further. */
  congested(isCongested: boolean): void {
    this.#applications.hold(isCongested);
  }

  /** Open requests of the peer, for statistics. */
  get openRequests(): number {
    return this.#requests.size;
  }

  /** Bytes that wait for its applications, for statistics. */
  get queuedBytes(): number {
    return this.#applications.queuedBytes;
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
    if (!this.#isPeerGone || this.#reason === undefined) return [connected];
    return [connected, this.#disconnectedLine(this.#reason)];
  }

  applicationThere(attachment: Attachment): void {
    for (const open of this.#requests) {
      if (open.attachment === attachment) this.#transactions.applicationThere(open);
    }
  }

  applicationGone(attachment: Attachment): void {
    this.#applications.questions.applicationGone(attachment);
    for (const open of this.#requests) {
      if (open.attachment !== attachment) continue;
      if (open.transaction !== undefined) this.#transactions.applicationGone(open);
      // A line that was not handed over is refused by the attachment itself, under the same code.
      else
        this.#requests.settleRefused(
          open,
          'CHANNEL_CLOSED',
          wordsForRefusal('CHANNEL_CLOSED', attachment.text),
        );
    }
  }

  misheard(): void {
    for (const open of this.#requests) this.#transactions.misheard(open);
  }

  applicationSays(message: Message, from: Attachment): void {
    if (message.kind === 'request' || message.kind === 'notification') this.#towardPeer.pass(message, from);
    else this.#answered(message, from);
  }

  #timedOut(open: OpenRequest): void {
    if (open.transaction?.state === 'undecided') {
      this.#transactions.giveUp(open, 'the journal did not answer in time');
      return;
    }
    const wasWaiting = open.line?.withdraw() === true;
    const why = wasWaiting ? 'the application does not read' : 'the application does not answer';
    this.#requests.settleRefused(open, 'TIMEOUT', why);
  }

  /** Ends all that may be ended: what is no transaction, or was not handed over. */
  #giveUpWaiting(code: string, why: string): void {
    for (const open of this.#requests) {
      if (open.transaction !== undefined && open.transaction.state !== 'queued') continue;
      open.line?.withdraw();
      this.#requests.settleRefused(open, code, why);
    }
  }

  /** The register must ask. */
  #endUnknown(why: string): void {
    this.#outcome = 'unknown';
    if (!this.#isPeerGone) this.#peer.close({ code: 'OUTCOME_UNKNOWN', text: why, by: 'us' });
  }

  // Answers and requests of applications.

  #answered(message: Extract<Message, { kind: 'result' | 'error' }>, from: Attachment): void {
    const { id } = message;
    const { questions } = this.#applications;
    const open = this.#requests.get(id);
    const isAwaited =
      open?.transaction === undefined ? open !== undefined : open.transaction.state === 'handed-over';
    if (!isAwaited && !questions.has(id)) {
      this.#options.statistics.count('late answers');
      this.#options.log.info('an answer to nothing that is open', { id, from: from.text });
      this.#transactions.late(id, message);
      from.misheard();
      return;
    }
    const answer = this.#read(message, from);
    if (answer === undefined) {
      if (open === undefined) questions.misheard(id);
      else this.#transactions.misheard(open);
      return;
    }
    if (open === undefined) {
      questions.answered(id, answer);
      return;
    }
    const overruled = open.transaction === undefined && this.#transactions.overruled(open, answer);
    if (overruled) {
      const give = (other: Answer) => {
        if (this.#requests.has(open)) this.#give(open, other, from);
      };
      this.#requests.holdOpen(overruled.then(give));
    } else this.#give(open, answer, from);
  }

  /** The answer in its complete form; undefined, and a word to the application, where it is none. */
  #read(
    { id, kind, text, depth }: Extract<Message, { kind: 'result' | 'error' }>,
    from: Attachment,
  ): Answer | undefined {
    if (depth > MAX_DEPTH) {
      this.#applications.complain(from, 'JSONRPC_INVALID_PARAMS', TOO_DEEP, { about: id });
      return undefined;
    }
    const full = kind === 'error' ? completeError(text) : text;
    if (full !== undefined) return { kind, text: full };
    const why = 'an error needs an integer code and a message';
    this.#applications.complain(from, 'JSONRPC_INVALID_REQUEST', why, { about: id });
    return undefined;
  }

  /** An answer that cannot be put into the peer's form is none: the application is told so. */
  #give(open: OpenRequest, answer: Answer, from: Attachment): void {
    const prepared = this.#requests.prepare(open, answer);
    const { transaction } = open;
    if (isPrepared(prepared)) {
      if (transaction === undefined) this.#requests.finish(open, answer, prepared);
      else this.#transactions.settle(open, answer, prepared);
      return;
    }
    const { code, why } = prepared === 'too-large' ? TOO_LARGE : prepared;
    this.#applications.complain(from, code, why, { about: open.id });
    const said = prepared === 'too-large' ? TOO_LARGE : MALFORMED;
    if (transaction === undefined) this.#requests.settleRefused(open, said.code, said.why);
    else if (transaction.recovery !== undefined) this.#transactions.misheard(open);
    else this.#requests.endUnsettled(open, said.code, said.why);
  }

  // Ends.

  #beginDrain(): void {
    if (this.#isPeerGone) return;
    this.#state = 'draining';
    this.#endIfDone();
  }

  /** Nothing is open any more: say goodbye if the time for it has come, and leave when the peer is gone. */
  #endIfDone(): void {
    if (this.#requests.isBusy) return;
    if (this.#state === 'draining' && this.#reason !== undefined) this.#peer.close(this.#reason);
    else if (this.#state === 'gone') {
      this.#state = 'ended';
      this.#stopLimit?.cancel();
      this.#applications.detach();
      this.#options.ended(this.#outcome);
      this.#secrets.release();
    }
  }

  /** What the dialect says is secret in a request: an application may repeat it in any text. */
  #hideSecrets(params: Buffer): void {
    const names = this.#options.dialect.secrets?.filter((name) => params.includes(name));
    if (names === undefined || names.length === 0) return;
    for (const value of scanObject(params, names).values) {
      if (value !== undefined && kindOf(value) === 'string') this.secret(decodeString(value.toString()));
    }
  }

  #disconnectedLine(reason: CloseReason): Buffer {
    return bridgeLine(this.lineStart, '_Disconnected', {
      connection: this.connection,
      reason: reason.code,
      details: reason.text,
      pending: this.#requests.ids,
    });
  }
}
