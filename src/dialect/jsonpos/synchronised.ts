import type { CloseReason } from '../../base/close-reason.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { type Message, parseMessage } from '../../rpc/message.ts';
import type { Conversation, ConversationHost, DialectOptions } from '../dialect.ts';
import { Episode } from './episode.ts';
import { FRAMING_BYTES } from './frame.ts';
import { FrameScanner } from './frame-scanner.ts';
import { isGoodbye, isSync } from './transport.ts';

/**
 * Connections that may begin at once, and per second: each costs far more than the bytes of its `_Sync`. A register
 * takes more than 100 ms for one; a buffer may hold some that it has given up.
 */
const BEGINNINGS = { burst: 64, ratePerS: 10 };

/**
 * The terminal's end of a link that loses bytes and keeps old ones (serial line, RFCOMM). Every conversation begins
 * with a `_Sync` of the register; what stands before it is skipped unheard, because it may be a leftover.
 *
 *   scanning ──a `_Sync`──▶ speaking ──a broken frame, or one without a byte for 2 s: goodbye──▶ scanning
 *                           speaking ──a newline instead of a header, a `_CloseReason`─────────▶ scanning
 *                           speaking ──a `_Sync`, inside a frame or when anything has been said─▶ speaking, anew
 *   scanning, speaking ──end of input, loss, a missed keepalive, an echo, the bridge's goodbye──▶ over
 *
 * Each time it speaks, it is a connection of its own; nothing crosses from one to the next. A `_Sync` that comes when
 * too many have begun just before is skipped. Every byte goes through the scanner once, and once through a
 * conversation's decoder.
 */
export class Synchronised implements Conversation {
  readonly #host: ConversationHost;
  readonly #options: DialectOptions;
  readonly #scanner = new FrameScanner();
  readonly #beginnings: TokenBucket;
  /** The last `_Sync` came too soon. */
  #isTooSoon = false;
  /** Since this scan began a frame without `_Sync` has been reported. */
  #hasWarned = false;
  /** Undefined while scanning. */
  #episode: Episode | undefined;
  /** Messages of episodes that are over. */
  #heardBefore = 0;
  #isOver = false;
  #isCongested = false;
  #isStopping = false;

  constructor(host: ConversationHost, options: DialectOptions) {
    this.#host = host;
    this.#options = options;
    this.#beginnings = new TokenBucket({ ...BEGINNINGS, clock: host.clock });
    host.log.info('waiting for _Sync');
  }

  get isInsideMessage(): boolean {
    return this.#episode?.isInsideMessage ?? false;
  }

  get messagesHeard(): number {
    return this.#heardBefore + (this.#episode?.messagesHeard ?? 0);
  }

  receive(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#isOver) {
      rest = this.#episode === undefined ? this.#scan(rest) : this.#episode.receive(rest);
    }
  }

  endOfInput(): void {
    if (this.#episode === undefined) this.#finish(INPUT_ENDED, 'ended');
    else this.#episode.endOfInput();
  }

  congested(isCongested: boolean): void {
    this.#isCongested = isCongested;
    this.#episode?.congested(isCongested);
  }

  lost(reason: CloseReason): void {
    if (this.#episode === undefined) this.#finish(reason, 'lost');
    else this.#episode.lost(reason);
  }

  stop(): void {
    this.#isStopping = true;
    if (this.#episode === undefined) this.#finish(STOPPED, 'ended');
  }

  /** Answers what stands behind the `_Sync`, perhaps nothing. */
  #scan(chunk: Buffer): Buffer {
    let sync: Buffer | undefined;
    const rest = this.#scanner.push(chunk, (text) => {
      const parsed = parseMessage(text, 'wire');
      if (!parsed.ok) return false;
      if (isSync(parsed.message)) sync = Buffer.from(text);
      else this.#unheard(parsed.message);
      return sync !== undefined;
    });
    if (rest === undefined || sync === undefined) {
      this.#skipped(chunk.length);
      return NOTHING;
    }
    this.#skipped(chunk.length - rest.length - sync.length - FRAMING_BYTES);
    this.#begin(sync);
    return rest;
  }

  /** May be negative: part of a `_Sync` has been taken for rubbish until the rest of it came. */
  #skipped(bytes: number): void {
    if (bytes !== 0) this.#host.statistics.count('bytes skipped', bytes);
  }

  /** A frame that is whole, but not what begins a conversation. */
  #unheard(message: Message): void {
    if (this.#hasWarned || isGoodbye(message)) return;
    this.#hasWarned = true;
    this.#host.log.warn(
      'the peer sends frames without _Sync, and they are skipped; if it never synchronises, use --no-sync',
    );
  }

  /** A connection begins, with the `_Sync` as its first message. */
  #begin(sync: Buffer): void {
    if (this.#isOver) return;
    this.#scanner.reset();
    if (!this.#mayBegin()) {
      this.#skipped(sync.length + FRAMING_BYTES);
      return;
    }
    this.#episode = new Episode(this.#host, this.#options, this.#isCongested, {
      scanner: this.#scanner,
      over: (reason, how) => this.#finish(reason, how),
      ended: () => this.#scanAgain(),
      beganAnew: (text) => this.#begin(text),
    });
    this.#episode.hear(sync);
  }

  #mayBegin(): boolean {
    const wasTooSoon = this.#isTooSoon;
    this.#isTooSoon = !this.#beginnings.take(1);
    if (this.#isTooSoon && !wasTooSoon)
      this.#host.log.warn('the peer begins anew too often: _Sync is not heard for a moment');
    return !this.#isTooSoon;
  }

  #scanAgain(): void {
    this.#heardBefore = this.messagesHeard;
    this.#episode = undefined;
    this.#skipped(this.#scanner.seen);
    this.#hasWarned = false;
    if (this.#isStopping) this.#finish(STOPPED, 'ended');
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.finished(reason, how);
  }
}

const NOTHING = Buffer.alloc(0);
const INPUT_ENDED: CloseReason = {
  code: 'CONNECTION_CLOSED',
  text: 'the peer has closed its output',
  by: 'peer',
};
const STOPPED: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the bridge is being stopped', by: 'us' };
