import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TerminalMessage, TestTerminal } from '../kit/terminal.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';

/** Programs that are stopped (SIGSTOP, a suspended machine) for longer than a peer may be silent. */

let bench: Workbench;
let terminal: TestTerminal;

beforeEach(async () => {
  bench = await Workbench.open();
  terminal = await TestTerminal.listen();
});

afterEach(async () => {
  await terminal.stop();
  await bench.close();
});

const LIMIT_S = 5;

/** Stops a program for longer than the limit; `meanwhile` runs when it is stopped. */
async function stopped(program: Running, meanwhile: () => void): Promise<void> {
  program.signal('SIGSTOP');
  meanwhile();
  await sleep(LIMIT_S * 1000 + 500);
  program.signal('SIGCONT');
}

test('a register that has answered a keepalive meanwhile is not lost', async () => {
  await bench.application();
  const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`, '--keepalive', `1,1,${LIMIT_S}`]);
  const register = bridge.register({ answersKeepalive: false });
  const ping = await register.waitFor('_Keepalive');
  await stopped(bridge, () => register.respond(ping, {}));
  const next = await register.waitFor(({ id, method }) => method === '_Keepalive' && id !== ping.id);
  register.respond(next, {});
  register.end();
  expect(await bridge.exited).toEqual(exitedWith(0));
});

test('a terminal that has answered a keepalive meanwhile is not lost', async () => {
  const till = bench.start('posbridge', [
    ...['pos', 'purchase', '12.50', 'EUR', '--to', terminal.endpoint],
    ...['--store', bench.path('store'), '--keepalive', `1,1,${LIMIT_S}`],
  ]);
  terminal.onRequest = ({ method }, connection) => {
    if (method !== 'Purchase') return {};
    connection.answersKeepalive = false;
    return undefined;
  };
  await terminal.until(() => unanswered('_Keepalive') !== undefined);
  const connection = terminal.connection;
  await stopped(till, () => connection.answer(unanswered('_Keepalive') as TerminalMessage, {}));
  connection.answersKeepalive = true;
  connection.answer(terminal.requests('Purchase')[0] as TerminalMessage, { amount: 1250, currency: 'EUR' });
  expect(await till.exited).toEqual(exitedWith(0));
  expect(terminal.connections).toHaveLength(1);
});

/** The request that came last, if it came after the purchase. */
function unanswered(method: string): TerminalMessage | undefined {
  const messages = terminal.connections.at(-1)?.messages ?? [];
  const purchase = messages.findIndex((message) => message.method === 'Purchase');
  return purchase < 0 ? undefined : messages.slice(purchase).find((message) => message.method === method);
}
