import { writeFile } from 'node:fs/promises';
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

  test('once, although the terminal is killed while it pays and comes back', async () => {
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
    const { server, address } = await serve('--listen', 'tcp:127.0.0.1:0', ...app);
    const paying = pos(`nexo+${address}?poi=${POIID}`, 'purchase', '12.30', 'EUR');
    await vi.waitFor(() => expect(application.requests('Purchase')).toHaveLength(1), { timeout: 45_000 });
    await server.kill();
    decide();
    await serve('--listen', address, ...app);
    expect((await outcomeOf(paying)).exit).toEqual(exitedWith(0));
    expect(application.requests('Purchase')).toHaveLength(1);
  });
});
