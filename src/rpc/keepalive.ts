import type { Clock, Timer } from '../base/clock.ts';

export interface KeepaliveOptions {
  /** Between an answer and our next keepalive: when nothing is pending, and when something is. */
  readonly idleMs: number;
  readonly busyMs: number;
  /** How long an answer may take. */
  readonly limitMs: number;
  /** Whether going busy makes one due at once: a dead peer is found out before anyone waits for it. Default: no. */
  readonly pingAtOnce?: boolean;
  readonly clock: Clock;
  /** Send one. */
  ping(): void;
  /** No answer in time: the peer counts as lost. Called once, and nothing follows. */
  stale(): void;
}

/**
 * When to send a keepalive and when to give a peer up.
 *
 * States: stopped --start--> waiting --due: ping--> asked --answered--> waiting ...
 *         asked --limit--> judged --nothing unread: stale--> over, for good
 *         waiting, asked or judged --stop--> stopped; judged --answered--> waiting
 * One keepalive at most is outstanding. Without a limit (`suspendLimit`) it goes straight back to waiting.
 */
export class Keepalive {
  readonly #options: KeepaliveOptions;
  #state: 'stopped' | 'waiting' | 'asked' | 'judged' | 'over' = 'stopped';
  #isBusy = false;
  #hasLimit = true;
  #timer: Timer | undefined;
  /** When the current state runs out; the timer may fire earlier and is then set again. */
  #dueMs = 0;
  /** When the one that is outstanding was sent. */
  #askedMs = 0;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
  }

  /** Begins, or begins again after `stop`, with a full wait. Safe to repeat. */
  start(): void {
    if (this.#state === 'stopped') this.#wait();
  }

  /** Safe to repeat. */
  stop(): void {
    if (this.#state !== 'over') this.#state = 'stopped';
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Going busy makes the next keepalive due within `busyMs`, or at once (`pingAtOnce`); going idle puts none off. */
  setBusy(isBusy: boolean): void {
    if (isBusy === this.#isBusy) return;
    this.#isBusy = isBusy;
    if (!isBusy || this.#state !== 'waiting') return;
    if (this.#options.pingAtOnce) this.#ask();
    else if (this.#dueMs > this.#options.clock.nowMs() + this.#options.busyMs)
      this.#setTimer(this.#options.busyMs);
  }

  /**
   * Our keepalive was answered, by a result or an error. Returns how long that took; undefined: none was outstanding.
   */
  answered(): number | undefined {
    if (!this.#isOutstanding) return undefined;
    this.#wait();
    return this.#options.clock.nowMs() - this.#askedMs;
  }

  /** Bytes of an unfinished frame arrived: the answer may be behind it, so the limit begins anew. */
  progress(): void {
    if (this.#state === 'asked') this.#dueMs = this.#options.clock.nowMs() + this.#options.limitMs;
    else if (this.#state === 'judged') {
      this.#state = 'asked';
      this.#setTimer(this.#options.limitMs);
    }
  }

  /** The peer is heard by other means: the next keepalive waits its whole time again. */
  traffic(): void {
    if (this.#state !== 'waiting') return;
    this.#dueMs = this.#options.clock.nowMs() + this.#waitMs;
  }

  /** The peer has ended its output and can answer no more: keepalives still go out, nothing is stale. */
  suspendLimit(): void {
    this.#hasLimit = false;
    if (this.#isOutstanding) this.#wait();
  }

  get #isOutstanding(): boolean {
    return this.#state === 'asked' || this.#state === 'judged';
  }

  #wait(): void {
    this.#state = 'waiting';
    this.#setTimer(this.#waitMs);
  }

  get #waitMs(): number {
    return this.#isBusy ? this.#options.busyMs : this.#options.idleMs;
  }

  #setTimer(delayMs: number): void {
    this.#dueMs = this.#options.clock.nowMs() + delayMs;
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => this.#fired());
  }

  #fired(): void {
    const leftMs = this.#dueMs - this.#options.clock.nowMs();
    if (leftMs > 0) {
      this.#arm(leftMs);
    } else if (this.#state === 'asked') {
      this.#judge();
    } else {
      this.#ask();
    }
  }

  /** The answer may have come while this process was stopped: what lies unread is read first. */
  #judge(): void {
    this.#state = 'judged';
    this.#timer = this.#options.clock.afterInput(() => {
      this.#state = 'over';
      this.#options.stale();
    });
  }

  #ask(): void {
    this.#askedMs = this.#options.clock.nowMs();
    if (this.#hasLimit) {
      this.#state = 'asked';
      this.#setTimer(this.#options.limitMs);
    } else {
      this.#wait();
    }
    this.#options.ping();
  }
}
