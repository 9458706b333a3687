import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RegisterMessage } from '../kit/register.ts';
import { MEMORY_LIMIT_BYTES, PaymentProcess, statistics } from './abuse-kit.ts';
import { exitedWith, Workbench } from './kit.ts';

/** One register with more to say, or less to hear, than an application or a wire can take. */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const REQUESTS = 3000;
const TEXT = 'x'.repeat(3000);

function codeOf(answer: RegisterMessage): string | undefined {
  return answer.error?.data.string_code;
}

test('a stopped application costs its own requests, a dead one its own answers, never a purchase', async () => {
  let payment = await PaymentProcess.start(bench);
  const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`, '--log-format', 'json']);
  const register = bridge.register();
  let isPurchaseOver = false;
  const purchase = register
    .request('Purchase', { receipt_id: 'R-1', sequence_id: 17, amount: 1250, currency: 'EUR' })
    .finally(() => {
      isPurchaseOver = true;
    });
  await payment.gets('"method":"Purchase"');

  // Stopped: it takes nothing, and nobody sees that it will not.
  payment.running.signal('SIGSTOP');
  const answers: Promise<RegisterMessage>[] = [];
  const keepalives: Promise<RegisterMessage>[] = [];
  let notes = 0;
  for (let n = 0; n < REQUESTS; n += 1) {
    answers.push(register.request('Report', { n, text: TEXT }));
    if (n % 3 === 0) {
      register.notify('Note', { n, text: TEXT });
      notes += 1;
    }
    if (n % 100 === 0) keepalives.push(register.request('_Keepalive'));
    if (n % 500 === 0) await keepalives.at(-1);
  }
  for (const keepalive of keepalives) expect((await keepalive).result).toEqual({});
  expect(codeOf(await register.request('Report', { n: REQUESTS, text: TEXT }))).toBe('BUSY');
  expect((await register.request('_Keepalive')).result).toEqual({});
  const refused = register.received.filter((message) => message.error !== undefined);
  expect(new Set(refused.map(codeOf))).toEqual(new Set(['BUSY']));
  expect(register.received.some(({ response_to, result }) => response_to === 'Report' && result)).toBe(false);
  expect(isPurchaseOver).toBe(false);
  const sizes = await statistics(bridge);
  expect(sizes['channel bytes queued']).toBeLessThanOrEqual(4 * 1024 * 1024);
  expect(sizes['channel bytes queued']).toBeGreaterThan(4 * 1024 * 1024 - 2 * TEXT.length);

  // It goes on: what was queued is answered, what was thrown away is counted.
  payment.running.signal('SIGCONT');
  const all = await Promise.all(answers);
  const served = all.filter(({ result }) => result !== undefined);
  expect(all.filter((answer) => codeOf(answer) === 'BUSY')).toHaveLength(REQUESTS - served.length);
  expect(refused).toHaveLength(REQUESTS - served.length + 1);
  expect(served.length).toBeGreaterThan(500);
  for (const [n, { result }] of all.entries()) if (result !== undefined) expect(result).toEqual({ n });
  await payment.gets('"method":"_Dropped"');
  await register.request('Report', { n: 1 });
  const dropped = payment.lines.filter(({ method }) => method === '_Dropped');
  const arrived = payment.lines.filter(({ method }) => method === 'Note');
  expect(dropped).toHaveLength(1);
  expect(dropped[0]?.count).toBe(notes - arrived.length);
  expect(arrived.length).toBeGreaterThan(0);
  expect(arrived.length).toBeLessThan(notes);
  expect((await statistics(bridge))['dropped notifications']).toBe(notes - arrived.length);
  expect(payment.lines.filter(({ method }) => method === 'BROKEN LINE')).toEqual([]);
  expect(bridge.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);

  // Dead: ordinary requests end, the purchase does not.
  const held = [1, 2, 3].map((n) => register.request('Hold', { n }, { id: `hold-${n}` }));
  await payment.gets('"n":3');
  await payment.running.kill();
  for (const answer of await Promise.all(held)) expect(codeOf(answer)).toBe('CHANNEL_CLOSED');
  expect(codeOf(await register.request('Report', { n: 2 }))).toBe('CHANNEL_UNAVAILABLE');
  expect((await register.request('_Keepalive')).result).toEqual({});
  expect(isPurchaseOver).toBe(false);

  // Back: the purchase gets the outcome that Check tells, and everything works, on the same connection.
  payment = await PaymentProcess.start(bench);
  expect((await purchase).result).toEqual({ outcome: 'found', receipt_id: 'R-1', sequence_id: 17 });
  expect((await register.request('Report', { n: 3 })).result).toEqual({ n: 3 });
  expect(payment.lines.some(({ method }) => method === 'Check')).toBe(true);
  expect(payment.lines.some(({ method }) => method === 'Purchase')).toBe(false);
  void register.request('Purchase', { receipt_id: 'R-1', sequence_id: 18, amount: 5, currency: 'EUR' });
  await payment.gets('"method":"Purchase"');
  expect(register.faults).toEqual([]);
  expect(register.unexpected).toEqual([]);
  expect(bridge.memory().peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
});

test('a register that pauses its reading and reads on loses nothing', async () => {
  const filling = 'y'.repeat(2000);
  await bench.application(({ params }) => ({ result: { n: params?.['n'] ?? -1, filling } }));
  const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`, '--log-format', 'json']);
  const register = bridge.register();
  await register.request('Report', { n: -1 });
  register.pause();
  const answers = Array.from({ length: REQUESTS }, (_, n) => register.request('Report', { n }));
  let sizes = await statistics(bridge);
  while ((sizes['wire bytes queued'] ?? 0) <= 1024 * 1024) sizes = await statistics(bridge);
  register.resume();
  for (const [n, { result }] of (await Promise.all(answers)).entries())
    expect(result).toEqual({ n, filling });
  expect(register.faults).toEqual([]);
  expect(register.unexpected).toEqual([]);
  const { peakBytes } = bridge.memory();
  expect(peakBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
  register.end();
  expect(await bridge.exited).toEqual(exitedWith(0));
});
