import type { Clock, Timer } from '../base/clock.ts';
import { meaningOfCheck, type OutcomeText, type Statement } from '../rpc/outcome.ts';

/** The first urgent questions come after these delays, the others every `ASK_EVERY_MS`. */
const FIRST_DELAYS_MS = [0, 1000, 2000];
const ASK_EVERY_MS = 5000;
/**
 * How often an application that lives and is silent is asked: its answer may have been lost on a way that nobody saw.
 */
const ASK_THE_SILENT_MS = 60_000;
/** The same where nobody sees an application go. */
const ASK_THE_UNSEEN_MS = 10_000;
/** "Not found" counts only when it is said again this much later: the request may still lie unread in a socket. */
export const NOT_FOUND_AGAIN_MS = 5000;

export interface RecoveryHost {
  readonly clock: Clock;
  /** "Not found" counts only so long after the transaction was handed over. */
  readonly notFoundAfterMs: number;
  /** Puts the question to the application; answers come back through `answered` under the same number. */
  ask(question: number): void;
  /** The outcome, once. */
  found(answer: OutcomeText, meaning: 'charged' | 'not-charged' | 'not-found'): void;
  /** The application says that the transaction is still running. */
  running(): void;
}

/**
 * Finds the outcome of a transaction that was handed over: idle → calm ⇄ urgent → over.
 *
 * Calm, it asks every minute. Urgent it is once the application was lost, or has said something that could not be read
 * or that is no outcome: it asks after 0, 1 and 2 s, then every 5 s, and at once when an application that could not be
 * asked is back. An application that lives gets one question at a time: the next comes when it has answered, or after a
 * minute.
 *
 * "Not found" proves nothing while the transaction may still be under way: it counts from questions that were put after
 * the application was lost, or had answered the transaction itself, and when it is said again 5 s later. Of a group of
 * applications nobody sees one go; there it is asked every 10 s, and "not found" counts from the first question,
 * because only what is recorded for all of them is passed on as such.
 */
export class Recovery {
  readonly #host: RecoveryHost;
  readonly #askedAtMs: number[] = [];
  #state: 'idle' | 'calm' | 'urgent' | 'over' = 'idle';
  #timer: Timer | undefined;
  #handedOverAtMs = 0;
  #isLost = false;
  #silenceMs = ASK_THE_SILENT_MS;
  #hasDoubt = false;
  /** "Not found" counts in answer to this question and later ones. */
  #countsFrom = Number.POSITIVE_INFINITY;
  #firstNotFoundAtMs: number | undefined;
  /** Questions since it became urgent; before that it means nothing. */
  #urgentQuestions = 0;
  /** The next question was brought forward already. */
  #isHurried = false;
  /** The last question did not reach the application. */
  #isUnasked = false;

  constructor(host: RecoveryHost) {
    this.#host = host;
  }

  /** Whether the application that took the transaction is gone. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether it was ever urgent: from then on a refusal may be one of a second try. */
  get hasDoubt(): boolean {
    return this.#hasDoubt;
  }

