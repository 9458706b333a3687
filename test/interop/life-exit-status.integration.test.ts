import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestRegister } from '../kit/register.ts';
import { exitedWith, freePort, type Running, Workbench } from './kit.ts';
import { TCPSERVER } from './super-servers.ts';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

/** Nothing comes in; what goes out and to the log is gathered. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  return bench.start('posbridge', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** One clear line: what, where, what to do; nothing on the wire, no stack. */
async function expectRefused(program: Running, status: number, ...words: (string | RegExp)[]): Promise<void> {
  const output = program.stdout;
  expect(await program.exited, program.errors).toEqual(exitedWith(status));
  await output.ended;
  expect(output.text).toBe('');
  expect(program.stderr?.lines, program.errors).toHaveLength(1);
  expect(program.errors).toMatch(/^posbridge: .+\n$/);
  expect(program.errors).not.toMatch(/\bat .*:\d+:\d+/);
  for (const word of words) expect(program.errors).toMatch(word);
  expect(bench.processes).toEqual([]);
}

async function expectToldWhy(register: TestRegister, code: string): Promise<void> {
  register.request('_Keepalive').catch(() => {}); // a reset would take the words away
  await register.closed;
  expect(register.received.map(({ method }) => method)).toEqual(['_CloseReason']);
  expect(register.closeReason?.data.string_code).toBe(code);
}

