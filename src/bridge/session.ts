import type { ChannelName } from '../base/channel-name.ts';
import type { CloseReason } from '../base/close-reason.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { ConnectionStatus } from '../base/status.ts';
import { lineStart, notificationLine } from '../channel/application-line.ts';
import type { Attachment, AttachmentUser } from '../channel/channel.ts';
import type {
  ConnectionEvents,
  Dialect,
  InboundNotification,
  InboundRequest,
  PeerConnection,
} from '../dialect/dialect.ts';
import type { Message } from '../rpc/message.ts';
import { Answers } from './answers.ts';
import { Applications } from './applications.ts';
import { connectionStatus } from './connection-status.ts';
import { MAX_DEPTH, TOO_DEEP } from './depth.ts';
import { connectedLine, disconnectedLine, type Introduced } from './introduction.ts';
import { LastCall, type LastCallOptions } from './last-call.ts';
import type { OpenRequest } from './open-request.ts';
import { OpenRequests } from './open-requests.ts';
import { PeerSecrets } from './peer-secrets.ts';
import { RequestFate, wordsForRefusal } from './request-fate.ts';
import type { Route } from './router.ts';
import { CONNECTED_AGAIN, STOPPING } from './stopping.ts';
import { TowardPeer } from './toward-peer.ts';
import { type Connection, Transactions, type TransactionsOptions } from './transactions.ts';

/** Requests of the peer that may be open at one time. */
const MAX_PENDING = 4096;

export interface SessionOptions
  extends Omit<TransactionsOptions, 'rules'>,
    Pick<LastCallOptions, 'drainMs'>,
    Omit<Introduced, 'lineStart' | 'dialect'> {
  /** Random, and a part of every id toward applications. */
  readonly token: string;
  readonly dialect: Dialect;
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
 * Takes what either side says to where it belongs; the promises about requests are kept by `OpenRequests` and
 * `Transactions`.
 */
export class Session implements ConnectionEvents, AttachmentUser, Connection {
  readonly name: string;
  readonly connection: string;
  readonly lineStart: string;
  readonly superseded?: () => void;
  readonly #options: SessionOptions;
  readonly #peer: PeerConnection;
  readonly #applications: Applications;
  readonly #towardPeer: TowardPeer;
  readonly #requests: OpenRequests;
  readonly #transactions: Transactions;
  readonly #answers: Answers;
  readonly #lastCall: LastCall;
  readonly #secrets: PeerSecrets;
  /** `leaving`: the peer is gone, and the applications are not told yet. */
  #state: 'open' | 'draining' | 'leaving' | 'gone' | 'ended' = 'open';
  #isStopping = false;
  #reason: CloseReason | undefined;
  #outcome: 'clean' | 'unknown' = 'clean';
  #ids = 0;
  readonly #beganMs: number;

  constructor(peer: PeerConnection, options: SessionOptions) {
    const { dialect, timeoutMs } = options;
    const { recovery } = dialect.transactions;
    // No other bridge, and this one never again, has an id like it: an answer can be taken for no other's.
    const nextId = () => {
      this.#ids += 1;
      return `${options.token}-${this.#ids}`;
    };
    this.name = options.name;
    this.connection = options.name;
    if (peer.yieldsToNewer) this.superseded = () => peer.close(CONNECTED_AGAIN);
    this.lineStart = lineStart(options.name, options.register);
    this.#options = options;
    this.#beganMs = options.clock.nowMs();
    this.#peer = peer;
    this.#secrets = new PeerSecrets(dialect.secrets);
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
      isKnown: (method) => method === recovery || this.#applications.isKnown(method),
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
    const parts = {
      ...options,
      applications: this.#applications,
      requests: this.#requests,
      transactions: this.#transactions,
    };
    this.#answers = new Answers(parts);
    this.#lastCall = new LastCall(parts);
  }

  channelOf(method: string): ChannelName {
    return this.#applications.channelOf(method);
  }

  get identity(): string | undefined {
    return this.#options.peerIdentity;
  }

  get log(): Logger {
    return this.#options.log;
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
    this.#secrets.hideIn(request.params);
    const { method } = request;
    const isTransaction = this.#transactions.reader.isTransaction(method);
    const isRecovery = this.#requests.isRecovery(method);
    const identity = isRecovery ? this.#transactions.reader.askedBy(request) : undefined;
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
      const attachment = this.#applications.attachmentOf(request.channel, method);
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
    const isTransaction = this.#transactions.reader.isTransaction(method);
    if (attachment === undefined || notification.depth > MAX_DEPTH || isTransaction) {
      this.#options.statistics.count('refused notifications');
      if (isTransaction) this.#options.log.warn('a transaction without an id is not passed on', { method });
      else this.#options.log.info('no channel accepts this notification; dropped', { method });
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
    this.#lastCall.inputEnded();
    this.#beginDrain();
    for (const open of this.#requests) this.#transactions.limit(open);
  }

  closed(reason: CloseReason): void {
    this.#options.desk?.left();
    this.#reason ??= reason;
    this.#lastCall.peerGone();
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
    this.#applications.tell(disconnectedLine(this, reason, this.#requests.ids));
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
    this.#lastCall.stop();
    this.#beginDrain();
  }

  /** The peer does not take its output for the moment: applications are read no further. */
  congested(isCongested: boolean): void {
    this.#applications.hold(isCongested);
  }

  /** What it is doing, for people and programs that watch. */
  get status(): ConnectionStatus {
    const { name, dialect, register, peerIdentity, peerText, channels, lock, clock } = this.#options;
    const timeOf = (ms: number) => new Date(clock.wallMs() - (clock.nowMs() - ms)).toISOString();
    return connectionStatus({
      ...{ connection: name, dialect: dialect.name, peer: peerText, register, identity: peerIdentity },
      since: timeOf(this.#beganMs),
      state: this.#isPeerGone ? 'gone' : this.#state === 'open' ? 'open' : 'draining',
      ...{ channels, lock: lock.text, requests: this.#requests, timeOf },
    });
  }

  // The applications.

  greeting(): Buffer[] {
    const { dialect } = this.#options;
    const connected = connectedLine({ ...this.#options, lineStart: this.lineStart, dialect: dialect.name });
    if (!this.#isPeerGone || this.#reason === undefined) return [connected];
    return [connected, disconnectedLine(this, this.#reason, this.#requests.ids)];
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
    else this.#answers.take(message, from);
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

  /** The register must ask. */
  #endUnknown(why: string): void {
    this.#outcome = 'unknown';
    if (!this.#isPeerGone) this.#peer.close({ code: 'OUTCOME_UNKNOWN', text: why, by: 'us' });
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
      this.#lastCall.cancel();
      this.#applications.detach();
      this.#options.ended(this.#outcome);
      this.#secrets.release();
    }
  }
}