  /** The application may have the transaction from now on; it may be any one of a group. */
  handedOver(toGroup = false): void {
    if (this.#state !== 'idle') return;
    if (toGroup) {
      this.#silenceMs = ASK_THE_UNSEEN_MS;
      this.#countsFrom = 0;
    }
    this.#state = 'calm';
    this.#handedOverAtMs = this.#host.clock.nowMs();
    this.#schedule(this.#silenceMs);
  }

  /** The application that took the transaction is gone. */
  lost(): void {
    if (this.#state === 'over' || this.#isLost) return;
    this.#isLost = true;
    this.#nothingIsUnderWay();
    this.#state = 'calm'; // whatever was asked before went to the one that is gone
    this.#hurry();
  }

  /** The application has answered the transaction itself, and not with an outcome. */
  answeredOtherwise(): void {
    this.#nothingIsUnderWay();
    this.#hurry();
  }

  /**
   * The application has said something that could not be read: perhaps an answer to the transaction, or to a question.
   */
  misheard(): void {
    if (this.#state === 'urgent') this.#bringForward();
    else this.#hurry();
  }

  /** The application is there again. */
  applicationBack(): void {
    if (this.#state === 'urgent' && this.#isUnasked) this.#schedule(0);
  }

  /** The last question did not reach the application. */
  refused(): void {
    this.#isUnasked = true;
  }

  /**
   * An answer to question number `question`.
   *
   * @param directCode the code of no declared meaning with which the transaction itself was answered, if it was.
   */
  answered(
    question: number,
    answer: OutcomeText,
    statement: { readonly says: Statement; readonly code: string },
    directCode?: string,
  ): void {
    if (this.#state !== 'calm' && this.#state !== 'urgent') return;
    const meaning = meaningOfCheck(statement, directCode);
    switch (meaning) {
      case 'charged':
      case 'not-charged':
        this.#over(answer, meaning);
        return;
      case 'not-found':
        this.#notFound(question, answer);
        return;
      case 'active':
        this.#stillRunning();
        return;
      case 'nothing':
        this.#firstNotFoundAtMs = undefined;
        this.#bringForward();
    }
  }

  stop(): void {
    this.#state = 'over';
    this.#timer?.cancel();
  }

  /** From the next question on "not found" means that the application does not have it. */
  #nothingIsUnderWay(): void {
    this.#countsFrom = Math.min(this.#countsFrom, this.#askedAtMs.length);
  }

  #hurry(): void {
    if (this.#state !== 'calm') return;
    this.#state = 'urgent';
    this.#hasDoubt = true;
    this.#isHurried = true;
    this.#urgentQuestions = 0;
    // An application that says something unreadable with every answer must not be asked without end.
    const lastMs = this.#askedAtMs.at(-1);
    const sinceMs = lastMs === undefined || this.#isLost ? ASK_EVERY_MS : this.#host.clock.nowMs() - lastMs;
    this.#schedule(Math.max(0, ASK_EVERY_MS - sinceMs));
  }

  #stillRunning(): void {
    this.#firstNotFoundAtMs = undefined;
    this.#host.running();
    if (this.#isLost || this.#state === 'over') return; // it goes on as it was
    this.#state = 'calm';
    this.#schedule(this.#silenceMs);
  }

  #notFound(question: number, answer: OutcomeText): void {
    if (question < this.#countsFrom) {
      this.#bringForward();
      return;
    }
    const nowMs = this.#host.clock.nowMs();
    if (this.#firstNotFoundAtMs === undefined) {
      this.#firstNotFoundAtMs = nowMs;
      this.#schedule(NOT_FOUND_AGAIN_MS);
      return;
    }
    const askedAtMs = this.#askedAtMs[question] ?? 0;
    const isLater = askedAtMs - this.#firstNotFoundAtMs >= NOT_FOUND_AGAIN_MS;
    if (isLater && askedAtMs - this.#handedOverAtMs >= this.#host.notFoundAfterMs) {
      this.#over(answer, 'not-found');
    } else this.#bringForward();
  }

  /** The last question got nothing: the next one need not wait for a minute. */
  #bringForward(): void {
    if (this.#state !== 'urgent' || this.#isHurried || this.#isLost) return;
    this.#isHurried = true;
    this.#schedule(this.#urgentDelayMs());
  }

  #urgentDelayMs(): number {
    return FIRST_DELAYS_MS[this.#urgentQuestions] ?? ASK_EVERY_MS;
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#host.clock.after(delayMs, () => this.#ask());
  }

  #ask(): void {
    this.#isUnasked = false;
    this.#isHurried = false;
    this.#askedAtMs.push(this.#host.clock.nowMs());
    this.#urgentQuestions += 1;
    this.#schedule(this.#isLost ? this.#urgentDelayMs() : this.#silenceMs);
    this.#host.ask(this.#askedAtMs.length - 1);
  }

  #over(answer: OutcomeText, meaning: 'charged' | 'not-charged' | 'not-found'): void {
    this.stop();
    this.#host.found(answer, meaning);
  }
}
