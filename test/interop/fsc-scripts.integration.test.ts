import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SCRIPTS } from '../../src/fsc/scripts.ts';
import { type Opened, openStation, startPlatform, startSite, writeSites } from './fsc-kit.ts';
import { Workbench } from './kit.ts';

/** Every script of the simulated platform, played with a real bridge and a simulated station: three ends, two processes. */

let bench: Workbench;
let station: Opened;

beforeEach(async () => {
  bench = await Workbench.open();
  station = await openStation(bench);
});

afterEach(async () => {
  await bench.close();
  await station.close();
});

const ARGUMENTS: Readonly<Record<string, (address: string) => string[]>> = {
  failover: (address) => ['--standby', address],
};

async function play(name: string, listenOn?: string, more: string[] = []): Promise<string> {
  writeSites(bench, { transactionInfo: true });
  const { platform, address } = await startPlatform(
    bench,
    ['--script', name, '--set', 'limit=20', ...more],
    listenOn,
  );
  const site = startSite(bench, address, ARGUMENTS[name]?.(address) ?? []);
  const { code } = await platform.exited;
  expect([platform.errors, code === 0 ? '' : platform.stdout.text]).toEqual(['', '']);
  await site.kill();
  return platform.stdout.text;
}

describe('the site keeps to the script', () => {
  test.each(Object.keys(SCRIPTS))('%s', async (name) => {
    expect(await play(name)).toContain(`the script ${name} holds`);
  });

  test('post-pay over WebSocket, in binary messages and in text messages', async () => {
    await play('post-pay', 'ws://127.0.0.1:0/ws/text');
    await play('pre-auth', 'ws://127.0.0.1:0/ws/text', ['--set', 'messages=text']);
  });

  test('one byte a message over WebSocket', async () => {
    await play('one-byte', 'ws://127.0.0.1:0/ws/text');
  });
});
