import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { actionsOf, COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { helpText } from '../../src/cli/help.ts';
import { runJournal } from '../../src/cli/journal.ts';
import {
  environmentName,
  fallbackOf,
  helpOf,
  OPTIONS,
  type OptionSpec,
  optionsOf,
  SECRETS,
} from '../../src/cli/options.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { runPos } from '../../src/cli/pos.ts';
import { gatherSettings } from '../../src/cli/settings.ts';
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
  test('names every option of a command once, in words that the help and the documentation can print', () => {
    for (const command of commands) {
      const names = optionsOf(command).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
    }
    for (const { name, help, helps = {}, commands } of options) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      for (const words of [help, ...Object.values(helps)]) expect(words).toMatch(/^[^\n|`]+[^.\s]$/);
      expect(commands).toEqual(expect.arrayContaining(Object.keys(helps)));
      expect(commands.length).toBeGreaterThan(0);
    }
  });
});

describe('docs/commands.md', () => {
  test('has a section for each command, under its usage', () => {
    const headings = page.split('\n').filter((line) => line.startsWith('## posbridge'));
    expect(headings).toEqual(commands.map((command) => `## ${COMMANDS[command].usage}`));
  });

  test('lists exactly the exit statuses that there are', () => {
    const statuses = tableUnder('## Exit status').map((row) => Number(row.split('|')[1]));
    expect(statuses).toEqual(Object.values(EXIT));
  });

  test('names only environment variables that an option has', () => {
    const variables = new Set([
      ...options.map(({ name }) => environmentName(name)),
      ...Object.values(SECRETS),
    ]);
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
    const expected = optionsOf(command).map((option) => {
      const { name, value, repeats } = option;
      const help = helpOf(option, command);
      const fallback = fallbackOf(option, command);
      const notes = [fallback && `default ${fallback}`, repeats && 'repeatable'].filter(Boolean).join(', ');
      return `--${name} ${value ? `${value}: ` : ''}${help}${notes ? ` [${notes}]` : ''}`;
    });
    expect(rows.map(spaces)).toEqual(expected);
  });

  test('begins with the usage, says its exit statuses, and fits a terminal', async () => {
    const help = await helpText(command);
    expect(help.split('\n')[0]).toBe(COMMANDS[command].usage);
    const [, ends = ''] = /Exit status: (.*?)\.\n/s.exec(help) ?? [];
    const said = [...spaces(ends).matchAll(/\b(\d+) [a-z]/g)].map((match) => Number(match[1]));
    expect(said).toEqual(expect.arrayContaining([EXIT.ok, EXIT.usage, EXIT.temporary]));
    expect(Object.values(EXIT)).toEqual(expect.arrayContaining(said));
    expect(help.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  test('names endpoints that the documentation has, if it takes any', async () => {
    const [, list = ''] = /\nEndpoints: (.*?)\nEvery option/s.exec(await helpText(command)) ?? [];
    const documented = tableUnder('## Endpoints').join('\n');
    const forms = spaces(list).split(', ').filter(Boolean);
    expect(forms).toEqual(COMMANDS[command].endpoints);
    for (const form of forms) expect(documented).toContain(`\`${form}\``);
  });

  test('ends with examples that the command line understands', async () => {
    const help = await helpText(command);
    const { examples } = COMMANDS[command];
    expect(help.trimEnd().endsWith(examples.map((example) => `  ${example}`).join('\n'))).toBe(true);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const [, words = ''] = /\bposbridge ?(.*)$/.exec(example) ?? [];
      expect(parseCommandLine(words.split(' ').filter(Boolean)).command).toBe(command);
    }
  });

  test('has a line for each action, and so has the documentation', async () => {
    const help = await helpText(command);
    const [, section = ''] = page.split(`\n## ${COMMANDS[command].usage}\n`);
    for (const { form, help: words } of actionsOf(command)) {
      expect(help.split('\n').map(spaces)).toContain(`${form} ${words}`);
      expect(section.split('\n## ')[0]).toMatch(new RegExp(`^\\|.*\`${form.split(' ')[0]}\\b`, 'm'));
    }
  });
});

test.each([
  ['pos', runPos],
  ['journal', runJournal],
] as const)('the actions of %s are those in the table', async (command, run) => {
  const refused = await run(gatherSettings(command, new Map(), {}), []).catch(String);
  const [, names = ''] = /say what to do: ([^;]*)/.exec(String(refused)) ?? [];
  expect(names.split(', ')).toEqual(actionsOf(command).map(({ form }) => form.split(' ')[0]));
});

test('the help of posbridge names every other command', async () => {
  const help = await helpText('bridge');
  for (const command of commands.filter((name) => name !== 'bridge')) {
    expect(help).toMatch(new RegExp(`^ {2}posbridge ${command} +${COMMANDS[command].help}$`, 'm'));
  }
});
