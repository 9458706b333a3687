import type { Clock, Timer } from '../base/clock.ts';
import type { Statistics } from '../base/statistics.ts';

/** Long enough for a first word on any line. */
const FIRST_WORD_MS = 10_000;
/** How long a message may take whatever its length is; a long one may take as long as it needs at the least speed. */
const GRACE_MS = 20_000;
const LEAST_BYTES_PER_S = 1000;

/** What is known of a peer's messages; what is missing: each chunk is one. */
export interface Speech {
  /** A message has begun and is not whole. */
  readonly isInsideMessage?: boolean;
  /** Whole messages so far. */
  readonly messagesHeard?: number;
}

export interface SpeechWatchOptions {
  readonly clock: Clock;
  readonly statistics: Statistics;
  readonly speech: Speech;
  /** Somebody has let this very peer in. */
  readonly isKnown: boolean;
  /** Something of this peer is open that must not be lost. */
  readonly isBusy: () => boolean;
  /** Called once, and nothing follows. */
  readonly tooSlow: (why: string) => void;
}

/**
 * Watches whether a peer says something, and how fast: a byte now and then is a sign of life, and would keep a place
 * for ever.
 *
 *   between messages ⇄ inside one ──slower than the least speed, nothing open──▶ over
 */
export class SpeechWatch {
  readonly #options: SpeechWatchOptions;
  readonly #startMs: number;
  #chunks = 0;
  #isInside = false;
  #begunMs = 0;
  #bytes = 0;
  /** Which message it is. */
  #heard = 0;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(options: SpeechWatchOptions) {
    this.#options = options;
    this.#startMs = options.clock.nowMs();
  }

  /** Nobody would miss it: it has been here for a while without a word that can be understood. */
  get isSilent(): boolean {
    const { clock, speech, isKnown, isBusy } = this.#options;
    if (isKnown || (speech.messagesHeard ?? this.#chunks) > 0) return false;
    return this.#startMs + FIRST_WORD_MS <= clock.nowMs() && !isBusy();
  }

  /** Bytes have come, and have been looked at. */
  came(bytes: number): void {
    this.#chunks += 1;
    const { clock, speech } = this.#options;
    if (speech.isInsideMessage !== true) {
      this.#isInside = false;
      return;
    }
    const heard = speech.messagesHeard ?? 0;
    if (!this.#isInside || heard !== this.#heard) this.#begin(heard);
    this.#bytes += bytes;
    if (!this.#isOver) this.#timer ??= clock.after(GRACE_MS, () => this.#look());
  }

  /** Nothing of the peer was read for a while, because it took no output: its input is not to blame for that. */
  resumed(): void {
    if (this.#isInside) this.#begin(this.#heard);
  }

  close(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #begin(heard: number): void {
    this.#isInside = true;
    this.#heard = heard;
    this.#begunMs = this.#options.clock.nowMs();
    this.#bytes = 0;
  }

  get #tookMs(): number {
    return this.#options.clock.nowMs() - this.#begunMs;
  }

  get #leftMs(): number {
    return GRACE_MS + (this.#bytes * 1000) / LEAST_BYTES_PER_S - this.#tookMs;
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#isInside) return;
    const { clock } = this.#options;
    // The rest may have come while this process was stopped: what lies unread is read first.
    if (this.#leftMs > 0) this.#timer = clock.after(this.#leftMs, () => this.#look());
    else this.#timer = clock.afterInput(() => this.#judge());
  }

  #judge(): void {
    this.#timer = undefined;
    if (!this.#isInside) return;
    if (this.#leftMs > 0) this.#look();
    else if (this.#options.isBusy()) this.#timer = this.#options.clock.after(GRACE_MS, () => this.#look());
    else this.#tooSlow();
  }

  #tooSlow(): void {
    const { statistics, tooSlow } = this.#options;
    const why = `a message came too slowly: ${this.#bytes} bytes in ${Math.round(this.#tookMs / 1000)} s`;
    this.close();
    statistics.count('slow messages');
    tooSlow(why);
  }
}
