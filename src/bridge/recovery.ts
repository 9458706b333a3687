import type { Clock, Timer } from '../base/clock.ts';
import { type Answer, judgeAnswer } from './outcome.ts';

/** The first questions come after these delays, the others every `ASK_EVERY_MS`. */
const FIRST_DELAYS_MS = [0, 1000, 2000];
const ASK_EVERY_MS = 5000;
/** "Not found" counts only when it is said again this much later: the request may still lie unread in a socket. */
const NOT_FOUND_AGAIN_MS = 5000;

export interface RecoveryHost {
  readonly clock: Clock;
  /** Puts the question to the application; answers come back through `answered` under the same number. */
  ask(question: number): void;
  /** The outcome, once. */
  found(answer: Answer): void;
}

/**
 * Finds the outcome of a transaction whose application went away: idle → asking → over. Asks after 0, 1 and
 * 2 s, then every 5 s, and at once when an application that could not be asked is back; ends with a result, with an error that is an outcome, or
 * with a second "not found" 5 s after the first.
 */
export class Recovery {
  readonly #host: RecoveryHost;
  readonly #askedAtMs: number[] = [];
  #state: 'idle' | 'asking' | 'over' = 'idle';
  #timer: Timer | undefined;
  #notFoundAtMs: number | undefined;
  /** The last question did not reach the application. */
  #isUnasked = false;

  constructor(host: RecoveryHost) {
    this.#host = host;
  }

  get isAsking(): boolean {
    return this.#state === 'asking';
  }

  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'asking';
    this.#schedule(FIRST_DELAYS_MS[0] ?? ASK_EVERY_MS);
  }

  /** The application is there again. */
  applicationBack(): void {
    if (this.#state === 'asking' && this.#isUnasked) this.#schedule(0);
  }

  /** The last question did not reach the application. */
  refused(): void {
    this.#isUnasked = true;
  }

  /** An answer to question number `question`. */
  answered(question: number, answer: Answer): void {
    if (this.#state !== 'asking') return;
    const judgement = judgeAnswer(answer);
    if (judgement === 'outcome') this.#over(answer);
    else if (judgement === 'not-found') this.#notFound(question, answer);
    else this.#notFoundAtMs = undefined;
  }

  stop(): void {
    this.#state = 'over';
    this.#timer?.cancel();
  }

  #notFound(question: number, answer: Answer): void {
    const nowMs = this.#host.clock.nowMs();
    if (this.#notFoundAtMs === undefined) {
      this.#notFoundAtMs = nowMs;
      this.#schedule(NOT_FOUND_AGAIN_MS);
      return;
    }
    const askedAtMs = this.#askedAtMs[question] ?? 0;
    if (askedAtMs - this.#notFoundAtMs >= NOT_FOUND_AGAIN_MS) this.#over(answer);
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#host.clock.after(delayMs, () => this.#ask());
  }

  #ask(): void {
    if (this.#state !== 'asking') return;
    this.#isUnasked = false;
    this.#askedAtMs.push(this.#host.clock.nowMs());
    this.#schedule(FIRST_DELAYS_MS[this.#askedAtMs.length] ?? ASK_EVERY_MS);
    this.#host.ask(this.#askedAtMs.length - 1);
  }

  #over(answer: Answer): void {
    this.stop();
    this.#host.found(answer);
  }
}
