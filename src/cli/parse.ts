import yargs from 'yargs';
import { BridgeError } from '../base/errors.ts';
import { COMMANDS, type CommandName, environmentName, optionsOf } from './options.ts';

/** The command line as given: values by option name, flags as an empty list. */
export interface CommandLine {
  readonly command: CommandName;
  readonly given: ReadonlyMap<string, readonly string[]>;
}

/** Reads the arguments. Throws a BridgeError `USAGE` that says what was not understood. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [first] = args;
  const isCommand = first !== undefined && !first.startsWith('-');
  if (isCommand && (first === 'bridge' || !Object.hasOwn(COMMANDS, first))) {
    throw usage(`there is no command "${first}"; commands are ${commandNames().join(', ')}`);
  }
  const command = isCommand ? (first as CommandName) : 'bridge';
  const parsed = parse(command, isCommand ? args.slice(1) : args);
  const given = new Map<string, readonly string[]>();
  for (const option of optionsOf(command)) {
    const value = parsed[option.name];
    if (value === undefined) continue;
    if (option.value === undefined) given.set(option.name, []);
    else given.set(option.name, (Array.isArray(value) ? value : [value]).map(String));
  }
  return { command, given };
}

/** The help of a command, complete. */
export function helpText(command: CommandName): Promise<string> {
  const { usage: line, help } = COMMANDS[command];
  const about = `${line}\n\n${help.charAt(0).toUpperCase()}${help.slice(1)}.`;
  const others = Object.entries(COMMANDS)
    .filter(([name]) => name !== 'bridge')
    .map(([name, other]) => `  posbridge ${name.padEnd(8)} ${other.help}`);
  const epilogue = [
    command === 'bridge' ? `Commands (each has its own --help):\n${others.join('\n')}\n` : '',
    'Endpoints: fd:N, fd:R,W, fifo:PATH, unix:PATH, unix:@NAME, tcp:HOST:PORT, ws://HOST:PORT/PATH, simulator:, null:',
    `Every option may also come from the environment (${environmentName('log-level')}) or from --config; the command line wins.`,
    'Exit status: 0 closed normally, 76 the peer broke its protocol, 100 wrong usage, 111 temporary failure.',
  ].filter((part) => part !== '');
  return parserFor(command, []).usage(about).epilogue(epilogue.join('\n')).getHelp();
}

function commandNames(): string[] {
  return Object.keys(COMMANDS).filter((name) => name !== 'bridge');
}

function parse(command: CommandName, args: readonly string[]): Record<string, unknown> {
  let complaint: string | undefined;
  const parsed = parserFor(command, args)
    .fail((message, fault) => {
      complaint ??= message ?? fault?.message;
    })
    .parseSync();
  if (complaint !== undefined) {
    const { usage: line } = COMMANDS[command];
    const help = line.replace(/ (--listen|\[).*/, ' --help');
    throw usage(
      `${complaint.charAt(0).toLowerCase()}${complaint.slice(1).replaceAll('\n', ' ')}; see ${help}`,
    );
  }
  return parsed;
}

function parserFor(command: CommandName, args: readonly string[]) {
  const parser = yargs([...args])
    .scriptName('posbridge')
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    })
    .exitProcess(false)
    .help(false)
    .version(false)
    .strict()
    .wrap(110);
  for (const { name, value, help, fallback, repeats } of optionsOf(command)) {
    const notes = [fallback === undefined ? '' : `default ${fallback}`, repeats ? 'repeatable' : ''];
    const note = notes.filter((text) => text !== '').join(', ');
    const wanted = value === undefined ? '' : `${value}: `;
    parser.option(name, {
      describe: `${wanted}${help}${note === '' ? '' : ` [${note}]`}`,
      ...(value === undefined ? { boolean: true } : { nargs: 1, requiresArg: true }),
    });
  }
  return parser;
}

function usage(text: string): BridgeError {
  return new BridgeError('USAGE', text);
}
