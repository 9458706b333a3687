import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frameAround } from './abuse-kit.ts';
import { codeOf, exitedWith, purchase, Workbench } from './kit.ts';

/**
 * Other users of the machine, and peers that do not belong. What they have put in our way is refused, with what to do.
 */

const isRoot = process.getuid?.() === 0;
/** Number of a user who is not us. */
const STRANGER = 65_534;

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** Starts `posbridge ARGS`, which must refuse: its one line on stderr. */
async function refusalOf(status: number, ...args: string[]): Promise<string> {
  const program = bench.start('posbridge', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  expect([await program.exited, program.errors]).toEqual([exitedWith(status), expect.any(String)]);
  expect(program.errors.trim().split('\n')).toHaveLength(1);
  return program.errors.trim();
}

describe('another user of the machine', () => {
  test('cannot make a lock file that everybody may write, and then remove it: 111', async () => {
    const locks = bench.path('locks');
    mkdirSync(locks);
    chmodSync(locks, 0o1777);
    writeFileSync(`${locks}/pay.lock`, '');
    chmodSync(`${locks}/pay.lock`, 0o666);
    if (isRoot) chownSync(`${locks}/pay.lock`, STRANGER, STRANGER);
    const refusal = await refusalOf(
      111,
      '--app',
      'null:',
      '--payment',
      'unix:/x',
      '--lock',
      `${locks}/pay.lock`,
    );
    expect(refusal).toContain(`the transaction lock ${locks}/pay.lock cannot be had: `);
    expect(refusal).toContain(isRoot ? 'run every bridge of this terminal as one user' : 'chmod go-w');
  });

  test('cannot write into the journal, else it is refused before anybody is answered: 111', async () => {
    const journal = bench.path('journal');
    mkdirSync(journal);
    chmodSync(journal, 0o777);
    for (const command of [
      ['--app', 'simulator:'],
      ['journal', 'list'],
    ]) {
      if (isRoot && command[0] === 'journal') continue; // root may look into anybody's
      expect(await refusalOf(111, ...command, '--journal', journal)).toContain(
        `the journal ${journal} cannot be opened: ${journal} can be written by everybody (mode 0777): chmod go-w ${journal}`,
      );
    }
    chmodSync(journal, 0o700);
    const bridge = bench.startBridge(['--app', 'simulator:?delay=0', '--journal', journal]);
    expect((await bridge.register().request('Purchase', purchase('a'))).result).toBeDefined();
  });

  test.runIf(isRoot)('has planted an entry: the register does not hear "approved"', async () => {
    const journal = bench.path('journal');
    const first = bench.startBridge(['--app', 'simulator:?delay=0', '--journal', journal]);
    expect((await first.register().request('Purchase', purchase('a'))).result).toBeDefined();
    await first.kill();
    const [entry = ''] = readdirSync(journal).filter((name) => name.endsWith('.entry'));
    chownSync(`${journal}/${entry}`, STRANGER, STRANGER);
    const second = bench.startBridge(['--app', 'null:', '--journal', journal]);
    const register = second.register();
    const answer = await Promise.race([register.request('Check', purchase('a')), register.closed]);
    const code = answer === undefined ? register.closeReason?.data.string_code : codeOf(answer);
    expect(['OUTCOME_UNKNOWN', 'JOURNAL_UNAVAILABLE']).toContain(code);
    await second.says(`belongs to user ${STRANGER}`);
  });

  test.runIf(isRoot)('has a journal: root may look into it, and no bridge of root works on it', async () => {
    const journal = bench.path('journal');
    const bridge = bench.startBridge(['--app', 'simulator:?delay=0', '--journal', journal]);
    expect((await bridge.register().request('Purchase', purchase('a'))).result).toBeDefined();
    await bridge.kill();
    for (const name of ['.', ...readdirSync(journal)]) chownSync(`${journal}/${name}`, STRANGER, STRANGER);
    const list = bench.start('posbridge', ['journal', 'list', '--journal', journal]);
    await list.stdout.waitFor('done');
    expect(await list.exited).toEqual(exitedWith(0));
    expect(await refusalOf(111, '--app', 'simulator:', '--journal', journal)).toContain(
      `${journal} belongs to user ${STRANGER}, and this program runs as root`,
    );
  });
});

describe('where a folder is wanted, an address is refused: 100', () => {
  test.each([
    ['--journal', ['--app', 'simulator:', '--journal', 'tcp:127.0.0.1:4222']],
    ['--journal', ['journal', 'list', '--journal', 'http://example.com/journal']],
    ['--store', ['pos', 'recover', '--to', 'tcp:127.0.0.1:1', '--store', 'http://127.0.0.1/store']],
    ['--state', ['terminal', '--listen', 'tcp:127.0.0.1:0', '--state', 'tcp:127.0.0.1:1']],
    ['--lock', ['--app', 'null:', '--lock', 'unix:/run/pay.sock']],
    ['--app', ['--app', 'simulator:?state=https://example.com']],
  ])('%s %j', async (option, args) => {
    expect(await refusalOf(100, ...args)).toMatch(new RegExp(`^posbridge: ${option}: `));
    for (const made of ['nats:', 'http:', 'https:', 'tcp:127.0.0.1:1', 'unix:']) {
      expect(existsSync(bench.path(made))).toBe(false);
    }
  });
});

describe('a web page', () => {
  const body = [
    { jsonrpc: '2.0', id: 's', method: '_Sync', params: {} },
    { jsonrpc: '2.0', id: 'r', method: 'Refund', params: purchase('stolen') },
  ].map((message) => frameAround(Buffer.from(JSON.stringify(message))));

  /** As a browser does for a page of another origin: no preflight, any body. */
  const request = Buffer.concat([
    Buffer.from(
      'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example\r\nContent-Type: text/plain\r\n\r\n',
    ),
    ...body,
  ]);

  test.each([[['--sync']], [[]]])('posts _Sync and a Refund: nobody obeys, serve %j', async (args) => {
    const application = await bench.application(() => ({ result: { approved: true } }));
    const { server, port } = await bench.startServe(['--app', `unix:${bench.socketPath}`, ...args]);
    const page = await bench.register(port);
    page.write(request);
    await page.closed;
    expect(page.received.map(({ method }) => method)).toEqual(['_CloseReason']);
    expect(page.closeReason?.data).toMatchObject({
      string_code: 'JSONRPC_PARSE_ERROR',
      details: 'the peer speaks HTTP, not jsonpos',
    });
    await server.says('the peer is refused');
    const register = await bench.register(port);
    if (args.includes('--sync')) await register.request('_Sync');
    expect((await register.request('Purchase', purchase('honest'))).result).toBeDefined();
    expect(application.requests('Refund')).toEqual([]);
    expect(application.requests('Purchase')).toHaveLength(1);
  });

  test('reaches one bridge under a super-server: it ends with 76', async () => {
    const bridge = bench.startBridge(['--app', 'simulator:']);
    bridge.child.stdin?.end(request);
    expect(await bridge.stdout.waitFor('speaks HTTP, not jsonpos')).toBeDefined();
    expect(await bridge.exited).toEqual(exitedWith(76));
  });
});

/** Starts ARGS with a listening TCP socket as descriptor FD, as a super-server does; the first line is its port. */
const SUPER_SERVER = `
import os, socket, sys
fd, args = int(sys.argv[1]), sys.argv[2:]
family = socket.AF_UNIX if fd == 4 else socket.AF_INET
s = socket.socket(family)
s.bind("pay-register.sock" if fd == 4 else ("127.0.0.1", 0))
s.listen(64)
print(s.getsockname()[1] if fd != 4 else 0, flush=True)
if s.fileno() == fd: os.set_inheritable(fd, True)
else: os.dup2(s.fileno(), fd)
os.execvp(args[0], args)
`;

function underSuperServer(fd: number, ...args: string[]) {
  const lock = ['--lock', bench.lockPath];
  return bench.start('python3', ['-c', SUPER_SERVER, `${fd}`, 'posbridge', ...args, ...lock]);
}

describe('a listening socket from outside', () => {
  test.each([3, 0])('is served as fd:%i, one bridge a connection, and SIGTERM ends it', async (fd) => {
    const server = underSuperServer(fd, 'serve', '--listen', `fd:${fd}`, '--app', 'simulator:?delay=0');
    const [port = ''] = await server.stdout.waitFor(/\d+/);
    await server.says(`listening on=fd:${fd}`);
    const registers = [await bench.register(Number(port)), await bench.register(Number(port))];
    for (const [at, register] of registers.entries()) {
      expect((await register.request('Purchase', purchase(`r${at}`))).result).toBeDefined();
    }
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
  });

  test("may be a UNIX socket; its file is its owner's", async () => {
    const server = underSuperServer(4, 'serve', '--listen', 'fd:4', '--app', 'simulator:?delay=0');
    await server.says('listening on=fd:4');
    const register = await bench.register({ path: bench.path('pay-register.sock') });
    expect((await register.request('Purchase', purchase('u'))).result).toBeDefined();
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
    expect(existsSync(bench.path('pay-register.sock'))).toBe(true);
  });

  test('comes from systemd as fd:3', async () => {
    const listen = bench.path('systemd.sock');
    const command = [
      'posbridge',
      'serve',
      '--listen',
      'fd:3',
      '--app',
      'simulator:?delay=0',
      '--lock',
      bench.lockPath,
    ];
    const setenv = `--setenv=PATH=${bench.environment()['PATH']}`;
    const server = bench.start('systemd-socket-activate', ['-l', listen, setenv, ...command]);
    await server.says('Listening on');
    const register = await bench.register({ path: listen });
    expect((await register.request('Purchase', purchase('s'))).result).toBeDefined();
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
  });

  test('is no wire, whatever asks for one: 100, with the two ways out', async () => {
    const words = /listening socket: "posbridge serve --listen fd:\d" accepts connections on it, Accept=yes/;
    for (const bridge of [
      underSuperServer(0, '--app', 'simulator:'),
      underSuperServer(3, '--app', 'simulator:', '--wire', 'fd:3'),
      underSuperServer(4, '--app', 'simulator:', '--wire', 'fd:4'),
    ]) {
      expect(await bridge.exited).toEqual(exitedWith(100));
      expect(bridge.errors).toMatch(words);
    }
  });

  test('that is none is refused: 100', async () => {
    const refusal = await refusalOf(
      100,
      'serve',
      '--listen',
      'fd:0',
      '--app',
      'simulator:',
      '--lock',
      'none',
    );
    expect(refusal).toContain('fd:0: descriptor 0 is no listening socket');
    expect(await refusalOf(100, 'serve', '--listen', 'fd:77', '--app', 'simulator:')).toContain(
      'descriptor 77',
    );
    expect(await refusalOf(100, 'serve', '--listen', 'fd:3,4', '--app', 'simulator:')).toContain('fd:3,4');
  });
});

describe('a peer that cannot be there', () => {
  test.each(['ignore', 'closed'])('descriptor 0 is /dev/null, or was closed (%s): 100', async (how) => {
    const options = { stdio: ['ignore', 'pipe', 'pipe'] } as const;
    const script = 'exec posbridge --app simulator: <&-';
    const bridge =
      how === 'closed'
        ? bench.start('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] })
        : bench.startBridge(['--app', 'simulator:'], { stdio: [...options.stdio] });
    expect(await bridge.exited).toEqual(exitedWith(100));
    expect(bridge.errors).toMatch(
      /^posbridge: descriptor 0 is \/dev\/null, or was closed: .*--wire ENDPOINT/,
    );
  });

  test.each([
    [['--payment', 'fifo:/tmp/payment']],
    [['--payment', 'fifo:/tmp/payment', '--storage', 'fifo:/tmp/storage', '--ui', 'null:']],
    [['--app', 'null:', '--ui', 'fifo:/tmp/ui', '--route', '*=ui']],
    [['--payment', 'fd:1', '--wire', 'tcp:127.0.0.1:1']],
  ])('payments go into a pipe and nothing comes back, %j: 100', async (args) => {
    const options = { stdio: ['pipe', 'pipe', 'pipe'] as ('pipe' | number)[] };
    const run = bench.start('sh', ['-c', 'exec posbridge "$@" | cat', 'sh', ...args], options);
    await run.exited;
    expect(run.errors).toMatch(/could never be answered: add a way back, for instance --device fifo:PATH/);
    if (args[1] !== 'fd:1') expect(await refusalOf(100, ...args)).toContain('goes one way');
  });
});
