import type { Timer } from '../../base/clock.ts';
import { type CloseReason, LINE_ECHOES } from '../../base/close-reason.ts';
import { type Message, parseMessage } from '../../rpc/message.ts';
import type { ConversationHost, DialectOptions } from '../dialect.ts';
import { JsonposConversation, type Supervisor } from './conversation.ts';
import { FRAMING_BYTES, JsonposDecoder } from './frame.ts';
import type { FrameScanner } from './frame-scanner.ts';
import { isGoodbye, isSync, readCloseReason } from './transport.ts';

/** A frame that gets no byte for so long will never be complete: its sender has begun anew. */
const SILENCE_MS = 2000;

/** What an episode shares with the stream that it is a part of. */
export interface EpisodeKeeper {
  /** Reset, and the episode's own until `ended`. By then it has looked through what came of the frame that broke. */
  readonly scanner: FrameScanner;
  /** The stream is over, with this conversation. */
  over(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void;
  /** This conversation is over; another one may follow. */
  ended(): void;
  /** After `ended`: the register has begun anew with this `_Sync`. The text is valid only during the call. */
  beganAnew(sync: Buffer): void;
}

interface Fault {
  readonly code: string;
  readonly why: string;
  readonly isBetweenFrames: boolean;
}

/**
 * One conversation among several on a stream that is synchronised by `_Sync`: open → over. It ends as soon as the
 * peer's bytes make no sense or the peer begins anew.
 *
 * While a frame arrives a scanner looks at the same bytes, so that none of them is read again when the frame breaks. A
 * whole `_Sync` frame within the length of another one ends it there, because no JSON text holds one: outside a string
 * a header is no JSON; from inside a string on, each quote of the `_Sync` ends a string or begins one, so that its
 * newline, or the end of the text, comes inside a string again.
 */
export class Episode implements Supervisor {
  readonly #host: ConversationHost;
  readonly #keeper: EpisodeKeeper;
  /** Reset behind every frame that is heard. */
  readonly #scanner: FrameScanner;
  readonly #decoder: JsonposDecoder;
  readonly #conversation: JsonposConversation;
  #isOver = false;
  /** The peer has ended it without a word that would need an answer. */
  #isForsaken = false;
  #isCongested: boolean;
  /** How the framing broke. */
  #fault: Fault | undefined;
  /** The last frame is whole, but what it says broke the protocol. */
  #isUnheard = false;
  /** The text of the frame that is being heard. */
  #text: Buffer | undefined;
  /** Runs while a frame is not complete; what it waits for may have moved on when it fires. */
  #silence: Timer | undefined;
  #silentAtMs = 0;

  constructor(host: ConversationHost, options: DialectOptions, isCongested: boolean, keeper: EpisodeKeeper) {
    this.#host = host;
    this.#keeper = keeper;
    this.#scanner = keeper.scanner;
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

  /** Answers what stands behind the bytes that ended it, perhaps nothing. */
  receive(chunk: Buffer): Buffer {
    let rest = chunk;
    while (rest.length > 0 && !this.#isOver) {
      rest = this.#decoder.isInsideText ? this.#readText(rest) : this.#readHeader(rest);
    }
    if (!this.#isOver) {
      if (this.#decoder.isInsideFrame) this.#conversation.progress();
      this.#watch();
    }
    return rest;
  }

  // Each of these reads what it can and answers what stands behind it.

  #readHeader(bytes: Buffer): Buffer {
    const taken = this.#decoder.push(bytes.subarray(0, this.#decoder.due), this.#frames);
    this.#scanner.push(bytes.subarray(0, taken), isSyncText); // too short for anything to be found
    return this.#behind(bytes, taken);
  }

  /** A piece of the text; with its last one, the newline. */
  #readText(bytes: Buffer): Buffer {
    const { due } = this.#decoder;
    const text = bytes.subarray(0, due);
    const { seen } = this.#scanner;
    let sync: Buffer | undefined;
    const behind = this.#scanner.push(text, (found) => {
      if (isSyncText(found)) sync = Buffer.from(found);
      return sync !== undefined;
    });
    if (behind !== undefined && sync !== undefined) {
      const taken = text.length - behind.length;
      this.#host.statistics.count('bytes skipped', seen + taken - sync.length - FRAMING_BYTES);
      this.#forsake(BEGAN_ANEW);
      this.#keeper.beganAnew(sync);
      return bytes.subarray(taken);
    }
    const taken = this.#decoder.push(bytes.subarray(0, due + 1), this.#frames);
    // The newline of a broken text may also be that of a `_Sync`.
    if (this.#isUnheard) return bytes.subarray(due);
    if (taken > due) this.#scanner.reset();
    return this.#behind(bytes, taken);
  }

  #behind(bytes: Buffer, taken: number): Buffer {
    const rest = bytes.subarray(taken);
    if (this.#fault !== undefined) this.#framingBroke(this.#fault, rest[0]);
    return rest;
  }

  readonly #frames = {
    frame: (text: Buffer) => this.hear(text),
    rejected: (code: string, why: string) => {
      this.#fault = { code, why, isBetweenFrames: !this.#decoder.isInsideFrame };
    },
  };

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

  get isInsideMessage(): boolean {
    return this.#decoder.isInsideFrame;
  }

  get messagesHeard(): number {
    return this.#conversation.messagesHeard;
  }

  get unfinished(): string {
    return this.#decoder.unfinished;
  }

  breaking(): void {
    this.#host.discardOutput();
    this.#isUnheard = this.#text !== undefined;
  }

  /** The bridge, as this one conversation sees it: its end is not that of the stream. */
  #hostOfOne(): ConversationHost {
    const host = this.#host;
    return {
      clock: host.clock,
      get log() {
        return host.log;
      },
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
    const mayGoOn = how === 'broken' && reason.code !== LINE_ECHOES;
    if (mayGoOn || this.#isForsaken) this.#keeper.ended();
    else this.#keeper.over(reason, how);
  }

  // Ends.

  #framingBroke({ code, why, isBetweenFrames }: Fault, byte: number | undefined): void {
    if (isBetweenFrames && byte === LF) this.#forsake(BEGAN_ANEW);
    else this.#conversation.break(code, why);
  }

  /** The peer has left this conversation: nothing that is said in it would be heard. */
  #forsake(reason: CloseReason): void {
    if (reason === BEGAN_ANEW) this.#host.log.info('the peer begins anew');
    this.#isForsaken = true;
    this.#scanner.reset();
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
    this.#silence = clock.afterInput(() => {
      if (this.#silentAtMs === silentAtMs) this.#giveUpFrame();
      else this.#waited();
    });
  }

  #giveUpFrame(): void {
    const text = `a frame got no byte for ${SILENCE_MS} ms${this.unfinished}`;
    this.#conversation.break('JSONRPC_PARSE_ERROR', text);
  }
}

/** Whether a frame's text is a `_Sync` request. */
function isSyncText(text: Buffer): boolean {
  const parsed = parseMessage(text, 'wire');
  return parsed.ok && isSync(parsed.message);
}

const BEGAN_ANEW: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the peer has begun anew', by: 'peer' };
const LF = 0x0a;
