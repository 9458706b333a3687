import type { CloseReason } from '../../base/close-reason.ts';
import { type Message, parseMessage } from '../../rpc/message.ts';
import type { Conversation, ConversationHost, DialectOptions } from '../dialect.ts';
import { Episode } from './episode.ts';
import { FRAMING_BYTES } from './frame.ts';
import { FrameScanner } from './frame-scanner.ts';
import { isGoodbye, isSync } from './transport.ts';

/**
 * The terminal's end of a link that loses bytes and keeps old ones (serial line, RFCOMM). Every conversation begins with
 * a `_Sync` of the register; what stands before it is skipped unheard, because it may be a leftover.
 *
 *   scanning ──a `_Sync`──▶ speaking ──a broken frame, or one without a byte for 2 s: goodbye──▶ scanning
 *                           speaking ──a newline instead of a header, a `_CloseReason`─────────▶ scanning
 *                           speaking ──a `_Sync` when anything else has been said──────────────▶ speaking, anew
 *   scanning, speaking ──end of input, loss, a missed keepalive, the bridge's own goodbye──────▶ over
 *
 * Each time it speaks, it is a connection of its own; nothing crosses from one to the next.
 */
export class Synchronised implements Conversation {
  readonly #host: ConversationHost;
  readonly #options: DialectOptions;
  #scanner = new FrameScanner();
  /** Since this scan began a frame without `_Sync` has been reported. */
  #hasWarned = false;
  /** Undefined while scanning. */
  #episode: Episode | undefined;
  #isOver = false;
  #isCongested = false;
  #isStopping = false;

  constructor(host: ConversationHost, options: DialectOptions) {
    this.#host = host;
    this.#options = options;
    host.log.info('waiting for _Sync');
  }

  receive(chunk: Buffer): void {
    this.#read([chunk]);
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

  /** Reads pieces of the stream in order; what an episode leaves behind may hold the next one's `_Sync`. */
  #read(pieces: readonly Buffer[]): void {
    const waiting = pieces.toReversed();
    for (let piece = waiting.pop(); piece !== undefined && !this.#isOver; piece = waiting.pop()) {
      const left = this.#episode === undefined ? this.#scan(piece) : this.#episode.receive(piece);
      waiting.push(...left.toReversed());
    }
  }

  /** Answers what stands behind the `_Sync`. */
  #scan(piece: Buffer): readonly Buffer[] {
    let sync: Buffer | undefined;
    const rest = this.#scanner.push(piece, (text) => {
      const parsed = parseMessage(text, 'wire');
      if (!parsed.ok) return false;
      if (isSync(parsed.message)) sync = Buffer.from(text);
      else this.#unheard(parsed.message);
      return sync !== undefined;
    });
    this.#skipped(
      piece.length - (rest?.length ?? 0) - (sync === undefined ? 0 : sync.length + FRAMING_BYTES),
    );
    if (sync !== undefined) this.#begin(sync);
    return rest === undefined ? [] : [rest];
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
    this.#episode = new Episode(this.#host, this.#options, this.#isCongested, {
      over: (reason, how) => this.#finish(reason, how),
      ended: () => this.#scanAgain(),
      beganAnew: (text) => this.#begin(text),
      leftOver: (pieces) => this.#read(pieces),
    });
    this.#episode.hear(sync);
  }

  #scanAgain(): void {
    this.#episode = undefined;
    this.#scanner = new FrameScanner();
    this.#hasWarned = false;
    if (this.#isStopping) this.#finish(STOPPED, 'ended');
  }

  #finish(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.finished(reason, how);
  }
}

const INPUT_ENDED: CloseReason = {
  code: 'CONNECTION_CLOSED',
  text: 'the peer has closed its output',
  by: 'peer',
};
const STOPPED: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the bridge is being stopped', by: 'us' };
