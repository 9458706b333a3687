import { describe, expect, test } from 'vitest';
import { Recovery } from '../../src/bridge/recovery.ts';
import { type OutcomeText, readStatement } from '../../src/rpc/outcome.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { codeOf, failure, result } from './journal-kit.ts';

/** A transaction and the application that is asked about it. The clock stands still between steps. */
function recovering({ notFoundAfterMs = 5000, onRunning = () => {} } = {}) {
  const clock = new FakeClock();
  /** When it was asked: the index is the question's number. */
  const asked: number[] = [];
  const found: string[] = [];
  let running = 0;
  const recovery = new Recovery({
    clock,
    notFoundAfterMs,
    ask: (question) => {
      expect(question).toBe(asked.length);
      asked.push(clock.nowMs());
    },
    found: (answer, meaning) => void found.push(`${codeOf(answer)}: ${meaning}`),
    running: () => {
      running += 1;
      onRunning();
    },
  });
  const answer = (text: OutcomeText, question = asked.length - 1, directCode?: string) =>
    recovery.answered(question, text, readStatement(text), directCode);
  return {
    recovery,
    clock,
    asked,
    found,
    runs: () => running,
    answer,
    /** Says this to the last question. */
    say: (code: string) => answer(code === 'result' ? result('{}') : failure(code)),
    /** When the next question comes, from now on; undefined: not within ten minutes. */
    next: (): number | undefined => {
      const [before, startMs] = [asked.length, clock.nowMs()];
      clock.advance(0);
      while (asked.length === before && clock.nowMs() - startMs < 600_000) clock.advance(100);
      return asked.length === before ? undefined : clock.nowMs() - startMs;
    },
  };
}

/** The same, handed over. */
function handedOver(options: Parameters<typeof recovering>[0] = {}) {
  const one = recovering(options);
  one.recovery.handedOver();
  return one;
}

/** And its application is gone, after a minute in which nothing was asked. */
function lost(options: Parameters<typeof recovering>[0] = {}) {
  const one = handedOver(options);
  one.clock.advance(50_000);
  one.recovery.lost();
  return one;
}

describe('an application that has a transaction', () => {
  test('is asked about nothing before it has it', () => {
    const { recovery, next } = recovering();
    expect([recovery.isLost, recovery.hasDoubt]).toEqual([false, false]);
    expect(next()).toBeUndefined();
  });

  test('is asked every minute while it is silent, and that is no doubt', () => {
    const { recovery, asked, clock } = handedOver();
    clock.advance(59_999);
    expect(asked).toEqual([]);
    clock.advance(120_001);
    expect(asked).toEqual([60_000, 120_000, 180_000]);
    expect([recovery.isLost, recovery.hasDoubt]).toEqual([false, false]);
  });

  test('is not asked sooner because it is handed over once more', () => {
    const { recovery, asked, clock } = handedOver();
    clock.advance(50_000);
    recovery.handedOver();
    clock.advance(10_000);
    expect(asked).toEqual([60_000]);
  });

  test('is not asked again at once when a calm question gets nothing, or is misunderstood once', () => {
    for (const code of ['NOT_READY', 'TRANSACTION_NOT_FOUND', 'TRANSACTION_ACTIVE']) {
      const { say, next } = handedOver();
      next();
      say(code);
      expect(next()).toBe(60_000);
    }
  });
});

describe('a group of applications that has a transaction', () => {
  const handedToGroup = () => {
    const one = recovering();
    one.recovery.handedOver(true);
    return one;
  };

  test('is asked every 10 s, since nobody sees one of them go', () => {
    const { asked, clock, say } = handedToGroup();
    clock.advance(10_000);
    say('TRANSACTION_ACTIVE');
    clock.advance(20_000);
    expect(asked).toEqual([10_000, 20_000, 30_000]);
  });

  test('is believed that it does not find it, which is recorded for all, when it says so twice', () => {
    const { say, next, found } = handedToGroup();
    expect(next()).toBe(10_000);
    say('TRANSACTION_NOT_FOUND');
    expect(found).toEqual([]);
    expect(next()).toBe(5000);
    say('TRANSACTION_NOT_FOUND');
    expect(found).toEqual(['TRANSACTION_NOT_FOUND: not-found']);
  });
});

