import type { Clock } from '../base/clock.ts';
import { pause } from '../base/pause.ts';
import type { Answer } from './answer.ts';
import type { Keeper } from './keeper.ts';
import type { Finding, Verdict } from './outcome.ts';
import type { TerminalConnection } from './terminal-connection.ts';
import { AnySignal } from './wait.ts';

/** Between one urgent question and the next. */
const FIRST_DELAYS_MS = [1000, 2000];
const ASK_EVERY_MS = 5000;
/** How often a terminal that lives and is silent is asked: its answer may have been lost on a way that nobody saw. */
const ASK_THE_SILENT_MS = 60_000;
/** A terminal that leaves so many urgent questions unanswered is silent. */
const MAX_URGENT = 4;
/** Questions without an answer; late answers count, but an endless number is not waited for. */
const MAX_UNANSWERED = 256;
/**
 * "Not found" counts when it is said twice, to questions that are so far apart: until then the sale may still lie in a
 * buffer on the way. Measured by a clock that never jumps, so after a restart it is waited for anew.
 */
const NOT_FOUND_APART_MS = 5000;

export interface SearchOptions {
  readonly keeper: Keeper;
  readonly clock: Clock;
  /** Whether the terminal has an answer to such questions at all. */
  readonly canAsk: boolean;
  /** Params of the questions. */
  readonly params: string;
  /** Gives up. */
  readonly signal: AbortSignal;
  /** "Not found" proves nothing: an outcome once stood in the store. */
  readonly isDoubtful: boolean;
  /** How long after the first urgent question "not found" may still mean that the sale has not ended. */
  readonly notFoundAfterMs: number;
  readonly judge: (answer: Answer) => Finding;
  /** Whether at the other end of this connection is another terminal, which cannot know: that ends the search. */
  readonly isElsewhere: (connection: TerminalConnection) => Promise<boolean>;
  /** An urgent question has gone out, the `count`th one. */
  readonly asked: (count: number) => void;
}

/**
 * Asks the terminal by `Check` how a sale ended, until it says so: calm → urgent → over.
 *
 * Calm, while the terminal may still answer the sale itself, it asks every minute, on the connection that carries the
 * sale. "Not found" proves nothing then: the sale may be under way.
 *
 * Urgent, once the sale can be under way no more on our side (its connection was lost, or has brought an answer), it
 * asks at once, after 1, 2, then every 5 s, and at once on every new connection; every minute where nothing is
 * answered. After TRANSACTION_ACTIVE the wait until "not found" counts begins anew: a terminal that has just lost its
 * memory gets the time to find it, while a bridge says "active" of what it is still looking for and then truly does not
 * find.
 */
export class OutcomeSearch {
  readonly #options: SearchOptions;
  readonly #over: AnySignal;
  #phase: 'calm' | 'urgent' = 'calm';
  readonly #unanswered = { calm: 0, urgent: 0 };
  /** Urgent questions. */
  #count = 0;
  /** When the first urgent question could go out. */
  #beganMs = 0;
  #activeMs = Number.NEGATIVE_INFINITY;
  /** When the urgent question went out that was the first one to be answered by "not found". */
  #notFoundMs: number | undefined;
  /** Something was answered: there is no silence any more. */
  #heard = new AbortController();
  #verdict: Verdict | undefined;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#over = new AnySignal(options.signal);
  }

  /**
   * Calm: until the sale's own answer is there (`answered`, which also says that the connection was lost), or an
   * outcome.
   *
   * @returns undefined when `signal` aborts first.
   */
  async whileUnderWay(
    connection: TerminalConnection,
    answered: Promise<Answer>,
  ): Promise<Answer | Verdict | undefined> {
    const { clock } = this.#options;
    const over = new AnySignal(this.#over.signal);
    let direct: Answer | undefined;
    void answered.then((answer) => {
      direct = answer;
      over.abort();
    });
    for (;;) {
      await pause(clock, ASK_THE_SILENT_MS, over.signal);
      if (over.signal.aborted) break;
      this.#ask(connection);
    }
    over.stop();
    return direct ?? this.#verdict;
  }

  /**
   * Urgent: until an outcome is found.
   *
   * @returns undefined when `signal` aborts or the keeper is closed first, or when nobody at the other end can know.
   */
  async untilFound(): Promise<Verdict | undefined> {
    const { keeper, clock, isElsewhere } = this.#options;
    if (!this.#options.canAsk) return undefined;
    const { signal } = this.#over;
    this.#phase = 'urgent';
    this.#beganMs = clock.nowMs();
    while (!signal.aborted) {
      const connection = await keeper.speaking(signal);
      if (connection === undefined || signal.aborted) break;
      if ((await isElsewhere(connection)) || signal.aborted) break;
      this.#ask(connection);
      await pause(clock, this.#delayMs(), signal, connection.over);
      if (this.#unanswered.urgent < MAX_URGENT) continue;
      this.#heard = new AbortController();
      const restMs = ASK_THE_SILENT_MS - ASK_EVERY_MS;
      await pause(clock, restMs, signal, connection.over, this.#heard.signal);
    }
    return this.#verdict;
  }

  /** Leaves nothing behind. */
  stop(): void {
    this.#over.stop();
  }

  #ask(connection: TerminalConnection): void {
    const { clock, params, asked, canAsk } = this.#options;
    if (!canAsk) return;
    if (this.#unanswered.calm + this.#unanswered.urgent >= MAX_UNANSWERED) return;
    const phase = this.#phase;
    const askedMs = clock.nowMs();
    const answer = connection.ask('Check', params);
    if (typeof answer === 'string') return;
    this.#unanswered[phase] += 1;
    if (phase === 'urgent') {
      this.#count += 1;
      asked(this.#count);
    }
    void answer.then((given) => {
      this.#unanswered[phase] -= 1;
      this.#heard.abort();
      this.#answered(given, phase === 'urgent' ? askedMs : undefined);
    });
  }

  /** @param askedMs when it was asked; undefined for a calm question. */
  #answered(answer: Answer, askedMs: number | undefined): void {
    const finding = this.#options.judge(answer);
    if (finding.is === 'active') {
      this.#activeMs = this.#options.clock.nowMs();
      this.#notFoundMs = undefined;
    }
    const counts = finding.is === 'outcome' || (finding.is === 'not-found' && this.#isNotFound(askedMs));
    if (!counts) return;
    this.#verdict ??= finding.verdict;
    this.#over.abort();
  }

  /** Whether "not found" counts now that it has been said once more. */
  #isNotFound(askedMs: number | undefined): boolean {
    if (askedMs === undefined || askedMs < this.#activeMs) return false;
    const { notFoundAfterMs, isDoubtful } = this.#options;
    this.#notFoundMs = Math.min(this.#notFoundMs ?? askedMs, askedMs);
    const isLate =
      askedMs - this.#notFoundMs >= NOT_FOUND_APART_MS && askedMs - this.#beganMs >= notFoundAfterMs;
    return isLate && !isDoubtful;
  }

  /** After a first "not found" no longer than until a second one counts. */
  #delayMs(): number {
    const regularMs = FIRST_DELAYS_MS[this.#count - 1] ?? ASK_EVERY_MS;
    const leftMs =
      this.#notFoundMs === undefined
        ? 0
        : this.#notFoundMs + NOT_FOUND_APART_MS - this.#options.clock.nowMs();
    return leftMs > 0 ? Math.min(regularMs, leftMs) : regularMs;
  }
}
