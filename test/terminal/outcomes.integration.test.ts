import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, Workbench } from '../interop/kit.ts';
import type { JsonObject, TestRegister } from '../kit/register.ts';
import { identifiersOf, purchaseOf, startTerminal } from './process-kit.ts';

/** The table of outcomes over a real bridge: register, posbridge, posbridge terminal. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

async function serve(): Promise<number> {
  const { port } = await bench.startServe(['--app', `unix:${bench.socketPath}`, '--keepalive', 'off']);
  return port;
}

const statusesOf = ({ received }: TestRegister) =>
  received
    .filter(({ method }) => method === 'StatusEvent')
    .map(({ params }) => params?.['transaction_status'] ?? 'idle');

test('each amount has the outcome of the table', async () => {
  await startTerminal(bench, ['--delay', '90']);
  const port = await serve();
  const register = await bench.register(port);
  const outcomes: unknown[] = [];
  for (const amount of [1200, 1201, 1202, 1203, 1204, 1207]) {
    const answer = await register.request('Purchase', purchaseOf(`R-${amount}`, amount));
    outcomes.push([amount, codeOf(answer) ?? answer.result?.['verification_method']]);
    const check = await register.request('Check', identifiersOf(`R-${amount}`));
    expect(check.text.replace(/^.*?"(result|error)":/, '')).toBe(
      answer.text.replace(/^.*?"(result|error)":/, ''),
    );
  }
  expect(outcomes).toEqual([
    [1200, 'PIN'],
    [1201, 'DECLINED'],
    [1202, 'CARD_REMOVED'],
    [1203, 'CARD_TIMEOUT'],
    [1204, 'PIN'],
    [1207, 'SIGNATURE'],
  ]);
  expect(statusesOf(register).slice(0, 4)).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', 'idle']);
});

test('05: the terminal dies like kill -9, and the bridge finds the outcome when it is back', async () => {
  const state = ['--delay', '60', '--state', bench.path('state')];
  const terminal = await startTerminal(bench, state);
  const register = await bench.register(await serve());
  const answer = register.request('Purchase', purchaseOf('R-1', 1205));
  expect(await terminal.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await startTerminal(bench, state);
  const { result } = await answer;
  expect(result).toMatchObject({ amount: 1205, trace_number: '000001' });
  const check = await register.request('Check', identifiersOf('R-1'));
  expect(check.result).toEqual(result);
});

test('05: a Reversal, too, survives the death of the terminal between deciding and answering, and undoes once', async () => {
  const state = ['--delay', '60', '--state', bench.path('state')];
  let terminal = await startTerminal(bench, state);
  const register = await bench.register(await serve());
  const dying = async (method: string, params: JsonObject) => {
    const answer = register.request(method, params);
    expect(await terminal.exited).toEqual({ code: null, signal: 'SIGKILL' });
    terminal = await startTerminal(bench, state);
    return answer;
  };
  const { result: paid } = await dying('Purchase', { receipt_id: 'R-1', amount: 1205, currency: 'EUR' });
  expect(paid).toMatchObject({ amount: 1205, trace_number: '000001' });
  const reversal = { receipt_id: 'R-2', original_receipt_id: 'R-1', amount: 1205, currency: 'EUR' };
  const { result: undone } = await dying('Reversal', reversal);
  expect(undone).toMatchObject({ amount: 1205, trace_number: '000002' });
  const again = await dying('Reversal', { ...reversal, receipt_id: 'R-3' }); // the amount ends it again
  expect(codeOf(again)).toBe('REVERSAL_REFUSED');
  const { result } = await register.request('Totals', { close: true });
  expect(result).toMatchObject({
    period: 1,
    closed: true,
    totals: expect.arrayContaining([
      expect.objectContaining({ method: 'Purchase', count: 1, amount: 1205 }),
      expect.objectContaining({ method: 'Reversal', count: 1, amount: 1205 }),
    ]),
  });
});

test.each([
  ['05 without --state', (socket: string) => ['--app', `unix:${socket}`]],
  ['05 inside the bridge', () => ['--app', 'simulator:?delay=60']],
])('%s: the attachment is dropped, and comes back', async (_, app) => {
  await startTerminal(bench, ['--delay', '60']);
  const { server, port } = await bench.startServe([...app(bench.socketPath), '--keepalive', 'off']);
  const register = await bench.register(port);
  const { result } = await register.request('Purchase', purchaseOf('R-1', 1205));
  expect(result).toMatchObject({ amount: 1205 });
  expect(server.errors).toContain('application gone');
});

test('06: is still running when others have long been answered', async () => {
  await startTerminal(bench, ['--delay', '0']);
  const port = await serve();
  const register = await bench.register(port);
  void register.request('Purchase', purchaseOf('R-1', 1206));
  await register.waitFor(({ params }) => params?.['transaction_status'] === 'PROCESSING');
  expect(codeOf(await register.request('Check', identifiersOf('R-1')))).toBe('TRANSACTION_ACTIVE');
  expect(codeOf(await register.request('Purchase', purchaseOf('R-2')))).toBe('BUSY');
  const other = await bench.register(port); // of the same address, and nobody has a name
  expect(codeOf(await other.request('Abort', identifiersOf('R-2')))).toBe('NOTHING_TO_ABORT');
  expect((await other.request('Abort')).result).toEqual({});
  const ended = await register.waitFor(({ error }) => error?.data.string_code === 'ABORTED');
  expect(ended.response_to).toBe('Purchase');
});

describe('simulator:?state=DIR', () => {
  test('remembers over the life of the bridge', async () => {
    const args = ['--app', `simulator:?delay=30&state=${bench.path('state')}`];
    const first = bench.startBridge(args);
    const one = await first.register().request('Purchase', purchaseOf('R-1'));
    first.signal('SIGTERM');
    await first.exited;
    const second = bench.startBridge(args);
    const register = second.register();
    const two = await register.request('Check', identifiersOf('R-1'));
    expect(two.result).toEqual(one.result);
    expect(codeOf(await register.request('Purchase', purchaseOf('R-1')))).toBe('DUPLICATE_TRANSACTION');
  });

  test('is had by the next bridge when the first has ended', async () => {
    const args = ['--app', `simulator:?delay=30&state=${bench.path('state')}`, '--keepalive', 'off'];
    const first = bench.startBridge(args);
    expect((await first.register().request('Status')).result).toBeDefined();
    const second = bench.startBridge(args);
    const register = second.register();
    const refused = await register.request('Status');
    expect(codeOf(refused)).toBe('CHANNEL_UNAVAILABLE');
    expect(second.errors).toContain('another terminal is using it');
    first.signal('SIGTERM');
    await first.exited;
    expect((await register.request('Status')).result).toBeDefined();
  });
});
