import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, Workbench } from '../interop/kit.ts';
import { type SpawnedApplication, spawnApplication } from '../kit/application.ts';

/**
 * Registers that are in use: `receipt_id` alone, a connection for each request, Abort as a notification by another one,
 * receipts read from `text`. Through a real bridge, against the simulated terminal and an example.
 */

let bench: Workbench;
let application: SpawnedApplication | undefined;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(async () => {
  await application?.kill();
  application = undefined;
  await bench.close();
});

const EXAMPLE = path.resolve(import.meta.dirname, '../../examples/application.py');

/** A bridge, and behind it a terminal that takes so long. */
async function serve(terminal: string, seconds: number, journal: boolean): Promise<number> {
  if (terminal !== 'simulator:') {
    const env = { DELAY: String(seconds) };
    application = await spawnApplication(EXAMPLE, {
      args: [bench.socketPath],
      env,
      socket: bench.socketPath,
    });
  }
  const app = terminal === 'simulator:' ? `simulator:?delay=${seconds * 1000}` : `unix:${bench.socketPath}`;
  const more = journal ? ['--journal', bench.path('journal')] : [];
  return (await bench.startServe(['--app', app, '--keepalive', 'off', ...more])).port;
}

const CASES = [
  ['simulator:', true],
  ['simulator:', false],
  ['an example', true],
  ['an example', false],
] as const;

describe.each(CASES)('%s, with a journal: %s', (terminal, journal) => {
  test('a receipt_id alone is enough for Purchase, Refund, Reversal and Check', async () => {
    const port = await serve(terminal, 0, journal);
    const sale = (receipt_id: number, more: object = {}) => ({
      receipt_id,
      amount: 500,
      currency: 'EUR',
      ...more,
    });
    for (const [method, params] of [
      ['Purchase', sale(1)],
      ['Refund', sale(2)],
      ['Reversal', sale(3, { original_receipt_id: 1 })],
    ] as const) {
      const answer = await (await bench.register(port)).request(method, params);
      expect([method, answer.result]).toEqual([
        method,
        expect.objectContaining({ response_text: 'Approved' }),
      ]);
      const check = await (await bench.register(port)).request('Check', { receipt_id: params.receipt_id });
      expect(check.result).toEqual(answer.result);
    }
    const register = await bench.register(port);
    const again = await register.request('Reversal', sale(4, { original_receipt_id: 1 }));
    expect(codeOf(again)).toBe('REVERSAL_REFUSED');
    expect(codeOf(await register.request('Check', { receipt_id: 4 }))).toBe('REVERSAL_REFUSED');
    expect(codeOf(await register.request('Check', { receipt_id: 5 }))).toBe('TRANSACTION_NOT_FOUND');
    const late = await (await bench.register(port)).request('Purchase', sale(5, { sequence_id: 1 }));
    expect(codeOf(late)).toBe('DUPLICATE_TRANSACTION');
  });

  test('Abort as a notification by another connection ends the sale', async () => {
    const port = await serve(terminal, 600, journal);
    const till = await bench.register(port);
    const paying = till.request('Purchase', { receipt_id: 7, amount: 500, currency: 'EUR', api_key: 'k' });
    await till.waitFor(({ method }) => method === 'StatusEvent');
    (await bench.register(port)).notify('Abort', { url_name: 'wss://x', terminal_id: 5 });
    const aborted = await paying;
    expect(aborted.error?.data).toMatchObject({ string_code: 'ABORTED', outcome: 'not-charged' });
    const check = await (await bench.register(port)).request('Check', { receipt_id: 7 });
    expect(check.error).toEqual(aborted.error);
  });
});
