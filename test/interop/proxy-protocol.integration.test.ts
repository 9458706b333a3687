import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { TcpSocketConnectOpts } from 'node:net';
import path from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Handler } from '../kit/application.ts';
import { Certificates } from '../kit/certificates.ts';
import { TestRegister } from '../kit/register.ts';
import { exitedWith, freePort, ROOT, Workbench } from './kit.ts';
import { TCPSERVER } from './super-servers.ts';

/** Registers behind real proxies, whose addresses stay known by the PROXY protocol. */

const isSoak = (process.env['SOAK'] ?? '') !== '';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** What a proxy runs as, from a configuration for this test. */
interface Proxy {
  readonly name: string;
  start(files: { readonly cert: string; readonly key: string; readonly to: number }): Promise<number>;
}

/** Debian's stunnel with the example: version 1. */
const STUNNEL: Proxy = {
  name: 'stunnel',
  async start({ cert, key, to }) {
    const port = await freePort();
    const own = { accept: `127.0.0.1:${port}`, connect: `127.0.0.1:${to}`, cert, key };
    let config = readFileSync(path.join(ROOT, 'examples/stunnel/posbridge.conf'), 'utf8');
    for (const [name, value] of Object.entries(own)) {
      const line = new RegExp(`^${name} = .*$`, 'm');
      expect(config).toMatch(line);
      config = config.replace(line, `${name} = ${value}`);
    }
    writeFileSync(bench.path('stunnel.conf'), config);
    await bench.start('stunnel4', [bench.path('stunnel.conf')]).says('Configuration successful');
    return port;
  },
};

/** Debian's HAProxy: version 2, with what it knows of the TLS connection behind the addresses. */
const HAPROXY: Proxy = {
  name: 'haproxy',
  async start({ cert, key, to }) {
    const port = await freePort();
    writeFileSync(bench.path('both.pem'), Buffer.concat([readFileSync(cert), readFileSync(key)]));
    const config = [
      'defaults',
      ' mode tcp',
      ' timeout connect 5s',
      ' timeout client 1h',
      ' timeout server 1h',
      'listen posbridge',
      ` bind 127.0.0.1:${port} ssl crt ${bench.path('both.pem')}`,
      ` server one 127.0.0.1:${to} send-proxy-v2-ssl-cn proxy-v2-options crc32c`,
    ];
    writeFileSync(bench.path('haproxy.cfg'), `${config.join('\n')}\n`);
    bench.start('haproxy', ['-f', bench.path('haproxy.cfg')]);
    await expect.poll(() => bench.connect(port).then(() => 'listening')).toBe('listening');
    return port;
  },
};

/** Debian's nginx with its stream module: version 1. */
const NGINX: Proxy = {
  name: 'nginx',
  async start({ cert, key, to }) {
    const port = await freePort();
    const config = `
      load_module /usr/lib/nginx/modules/ngx_stream_module.so;
      daemon off;
      master_process off;
      pid ${bench.path('nginx.pid')};
      error_log stderr notice;
      events {}
      stream {
        server {
          listen 127.0.0.1:${port} ssl;
          ssl_certificate ${cert};
          ssl_certificate_key ${key};
          proxy_pass 127.0.0.1:${to};
          proxy_protocol on;
          proxy_timeout 1h;
        }
      }`;
    writeFileSync(bench.path('nginx.conf'), config);
    await bench.start('nginx', ['-e', 'stderr', '-c', bench.path('nginx.conf')]).says('using the "epoll"');
    return port;
  },
};

async function behind(proxy: Proxy, ...args: string[]) {
  const certificates = new Certificates(bench.folder);
  certificates.root('root');
  certificates.signed('server', 'root', 'subjectAltName=IP:127.0.0.1');
  const application = await bench.application(tellPeer);
  const { server, port: to } = await bench.startServe([
    ...['--app', `unix:${bench.socketPath}`],
    ...['--proxy-protocol', '127.0.0.1'],
    ...args,
  ]);
  const files = { cert: certificates.pem('server'), key: certificates.key('server'), to };
  const port = await proxy.start(files);
  const ca = readFileSync(certificates.pem('root'));
  /** A register on another address of this machine. */
  const registerAt = async (localAddress: string) => {
    const options: ConnectionOptions & TcpSocketConnectOpts = { host: '127.0.0.1', port, localAddress, ca };
    const socket = bench.keep(connectTls(options));
    await once(socket, 'secureConnect');
    return TestRegister.on(socket);
  };
  return { application, server, registerAt };
}

