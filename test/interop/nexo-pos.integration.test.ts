import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Certificates } from '../kit/certificates.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';

/** Our register against our terminal, each a process, on every wire. */

const POIID = 'V400m-324688179';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const pos = (to: string, ...args: string[]): Running =>
  bench.start('posbridge', ['pos', ...args, '--to', to, '--store', bench.path('store'), '--json']);

async function outcomeOf(program: Running) {
  const { stdout } = program;
  const exit = await program.exited;
  const lines = stdout.text.split('\n').filter((line) => line.startsWith('{'));
  return { exit, last: JSON.parse(lines.at(-1) ?? '{}'), errors: program.errors };
}

async function serve(...args: string[]) {
  const { server } = await bench.startServe([
    ...['--dialect', 'nexo', '--journal', bench.path('journal')],
    ...(args.includes('--app') ? [] : ['--app', 'simulator:?delay=0']),
    ...args,
  ]);
  const [, address = ''] = await server.says(/listening(?: on="?|","on":")([^\s"]+)/);
  return { server, address };
}

describe('a register of ours pays at a terminal of ours', () => {
  test.each([
    ['tcp', 'tcp:127.0.0.1:0'],
    ['WebSocket', 'ws://127.0.0.1:0/nexo'],
    ['HTTP', 'http://127.0.0.1:0/nexo'],
  ])('over %s, and gives back', async (_, listen) => {
    const { address } = await serve('--listen', listen);
    const to = `nexo+${address}?poi=${POIID}&sale=POS1`;
    const paid = await outcomeOf(pos(to, 'purchase', '12.30', 'EUR'));
    expect([paid.exit, paid.errors]).toEqual([exitedWith(0), expect.anything()]);
    const refunded = await outcomeOf(pos(to, 'refund', '500', 'JPY'));
    expect(refunded.exit).toEqual(exitedWith(0));
    expect((await pos(to, 'status').exited).code).toBe(0);
  });

  test('over HTTPS with local encryption, and with no terminal but the one that the certificate names', async () => {
    const certificates = new Certificates(bench.folder);
    certificates.root('root');
    certificates.signed('terminal', 'root', 'basicConstraints=CA:FALSE', {
      subject: `/CN=${POIID}.test.terminal.adyen.com`,
    });
    const keys = bench.path('keys.json');
    await writeFile(keys, JSON.stringify({ keyIdentifier: 'k', keyVersion: 1, passphrase: 'p@ss' }), {
      mode: 0o600,
    });
    const { address } = await serve(
      ...['--vendor', 'adyen', '--keys', keys, '--listen', 'https://127.0.0.1:0/nexo/'],
      ...['--tls-cert', certificates.pem('terminal'), '--tls-key', certificates.key('terminal')],
    );
    const to = (poi: string) => `nexo+${address}?poi=${poi}&vendor=adyen&keys=${keys}`;
    const trusting = ['--tls-ca', certificates.pem('root'), '--connect-timeout', '2s'];
    const paid = await outcomeOf(pos(to(POIID), 'purchase', '12.30', 'EUR', ...trusting));
    expect(paid.exit).toEqual(exitedWith(0));
    const other = await outcomeOf(pos(to('V400m-1'), 'purchase', '12.30', 'EUR', ...trusting));
    expect(other.exit).toEqual(exitedWith(111));
    expect(other.errors).toContain('the certificate is not one of this terminal');
  });

  test('over HTTPS through a bridge and through a gateway, which show the terminal the certificate that it wants', async () => {
    const certificates = new Certificates(bench.folder);
    certificates.root('root');
    certificates.signed('terminal', 'root', 'basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1');
    certificates.signed('till', 'root', 'basicConstraints=CA:FALSE');
    const root = certificates.pem('root');
    const { address } = await serve(
      ...['--listen', 'https://127.0.0.1:0/nexo', '--tls-client-ca', root],
      ...['--tls-cert', certificates.pem('terminal'), '--tls-key', certificates.key('terminal')],
    );
    const to = `nexo+${address}?poi=${POIID}`;
    const shown = (name: string) => [
      ...[`--${name}-cert`, certificates.pem('till'), `--${name}-key`, certificates.key('till')],
      ...['--tls-ca', root],
    ];
    const till = (name: string) => ['--journal', bench.path(name), '--lock', bench.path(`${name}.lock`)];
    const bridge = await bench.startServe(['--app', to, ...till('till'), ...shown('terminal')]);
    const paid = await outcomeOf(pos(`jsonpos+tcp:127.0.0.1:${bridge.port}`, 'purchase', '12.30', 'EUR'));
    expect(paid.exit).toEqual(exitedWith(0));
    const place = `unix:${bench.socketPath}`;
    const gateway = bench.start('posbridge', [
      ...['gateway', '--listen', place, '--to', to, '--terminal-store', bench.path('gateway')],
      ...shown('tls'),
    ]);
    await gateway.says(/listening/);
    const second = await bench.startServe(['--app', place, ...till('other')]);
    const again = await outcomeOf(pos(`jsonpos+tcp:127.0.0.1:${second.port}`, 'purchase', '5', 'EUR'));
    expect(again.exit).toEqual(exitedWith(0));
  });

  test.each([
    ['tcp', 'tcp:127.0.0.1:0'],
    ['HTTP', 'http://127.0.0.1:0/nexo'],
  ])('once over %s, although the terminal is killed while it pays and comes back', async (_, listen) => {
    let decide: () => void = () => {};
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    const outcome = { result: { amount: 1230, currency: 'EUR', transaction_id: 'T1' } };
    const application = await bench.application(async ({ method }) => {
      if (method === 'Purchase') await decided;
      return method === 'Purchase' || method === 'Check' ? outcome : { result: {} };
    });
    const app = ['--app', `unix:${bench.socketPath}`];
    const { server, address } = await serve('--listen', listen, ...app);
    const paying = pos(`nexo+${address}?poi=${POIID}`, 'purchase', '12.30', 'EUR');
    await vi.waitFor(() => expect(application.requests('Purchase')).toHaveLength(1), { timeout: 45_000 });
    await server.kill();
    decide();
    await serve('--listen', address, ...app);
    expect((await outcomeOf(paying)).exit).toEqual(exitedWith(0));
    expect(application.requests('Purchase')).toHaveLength(1);
  });
});

