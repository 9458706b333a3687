import { afterEach, beforeEach, expect, test } from 'vitest';
import { MEMORY_LIMIT_BYTES, startMeasured } from './abuse-kit.ts';
import { exitedWith, Workbench } from './kit.ts';

/** In a file of its own, because the wait of 30 s for a peer that reads nothing is real. */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

test('a register that sends 10 000 requests and reads no answer is given up with WIRE_WRITE_TIMEOUT', async () => {
  const filling = 'y'.repeat(2000);
  const application = await bench.application(({ params }) => ({
    result: { n: params?.['n'] ?? -1, filling },
  }));
  const { running, peakBytes } = startMeasured(bench, ['--app', `unix:${bench.socketPath}`]);
  const register = running.register();
  await register.request('Report', { n: -1 });
  register.pause();
  for (let n = 0; n < 10_000; n += 1) void register.request('Report', { n });
  expect(await running.exited).toEqual(exitedWith(111));
  expect(running.errors).toMatch(/WIRE_WRITE_TIMEOUT/);
  expect(running.errors).not.toMatch(/internal error/);
  const { message } = await application.waitFor('_Disconnected');
  expect(message?.params).toMatchObject({ reason: 'WIRE_WRITE_TIMEOUT', pending: [] });
  expect(application.requests('Report').length).toBeLessThan(10_000);
  const peak = await peakBytes();
  expect(peak).toBeLessThan(MEMORY_LIMIT_BYTES);
}, 120_000);
