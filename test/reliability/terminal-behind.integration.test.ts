import { afterEach, describe, expect, test } from 'vitest';
import type { SaleOutcome } from '../../src/pos/sale.ts';
import type { Step } from './application.ts';
import type { Cut } from './cut-relay.ts';
import { isSoak } from './pos-kit.ts';
import { sizeOf } from './random.ts';
import { TerminalBehind } from './terminal-behind-kit.ts';

/**
 * A terminal behind the channels, cut off or killed at every stage: one charge or none, and the register knows which.
 */

const SEED = sizeOf('SOAK_SEED', 1);
/** One byte of so many is tried. */
const STRIDE = isSoak ? 5 : 500;
const TERMINALS = 4;
const WAYS = ['end', 'reset', 'silence'] as const;

const opened: TerminalBehind[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

async function open(how: 'bridge' | 'gateway'): Promise<TerminalBehind> {
  const behind = await TerminalBehind.open(how);
  opened.push(behind);
  return behind;
}

/** What the register was told is what happened to the money, and everybody is told the same afterwards. */
async function verify(behind: TerminalBehind, sales: readonly SaleOutcome[]): Promise<void> {
  const client = await behind.client();
  for (const sale of sales) {
    const { receiptId, outcome } = sale;
    expect([receiptId, outcome, behind.charges(receiptId)]).toEqual([
      receiptId,
      outcome,
      outcome === 'approved' ? 1 : 0,
    ]);
    expect((await client.check(receiptId)).text).toBe(sale.text);
  }
  const open = [];
  for await (const sale of client.recover()) open.push(sale);
  await client.close();
  expect(open).toEqual([]);
}

/** How many bytes a sale takes on a new line to the terminal that nobody disturbs. */
async function lengths(behind: TerminalBehind): Promise<Record<Cut['direction'], number>> {
  behind.relay.cutNow();
  expect(await behind.purchase('R-0')).toMatchObject({ outcome: 'approved' });
  const { there, back } = behind.relay.newest ?? {};
  return { there: there?.passed ?? 0, back: back?.passed ?? 0 };
}

describe.each(['bridge', 'gateway'] as const)('a terminal behind a %s', (how) => {
  test('whose line is cut after any byte of a sale', { timeout: isSoak ? 3_600_000 : 900_000 }, async () => {
    const all = await Promise.all(Array.from({ length: TERMINALS }, () => open(how)));
    const [first] = all;
    if (first === undefined) return;
    const total = await lengths(first);
    const cuts = (['there', 'back'] as const).flatMap((direction) =>
      WAYS.flatMap((way, index) =>
        Array.from({ length: total[direction] + 1 }, (_, at) => at)
          .filter((at) => (at + index * 31 + SEED * 17) % STRIDE === 0)
          .map((afterBytes): Cut => ({ direction, afterBytes, how: way })),
      ),
    );
    const made = await Promise.all(
      all.map(async (behind, number) => {
        const sales: SaleOutcome[] = [];
        for (const [index, cut] of cuts.filter((_, at) => at % TERMINALS === number).entries()) {
          behind.relay.arm(cut);
          behind.relay.cutNow();
          sales.push(await behind.purchase(`R-${number}-${index}`));
        }
        behind.relay.cutNow();
        await verify(behind, sales);
        return sales;
      }),
    );
    const outcomes = made.flat().map(({ outcome }) => outcome);
    expect(outcomes).toHaveLength(cuts.length);
    expect(new Set(outcomes)).toContain('approved');
    const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
    console.info(`${cuts.length} cuts of`, JSON.stringify(total), {
      approved: count('approved'),
      notReached: count('not-reached'),
      notStarted: count('not-started'),
    });
  });

  test.each(['read', 'begun', 'charged'] satisfies Step[])(
    'that is killed when it has %s the sale, and comes back',
    { timeout: 300_000 },
    async (step) => {
      const behind = await open(how);
      behind.terminal.application.set({ haltAt: step });
      const sale = behind.purchase('R-1');
      await behind.terminal.application.at(step, 'R-1/1');
      await behind.killFar();
      await behind.startFar();
      behind.terminal.application.go();
      const outcome = await sale;
      expect(outcome.outcome).toBe('approved');
      await verify(behind, [outcome]);
    },
  );

  test.each(['read', 'charged'] satisfies Step[])(
    'whose bridge is killed when the terminal has %s the sale, and comes back',
    { timeout: 300_000 },
    async (step) => {
      const behind = await open(how);
      behind.terminal.application.set({ haltAt: step });
      const sale = behind.purchase('R-1');
      await behind.terminal.application.at(step, 'R-1/1');
      await behind.front.kill();
      await behind.startFront();
      behind.terminal.application.go();
      const outcome = await sale;
      expect(outcome.outcome).toBe('approved');
      await verify(behind, [outcome]);
    },
  );
});

test.each(['read', 'charged'] satisfies Step[])(
  'a gateway that is killed when the terminal has %s the sale, and comes back',
  { timeout: 300_000 },
  async (step) => {
    const behind = await open('gateway');
    behind.terminal.application.set({ haltAt: step });
    const sale = behind.purchase('R-1');
    await behind.terminal.application.at(step, 'R-1/1');
    await behind.gateway.kill();
    await behind.startGateway();
    behind.terminal.application.go();
    const outcome = await sale;
    expect(outcome.outcome).toBe('approved');
    await verify(behind, [outcome]);
  },
);
