import type { Clock } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { deferred } from '../base/deferred.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import { BesideLine } from '../bridge/beside-line.ts';
import type { AskedTerminal, AskingDialect, AskingOptions } from '../dialect/asking.ts';
import type {
  Beside,
  BesideEvents,
  ConnectionEvents,
  Conversation,
  ConversationHost,
  InboundNotification,
  InboundRequest,
  PeerAnswer,
} from '../dialect/dialect.ts';
import { Speaker } from '../wire/speaker.ts';
import type { Wire } from '../wire/wire.ts';
import { type Answer, keepAnswer } from './answer.ts';
import { sharedController } from './wait.ts';

export interface TerminalConnectionOptions extends AskingOptions {
  readonly dialect: AskingDialect;
  readonly linkSpeed: number | undefined;
  /** Opens another port of the same terminal; undefined: it has none. */
  readonly openBeside?: ((port: number | 'next', signal: AbortSignal) => Promise<Wire>) | undefined;
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
 * One wire to the terminal, from the register's side, whatever the dialect:
 *
 *   opening (the dialect's own handshake) ──▶ speaking ──▶ finishing (goodbye, end of output, read and discard) ──▶
 *   closed
 *
 * Any state goes to finishing when there is a reason, and to closed when the wire is lost. When we finish while a sale
 * is unanswered, output is not ended after the goodbye: a wire that can is reset, so that what the terminal has not
 * been given yet is not given to it later.
 */
export class TerminalConnection implements ConversationHost, ConnectionEvents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly #options: TerminalConnectionOptions;
  readonly #events: TerminalConnectionEvents;
  readonly #wire: Wire;
  readonly #speaker: Speaker;
  readonly #ended = deferred<CloseReason>();
  readonly #over = sharedController();
  #conversation: Conversation | undefined;
  #terminal: AskedTerminal | undefined;
  #state: 'opening' | 'speaking' | 'finishing' | 'closed' = 'opening';
  #isAnnounced = false;
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

  /** Begins to speak. Call once. */
  begin(): void {
    if (this.#state !== 'opening') return;
    const { dialect } = this.#options;
    this.#conversation = dialect.ask(this, this.#wire.framing, this.#options);
    this.#announce();
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
    const isSale = this.#options.dialect.transactions.methods.includes(method);
    const asked = this.#ask((terminal, settle) =>
      terminal.request(JSON.stringify(method), Buffer.from(params), (given) => {
        if (isSale && given.lost === undefined) this.#unansweredSales -= 1;
        settle(given);
      }),
    );
    if (isSale && typeof asked !== 'string') this.#unansweredSales += 1;
    return asked;
  }

  /**
   * Asks for a sign of life; `none`: the dialect has no question for that. The promise always resolves, as that of
   * `ask`.
   */
  probe(): Promise<Answer> | Unsent | 'none' {
    if (this.#terminal !== undefined && this.#terminal.probe === undefined) return 'none';
    return this.#ask((terminal, settle) => terminal.probe?.(settle) ?? 'closed');
  }

  #ask(
    send: (terminal: AskedTerminal, settle: (given: PeerAnswer) => void) => 'sent' | Unsent,
  ): Promise<Answer> | Unsent {
    if (this.#terminal === undefined || this.#state !== 'speaking') return 'closed';
    const answer = deferred<Answer>();
    const outcome = send(this.#terminal, (given) => answer.resolve(keepAnswer(given)));
    return outcome === 'sent' ? answer.promise : outcome;
  }

  /** Tells the terminal. `no words`: its protocol cannot say this. */
  tell(method: string, params: string): 'sent' | Unsent | 'no words' {
    if (this.#terminal === undefined || this.#state !== 'speaking') return 'closed';
    const outcome = this.#terminal.notify(JSON.stringify(method), Buffer.from(params));
    return typeof outcome === 'object' ? 'no words' : outcome;
  }

  /** Says goodbye and ends. Safe to repeat. */
  close(reason: CloseReason): void {
    if (this.#terminal !== undefined) this.#terminal.close(reason);
    else this.#finish(reason);
  }

  // What the conversation may use.

  randomId(): string {
    return this.#options.randomId();
  }

  send(frame: Uint8Array, urgency: 'urgent' | 'normal'): void {
    this.#speaker.send(frame, urgency);
  }

  discardOutput(): void {
    this.#speaker.discardOutput();
  }

  beside(port: number | 'next', events: BesideEvents): Beside | undefined {
    const { openBeside, clock } = this.#options;
    if (openBeside === undefined) return undefined;
    return new BesideLine((signal) => openBeside(port, signal), clock, events);
  }

  opened(terminal: AskedTerminal): ConnectionEvents {
    this.#terminal = terminal;
    if (this.#state === 'opening') this.#state = 'speaking';
    // The conversation is in the middle of opening it: whoever waits must not speak before that is done.
    queueMicrotask(() => this.#announce());
    return this;
  }

  accepted(): void {
    this.#events.heard();
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
    this.#terminal?.close(reason);
  }

  closed(reason: CloseReason): void {
    this.#end(reason);
  }

  // Inside.

  #announce(): void {
    if (this.#terminal === undefined || this.#isAnnounced || this.#state === 'opening') return;
    this.#isAnnounced = true;
    this.#events.ready();
  }

  #receive(bytes: Buffer): void {
    if (this.#terminal !== undefined) this.#events.heard();
    this.#conversation?.receive(bytes);
  }

  #endOfInput(): void {
    this.#conversation?.endOfInput();
  }

  #finish(reason: CloseReason, isSilent = false): void {
    if (this.#state === 'finishing' || this.#state === 'closed') return;
    this.#state = 'finishing';
    this.#end(reason);
    if (this.#terminal === undefined) this.#conversation?.lost(reason);
    // What a terminal has not received by the end it is not to receive later: a sale could be in it.
    const isOpenSale = this.#unansweredSales > 0 && reason.by === 'us';
    const unheard = isSilent ? 'reset' : 'cut';
    this.#speaker.finish({ limit: 'from now', undelivered: isOpenSale ? 'reset when written' : unheard });
  }

  #lost(reason: CloseReason, wasFinishing: boolean): void {
    if (wasFinishing) return;
    this.#conversation?.lost(reason);
    this.#finish(reason);
  }

  /** The first reason sticks. */
  #end(reason: CloseReason): void {
    if (this.#reason !== undefined) return;
    this.#announce();
    this.#reason = reason;
    this.#events.ended(reason);
    this.#ended.resolve(reason);
    this.#over.abort();
  }
}
