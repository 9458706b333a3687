import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { pause } from '../base/pause.ts';
import type { Answer } from './answer.ts';
import type { Keeper } from './keeper.ts';
import type { Finding, Verdict } from './outcome.ts';
import type { TerminalConnection } from './terminal-connection.ts';
import { AnySignal } from './wait.ts';

/** Between one question and the next. */
const FIRST_DELAYS_MS = [1000, 2000];
const ASK_EVERY_MS = 5000;
/**
 * "Not found" counts when it is said twice, to questions that are so far apart: until then the sale may still lie in a buffer on
 * the way. Measured by a clock that never jumps, so after a restart it is waited for anew.
 */
const NOT_FOUND_APART_MS = 5000;
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
  /** How long after the beginning of the search "not found" may still mean that the sale has not ended. */
  readonly notFoundAfterMs: number;
  readonly judge: (answer: Answer) => Finding;
  /** Whether at the other end of this connection is another terminal, which cannot know: that ends the search. */
  readonly isElsewhere: (connection: TerminalConnection) => Promise<boolean>;
  /** A question has gone out, the `count`th one. */
  readonly asked: (count: number) => void;
}

/**
 * Asks the terminal by `Check` how a sale ended: at once, after 1, 2, then every 5 s, and at once on every new connection,
 * until it says so. The search begins when the sale can be under way no more on our side: its connection was lost, or has
 * brought an answer. After TRANSACTION_ACTIVE the wait until "not found" counts begins anew: a terminal that has just lost its
 * memory gets the time to find it, while a bridge says "active" of what it is still looking for and then truly does not find.
 *
 * @returns undefined when `signal` aborts or the keeper is closed first, or nobody at the other end can know.
 */
export async function searchOutcome(options: SearchOptions): Promise<Verdict | undefined> {
  const { keeper, clock, params, notFoundAfterMs } = options;
  const beganMs = clock.nowMs();
  const found = deferred<Verdict>();
  const over = new AnySignal(options.signal);
  const { signal } = over;
  let count = 0;
  let open = 0;
  let isFound = false;
  let activeMs = Number.NEGATIVE_INFINITY;
  /** When the question went out that was the first one to be answered by "not found". */
  let notFoundMs: number | undefined;

  const counts = (finding: Finding, askedMs: number) => {
    if (finding.is === 'active') {
      activeMs = clock.nowMs();
      notFoundMs = undefined;
    }
    if (finding.is !== 'not-found') return finding.is === 'outcome';
    if (askedMs < activeMs) return false;
    notFoundMs = Math.min(notFoundMs ?? askedMs, askedMs);
    const isLate = askedMs - notFoundMs >= NOT_FOUND_APART_MS && askedMs - beganMs >= notFoundAfterMs;
    return isLate && !options.isDoubtful;
  };

  const answered = (answer: Answer, askedMs: number) => {
    open -= 1;
    const finding = options.judge(answer);
    if (!counts(finding, askedMs) || !('verdict' in finding)) return;
    isFound = true;
    found.resolve(finding.verdict);
    over.abort();
  };

  /** After a first "not found" no longer than until a second one counts. */
  const delayMs = () => {
    const regularMs = FIRST_DELAYS_MS[count - 1] ?? ASK_EVERY_MS;
    const leftMs = notFoundMs === undefined ? 0 : notFoundMs + NOT_FOUND_APART_MS - clock.nowMs();
    return leftMs > 0 ? Math.min(regularMs, leftMs) : regularMs;
  };

  while (!signal.aborted) {
    const connection = await keeper.speaking(signal);
    if (connection === undefined || signal.aborted) break;
    if ((await options.isElsewhere(connection)) || signal.aborted) break;
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
