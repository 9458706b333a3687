import { afterEach, beforeEach, expect, test } from 'vitest';
import { Line } from '../kit/line.ts';
import { exitedWith, freePort, type Running, Workbench } from './kit.ts';

/** `posbridge pos` in front of the real bridge, wherever a terminal may be. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

function startPos(args: readonly string[], to: string): Running {
  const place = ['--to', to, '--store', bench.path('store'), '--connect-timeout', '40s'];
  return bench.start('posbridge', ['pos', ...args, ...place]);
}

/** Its stdout, when it has ended as expected. */
async function told(running: Running, code: number): Promise<string> {
  const { stdout } = running;
  expect(await running.exited, running.errors).toEqual(exitedWith(code));
  await stdout.ended;
  return stdout.text;
}

const terminal = (delayMs: number) => [
  '--app',
  `simulator:?delay=${delayMs}`,
  '--journal',
  bench.path('journal'),
];

test.each([
  ['tcp', async () => `tcp:127.0.0.1:${await freePort()}`],
  ['unix', async () => `unix:${bench.path('pos.sock')}`],
  ['ws', async () => `ws://127.0.0.1:${await freePort()}/api/v2/terminal/1/jsonpos`],
])('a purchase over %s is approved, a question answered, and nothing stays open', async (_, place) => {
  const to = await place();
  await bench.startServe(['--listen', to, ...terminal(30)]);
  expect(await told(startPos(['purchase', '12.30', 'EUR'], to), 0)).toMatch(/^APPROVED {2}12\.30 EUR\n/);
  expect(await told(startPos(['status'], to), 0)).toMatch(/^state +ready\n/);
  expect(await told(startPos(['recover'], to), 0)).toBe('');
});

test('over a serial line that is unplugged in mid-sale and plugged in again, the truth is found', async () => {
  const line = await Line.open(bench.folder);
  try {
    const wire = ['--wire', `serial:${line.bridgeEnd}`, '--register', 'till'];
    const bridge = bench.startBridge([...wire, ...terminal(1500)]);
    const to = `serial:${line.registerEnd}`;
    expect(await told(startPos(['status'], to), 0)).toMatch(/^state +ready\n/);
    const purchase = startPos(['purchase', '12.30', 'EUR', '--keepalive', '5,1,1'], to);
    await purchase.says('waiting for the card');
    await line.unplug();
    await purchase.says('no connection');
    await line.plug();
    expect(await told(purchase, 0)).toMatch(/^APPROVED {2}12\.30 EUR\n/);
    expect(bridge.isRunning).toBe(true);
  } finally {
    await line.close();
  }
});
