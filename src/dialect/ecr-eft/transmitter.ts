import type { Clock, Timer } from '../../base/clock.ts';
import type { Statistics } from '../../base/statistics.ts';
import type { SparingLog } from './sparing-log.ts';

/** How long the peer may take for its ACK or NAK. */
export const ACK_MS = 3000;
/** How often a frame is sent again. */
export const MAX_REPEATS = 2;

/**
 * What became of a frame. `accepted`: it arrived intact. `refused`: the peer did not take it, for certain. `doubtful`:
 * nobody can tell. `unsent`: not a byte of it was sent.
 */
export type Fate = 'accepted' | 'refused' | 'doubtful' | 'unsent';

/** One frame on its way. */
export interface Sending {
  readonly bytes: Buffer;
  /** For the log. */
  readonly type: string;
  /**
   * It is never sent again because no answer came in time: it may have arrived. Such a frame is always alone on its
   * way.
   */
  readonly isEffectful?: boolean;
  /** Nothing else may be on its way with it, so that its answer can be no other's. */
  readonly isAlone?: boolean;
  /** The link is broken when it cannot be brought to the peer. */
  readonly isVital?: boolean;
  /** Called once, and not for a frame that was forgotten. */
  fate?(fate: Fate): void;
}

export interface TransmitterOptions {
  readonly clock: Clock;
  readonly log: SparingLog;
  readonly statistics: Statistics;
  write(bytes: Buffer): void;
  /** A frame was sent as often as it may be, and the peer has not taken it. */
  broken(why: string): void;
}

/** One copy of a frame that has been written. */
interface Transmission {
  readonly sending: Sending;
  readonly repeats: number;
  readonly sentMs: number;
  dueMs: number;
}

/**
 * Sends frames and pairs them with the one-byte answers, which have no names: the oldest frame is meant.
 *
 * Frames without effect are sent at once, and again after `ACK_MS` and after a NAK. A frame that must be alone waits
 * until nothing else is unanswered, and everything else waits for its answer. One with an effect is sent again only
 * after a NAK. It counts as refused when the last of its NAKs is not followed by an ACK: one of them may have been
 * noise.
 *
 * The answer to a frame that was given up may still come. For a while the next answer is taken for that one, so that
 * none is ever taken for another frame's: a frame may then be sent once more than needed, or be called doubtful without
 * need.
 */
export class Transmitter {
  readonly #options: TransmitterOptions;
  /** Written and not answered, the oldest first. */
  #unanswered: Transmission[] = [];
  /** Frames that wait for their turn. */
  #waiting: Sending[] = [];
  /** Copies whose answers were given up, the oldest first: they may still come. */
  #strays: Transmission[] = [];
  /** Its last NAK has come; soon it counts as refused. */
  #refused: { readonly sending: Sending; readonly timer: Timer } | undefined;
  #timer: Timer | undefined;
  #state: 'open' | 'held' | 'one-way' | 'stopped' = 'open';

  constructor(options: TransmitterOptions) {
    this.#options = options;
  }

  send(sending: Sending): void {
    if (this.#state === 'stopped') {
      sending.fate?.('unsent');
    } else if (this.#waiting.length >= MAX_WAITING && !isAlone(sending)) {
      this.#options.statistics.count('frames dropped');
    } else {
      this.#waiting.push(sending);
      this.#next();
    }
  }

