import { expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import type { SaleOutcome } from '../../src/pos/sale.ts';
import { type Cut, CutRelay } from './cut-relay.ts';
import { Terminal } from './kit.ts';
import { fastClock, isSoak } from './pos-kit.ts';
import { Random, sizeOf } from './random.ts';

/**
 * A register whose connection is cut after every byte of a purchase, in either direction and in every way: in front of
 * a real bridge with a journal and an application that keeps a record of what it charges.
 */

const SEED = sizeOf('SOAK_SEED', 1);
/** One byte of so many is tried. */
const STRIDE = isSoak ? 1 : 12;
const TERMINALS = 4;
/** The register's time: a second between connections, 5 s until "not found" counts, 20 s for a keepalive. */
const CLOCK = fastClock(40);
const MINUTE_MS = 60_000;
const WAYS = ['end', 'reset', 'silence'] as const;

interface Till {
  readonly terminal: Terminal;
  readonly relay: CutRelay;
  readonly store: string;
}

async function openTill(): Promise<Till> {
  const terminal = await Terminal.open();
  const { port } = await terminal.serve();
  return { terminal, relay: await CutRelay.open(port), store: terminal.bench.path('store') };
}

function openClient({ relay, store }: Till): Promise<PosClient> {
  return PosClient.open({
    to: `tcp:127.0.0.1:${relay.port}`,
    store,
    clock: CLOCK,
    keepalive: { idleMs: 30_000, busyMs: 5000, limitMs: 20_000 },
    connectTimeoutMs: 20 * MINUTE_MS,
    outcomeWaitMs: 30 * MINUTE_MS,
  });
}

async function purchase(till: Till, receiptId: string, amountMinor: number): Promise<SaleOutcome> {
  const client = await openClient(till);
  try {
    return await client.purchase({ amountMinor, currency: 'EUR', receiptId });
  } finally {
    await client.close();
  }
}

/** How many bytes a purchase takes that nobody disturbs. */
async function lengths(till: Till): Promise<Record<Cut['direction'], number>> {
  const client = await openClient(till);
  expect(await client.purchase({ amountMinor: 1250, currency: 'EUR', receiptId: 'R-0' })).toMatchObject({
    outcome: 'approved',
  });
  const { there, back } = till.relay.newest ?? {};
  const passed = { there: there?.passed ?? 0, back: back?.passed ?? 0 };
  await client.close();
  return passed;
}

interface Attempt {
  readonly receiptId: string;
  readonly cut: Cut;
  readonly sale: SaleOutcome;
}

async function cutAll(till: Till, cuts: readonly Cut[], random: Random): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const [index, cut] of cuts.entries()) {
    till.terminal.application.set({ delayMs: random.below(4) });
    till.relay.arm(cut);
    const receiptId = `R-${index + 1}`;
    const sale = await purchase(till, receiptId, random.oneOf(1250, 1250, 1201));
    till.relay.cutNow(); // silent connections would fill the bridge
    attempts.push({ receiptId, cut, sale });
  }
  return attempts;
}

/** The register's truth is the record's, everybody is told the same, and nothing is open. */
async function verify(till: Till, attempts: readonly Attempt[]): Promise<void> {
  const { application } = till.terminal;
  const client = await openClient(till);
  const wrong: unknown[] = [];
  for (const { receiptId, cut, sale } of attempts) {
    const charges = application.charges(`${receiptId}/1`);
    const again = await client.check(receiptId);
    // Not `isRecorded`: by this clock the disk has an eighth of a second.
    const isTrue = charges === (sale.outcome === 'approved' ? 1 : 0);
    const isPlausible =
      sale.outcome === (sale.amountMinor === 1250 ? 'approved' : 'declined') ||
      sale.outcome === 'not-reached';
    if (!isTrue || !isPlausible || again.text !== sale.text)
      wrong.push({ receiptId, cut, sale, charges, again });
  }
  const open = [];
  for await (const sale of client.recover()) open.push(sale);
  await client.close();
  expect({ wrong, open }).toEqual({ wrong: [], open: [] });
}

test(`a connection cut after ${STRIDE === 1 ? 'every byte' : `one byte of ${STRIDE}`} of a purchase: one charge or none, and the register knows which`, {
  timeout: isSoak ? 1_800_000 : 120_000,
}, async () => {
  const tills: Till[] = [];
  try {
    for (let count = 0; count < TERMINALS; count += 1) tills.push(await openTill());
    const [first] = tills;
    if (first === undefined) return;
    const total = await lengths(first);
    const cuts = (['there', 'back'] as const).flatMap((direction) =>
      WAYS.flatMap((how, way) => {
        const all = Array.from({ length: total[direction] + 1 }, (_, at) => at);
        return all
          .filter((at) => (at + way * 4 + SEED * 5) % STRIDE === 0)
          .map((afterBytes): Cut => ({ direction, afterBytes, how }));
      }),
    );
    const attempts = await Promise.all(
      tills.map(async (till, index) => {
        const own = cuts.filter((_, at) => at % TERMINALS === index);
        const made = await cutAll(till, own, new Random(SEED * 100 + index));
        await verify(till, made);
        return made;
      }),
    );
    const count = (outcome: string) => attempts.flat().filter(({ sale }) => sale.outcome === outcome).length;
    const found = {
      approved: count('approved'),
      declined: count('declined'),
      notReached: count('not-reached'),
    };
    expect(Math.min(...Object.values(found))).toBeGreaterThan(0);
    console.info(`${cuts.length} cuts of`, JSON.stringify(total), JSON.stringify(found));
  } finally {
    await Promise.all(
      tills.map(async ({ terminal, relay }) => {
        await relay.close();
        await terminal.close();
      }),
    );
  }
});