test('a terminal over HTTP shows its texts and tells its events where X-Callback-Url says', async () => {
  const posted: { readonly status: number; readonly text: string }[] = [];
  const post = async (url: string, message: object) => {
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(message) });
    posted.push({ status: answer.status, text: await answer.text() });
  };
  const speak = async (url: string, header: object) => {
    const device = { ...header, MessageClass: 'Device', MessageType: 'Request', DeviceID: '1' };
    const OutputContent = { OutputFormat: 'Text', OutputText: [{ Text: 'INSERT CARD' }] };
    const DisplayOutput = [{ Device: 'CashierDisplay', InfoQualify: 'Status', OutputContent }];
    await post(url, {
      SaleToPOIRequest: {
        MessageHeader: { ...device, MessageCategory: 'Display' },
        DisplayRequest: { DisplayOutput },
      },
    });
    const event = { ...header, MessageClass: 'Event', MessageType: 'Notification', MessageCategory: 'Event' };
    const EventNotification = { TimeStamp: '2024-05-01T12:00:00Z', EventToNotify: 'CardInserted' };
    await post(url, { SaleToPOIRequest: { MessageHeader: event, EventNotification } });
    const other = { ...event, POIID: 'somebody else' };
    await post(url, { SaleToPOIRequest: { MessageHeader: other, EventNotification } }).catch(() =>
      posted.push({ status: 0, text: '' }),
    );
  };
  const terminal = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { MessageHeader, PaymentRequest } = JSON.parse(Buffer.concat(chunks).toString()).SaleToPOIRequest;
    if (PaymentRequest !== undefined) await speak(String(request.headers['x-callback-url']), MessageHeader);
    const MessageType = 'Response';
    const name = `${MessageHeader.MessageCategory}Response`;
    const SaleToPOIResponse = {
      MessageHeader: { ...MessageHeader, MessageType },
      [name]: {
        Response: { Result: 'Success' },
        POIData: { POITransactionID: { TransactionID: 'T1', TimeStamp: '2024-05-01T12:00:00Z' } },
        PaymentResult: { AmountsResp: { AuthorizedAmount: 12.3, Currency: 'EUR' } },
      },
    };
    response.end(JSON.stringify({ SaleToPOIResponse }));
  });
  await new Promise<void>((resolve) => terminal.listen(0, '127.0.0.1', resolve));
  const { port } = terminal.address() as AddressInfo;
  const callback = 'callback=http://127.0.0.1:0/from-the-terminal';
  const to = `nexo+http://127.0.0.1:${port}/nexo?poi=${POIID}&vendor=adyen&${callback}`;
  const paying = pos(to, 'purchase', '12.30', 'EUR');
  const { stdout } = paying;
  expect((await paying.exited).code).toBe(0);
  terminal.close();
  expect(posted.map(({ status }) => status)).toEqual([200, 204, 0]);
  expect(JSON.parse(posted[0]?.text ?? '')).toMatchObject({
    SaleToPOIResponse: {
      MessageHeader: { MessageCategory: 'Display', DeviceID: '1' },
      DisplayResponse: { OutputResult: [{ Response: { Result: 'Success' } }] },
    },
  });
  expect(stdout.text).toContain('INSERT CARD');
});

test('an application shows its texts to a register over HTTP, and gets its answers, where that has said that it listens', async () => {
  const question = { DisplayOutput: [{ Device: 'CashierDisplay', InfoQualify: 'Status' }] };
  let answer: unknown;
  const application = await bench.application(async ({ method, connection }, { attachment }) => {
    if (method !== 'Purchase') return { result: {} };
    const say = (line: object) => attachment.send({ connection, jsonrpc: '2.0', ...line });
    say({ method: 'PosMessage', params: { message: 'INSERT CARD' } });
    say({ id: 'shown', method: 'nexo.Display', params: question });
    answer = (await application.waitFor(({ message }) => message?.id === 'shown')).message?.result;
    return { result: { amount: 1230, currency: 'EUR' } };
  });
  const { address } = await serve('--listen', 'http://127.0.0.1:0/nexo', '--app', `unix:${bench.socketPath}`);
  const to = `nexo+${address}?poi=${POIID}&callback=http://127.0.0.1:0/cb`;
  const paid = pos(to, 'purchase', '12.30', 'EUR');
  const { stdout } = paid;
  expect((await paid.exited).code).toBe(0);
  expect(stdout.text).toContain('INSERT CARD');
  expect(answer).toEqual({
    OutputResult: [{ Device: 'CashierDisplay', InfoQualify: 'Status', Response: { Result: 'Success' } }],
  });
});
