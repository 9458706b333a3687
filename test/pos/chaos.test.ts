import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { PosClient } from '../../src/pos/pos-client.ts';
import type { RecoveredSale } from '../../src/pos/sale.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { seededRandom } from '../kit/random.ts';
import { ChargingTerminal } from './charging-terminal.ts';
import { closed, pass, passUntil, type Watched, watch } from './kit.ts';

const SEEDS = 40;
const SALES = 6;

/** Sales on a terminal and a network that do everything wrong, with registers that end in the middle. */
async function run(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const folder = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'posbridge-chaos-'));
  const clock = new FakeClock(Date.now());
  const terminal = new ChargingTerminal(clock, { random, vanishes: 0.3, misleads: 0.3, declines: 0.3 });
  const told = new Map<string, string>();
  let number = 0;

  const open = () =>
    PosClient.open({ to: 'tcp:127.0.0.1:1', openWire: terminal.openWire, store: folder, clock });
  const note = ({ receiptId, outcome }: RecoveredSale) => {
    if (outcome === 'unknown') return;
    expect([seed, receiptId, told.get(receiptId) ?? outcome]).toEqual([seed, receiptId, outcome]);
    told.set(receiptId, outcome);
  };
  const recoverAll = async (client: PosClient) => {
    for await (const sale of client.recover()) note(sale);
  };

  while (number < SALES) {
    const client = await open();
    const recovery = watch(recoverAll(client));
    const sales: Watched<void>[] = [];
    for (let count = 1 + Math.floor(random() * 3); count > 0; count -= 1) {
      number += 1;
      sales.push(watch(client.purchase({ amountMinor: 100, currency: 'EUR', receiptId: number }).then(note)));
      await pass(clock, Math.floor(random() * 3000), 250);
    }
    terminal.isThere = random() < 0.8;
    await pass(clock, Math.floor(random() * 8000), 250);
    terminal.isThere = true;
    await closed(client, clock); // some are done, some are left open
    for (const { fault } of [recovery, ...sales]) {
      const codes = ['OUTCOME_UNKNOWN', 'NOT_CONNECTED', 'CONNECTION_CLOSED'];
      if (fault !== undefined) expect(codes).toContain(fault.code);
    }
  }

  const client = await open();
  const recovery = watch(recoverAll(client));
  await passUntil(clock, () => recovery.isSettled, 250);
  expect(recovery.fault).toBeUndefined();
  expect(await client.recover().next()).toMatchObject({ done: true });
  await closed(client, clock);

  expect(new Set(terminal.charges).size).toBe(terminal.charges.length);
  for (let receipt = 1; receipt <= number; receipt += 1) {
    const key = `[${receipt},1]`;
    const truth = terminal.charges.includes(key)
      ? 'approved'
      : terminal.declined.has(key)
        ? 'declined'
        : 'not-reached';
    // What was refused before anything was sent is not told as an outcome.
    const isNothing = truth === 'not-reached' && !told.has(String(receipt));
    expect([seed, receipt, isNothing ? truth : told.get(String(receipt))]).toEqual([seed, receipt, truth]);
  }
  rmSync(folder, { recursive: true });
}

test('whatever goes wrong, every sale is charged once at most and its register learns the truth', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) await run(seed);
}, 120_000);
