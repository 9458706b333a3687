import { expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import { PosError } from '../../src/pos/pos-error.ts';
import { freePort, Workbench } from '../interop/kit.ts';
import type { Answer, Handler } from '../kit/application.ts';
import { type Cut, CutRelay } from './cut-relay.ts';
import { fastClock, isSoak } from './pos-kit.ts';
import { Random, sizeOf } from './random.ts';

/**
 * Our register of SCA, whose connection is cut after every byte of a purchase, in either direction and in every way:
 * its own to a terminal on TCP, and a terminal's to the broker, which is killed then. The application keeps a record of
 * what it charges: one charge at most, and what the register believes is what the record says.
 */

const SEED = sizeOf('SOAK_SEED', 1);
/** One byte of so many is tried. */
const STRIDE = isSoak ? 1 : 1201;
/** A broker has to start again each time. */
const BROKER_STRIDE = isSoak ? 20 : 800;
const TERMINALS = isSoak ? 4 : 2;
const CLOCK = fastClock(40);
const MINUTE_MS = 60_000;
const WAYS = ['end', 'reset', 'silence'] as const;
const APPROVED = 1250;
const DECLINED = 1201;

/** What was charged, by INVOICE without what makes it unique. */
type Charges = Map<string, number>;

async function openApplication(bench: Workbench): Promise<Charges> {
  const charges: Charges = new Map();
  const outcomes = new Map<string, Answer>();
  const answer: Handler = ({ method, params }) => {
    const key = `${params?.['receipt_id']} ${params?.['sequence_id']}`;
    if (method === 'Purchase' && !outcomes.has(key)) {
      const { amount, sca } = params as { amount: number; sca: { INVOICE: string } };
      const receipt = sca.INVOICE.replace(/-[0-9A-F]{6}$/, '');
      if (amount === APPROVED) charges.set(receipt, (charges.get(receipt) ?? 0) + 1);
      outcomes.set(
        key,
        amount === APPROVED
          ? { result: { amount, currency: 'USD', authorization_code: 'A1' } }
          : { error: { code: 1, message: 'no', data: { string_code: 'DECLINED', details: 'no' } } },
      );
    }
    if (method !== 'Purchase' && method !== 'Check') return NO_METHOD;
    return outcomes.get(key) ?? NOT_FOUND;
  };
  await bench.application(answer);
  return charges;
}

const errorOf = (code: string) => ({
  error: { code: 1, message: code, data: { string_code: code, details: code } },
});
const NO_METHOD = errorOf('JSONRPC_METHOD_NOT_FOUND');
const NOT_FOUND = errorOf('TRANSACTION_NOT_FOUND');

/** `unknown`: nobody can say. */
type Believed = 'approved' | 'declined' | 'cancelled' | 'not-reached' | 'not-started' | 'unknown';

async function purchase(
  { port, store }: { readonly port: number; readonly store: string },
  receiptId: string,
  amountMinor: number,
): Promise<Believed> {
  const client = await PosClient.open({
    to: `sca+tcp:127.0.0.1:${port}?currency=USD&secondary=none&host-timeout=20`,
    store,
    clock: CLOCK,
    connectTimeoutMs: 20 * MINUTE_MS,
    outcomeWaitMs: 2 * MINUTE_MS,
    keepsUnsent: true,
  });
  try {
    const { outcome, reason } = await client.purchase({ amountMinor, currency: 'USD', receiptId });
    return reason?.code === 'TRANSACTION_NOT_FOUND' ? 'not-reached' : outcome;
  } catch (fault) {
    if (fault instanceof PosError && fault.code === 'OUTCOME_UNKNOWN') return 'unknown';
    throw fault;
  } finally {
    await client.close();
  }
}

interface Attempt {
  readonly receiptId: string;
  readonly cut: Cut;
  readonly amountMinor: number;
  readonly believed: Believed;
}

/** Attempts that charged twice, and those whose register believes what is not so. */
function wrongAmong(attempts: readonly Attempt[], charges: Charges): unknown[] {
  return attempts
    .map((attempt) => ({ ...attempt, charges: charges.get(attempt.receiptId) ?? 0 }))
    .filter(({ believed, charges: count, amountMinor }) => {
      if (count > 1 || (believed !== 'unknown' && (believed === 'approved') !== (count === 1))) return true;
      return believed === 'declined' && amountMinor !== DECLINED;
    });
}

function cutsOf(total: Readonly<Record<Cut['direction'], number>>, stride: number): Cut[] {
  return (['there', 'back'] as const).flatMap((direction) =>
    WAYS.flatMap((how, way) =>
      Array.from({ length: total[direction] + 1 }, (_, at) => at)
        .filter((at) => (at + way * 83 + SEED * 5) % stride === 0)
        .map((afterBytes): Cut => ({ direction, afterBytes, how })),
    ),
  );
}

function countsOf(attempts: readonly Attempt[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { believed } of attempts) counts[believed] = (counts[believed] ?? 0) + 1;
  return counts;
}

test('a register whose connection to a terminal is cut after any byte: one charge at most, and no untruth', {
  timeout: isSoak ? 3_600_000 : 120_000,
}, async () => {
  const benches: Workbench[] = [];
  const relays: CutRelay[] = [];
  try {
    const tills = await Promise.all(
      Array.from({ length: TERMINALS }, async () => {
        const bench = await Workbench.open();
        benches.push(bench);
        const charges = await openApplication(bench);
        const { port } = await bench.startServe([
          ...['--dialect', 'sca', '--auto-pair', '--currency', 'USD', '--journal', bench.path('journal')],
          ...['--app', `unix:${bench.socketPath}`],
        ]);
        const relay = await CutRelay.open(port);
        relays.push(relay);
        return { port: relay.port, store: bench.path('store'), relay, charges };
      }),
    );
    const totals = await Promise.all(
      tills.map(async (till) => {
        // The first sale pairs; the second one is as long as all others.
        expect(await purchase(till, 'R-A', APPROVED)).toBe('approved');
        expect(await purchase(till, 'R-B', DECLINED)).toBe('declined');
        const { there, back } = till.relay.newest ?? {};
        return { there: there?.passed ?? 0, back: back?.passed ?? 0 };
      }),
    );
    const [total = { there: 0, back: 0 }] = totals;
    const cuts = cutsOf(total, STRIDE);
    const made = await Promise.all(
      tills.map(async (till, till_index) => {
        const random = new Random(SEED * 100 + till_index);
        const attempts: Attempt[] = [];
        for (const [index, cut] of cuts.filter((_, at) => at % TERMINALS === till_index).entries()) {
          till.relay.arm(cut);
          const receiptId = `R-${index + 1}`;
          const amountMinor = random.oneOf(APPROVED, APPROVED, DECLINED);
          const believed = await purchase(till, receiptId, amountMinor);
          till.relay.cutNow(); // silent connections would fill the terminal
          attempts.push({ receiptId, cut, amountMinor, believed });
        }
        expect(wrongAmong(attempts, till.charges)).toEqual([]);
        return attempts;
      }),
    );
    const counts = countsOf(made.flat());
    console.info(`${cuts.length} cuts of`, JSON.stringify(total), JSON.stringify(counts));
    if (isSoak) expect(counts['approved']).toBeGreaterThan(0);
  } finally {
    for (const relay of relays) await relay.close();
    for (const bench of benches) await bench.close();
  }
});

test('a broker that is killed at any byte of a payment: one charge at most, and no untruth', {
  timeout: isSoak ? 3_600_000 : 120_000,
}, async () => {
  const bench = await Workbench.open();
  let relay: CutRelay | undefined;
  try {
    const [port, primary] = [await freePort(), await freePort()];
    const startBroker = async () => {
      const { server } = await bench.startServe([
        ...['--dialect', 'sca', '--role', 'broker', '--listen', `ws://127.0.0.1:${port}/`, '--app', 'null:'],
        ...['--for', `T-1=tcp:127.0.0.1:${primary}`],
      ]);
      return server;
    };
    let broker = await startBroker();
    const charges = await openApplication(bench);
    relay = await CutRelay.open(port);
    bench.startBridge([
      ...['--dialect', 'sca', '--wire', `ws://127.0.0.1:${relay.port}/`, '--pinpad-id', 'T-1'],
      ...['--skip-pos-auth', '--currency', 'USD', '--journal', bench.path('journal')],
      ...['--app', `unix:${bench.socketPath}`],
    ]);
    await broker.says(/connected connection="?T-1\./);
    const till = { port: primary, store: bench.path('store') };
    const passed = () => ({ there: relay?.newest?.there.passed ?? 0, back: relay?.newest?.back.passed ?? 0 });
    const before = passed();
    expect(await purchase(till, 'R-A', APPROVED)).toBe('approved');
    const after = passed();
    const cuts = cutsOf({ there: after.there - before.there, back: after.back - before.back }, BROKER_STRIDE);
    const attempts: Attempt[] = [];
    for (const [index, cut] of cuts.filter(({ how }) => how === 'end').entries()) {
      const receiptId = `R-${index + 1}`;
      const gone = relay.newest?.[cut.direction].pass(cut.afterBytes);
      const believing = purchase(till, receiptId, APPROVED);
      await Promise.race([gone, believing]);
      await broker.kill();
      relay.cutNow();
      broker = await startBroker();
      await broker.says(/connected connection="?T-1\./);
      attempts.push({ receiptId, cut, amountMinor: APPROVED, believed: await believing });
    }
    console.info(`${attempts.length} kills`, JSON.stringify(countsOf(attempts)));
    expect(wrongAmong(attempts, charges)).toEqual([]);
  } finally {
    await relay?.close();
    await bench.close();
  }
});
