import { actionsOf, COMMANDS, type CommandName, type CommandSpec } from './commands.ts';
import { environmentName, fallbackOf, helpOf, optionsOf } from './options.ts';

const WIDTH = 110;

/** The help of a command, complete. */
export async function helpText(command: CommandName): Promise<string> {
  const { default: yargs } = await import('yargs');
  const parser = yargs([]).scriptName('posbridge').locale('en').help(false).version(false).wrap(WIDTH);
  for (const option of optionsOf(command)) {
    const { name, value, repeats } = option;
    const fallback = fallbackOf(option, command);
    const notes = [fallback === undefined ? '' : `default ${fallback}`, repeats ? 'repeatable' : ''];
    const note = notes.filter((text) => text !== '').join(', ');
    const wanted = value === undefined ? '' : `${value}: `;
    parser.option(name, {
      describe: `${wanted}${helpOf(option, command)}${note === '' ? '' : ` [${note}]`}`,
    });
  }
  // Its own prologue would lose the indentation.
  return `${prologue(command)}\n\n${await parser.epilogue(epilogue(command)).getHelp()}`;
}

function prologue(command: CommandName): string {
  const { usage, help } = COMMANDS[command];
  const actions = actionsOf(command).map(({ form, help }) => [form, help] as const);
  return [
    usage,
    '',
    `${help.charAt(0).toUpperCase()}${help.slice(1)}.`,
    ...(actions.length > 0 ? ['', 'Actions:', ...columns(actions)] : []),
  ].join('\n');
}

function epilogue(command: CommandName): string {
  const { endpoints, statuses, examples }: CommandSpec = COMMANDS[command];
  const others = Object.entries(COMMANDS)
    .filter(([name]) => name !== 'bridge')
    .map(([name, other]) => [`posbridge ${name}`, other.help] as const);
  const inEnvironment = optionsOf(command).some(({ name }) => name === 'log-level') ? 'log-level' : 'json';
  const ends = Object.entries(statuses).map(([status, words]) => `${status} ${words}`);
  return [
    ...(command === 'bridge' ? ['Commands (each has its own --help):', ...columns(others), ''] : []),
    ...(endpoints.length > 0 ? [`Endpoints: ${endpoints.join(', ')}`] : []),
    `Every option may also come from the environment (${environmentName(inEnvironment)}) or from --config; the command line wins.`,
    `Exit status: ${ends.join('; ')}.`,
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
  ].join('\n');
}

/** Names in a column, what they are beside them. */
function columns(rows: readonly (readonly [name: string, text: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
}
