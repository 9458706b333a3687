import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEY } from './cell.ts';
import { Terminal, type Till } from './kit.ts';

/** What strace sees of a bridge: nothing is said before it is on the disk. */

interface Call {
  readonly name: string;
  /** The arguments, with the paths of descriptors, as strace prints them. */
  readonly text: string;
  /** Lines of the trace: where the call was made, and where it had succeeded. */
  readonly begun: number;
  readonly succeeded: number;
}

const CALLS = 'write,writev,pwrite64,sendto,sendmsg,fdatasync,fsync,link,linkat,unlink,unlinkat';

/** Calls of all threads. One that another thread interrupts takes two lines. */
function readTrace(file: string): Call[] {
  const open = new Map<string, { name: string; text: string; begun: number }>();
  const calls: Call[] = [];
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const earlier = open.get(thread);
    const text = resumed && earlier ? earlier.text + (resumed[1] ?? '') : rest;
    const begun = resumed && earlier ? earlier.begun : index;
    const name = /^(\w+)\(/.exec(text)?.[1] ?? '';
    if (text.endsWith('<unfinished ...>')) {
      open.set(thread, { name, text: text.replace(' <unfinished ...>', ''), begun });
    } else if (/ = \d+$/.test(text)) calls.push({ name, text, begun, succeeded: index });
  }
  return calls;
}

let terminal: Terminal;
let trace: string;

beforeEach(async () => {
  terminal = await Terminal.open();
  trace = terminal.bench.path('trace');
});

afterEach(async () => {
  await terminal.close();
});

function tracedTill(): Till {
  const flags = ['-f', '-y', '-qqq', '-s', '100000', '-o', trace, '-e', 'signal=none'];
  return terminal.till({ under: ['strace', ...flags, '-e', `trace=${CALLS}`, '--'] });
}

type Step = readonly [what: string, pattern: RegExp];

/** Each step has to be over before the next one begins, and none comes sooner. */
function expectInOrder(calls: readonly Call[], steps: readonly Step[]): void {
  let after = -1;
  for (const [what, pattern] of steps) {
    const fitting = calls.filter(({ text }) => pattern.test(text));
    const call = fitting.find(({ begun }) => begun > after);
    const tooSoon = fitting.find(({ begun }) => begun <= after);
    expect([what, call?.name, tooSoon?.text]).toEqual([what, expect.any(String), undefined]);
    after = call?.succeeded ?? after;
  }
}

const RECORDED: readonly Step[] = [
  ['its record is written', /^write\(\d+<[^>]*\.new>, "[0-9a-f]{8} /],
  ['its record is on the disk', /^fdatasync\(\d+<[^>]*\.new>\)/],
  ['the record gets its name', /^link(at)?\(.*\.entry"/],
  ['the name is on the disk', /^fsync\(\d+<[^>]*\/journal>\)/],
];
const HANDED_OVER: Step = [
  'it is handed over',
  /^(write|writev|sendto|sendmsg)\(\d+<[^/>]+>.*\\"Purchase\\"/,
];
const ENDED: readonly Step[] = [
  ['its outcome is written', /^write\(\d+<[^>]*\.(new|entry)>.*\\"state\\":\\"done\\"/],
  ['its outcome is on the disk', /^fdatasync\(\d+<[^>]*\.(new>\(deleted\)|entry>)/],
];
const TOLD: Step = ['the register is told', /^(write|writev|sendto|sendmsg)\(1<.*\\"response_to\\":/];

describe('on the disk first', () => {
  test('the record before the first byte for the application, the outcome before the answer', async () => {
    const till = tracedTill();
    await terminal.application.at('connected');
    expect((await till.purchase(KEY)).kind).toBe('result');
    await till.close();
    expectInOrder(readTrace(trace), [...RECORDED, HANDED_OVER, ...ENDED, TOLD]);
  });

  test('the name of the folder before anything in it, also where its maker died before it was synced', async () => {
    const folder = terminal.bench.path('journal');
    for (const file of readdirSync(folder)) rmSync(path.join(folder, file));
    const till = tracedTill();
    await terminal.application.at('connected');
    expect((await till.purchase(KEY)).kind).toBe('result');
    await till.close();
    const named: Step = ['its name is on the disk', new RegExp(`^fsync\\(\\d+<${path.dirname(folder)}>\\)`)];
    expectInOrder(readTrace(trace), [named, ['a file in it gets its name', /^link(at)?\(/]]);
  });

  test('the outcome that a Check has found before it is told', async () => {
    await terminal.till({ fault: 'before-done' }).purchase(KEY);
    const till = tracedTill();
    expect((await till.check(KEY)).kind).toBe('result');
    await till.close();
    expectInOrder(readTrace(trace), [...ENDED, TOLD]);
  });

  test('that there was no such transaction before a Check is told that', async () => {
    const till = tracedTill();
    expect((await till.check(KEY)).code).toBe('TRANSACTION_NOT_FOUND');
    await till.close();
    expectInOrder(readTrace(trace), [...RECORDED, TOLD]);
  });
});
