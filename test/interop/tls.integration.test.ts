import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { Certificates } from '../kit/certificates.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';

/** `wss:` with real certificates, made by openssl. */

let bench: Workbench;
let certificates: Certificates;
const sockets: WebSocket[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
  certificates = new Certificates(bench.folder);
  certificates.root('root');
  certificates.root('other-root');
  certificates.signed('server', 'root', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await bench.close();
});

const pem = (name: string) => certificates.pem(name);
const key = (name: string) => certificates.key(name);

interface Served {
  readonly server: Running;
  readonly port: number;
}

function serve(name = 'server', ...args: string[]): Promise<Served> {
  const listen = ['--listen', 'wss://127.0.0.1:0/pos', '--tls-cert', pem(name), '--tls-key', key(name)];
  return bench.startServe([...listen, '--app', 'simulator:?delay=0', ...args]);
}

async function keepalive(port: number, options: ClientOptions): Promise<unknown> {
  const ws = new WebSocket(`wss://127.0.0.1:${port}/pos`, 'jsonrpc2.0', options);
  sockets.push(ws);
  await once(ws, 'open');
  ws.send('{"jsonrpc":"2.0","id":"k","method":"_Keepalive","params":{}}');
  const [data] = await once(ws, 'message');
  return JSON.parse(String(data)).result;
}

const trusting = (name = 'root') => ({ ca: readFileSync(pem(name)) });

/** `posbridge pos status` against it: its exit status, and the one line that says why. */
async function ask(to: string, ...args: string[]): Promise<{ code: number | null; line: string }> {
  const store = ['--store', bench.path('store'), '--connect-timeout', '2s'];
  const asking = bench.start('posbridge', ['pos', 'status', '--to', to, ...store, ...args]);
  const { code } = await asking.exited;
  return { code, line: asking.errors.trim() };
}

describe('wss: is served', () => {
  test('with a certificate, to registers that trust it: pos and a bridge included', async () => {
    const { port } = await serve();
    expect(await keepalive(port, trusting())).toEqual({});
    const wire = `wss://127.0.0.1:${port}/pos`;
    expect(await ask(wire, '--tls-ca', pem('root'))).toMatchObject({ code: 0 });
  });

  test('and not at all without: 100 says what is missing', async () => {
    const listen = ['serve', '--listen', 'wss://127.0.0.1:0/pos', '--app', 'simulator:'];
    for (const [args, words] of [
      [[...listen], '--tls-cert is missing'],
      [[...listen, '--tls-cert', pem('server')], '--tls-key is missing'],
      [
        [...listen, '--tls-cert', pem('server'), '--tls-key', key('root')],
        'the key does not belong to the certificate',
      ],
      [
        [...listen, '--tls-cert', bench.path('none'), '--tls-key', key('root')],
        'cannot be read: no such file',
      ],
      [[...listen, '--tls-cert', key('server'), '--tls-key', '/etc/hostname'], 'is no PEM file'],
      [
        ['serve', '--listen', 'ws://127.0.0.1:0/', '--app', 'simulator:', '--tls-cert', pem('server')],
        '--tls-cert: goes with a wss: or https: endpoint',
      ],
      [['--app', 'simulator:', '--tls-ca', pem('root')], '--tls-ca: goes with a wss: or https: endpoint'],
    ] as const) {
      const refused = bench.start('posbridge', args);
      expect([await refused.exited, refused.errors]).toEqual([
        exitedWith(100),
        expect.stringContaining(words),
      ]);
      expect(refused.errors.trim().split('\n')).toHaveLength(1);
    }
  });

  test('with the certificate that the files hold, also when they change while it runs', async () => {
    const { server, port } = await serve();
    expect(await keepalive(port, trusting())).toEqual({});
    certificates.signed('renewed', 'other-root', 'subjectAltName=IP:127.0.0.1');
    copyFileSync(pem('renewed'), pem('server'));
    copyFileSync(key('renewed'), key('server'));
    await server.says('the certificates have been read again');
    expect(await keepalive(port, trusting('other-root'))).toEqual({});
    writeFileSync(pem('server'), 'half a certif');
    await server.says('the certificates stay as they are');
    expect(await keepalive(port, trusting('other-root'))).toEqual({});
  });
});

