import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import {
  type Folder,
  frame,
  messagesIn,
  PROGRAM,
  posbridge,
  type Running,
  run,
  start,
  stopAll,
  temporaryFolder,
} from './kit.ts';

/** The real program, as its user meets it. */

let folder: Folder;

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(async () => {
  await stopAll();
  folder.remove();
});

const STACK = /^\s+at |\.js:\d+|file:\/\//m;

describe('without arguments', () => {
  test('on a terminal it prints the help on stderr and ends with 100', async () => {
    const errors = path.join(folder.path, 'stderr');
    const shown = await run('script', ['-qec', `exec '${PROGRAM}' 2>'${errors}'`, '/dev/null']);
    expect(shown.stdout).toBe('');
    expect(readFileSync(errors, 'utf8')).toMatch(/^posbridge \[options\]\n\n.*--app .*ENDPOINT/s);
    expect(shown.code).toBe(100);
  });

  test('off a terminal it says that an application is missing and ends with 100', async () => {
    expect(await posbridge([])).toMatchObject({
      code: 100,
      stdout: '',
      stderr: expect.stringMatching(/^posbridge: no application: say where it is, .*--app unix:[^\n]+\n$/),
    });
  });

  test('the environment is enough', async () => {
    const env = { POSBRIDGE_APP: 'simulator:' };
    const { code, stdout } = await posbridge([], { env, input: frame('k', '_Keepalive', {}) });
    expect(messagesIn(stdout)[0]).toMatchObject({ id: 'k', result: {} });
    expect(code).toBe(0);
  });
});

test('what has no effect is warned about, and does not keep it from working', async () => {
  const env = { POSBRIDGE_SITES: 'x', POSBRIDGE_APPP: 'y' };
  const { code, stderr } = await posbridge(['--app', 'null:'], { env });
  expect(stderr).toContain('POSBRIDGE_SITES has no effect: --dialect jsonpos has no such thing');
  expect(stderr).toContain(
    'there is no option for the variable POSBRIDGE_APPP (did you mean POSBRIDGE_APP?)',
  );
  expect(code).toBe(0);
});

test('commands without a log warn about unknown variables all the same', async () => {
  const env = { POSBRIDGE_JOURNEL: folder.path };
  const { code, stderr } = await posbridge(['journal', 'list', '--journal', folder.path], { env });
  expect(stderr).toContain(
    'posbridge: there is no option for the variable POSBRIDGE_JOURNEL (did you mean POSBRIDGE_JOURNAL?)\n',
  );
  expect(code).toBe(0);
});

describe('asked for help or version', () => {
  const commands = Object.keys(COMMANDS) as CommandName[];
  const typed = (command: CommandName, option: string) =>
    command === 'bridge' ? [option] : [command, option];

  test.each(commands)('%s prints its own on stdout and ends with 0', async (command) => {
    const { code, stdout, stderr } = await posbridge(typed(command, '--help'));
    expect(stdout.split('\n')[0]).toBe(COMMANDS[command].usage);
    expect(stdout).toContain('\nOptions:\n');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(path.join(path.dirname(PROGRAM), '../package.json'), 'utf8'));
    for (const command of commands) {
      expect(await posbridge(typed(command, '--version'))).toMatchObject({
        code: 0,
        stdout: `${version}\n`,
        stderr: '',
      });
    }
  });

  test('speaks English whatever the locale', async () => {
    const env = { LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8', LANGUAGE: 'de' };
    expect((await posbridge(['--help'], { env })).stdout).toBe((await posbridge(['--help'])).stdout);
    const { stderr } = await posbridge(['--bogus'], { env });
    expect(stderr).toBe('posbridge: there is no option "--bogus" for this command; see posbridge --help\n');
  });

  test('a reader that goes away early is no fault; a full disk is one, in one line', async () => {
    const closed = `exec 3> >(exec true); wait $!; '${PROGRAM}' --help >&3; echo $?`;
    expect(await run('bash', ['-c', closed])).toMatchObject({ stdout: '0\n', stderr: '' });
    expect(await run('bash', ['-c', `'${PROGRAM}' --help >/dev/full; echo $?`])).toMatchObject({
      stdout: '111\n',
      stderr: 'posbridge: standard output: no space left on device (ENOSPC)\n',
    });
  });
});

