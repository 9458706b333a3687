import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { helpText } from '../../src/cli/help.ts';
import {
  COMMANDS,
  type CommandName,
  environmentName,
  OPTIONS,
  type OptionSpec,
  optionsOf,
} from '../../src/cli/options.ts';
import { ROOT } from './kit.ts';

const page = readFileSync(path.join(ROOT, 'docs/commands.md'), 'utf8');
const commands = Object.keys(COMMANDS) as CommandName[];
const options: readonly OptionSpec[] = OPTIONS;

/** The rows of the first table under a heading, without its head. */
function tableUnder(heading: string): string[] {
  const [, section = ''] = page.split(`\n${heading}\n`);
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1);
}

describe('the option table', () => {
  test('names every option once, in words that the help and the documentation can print', () => {
    expect(new Set(options.map(({ name }) => name)).size).toBe(options.length);
    for (const { name, help, commands } of options) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(help).toMatch(/^[^\n|`]+[^.\s]$/);
      expect(commands.length).toBeGreaterThan(0);
    }
  });
});

describe('docs/commands.md', () => {
  test('lists exactly the options that there are', () => {
    const expected = options.map(({ name, value, commands, fallback, help, repeats }) => {
      const option = value === undefined ? `--${name}` : `--${name} ${value.replaceAll('|', '\\|')}`;
      const of = commands.map((command) => (command === 'bridge' ? 'posbridge' : command)).join(', ');
      return `| \`${option}\` | ${of} | ${fallback ?? ''} | ${help}${repeats ? '; repeatable' : ''} |`;
    });
    expect(tableUnder('## Options')).toEqual(expected);
  });

  test('has a section for each command, under its usage', () => {
    const headings = page.split('\n').filter((line) => line.startsWith('## posbridge'));
    expect(headings).toEqual(commands.map((command) => `## ${COMMANDS[command].usage}`));
  });

  test('lists exactly the exit statuses that there are', () => {
    const statuses = tableUnder('## Exit status').map((row) => Number(row.split('|')[1]));
    expect(statuses).toEqual(Object.values(EXIT));
  });

  test('names only environment variables that an option has', () => {
    const variables = new Set(options.map(({ name }) => environmentName(name)));
    const named = page.match(/POSBRIDGE_[A-Z_]+/g) ?? [];
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !variables.has(name))).toEqual([]);
  });
});

describe.each(commands)('the help of %s', (command) => {
  const spaces = (text: string) => text.replace(/\s+/g, ' ').trim();

  test('shows every option with its value, words, default, and no other', async () => {
    const help = await helpText(command);
    const [, section = ''] = help.split('Options:\n');
    const rows = (section.split('\n\n')[0] ?? '').split(/^ {2}(?=--)/m).slice(1);
    const expected = optionsOf(command).map(({ name, value, help, fallback, repeats }) => {
      const notes = [fallback && `default ${fallback}`, repeats && 'repeatable'].filter(Boolean).join(', ');
      return `--${name} ${value ? `${value}: ` : ''}${help}${notes ? ` [${notes}]` : ''}`;
    });
    expect(rows.map(spaces)).toEqual(expected);
  });

  test('begins with the usage, says every exit status, and fits a terminal', async () => {
    const help = await helpText(command);
    expect(help.split('\n')[0]).toBe(COMMANDS[command].usage);
    for (const status of Object.values(EXIT)) expect(help).toMatch(new RegExp(`\\b${status} [a-z]`));
    expect(help.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  test('names the endpoints that the documentation has', async () => {
    const [, list = ''] = /Endpoints: (.*?:)\n[A-Z]/s.exec(await helpText(command)) ?? [];
    const documented = tableUnder('## Endpoints').join('\n');
    const forms = spaces(list).split(', ');
    expect(forms.length).toBeGreaterThan(5);
    for (const form of forms) expect(documented).toContain(`\`${form}\``);
  });
});

test('the help of posbridge names every other command', async () => {
  const help = await helpText('bridge');
  for (const command of commands.filter((name) => name !== 'bridge')) {
    expect(help).toMatch(new RegExp(`^ {2}posbridge ${command} +${COMMANDS[command].help}$`, 'm'));
  }
});
