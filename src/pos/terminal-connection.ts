import type { Clock } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { deferred } from '../base/deferred.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type {
  ConnectionEvents,
  ConversationHost,
  InboundNotification,
  InboundRequest,
  PeerConnection,
} from '../dialect/dialect.ts';
import { JsonposConversation, type JsonposOptions, LINE_ECHOES } from '../dialect/jsonpos/conversation.ts';
import { transactions } from '../dialect/jsonpos/routes.ts';
import { SyncAsker } from '../dialect/jsonpos/sync-asker.ts';
import { createIds } from '../rpc/ids.ts';
import { Speaker } from '../wire/speaker.ts';
import type { Wire } from '../wire/wire.ts';
import { type Answer, keepAnswer } from './answer.ts';
import { sharedController } from './wait.ts';

export interface TerminalConnectionOptions extends Pick<JsonposOptions, 'maxFrameBytes' | 'keepalive'> {
  /** `_Sync` comes before everything else; not on wires that keep message borders. */
  readonly sync: boolean;
  readonly discardMs: number;
  readonly linkSpeed: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly randomId: () => string;
}

export interface TerminalConnectionEvents {
  /** It can be spoken on. */
  ready(): void;
  /** The terminal has sent something. */
  heard(): void;
  request(request: InboundRequest): void;
  notification(notification: InboundNotification): void;
  /** It can be spoken on no more, and everything that was asked is settled. Once. */
  ended(reason: CloseReason): void;
  /** The wire is gone. Once, after `ended`. */
  closed(): void;
}

/** Why a request was not sent. */
export type Unsent = 'too-large' | 'full' | 'closed';

/**
 * One wire to the terminal, from the register's side:
 *
 *   synchronising (`_Sync` only) ──▶ speaking ──▶ finishing (goodbye, end of output, read and discard) ──▶ closed
 *
 * Any state goes to finishing when there is a reason, and to closed when the wire is lost. When we finish while a sale is
 * unanswered, output is not ended after the goodbye: a wire that can is reset, so that what the terminal has not been given yet
 * is not given to it later.
 */
