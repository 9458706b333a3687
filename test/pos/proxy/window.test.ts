import { expect, test } from 'vitest';
import { type Deferred, deferred } from '../../../src/base/deferred.ts';
import { Window } from '../../../src/pos/proxy/window.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { turn } from '../kit.ts';

function setUp() {
  const clock = new FakeClock();
  const questions: Deferred<void>[] = [];
  const seen = { opened: 0 };
  const window = new Window({
    clock,
    ask: () => {
      const question = deferred<void>();
      questions.push(question);
      return question.promise;
    },
    opened: () => {
      seen.opened += 1;
    },
  });
  const fill = () => {
    let bytes = 0;
    for (; window.isOpen && bytes < 100_000_000; bytes += 10_000) window.sent(10_000);
    return bytes;
  };
  return { clock, window, questions, seen, fill };
}

test('no more than a mebibyte is on its way, and a quarter more for each answer', async () => {
  const { clock, window, questions, seen, fill } = setUp();
  const full = fill();
  expect(full).toBeLessThan(1_060_000);
  expect(questions).toHaveLength(3);
  questions[0]?.resolve();
  await turn();
  expect([window.isOpen, seen.opened]).toEqual([true, 1]);
  const more = fill();
  expect([more > 250_000, more < 280_000]).toEqual([true, true]);
  for (const question of questions) question.resolve();
  await turn();
  expect(clock.timerCount).toBe(0);
});

test('little needs no question', () => {
  const { window, questions } = setUp();
  window.sent(250_000);
  expect(questions).toEqual([]);
});

test('a terminal that does not answer is not waited for any longer', async () => {
  const { clock, window, questions, seen, fill } = setUp();
  fill();
  clock.advance(30_000);
  expect(window.isOpen).toBe(true);
  expect(seen.opened).toBeGreaterThan(0);
  const asked = questions.length;
  expect(fill()).toBe(100_000_000);
  expect(questions).toHaveLength(asked);
  for (const question of questions) question.resolve();
  await turn();
  expect(clock.timerCount).toBe(0);
});

test('a window that is closed for good leaves no timer', () => {
  const { clock, window, fill } = setUp();
  fill();
  window.close();
  expect(clock.timerCount).toBe(0);
});
