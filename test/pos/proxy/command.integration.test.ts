import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitedWith, type Running, Workbench } from '../../interop/kit.ts';
import { after } from '../kit.ts';
import { sha256 } from './kit.ts';

/** `posbridge pos proxy` and `posbridge pos test`, as their users run them: every process is real. */

const FILE = randomBytes(200_000);
/** More than a bridge keeps for an application that is behind. */
const LARGE_FILE = randomBytes(20_000_000);

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

async function fileServer(): Promise<string> {
  const server = createServer((request, response) => {
    const file = { '/file': FILE, '/large': LARGE_FILE }[request.url ?? ''];
    if (file !== undefined) response.writeHead(200, { 'content-length': file.length }).end(file);
    else response.writeHead(404).end('nothing');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A terminal behind a bridge; answers with the endpoint for registers. */
async function terminalAt(...options: string[]): Promise<string> {
  const place = `unix:${bench.socketPath}`;
  const speed = ['--terminal-link-speed', '1000000'];
  const terminal = bench.start('posbridge', [
    'terminal',
    '--listen',
    place,
    '--delay',
    '50',
    ...speed,
    ...options,
  ]);
  await terminal.says('listening');
  const { port } = await bench.startServe(['--app', place]);
  return `tcp:127.0.0.1:${port}`;
}

function pos(...args: string[]): Running {
  return bench.start('posbridge', ['pos', ...args, '--store', bench.path('store')]);
}

async function outcome(running: Running) {
  const { stdout } = running;
  const exit = await running.exited;
  await stdout.ended;
  return { exit, lines: stdout.lines, errors: running.errors };
}

const download = (to: string, ...args: string[]) =>
  outcome(pos('test', 'large_file_download', '--to', to, '--allow', '127.0.0.1:*', ...args));

describe('posbridge pos test large_file_download', () => {
  test('tells each download, and how fast they were together', async () => {
    const to = await terminalAt('--download-url', `${await fileServer()}/file#sha256=${sha256(FILE)}`);
    const { exit, lines, errors } = await download(to, '--parallel', '3');
    expect([exit, errors]).toEqual([exitedWith(0), expect.stringContaining('the terminal has the network')]);
    expect(lines.slice(0, 3)).toEqual(
      [1, 2, 3].map((number) =>
        expect.stringMatching(new RegExp(`^test ${number}: 200000 bytes, \\d+ bytes/s, verified$`)),
      ),
    );
    expect(lines[3]).toMatch(/^600\d{3} bytes through the network in \d+\.\d s: \d+ bytes\/s$/);
  });

  test('gives programs an object a line', async () => {
    const to = await terminalAt('--download-url', `${await fileServer()}/file`);
    const { exit, lines } = await download(to, '--json');
    expect(exit).toEqual(exitedWith(0));
    const events = lines.map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual(['connected', 'note', 'test', 'network']);
    expect(events[2]).toMatchObject({
      number: 1,
      result: { bytes: 200_000, sha256: sha256(FILE), verified: false },
    });
    expect(events[3]).toMatchObject({ toTerminal: expect.any(Number), bytesPerS: expect.any(Number) });
  });

  test.each([
    ['a file that is another one', '/file#sha256='.padEnd(77, '0'), 'the file arrived damaged'],
    ['a server that has it not', '/other', 'the server answers with 404'],
  ])('fails for %s', async (_, path, why) => {
    const to = await terminalAt('--download-url', `${await fileServer()}${path}`);
    const { exit, lines } = await download(to);
    expect(exit).toEqual(exitedWith(1));
    expect(lines[0]).toMatch(/^test 1: failed: TEST_FAILED: /);
    expect(lines[0]).toContain(why);
  });

  test('fails where the register may not go, and where there is nothing to download', async () => {
    const to = await terminalAt('--download-url', `${await fileServer()}/file`);
    const refused = await outcome(pos('test', 'large_file_download', '--to', to));
    expect(refused.exit).toEqual(exitedWith(1));
    expect(refused.lines[0]).toContain('the register does not allow it');
    const unknown = await outcome(pos('test', 'no_such_test', '--to', to));
    expect(unknown.exit).toEqual(exitedWith(1));
    expect(unknown.lines[0]).toContain('JSONRPC_INVALID_PARAMS');
  });

  test('loses nothing where the network is faster than the terminal', async () => {
    const to = await terminalAt('--download-url', `${await fileServer()}/large#sha256=${sha256(LARGE_FILE)}`);
    const { exit, lines } = await download(to, '--parallel', '2', '--link-speed', 'off');
    expect([exit, lines]).toEqual([
      exitedWith(0),
      [
        expect.stringMatching(/^test 1: 20000000 bytes.* verified$/),
        expect.stringMatching(/^test 2: 20000000 bytes.* verified$/),
        expect.stringMatching(/^40000\d{3} bytes through/),
      ],
    ]);
  });

  test('works with the simulator inside the bridge', async () => {
    const url = `${await fileServer()}/file#sha256=${sha256(FILE)}`;
    const { port } = await bench.startServe(['--app', `simulator:?download=${url}`]);
    const { exit, lines } = await download(`tcp:127.0.0.1:${port}`, '--link-speed', 'off');
    expect([exit, lines[0]]).toEqual([exitedWith(0), expect.stringContaining('verified')]);
  });
});

describe('posbridge pos proxy', () => {
  test('gives the terminal the network until it is stopped', async () => {
    const to = await terminalAt('--download-url', `${await fileServer()}/file#sha256=${sha256(FILE)}`);
    const proxy = pos('proxy', '--to', to, '--allow', '127.0.0.1:*');
    const { stdout } = proxy;
    await proxy.says('the terminal has the network, at most 1000000 bytes/s');
    // Another register's test goes through it.
    const call = await outcome(
      pos('call', 'Test', '{"test_id":"large_file_download"}', '--to', to, '--timeout', '60'),
    );
    expect(JSON.parse(call.lines[0] ?? '')).toMatchObject({ bytes: 200_000, verified: true });
    proxy.signal('SIGINT');
    expect(await proxy.exited).toEqual(exitedWith(0));
    await stdout.ended;
    expect(stdout.text).toMatch(/^1 connections, 200\d{3} bytes to the terminal, \d+ bytes from it\n$/);
  });

  test('comes back when the terminal does', async () => {
    const handler = ({ method }: { method?: string }) => ({
      result: method === 'TerminalInfo' ? { version: '18.9.0' } : {},
    });
    const application = await bench.application(handler);
    const { port, server } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
    const proxy = pos('proxy', '--to', `tcp:127.0.0.1:${port}`, '--allow', '*:443');
    await proxy.says('the terminal has the network');
    await server.kill();
    await bench.startServe(['--app', `unix:${bench.socketPath}`, '--listen', `tcp:127.0.0.1:${port}`]);
    await proxy.stderr?.waitForAll(/the terminal has the network, at most 10240/g, 2);
    proxy.signal('SIGTERM');
    expect(await proxy.exited).toEqual(exitedWith(0));
    expect(application.requests('NetworkStop')).toHaveLength(1);
  });

  test('ends with the words of a terminal that does not want it', async () => {
    const error = {
      code: -32601,
      message: 'no',
      data: { string_code: 'JSONRPC_METHOD_NOT_FOUND', details: '' },
    };
    await bench.application(({ method }) => (method === 'NetworkStart' ? { error } : { result: {} }));
    const { port } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
    const { exit, errors } = await outcome(pos('proxy', '--to', `tcp:127.0.0.1:${port}`));
    expect(exit).toEqual(exitedWith(1));
    expect(errors).toContain('posbridge: the terminal says JSONRPC_METHOD_NOT_FOUND');
  });
});

test.each([
  [['proxy', '--allow', 'nonsense'], '--allow: "nonsense" is not HOST:PORT, for instance psp.example:443'],
  [['proxy', '--max-connections', '0'], '--max-connections: "0" is not'],
  [['proxy', '--parallel', '2'], '--parallel: is nothing for proxy'],
  [['status', '--allow', '*:*'], '--allow: is nothing for status'],
  [['test'], 'test wants TEST_ID (large_file_download)'],
  [['test', 'a b'], '"a b" is no test'],
  [['test', 'x', '--parallel', '65'], '--parallel: "65" is not'],
])('posbridge pos %j is refused', async (args, words) => {
  const { exit, errors } = await outcome(pos(...args, '--to', 'tcp:127.0.0.1:1'));
  expect([exit, errors]).toEqual([exitedWith(100), expect.stringContaining(words)]);
});

test.each(['ftp://x/y', 'http://u:p@x/', 'http://x/#sha256=12', 'x'])(
  'posbridge terminal refuses to download %s',
  async (url) => {
    const terminal = bench.start('posbridge', [
      ...['terminal', '--listen', `unix:${bench.socketPath}`, '--download-url', url],
    ]);
    expect(await terminal.exited).toEqual(exitedWith(100));
    expect(terminal.errors).toContain('is not an http: address such as');
  },
);
