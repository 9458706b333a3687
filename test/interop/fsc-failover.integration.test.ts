import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SCRIPTS } from '../../src/dialect/openfsc/simulator/scripts.ts';
import { seededRandom } from '../kit/random.ts';
import { type Opened, openStation, startPlatform, startSite, writeSites } from './fsc-kit.ts';
import { Workbench } from './kit.ts';

/** Connections that are lost again and again, wherever the conversation is: in the end every sale is cleared, once. */

let bench: Workbench;
let station: Opened;
/** What the station was asked to clear, and what it said. */
let cleared: string[];

beforeEach(async () => {
  bench = await Workbench.open();
  cleared = [];
  const asked = new Map<string, string>();
  station = await openStation(bench, {
    onLine: (direction, text) => {
      const { id, method, params, error, result } = JSON.parse(text);
      if (direction === 'in' && method === 'openfsc.clear') asked.set(id, params.siteTransactionId);
      const sale = direction === 'out' ? asked.get(id) : undefined;
      if (sale !== undefined && (result !== undefined || error !== undefined))
        cleared.push(`${sale} ${result === undefined ? error.data.fscCode : 'OK'}`);
    },
  });
  writeSites(bench);
});

afterEach(async () => {
  await bench.close();
  await station.close();
});

async function hold(platform: Awaited<ReturnType<typeof startPlatform>>['platform']): Promise<void> {
  const { code } = await platform.exited;
  expect([platform.errors, code === 0 ? '' : platform.stdout.text]).toEqual(['', '']);
}

function expectClearedOnce(): void {
  expect(cleared.filter((one) => one.endsWith(' OK'))).toHaveLength(1);
  expect(cleared.every((one) => / (?:OK|410)$/.test(one))).toBe(true);
}

describe('one connection, cut', () => {
  const random = seededRandom(7);
  const places = Array.from({ length: 4 }, (_, index) => 6 + 6 * index + Math.floor(random() * 6));

  test.each(places)('after %d lines', async (lines) => {
    const args = ['--script', 'cut', '--set', 'limit=30', '--set', `cut-after=${lines}`];
    const { platform, address } = await startPlatform(bench, args);
    startSite(bench, address);
    await hold(platform);
    expectClearedOnce();
  });
});

describe('two connections, either cut again and again', () => {
  test.each([1, 2])('storm %d', async (seed) => {
    const random = seededRandom(seed);
    const storm = Array.from({ length: 12 }, () => {
      const which = Math.floor(random() * 4);
      return ['cut', 'ask PUMPS', 'send TRANSACTIONS', 'ask PRICES'][which] ?? '';
    });
    const script = ['set limit 30', 'login 2', ...storm, 'login 2', 'active 1', SCRIPTS['failover'] ?? ''];
    writeFileSync(bench.path('storm.txt'), script.join('\n'));
    const { platform, address } = await startPlatform(bench, ['--script', bench.path('storm.txt')]);
    startSite(bench, address, ['--standby', address]);
    await hold(platform);
    expectClearedOnce();
  });
});
