import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TestProxy } from '../kit/proxy.ts';
import { exitedWith, purchase, Workbench } from './kit.ts';

/** `--http-proxy` and the variables of the environment, with a real proxy in between. */

let bench: Workbench;
let proxy: TestProxy;

beforeEach(async () => {
  bench = await Workbench.open();
  proxy = await TestProxy.listen();
});
afterEach(async () => {
  proxy.close();
  await bench.close();
});

/** A terminal behind a bridge that listens for WebSockets, and its address. */
async function terminal(): Promise<string> {
  const { server } = await bench.startServe([
    '--listen',
    'ws://127.0.0.1:0/pos',
    '--app',
    'simulator:?delay=1',
  ]);
  const [, address = ''] = await server.says(/listening on="?(ws:[^\s"]+)/);
  return address;
}

describe('a register that pays through a proxy', () => {
  const pay = (to: string, args: string[], env: NodeJS.ProcessEnv = {}) =>
    bench.start(
      'posbridge',
      ['pos', 'purchase', '12.30', 'EUR', '--to', to, '--store', bench.path('store'), ...args],
      {
        env,
      },
    );

  test('is approved, and the proxy was asked for the terminal', async () => {
    const to = await terminal();
    const paid = pay(to, ['--http-proxy', `http://me:hush@127.0.0.1:${proxy.port}`]);
    expect(await paid.exited).toEqual(exitedWith(0));
    const login = `Basic ${Buffer.from('me:hush').toString('base64')}`;
    expect(proxy.asked).toEqual([{ target: new URL(to).host, login }]);
    expect(paid.errors).not.toContain('hush');
  });

  test('goes without the proxies of the environment to this machine, and with none', async () => {
    const to = await terminal();
    const env = { http_proxy: `http://127.0.0.1:${proxy.port}` };
    expect(await pay(to, [], env).exited).toEqual(exitedWith(0));
    expect(await pay(to, ['--http-proxy', 'none'], env).exited).toEqual(exitedWith(0));
    expect(proxy.asked).toEqual([]);
  });

  test('is told who refuses, without its password, and nothing was sent', async () => {
    proxy.close();
    proxy = await TestProxy.listen(407);
    const to = await terminal();
    const args = ['--http-proxy', `http://me:hush@127.0.0.1:${proxy.port}`, '--connect-timeout', '1s'];
    const refused = pay(to, args);
    expect(await refused.exited).toEqual(exitedWith(111));
    expect(refused.errors).toContain(`the proxy 127.0.0.1:${proxy.port} refuses`);
    expect(refused.errors).not.toContain('hush');
  });

  test('is told which address of a proxy cannot be used', async () => {
    const to = 'ws://terminal.invalid/pos';
    const typed = pay(to, ['--http-proxy', 'socks5://me:hush@127.0.0.1:1']);
    expect(await typed.exited).toEqual(exitedWith(100));
    expect(typed.errors).toContain(
      'is not the address of a proxy, such as http://proxy.example:3128, or none',
    );
    expect(typed.errors).not.toContain('hush');
    const named = pay(to, [], { http_proxy: 'socks5://me:hush@127.0.0.1:1' });
    expect(await named.exited).toEqual(exitedWith(100));
    expect(named.errors).toContain('http_proxy is no address of a proxy');
  });
});

test('a bridge opens its wire through a proxy, too', async () => {
  const application = await bench.application(({ method, params }) =>
    method === 'Purchase' ? { result: { amount: params?.['amount'] ?? null } } : undefined,
  );
  const { WebSocketServer } = await import('ws');
  const register = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'jsonrpc2.0' });
  try {
    await new Promise((resolve) => register.once('listening', resolve));
    const { port } = register.address() as { port: number };
    const answered = new Promise<string>((resolve) => {
      register.once('connection', (socket) => {
        socket.on('message', (text) => String(text).includes('"p"') && resolve(String(text)));
        const params = purchase('R-1', { amount: 1230 });
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: 'p', method: 'Purchase', params }));
      });
    });
    bench.startBridge([
      '--wire',
      `ws://127.0.0.1:${port}/`,
      '--http-proxy',
      `127.0.0.1:${proxy.port}`,
      '--app',
      `unix:${bench.socketPath}`,
    ]);
    expect(JSON.parse(await answered)).toMatchObject({ id: 'p', result: { amount: 1230 } });
    expect(proxy.asked).toEqual([{ target: `127.0.0.1:${port}`, login: undefined }]);
    expect(application.requests('Purchase')).toHaveLength(1);
  } finally {
    register.close();
    for (const client of register.clients) client.terminate();
  }
});
