import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import { isPartOf, LIMITS, parseScript, ScriptFault } from '../../src/terminal/script.ts';
import { ScriptPlayer, type ScriptSummary } from '../../src/terminal/script-player.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass, purchase } from './kit.ts';

const parse = (value: unknown) =>
  parseScript(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const step = (more: object = {}) => ({ expect: { method: 'Purchase' }, ...more });
const steps = (...actions: unknown[]) => ({ steps: [step({ actions })] });

describe('a script', () => {
  test('is read', () => {
    const script = parse({
      as_usual: ['Status'],
      steps: [
        {
          expect: { method: 'Purchase', params: { amount: 1250 } },
          actions: [
            { after_ms: 5, notify: { method: 'PosMessage', params: { message: 'Hello' } } },
            { error: { string_code: 'DECLINED', details: 'no', display_message: 'Nej' } },
            { close: true },
          ],
        },
        { expect: { method: 'Check' } },
      ],
    });
    expect([...script.asUsual]).toEqual(['Status']);
    expect(script.steps).toHaveLength(2);
    const [first, second] = script.steps;
    expect(first).toMatchObject({ method: 'Purchase', params: { amount: 1250 } });
    expect(first?.actions.map(({ afterMs, deed }) => [afterMs, deed.kind])).toEqual([
      [5, 'notify'],
      [0, 'answer'],
      [0, 'close'],
    ]);
    const deed = first?.actions[1]?.deed;
    expect(deed?.kind === 'answer' && JSON.parse(deed.answer.text.toString())).toEqual({
      code: 1,
      message: 'no',
      data: { string_code: 'DECLINED', details: 'no', display_message: 'Nej' },
    });
    expect(second).toEqual({ method: 'Check', params: undefined, actions: [] });
  });

  test.each<[unknown, string]>([
    ['{"steps": [}', 'line 1, column 12: the text is not JSON: an unexpected character at byte 11'],
    ['{"steps": [],\n  "steps": []}', 'line 2, column 3: a member is given twice'],
    ['{\n"steps": [', 'line 2, column 11: the text is not JSON: it ends too early, after 12 bytes'],
    ['[]', 'line 1, column 1: the text is not a JSON object'],
    [{}, 'steps is missing'],
    [{ steps: {} }, 'steps is no array'],
    [{ steps: [], step: 1 }, '"step" is not known here, only steps, as_usual'],
    [{ steps: [], as_usual: 'Status' }, 'as_usual is no array'],
    [{ steps: [], as_usual: [''] }, 'as_usual[0] is no name of a method'],
    [{ steps: [1] }, 'steps[0] is no object'],
    [{ steps: [step(), {}] }, 'steps[1].expect is missing'],
    [{ steps: [{ expect: {} }] }, 'steps[0].expect.method is missing'],
    [{ steps: [{ expect: { method: '_Connected' } }] }, 'steps[0].expect.method is no name of a method'],
    [{ steps: [{ expect: { method: 'A', params: [] } }] }, 'steps[0].expect.params is no object'],
    [{ steps: [step({ answer: {} })] }, 'steps[0]."answer" is not known here, only expect, actions'],
    [{ steps: [step({ actions: {} })] }, 'steps[0].actions is no array'],
    [steps({}), 'steps[0].actions[0] wants one of result, error, notify, close, die, and has 0'],
    [
      steps({ result: {}, close: true }),
      'steps[0].actions[0] wants one of result, error, notify, close, die, and has 2',
    ],
    [steps({ result: {} }, { result: {} }), 'steps[0].actions[1] is a second answer to one request'],
    [steps({ result: 5 }), 'steps[0].actions[0].result is no object'],
    [steps({ error: {} }), 'steps[0].actions[0].error.string_code is no string'],
    [steps({ error: { string_code: 'A', details: 1 } }), 'steps[0].actions[0].error.details is no string'],
    [
      steps({ error: { string_code: 'A', display_message: 1 } }),
      'steps[0].actions[0].error.display_message is no string',
    ],
    [steps({ notify: { params: {} } }), 'steps[0].actions[0].notify.method is missing'],
    [steps({ notify: { method: 'A', params: 1 } }), 'steps[0].actions[0].notify.params is no object'],
    [steps({ close: false }), 'steps[0].actions[0].close is not true'],
    [steps({ die: 'yes' }), 'steps[0].actions[0].die is not true'],
    [
      steps({ after_ms: -1, close: true }),
      'steps[0].actions[0].after_ms is no whole number from 0 to 3600000',
    ],
    [
      steps({ after_ms: 3_600_001, close: true }),
      'steps[0].actions[0].after_ms is no whole number from 0 to 3600000',
    ],
    [
      steps({ after_ms: '5', close: true }),
      'steps[0].actions[0].after_ms is no whole number from 0 to 3600000',
    ],
    [{ steps: Array(LIMITS.steps + 1).fill(step()) }, 'steps has more than 1000 items'],
    [steps(...Array(101).fill({ close: true })), 'steps[0].actions has more than 100 items'],
    [`{"steps": []}${' '.repeat(LIMITS.fileBytes)}`, 'it is larger than 1048576 bytes'],
    [`{"steps": ${'['.repeat(150)}${']'.repeat(150)}}`, 'it is nested deeper than 100'],
  ])('%j is refused with its place', (value, why) => {
    expect(() => parse(value)).toThrow(new ScriptFault('', why));
  });

  test('of any JSON is read or refused by a ScriptFault', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('steps', 'expect', 'actions', 'whole'), (value, where) => {
        const script =
          where === 'whole'
            ? value
            : where === 'steps'
              ? { steps: value }
              : { steps: [where === 'expect' ? { expect: value } : step({ actions: value })] };
        expect(outcomeOf(JSON.stringify(script))).toMatch(/^(read|refused)$/);
      }),
      { numRuns: 500 },
    );
  });

  test('of any bytes, cut or damaged, is read or refused', () => {
    const whole = Buffer.from(JSON.stringify(steps({ after_ms: 1, result: { a: 'ä' } }, { die: true })));
    for (let end = 0; end < whole.length; end += 1) expect(outcomeOf(whole.subarray(0, end))).toBe('refused');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        expect(outcomeOf(damaged)).toMatch(/^(read|refused)$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('that is read keeps what it was given', () => {
    const anyStep = fc.record({
      expect: fc.record({
        method: fc.constantFrom('Purchase', 'Check', 'X'),
        params: fc.dictionary(fc.string(), fc.jsonValue()),
      }),
      actions: fc.array(
        fc.record({
          after_ms: fc.nat(3_600_000),
          notify: fc.record({ method: fc.constant('N'), params: fc.constant({}) }),
        }),
        { maxLength: 5 },
      ),
    });
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 10 }), (all) => {
        const script = parse({ steps: all });
        expect(script.steps.map(({ method }) => method)).toEqual(all.map((one) => one.expect.method));
        expect(script.steps.map(({ actions }) => actions.map(({ afterMs }) => afterMs))).toEqual(
          all.map(({ actions }) => actions.map((action) => action.after_ms)),
        );
      }),
    );
  });
});

