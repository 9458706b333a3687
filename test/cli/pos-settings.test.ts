import { homedir } from 'node:os';
import { describe, expect, test, vi } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { resolvePosSettings, storeFolder } from '../../src/cli/pos-settings.ts';
import { gatherSettings } from '../../src/cli/settings.ts';
import { complaintOf } from './kit.ts';

type Environment = Record<string, string>;

function settingsOf(args: readonly string[], env: Environment) {
  const { given } = parseCommandLine(['pos', ...args]);
  return gatherSettings('pos', given, env);
}

function resolve(args: readonly string[], env: Environment = {}) {
  return resolvePosSettings(settingsOf(args, env), { env, log: silentLogger, isStoring: true });
}

describe('a terminal of another protocol', () => {
  test('is told from where it is, and remembers in the store unless said otherwise', async () => {
    const to = 'ecr-eft+tcp:127.0.0.1:5002';
    expect(await resolve(['--to', to, '--store', '/till', '--register', 'TILL1'])).toMatchObject({
      to: { kind: 'terminal', dialect: 'ecr-eft', place: { kind: 'tcp', port: 5002 } },
      terminalStore: '/till/terminal',
      register: 'TILL1',
    });
    expect(await resolve(['--to', to, '--terminal-store', '/else'])).toMatchObject({
      terminalStore: '/else',
    });
  });

  test.each([
    [['--sync'], 'a terminal that speaks ecr-eft has no such thing'],
    [['--discard', '1s'], 'a terminal that speaks ecr-eft has no such thing'],
    [['--register', '{peer}'], 'is not a name'],
  ])('refuses %j', async (args, why) => {
    await expect(resolve(['--to', 'ecr-eft+tcp:127.0.0.1:5002', ...args])).rejects.toThrow(why);
  });

  test.each([
    ['nobody+tcp:127.0.0.1:1', 'no terminal is asked in nobody'],
    ['jsonpos+simulator:', 'no terminal can be there'],
  ])('%s is refused', async (to, why) => {
    await expect(resolve(['--to', to])).rejects.toThrow(why);
  });
});

describe('what a register gets', () => {
  test('are the defaults that the help prints', async () => {
    expect(await resolve(['--to', 'tcp:127.0.0.1:10001'], { XDG_STATE_HOME: '/state' })).toMatchObject({
      to: { kind: 'tcp', port: 10001 },
      store: '/state/posbridge/pos',
      apiKey: undefined,
      wsCredentials: undefined,
      cashierLanguage: undefined,
      connectTimeoutMs: 10_000,
      outcomeWaitMs: 900_000,
      keepalive: { idleMs: 30_000, busyMs: 5000, limitMs: 5000 },
      sync: undefined,
      discardMs: undefined,
      maxFrameBytes: 262_134,
      linkSpeed: undefined,
    });
  });

  test('is what was asked for', async () => {
    const given = await resolve([
      ...['--to', 'serial:/dev/ttyS0', '--store', '/till', '--language', 'sv-FI', '--connect-timeout', '1m'],
      ...[
        '--outcome-wait',
        '2h',
        '--keepalive',
        'off',
        '--no-sync',
        '--discard',
        '5s',
        '--link-speed',
        '10240',
      ],
    ]);
    expect(given).toMatchObject({
      to: { kind: 'serial' },
      store: '/till',
      cashierLanguage: 'sv-FI',
      connectTimeoutMs: 60_000,
      outcomeWaitMs: 7_200_000,
      keepalive: 'off',
      sync: false,
      discardMs: 5000,
      linkSpeed: 10_240,
    });
  });

  test('are secrets of the environment where no file is named', async () => {
    const env = { POSBRIDGE_API_KEY: 'key', POSBRIDGE_LOGIN: 'till:a:b' };
    expect(await resolve(['--to', 'wss://psp.example/x'], env)).toMatchObject({
      apiKey: 'key',
      wsCredentials: { user: 'till', password: 'a:b' },
    });
    // Set for another terminal of this till.
    expect(await resolve(['--to', 'tcp:127.0.0.1:1'], env)).toMatchObject({ wsCredentials: undefined });
  });
});

test('a state folder that is no absolute path is as good as none', () => {
  const fallback = `${homedir()}/.local/state/posbridge/pos`;
  expect(storeFolder(settingsOf([], {}), {})).toBe(fallback);
  expect(storeFolder(settingsOf([], {}), { XDG_STATE_HOME: 'state' })).toBe(fallback);
});

test('what stores nothing needs no folder', async () => {
  const settings = settingsOf(['--to', 'tcp:a:1'], {});
  const options = await resolvePosSettings(settings, { env: {}, log: silentLogger, isStoring: false });
  expect(options.store).toBeUndefined();
});

test('a home folder that is no absolute path is refused, and --store is named', () => {
  for (const home of ['', 'home']) {
    vi.stubEnv('HOME', home);
    expect(() => storeFolder(settingsOf([], {}), {})).toThrow(
      `there is no place to record sales: HOME is "${home}"; name a folder with --store`,
    );
  }
  vi.unstubAllEnvs();
});

test.each<[string[], Environment, RegExp]>([
  [['--to', 'bogus:'], {}, /--to: "bogus:"/],
  [['--to', 'simulator:'], {}, /--to: /],
  [['--to', 'tcp:a:1', '--language', 'f i'], {}, /--language: "f i" is not a language/],
  [['--to', 'tcp:a:1', '--discard', '2h'], {}, /--discard: "2h" is not a time such as 5s/],
  [['--to', 'tcp:a:1', '--store', ''], {}, /--store: "" is not the path of a folder/],
  [['--to', 'tcp:a:1', '--keepalive', '1'], {}, /--keepalive: "1" is not IDLE,BUSY,LIMIT/],
  [['--to', 'tcp:a:1'], { POSBRIDGE_API_KEY: 'a\nb' }, /POSBRIDGE_API_KEY is not one line/],
  [['--to', 'ws://a/x'], { POSBRIDGE_LOGIN: 'name' }, /POSBRIDGE_LOGIN is not one line, NAME:PASSWORD/],
])('%j is refused', async (args, env, why) => {
  expect(await complaintOf(() => resolve(args, env))).toMatch(why);
});
