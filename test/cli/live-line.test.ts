import { beforeEach, expect, test } from 'vitest';
import { memorySink } from '../../src/base/log-sink.ts';
import { isUnicode, LiveLine } from '../../src/cli/live-line.ts';
import { FakeClock } from '../kit/fake-clock.ts';

let clock: FakeClock;
let shown: string[];
let line: LiveLine;

const frame = (text: string) => `\r\u001b[?7l${text}\u001b[K\u001b[?7h`;
const CLEAR = '\r\u001b[K';

beforeEach(() => {
  clock = new FakeClock();
  shown = [];
  line = new LiveLine({ clock, write: (text) => void shown.push(text), isUnicode: false });
});

test('shows a text at once, and turns its spinner', () => {
  line.show('waiting');
  clock.advance(360);
  expect(shown).toEqual(['- waiting', '\\ waiting', '| waiting', '/ waiting'].map(frame));
});

test('a new text takes the place of the old one, the spinner goes on', () => {
  line.show('waiting');
  line.show('processing');
  clock.advance(120);
  expect(shown).toEqual(['- waiting', '- processing', '\\ processing'].map(frame));
});

test('hidden it leaves nothing behind, neither on the terminal nor with the clock', () => {
  line.show('waiting');
  line.hide();
  line.hide();
  clock.advance(10_000);
  expect(shown).toEqual([frame('- waiting'), CLEAR]);
  expect(clock.timerCount).toBe(0);
});

test('lines of a log go above it', () => {
  const log = memorySink();
  const sink = line.around(log);
  sink.write('before');
  expect(shown).toEqual([]);
  line.show('waiting');
  sink.write('between');
  expect(shown).toEqual([frame('- waiting'), CLEAR, frame('- waiting')]);
  expect(log.lines).toEqual(['before', 'between']);
});

test.each([
  [{ LANG: 'de_DE.UTF-8' }, true],
  [{ LC_ALL: 'C', LANG: 'de_DE.UTF-8' }, false],
  [{ LC_ALL: '', LC_CTYPE: 'C.utf8' }, true],
  [{}, false],
])('the locale %j says UTF-8: %s', (env, expected) => {
  expect(isUnicode(env)).toBe(expected);
});
