import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import { type MemoryWire, memoryWirePair } from '../../src/wire/memory.ts';
import { OutputQueue } from '../../src/wire/output-queue.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { ChargingTerminal } from './charging-terminal.ts';
import { closed, passUntil, watch } from './kit.ts';

type Direction = 'to the terminal' | 'to the register';

/** Passes bytes between two wires, and breaks both after so many in one direction. */
class Cutter {
  passed: Record<Direction, number> = { 'to the terminal': 0, 'to the register': 0 };
  readonly #after: number;
  readonly #direction: Direction | undefined;

  constructor(direction?: Direction, after = 0) {
    this.#direction = direction;
    this.#after = after;
  }

  /** The wire for the register, cut the first time only. */
  join(terminalSide: MemoryWire): Wire {
    const [register, registerSide] = memoryWirePair();
    this.#relay(registerSide, terminalSide, 'to the terminal');
    this.#relay(terminalSide, registerSide, 'to the register');
    if (this.#after === 0 && this.#direction !== undefined) this.#cut([registerSide, terminalSide]);
    return register;
  }

  #relay(from: MemoryWire, to: MemoryWire, direction: Direction): void {
    const output = new OutputQueue(to, { clock: new FakeClock() });
    from.start({
      chunk: (bytes) => {
        const left =
          direction === this.#direction ? this.#after - this.passed[direction] : Number.POSITIVE_INFINITY;
        if (left < 0) return;
        this.passed[direction] += bytes.length;
        output.push(Buffer.from(bytes.subarray(0, left)), 'normal');
        // What has passed arrives: the cut comes right behind it.
        if (bytes.length >= left) this.#cut([from, to], output);
      },
      end: () => output.end(),
      closed: () => to.destroy(),
    });
  }

  #cut(wires: MemoryWire[], output?: OutputQueue): void {
    const reset = () => {
      for (const wire of wires) wire.reset();
    };
    if (output === undefined) reset();
    else output.end(() => setImmediate(reset));
  }
}

/** One purchase over a connection that is cut there; every later connection is whole. */
async function sell(direction?: Direction, after?: number): Promise<{ cutter: Cutter; how: string }> {
  const folder = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'posbridge-cut-'));
  const clock = new FakeClock(Date.now());
  const terminal = new ChargingTerminal(clock);
  const cutter = new Cutter(direction, after);
  let isFirst = true;
  const openWire = async () => {
    const wire = (await terminal.openWire()) as MemoryWire;
    if (!isFirst) return wire;
    isFirst = false;
    return cutter.join(wire);
  };
  const client = await PosClient.open({ to: 'tcp:127.0.0.1:1', openWire, store: folder, clock });
  const steps: string[] = [];
  client.on('progress', ({ step }) => steps.push(step));
  const sale = watch(client.purchase({ amountMinor: 1230, currency: 'EUR', receiptId: 17 }));
  await passUntil(clock, () => sale.isSettled, 250);
  const where = `${direction} after ${after}`;
  expect([where, sale.fault]).toEqual([where, undefined]);
  // Whatever is still on its way arrives.
  clock.advance(10_000);
  const isCharged = terminal.charges.length > 0;
  expect([where, sale.value?.outcome]).toEqual([where, isCharged ? 'approved' : 'not-reached']);
  expect(terminal.charges.length).toBeLessThanOrEqual(1);
  expect(terminal.requests('Purchase').length).toBeLessThanOrEqual(1);
  await closed(client, clock);
  rmSync(folder, { recursive: true });
  return { cutter, how: `${sale.value?.outcome}${steps.includes('asking') ? ', asked' : ''}` };
}

test.each(['to the terminal', 'to the register'] as const)(
  'a connection cut after every byte %s leaves one charge at most, and the truth about it',
  { timeout: 120_000 },
  async (direction) => {
    const { passed } = (await sell()).cutter;
    expect(passed[direction]).toBeGreaterThan(200);
    const ways = new Map<string, number>();
    for (let after = 0; after <= passed[direction]; after += 1) {
      const { how } = await sell(direction, after);
      ways.set(how, (ways.get(how) ?? 0) + 1);
    }
    expect([...ways.keys()].toSorted()).toEqual(['approved', 'approved, asked', 'not-reached, asked']);
  },
);
