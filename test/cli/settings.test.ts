import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BridgeOptions } from '../../src/bridge/bridge-options.ts';
import { resolveBridgeOptions } from '../../src/cli/bridge-options.ts';
import { environmentName, OPTIONS, type OptionName, type OptionSpec } from '../../src/cli/options.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { parseDurationMs, readEndpoint } from '../../src/cli/readers.ts';
import { readServerLimits } from '../../src/cli/serve.ts';
import { gatherSettings, type Settings } from '../../src/cli/settings.ts';
import { DIALECTS } from '../../src/dialect/registry.ts';
import { complaintOf, type Folder, temporaryFolder } from './kit.ts';

let folder: Folder;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => folder.remove());

let files = 0;
/** Writes a configuration file; a text goes in as it is. */
function config(content: unknown): string {
  files += 1;
  const file = path.join(folder.path, `${files}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** What the program would make of all three sources. */
function settingsOf(args: readonly string[], env: Record<string, string> = {}): Settings {
  const { command, given } = parseCommandLine(args);
  return gatherSettings(command, given, env);
}

const optionsOf = (args: readonly string[], env: Record<string, string> = {}): Promise<BridgeOptions> =>
  resolveBridgeOptions(settingsOf(args, env));

const SPECS = (OPTIONS as readonly OptionSpec[]).filter(
  ({ name, value }) => value !== undefined && name !== 'config',
);

/** How an option of the table is spoken of in tests. */
function caseOf({ name, commands: [command = 'bridge'], fallback }: OptionSpec) {
  const option = name as OptionName;
  const typed = (...more: string[]) => [...(command === 'bridge' ? [] : [command]), ...more];
  return { name, option, one: 'one', other: '02', typed, fallback, variable: environmentName(name) };
}

const FLAGS = (OPTIONS as readonly OptionSpec[]).filter(
  ({ name, value }) => value === undefined && !['help', 'version'].includes(name),
);

describe.each(FLAGS.map((spec) => ({ ...caseOf(spec), isNegatable: spec.negatable === true })))(
  'the flag --$name',
  ({ name, option, typed, variable, isNegatable }) => {
    test('is set on the command line, in the environment and in the configuration file', () => {
      expect(settingsOf(typed()).flag(option)).toBeUndefined();
      expect(settingsOf(typed(`--${name}`)).flag(option)).toBe(true);
      for (const yes of ['1', 'true', 'Yes', 'on']) {
        expect(settingsOf(typed(), { [variable]: yes }).flag(option)).toBe(true);
      }
      expect(settingsOf(typed('--config', config({ [name]: true }))).flag(option)).toBe(true);
    });

    test('is turned off by those that come first', () => {
      for (const no of ['0', 'false', 'No', 'off']) {
        const file = config({ [name]: true });
        expect(settingsOf(typed('--config', file), { [variable]: no }).flag(option)).toBe(false);
      }
      expect(settingsOf(typed('--config', config({ [name]: false }))).flag(option)).toBe(false);
      expect(settingsOf(typed(`--${name}`), { [variable]: '0' }).flag(option)).toBe(true);
      expect(settingsOf(typed(), { [variable]: '' }).flag(option)).toBeUndefined();
    });

    test('refuses what is neither', async () => {
      expect(await complaintOf(() => settingsOf(typed(), { [variable]: 'maybe' }))).toContain(
        `${variable}: "maybe" is not 1 or 0`,
      );
      expect(await complaintOf(() => settingsOf(typed('--config', config({ [name]: 'yes' }))))).toContain(
        'wants true or false',
      );
    });

    test(isNegatable ? 'has a --no- form' : 'has no --no- form', async () => {
      if (isNegatable)
        expect(settingsOf(typed(`--no-${name}`), { [variable]: '1' }).flag(option)).toBe(false);
      else expect(await complaintOf(() => settingsOf(typed(`--no-${name}`)))).toContain('there is no option');
    });
  },
);

describe.each(SPECS.map(caseOf))('--$name', ({ name, option, one, other, typed, fallback, variable }) => {
  test('comes from the command line, the environment or the configuration file', () => {
    expect(settingsOf(typed()).text(option)).toBe(fallback);
    for (const value of [one, other]) {
      expect(settingsOf(typed(`--${name}`, value)).text(option)).toBe(value);
      expect(settingsOf(typed(), { [variable]: value }).text(option)).toBe(value);
      expect(settingsOf(typed('--config', config({ [name]: value }))).text(option)).toBe(value);
      expect(settingsOf(typed(), { POSBRIDGE_CONFIG: config({ [name]: value }) }).text(option)).toBe(value);
    }
  });

  test('the command line comes before the environment, and that before the file', () => {
    const file = config({ [name]: other });
    const both = settingsOf(typed('--config', file), { [variable]: one });
    expect(both.list(option)).toEqual([one]);
    const all = settingsOf(typed('--config', file, `--${name}`, other), { [variable]: one });
    expect(all.list(option)).toEqual([other]);
  });

  test('an empty variable says nothing', () => {
    expect(settingsOf(typed(), { [variable]: '' }).text(option)).toBe(fallback);
  });
});

test.each(SPECS.filter(({ repeats }) => repeats).map(caseOf))(
  '--$name is repeated as a list with commas, or as an array',
  ({ name, option, one, other, typed, variable }) => {
    expect(settingsOf(typed(`--${name}`, one, `--${name}`, other)).list(option)).toEqual([one, other]);
    expect(settingsOf(typed(), { [variable]: ` ${one} ,${other}` }).list(option)).toEqual([one, other]);
    const file = config({ [name]: [one, other] });
    expect(settingsOf(typed('--config', file)).list(option)).toEqual([one, other]);
  },
);

test.each(SPECS.filter(({ repeats }) => !repeats).map(caseOf))(
  '--$name is refused when given twice, and takes commas as they are',
  async ({ name, option, one, other, typed, variable }) => {
    const twice = 'is given more than once; give it one value';
    const file = config({ [name]: [one, other] });
    expect(await complaintOf(() => settingsOf(typed(`--${name}`, one, `--${name}=${one}`)))).toBe(
      `USAGE: --${name} ${twice}`,
    );
    expect(await complaintOf(() => settingsOf(typed('--config', file)))).toBe(
      `USAGE: ${file}: "${name}" ${twice}`,
    );
    expect(settingsOf(typed(), { [variable]: 'a,b' }).text(option)).toBe('a,b');
    expect(settingsOf(typed('--config', file, `--${name}`, one)).text(option)).toBe(one);
  },
);

describe('the configuration file', () => {
  test('may begin with a byte order mark and end its lines as Windows does', () => {
    const file = config('\ufeff{\r\n  "name": "till"\r\n}\r\n');
    expect(settingsOf(['--config', file]).text('name')).toBe('till');
  });

  test('may hold numbers, and keeps texts as they are', () => {
    const settings = settingsOf([
      '--config',
      config({ timeout: [30, 'Test=600'], name: '007', 'max-frame': 20000 }),
    ]);
    expect(settings.list('timeout')).toEqual(['30', 'Test=600']);
    expect(settings.text('name')).toBe('007');
    expect(settings.text('max-frame')).toBe('20000');
  });

  test('named on the command line wins over the one named in the environment', () => {
    const env = { POSBRIDGE_CONFIG: config({ name: 'b' }) };
    expect(settingsOf(['--config', config({ name: 'a' })], env).text('name')).toBe('a');
    expect(settingsOf([], { POSBRIDGE_CONFIG: '' }).text('name')).toBeUndefined();
  });

  test.each([
    [
      '{"bogus": 1}',
      'there is no option "bogus" for this command; options are written as in --help, without --',
    ],
    ['{"--app": "null:"}', 'there is no option "--app" for this command'],
    ['{"listen": "tcp:127.0.0.1:1"}', 'there is no option "listen" for this command'],
    ['{"config": "x"}', 'there is no option "config" for this command'],
    ['{"help": "x"}', 'there is no option "help" for this command'],
    ['{"__proto__": "x"}', 'there is no option "__proto__" for this command'],
    ['{"app": true}', '"app" wants a text, a number, or a list of them'],
    ['{"app": null}', '"app" wants a text, a number, or a list of them'],
    ['{"timeout": [1, [2]]}', '"timeout" wants a text, a number, or a list of them'],
    ['{"timeout": {"Test": 600}}', '"timeout" wants a text, a number, or a list of them'],
    ['["app"]', 'is no JSON object; wanted is {"OPTION": VALUE, …}'],
    ['null', 'is no JSON object'],
    ['{"app": "null:",}', 'is not JSON; wanted is an object such as {"app": "unix:/run/pay.sock"}'],
    ['', 'is not JSON'],
  ])('%s is refused', async (content, expected) => {
    const file = config(content);
    expect(await complaintOf(() => settingsOf(['--config', file]))).toContain(
      `USAGE: --config ${file}: ${expected}`,
    );
    expect(await complaintOf(() => settingsOf([], { POSBRIDGE_CONFIG: file }))).toContain(
      `USAGE: POSBRIDGE_CONFIG ${file}: ${expected}`,
    );
  });

  test('that cannot be read is named, with the reason', async () => {
    const missing = path.join(folder.path, 'missing.json');
    expect(await complaintOf(() => settingsOf(['--config', missing]))).toBe(
      `USAGE: --config ${missing}: cannot be read: no such file or directory (ENOENT)`,
    );
    expect(await complaintOf(() => settingsOf(['--config', folder.path]))).toContain(
      'is a directory (EISDIR)',
    );
    expect(await complaintOf(() => settingsOf(['--config=']))).toContain('--config "": cannot be read');
    expect(await complaintOf(() => settingsOf(['--config', 'a', '--config', 'b']))).toContain(
      'more than once',
    );
  });
});

const TIMEOUT_FORM = 'SECONDS or METHOD=SECONDS, at most a day, such as 30 or Test=600';
const KEEPALIVE_FORM = 'IDLE,BUSY,LIMIT in seconds, such as 30,5,20, or off';
const WAIT_FORM = 'a time such as 900, 15m or 2h, at most 23 days';
const WINDOW_FORM = 'a time such as 900, 15m or 2h, at most 365 days';
const REGISTER_FORM =
  'a name of 1 to 64 letters, digits, dots, dashes, underscores or colons, in which {peer} may stand';
const FRAME_FORM = 'a whole number from 16384 to 1000000';
const NAME_FORM = 'a name of 1 to 64 letters, digits, dots, dashes or underscores';
const IDENTITY_FORM = 'a list of member names such as receipt_id,sequence_id';
const ROUTE_FORM = 'METHOD=CHANNEL, for instance Print*=ui (channels: ui, payment, storage, device)';

/** Option, wrong values, the right form as the complaint says it. */
const WRONG: readonly [OptionName, readonly string[], string][] = [
  [
    'timeout',
    ['x', '0', '-1', '1e3', '30 s', '86401', '25h', '=5', 'Test=', 'Test=x', '0.0004', 'NaN'],
    TIMEOUT_FORM,
  ],
  ['keepalive', ['on', '30', '30,5', '30,5,20,1', '30,0,20', '30,,20', 'x,5,20', 'OFF'], KEEPALIVE_FORM],
  ['outcome-wait', ['x', '0', '-5', '24d', '999999999d', '15 m', '1w', 'none'], WAIT_FORM],
  [
    'max-frame',
    ['x', '16383', '1000001', '-1', '2e5', '20000.5', '0x8000', ' 20000', '9'.repeat(30)],
    FRAME_FORM,
  ],
  ['repeat-window', ['x', '0', '366d'], WINDOW_FORM],
  ['register', ['a b', 'a/b', 'ä', 'x'.repeat(65)], REGISTER_FORM],
  ['name', ['a b', 'a/b', 'ä', '\u001b[31m', 'x'.repeat(65)], NAME_FORM],
  ['identity', ['a,,b', 'a,a', ',', 'a,'], IDENTITY_FORM],
  ['route', ['x', 'x=', '=ui', 'x=UI', 'x=bogus', 'x=ui=ui', 'x=toString'], ROUTE_FORM],
];

describe.each(WRONG)('a wrong --%s', (name, values, form) => {
  test.each(values)('%j is refused with its source, itself and the right form', async (value) => {
    const shown = `${JSON.stringify(value).replaceAll('\u001b', '\\u001b')} is not ${form}`;
    const file = config({ app: 'null:', [name]: value });
    expect(await complaintOf(() => optionsOf(['--app=null:', `--${name}=${value}`]))).toBe(
      `USAGE: --${name}: ${shown}`,
    );
    expect(await complaintOf(() => optionsOf(['--config', file]))).toBe(
      `USAGE: ${file}: "${name}": ${shown}`,
    );
    if (value.includes(',') && name === 'route') return;
    const trimmed = name === 'route' || name === 'timeout' ? value.trim() : value;
    const variable = environmentName(name);
    expect(await complaintOf(() => optionsOf(['--app=null:'], { [variable]: value }))).toBe(
      `USAGE: ${variable}: ${shown.replace(value, trimmed)}`,
    );
  });
});

test('numbers of a listener are refused in the same way', async () => {
  const limits = (...args: string[]) => complaintOf(() => readServerLimits(settingsOf(['serve', ...args])));
  for (const value of ['0', '-1', 'x', '10001']) {
    expect(await limits(`--max-connections=${value}`)).toBe(
      `USAGE: --max-connections: "${value}" is not a whole number from 1 to 10000`,
    );
  }
  expect(
    readServerLimits(settingsOf(['serve', '--max-connections', '7', '--allow-origin', 'https://a'])),
  ).toEqual({
    maxConnections: 7,
    allowOrigins: ['https://a'],
  });
  expect(await limits('--max-per-peer=0')).toMatch(/^USAGE: --max-per-peer: /);
  expect(readServerLimits(settingsOf(['serve', '--max-per-peer', '3']))).toMatchObject({ maxPerPeer: 3 });
  expect(readServerLimits(settingsOf(['demo']))).toEqual({ maxConnections: 100, allowOrigins: [] });
});

test('an origin is taken as browsers write it, or refused', async () => {
  const origins = (...given: string[]) =>
    readServerLimits(settingsOf(['serve', ...given.map((text) => `--allow-origin=${text}`)])).allowOrigins;
  expect(
    origins('https://till.example/', 'HTTPS://Till.Example:443', 'http://localhost:80', 'http://[::1]:8080'),
  ).toEqual(['https://till.example', 'https://till.example', 'http://localhost', 'http://[::1]:8080']);
  for (const text of [
    '*',
    'null',
    'till.example',
    'https://*.example',
    'https://a/b',
    'https://a?b',
    'https://u@a',
    'ws://a',
    '',
  ]) {
    expect(await complaintOf(async () => origins(text))).toMatch(
      /^USAGE: --allow-origin: .* is not the origin of one web page, http:\/\/ or https:\/\/ and a host, for instance https:\/\/till\.example/,
    );
  }
});

test('an endpoint is refused with its source, itself and an example', async () => {
  expect(await complaintOf(() => optionsOf(['--app', 'bogus:x']))).toMatch(
    /^USAGE: --app: "bogus:x": no such kind of endpoint; for example fd:3, /,
  );
  expect(await complaintOf(() => optionsOf([], { POSBRIDGE_UI: 'tcp:x' }))).toMatch(
    /^USAGE: POSBRIDGE_UI: "tcp:x": the port is missing; for example tcp:/,
  );
  const file = config({ payment: 'unix:' });
  expect(await complaintOf(() => optionsOf(['--config', file]))).toMatch(
    new RegExp(`^USAGE: ${file}: "payment": "unix:": the path is missing; for example unix:`),
  );
  const wire = (text: string) =>
    complaintOf(() => readEndpoint(settingsOf(['--wire', text]), 'wire', 'wire'));
  expect(await wire('simulator:')).toMatch(/^USAGE: --wire: "simulator:": .*; for example /);
  expect(await complaintOf(() => optionsOf(['--dialect', 'constructor', '--app', 'null:']))).toBe(
    `USAGE: --dialect: there is no dialect "constructor"; there is ${DIALECTS.map(({ name }) => name).join(', ')}`,
  );
});

describe('the row of every dialect', () => {
  test.each(DIALECTS)(
    '$name lacks options that there are, and has the roles that it has the code for',
    (row) => {
      const known: readonly string[] = OPTIONS.map(({ name }) => name);
      expect(row.lacks.filter((name) => !known.includes(name))).toEqual([]);
      expect(row.asks !== undefined).toBe(row.roles.includes('asks'));
    },
  );
});

describe('contradictions', () => {
  test('no application at all', async () => {
    expect(await complaintOf(() => optionsOf([]))).toBe(
      'USAGE: no application: say where it is, for instance --app unix:/run/pay.sock, or --app simulator: to try things out',
    );
  });

  test('a named pipe for everything', async () => {
    expect(await complaintOf(() => optionsOf(['--app', 'fifo:/run/x']))).toBe(
      'USAGE: --app: fifo:/run/x is a named pipe, and goes one way; give --ui, --payment, --storage and --device one each',
    );
    const env = { POSBRIDGE_APP: 'fifo:/run/x' };
    expect(await complaintOf(() => optionsOf([], env))).toMatch(/^USAGE: POSBRIDGE_APP: fifo:\/run\/x /);
  });

  test.each(['ui', 'payment', 'storage'])(
    'one named pipe that is read for device and written for %s',
    async (name) => {
      expect(
        await complaintOf(() => optionsOf([`--${name}`, 'fifo:/run/x', '--device', 'fifo:/run/x'])),
      ).toBe(`USAGE: --device: fifo:/run/x is read for device and cannot be written for ${name} as well`);
    },
  );

  test('other endpoints may well be the same for device and payment', async () => {
    const { channels } = await optionsOf(['--payment', 'unix:/x', '--device', 'unix:/x', '--ui', 'fifo:/y']);
    expect([...channels].map(([name, { text }]) => [name, text])).toEqual([
      ['ui', 'fifo:/y'],
      ['payment', 'unix:/x'],
      ['device', 'unix:/x'],
    ]);
  });
});

describe('what a bridge gets', () => {
  test('are the defaults that the help prints', async () => {
    const options = await optionsOf(['--app', 'null:']);
    expect(options.dialect.name).toBe('jsonpos');
    expect(options.timeoutMs('Anything')).toBe(60_000);
    expect(options.outcomeWaitMs).toBe(15 * 60_000);
    expect(options.protocol).toEqual({
      maxFrameBytes: 262_134,
      keepalive: { idleMs: 30_000, busyMs: 5000, limitMs: 20_000 },
      sync: false,
    });
    expect(options.routes).toEqual([]);
    for (const name of ['name', 'identity', 'lock']) expect(options).not.toHaveProperty(name);
  });

  test('are the channels: --app for all, single ones before it', async () => {
    const { channels } = await optionsOf(['--app', 'unix:/app', '--ui', 'fifo:/ui']);
    expect([...channels].map(([name, { text }]) => [name, text])).toEqual([
      ['ui', 'fifo:/ui'],
      ['payment', 'unix:/app'],
      ['storage', 'unix:/app'],
      ['device', 'unix:/app'],
    ]);
  });

  test('are routes in the order given', async () => {
    const { routes } = await optionsOf(['--app', 'null:', '--route', 'A*=ui', '--route', '*=device']);
    expect(routes).toEqual([
      { method: 'A*', channel: 'ui' },
      { method: '*', channel: 'device' },
    ]);
  });

  test('are timeouts: the last that matches, then the last for all', async () => {
    const { timeoutMs } = await optionsOf(['--app=null:'], { POSBRIDGE_TIMEOUT: '30,Te*=600, Test=10m,1.5' });
    expect(['Test', 'Tell', 'Other'].map(timeoutMs)).toEqual([600_000, 600_000, 1500]);
    const reversed = await optionsOf(['--app=null:', '--timeout', 'Test=1', '--timeout', 'Te*=2']);
    expect(reversed.timeoutMs('Test')).toBe(2000);
  });

  test('are keepalive, identity, name, lock and frame size as given', async () => {
    const args = [
      '--app=null:',
      '--keepalive',
      '90,1.5,500ms',
      '--identity',
      ' a , b',
      '--name',
      'till-1.x_y',
    ];
    const options = await optionsOf([
      ...args,
      '--lock',
      'none',
      '--max-frame',
      '16384',
      '--outcome-wait',
      '23d',
    ]);
    expect(options).toMatchObject({
      identity: ['a', 'b'],
      name: 'till-1.x_y',
      lock: 'none',
      outcomeWaitMs: 23 * 86_400_000,
      protocol: { maxFrameBytes: 16_384, keepalive: { idleMs: 90_000, busyMs: 1500, limitMs: 500 } },
    });
    const off = await optionsOf(['--app=null:', '--keepalive', 'off', '--max-frame', '1000000']);
    expect(off.protocol).toEqual({ maxFrameBytes: 1_000_000, keepalive: 'off', sync: false });
  });
});

describe('a duration', () => {
  test.each([
    ['90', 90_000],
    ['1.5', 1500],
    ['500ms', 500],
    ['0.001', 1],
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['1.5h', 5_400_000],
    ['1d', 86_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDurationMs(text, 86_400_000)).toBe(ms);
  });

  test.each([
    '',
    ' ',
    '0',
    '0s',
    '-1',
    '+1',
    '1 s',
    '1S',
    '1w',
    '.5',
    '1.',
    '1,5',
    '1e3',
    '86400.001',
    '1d1h',
    '١',
  ])('%j is none within a day', (text) => {
    expect(parseDurationMs(text, 86_400_000)).toBeUndefined();
  });
});

describe('an option that has no effect with the dialect', () => {
  const complaint = (settings: Settings) => complaintOf(() => resolveBridgeOptions(settings));

  test('is refused on the command line', async () => {
    expect(await complaint(settingsOf(['--app=null:', '--sites=x']))).toBe(
      'USAGE: --sites: --dialect jsonpos has no such thing',
    );
    for (const option of ['--keepalive=off', '--max-frame=20000', '--sync', '--no-sync']) {
      expect(await complaint(settingsOf(['--app=null:', '--dialect=openfsc', option]))).toContain(
        '--dialect openfsc has no such thing',
      );
    }
  });

  test('is warned about in the environment and in the file', async () => {
    for (const settings of [
      settingsOf(['--app=null:'], { POSBRIDGE_SITES: 'x' }),
      settingsOf(['--app=null:', '--config', config({ sites: 'x' })]),
    ]) {
      await resolveBridgeOptions(settings);
      expect(settings.warnings).toEqual([
        expect.stringMatching(/(SITES|"sites") has no effect: --dialect jsonpos has no such thing$/),
      ]);
    }
  });
});

test('a variable that looks like an option of ours and is none is warned about', () => {
  const env = {
    POSBRIDGE_TIMEOUTS: '5',
    POSBRIDGE_APP: 'null:',
    POSBRIDGE_API_KEY: 'k',
    POSBRIDGE_STORE: 'x',
  };
  expect(settingsOf([], env).warnings).toEqual([
    'there is no option for the variable POSBRIDGE_TIMEOUTS (did you mean POSBRIDGE_TIMEOUT?)',
  ]);
});

test('{identity} is refused at start where the dialect speaks for nobody in particular', async () => {
  expect(await complaintOf(() => optionsOf(['serve', '--app', 'unix:/tmp/{identity}.sock']))).toMatch(
    /^USAGE: --app: unix:\/tmp\/\{identity\}\.sock: with --dialect jsonpos there is no \{identity\}/,
  );
  expect(
    await complaintOf(() => optionsOf(['--app=null:', '--payment', 'unix:/tmp/{identity}.sock'])),
  ).toMatch(/^USAGE: --payment: /);
});
