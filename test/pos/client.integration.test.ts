import { createServer, type IncomingMessage, type Server } from 'node:http';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { PosClient } from '../../src/pos/pos-client.ts';
import type { PosClientOptions } from '../../src/pos/pos-options.ts';
import { exitedWith, type Running, Workbench } from '../interop/kit.ts';
import { errorAnswer } from '../kit/application.ts';
import { TerminalConnection } from '../kit/terminal.ts';

/** The register's side against the real bridge and the simulated terminal. */

const SALE = { amountMinor: 1230, currency: 'EUR' };
const TILL = path.join(import.meta.dirname, 'till.mjs');
const SIMULATOR = ['--app', 'simulator:?delay=30'];

let bench: Workbench;
const clients: PosClient[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await bench.close();
});

async function till(to: string, options: Partial<PosClientOptions> = {}): Promise<PosClient> {
  const client = await PosClient.open({ to, store: bench.path('store'), ...options });
  clients.push(client);
  return client;
}

/** A bridge with the simulated terminal, and where it listens. */
async function terminalOn(kind: 'tcp' | 'unix' | 'ws', args = SIMULATOR): Promise<[string, Running]> {
  const listen = {
    tcp: 'tcp:127.0.0.1:0',
    unix: `unix:${bench.path('pos.sock')}`,
    ws: 'ws://127.0.0.1:0/pos',
  }[kind];
  const { server, port } = await bench.startServe(['--listen', listen, ...args]);
  return [listen.replace(/:0(?=\/|$)/, `:${port}`), server];
}

describe.each(['tcp', 'unix', 'ws'] as const)('over %s', (kind) => {
  test('everything that a till does works', async () => {
    const [to, server] = await terminalOn(kind);
    const client = await till(to, { apiKey: 'S3CR3T-KEY', cashierLanguage: 'fi' });
    const statuses: (string | undefined)[] = [];
    client.on('status', ({ transactionStatus }) => statuses.push(transactionStatus));
    expect(await client.ping()).toBeGreaterThan(0);
    expect(await client.info()).toMatchObject({ version: '18.9.0' });
    expect(await client.status()).toMatchObject({ readyForTransaction: true, transactionStatus: undefined });

    const approved = await client.purchase(SALE);
    expect(approved).toMatchObject({ outcome: 'approved', result: { amount: 1230, currency: 'EUR' } });
    expect(statuses.slice(1)).toEqual(['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT', undefined]);
    expect(await client.purchase({ ...SALE, amountMinor: 501 })).toMatchObject({
      outcome: 'declined',
      reason: { code: 'DECLINED', displayMessage: 'Hylätty' },
    });
    expect(await client.refund({ ...SALE, receiptId: 'R-1' })).toMatchObject({ outcome: 'approved' });
    expect(await client.check(approved.receiptId)).toEqual(approved);
    await expect(client.call('Nonsense')).rejects.toMatchObject({ code: 'JSONRPC_METHOD_NOT_FOUND' });

    await client.close();
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
    expect(server.errors).not.toContain('S3CR3T-KEY');
  });
});

test('abort cancels the purchase that is running', async () => {
  const [to] = await terminalOn('tcp', ['--app', 'simulator:?delay=60000']);
  const client = await till(to);
  const begun = new Promise<void>((resolve) => client.on('status', () => resolve()));
  const sale = client.purchase(SALE);
  await begun;
  await client.abort();
  expect(await sale).toMatchObject({ outcome: 'cancelled', reason: { code: 'ABORTED' } });
});

test('a second purchase at a busy terminal is refused with the reason, nothing charged', async () => {
  const [to] = await terminalOn('tcp', ['--app', 'simulator:?delay=60000']);
  const client = await till(to);
  const begun = new Promise<void>((resolve) => client.on('status', () => resolve()));
  const first = client.purchase(SALE);
  await begun;
  expect(await client.purchase(SALE)).toMatchObject({ outcome: 'not-started', reason: { code: 'BUSY' } });
  await client.abort();
  expect(await first).toMatchObject({ outcome: 'cancelled' });
});