describe('after the application was lost', () => {
  test('it is asked at once, after 1 and 2 s more, then every 5 s, whether or not it answers', () => {
    for (const say of [undefined, 'NOT_READY', 'BUSY', 'TRANSACTION_ACTIVE']) {
      const one = lost();
      for (let count = 0; count < 6; count += 1) {
        one.next();
        if (say !== undefined) one.say(say);
      }
      expect(one.asked.map((ms) => ms - 50_000)).toEqual([0, 1000, 3000, 8000, 13_000, 18_000]);
      expect([one.recovery.isLost, one.recovery.hasDoubt]).toEqual([true, true]);
    }
  });

  test('and lost again, it is asked as before, and not more often', () => {
    const { recovery, asked, clock } = lost();
    clock.advance(0);
    recovery.lost();
    clock.advance(999);
    expect(asked).toEqual([50_000]);
  });

  test('in the middle of urgent questions to it, the questions begin anew', () => {
    const { recovery, asked, clock, say } = handedOver();
    recovery.answeredOtherwise();
    clock.advance(0);
    say('NOT_READY');
    clock.advance(1000);
    say('NOT_READY');
    recovery.lost();
    clock.advance(3000);
    expect(asked).toEqual([0, 1000, 1000, 2000, 4000]);
  });

  test('a question that did not reach it is put at once when it is back; one that did is not', () => {
    const { recovery, asked, clock } = lost();
    clock.advance(0);
    recovery.applicationBack();
    clock.advance(0);
    expect(asked).toHaveLength(1);
    recovery.refused();
    clock.advance(500);
    expect(asked).toHaveLength(1);
    recovery.applicationBack();
    clock.advance(0);
    expect(asked).toEqual([50_000, 50_500]);
    recovery.applicationBack();
    clock.advance(0);
    expect(asked).toHaveLength(2);
  });

  test('TRANSACTION_ACTIVE is told, and the search goes on', () => {
    const { say, next, runs } = lost();
    next();
    say('TRANSACTION_ACTIVE');
    expect(runs()).toBe(1);
    expect(next()).toBe(1000);
  });
});

describe('after the application has said what is no outcome', () => {
  test('it is asked at once, and next when it has answered or after a minute', () => {
    const { recovery, asked, clock, say, next } = handedOver();
    recovery.answeredOtherwise();
    expect(recovery.hasDoubt).toBe(true);
    expect(recovery.isLost).toBe(false);
    clock.advance(0);
    expect(asked).toEqual([0]);
    expect(next()).toBe(60_000);
    say('NOT_READY');
    expect(next()).toBe(2000);
    say('NOT_READY');
    expect(next()).toBe(5000);
    say('NOT_READY');
    expect(next()).toBe(5000);
  });

  test('several words about one question bring the next one forward once', () => {
    const { recovery, asked, clock, say } = handedOver();
    recovery.answeredOtherwise();
    clock.advance(0);
    say('NOT_READY');
    clock.advance(900);
    say('NOT_READY');
    recovery.misheard();
    clock.advance(100);
    expect(asked).toEqual([0, 1000]);
  });

  test('words that cannot be read are the same, but never sooner than 5 s after the last question', () => {
    const { recovery, asked, clock } = handedOver();
    clock.advance(60_000);
    clock.advance(1000);
    recovery.misheard();
    expect(recovery.hasDoubt).toBe(true);
    clock.advance(3999);
    expect(asked).toEqual([60_000]);
    clock.advance(1);
    expect(asked).toEqual([60_000, 65_000]);
    recovery.misheard();
    clock.advance(1000);
    expect(asked).toEqual([60_000, 65_000, 66_000]);
  });

  test('several of them, one after the other, bring the question no nearer', () => {
    const { recovery, asked, clock } = handedOver();
    clock.advance(61_000);
    recovery.misheard();
    recovery.misheard();
    clock.advance(3999);
    expect(asked).toEqual([60_000]);
  });

  test('and long after the last question it is asked at once', () => {
    const { recovery, asked, clock } = handedOver();
    clock.advance(70_000);
    recovery.misheard();
    clock.advance(0);
    expect(asked).toEqual([60_000, 70_000]);
  });

  test('TRANSACTION_ACTIVE calms it: the next question comes in a minute', () => {
    const { recovery, clock, say, next, runs, found } = handedOver();
    recovery.answeredOtherwise();
    next();
    clock.advance(10_000);
    say('TRANSACTION_ACTIVE');
    expect(runs()).toBe(1);
    expect(next()).toBe(60_000);
    expect(recovery.hasDoubt).toBe(true); // what was said was said
    say('result');
    expect(found).toEqual(['result: charged']);
  });

  test('and asks nothing more where that was the last that anybody wanted to know', () => {
    const { recovery, say, next } = handedOver({ onRunning: () => recovery.stop() });
    next();
    say('TRANSACTION_ACTIVE');
    expect(next()).toBeUndefined();
  });

  test('nothing is asked before it was handed over, whatever is heard', () => {
    const { recovery, next } = recovering();
    recovery.answeredOtherwise();
    recovery.misheard();
    recovery.applicationBack();
    expect(next()).toBeUndefined();
  });

  test('an application that comes back is asked at once only where the last question did not reach it', () => {
    const { recovery, asked, clock } = handedOver();
    recovery.refused();
    recovery.applicationBack();
    clock.advance(1000);
    expect(asked).toEqual([]); // it is calm
    recovery.answeredOtherwise();
    clock.advance(0);
    recovery.refused();
    recovery.applicationBack();
    clock.advance(0);
    expect(asked).toEqual([1000, 1000]);
  });
});

