import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitedWith, purchase, Workbench } from './kit.ts';

/** `posbridge serve` with several listeners in one process. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

test('accepts on every listener, and tells applications the register that a listener names', async () => {
  const registers: unknown[] = [];
  await bench.application(({ method, params }, { text }) => {
    if (method !== 'Purchase') return undefined;
    registers.push(JSON.parse(text).register);
    return { result: { amount: params?.['amount'] ?? null } };
  });
  const { server, port } = await bench.startServe([
    '--listen',
    'tcp:127.0.0.1:0?register=till-1',
    '--listen',
    `unix:${bench.path('till.sock')}?mode=0600&register=till-2`,
    '--listen',
    'ws://127.0.0.1:0/pos',
    '--register',
    'nobody',
    '--app',
    `unix:${bench.socketPath}`,
  ]);
  await server.says(/listening on="?ws:/);
  for (const [number, place] of [port, { path: bench.path('till.sock') }].entries()) {
    const till = await bench.register(place);
    expect(await till.request('Purchase', purchase(`R-${number}`))).toHaveProperty('result');
    till.end();
  }
  expect(registers).toEqual(['till-1', 'till-2']);
  server.signal('SIGTERM');
  expect(await server.exited).toEqual(exitedWith(0));
  expect(existsSync(bench.path('till.sock'))).toBe(false);
});

test('one that cannot be had ends it with 111, and the others are given back', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const socket = bench.path('till.sock');
  const server = bench.startBridge([
    'serve',
    '--listen',
    `unix:${socket}`,
    '--listen',
    `tcp:127.0.0.1:${port}`,
    '--app',
    'null:',
  ]);
  expect(await server.exited).toEqual(exitedWith(111));
  expect(server.errors).toContain(`cannot listen on tcp:127.0.0.1:${port}: address already in use`);
  expect(existsSync(socket)).toBe(false);
  taken.close();
});

test('the environment lists them with commas', async () => {
  const listed = bench.start('posbridge', ['serve', '--app', 'null:', '--lock', 'none'], {
    env: { POSBRIDGE_LISTEN: `tcp:127.0.0.1:0, unix:${bench.path('a.sock')}?register=till-1` },
  });
  await listed.says(/listening on=tcp:127\.0\.0\.1:\d+/);
  await listed.says(`listening on=unix:${bench.path('a.sock')}`);
});
