import { actionsOf, COMMANDS, type CommandName, type CommandSpec } from '../../src/cli/commands.ts';
import { environmentName, SECRETS } from '../../src/cli/options.ts';
import { NAMES, rowsOf, typed } from './rows.ts';

/** `posbridge-serve` for a command, as in the name of its page. */
export function pageName(command: CommandName): string {
  return typed(command).replace(' ', '-');
}

/** The manual page of a command, for the macros of man(7). */
export function manPage(command: CommandName, version: string): string {
  const { usage, help, endpoints, statuses, examples }: CommandSpec = COMMANDS[command];
  const actions = actionsOf(command);
  const rows = rowsOf(command);
  const others = NAMES.filter((name) => name !== command);
  const secrets = rows.flatMap(({ name }) => (SECRETS as Readonly<Record<string, string>>)[name] ?? []);
  const [variable = 'json'] = rows.map(({ name }) => name).filter((name) => name !== 'config');
  return [
    `.TH ${pageName(command).toUpperCase()} 1 "" "posbridge ${version}" "posbridge"`,
    section('Name'),
    `${plain(pageName(command))} \\- ${plain(help)}`,
    section('Synopsis'),
    `.B ${plain(usage)}`,
    section('Description'),
    text(`${sentence(help)} The pages of the documentation say more: commands.md about every command.`),
    ...(command === 'bridge'
      ? [section('Commands'), ...others.flatMap((name) => item(bold(typed(name)), COMMANDS[name].help))]
      : []),
    ...(actions.length > 0
      ? [section('Actions'), ...actions.flatMap(({ form, help }) => item(bold(form), help))]
      : []),
    section('Options'),
    ...rows.flatMap(({ forms, value, fallback, repeats, help }) => {
      const shown = forms.map((form) => bold(form) + (value === undefined ? '' : ` ${italic(value)}`));
      const notes = [
        ...(fallback === undefined ? [] : [`Default: ${fallback}.`]),
        ...(repeats ? ['May be given several times.'] : []),
      ];
      return item(shown.join(', '), [`${sentence(help)}`, ...notes].join(' '));
    }),
    ...(endpoints.length > 0 ? [section('Endpoints'), text(`${endpoints.join(', ')}.`)] : []),
    section('Environment'),
    text(
      `Every option but --config, --help and --version may also come from a variable (--${variable}: ` +
        `${environmentName(variable)}) or from the file that --config names. The command line wins.`,
    ),
    ...secrets.flatMap((name) => item(bold(name), 'A secret, where no file is named for it.')),
    section('Exit status'),
    ...Object.entries(statuses).flatMap(([status, words]) => item(bold(status), sentence(words))),
    section('Examples'),
    ...examples.flatMap((example) => ['.PP', '.nf', `.RS 4`, line(plain(example)), '.RE', '.fi']),
    section('See also'),
    text(others.map((name) => `${pageName(name)}(1)`).join(', ')),
    '',
  ].join('\n');
}

function section(name: string): string {
  return `.SH ${name.toUpperCase()}`;
}

function item(head: string, words: string): string[] {
  return ['.TP', line(head), text(words)];
}

function bold(words: string): string {
  return `\\fB${plain(words)}\\fR`;
}

function italic(words: string): string {
  return `\\fI${plain(words)}\\fR`;
}

/** Something that begins with a name (`wss:`, `ocpp1.6:`) keeps it as it is. */
function sentence(words: string): string {
  const isWord = /^[a-z]+[ ,;]/.test(words);
  return `${isWord ? words.charAt(0).toUpperCase() + words.slice(1) : words}.`;
}

function text(words: string): string {
  return line(plain(words));
}

/** A dot or an apostrophe at the beginning of a line would be a request. */
function line(words: string): string {
  return /^[.']/.test(words) ? `\\&${words}` : words;
}

/** What roff reads as something else. Dashes are those that can be typed. */
function plain(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/[^\x20-\x7e]/gu, (character) => `\\[u${hex(character)}]`);
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