test('a bridge that is killed in the middle and started again costs nothing but time', async () => {
  const application = await bench.application(({ method }) =>
    method === 'Check' ? { result: { charged: 'once' } } : undefined,
  );
  const args = ['--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
  const [to, server] = await terminalOn('unix', args);
  const client = await till(to);
  const sale = client.purchase(SALE);
  await application.waitFor('Purchase');
  await server.kill();
  await terminalOn('unix', args);
  expect(await sale).toMatchObject({ outcome: 'approved', result: { charged: 'once' } });
  expect(application.requests('Purchase')).toHaveLength(1);
});

test('a terminal that has no application yet refuses, and nothing is charged', async () => {
  const [to] = await terminalOn('tcp', ['--app', `unix:${bench.socketPath}`]);
  const client = await till(to);
  expect(await client.purchase(SALE)).toMatchObject({
    outcome: 'not-started',
    reason: { code: 'CHANNEL_UNAVAILABLE' },
  });
});

test('an application without Check leaves the outcome unknown, and the entry open', async () => {
  const application = await bench.application(({ method }) =>
    method === 'Check' ? errorAnswer('JSONRPC_METHOD_NOT_FOUND', 'no', -32601) : errorAnswer('ODD', 'odd'),
  );
  const [to] = await terminalOn('tcp', ['--app', `unix:${bench.socketPath}`]);
  const client = await till(to, { outcomeWaitMs: 3000 });
  await expect(client.purchase(SALE)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  application.handler = () => ({ result: { found: 'later' } });
  const { value } = await client.recover().next();
  expect(value).toMatchObject({ outcome: 'approved', result: { found: 'later' } });
  expect(application.requests('Purchase')).toHaveLength(1);
});

test('two processes on one store sell side by side and never share a receipt number', async () => {
  const [to] = await terminalOn('tcp', ['--app', 'simulator:?delay=3', '--lock', 'none']);
  const tills = [1, 2].map(() => bench.start(process.execPath, [TILL, to, bench.path('store'), '25']));
  const lines = (
    await Promise.all(
      tills.map(async ({ exited, stdout }) => {
        expect(await exited).toEqual(exitedWith(0));
        await stdout.ended;
        return stdout.lines.map((line) => JSON.parse(line));
      }),
    )
  ).flat();
  const sold = lines.flatMap((line) => (line.sold === undefined ? [] : [line.sold]));
  expect(lines.filter((line) => line.failed !== undefined || line.recovered !== undefined)).toEqual([]);
  expect(sold).toHaveLength(50);
  expect(new Set(sold.map(({ receiptId }) => receiptId)).size).toBe(50);
  for (const { outcome, reason } of sold) expect(outcome === 'approved' || reason.code === 'BUSY').toBe(true);
});

describe('the cloud', () => {
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** A WebSocket service that wants a name and password. */
  async function cloud(): Promise<{ port: number; seen: (string | undefined)[] }> {
    const seen: (string | undefined)[] = [];
    const server = createServer();
    servers.push(server);
    const sockets = new WebSocketServer({
      server,
      handleProtocols: (protocols) => (protocols.has('jsonrpc2.0') ? 'jsonrpc2.0' : false),
      verifyClient: ({ req }: { req: IncomingMessage }) => {
        seen.push(req.url, req.headers.authorization);
        return req.headers.authorization === `Basic ${Buffer.from('till:pässword').toString('base64')}`;
      },
    });
    sockets.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { id, method } = JSON.parse(String(data));
        if (id === undefined) socket.close();
        else socket.send(JSON.stringify({ jsonrpc: '2.0', id, response_to: method, result: {} }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, seen };
  }

  test('is reached with name and password in a header, never in the address', async () => {
    const { port, seen } = await cloud();
    const to = `ws://127.0.0.1:${port}/api/v2/terminal/T1/jsonpos`;
    const client = await till(to, { wsCredentials: { user: 'till', password: 'pässword' } });
    expect(await client.purchase(SALE)).toMatchObject({ outcome: 'approved' });
    expect(seen[0]).toBe('/api/v2/terminal/T1/jsonpos');
  });

  test('that refuses the password is no connection, and the password is not shown', async () => {
    const { port } = await cloud();
    const to = `ws://127.0.0.1:${port}/api/v2/terminal/T1/jsonpos`;
    const wsCredentials = { user: 'till', password: 'wr0ng-w0rd' };
    const client = await till(to, { wsCredentials });
    const refused = new Promise<string>((resolve) => {
      client.on('disconnected', ({ reason }) => resolve(reason.text));
    });
    const controller = new AbortController();
    const sale = client.purchase(SALE, { signal: controller.signal }).catch((caught) => caught);
    const why = await refused;
    expect(why).toContain('401');
    controller.abort();
    expect(await sale).toMatchObject({ code: 'ABORTED' });
    expect(why + (await sale).message).not.toContain('wr0ng-w0rd');
  });
});

test('a till that was started with the connection in a descriptor sells on it', async () => {
  const running = bench.start(process.execPath, [TILL, 'fd:3', bench.path('store')], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const connection: TerminalConnection = new TerminalConnection(running.end(3), 'plain', (request) => {
    if (request.method === 'Purchase') connection.answer(request, { by: 'descriptor' });
  });
  const [line = ''] = await running.stdout.waitFor(/^\{"sold.*$/m);
  expect(JSON.parse(line).sold).toMatchObject({ outcome: 'approved', result: { by: 'descriptor' } });
  expect(await running.exited).toEqual(exitedWith(0));
  expect(connection.messages.at(-1)?.method).toBe('_CloseReason');
});