describe('an outcome', () => {
  test.each([
    ['result', 'result: charged'],
    ['DECLINED', 'DECLINED: not-charged'],
  ])('%s ends the search, once, in answer to any question', (code, end) => {
    for (const begin of [handedOver, lost]) {
      const { say, next, found } = begin();
      next();
      say(code);
      say('result');
      say('TRANSACTION_ACTIVE');
      expect(found).toEqual([end]);
      expect(next()).toBeUndefined();
    }
  });

  test('is the code that the transaction itself was answered with, when a question gets it again', () => {
    const { recovery, asked, answer, next, found } = handedOver();
    recovery.answeredOtherwise();
    next();
    answer(failure('PRINTER_FAILED'), asked.length - 1, 'PAPER_OUT');
    expect(found).toEqual([]);
    answer(failure('PRINTER_FAILED'), asked.length - 1, 'PRINTER_FAILED');
    expect(found).toEqual(['PRINTER_FAILED: not-charged']);
  });

  test('is not heard before anything was handed over, nor when the search was stopped', () => {
    const early = recovering();
    early.answer(result('{}'), 0);
    expect(early.found).toEqual([]);
    const { recovery, say, next, found, runs } = lost();
    next();
    recovery.stop();
    say('result');
    say('TRANSACTION_ACTIVE');
    recovery.lost();
    recovery.answeredOtherwise();
    expect([found, runs(), next()]).toEqual([[], 0, undefined]);
  });

  test('a search can be stopped before anything was handed over', () => {
    const { recovery, next } = recovering();
    recovery.stop();
    recovery.handedOver();
    expect(next()).toBeUndefined();
  });

  test('a search that was stopped before the loss does not call it one', () => {
    const { recovery } = handedOver();
    recovery.stop();
    recovery.lost();
    expect(recovery.isLost).toBe(false);
  });
});

describe('"not found"', () => {
  const NOT_FOUND = 'TRANSACTION_NOT_FOUND';
  const ENDED = [`${NOT_FOUND}: not-found`];

  test('is an outcome when a question gets it that was put 5 s or more after the first was answered', () => {
    const { say, next, found, clock } = lost();
    next();
    clock.advance(300);
    say(NOT_FOUND);
    expect(next()).toBe(5000);
    expect(found).toEqual([]);
    say(NOT_FOUND);
    expect(found).toEqual(ENDED);
    expect(next()).toBeUndefined();
  });

  test('said twice to one question counts once', () => {
    const { say, next, found, clock } = lost();
    next();
    say(NOT_FOUND);
    clock.advance(4900);
    say(NOT_FOUND);
    expect(found).toEqual([]);
  });

  test('said by an application that still has the transaction proves nothing, however often', () => {
    const { say, next, found } = handedOver();
    for (let count = 0; count < 10; count += 1) {
      next();
      say(NOT_FOUND);
    }
    expect(found).toEqual([]);
  });

  test('in answer to a question from before the loss proves nothing after it, either', () => {
    const { recovery, say, answer, next, found } = handedOver();
    next();
    recovery.lost();
    answer(failure(NOT_FOUND), 0);
    next();
    say(NOT_FOUND);
    expect(found).toEqual([]);
    next();
    say(NOT_FOUND);
    expect(found).toEqual(ENDED);
  });

  test('counts after the application has answered the transaction itself, and from then on only', () => {
    const { recovery, say, answer, next, found } = handedOver();
    next();
    recovery.answeredOtherwise();
    answer(failure(NOT_FOUND), 0);
    next();
    recovery.answeredOtherwise(); // once more changes nothing
    say(NOT_FOUND);
    next();
    say(NOT_FOUND);
    expect(found).toEqual(ENDED);
  });

  test('does not count after words that could not be read: they may have been about something else', () => {
    const { recovery, say, next, found } = handedOver();
    recovery.misheard();
    for (let count = 0; count < 5; count += 1) {
      next();
      say(NOT_FOUND);
    }
    expect(found).toEqual([]);
  });

  test.each(['NOT_READY', 'TRANSACTION_ACTIVE'])('is said anew after %s came in between', (code) => {
    const { say, next, found } = lost();
    for (const words of [NOT_FOUND, code, NOT_FOUND]) {
      next();
      say(words);
    }
    expect(found).toEqual([]);
    next();
    say(NOT_FOUND);
    expect(found).toEqual(ENDED);
  });

  test('counts only so long after the transaction was handed over as its terminal needs', () => {
    const { recovery, say, clock, next, found } = recovering({ notFoundAfterMs: 20_000 });
    clock.advance(100_000);
    recovery.handedOver();
    clock.advance(2000);
    recovery.lost();
    const asked: number[] = [];
    while (found.length === 0 && asked.length < 20) {
      next();
      asked.push(clock.nowMs());
      say(NOT_FOUND);
    }
    expect(found).toEqual(ENDED);
    expect(asked.at(-1)).toBeGreaterThanOrEqual(120_000);
    expect(asked.at(-2)).toBeLessThan(120_000);
  });

  test('put exactly at that time, and exactly 5 s after the first, counts', () => {
    const { recovery, say, clock, found, asked } = handedOver({ notFoundAfterMs: 5000 });
    recovery.lost();
    clock.advance(0);
    say(NOT_FOUND);
    clock.advance(5000);
    expect(asked).toEqual([0, 5000]);
    say(NOT_FOUND);
    expect(found).toEqual(ENDED);
  });
});
