import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Workbench } from '../interop/kit.ts';
import { seededRandom } from '../kit/random.ts';
import { Attaching, identifiersOf, type Outcome, purchaseOf, startTerminal } from './process-kit.ts';

const KILLS = 100;
const LANES = 2;
/** From a Purchase to its answer. */
const DELAY_MS = 60;

/** What the answer may be, and whether the money has moved; each only once. */
const POSSIBLE = ['approved', 'TRANSACTION_INTERRUPTED', 'TRANSACTION_NOT_FOUND'];

/** Terminals of one folder, one after the other, each killed at some point of a purchase. */
class Lane {
  readonly #bench: Workbench;
  readonly #random: () => number;
  readonly known = new Map<string, Outcome>();

  constructor(bench: Workbench, seed: number) {
    this.#bench = bench;
    this.#random = seededRandom(seed);
  }

  async run(kills: number): Promise<void> {
    for (let round = 0; round <= kills; round += 1) {
      const terminal = await startTerminal(this.#bench, [
        '--state',
        this.#bench.path('state'),
        '--delay',
        `${DELAY_MS}`,
      ]);
      const bridge = await Attaching.to(this.#bench.socketPath);
      if (round > 0) await this.#look(bridge, `R-${round - 1}`);
      if (round === kills) return this.#lookAtAll(bridge);
      const id = bridge.ask('Purchase', purchaseOf(`R-${round}`));
      await sleep(this.#random() * DELAY_MS * 1.7);
      const answer = bridge.seen(id);
      if (answer !== undefined) this.known.set(`R-${round}`, answer);
      await terminal.kill();
      await bridge.close();
    }
  }

  /** The same bytes as the register has seen, else one outcome, which stays; and never a second charge. */
  async #look(bridge: Attaching, receiptId: string): Promise<void> {
    const first = await bridge.request('Check', identifiersOf(receiptId));
    expect(POSSIBLE).toContain(first.code);
    expect(first).toEqual(this.known.get(receiptId) ?? first);
    this.known.set(receiptId, first);
    const again = await bridge.request('Purchase', purchaseOf(receiptId));
    expect([receiptId, again.code]).toEqual([receiptId, 'DUPLICATE_TRANSACTION']);
    expect(await bridge.request('Check', identifiersOf(receiptId))).toEqual(first);
  }

  /** After all the restarts. */
  async #lookAtAll(bridge: Attaching): Promise<void> {
    for (const [receiptId, outcome] of this.known) {
      expect(await bridge.request('Check', identifiersOf(receiptId))).toEqual(outcome);
    }
    // The terminal has counted every approval once.
    const approvals = [...this.known.values()].filter(({ code }) => code === 'approved').length;
    const last = await bridge.request('Purchase', purchaseOf('R-last'));
    expect(last.text).toContain(`"trace_number":"${String(approvals + 1).padStart(6, '0')}"`);
    await bridge.close();
  }
}

test('killed -9 at any point of a purchase, the terminal tells one outcome, the same for ever', async () => {
  const benches: Workbench[] = [];
  try {
    for (let lane = 0; lane < LANES; lane += 1) benches.push(await Workbench.open());
    const lanes = benches.map((bench, index) => new Lane(bench, 4711 + index));
    await Promise.all(lanes.map((lane) => lane.run(KILLS / LANES)));
    const outcomes = lanes.flatMap(({ known }) => [...known.values()].map(({ code }) => code));
    expect(outcomes).toHaveLength(KILLS);
    // Some were cut off before the decision, some after it.
    expect(outcomes).toContain('approved');
    expect(outcomes).toContain('TRANSACTION_INTERRUPTED');
  } finally {
    for (const bench of benches) await bench.close();
  }
}, 180_000);
