import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Terminal, type Till, type View } from './kit.ts';
import {
  beliefOf,
  chargesOf,
  checkAll,
  countEntries,
  disagreements,
  pause,
  Random,
  sizeOf,
} from './random.ts';

/** Eight registers, each with a bridge of its own, at one terminal; bridges die at random and are started again. */

const BRIDGES = 8;
const PURCHASES = sizeOf('SOAK_PURCHASES', 50);
const SEED = sizeOf('SOAK_SEED', 1);
/** One in so many purchases has its bridge killed. */
const KILL_EVERY = 10;

class Customer {
  readonly believed = new Map<string, 'charged' | 'not charged'>();
  kills = 0;
  busy = 0;
  readonly #terminal: Terminal;
  readonly #name: string;
  readonly #random: Random;
  #till: Till;

  constructor(terminal: Terminal, name: string, random: Random) {
    this.#terminal = terminal;
    this.#name = name;
    this.#random = random;
    this.#till = terminal.till();
  }

  async buy(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const key = `${this.#name}-${index}/1`;
      this.believed.set(key, await this.#one(key));
    }
  }

  /** One purchase, until it is known whether it was charged. */
  async #one(key: string): Promise<'charged' | 'not charged'> {
    const amount = this.#random.oneOf(1250, 1250, 1250, 1201); // 1201 is declined
    let view = await this.#withKill(this.#till.purchase(key, { amount }));
    for (;;) {
      const belief = beliefOf(view);
      if (belief !== undefined) return belief;
      const isLost = view.kind === 'lost';
      if (isLost) {
        await this.#till.kill();
        this.#till = this.#terminal.till();
      } else expect([key, view.code]).toEqual([key, expect.stringMatching(/^(BUSY|TRANSACTION_ACTIVE)$/)]);
      if (view.code === 'BUSY') this.busy += 1;
      if (!isLost) await sleep(1 + this.#random.below(60));
      // Refused as busy it is no transaction yet; otherwise the register may ask either way.
      const asks = view.code !== 'BUSY' && this.#random.below(2) === 0;
      view = await (asks ? this.#till.check(key) : this.#till.purchase(key, { amount }));
    }
  }

  async #withKill(asked: Promise<View>): Promise<View> {
    if (this.#random.below(KILL_EVERY) === 0) {
      await pause(this.#random.upTo(20));
      await this.#till.kill();
      this.kills += 1;
    }
    return asked;
  }
}

test(`${BRIDGES} bridges on one journal with ${PURCHASES} purchases each, killed at random: nothing lost, nothing doubled`, {
  timeout: 60_000 + PURCHASES * 3000,
}, async () => {
  const terminal = await Terminal.open({ settings: { delayMs: 1 } });
  try {
    const customers = Array.from(
      { length: BRIDGES },
      (_, index) => new Customer(terminal, `B${index}`, new Random(SEED * 1000 + index)),
    );
    await Promise.all(customers.map((customer) => customer.buy(PURCHASES)));

    const believed = new Map(customers.flatMap((customer) => [...customer.believed]));
    const charges = chargesOf(terminal.application.record);
    for (const [key, belief] of believed) {
      expect([key, belief, charges.get(key) ?? 0]).toEqual([key, belief, belief === 'charged' ? 1 : 0]);
    }
    expect(charges.size).toBe([...believed.values()].filter((belief) => belief === 'charged').length);

    const keys = [...believed.keys()];
    const verdicts = await checkAll(terminal.till(), terminal, keys);
    expect(disagreements(verdicts)).toEqual([]);
    expect(verdicts.map(({ key, view }) => [key, beliefOf(view)])).toEqual([...believed]);
    expect(countEntries(terminal)).toEqual({ done: keys.length, unresolved: 0 });
    expect(terminal.files('.damaged')).toEqual([]);
    const sum = (what: 'kills' | 'busy') => customers.reduce((total, customer) => total + customer[what], 0);
    expect(sum('kills')).toBeGreaterThan((BRIDGES * PURCHASES) / KILL_EVERY / 3);
    console.info(
      `storm, seed ${SEED}: ${keys.length} purchases, ${charges.size} charged, ${sum('kills')} kills, ${sum('busy')} times busy`,
    );
  } finally {
    await terminal.close();
  }
});
