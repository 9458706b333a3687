import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitedWith, Workbench } from '../interop/kit.ts';

const isSoak = (process.env['SOAK'] ?? '') !== '';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

// Five failures take 25 s.
test.runIf(isSoak)(
  '--on-stuck of the API runs for the terminal that cannot be reached, and is ended with the service',
  async () => {
    const place = `unix:${bench.path('nobody.sock')}`;
    const command = 'echo "stuck at $STUCK_WIRE after $STUCK_FAILURES" >&2; exec sleep 1000';
    const api = bench.start('posbridge', [
      'api',
      ...['--listen', `unix:${bench.path('api.sock')}`],
      ...['--terminal', `counter=${place}`],
      ...['--store', bench.path('store')],
      ...['--on-stuck', command],
    ]);
    await api.says(`stuck at ${place} after 5`);
    api.signal('SIGTERM');
    expect(await api.exited).toEqual(exitedWith(0));
    expect(api.errors).toMatch(/the command of --on-stuck failed.*ended by SIGTERM/);
  },
);
