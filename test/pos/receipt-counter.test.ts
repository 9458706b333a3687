import { cpSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { maskText } from '../../src/base/mask.ts';
import { ReceiptCounter } from '../../src/pos/receipt-counter.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { passUntil, temporaryFolder, watch } from './kit.ts';

const NOW = Date.UTC(2030, 0, 1);
/** Seconds from 2020 to then. */
const START = 315_619_200 * 100_000;

async function numbers(folder: string, count: number, clock = new FakeClock(NOW)): Promise<number[]> {
  const counter = new ReceiptCounter(folder, clock);
  const given: number[] = [];
  for (let index = 0; index < count; index += 1) given.push(await counter.next());
  return given;
}

describe('receipt numbers', () => {
  test('start from the time, so that a lost store gives no old ones', async () => {
    const [first = 0] = await numbers(temporaryFolder(), 1);
    expect(first).toBeGreaterThanOrEqual(START);
    expect(first).toBeLessThan(START + 100_010);
    const [later = 0] = await numbers(temporaryFolder(), 1, new FakeClock(NOW + 60_000));
    expect(later - first).toBeGreaterThan(5_000_000);
  });

  test('grow, and none of them looks like a card number', async () => {
    const given = await numbers(temporaryFolder(), 100);
    for (const [index, number] of given.entries()) {
      if (index > 0) expect(number).toBeGreaterThan(given[index - 1] ?? 0);
      expect(maskText(`receipt ${number}`)).toBe(`receipt ${number}`);
    }
  });

  test('go on where they were, whatever the clock says', async () => {
    const folder = temporaryFolder();
    const [last = 0] = (await numbers(folder, 3)).slice(-1);
    const [next = 0] = await numbers(folder, 1, new FakeClock(0));
    expect(next - last).toBeLessThan(5);
    expect(next).toBeGreaterThan(last);
  });

  test('of a store that was put back from a copy are new ones', async () => {
    const [folder, copy] = [temporaryFolder(), path.join(temporaryFolder(), 'copy')];
    await numbers(folder, 1);
    cpSync(folder, copy, { recursive: true });
    const old = await numbers(folder, 100, new FakeClock(NOW + 1000));
    const given = await numbers(copy, 100, new FakeClock(NOW + 3_600_000));
    expect(given.filter((number) => old.includes(number))).toEqual([]);
    for (const [index, number] of given.entries()) {
      if (index > 0) expect(number - (given[index - 1] ?? 0)).toBeLessThan(5);
    }
  });

  test.each(['', '0', 'rubbish', '12345', `${'9'.repeat(15)}9\n`])(
    'start from the time again when the file holds %j',
    async (text) => {
      const folder = temporaryFolder();
      writeFileSync(path.join(folder, 'receipt-number'), text);
      const [first = 0] = await numbers(folder, 1);
      expect(first).toBeGreaterThanOrEqual(START);
      expect(statSync(path.join(folder, 'receipt-number')).size).toBeGreaterThanOrEqual(16);
    },
  );

  test('are private to their user', async () => {
    const folder = temporaryFolder();
    await numbers(folder, 1);
    expect(statSync(path.join(folder, 'receipt-number')).mode & 0o777).toBe(0o600);
  });

  test('are each given once, to many who ask at a time', async () => {
    const folder = temporaryFolder();
    const clock = new FakeClock(NOW);
    const all = watch(
      Promise.all(Array.from({ length: 20 }, () => new ReceiptCounter(folder, clock).next())),
    );
    await passUntil(clock, () => all.isSettled, 5);
    expect(all.fault).toBeUndefined();
    expect(new Set(all.value).size).toBe(20);
  });

  test('are not given when the file cannot be written', async () => {
    const folder = temporaryFolder();
    await expect(new ReceiptCounter(path.join(folder, 'missing'), new FakeClock(NOW)).next()).rejects.toThrow(
      /ENOENT/,
    );
  });
});
