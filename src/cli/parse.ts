import { parseArgs } from 'node:util';
import { BridgeError } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import { actionsOf, COMMANDS, type CommandName, maxOperandsOf } from './commands.ts';
import { didYouMean } from './nearest.ts';
import { OPTIONS, optionsOf } from './options.ts';

/** The value of a flag that was turned off. */
export const NO = 'no';

/** The command line as given: values by option name, flags as an empty list or `no`. */
export interface CommandLine {
  readonly command: CommandName;
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** Arguments that are no options, where there are any. */
  readonly operands?: readonly string[];
}

/** Reads the arguments. Throws a BridgeError `USAGE` that says what was not understood. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [first, ...rest] = args;
  if (first === 'help') return parseHelp(rest);
  if (first === undefined || first.startsWith('-')) {
    return parseArguments('bridge', args);
  }
  if (isNamed(first)) return parseArguments(first, rest[0] === 'help' ? ['--help', ...rest.slice(1)] : rest);
  throw noCommand(first);
}

/** What follows `posbridge help`: nothing, or the command that it is about. */
function parseHelp([command, surplus]: readonly string[]): CommandLine {
  if (surplus !== undefined) throw complaint('bridge', `${shown(surplus)} is not understood after help`);
  if (command !== undefined && !isNamed(command)) throw noCommand(command);
  return { command: command ?? 'bridge', given: new Map([['help', []]]) };
}

function noCommand(text: string): BridgeError {
  const meant = didYouMean(text, NAMED);
  return complaint('bridge', `there is no command ${shown(text)}${meant}; commands are ${NAMED.join(', ')}`);
}

function parseArguments(command: CommandName, args: readonly string[]): CommandLine {
  const options = new Map(optionsOf(command).map((option) => [option.name, option]));
  // `parseArgs` looks at each in turn: it gets those that may be meant.
  const types = [...options]
    .filter(([name]) => name === 'help' || args.some((arg) => arg.startsWith(`--${name}`)))
    .map(
      ([name, { value }]) =>
        [
          name,
          { type: value === undefined ? 'boolean' : 'string', ...(name === 'help' && { short: 'h' }) },
        ] as const,
    );
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(types),
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  const operands: string[] = [];
  for (const token of tokens) {
    const written = args[token.index] ?? '';
    if (token.kind === 'positional' && operands.length < maxOperandsOf(command)) {
      operands.push(token.value);
      continue;
    }
    if (token.kind !== 'option') throw complaint(command, whyNoOption(written));
    const { name, value, inlineValue } = token;
    const option = token.rawName === '-h' || token.rawName.startsWith('--') ? options.get(name) : undefined;
    const negated = token.rawName.startsWith('--no-') ? options.get(name.slice('no-'.length)) : undefined;
    if (negated?.negatable && value === undefined) {
      given.set(negated.name, [NO]);
      continue;
    }
    if (option === undefined && /^-[\d.]/.test(written) && takesAmount(command)) {
      throw complaint(command, `${shown(written)} is not understood; amounts are positive, without a sign`);
    }
    if (option === undefined) {
      throw noOption(command, written.replace(/=.*/s, ''), [...options.keys()]);
    }
    if (option.value === undefined) {
      if (value !== undefined) throw complaint(command, `--${name} takes no value`);
      given.set(name, []);
      continue;
    }
    if (value === undefined) throw complaint(command, `--${name} wants a value, ${option.value}`);
    if (!inlineValue && value.startsWith('-')) {
      throw complaint(
        command,
        `--${name} wants a value, ${option.value}; one that begins with a dash is written --${name}=${value}`,
      );
    }
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  return { command, given, ...(operands.length > 0 && { operands }) };
}

/** The commands that are named; without a name it is `bridge`. */
const NAMED = Object.keys(COMMANDS).filter((name) => name !== 'bridge');

function isNamed(text: string): text is CommandName {
  return NAMED.includes(text);
}

function noOption(command: CommandName, text: string, names: readonly string[]): BridgeError {
  const name = text.replace(/^-+/, '');
  const isElsewhere = !names.includes(name) && OPTIONS.some((option) => option.name === name);
  const meant = isElsewhere ? '' : didYouMean(name, names, '--');
  return complaint(command, `there is no option ${shown(text)} for this command${meant}`);
}

function takesAmount(command: CommandName): boolean {
  return actionsOf(command).some(({ form }) => form.includes('AMOUNT'));
}

function whyNoOption(text: string): string {
  if (isNamed(text)) return `the command comes first: posbridge ${text} …`;
  return `${shown(text)} is not understood; options are written --NAME VALUE`;
}

function complaint(command: CommandName, text: string): BridgeError {
  const help = command === 'bridge' ? 'posbridge --help' : `posbridge ${command} --help`;
  return new BridgeError('USAGE', `${text}; see ${help}`);
}

const MAX_SHOWN = 200;

function shown(text: string): string {
  return quoteText(text, MAX_SHOWN);
}
