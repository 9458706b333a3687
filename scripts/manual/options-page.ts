import { COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import { NAMES, type Row, rowsOf } from './rows.ts';

const INTRODUCTION = `# Options

A table for each command, made from the one that the command line itself reads. [commands.md](commands.md) says what the
commands do, and how options come from the environment and from a file. An option of a dialect names it before a colon.
`;

/** Those that every command has stand once, at the end. */
const SHARED: ReadonlySet<string> = new Set(['config', 'help', 'version']);

/** docs/options.md. */
export function optionsPage(): string {
  const shared = rowsOf('bridge').filter(({ name }) => SHARED.has(name));
  return [INTRODUCTION, ...NAMES.map(section), `## Every command\n\n${table(shared)}`].join('\n');
}

function section(command: CommandName): string {
  const own = rowsOf(command).filter(({ name }) => !SHARED.has(name));
  return `## ${COMMANDS[command].usage}\n\n${own.length > 0 ? `${table(own)}\n` : ''}`;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ forms, value, fallback, repeats, help }) => {
    const form = forms.map((each) => code(value === undefined ? each : `${each} ${value}`)).join(', ');
    const cells = [form, fallback === undefined ? '' : code(fallback), repeats ? 'yes' : '', help];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| option | default | repeatable | does |', '|---|---|---|---|', ...lines, ''].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}
