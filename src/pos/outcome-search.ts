import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { pause } from '../base/pause.ts';
import type { Answer } from './answer.ts';
import type { Keeper } from './keeper.ts';
import { judgeCheckAnswer, saysActive, type Verdict } from './outcome.ts';
import { AnySignal } from './wait.ts';

/** Between one question and the next. */
const FIRST_DELAYS_MS = [1000, 2000];
const ASK_EVERY_MS = 5000;
/**
 * "Not found" counts when it is asked for this long after the search began, which is after the connection that carried
 * the sale was lost or had answered: until then the sale may still lie in a buffer on the way. Measured by a clock
 * that never jumps, so after a restart it is waited for anew.
 */
const NOT_FOUND_AFTER_MS = 5000;
/** Questions without an answer; late answers count, but an endless number is not waited for. */
const MAX_OPEN = 8;

export interface SearchOptions {
  readonly keeper: Keeper;
  readonly clock: Clock;
  /** Params of the questions. */
  readonly params: string;
  /** Gives up. */
  readonly signal: AbortSignal;
  /** "Not found" proves nothing: an outcome once stood in the store. */
  readonly isDoubtful?: boolean;
  /** A question has gone out, the `count`th one. */
  readonly asked: (count: number) => void;
}

/**
 * Asks the terminal by `Check` how a sale ended: at once, after 1, 2, then every 5 s, and at once on every new
 * connection, until it says so. Undefined when `signal` aborts or the keeper is closed first. After
 * TRANSACTION_ACTIVE the wait until "not found" counts begins anew: a terminal that has just lost its memory gets the time to
 * find it, while a bridge says "active" of what it is still looking for and then truly does not find.
 */
export async function searchOutcome(options: SearchOptions): Promise<Verdict | undefined> {
  const { keeper, clock, params } = options;
  /** From here on "not found" is waited for. */
  let sinceMs = clock.nowMs();
  const found = deferred<Verdict>();
  const over = new AnySignal(options.signal);
  const { signal } = over;
  let count = 0;
  let open = 0;
  let isFound = false;
  let isEarly = false;

  const answered = (answer: Answer, askedMs: number) => {
    open -= 1;
    const verdict = judgeCheckAnswer(answer);
    if (saysActive(answer)) sinceMs = clock.nowMs();
    if (verdict === 'ask') return;
    if (verdict.outcome === 'not-reached') {
      isEarly = askedMs - sinceMs < NOT_FOUND_AFTER_MS;
      if (isEarly || options.isDoubtful) return;
    }
    isFound = true;
    found.resolve(verdict);
    over.abort();
  };

  /** After an early "not found" no longer than until one counts. */
  const delayMs = () => {
    const regularMs = FIRST_DELAYS_MS[count - 1] ?? ASK_EVERY_MS;
    const leftMs = sinceMs + NOT_FOUND_AFTER_MS - clock.nowMs();
    return isEarly && leftMs > 0 ? Math.min(regularMs, leftMs) : regularMs;
  };

  while (!signal.aborted) {
    const connection = await keeper.speaking(signal);
    if (connection === undefined || signal.aborted) break;
    if (open < MAX_OPEN) {
      const askedMs = clock.nowMs();
      const answer = connection.ask('Check', params);
      if (typeof answer !== 'string') {
        open += 1;
        count += 1;
        options.asked(count);
        void answer.then((given) => answered(given, askedMs));
      }
    }
    await pause(clock, delayMs(), signal, connection.over);
  }
  over.stop();
  return isFound ? found.promise : undefined;
}
