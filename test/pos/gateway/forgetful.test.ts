import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Attached } from '../../terminal/kit.ts';
import { type Any, type PlayedConnection, pass, rest, temporaryFolder, until } from '../kit.ts';
import { CHECK, forgetful, type GatewayBench, gatewayBench, PAID, SALE } from './kit.ts';

/** Terminals that cannot be asked about earlier sales: the gateway remembers, and never says more than it knows. */

let folder: string;
let bench: GatewayBench;
let till: Attached;
let held: [request: Any, connection: PlayedConnection][];

async function open(): Promise<void> {
  bench = await gatewayBench({ dialect: forgetful, folder });
  held = [];
  bench.terminal.on('Purchase', (request, connection) => held.push([request, connection]));
  till = bench.bridge('a');
  await rest();
}

beforeEach(async () => {
  folder = path.join(temporaryFolder(), 'store');
  await open();
});

/** Asks, and waits for the disk. */
async function asked(id: string, method: string, params: object): Promise<unknown> {
  await till.request(id, method, params);
  await until(() => till.answer(id) !== undefined);
  return till.code(id) ?? till.answer(id)?.result;
}

async function pay(id = 'p', params: object = SALE): Promise<void> {
  await till.request(id, 'Purchase', params);
  await until(() => held.length > 0);
}

describe('Check is answered from the store', () => {
  test('while the sale is running, and when it has ended, in the terminal’s own words', async () => {
    await pay();
    expect(await asked('k', 'Check', CHECK)).toBe('TRANSACTION_ACTIVE');
    held[0]?.[1].answer(held[0][0], PAID);
    await until(() => till.answer('p') !== undefined);
    expect(await asked('l', 'Check', CHECK)).toEqual(PAID);
    expect(await asked('m', 'Check', { receipt_id: '17' })).toEqual(PAID);
    expect(bench.terminal.requests('Check')).toEqual([]);
  });

  test('after a restart, too', async () => {
    await pay();
    held[0]?.[1].fail(held[0][0], 'DECLINED');
    await until(() => till.answer('p') !== undefined);
    await bench.gateway.close();
    await open();
    expect(await asked('k', 'Check', CHECK)).toBe('DECLINED');
    expect(await asked('q', 'Purchase', SALE)).toBe('DUPLICATE_TRANSACTION');
  });

  test('by "not found" only where nothing was ever sent, and then nothing will be', async () => {
    expect(await asked('k', 'Check', CHECK)).toBe('TRANSACTION_NOT_FOUND');
    expect(await asked('p', 'Purchase', SALE)).toBe('DUPLICATE_TRANSACTION');
    expect(bench.terminal.requests('Purchase')).toEqual([]);
  });
});

describe('an answer that was lost', () => {
  test('stays unknown for ever, whoever asks, after a restart too', async () => {
    await pay();
    held[0]?.[1].vanish();
    await until(() => till.answer('p') !== undefined);
    expect(till.code('p')).toBe('OUTCOME_UNKNOWN');
    await pass(bench.clock, 2000);
    expect(await asked('k', 'Check', CHECK)).toBe('OUTCOME_UNKNOWN');
    await bench.gateway.close();
    await open();
    expect(await asked('k', 'Check', CHECK)).toBe('OUTCOME_UNKNOWN');
    expect(await asked('q', 'Purchase', SALE)).toBe('DUPLICATE_TRANSACTION');
    expect(bench.terminal.requests('Check')).toEqual([]);
  });

  test('does not keep the terminal from the next sale', async () => {
    await pay();
    held.splice(0)[0]?.[1].vanish();
    await until(() => till.answer('p') !== undefined);
    await pass(bench.clock, 2000);
    await pay('q', { ...SALE, receipt_id: 18 });
    expect(bench.terminal.requests('Purchase')).toHaveLength(2);
  });
});

test('a sale that the terminal has refused leaves its identifiers free', async () => {
  await pay();
  held.splice(0).map(([request, connection]) => connection.fail(request, 'BUSY'));
  await until(() => till.answer('p') !== undefined);
  await pay('q');
  expect(bench.terminal.requests('Purchase')).toHaveLength(2);
});

test('a sale without a receipt number is refused: nobody could ever ask for it', async () => {
  expect(await asked('p', 'Purchase', { amount: 1, currency: 'EUR' })).toBe('JSONRPC_INVALID_PARAMS');
});