/** Status is answered with who asks. */
const tellPeer: Handler = ({ connection = '', method }) =>
  method === 'Status' ? { result: { connection } } : undefined;

async function whoAsks(register: TestRegister): Promise<unknown> {
  return (await register.request('Status')).result?.['connection'];
}

describe.each([STUNNEL, ...(isSoak ? [HAPROXY, NGINX] : [])])('behind $name', (proxy) => {
  test("over TLS a register's own address is the one that is told, logged and counted", async () => {
    const { application, server, registerAt } = await behind(proxy, '--max-per-peer', '1');
    const till = await registerAt('127.0.0.5');
    expect(await whoAsks(till)).toMatch(/^127\.0\.0\.5\./);
    const { message } = await application.waitFor('_Connected');
    expect(message?.params?.['peer']).toBe('127.0.0.5');

    const second = await registerAt('127.0.0.5');
    await server.says(/a connection was refused.*peer=127\.0\.0\.5/);
    await second.closed;
    expect(second.closeReason).toMatchObject({ data: { string_code: 'BUSY' } });
    expect(await whoAsks(await registerAt('127.0.0.6'))).toMatch(/^127\.0\.0\.6\./);
  });
});

describe('a header of the PROXY protocol', () => {
  const HEADER = 'PROXY TCP4 10.9.8.7 10.0.0.1 51000 10001\r\n';

  test('of somebody who is not trusted names nobody: it is refused, and the log says why', async () => {
    await bench.application(tellPeer);
    const args = ['--app', `unix:${bench.socketPath}`, '--proxy-protocol', '127.0.0.9'];
    const { server, port } = await bench.startServe(args);
    const liar = await bench.register(port);
    liar.write(HEADER);
    await liar.closed;
    await server.says(/refused.*peer=127\.0\.0\.1.*--proxy-protocol does not name its address/);
    expect(await whoAsks(await bench.register(port))).toMatch(/^127\.0\.0\.1\./);
  });

  test('that a proxy leaves out is missed, and nobody is served: one line', async () => {
    const { server, port } = await bench.startServe(['--app', 'simulator:', '--proxy-protocol', '127.0.0.1']);
    const direct = await bench.register(port);
    direct.write('00000002:{}\n');
    await direct.closed;
    expect(direct.received).toEqual([]);
    await server.says(/127\.0\.0\.1 has to begin with a PROXY protocol header/);
  });

  test('is understood by one process for each connection, under tcpserver', async () => {
    await bench.application(tellPeer);
    const options = ['--proxy-protocol', '127.0.0.1', '--lock', bench.lockPath];
    const program = ['posbridge', '--app', `unix:${bench.socketPath}`, ...options];
    const { place, ends } = await TCPSERVER.start(bench, program);
    const register = await bench.register(place);
    register.write(HEADER);
    expect(await whoAsks(register)).toMatch(/^10\.9\.8\.7\./);
    register.end();
    const liar = await bench.register(place);
    liar.write('PROXY TCP4 me');
    liar.end();
    expect((await ends(2)).toSorted()).toEqual([0, 76]);
  });

  test.each([
    ['serve', '--listen', 'ws://127.0.0.1:0/pos', '--proxy-protocol', '127.0.0.1'],
    ['serve', '--listen', 'tcp:127.0.0.1:0', '--proxy-protocol', 'proxy.example'],
    ['--wire', 'tcp:127.0.0.1:1', '--proxy-protocol', '127.0.0.1'],
  ])('is not for posbridge %s %s %s %s %s', async (...args) => {
    const refused = bench.start('posbridge', [
      ...args.filter((arg) => arg !== undefined),
      '--app',
      'simulator:',
    ]);
    expect(await refused.exited).toEqual(exitedWith(100));
    expect(refused.errors).toMatch(/^posbridge: --proxy-protocol/);
  });
});