describe('0', () => {
  test.each([['--help'], ['serve', '--help'], ['demo', '--help']])('%s %s', async (...args) => {
    const program = run(args.filter((arg) => typeof arg === 'string'));
    const output = program.stdout;
    expect(await program.exited).toEqual(exitedWith(0));
    await output.ended;
    expect(output.text).toContain('posbridge');
    expect(output.text).toContain('--log-level');
    expect(program.errors).toBe('');
  });

  test('--version', async () => {
    const program = run(['--version']);
    const output = program.stdout;
    expect(await program.exited).toEqual(exitedWith(0));
    await output.ended;
    expect(output.text).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('a register that says nothing and ends', async () => {
    const bridge = bench.startBridge(['--app', 'simulator:']);
    const register = bridge.register();
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(register.received.map(({ method }) => method)).toEqual(['_CloseReason']);
  });

  test('a register that says goodbye', async () => {
    const bridge = bench.startBridge(['--app', 'simulator:']);
    const register = bridge.register();
    const error = { code: 1, message: 'end of day', data: { string_code: 'SHUTDOWN', details: '' } };
    register.notify('_CloseReason', { error });
    await register.closed;
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });
});

describe('76: the peer breaks its protocol', () => {
  const frame = (json: string) => `${Buffer.byteLength(json).toString(16).padStart(8, '0')}:${json}\n`;
  const BROKEN: readonly [what: string, bytes: string, code: string][] = [
    ['HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'JSONRPC_PARSE_ERROR'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00', 'JSONRPC_PARSE_ERROR'],
    ['a frame of 4 GB', 'ffffffff:{', 'JSONRPC_PARSE_ERROR'],
    ['a frame that is longer than it says', '00000002:{ }\n', 'JSONRPC_PARSE_ERROR'],
    ['a frame without JSON', frame('{jsonrpc}'), 'JSONRPC_PARSE_ERROR'],
    ['a batch', frame('[{"jsonrpc":"2.0","id":"1","method":"Status","params":{}}]'), 'JSONRPC_PARSE_ERROR'],
    [
      'another version',
      frame('{"jsonrpc":"1.0","id":"1","method":"A","params":{}}'),
      'JSONRPC_INVALID_REQUEST',
    ],
    ['a number as id', frame('{"jsonrpc":"2.0","id":1,"method":"A","params":{}}'), 'JSONRPC_INVALID_REQUEST'],
    ['no params', frame('{"jsonrpc":"2.0","id":"1","method":"A"}'), 'JSONRPC_INVALID_REQUEST'],
    [
      'an id of 257 characters',
      frame(`{"jsonrpc":"2.0","id":"${'x'.repeat(257)}","method":"A","params":{}}`),
      'JSONRPC_INVALID_REQUEST',
    ],
  ];

  test.each(BROKEN)('%s', async (_what, bytes, code) => {
    const bridge = bench.startBridge(['--app', 'null:']);
    const register = bridge.register();
    register.write(Buffer.from(bytes, 'latin1'));
    await register.closed;
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(76));
    expect(register.received.map(({ method }) => method)).toEqual(['_CloseReason']);
    expect(register.closeReason?.data.string_code).toBe(code);
    expect(register.faults).toEqual([]);
    expect(bridge.errors).toContain(code);
  });
});

describe('100: wrong usage', () => {
  const WRONG: readonly [args: string[], ...words: (string | RegExp)[]][] = [
    [[], 'no application', '--app'],
    [['--name', 'till'], 'no application', '--app'],
    [['--app'], '--app'],
    [['--app', 'bogus:/run/pay.sock'], '--app', 'bogus:/run/pay.sock', 'unix:/run/pay.sock'],
    [['--app', '/run/pay.sock'], '/run/pay.sock', 'unix:/run/pay.sock'],
    [['--app', 'tcp:127.0.0.1'], 'tcp:127.0.0.1', 'port', 'tcp:127.0.0.1:10001'],
    [['--app', 'tcp:127.0.0.1:65536'], '65536', 'port'],
    [['--app', 'unix:/run/{nothing}.sock'], '{nothing}', '{connection}'],
    [['--app', 'ws://127.0.0.1:1/'], 'ws', 'channel'],
    [['--app', 'fifo:/run/pos/all'], '--app', '--ui', '--device'],
    [['--ui', 'fd:77'], 'descriptor 77'],
    [['--app', 'fd:77'], 'descriptor 77'],
    [['--app', 'fd:0,77'], 'descriptor'],
    [['--wire', 'fd:77', '--app', 'null:'], 'descriptor 77'],
    [['--wire', 'null:', '--app', 'null:'], '--wire', 'null:'],
    [['--payment', 'fifo:/x/y', '--device', 'fifo:/x/y'], '--device'],
    [['--app', 'null:', '--no-such-option', '1'], 'no-such-option'],
    [['frobnicate'], 'frobnicate'],
    [['--app', 'null:', '--app', 'simulator:'], '--app', 'more than once'],
    [['--app', 'null:', '--dialect', 'esperanto'], 'esperanto', 'jsonpos'],
    [['--app', 'null:', '--route', 'Print=printer'], 'Print=printer', 'channels'],
    [['--app', 'null:', '--timeout', 'soon'], '--timeout', 'soon'],
    [['--app', 'null:', '--keepalive', '30'], '--keepalive', '30'],
    [['--app', 'null:', '--outcome-wait', '-1'], '--outcome-wait'],
    [['--app', 'null:', '--max-frame', '1'], '--max-frame'],
    [['--app', 'null:', '--log-level', 'loud'], '--log-level', 'loud'],
    [['--app', 'null:', '--config', '/nonexistent.json'], '/nonexistent.json'],
    [['serve', '--app', 'null:'], '--listen'],
    [['serve', '--app', 'null:', '--listen', 'simulator:'], '--listen', 'simulator:'],
    [['serve', '--app', 'null:', '--listen', 'tcp:127.0.0.1:0', '--notification-fd', '77'], '77'],
    [['demo', '--listen', 'tcp:'], '--listen'],
  ];

  test.each(WRONG)('posbridge %j', async (args, ...words) => {
    await expectRefused(run(args), 100, ...words);
  });

  test('in the environment and in a configuration file, which are named', async () => {
    await expectRefused(run([], { POSBRIDGE_APP: 'bogus:' }), 100, 'POSBRIDGE_APP', 'bogus:');
    const file = bench.path('posbridge.json');
    writeFileSync(file, '{"app": "bogus:"}');
    await expectRefused(run(['--config', file]), 100, file, 'bogus:');
    await expectRefused(run([], { POSBRIDGE_CONFIG: file }), 100, file, 'bogus:');
    writeFileSync(file, '{"apps": "null:"}');
    await expectRefused(run(['--config', file]), 100, file, 'apps');
    writeFileSync(file, 'app = null:');
    await expectRefused(run(['--config', file]), 100, file, 'JSON');
  });

  test('no arguments on a terminal: help', async () => {
    const terminal = bench.start('script', ['-qe', '-c', 'exec posbridge', '/dev/null']);
    const output = terminal.stdout;
    expect(await terminal.exited).toEqual(exitedWith(100));
    await output.ended;
    expect(output.text).toContain('--app');
    expect(output.text).toContain('ENDPOINT');
  });
});

describe('111: temporary failure', () => {
  test('a wire that nobody answers', async () => {
    const port = await freePort();
    const tcp = `tcp:127.0.0.1:${port}`;
    await expectRefused(run(['--wire', tcp, '--app', 'null:']), 111, tcp, /refused/);
    const unix = `unix:${bench.path('nobody.sock')}`;
    await expectRefused(run(['--wire', unix, '--app', 'null:']), 111, unix);
  });

  test('a lock that cannot be opened', async () => {
    const app = ['--app', `unix:${bench.socketPath}`];
    const missing = bench.path('missing/lock');
    await expectRefused(run([...app, '--lock', missing]), 111, missing, '--lock');
    const folder = bench.path('folder');
    mkdirSync(folder);
    await expectRefused(run([...app, '--lock', folder]), 111, folder, '--lock');
    const link = bench.path('link');
    symlinkSync(bench.path('elsewhere'), link);
    await expectRefused(run([...app, '--lock', link]), 111, link, 'symbolic link');
    const listen = ['serve', '--listen', 'tcp:127.0.0.1:0'];
    await expectRefused(run([...listen, ...app, '--lock', missing]), 111, missing, '--lock');
  });

  test.each(['standard input and output', 'a socket that a super-server has accepted'])(
    'a journal or lock that cannot be had: the peer is told in its protocol, by %s',
    async (kind) => {
      const file = bench.path('file');
      writeFileSync(file, '');
      for (const [code, ...args] of [
        ['JOURNAL_UNAVAILABLE', '--journal', file],
        ['CHANNEL_UNAVAILABLE', '--lock', bench.path('missing/lock')],
      ] as const) {
        const command = ['posbridge', '--app', 'null:', ...args];
        if (kind === 'standard input and output') {
          const bridge = bench.start('posbridge', command.slice(1));
          await expectToldWhy(bridge.register(), code);
          expect(await bridge.exited, bridge.errors).toEqual(exitedWith(111));
          expect(bridge.errors).toMatch(/^posbridge: .+\n$/);
        } else {
          const listening = await TCPSERVER.start(bench, command);
          const register = await bench.register(listening.place);
          await expectToldWhy(register, code);
          expect(await listening.ends(1)).toEqual([111]);
        }
      }
    },
  );

  test('a listener in use', async () => {
    const path = bench.path('register.sock');
    const unix = ['--listen', `unix:${path}`, '--app', 'simulator:'];
    const { server } = await bench.startServe(unix);
    const second = run(['serve', ...unix]);
    expect(await second.exited).toEqual(exitedWith(111));
    expect(second.errors).toMatch(/^posbridge: .+\n$/);
    expect(second.errors).toContain(path);
    // The first one is not harmed by that.
    const register = await bench.register({ path });
    expect(await register.request('Status')).toMatchObject({ result: {} });
    await server.kill();

    const { port, server: tcpServer } = await bench.startServe(['--app', 'simulator:']);
    const listen = `tcp:127.0.0.1:${port}`;
    const third = run(['serve', '--listen', listen, '--app', 'simulator:']);
    expect(await third.exited).toEqual(exitedWith(111));
    expect(third.errors).toMatch(/^posbridge: .+\n$/);
    expect(third.errors).toContain(listen);
    await tcpServer.kill();

    // What a dead one left behind is replaced.
    const { server: next } = await bench.startServe(unix);
    expect(await (await bench.register({ path })).request('Status')).toMatchObject({ result: {} });
    await next.kill();
  });

  test('a file that is no socket stands where it should listen', async () => {
    const path = bench.path('file');
    writeFileSync(path, 'precious');
    const listen = ['serve', '--listen', `unix:${path}`, '--app', 'simulator:'];
    await expectRefused(run(listen), 111, path);
  });

  test('a device pipe that is not there', async () => {
    const device = `fifo:${bench.path('device')}`;
    await expectRefused(run(['--device', device, '--payment', 'null:']), 111, bench.path('device'));
  });
});
