import { MAX_TIMER_MS } from '../../base/clock.ts';
import { Keepalive } from '../../rpc/keepalive.ts';
import type { ConversationHost, DialectOptions } from '../dialect.ts';
import { ANSWER_TYPES, CATALOGUE, OWN_TYPES } from './catalogue.ts';
import { type Body, type EcrMessage, encodeFrame, frameAround, readMessage } from './frame.ts';
import { ACK, FrameDecoder, type FrameSink, NAK } from './frame-decoder.ts';
import { type Device, House } from './house.ts';
import { Lanes } from './lanes.ts';
import { Repeats, type Taken } from './repeats.ts';
import { shownText } from './shown.ts';
import { SparingLog } from './sparing-log.ts';
import { type Side, tokensOf } from './tokens.ts';
import { type Fate, type Sending, Transmitter } from './transmitter.ts';

/** How long the answer to a link test may take at most. */
const T2_MS = 10_000;

/** What a link reports to the end that it belongs to. */
export interface LinkEvents {
  /**
   * A request of the peer, or something that it says by itself: new, and nothing that the link answers. Valid only
   * during the call.
   */
  said(message: EcrMessage, request: Received): void;
  /** An answer of the peer, to whatever. Valid only during the call. */
  answered(message: EcrMessage): void;
  /** An intact frame that makes no sense; what it would have been is told where its header can be read. */
  unreadable(header: Pick<EcrMessage, 'token' | 'type'> | undefined, why: string): void;
  /** The peer has said something that makes sense, for the first time. */
  heard(): void;
  /** The peer has answered a link test of ours. */
  tested?(): void;
  /** The peer is silent or takes nothing. */
  broken(why: string): void;
}

/** A request of the peer that may be answered. */
export interface Received {
  readonly token: number;
  readonly type: string;
  readonly taken: Taken;
}

export interface LinkOptions extends DialectOptions {
  readonly side: Side;
  readonly device: Device;
  /** Whether silence of the peer before its first word is no loss. */
  readonly waits: boolean;
}

/**
 * One line between two devices, either end: frames and their ACKs, link tests, versions and parameters, and the frames
 * that come twice. What is about payments, printing and operators it hands to its owner.
 */
export class Link {
  readonly nextToken: () => number;
  readonly #host: ConversationHost;
  readonly #log: SparingLog;
  readonly #events: LinkEvents;
  readonly #waits: boolean;
  readonly #decoder = new FrameDecoder();
  readonly #transmitter: Transmitter;
  readonly #house: House;
  readonly #repeats: Repeats;
  readonly #lanes: Lanes;
  readonly #timing: DialectOptions['keepalive'];
  #keepalive: Keepalive | undefined;
  /** The link test that is not answered. */
  #ping: { readonly token: number; readonly sending: Sending } | undefined;
  /** What is written while a chunk is looked at goes out in one piece. */
  #output: Buffer[] | undefined;
  #skippedBytes = 0;
  #framesHeard = 0;
  #isHeard = false;
  #isOver = false;

