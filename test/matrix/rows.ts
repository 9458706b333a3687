import { test as base, describe, expect, vi } from 'vitest';
import { type Running, Workbench } from '../interop/kit.ts';
import { isSoak } from '../reliability/pos-kit.ts';
import { Pair } from './pair.ts';
import {
  CASES,
  type CaseName,
  ENDS,
  type Expected,
  type PaymentEnd,
  PROTOCOLS,
  type Protocol,
} from './table.ts';

vi.setConfig({ maxConcurrency: 6 }); // they wait much more than they work

const FAULTS = ['register dies', 'bridge dies', 'terminal dies'] as const;

/** Outside of a soak every other pair, so that each fault still meets each register and each end. */
function isTried(fault: (typeof FAULTS)[number] | 'link cut', register: Protocol, end: PaymentEnd): boolean {
  const places = [PROTOCOLS.findIndex(({ name }) => name === register.name), ENDS.indexOf(end)];
  const at = fault === 'link cut' ? FAULTS.length : FAULTS.indexOf(fault);
  return isSoak || places.reduce((sum, place) => sum + place, at) % 2 === 0;
}

/** The simulator is inside the bridge: it does not die alone, and decides at once. */
const faultsAt = (register: Protocol, end: PaymentEnd) =>
  FAULTS.filter((fault) => fault === 'terminal dies' || end.kind !== 'simulator').filter((fault) =>
    isTried(fault, register, end),
  );

/** Bytes from the register after which its line is cut: in the first words, in the request, behind it. */
const CUTS = isSoak ? [12, 150, 400] : [400];

interface Ends {
  readonly register: Protocol;
  readonly end: PaymentEnd;
}

function caseNamed(name: CaseName) {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no case ${name}`);
  return found;
}

const statusOf = async (program: Running) => (await program.exited).code;

/** Whatever was said is true: approved means charged, declined means not. */
async function expectTruth(
  status: number | null,
  charges: number,
  expected: Expected,
  what: string,
): Promise<void> {
  const isUnknown = status === 75;
  if (expected === 'truth') expect(isUnknown, `${what}: unknown`).toBe(false);
  if (!isUnknown) expect([what, status, charges]).toEqual([what, status, status === 0 ? 1 : 0]);
  expect(charges, `${what}: charged ${charges} times`).toBeLessThanOrEqual(1);
}

/** Where nobody can tell, there is no use in waiting. */
const patience = (wanted: Expected) => ['--outcome-wait', wanted === 'honest' ? '6s' : '45s'];

/** One after the other at the same processes. */
async function expectWholeDay(pair: Pair, { register, end }: Ends): Promise<void> {
  let charges = 0;
  for (const name of ['approved', 'declined', 'cancelled', 'refund', 'wrong amount'] as const) {
    const wanted = caseNamed(name).expected(register, end);
    const { amount } = caseNamed(name);
    if (typeof wanted !== 'object') continue;
    const sale = pair.begin(name === 'refund' ? 'refund' : 'purchase', amount);
    const status = await statusOf(sale);
    charges += wanted.charges;
    expect([name, status, await pair.charges(), status === wanted.status ? '' : sale.errors]).toEqual([
      name,
      wanted.status,
      charges,
      '',
    ]);
  }
}

async function expectAborted(pair: Pair): Promise<void> {
  const sale = pair.begin('purchase', caseNamed('aborted').amount);
  await pair.underWay();
  sale.signal('SIGINT');
  expect([await statusOf(sale), await pair.charges()]).toEqual([1, 0]);
}

async function expectFault(pair: Pair, name: CaseName, { register, end }: Ends): Promise<void> {
  const { amount } = caseNamed(name);
  const wanted = caseNamed(name).expected(register, end);
  const args = patience(wanted);
  const sale = pair.begin('purchase', amount, { args });
  let asked = sale;
  if (name === 'register dies') {
    await pair.underWay();
    await sale.kill();
    pair.go();
    asked = pair.pos(['recover', ...args]);
  } else if (name === 'bridge dies') {
    await pair.underWay();
    await pair.killBridge();
    pair.go();
    await pair.startBridge();
  }
  const status = await statusOf(asked);
  if (typeof wanted === 'object')
    expect([status, await pair.charges()]).toEqual([wanted.status, wanted.charges]);
  else await expectTruth(status, await pair.charges(), wanted, name);
}

async function expectCut(pair: Pair, bytes: number, { register, end }: Ends): Promise<void> {
  const { amount } = caseNamed('link cut');
  const wanted = caseNamed('link cut').expected(register, end);
  const relay = await pair.relay();
  try {
    const first = relay.next();
    const sale = pair.begin('purchase', amount, { port: relay.port, args: patience(wanted) });
    void first.then((line) => line.cutAfter(bytes, 'there')).catch(() => {});
    const status = await statusOf(sale);
    // Cut before anything was sent, it may be no sale at all.
    if (status === 111) expect(await pair.charges()).toBe(0);
    else await expectTruth(status, await pair.charges(), wanted, `cut after ${bytes} bytes`);
  } finally {
    await relay.close();
  }
}

/** The tests of one register protocol: it pays at every payment end. */
export function describeRegister(name: (typeof PROTOCOLS)[number]['name']): void {
  const register: Protocol | undefined = PROTOCOLS.find((protocol) => protocol.name === name);
  if (register === undefined) throw new Error(`there is no register protocol ${name}`);

  describe.concurrent.each(ENDS.map((end) => [end.name, end] as const))(
    `a register that speaks ${name} pays at %s`,
    (_, end) => {
      const test = base.extend<{ pair: Pair }>({
        // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it that no other fixture is wanted
        pair: async ({}, use) => {
          const bench = await Workbench.open();
          try {
            const pair = await Pair.open(bench, register, end);
            await use(pair);
            pair.close();
          } finally {
            await bench.close();
          }
        },
      });
      const ends = { register, end };

      test('approved, declined, cancelled, given back, and for less than was asked for', ({ pair }) =>
        expectWholeDay(pair, ends));

      if (end.kind !== 'simulator') {
        test('not, when the cashier aborts', ({ pair }) => expectAborted(pair));
      }

      for (const fault of faultsAt(register, end)) {
        test(`once and truly, although the ${fault}`, ({ pair }) => expectFault(pair, fault, ends));
      }

      for (const bytes of isTried('link cut', register, end) ? CUTS : []) {
        test(`once and truly, although the line is cut after ${bytes} bytes`, ({ pair }) =>
          expectCut(pair, bytes, ends));
      }
    },
  );
}
