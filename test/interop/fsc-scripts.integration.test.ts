import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { SCRIPTS } from '../../src/dialect/openfsc/simulator/scripts.ts';
import { type Opened, openStation, startPlatform, startSite, writeSites } from './fsc-kit.ts';
import { Workbench } from './kit.ts';

/**
 * Every script of the simulated platform, played with a real bridge and a simulated station: three ends, two processes.
 */

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

const PAIR = [
  { session: 'primary', priority: 1 },
  { session: 'backup', priority: 2 },
];

async function play(name: string, listenOn?: string, more: string[] = []): Promise<string> {
  writeSites(bench, { transactionInfo: true }, name === 'handover' ? PAIR : undefined);
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

  test('one-byte over WebSocket: a line stays one message', async () => {
    await play('one-byte', 'ws://127.0.0.1:0/ws/text');
    const listenOn = 'ws://127.0.0.1:0/ws/text';
    const { address } = await startPlatform(bench, ['--set', 'bytewise=yes'], listenOn);
    const socket = new WebSocket(address);
    const message = await new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
    socket.close();
    expect(message).toMatch(/^\* CAPABILITY [A-Z ]+\r\n$/);
  });

  test('a site that has not announced TRANSACTIONINFO gets none, and the script holds', async () => {
    writeSites(bench);
    const { platform, address } = await startPlatform(bench, ['--script', 'transaction-info']);
    startSite(bench, address);
    expect((await platform.exited).code).toBe(0);
    expect(platform.stdout.text).toContain('has not announced TRANSACTIONINFO: not sent');
    expect(platform.stdout.text).not.toMatch(/^S1: \* TRANSACTIONINFO/m);
  });

  test('primary and backup on one connection, and both again on a second one with --standby', async () => {
    writeSites(bench, {}, PAIR);
    const { platform, address } = await startPlatform(bench, ['--set', 'limit=20']);
    startSite(bench, address, ['--standby', address]);
    for (const [name, priority] of [
      ['primary', 1],
      ['backup', 2],
      ['primary', 3],
      ['backup', 4],
    ] as const) {
      await platform.stdout.waitFor(new RegExp(`# ${name}@\\d is logged in with priority ${priority}`));
    }
  });
});
