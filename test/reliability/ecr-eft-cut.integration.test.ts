import { expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import { PosError } from '../../src/pos/pos-error.ts';
import { EcrRegister } from '../interop/ecr-eft-kit.ts';
import { type Cut, CutRelay } from './cut-relay.ts';
import { Terminal } from './kit.ts';
import { fastClock, isSoak } from './pos-kit.ts';
import { Random, sizeOf } from './random.ts';

/**
 * Our register of ECR-EFT, whose connection is cut after every byte of a purchase, in either direction and in every
 * way, in front of our terminal with a journal and an application that keeps a record of what it charges. On this wire
 * nobody can ask about a lost payment: the register knows the truth or says that it does not, and a register that
 * repeats the payment finds it out.
 */

const SEED = sizeOf('SOAK_SEED', 1);
/** One byte of so many is tried: about a hundred sales. */
const STRIDE = isSoak ? 1 : 5;
const TERMINALS = 4;
const CLOCK = fastClock(40);
const MINUTE_MS = 60_000;
const WAYS = ['end', 'reset', 'silence'] as const;
const DIALECT = ['--dialect', 'ecr-eft'];
const ECR_ID = 'TILL';

interface Till {
  readonly terminal: Terminal;
  readonly port: number;
  readonly relay: CutRelay;
  readonly store: string;
}

async function openTill(): Promise<Till> {
  const terminal = await Terminal.open();
  const { port } = await terminal.serve({ args: DIALECT });
  return { terminal, port, relay: await CutRelay.open(port), store: terminal.bench.path('store') };
}

/** `unknown`: nobody can say. */
type Believed = 'approved' | 'declined' | 'not-reached' | 'unknown';

async function purchase({ relay, store }: Till, receiptId: string, amountMinor: number): Promise<Believed> {
  const client = await PosClient.open({
    to: `ecr-eft+tcp:127.0.0.1:${relay.port}`,
    store,
    register: ECR_ID,
    clock: CLOCK,
    keepalive: { idleMs: 30_000, busyMs: 5000, limitMs: 20_000 },
    connectTimeoutMs: 20 * MINUTE_MS,
    outcomeWaitMs: 30 * MINUTE_MS,
  });
  try {
    const { outcome } = await client.purchase({ amountMinor, currency: 'EUR', receiptId, sequenceId: null });
    if (outcome === 'approved' || outcome === 'declined' || outcome === 'not-reached') return outcome;
    throw new Error(`${receiptId}: ${outcome}`);
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

async function cutAll(till: Till, cuts: readonly Cut[], random: Random): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const [index, cut] of cuts.entries()) {
    till.terminal.application.set({ delayMs: random.below(4) });
    till.relay.arm(cut);
    const receiptId = `R-${index + 1}`;
    const amountMinor = random.oneOf(1250, 1250, 1201);
    const believed = await purchase(till, receiptId, amountMinor);
    till.relay.cutNow(); // silent connections would fill the bridge
    attempts.push({ receiptId, cut, amountMinor, believed });
  }
  return attempts;
}

/** What a register hears that repeats a payment on a new connection. */
async function repeat(till: Till, { receiptId, amountMinor }: Attempt): Promise<string | undefined> {
  const socket = await till.terminal.bench.connect(till.port);
  const register = new EcrRegister({ readable: socket, writable: socket });
  const amount = String(amountMinor);
  register.send(0x7777, 'S1', 'S', ECR_ID, receiptId, amount, amount, '0', 'EUR', '0');
  const said = await register.waitFor(/^7777 S2 /);
  socket.destroy();
  return said?.slice('7777 S2 '.length).split(',')[0];
}

/**
 * What the register believes is what the record says; what it does not know a repeated payment tells, and charges
 * nothing twice.
 */
async function verify(till: Till, attempts: readonly Attempt[]): Promise<void> {
  const { application } = till.terminal;
  const wrong: unknown[] = [];
  for (const attempt of attempts) {
    const { receiptId, believed, amountMinor } = attempt;
    const chargesOf = () => application.charges(`${receiptId}/${ECR_ID}`);
    if (believed !== 'unknown') {
      const charges = chargesOf();
      const isPlausible =
        believed === 'not-reached' || believed === (amountMinor === 1250 ? 'approved' : 'declined');
      if (charges !== (believed === 'approved' ? 1 : 0) || !isPlausible) wrong.push({ ...attempt, charges });
      continue;
    }
    const result = await repeat(till, attempt);
    const charges = chargesOf();
    const isTrue = amountMinor === 1250 ? result === '0' && charges === 1 : result === '999' && charges === 0;
    if (!isTrue) wrong.push({ ...attempt, result, charges });
  }
  expect(wrong).toEqual([]);
}

test(`a connection cut after ${STRIDE === 1 ? 'every byte' : `one byte of ${STRIDE}`} of an ECR-EFT purchase: one charge or none, one truth or an honest unknown`, {
  timeout: isSoak ? 1_800_000 : 120_000,
}, async () => {
  const tills: Till[] = [];
  try {
    for (let count = 0; count < TERMINALS; count += 1) tills.push(await openTill());
    const [first] = tills;
    if (first === undefined) return;
    expect(await purchase(first, 'R-0', 1250)).toBe('approved');
    const { there, back } = first.relay.newest ?? {};
    const total = { there: there?.passed ?? 0, back: back?.passed ?? 0 };
    const cuts = (['there', 'back'] as const).flatMap((direction) =>
      WAYS.flatMap((how, way) =>
        Array.from({ length: total[direction] + 1 }, (_, at) => at)
          .filter((at) => (at + way * 4 + SEED * 5) % STRIDE === 0)
          .map((afterBytes): Cut => ({ direction, afterBytes, how })),
      ),
    );
    const attempts = await Promise.all(
      tills.map(async (till, index) => {
        const own = cuts.filter((_, at) => at % TERMINALS === index);
        const made = await cutAll(till, own, new Random(SEED * 100 + index));
        await verify(till, made);
        return made;
      }),
    );
    const count = (wanted: Believed) => attempts.flat().filter(({ believed }) => believed === wanted).length;
    const found = { approved: count('approved'), declined: count('declined'), unknown: count('unknown') };
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
