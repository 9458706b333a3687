import { expect, test } from 'vitest';
import { Terminal, type TerminalOptions, type Till, type View } from './kit.ts';
import { noSmallDisk } from './small-disk.ts';

/** One cell of a table in docs/reliability.md: its names are the test's title, its word is what the test verifies. */

/** The purchase that the fault happens to. */
export const KEY = 'R-1/1';

/** How things stand after the fault. */
export interface Aftermath {
  /** What the register of the purchase was told. */
  readonly first: View;
  /** Whose bridge has lived through it; else a new one is asked. */
  readonly till?: Till;
  /** The application is at it: lets it go on. */
  readonly proceed?: () => void;
}

type Way = 'Check' | 'the same Purchase';

/**
 * `free`: nothing is on record, nothing was charged, Check says so, a Purchase is a first one. `refused`: the same, and
 * the register was told an error. `not charged`: there is a record, and the application denies twice. `asked`:
 * the application gives its outcome. `cancelled`: the application gives an error as its outcome. `stored`: the journal
 * gives the outcome, without the application. `forgotten`: Check finds the outcome with the application, but a Purchase
 * is refused as a duplicate. `unknown`: nobody can say, and everybody is told that.
 */
export type Outcome =
  | 'free'
  | 'refused'
  | 'not charged'
  | 'asked'
  | 'cancelled'
  | 'stored'
  | 'forgotten'
  | 'unknown';

export interface CellOptions extends TerminalOptions {
  /** Where one cell has several tests: what is particular about this one. */
  readonly how?: string;
}

/** Tests a cell in both ways in which a register may ask. */
export function cell(
  [fault, moment, outcome]: readonly [fault: string, moment: string, outcome: Outcome],
  arrange: (terminal: Terminal) => Promise<Aftermath>,
  { how, ...options }: CellOptions = {},
): void {
  const name = `${fault}, ${moment}: ${outcome}${how === undefined ? '' : ` (${how})`}`;
  for (const way of ['Check', 'the same Purchase'] as const) {
    test.concurrent(`${name}, when asked by ${way}`, async ({ skip }) => {
      if (options.hasSmallDisk && noSmallDisk !== undefined) skip(noSmallDisk);
      const terminal = await Terminal.open(options);
      try {
        await verify(outcome, { terminal, way, ...(await arrange(terminal)) });
      } finally {
        await terminal.close();
      }
    });
  }
}

interface Situation extends Aftermath {
  readonly terminal: Terminal;
  readonly way: Way;
}

/** What is said to the first question, to every Check after it, and to a Purchase after that. */
type Answers = readonly [view: RegExp, told: RegExp, again: RegExp];

const APPROVED = /^approved$/;
const CANCELLED = /^CANCELLED$/;
const DUPLICATE = /^DUPLICATE_TRANSACTION$/;
const NOT_FOUND = /^TRANSACTION_NOT_FOUND$/;
const UNKNOWN = /^OUTCOME_UNKNOWN$/;

const UNSEEN = {
  Check: [NOT_FOUND, NOT_FOUND, DUPLICATE],
  'the same Purchase': [APPROVED, APPROVED, APPROVED],
} as const;

function always(word: RegExp): Record<Way, Answers> {
  return { Check: [word, word, word], 'the same Purchase': [word, word, word] };
}

const ANSWERS: Readonly<Record<Outcome, Readonly<Record<Way, Answers>>>> = {
  free: UNSEEN,
  refused: UNSEEN,
  'not charged': always(NOT_FOUND),
  asked: always(APPROVED),
  cancelled: always(CANCELLED),
  stored: always(APPROVED),
  forgotten: {
    Check: [APPROVED, APPROVED, DUPLICATE],
    'the same Purchase': [DUPLICATE, APPROVED, /^(approved|DUPLICATE_TRANSACTION)$/],
  },
  unknown: always(UNKNOWN),
};

async function verify(outcome: Outcome, situation: Situation): Promise<void> {
  const { terminal, way, first } = situation;
  const { application } = terminal;
  const till = situation.till ?? terminal.till();
  if (situation.till === undefined && outcome !== 'stored') await expectFree(terminal, till);
  if (outcome === 'stored') await application.kill();

  const view = await ask(till, situation);
  const later = terminal.till();
  const told = await later.check(KEY);
  for (const one of [till, later]) {
    if (!one.register.isClosed) expect(await one.check(KEY)).toEqual(told);
  }
  if (situation.till === undefined) await till.close();
  const again = await later.purchase(KEY);

  // Who has its answer, and is open and has gone on, does not get it again, nor does anybody else.
  const hasAnswer = situation.till !== undefined && first.kind !== 'lost' && outcome !== 'refused';
  const hasItNow = situation.till !== undefined && way !== 'Check' && view.kind !== 'lost';
  const [whenAsked, whenChecked, whenRepeated] = ANSWERS[outcome][way];
  const expected = [
    hasAnswer && way !== 'Check' ? DUPLICATE : whenAsked,
    whenChecked,
    hasAnswer || hasItNow ? DUPLICATE : whenRepeated,
  ];
  for (const [index, one] of [view, told, again].entries()) {
    expect(wordOf(one)).toMatch(expected[index] ?? /^$/);
    if (one.text !== '' && wordOf(one) === wordOf(told)) expect(one).toEqual(told);
  }
  if (outcome === 'refused') expect(first.kind).toBe('error');
  else if (first.kind !== 'lost') expect(first).toEqual(told);
  if (outcome === 'unknown')
    expect([view.kind, again.kind]).toEqual([way === 'Check' ? 'error' : 'lost', 'lost']);
  if (outcome === 'not charged') expect(application.count('asked', KEY)).toBe(2);
  expect(application.charges(KEY)).toBe(told.kind === 'result' ? 1 : 0);
}

function wordOf({ kind, code = kind }: View): string {
  return kind === 'result' ? 'approved' : code;
}

/** An unresolved transaction holds nobody up. */
async function expectFree({ application }: Terminal, till: Till): Promise<void> {
  expect(await till.purchase('NEXT/1')).toMatchObject({ kind: 'result' });
  expect(application.charges('NEXT/1')).toBe(1);
}

async function ask(till: Till, { way, proceed, terminal: { application } }: Situation): Promise<View> {
  if (way === 'Check') {
    if (proceed !== undefined) {
      expect(await till.check(KEY)).toMatchObject({ kind: 'error', code: 'TRANSACTION_ACTIVE' });
      proceed();
    }
    return till.checkUntilOver(KEY);
  }
  const asked = till.purchase(KEY);
  if (proceed !== undefined) {
    expect(await till.check(KEY)).toMatchObject({ kind: 'error', code: 'TRANSACTION_ACTIVE' });
    expect(application.charges(KEY)).toBe(0);
    proceed();
  }
  return asked;
}
