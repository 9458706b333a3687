import type { Timer } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import type { Message } from '../../rpc/message.ts';
import type { ConversationHost, DialectOptions } from '../dialect.ts';
import { JsonposConversation, type Supervisor } from './conversation.ts';
import { JsonposDecoder } from './frame.ts';
import { isGoodbye, isSync, readCloseReason } from './transport.ts';

/** A frame that gets no byte for so long will never be complete: its sender has begun anew. */
const SILENCE_MS = 2000;

/** What an episode tells the stream that it is a part of. */
export interface EpisodeKeeper {
  /** The stream is over, with this conversation. */
  over(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void;
  /** This conversation is over; another one may follow. */
  ended(): void;
  /** After `ended`: the register has begun anew with this `_Sync`. The text is valid only during the call. */
  beganAnew(sync: Buffer): void;
  /** After `ended`, from a timer: bytes that nobody has understood. */
  leftOver(pieces: readonly Buffer[]): void;
}

interface Fault {
  readonly code: string;
  readonly why: string;
  /** What came of the frame. */
  readonly fragment: readonly Buffer[];
}

/**
 * One conversation among several on a stream that is synchronised by `_Sync`: open → over. It ends as soon as the peer's
 * bytes make no sense or the peer begins anew, and tells what it has not understood.
 */
export class Episode implements Supervisor {
  readonly #host: ConversationHost;
  readonly #keeper: EpisodeKeeper;
  readonly #decoder: JsonposDecoder;
  readonly #conversation: JsonposConversation;
  #isOver = false;
  /** The peer has ended it without a word that would need an answer. */
  #isForsaken = false;
  #isCongested: boolean;
  /** How the framing broke. */
  #fault: Fault | undefined;
  /** The text of the frame that is being heard. */
  #text: Buffer | undefined;
  /** The last frame, when what it says broke the protocol. */
  #unheard: readonly Buffer[] = [];
  /** Runs while a frame is not complete; what it waits for may have moved on when it fires. */
  #silence: Timer | undefined;
  #silentAtMs = 0;

  constructor(host: ConversationHost, options: DialectOptions, isCongested: boolean, keeper: EpisodeKeeper) {
    this.#host = host;
    this.#keeper = keeper;
    this.#isCongested = isCongested;
    this.#decoder = new JsonposDecoder({ maxFrameBytes: options.maxFrameBytes });
    this.#conversation = new JsonposConversation(this.#hostOfOne(), 'stream', {
      ...options,
      supervisor: this,
    });
    if (isCongested) this.#conversation.congested(true);
  }

  /** A frame's text that was found elsewhere. */
  hear(text: Buffer): void {
    if (this.#isOver) return;
    this.#text = text;
    this.#conversation.message(text);
    this.#text = undefined;
  }

  /** Answers what is left when this ended it: what it has not understood, and what stands behind. */
  receive(chunk: Buffer): readonly Buffer[] {
    const at = this.#decoder.push(chunk, {
      frame: (text) => this.hear(text),
      rejected: (code, why) => {
        this.#fault = { code, why, fragment: this.#decoder.fragment };
      },
    });
    const rest = chunk.subarray(at);
    if (this.#fault !== undefined) return [...this.#framingBroke(this.#fault, rest), rest];
    if (this.#isOver) return [...this.#unheard, rest];
    if (this.#decoder.isInsideFrame) this.#conversation.progress();
    this.#watch();
    return [];
  }

  endOfInput(): void {
    if (this.#decoder.isInsideFrame) this.#host.log.info('the input ended inside a frame');
    this.#decoder.stop();
    this.#watch();
    this.#conversation.endOfInput();
  }

  congested(isCongested: boolean): void {
    this.#isCongested = isCongested;
    this.#conversation.congested(isCongested);
    this.#watch();
  }

  lost(reason: CloseReason): void {
    this.#conversation.lost(reason);
  }

  // What the conversation reports.

  intercepts(message: Message): boolean {
    if (isGoodbye(message)) {
      const reason = readCloseReason(message);
      this.#host.log.info('the peer says goodbye', { code: reason.code, text: reason.text });
      this.#forsake(reason);
      return true;
    }
    if (!isSync(message) || this.#conversation.isFresh) return false;
    this.#forsake(BEGAN_ANEW);
    if (this.#text !== undefined) this.#keeper.beganAnew(this.#text);
    return true;
  }

  breaking(): void {
    this.#host.discardOutput();
    if (this.#text !== undefined) this.#unheard = [this.#text, NEWLINE];
  }

  /** The bridge, as this one conversation sees it: its end is not that of the stream. */
  #hostOfOne(): ConversationHost {
    const host = this.#host;
    return {
      clock: host.clock,
      log: host.log,
      statistics: host.statistics,
      randomId: () => host.randomId(),
      send: (frame, urgency) => host.send(frame, urgency),
      discardOutput: () => host.discardOutput(),
      opened: (connection) => host.opened(connection),
      finished: (reason, how) => this.#finished(reason, how),
    };
  }

  #finished(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    this.#isOver = true;
    this.#decoder.stop();
    this.#watch();
    if (how === 'broken' || this.#isForsaken) this.#keeper.ended();
    else this.#keeper.over(reason, how);
  }

  // Ends.

  /** Answers the bytes of the frame that broke. */
  #framingBroke({ code, why, fragment }: Fault, rest: Buffer): readonly Buffer[] {
    const isBetweenFrames = fragment.every(({ length }) => length === 0);
    if (isBetweenFrames && rest[0] === NEWLINE[0]) this.#forsake(BEGAN_ANEW);
    else this.#conversation.break(code, why);
    return fragment;
  }

  /** The peer has left this conversation: nothing that is said in it would be heard. */
  #forsake(reason: CloseReason): void {
    if (reason === BEGAN_ANEW) this.#host.log.info('the peer begins anew');
    this.#isForsaken = true;
    this.#host.discardOutput();
    this.#conversation.lost(reason);
  }

  /** Sets or ends the watch over a frame that is not complete; a peer that is not read cannot be late. */
  #watch(): void {
    if (this.#isOver || this.#isCongested || !this.#decoder.isInsideFrame) {
      this.#silence?.cancel();
      this.#silence = undefined;
      return;
    }
    this.#silentAtMs = this.#host.clock.nowMs() + SILENCE_MS;
    this.#silence ??= this.#host.clock.after(SILENCE_MS, () => this.#waited());
  }

  #waited(): void {
    const { clock } = this.#host;
    const silentAtMs = this.#silentAtMs;
    const leftMs = silentAtMs - clock.nowMs();
    if (leftMs > 0) {
      this.#silence = clock.after(leftMs, () => this.#waited());
      return;
    }
    // Where this process was held up, the bytes are there but not read: they are by the next timer.
    this.#silence = clock.after(0, () => {
      if (this.#silentAtMs === silentAtMs) this.#giveUpFrame();
      else this.#waited();
    });
  }

  #giveUpFrame(): void {
    const { fragment } = this.#decoder;
    this.#conversation.break('JSONRPC_PARSE_ERROR', `a frame got no byte for ${SILENCE_MS} ms`);
    this.#keeper.leftOver(fragment);
  }
}

const BEGAN_ANEW: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the peer has begun anew', by: 'peer' };
const NEWLINE = Buffer.from('\n');