describe('an error', () => {
  const oneLine = (text: RegExp) =>
    expect.stringMatching(new RegExp(`^posbridge: [^\\n]*${text.source}[^\\n]*\\n$`));

  test.each<[string[], NodeJS.ProcessEnv, number, RegExp]>([
    [['bogus'], {}, 100, /there is no command "bogus"/],
    [['--bogus'], {}, 100, /there is no option "--bogus"/],
    [['--app', 'bogus:'], {}, 100, /--app: "bogus:": no such kind of endpoint/],
    [['--app', 'null:', '--wire', 'fd:99'], {}, 100, /descriptor 99 was not given to this program: open it/],
    [['--app', 'fd:99'], {}, 100, /descriptor 99 was not given to this program: open it/],
    [['--app', 'null:'], { POSBRIDGE_TIMEOUT: 'soon' }, 100, /POSBRIDGE_TIMEOUT: "soon" is not SECONDS/],
    [['--config', '/nowhere/x.json'], {}, 100, /--config \/nowhere\/x.json: cannot be read: no such file/],
    [
      ['--app', 'null:', '--log-level', 'loud'],
      {},
      100,
      /--log-level: "loud" is not one of error, warn, info/,
    ],
    [['--app', 'null:', '--log-format', 'xml'], {}, 100, /--log-format: "xml" is not human or json/],
    [['--app', 'simulator:', '--lock', '/nowhere/lock'], {}, 111, /\/nowhere\/lock/],
    [['--app', 'null:', '--wire', 'unix:/nowhere/x.sock'], {}, 111, /unix:\/nowhere\/x.sock.*ENOENT/],
    [['--ui', 'null:', '--device', 'fifo:/nowhere/x'], {}, 111, /\/nowhere\/x/],
    [['serve', '--app', 'null:'], {}, 100, /say where to listen/],
    [['serve', '--app', 'null:', '--listen', 'fd:3'], {}, 100, /--listen: "fd:3"/],
    [
      ['serve', '--app=null:', '--listen=unix:/nowhere/x', '--notification-fd=9'],
      {},
      100,
      /descriptor 9 was not inherited/,
    ],
    [['serve', '--app=null:', '--listen=unix:/nowhere/x'], {}, 111, /its folder does not exist \(ENOENT\)/],
    [
      ['demo', '--app', 'null:'],
      {},
      100,
      /there is no option "--app" for this command; see posbridge demo --help/,
    ],
  ])('%j with %j is one line and status %i', async (args, env, code, text) => {
    const ended = await posbridge(args, { env });
    expect(ended).toMatchObject({ code, signal: null, stderr: oneLine(text) });
    // Whoever is connected already hears it in the protocol.
    expect(messagesIn(ended.stdout).map(({ method }) => method)).toEqual(
      ended.stdout === '' ? [] : ['_CloseReason'],
    );
  });

  test('has no stack at level debug either, when it is no fault of the program', async () => {
    const args = ['--ui', 'null:', '--device', 'fifo:/nowhere/x', '--log-level', 'debug'];
    const { code, stderr } = await posbridge(args);
    expect(code).toBe(111);
    expect(stderr).not.toMatch(STACK);
  });

  test('a listener that somebody else has is a temporary failure', async () => {
    const server = await listening();
    const { port } = server.address() as { port: number };
    const { code, stderr } = await posbridge(['demo', '--listen', `tcp:127.0.0.1:${port}`]);
    server.close();
    expect(code).toBe(111);
    expect(stderr).toMatch(
      new RegExp(
        `^posbridge: [^\\n]*127\\.0\\.0\\.1:${port}[^\\n]*EADDRINUSE[^\\n]* --listen tcp:127\\.0\\.0\\.1:${port + 1}\\n$`,
      ),
    );
  });

  test('hides secrets, and nothing in it moves the cursor', async () => {
    const secret = await posbridge(['--app', 'null:', '--name', 'a b 4111 1111 1111 1111']);
    expect(secret.stderr).not.toContain('4111 1111 1111 1111');
    const moving = await posbridge(['--app', 'null:', '--name', '\u001b[31mred\r\n']);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    expect(moving.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(moving.stderr.split('\n')).toHaveLength(2);
  });
});

describe('a fault inside the program', () => {
  /** A program that breaks when its window is resized. */
  async function broken(level: string): Promise<Running> {
    const preload = path.join(folder.path, 'broken.mjs');
    writeFileSync(
      preload,
      "process.on('SIGWINCH', () => { throw new Error('a tooth broke, card 4111111111111111'); });",
    );
    const one = start(PROGRAM, ['--app', 'simulator:', '--log-level', level], {
      env: { NODE_OPTIONS: `--import=file://${preload}` },
    });
    await one.until(/info connected/);
    one.signal('SIGWINCH');
    return one;
  }

  test('is one line, and 111', async () => {
    const { code, stderr } = await (await broken('info')).ended;
    expect(code).toBe(111);
    expect(stderr).toMatch(/^error internal error why="a tooth broke, card [^"]+" fault=.*$/m);
    expect(stderr).not.toMatch(STACK);
    expect(stderr).not.toContain('4111111111111111');
  });

  test('has its stack, still masked, at level debug', async () => {
    const { code, stderr } = await (await broken('debug')).ended;
    expect(code).toBe(111);
    expect(stderr).toMatch(/fault_stack=".*at process\..*"/);
    expect(stderr).not.toContain('4111111111111111');
  });
});

describe('the log', () => {
  const SIMULATOR = 'simulator:?delay=1';
  const purchase = {
    receipt_id: 'r-1',
    sequence_id: 1,
    amount: 1230,
    currency: 'EUR',
    api_key: 'very-secret',
    track2: '4111111111111111=2512101000000000',
    note: 'card 4111 1111 1111 1111 and 4111-1111-1111-1111',
  };
  const input = frame('pos-1', 'Purchase', purchase);
  const secrets = [
    '4111111111111111',
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    'very-secret',
    '2512101',
  ];

  test('is for people by default: level, event, fields, one line an event', async () => {
    const { code, stdout, stderr } = await posbridge(['--app', SIMULATOR], { input });
    expect(code).toBe(0);
    expect(messagesIn(stdout)).toContainEqual(
      expect.objectContaining({ id: 'pos-1', result: expect.anything() }),
    );
    const lines = stderr.trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^(info|warn) [a-z ]+( [\w ]+=\S.*)?$/);
    expect(lines[0]).toMatch(/^info connected connection=unix\.\w{12} dialect=jsonpos peer=unix$/);
    expect(lines.at(-1)).toMatch(/^info disconnected connection=unix\.\w{12} reason=CONNECTION_CLOSED /);
  });

  test('is JSON lines with time, level and event when asked for', async () => {
    const env = { POSBRIDGE_LOG_FORMAT: 'json' };
    const { stderr } = await posbridge(['--app', SIMULATOR, '--log-level', 'debug'], { input, env });
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines) {
      expect(line).toMatchObject({ level: expect.any(String), event: expect.any(String) });
      expect(new Date(line.time).toISOString()).toBe(line.time);
    }
    expect(lines.map(({ event }) => event)).toEqual(expect.arrayContaining(['connected', 'disconnected']));
  });

  test.each(['human', 'json'])('shows messages at level trace, masked, as %s', async (format) => {
    const args = ['--app', SIMULATOR, '--log-level', 'trace', '--log-format', format];
    const { stdout, stderr } = await posbridge(args, { input });
    expect(messagesIn(stdout)).toContainEqual(
      expect.objectContaining({ id: 'pos-1', result: expect.anything() }),
    );
    expect(stderr).toContain('Purchase');
    expect(stderr).toContain('receipt_id');
    expect(stderr).toContain('1230');
    for (const secret of secrets) expect(stderr).not.toContain(secret);
  });

  test.each(['error', 'warn', 'info', 'debug'])('shows no message at level %s', async (level) => {
    const { stderr } = await posbridge(['--app', SIMULATOR, '--log-level', level], { input });
    expect(stderr).not.toContain('receipt_id');
    if (level === 'error' || level === 'warn') expect(stderr).toBe('');
  });
});

describe('serve', () => {
  test('writes a newline to --notification-fd when it listens, and ends with 0 on SIGTERM', async () => {
    const ready = path.join(folder.path, 'ready');
    const socket = path.join(folder.path, 'pos.sock');
    const command = `exec '${PROGRAM}' serve --listen 'unix:${socket}' --app simulator: --notification-fd 3 3>'${ready}'`;
    const server = start('bash', ['-c', command]);
    await server.until(/info listening/);
    server.signal('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(ready, 'utf8')).toBe('\n');
  });
});

function listening(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  });
}
