import { beforeEach, expect, test } from 'vitest';
import { silentLogger as log } from '../../src/base/log.ts';
import {
  type MethodName,
  type MethodWords,
  TRANSACTION_STATUSES,
  VOCABULARY,
} from '../../src/dialect/vocabulary.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, pass, purchase } from './kit.ts';

let clock: FakeClock;
let till: Attached;

beforeEach(() => {
  clock = new FakeClock();
  till = new Attached(new Terminal({ clock, log, delayMs: 30 }));
});

async function ask(method: string, params: object): Promise<Record<string, unknown>> {
  const id = `${method} ${till.lines.length}`;
  await till.request(id, method, params);
  await pass(clock, 60);
  return till.answer(id)?.result ?? {};
}

/** What is said has the members that are needed, and no others than the vocabulary has. */
function expectKept(said: Record<string, unknown>, members: MethodWords['params'] = {}): void {
  const needed = Object.keys(members).filter((name) => members[name]?.isNeeded);
  expect(Object.keys(said)).toEqual(expect.arrayContaining(needed));
  expect(Object.keys(said).filter((name) => members[name] === undefined)).toEqual([]);
}

test.each<[MethodName, object]>([
  ['Purchase', purchase({ cashback_amount: 100 })],
  ['Refund', purchase()],
  ['Totals', { close: true }],
  ['Status', {}],
  ['TerminalInfo', {}],
  ['Print', { text: 'x' }],
  ['DisplayScreen', { lines: ['x'] }],
  ['TextInput', {}],
  ['Suspend', {}],
  ['NetworkStart', {}],
  ['NetworkStop', {}],
  ['Abort', {}],
])('the simulated terminal answers %s with what the vocabulary has', async (method, params) => {
  const result = await ask(method, params);
  const words: MethodWords = VOCABULARY[method];
  expectKept(result, words.result);
});

test('the simulated terminal keeps to the vocabulary in what it tells by itself', async () => {
  await ask('Purchase', purchase({ amount: 1207 }));
  const told = till.messages.filter(({ method }) => method !== undefined);
  expect(new Set(told.map(({ method }) => method))).toEqual(new Set(['StatusEvent', 'PosMessage']));
  for (const { method, params = {} } of told) {
    const words: MethodWords = VOCABULARY[method as 'StatusEvent' | 'PosMessage'];
    expectKept(params, words.params);
  }
  expect(till.statuses).toEqual([...Object.keys(TRANSACTION_STATUSES), 'idle']);
});

test('the simulated terminal has every method that a register may ask for', async () => {
  for (const [name, words] of Object.entries<MethodWords>(VOCABULARY)) {
    if (words.from !== 'register' || words.form === 'notification') continue;
    await ask(name, {});
    expect([name, JSON.stringify(till.messages)]).toEqual([
      name,
      expect.not.stringContaining('METHOD_NOT_FOUND'),
    ]);
  }
});