  constructor(host: ConversationHost, options: LinkOptions, events: LinkEvents) {
    const { clock, statistics } = host;
    const log = new SparingLog(host.log);
    this.#log = log;
    this.#host = host;
    this.#events = events;
    this.#waits = options.waits;
    this.nextToken = tokensOf(options.side, host.randomId());
    this.#transmitter = new Transmitter({
      clock,
      log,
      statistics,
      write: (bytes) => this.#write(bytes),
      broken: (why) => this.#broken(why),
    });
    this.#house = new House(options.device, log);
    this.#repeats = new Repeats(clock);
    this.#lanes = new Lanes(log, statistics);
    this.#timing = options.keepalive;
    this.#watch();
  }

  get isInsideFrame(): boolean {
    return this.#decoder.isInsideFrame;
  }

  /** Frames of the peer that were intact. */
  get framesHeard(): number {
    return this.#framesHeard;
  }

  // What the wire brings.

  receive(chunk: Buffer): void {
    this.#output = [];
    this.#decoder.push(chunk, this.#sink);
    const skipped = this.#decoder.skippedBytes - this.#skippedBytes;
    this.#skippedBytes += skipped;
    if (skipped > 0) this.#host.statistics.count('bytes skipped', skipped);
    if (this.#decoder.isInsideFrame) this.#keepalive?.progress();
    this.flush();
  }

  /** The peer can neither acknowledge nor answer from now on. */
  endOfInput(): void {
    this.#decoder.stop();
    this.#keepalive?.stop();
    this.#transmitter.inputEnded();
  }

  congested(isCongested: boolean): void {
    this.#transmitter.hold(isCongested);
    if (isCongested) this.#keepalive?.stop();
    else if (!this.#isOver) this.#keepalive?.start();
  }

  /** Nothing is said or heard any more; what has been said in the current chunk still goes out. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#decoder.stop();
    this.#keepalive?.stop();
    this.#transmitter.stop();
    this.flush();
  }

  /** More often tested while the peer waits for something. */
  setBusy(isBusy: boolean): void {
    this.#keepalive?.setBusy(isBusy);
  }

  // What the owner says.

  /** Sends a message of ours. `body` is what its type and fields are encoded to, where that is known. */
  send(
    message: EcrMessage & { readonly body?: Body },
    more: { readonly isVital?: boolean; fate?(fate: Fate): void } = {},
  ): Sending {
    const { type } = message;
    const isEffectful = CATALOGUE.get(type)?.isEffectful ?? !CATALOGUE.has(type);
    const isAlone = isEffectful || type === 'S2';
    const { token, body } = message;
    const bytes = body === undefined ? encodeFrame(message) : frameAround(token, body);
    const sending: Sending = { bytes, type, isEffectful, isAlone, ...more };
    this.#trace('frame out', message);
    this.#transmitter.send(sending);
    return sending;
  }

  /** Answers a request of the peer; the same request gets the same answer again. */
  answer({ token, type, taken }: Received, fields: readonly Buffer[]): void {
    const answer = CATALOGUE.get(type)?.answer;
    if (answer === undefined) return;
    this.#lanes.end(type, token);
    const sending = this.send(
      { token, type: answer, fields },
      {
        isVital: type === 'S1',
        fate: (fate) => {
          if (fate === 'accepted') this.#repeats.acknowledged(taken);
        },
      },
    );
    this.#repeats.answered(taken, sending.bytes);
  }

  /** A request of the peer will get no answer. */
  leave({ token, type }: Received): void {
    this.#lanes.end(type, token);
  }

  /** The peer has answered this: it arrived. */
  arrived(sending: Sending): void {
    this.#transmitter.answered(sending);
  }

  /** A frame that waits for its turn is of no use any more. */
  forget(sending: Sending): void {
    this.#transmitter.forget(sending);
  }

  /** Tests the link; a test that is under way is enough. */
  ping(): void {
    if (this.#ping !== undefined) return;
    const token = this.nextToken();
    const sending = this.send({ token, type: 'T1', fields: [] }, { isVital: true });
    this.#ping = { token, sending };
  }

  /** Writes at once what has been said so far. */
  flush(): void {
    const output = this.#output;
    this.#output = undefined;
    if (output === undefined || output.length === 0) return;
    // Also where there is only one: the host keeps what it gets, and ACK and NAK are used again and again.
    this.#host.send(Buffer.concat(output), 'normal');
  }

  // Inside.

  readonly #sink: FrameSink = {
    frame: (content) => this.#frame(content),
    rejected: (why) => {
      this.#write(NAKED);
      this.#host.statistics.count(why === 'too-long' ? 'frames too long' : 'frames with a wrong check byte');
    },
    acknowledged: () => this.#transmitter.acknowledged(),
    refused: () => this.#transmitter.naked(),
  };

  /** It arrived intact, which is what the ACK says; whether it makes sense is another matter. */
  #frame(content: Buffer): void {
    this.#framesHeard += 1;
    this.#write(ACKED);
    const read = readMessage(content);
    if (!read.ok) {
      this.#host.statistics.count('unreadable frames');
      this.#log.tell('info', 'a frame cannot be read', { why: read.why, type: read.header?.type });
      this.#events.unreadable(read.header, read.why);
      return;
    }
    const { message } = read;
    this.#host.statistics.count('frames in');
    this.#trace('frame in', message);
    this.#keepalive?.traffic();
    if (!this.#isHeard) {
      this.#isHeard = true;
      if (this.#waits) this.#watch();
      this.#events.heard();
    }
    if (this.#isOver) return;
    if (OWN_TYPES.has(message.type)) this.#own(message);
    else if (ANSWER_TYPES.has(message.type)) this.#events.answered(message);
    else this.#said(message);
  }

  /** The two devices' own affairs. Answering twice does no harm there. */
  #own(message: EcrMessage): void {
    if (message.type === 'T2' && message.token === this.#ping?.token) {
      const { sending } = this.#ping;
      this.#ping = undefined;
      this.#transmitter.answered(sending);
      this.#host.statistics.keptAlive(this.#keepalive?.answered());
      this.#events.tested?.();
    }
    const answer = this.#house.answer(message);
    if (answer !== undefined) this.send(answer);
  }

  #said(message: EcrMessage): void {
    const { token, type } = message;
    const { isNew, taken } = this.#repeats.take(message);
    if (isNew) {
      this.#lanes.begin(type, token);
      this.#events.said(message, { token, type, taken });
      return;
    }
    this.#host.statistics.count('frames that came again');
    this.#log.tell('info', 'the peer repeats a frame', { type, isAnswered: taken.answer !== undefined });
    if (taken.answer === undefined) return;
    this.#transmitter.send({ bytes: taken.answer, type: `${type}'s answer` });
  }

  /** Tests the link whenever it is silent. On a line where nobody has spoken yet no answer is due. */
  #watch(): void {
    if (this.#timing === 'off') return;
    this.#keepalive?.stop();
    this.#ping = undefined;
    const { idleMs, busyMs, limitMs } = this.#timing;
    this.#keepalive = new Keepalive({
      idleMs,
      busyMs,
      limitMs: this.#waits && !this.#isHeard ? MAX_TIMER_MS : Math.min(limitMs, T2_MS),
      clock: this.#host.clock,
      ping: () => this.ping(),
      stale: () => this.#broken('no answer to a link test in time'),
    });
    this.#keepalive.start();
  }

  #broken(why: string): void {
    if (this.#isOver) return;
    if (this.#waits && !this.#isHeard) {
      this.#host.log.debug('nobody answers on this line yet', { why });
      this.#ping = undefined;
      this.#keepalive?.answered();
      return;
    }
    this.#events.broken(why);
  }

  #write(bytes: Buffer): void {
    if (this.#output === undefined) this.#host.send(bytes, 'normal');
    else this.#output.push(bytes);
  }

  #trace(what: string, message: EcrMessage): void {
    if (!this.#host.log.enabled('trace')) return;
    const { token, type } = message;
    this.#host.log.trace(what, { type, token: token.toString(16).toUpperCase(), text: shownText(message) });
  }
}

const ACKED = Buffer.from([ACK]);
const NAKED = Buffer.from([NAK]);