describe('a client certificate', () => {
  test('lets a register in; without one, or with one of somebody else, nobody is, and the log says why', async () => {
    const { server, port } = await serve('server', '--tls-client-ca', pem('root'));
    certificates.signed('till', 'root', 'extendedKeyUsage=clientAuth');
    certificates.signed('stranger', 'other-root', 'extendedKeyUsage=clientAuth');
    const as = (name: string) => certificates.read(name);
    expect(await keepalive(port, { ...trusting(), ...as('till') })).toEqual({});
    await expect(keepalive(port, trusting())).rejects.toThrow();
    await server.says('refused a WebSocket from 127.0.0.1: it has shown no client certificate');
    await expect(keepalive(port, { ...trusting(), ...as('stranger') })).rejects.toThrow();
    await server.says('nobody that is trusted has signed its certificate');
    const wire = `wss://127.0.0.1:${port}/pos`;
    const own = ['--tls-cert', pem('till'), '--tls-key', key('till')];
    expect(await ask(wire, '--tls-ca', pem('root'), ...own)).toMatchObject({ code: 0 });
    const refused = await ask(wire, '--tls-ca', pem('root'));
    expect(refused.code).toBe(111);
    expect(refused.line).toMatch(/wants a client certificate: --tls-cert and --tls-key/);
    // TLS 1.3 has no alert for it any more: our handshake is over before the other side looks.
    const strange = ['--tls-cert', pem('stranger'), '--tls-key', key('stranger')];
    const unknown = await ask(wire, '--tls-ca', pem('root'), ...strange);
    expect(unknown.code).toBe(111);
    expect(unknown.line).toMatch(/ECONNRESET.*; perhaps it does not accept our certificate \(--tls-cert\)/);
  });

  test('is not shown by who says nothing at all: it is gone after 5 s, and others are served', async () => {
    const { port } = await serve();
    const silent = await bench.connect(port);
    const gone = new Promise((resolve) => silent.once('close', resolve));
    silent.resume().once('end', () => silent.destroy());
    const half = connectTls({ host: '127.0.0.1', port, ...trusting() });
    const halfGone = new Promise((resolve) => half.on('error', resolve).once('close', resolve));
    await once(half, 'secureConnect');
    half.resume();
    expect(await keepalive(port, trusting())).toEqual({});
    await Promise.all([gone, halfGone]);
  });
});

describe('a certificate that is wrong is one clear line, and 111:', () => {
  const ANY = 'subjectAltName=IP:127.0.0.1';

  test('expired', async () => {
    certificates.expired('old', 'root', ANY);
    const { port } = await serve('old');
    const { code, line } = await ask(`wss://127.0.0.1:${port}/pos`, '--tls-ca', pem('root'));
    expect([code, line]).toEqual([
      111,
      expect.stringContaining('its certificate has expired (CERT_HAS_EXPIRED)'),
    ]);
    expect(line.split('\n')).toHaveLength(1);
  });

  test('for another host', async () => {
    certificates.signed('elsewhere', 'root', 'subjectAltName=DNS:psp.example');
    const { port } = await serve('elsewhere');
    const { code, line } = await ask(`wss://127.0.0.1:${port}/pos`, '--tls-ca', pem('root'));
    expect([code, line]).toEqual([111, expect.stringContaining('the certificate is for another host')]);
    expect(line.split('\n')).toHaveLength(1);
  });

  test('of an unknown root, whatever the environment of Node.js says', async () => {
    const { port } = await serve();
    for (const args of [[], ['--tls-ca', pem('other-root')]]) {
      const { code, line } = await ask(`wss://127.0.0.1:${port}/pos`, ...args);
      expect([code, line]).toEqual([
        111,
        expect.stringContaining(
          'nobody that is trusted has signed its certificate; name the root with --tls-ca',
        ),
      ]);
      expect(line.split('\n')).toHaveLength(1);
    }
    const bridge = bench.startBridge(['--wire', `wss://127.0.0.1:${port}/pos`, '--app', 'null:'], {
      env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    });
    expect(await bridge.exited).toEqual(exitedWith(111));
    expect(bridge.errors).toContain('nobody that is trusted has signed its certificate');
  });

  test('no TLS at all', async () => {
    const { port } = await bench.startServe(['--listen', 'ws://127.0.0.1:0/pos', '--app', 'simulator:']);
    const { code, line } = await ask(`wss://127.0.0.1:${port}/pos`);
    expect([code, line]).toEqual([111, expect.stringContaining('it does not speak TLS')]);
  });
});