  /** The answer to a frame proves that it arrived, whatever became of its ACK. */
  answered(sending: Sending): void {
    const index = this.#unanswered.findIndex((one) => one.sending === sending);
    const [transmission] = index === -1 ? [] : this.#unanswered.splice(index, 1);
    if (transmission !== undefined) {
      this.#stray(transmission);
      sending.fate?.('accepted');
    } else if (this.#refused?.sending === sending) this.#endRefusal('accepted');
    this.#next();
  }

  /** Forgets a frame that is of no use any more. */
  forget(sending: Sending): void {
    this.#waiting = this.#waiting.filter((one) => one !== sending);
  }

  // The one-byte answers.

  acknowledged(): void {
    const stray = this.#takeStray();
    // Whichever copy of a frame it is that arrived.
    if (stray !== undefined && stray.sending !== this.#unanswered[0]?.sending) return;
    const transmission = this.#unanswered.shift();
    if (stray !== undefined && transmission !== undefined) this.#stray(transmission);
    if (transmission !== undefined) transmission.sending.fate?.('accepted');
    else if (this.#refused !== undefined) this.#endRefusal('accepted');
    this.#next();
  }

  naked(): void {
    if (this.#takeStray() !== undefined) return;
    const transmission = this.#unanswered.shift();
    if (transmission === undefined) return;
    this.#options.statistics.count('NAK in');
    const { sending, repeats } = transmission;
    if (repeats < MAX_REPEATS) this.#transmit(sending, repeats + 1);
    else if (sending.isEffectful) this.#refuse(sending);
    else this.#giveUp(transmission, `${sending.type} was refused ${repeats + 1} times`);
    this.#next();
  }

  // Ends.

  /** Output does not flow: the peer cannot answer what it has not got. */
  hold(isHeld: boolean): void {
    if (this.#state !== 'open' && this.#state !== 'held') return;
    this.#state = isHeld ? 'held' : 'open';
    this.#timer?.cancel();
    this.#timer = undefined;
    if (isHeld) return;
    const nowMs = this.#options.clock.nowMs();
    for (const one of this.#unanswered) one.dueMs = nowMs + limitMs(one.sending);
    this.#watch();
  }

  /** The peer can answer no more; what is to be said is still sent. */
  inputEnded(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'one-way';
    this.#endAll();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const sending of waiting) this.#transmit(sending, 0);
  }

  stop(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#endAll();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const sending of waiting) sending.fate?.('unsent');
  }

  #endAll(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const unanswered = this.#unanswered;
    this.#unanswered = [];
    if (this.#refused !== undefined) this.#endRefusal('doubtful');
    for (const { sending } of unanswered) sending.fate?.('doubtful');
  }

  // Inside.

  /** The frame that was given up and that an answer may belong to. */
  #takeStray(): Transmission | undefined {
    if (this.#strays.length === 0) return undefined;
    const sinceMs = this.#options.clock.nowMs() - STRAY_MS;
    while (this.#strays[0] !== undefined && this.#strays[0].sentMs < sinceMs) this.#strays.shift();
    return this.#strays.shift();
  }

  #transmit(sending: Sending, repeats: number): void {
    const { clock, statistics, write } = this.#options;
    statistics.count(repeats === 0 ? 'frames out' : 'frames sent again');
    if (this.#state === 'one-way') {
      write(sending.bytes);
      sending.fate?.('doubtful');
      return;
    }
    const sentMs = clock.nowMs();
    this.#unanswered.push({ sending, repeats, sentMs, dueMs: sentMs + limitMs(sending) });
    const [oldest] = this.#unanswered;
    // A peer that asks on and on and never acknowledges: its answers are not kept for ever.
    if (this.#unanswered.length > MAX_UNANSWERED && oldest !== undefined) {
      this.#unanswered.shift();
      this.#doubt(oldest, 'too many frames are not acknowledged');
    }
    write(sending.bytes);
    this.#watch();
  }

  /** Sends what may go. */
  #next(): void {
    for (;;) {
      const [sending] = this.#waiting;
      const [oldest] = this.#unanswered;
      if (sending === undefined || this.#state === 'stopped' || this.#refused !== undefined) return;
      if (oldest !== undefined && (isAlone(sending) || isAlone(oldest.sending))) return;
      this.#waiting.shift();
      this.#transmit(sending, 0);
    }
  }

  #watch(): void {
    const [oldest] = this.#unanswered;
    if (oldest === undefined || this.#timer !== undefined || this.#state !== 'open') return;
    const { clock } = this.#options;
    this.#timer = clock.after(oldest.dueMs - clock.nowMs(), () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  /** The oldest may have been answered since the timer was set. */
  #look(): void {
    const [oldest] = this.#unanswered;
    const { clock } = this.#options;
    if (oldest === undefined || oldest.dueMs > clock.nowMs()) {
      this.#watch();
      return;
    }
    // Its answer may lie unread if this process was stopped for a while.
    this.#timer = clock.afterInput(() => {
      this.#timer = undefined;
      if (this.#unanswered[0] === oldest && this.#state === 'open') this.#timedOut(oldest);
      this.#watch();
    });
  }

  #timedOut(transmission: Transmission): void {
    const { sending, repeats } = transmission;
    this.#unanswered.shift();
    const [next] = this.#waiting;
    const isInTheWay = next !== undefined && isAlone(next) && !isAlone(sending);
    if (sending.isEffectful || isInTheWay) this.#doubt(transmission, 'no ACK in time');
    else if (repeats < MAX_REPEATS) {
      this.#stray(transmission);
      this.#transmit(sending, repeats + 1);
    } else this.#giveUp(transmission, `no ACK for ${sending.type}, which was sent ${repeats + 1} times`);
    this.#next();
  }

  #stray(transmission: Transmission): void {
    this.#strays.push(transmission);
    if (this.#strays.length > MAX_UNANSWERED) this.#strays.shift();
  }

  #doubt(transmission: Transmission, why: string): void {
    const { sending } = transmission;
    this.#stray(transmission);
    this.#options.statistics.count('frames that may not have arrived');
    this.#options.log.tell('warn', 'a frame may or may not have arrived', { type: sending.type, why });
    sending.fate?.('doubtful');
  }

  #giveUp(transmission: Transmission, why: string): void {
    this.#doubt(transmission, why);
    if (transmission.sending.isVital) this.#options.broken(why);
  }

  #refuse(sending: Sending): void {
    this.#refused = {
      sending,
      timer: this.#options.clock.after(ACK_MS, () => {
        this.#endRefusal('refused');
        this.#next();
      }),
    };
  }

  #endRefusal(fate: Fate): void {
    const refused = this.#refused;
    this.#refused = undefined;
    refused?.timer.cancel();
    refused?.sending.fate?.(fate);
  }
}

/** Answers that were given up may come so much later. */
const STRAY_MS = 10_000;
const MAX_UNANSWERED = 64;
const MAX_WAITING = 256;
/** The slowest line that is usual, bytes a millisecond; what is short needs no extra time. */
const SLOW_LINE = 0.96;
const SHORT_BYTES = 256;

function isAlone(sending: Sending): boolean {
  return sending.isAlone === true || sending.isEffectful === true;
}

function limitMs({ bytes }: Sending): number {
  return ACK_MS + Math.max(0, bytes.length - SHORT_BYTES) / SLOW_LINE;
}
