import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deferred } from '../../src/base/deferred.ts';
import type { TestApplication } from '../kit/application.ts';
import { exitedWith, purchase, Workbench } from './kit.ts';

/** A new program takes over from an old one while somebody pays: docs/installing.md says how. */

let bench: Workbench;
/** The application answers a purchase of receipt 1 only when this is resolved. */
let mayPay: ReturnType<typeof deferred<void>>;
let application: TestApplication;

beforeEach(async () => {
  bench = await Workbench.open();
  mayPay = deferred<void>();
  application = await bench.application(async ({ method, params }) => {
    if (method !== 'Purchase') return { result: {} };
    if (params?.['receipt_id'] === 1) await mayPay.promise;
    return { result: { amount: params?.['amount'] ?? null, currency: 'EUR' } };
  });
});
afterEach(() => bench.close());

/** As systemd does it: the socket stays, and a restart is SIGTERM, the end, and another start with the same socket. */
const SOCKET_UNIT = `
import os, socket, subprocess, sys
s = socket.create_server(('127.0.0.1', 0))
os.dup2(s.fileno(), 3, inheritable=True)
print(s.getsockname()[1], flush=True)
service = subprocess.Popen(sys.argv[1:], pass_fds=[3])
sys.stdin.readline()
service.terminate()
print('ended', service.wait(), flush=True)
sys.exit(subprocess.Popen(sys.argv[1:], pass_fds=[3]).wait())
`;

test('while a socket stays, a purchase is finished by the old program and whoever comes is served by the new one', async () => {
  const journal = ['--journal', bench.path('journal'), '--drain', '2m'];
  const program = ['posbridge', 'serve', '--listen', 'fd:3', '--app', `unix:${bench.socketPath}`, ...journal];
  const unit = bench.start('python3', ['-c', SOCKET_UNIT, ...program]);
  const [, port] = await unit.stdout.waitFor(/^(\d+)\n/);
  const paying = await bench.register(Number(port));
  const answer = paying.request('Purchase', purchase(1));
  await application.waitFor('Purchase');

  unit.child.stdin?.write('restart\n');
  await unit.says('stopping signal=SIGTERM');
  const next = await bench.register(Number(port));
  const second = next.request('Purchase', purchase(2));
  // Longer than everything else has.
  await unit.says(/stopping waits for transactions .*methods=.*Purchase/);
  expect(unit.stdout.text).not.toContain('ended');
  mayPay.resolve();

  expect(await answer).toMatchObject({ result: { amount: 1250 } });
  await paying.waitFor('_CloseReason');
  paying.end();
  expect(await second).toMatchObject({ result: { amount: 1250 } });
  expect(unit.stdout.text).toContain('ended 0\n');
  const listed = bench.start('posbridge', ['journal', 'list', '--journal', bench.path('journal')]);
  expect((await listed.stdout.waitForAll(/approved/g, 2)).length).toBe(2);
});

test('under s6 a connection keeps its program, and new ones are served at once', async () => {
  const socket = bench.path('register.sock');
  const service = bench.path('service');
  mkdirSync(service);
  writeFileSync(`${service}/notification-fd`, '3\n');
  writeFileSync(
    `${service}/run`,
    `#!/bin/sh\nexec 2>&1\nexec s6-ipcserver -1 -v ${socket} posbridge --app unix:${bench.socketPath} --journal ${bench.path('journal')} >&3 3>&-\n`,
  );
  chmodSync(`${service}/run`, 0o755);
  const supervisor = bench.start('s6-supervise', [service]);
  const control = async (...args: string[]) => (await bench.start('s6-svc', args).exited).code;
  // s6-svwait wants to find what s6-supervise is only about to write.
  while ((await bench.start('s6-svwait', ['-U', service]).exited).code !== 0) {
    expect(supervisor.isRunning, supervisor.errors).toBe(true);
  }
  const paying = await bench.register({ path: socket });
  const answer = paying.request('Purchase', purchase(1));
  await application.waitFor('Purchase');

  expect(await control('-wR', '-r', service)).toBe(0);
  const next = await bench.register({ path: socket });
  expect(await next.request('Status')).toMatchObject({ result: {} });
  mayPay.resolve();
  expect(await answer).toMatchObject({ result: { amount: 1250 } });
  expect(await next.request('Purchase', purchase(2))).toMatchObject({ result: { amount: 1250 } });
  paying.end();
  next.end();
  await Promise.all([paying.closed, next.closed]);
  expect(await control('-xd', service)).toBe(0);
  expect(await supervisor.exited).toEqual(exitedWith(0));
});