function outcomeOf(bytes: string | Buffer): string {
  try {
    parseScript(Buffer.from(bytes));
    return 'read';
  } catch (fault) {
    return fault instanceof ScriptFault ? 'refused' : String(fault);
  }
}

test.each([
  [{}, { a: 1 }, true],
  [{ a: 1 }, { a: 1, b: 2 }, true],
  [{ a: { b: 1 } }, { a: { b: 1, c: 2 } }, true],
  [{ a: [1, { b: 2 }] }, { a: [1, { b: 2, c: 3 }] }, true],
  [{ a: [1] }, { a: [1, 2] }, false],
  [{ a: 1 }, { a: '1' }, false],
  [{ a: null }, {}, false],
  [{ a: {} }, { a: [] }, false],
  [{ a: 1 }, [1], false],
  [JSON.parse('{"__proto__":1}'), {}, false],
])('params %j are part of %j: %s', (wanted, value, isPart) => {
  expect(isPartOf(wanted, value)).toBe(isPart);
});

describe('played', () => {
  let clock: FakeClock;
  let register: Attached;
  let player: ScriptPlayer;
  let deaths: number;
  let summary: ScriptSummary | undefined;

  beforeEach(() => {
    clock = new FakeClock();
    deaths = 0;
    summary = undefined;
  });

  function play(script: object): Terminal {
    const die = () => {
      deaths += 1;
    };
    player = new ScriptPlayer(parse(script), { clock, log, die });
    void player.finished.then((one) => {
      summary = one;
    });
    const terminal = new Terminal({ clock, log, script: player });
    register = new Attached(terminal);
    return terminal;
  }

  test('each action comes to its millisecond', async () => {
    play({
      steps: [
        {
          expect: { method: 'Purchase', params: { amount: 1250 } },
          actions: [
            { after_ms: 200, notify: { method: 'PosMessage', params: { message: 'Hello' } } },
            { after_ms: 50, result: { authorization_code: 'X' } },
            { after_ms: 7, notify: { method: 'StatusEvent' } },
          ],
        },
      ],
    });
    await register.request('1', 'Purchase', purchase());
    await pass(clock, 199);
    expect(register.lines).toEqual([]);
    await pass(clock, 1);
    expect(register.cashierTexts).toEqual(['Hello']);
    await pass(clock, 49);
    expect(register.answer('1')).toBeUndefined();
    await pass(clock, 1);
    expect(register.outcomeText('1')).toBe('result {"authorization_code":"X"}');
    expect(summary).toBeUndefined();
    await pass(clock, 7);
    expect(register.lines).toHaveLength(3);
    expect(summary).toEqual({ steps: 1, done: 1, misfits: 0 });
  });

  test('what does not fit is answered so that nobody takes it for an outcome, and counted', async () => {
    play({
      steps: [{ expect: { method: 'Check', params: { receipt_id: 'r1' } }, actions: [{ result: {} }] }],
    });
    await register.request('1', 'Purchase', purchase());
    expect(register.answer('1')?.error).toMatchObject({
      code: -32603,
      message: 'script: step 1: expects Check, got Purchase',
      data: { string_code: 'INTERNAL_ERROR' },
    });
    await register.request('2', 'Check', { receipt_id: 'other' });
    expect(register.answer('2')?.error?.message).toBe(
      'script: step 1: expects Check with {"receipt_id":"r1"}, got other params',
    );
    await register.request('3', 'Check', purchase());
    expect(register.answer('3')?.result).toEqual({});
    await register.request('4', 'Check', purchase());
    expect(register.answer('4')?.error?.message).toBe('script: the script is over');
    expect(player.summary).toEqual({ steps: 1, done: 1, misfits: 3 });
  });

  test('leaves to the terminal what is as usual', async () => {
    play({ as_usual: ['TerminalInfo'], steps: [step()] });
    await register.request('1', 'TerminalInfo', {});
    expect(register.answer('1')?.result).toMatchObject({ version: '18.9.0' });
    expect(player.summary.misfits).toBe(0);
  });

  test('steps overlap: the next one may be asked for while one still acts', async () => {
    play({
      steps: [
        step({ actions: [{ after_ms: 100, result: { late: true } }] }),
        { expect: { method: 'Check' }, actions: [{ result: {} }] },
      ],
    });
    await register.request('1', 'Purchase', purchase());
    await register.request('2', 'Check', purchase());
    expect(register.answer('2')?.result).toEqual({});
    expect(player.summary).toEqual({ steps: 2, done: 1, misfits: 0 });
    await pass(clock, 100);
    expect(register.answer('1')?.result).toEqual({ late: true });
    expect(summary).toEqual({ steps: 2, done: 2, misfits: 0 });
  });

  test('closes, dies, stays silent', async () => {
    play({
      steps: [step(), step({ actions: [{ die: true }] }), step({ actions: [{ after_ms: 5, close: true }] })],
    });
    for (const id of ['1', '2', '3']) await register.request(id, 'Purchase', purchase());
    expect(deaths).toBe(1);
    expect(register.isDestroyed).toBe(false);
    await pass(clock, 5);
    expect(register.isDestroyed).toBe(true);
    expect(register.lines).toEqual([]);
  });

  test('stopped in the middle, it says how far it came', async () => {
    const terminal = play({ steps: [step({ actions: [{ after_ms: 1000, result: {} }] }), step()] });
    await register.request('1', 'Purchase', purchase());
    void terminal.close();
    await pass(clock, 5000);
    expect(summary).toEqual({ steps: 2, done: 0, misfits: 0 });
    expect(register.answer('1')).toBeUndefined();
  });

  test('without steps it is over at once', async () => {
    play({ steps: [] });
    await pass(clock, 0);
    expect(summary).toEqual({ steps: 0, done: 0, misfits: 0 });
  });
});