export class TerminalConnection implements ConversationHost, ConnectionEvents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly #options: TerminalConnectionOptions;
  readonly #events: TerminalConnectionEvents;
  readonly #wire: Wire;
  readonly #speaker: Speaker;
  /** In every id of this connection, `_Sync` included, so that each can be told when it comes back. */
  readonly #random: string;
  readonly #ended = deferred<CloseReason>();
  readonly #over = sharedController();
  #conversation: JsonposConversation | undefined;
  #peer: PeerConnection | undefined;
  #asker: SyncAsker | undefined;
  #state: 'synchronising' | 'speaking' | 'finishing' | 'closed' = 'synchronising';
  #reason: CloseReason | undefined;
  #written: () => void = () => {};
  /** Sales that were sent and that the terminal has not answered. */
  #unansweredSales = 0;

  /** Takes the wire over and starts it. Nothing is reported from inside. */
  constructor(wire: Wire, options: TerminalConnectionOptions, events: TerminalConnectionEvents) {
    this.clock = options.clock;
    this.log = options.log;
    this.statistics = options.statistics;
    this.#options = options;
    this.#events = events;
    this.#wire = wire;
    this.#random = options.randomId();
    const { clock, linkSpeed } = options;
    this.#speaker = new Speaker(
      wire,
      {
        clock,
        peer: 'the terminal',
        resetsStalled: true,
        onWritten: () => this.#written(),
        ...(linkSpeed !== undefined && { linkSpeed }),
      },
      {
        chunk: (bytes) => this.#receive(bytes),
        inputEnded: () => this.#endOfInput(),
        congested: (isCongested) => this.#conversation?.congested(isCongested),
        lost: (reason, wasFinishing) => this.#lost(reason, wasFinishing),
        closed: () => {
          this.#state = 'closed';
          this.#events.closed();
        },
      },
    );
    this.#speaker.start();
  }

  /** Begins: by `_Sync` where the stream needs it, else at once. Call once. */
  begin(): void {
    if (this.#state !== 'synchronising') return;
    if (!this.#options.sync || this.#wire.framing === 'messages') {
      this.#speak();
      return;
    }
    const { clock, discardMs } = this.#options;
    this.#asker = new SyncAsker({
      clock,
      nextId: createIds('pos-sync', this.#random),
      send: (bytes) => this.#speaker.send(bytes, 'normal'),
      discardMs,
      settled: (outcome) => {
        this.#asker = undefined;
        if (outcome === 'synchronised') {
          this.#events.heard();
          this.#speak();
        } else if (outcome === 'failed') {
          this.#finish({ code: 'SYNC_FAILED', text: 'no answer to _Sync in time', by: 'us' });
        } else this.#finish({ code: LINE_ECHOES, text: 'the line echoes what is sent', by: 'us' });
      },
    });
  }

  get isSpeaking(): boolean {
    return this.#state === 'speaking';
  }

  /** Resolves when it can be spoken on no more. */
  get ended(): Promise<CloseReason> {
    return this.#ended.promise;
  }

  /** Aborts then: for who waits again and again. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Bytes that the wire has not taken yet. */
  get queuedBytes(): number {
    return this.#speaker.queuedBytes;
  }

  /** From now on output is paced to a line of so many bytes a second. */
  pace(linkSpeed: number): void {
    this.#speaker.pace(linkSpeed);
  }

  /** Who is told whenever the wire has taken something. */
  onWritten(written: () => void): void {
    this.#written = written;
  }

  /** Asks the terminal. The promise always resolves: with what was answered, or with a loss. */
  ask(method: string, params: string): Promise<Answer> | Unsent {
    if (this.#peer === undefined || this.#state !== 'speaking') return 'closed';
    const answer = deferred<Answer>();
    const isSale = transactions.methods.includes(method);
    const outcome = this.#peer.request(JSON.stringify(method), Buffer.from(params), (given) => {
      if (isSale && given.lost === undefined) this.#unansweredSales -= 1;
      answer.resolve(keepAnswer(given));
    });
    if (isSale && outcome === 'sent') this.#unansweredSales += 1;
    return outcome === 'sent' ? answer.promise : outcome;
  }

  /** Tells the terminal. */
  tell(method: string, params: string): 'sent' | Unsent {
    if (this.#peer === undefined || this.#state !== 'speaking') return 'closed';
    return this.#peer.notify(JSON.stringify(method), Buffer.from(params));
  }

  /** Says goodbye and ends. Safe to repeat. */
  close(reason: CloseReason): void {
    if (this.#peer !== undefined) this.#peer.close(reason);
    else this.#finish(reason);
  }

  // What the conversation may use.

  randomId(): string {
    return this.#random;
  }

  send(frame: Uint8Array, urgency: 'urgent' | 'normal'): void {
    this.#speaker.send(frame, urgency);
  }

  discardOutput(): void {
    this.#speaker.discardOutput();
  }

  opened(peer: PeerConnection): ConnectionEvents {
    this.#peer = peer;
    return this;
  }

  finished(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    this.#finish(reason, how === 'lost');
  }

  // What the conversation reports.

  request(request: InboundRequest): void {
    this.#events.request(request);
  }

  notification(notification: InboundNotification): void {
    this.#events.notification(notification);
  }

  /** A terminal that sends nothing more is of no use: what it has asked is dropped. */
  inputEnded(reason: CloseReason): void {
    this.#peer?.close(reason);
  }

  closed(reason: CloseReason): void {
    this.#end(reason);
  }

  // Inside.

  #speak(): void {
    if (this.#state !== 'synchronising') return;
    this.#state = 'speaking';
    const { maxFrameBytes, keepalive } = this.#options;
    this.#conversation = new JsonposConversation(this, this.#wire.framing, {
      maxFrameBytes,
      keepalive,
      idPrefix: 'pos',
      pingAtOnce: true,
    });
    this.#events.ready();
  }

  #receive(bytes: Buffer): void {
    if (this.#asker !== undefined) {
      const rest = this.#asker.receive(bytes);
      if (rest !== undefined && rest.length > 0) this.#conversation?.receive(rest);
    } else {
      this.#events.heard();
      this.#conversation?.receive(bytes);
    }
  }

  #endOfInput(): void {
    if (this.#conversation === undefined) {
      this.#finish({ code: 'CONNECTION_CLOSED', text: 'the terminal has closed', by: 'peer' });
    } else this.#conversation.endOfInput();
  }

  #finish(reason: CloseReason, isSilent = false): void {
    if (this.#state === 'finishing' || this.#state === 'closed') return;
    this.#state = 'finishing';
    this.#asker?.stop();
    this.#end(reason);
    // What a terminal has not received by the end it is not to receive later: a sale could be in it.
    const isOpenSale = this.#unansweredSales > 0 && reason.by === 'us';
    const unheard = isSilent ? 'reset' : 'cut';
    this.#speaker.finish({ limit: 'from now', undelivered: isOpenSale ? 'reset when written' : unheard });
  }

  #lost(reason: CloseReason, wasFinishing: boolean): void {
    if (wasFinishing) return;
    if (this.#conversation === undefined) this.#finish(reason);
    else this.#conversation.lost(reason);
  }

  /** The first reason sticks. */
  #end(reason: CloseReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#events.ended(reason);
    this.#ended.resolve(reason);
    this.#over.abort();
  }
}
