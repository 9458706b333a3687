import { describe, expect, test } from 'vitest';
import { COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import { OPTIONS, type OptionSpec, optionsOf } from '../../src/cli/options.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { complaintOf } from './kit.ts';

const commands = Object.keys(COMMANDS) as CommandName[];
const asTyped = (command: CommandName) => (command === 'bridge' ? [] : [command]);
const helpOf = (command: CommandName) => `${['posbridge', ...asTyped(command)].join(' ')} --help`;
const THE_COMMANDS = `commands are ${commands.filter((name) => name !== 'bridge').join(', ')}`;
const refusal = (...args: string[]) => complaintOf(() => parseCommandLine(args));

test('without a command it is the bridge', () => {
  expect(parseCommandLine([])).toEqual({ command: 'bridge', given: new Map() });
  expect(parseCommandLine(['--app', 'null:'])).toEqual({
    command: 'bridge',
    given: new Map([['app', ['null:']]]),
  });
});

describe.each(commands)('%s', (command) => {
  test.each(optionsOf(command).filter(({ value }) => value !== undefined))(
    'takes --$name apart from its value and joined to it',
    ({ name }) => {
      const expected = { command, given: new Map([[name, ['x=1,y z']]]) };
      expect(parseCommandLine([...asTyped(command), `--${name}`, 'x=1,y z'])).toEqual(expected);
      expect(parseCommandLine([...asTyped(command), `--${name}=x=1,y z`])).toEqual(expected);
    },
  );

  test.each(optionsOf(command).filter(({ value }) => value === undefined))('takes --$name', ({ name }) => {
    const { given } = parseCommandLine([...asTyped(command), `--${name}`]);
    expect(given).toEqual(new Map([[name, []]]));
  });

  test('refuses the options of other commands', async () => {
    const own = new Set(optionsOf(command).map(({ name }) => name));
    const others = (OPTIONS as readonly OptionSpec[]).filter(({ name }) => !own.has(name));
    expect(others.length).toBeGreaterThan(0);
    for (const { name } of others) {
      expect(await refusal(...asTyped(command), `--${name}`, 'x')).toBe(
        `USAGE: there is no option "--${name}" for this command; see ${helpOf(command)}`,
      );
    }
  });
});

test('keeps every value of an option, in order, whatever it looks like', () => {
  const { given } = parseCommandLine(['--route', 'a=ui', '--name', '007', '--route=b=device', '--route', '']);
  expect([...given]).toEqual([
    ['route', ['a=ui', 'b=device', '']],
    ['name', ['007']],
  ]);
});

test('a value that begins with a dash is joined to its option', async () => {
  expect(parseCommandLine(['--name=-x']).given.get('name')).toEqual(['-x']);
  expect(await refusal('--app', '--payment', 'null:')).toBe(
    'USAGE: --app wants a value, ENDPOINT; one that begins with a dash is written --app=--payment; see posbridge --help',
  );
});

test.each([
  [['help', 'bogus'], `there is no command "bogus"; ${THE_COMMANDS}`],
  [['help', 'serve', 'more'], '"more" is not understood after help'],
  [['serv'], `there is no command "serv" (did you mean serve?); ${THE_COMMANDS}`],
  [['chargepoint'], `there is no command "chargepoint" (did you mean charge-point?); ${THE_COMMANDS}`],
  [['bridge'], `there is no command "bridge"; ${THE_COMMANDS}`],
  [[''], `there is no command ""; ${THE_COMMANDS}`],
  [['toString'], `there is no command "toString"; ${THE_COMMANDS}`],
  [['\u001b[31mred\n'], `there is no command "\\u001b[31mred\\n"; ${THE_COMMANDS}`],
  [['-x'], 'there is no option "-x" for this command'],
  [['-app', 'null:'], 'there is no option "-app" for this command (did you mean --app?)'],
  [['--App', 'null:'], 'there is no option "--App" for this command (did you mean --app?)'],
  [['--no-app'], 'there is no option "--no-app" for this command'],
  [['--app.x=secret'], 'there is no option "--app.x" for this command'],
  [['--logLevel', 'info'], 'there is no option "--logLevel" for this command (did you mean --log-level?)'],
  [['--pay', 'null:'], 'there is no option "--pay" for this command (did you mean --payment?)'],
  [['--constructor'], 'there is no option "--constructor" for this command'],
  [['--__proto__', 'x'], 'there is no option "--__proto__" for this command'],
  [['--_', 'x'], 'there is no option "--_" for this command'],
  [['--$0', 'x'], 'there is no option "--$0" for this command'],
  [['--app'], '--app wants a value, ENDPOINT'],
  [
    ['--lock', '--help'],
    '--lock wants a value, PATH|none; one that begins with a dash is written --lock=--help',
  ],
  [['--help=yes'], '--help takes no value'],
  [['--version='], '--version takes no value'],
  [['--app', 'null:', 'more'], '"more" is not understood; options are written --NAME VALUE'],
  [['--app', 'null:', '--', 'more'], '"--" is not understood; options are written --NAME VALUE'],
  [['-'], '"-" is not understood; options are written --NAME VALUE'],
  [['--log-level', 'debug', 'serve'], 'the command comes first: posbridge serve …'],
])('refuses %j', async (args, expected) => {
  expect(await refusal(...args)).toBe(`USAGE: ${expected}; see posbridge --help`);
});

test('help is asked for in every usual form', () => {
  const help = new Map([['help', []]]);
  for (const args of [['--help'], ['-h'], ['help']]) {
    expect(parseCommandLine(args)).toEqual({ command: 'bridge', given: help });
  }
  for (const args of [
    ['serve', '-h'],
    ['serve', 'help'],
    ['help', 'serve'],
  ]) {
    expect(parseCommandLine(args)).toEqual({ command: 'serve', given: help });
  }
  expect(parseCommandLine(['pos', 'help']).operands).toBeUndefined();
});

test('a negative amount is no option, where there are amounts', async () => {
  const why = 'amounts are positive, without a sign';
  expect(await refusal('pos', 'purchase', '-5', 'EUR')).toContain(`"-5" is not understood; ${why}`);
  expect(await refusal('journal', 'list', '-5')).toContain('there is no option "-5" for this command');
});

test('a text that is not understood is cut before it fills the screen', async () => {
  const text = await refusal('x'.repeat(100_000));
  expect(text.length).toBeLessThan(400);
});

test('asking for help does not hide what was wrong', async () => {
  expect(await refusal('--help', '--bogus')).toContain('"--bogus"');
  expect(parseCommandLine(['--help', '--help']).given).toEqual(new Map([['help', []]]));
});
