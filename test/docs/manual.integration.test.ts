import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completion } from '../../scripts/manual/completion.ts';
import { manPage, pageName } from '../../scripts/manual/man-page.ts';
import { optionsPage } from '../../scripts/manual/options-page.ts';
import { NAMES, rowsOf } from '../../scripts/manual/rows.ts';
import { actionsOf, COMMANDS } from '../../src/cli/commands.ts';
import { ROOT } from '../cli/kit.ts';

/** What is made from the tables of commands and options: a page of the documentation, manual pages, completion. */

const PAGE = path.join(ROOT, 'docs/options.md');

test('docs/options.md is what the tables say; with WRITE_DOCS=1 it is written', () => {
  if (process.env['WRITE_DOCS'] === '1') writeFileSync(PAGE, optionsPage());
  expect(readFileSync(PAGE, 'utf8')).toBe(optionsPage());
});

test('package.json names the manual page of every command', () => {
  const { man } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  expect(man).toEqual(NAMES.map((command) => `dist/man/${pageName(command)}.1`));
});

describe.each(NAMES)('the manual page of %s', (command) => {
  const page = manPage(command, '1.2.3');
  const shown = page
    .replaceAll('\\-', '-')
    .replace(/\\f[BIR]/g, '')
    .replaceAll('\\[u2026]', '…');

  test('names every option, action, endpoint and example', () => {
    for (const { forms, value } of rowsOf(command)) {
      const heads = forms.map((form) => (value === undefined ? form : `${form} ${value}`)).join(', ');
      expect(shown).toContain(`\n.TP\n${heads}\n`);
    }
    for (const { form } of actionsOf(command)) expect(shown).toContain(`\n.TP\n${form}\n`);
    for (const example of COMMANDS[command].examples) expect(shown).toContain(example);
    for (const status of Object.keys(COMMANDS[command].statuses))
      expect(shown).toContain(`\n.TP\n${status}\n`);
  });

  test('has requests of man(7) alone, and ASCII', () => {
    const requests = new Set(page.match(/^\.\S*/gm));
    expect([...requests].filter((name) => !/^\.(?:TH|SH|TP|PP|B|nf|fi|RS|RE)$/.test(name))).toEqual([]);
    expect(page).toMatch(/^[\n\x20-\x7e]*$/);
  });
});

describe('completion for bash', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'posbridge-completion-'));
    mkdirSync(path.join(folder, 'run/pay'), { recursive: true });
    writeFileSync(path.join(folder, 'run/pay.sock'), '');
    writeFileSync(path.join(folder, 'posbridge.bash'), completion());
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Candidates for several lines, of which the cursor is at the end, all from one shell. */
  function candidates(lines: readonly string[]): string[][] {
    const script = [
      'set -u',
      '. ./posbridge.bash',
      ...lines.map((line) => {
        const quoted = `'${line.replaceAll("'", "'\\''")}'`;
        return `COMPREPLY=(); COMP_LINE=${quoted}; COMP_POINT=${line.length}; _posbridge; echo "\${COMPREPLY[*]}"`;
      }),
    ].join('\n');
    const output = execFileSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' });
    return output
      .split('\n')
      .slice(0, lines.length)
      .map((line) => line.split(' ').filter((word) => word !== ''));
  }

  test('knows commands, actions, options and values', () => {
    const [commands, actions, options, negated, levels, dialects, joined, elsewhere] = candidates([
      'posbridge ser',
      'posbridge journal s',
      'posbridge serve --li',
      'posbridge pos purchase 12 EUR --no',
      'posbridge demo --log-level ',
      'posbridge serve --dialect e',
      'posbridge serve --log-format=h',
      'posbridge journal list ',
    ]);
    expect(commands).toEqual(['serve']);
    expect(actions).toEqual(['show', 'settle']);
    expect(options).toEqual(['--listen', '--link-speed']);
    expect(negated).toEqual(['--no-sync', '--not-found-after']);
    expect(levels).toEqual(['error', 'warn', 'info', 'debug', 'trace']);
    expect(dialects).toEqual(['ecr-eft']);
    expect(joined).toEqual(['human']);
    expect(elsewhere).toEqual([]);
  });

  test('knows the forms of endpoints, and completes paths behind their colon', () => {
    const run = path.join(folder, 'run');
    const [kinds, paths, files, folders] = candidates([
      'posbridge serve --app u',
      `posbridge serve --app unix:${run}/p`,
      `posbridge serve --tls-cert ${run}/pay.`,
      `posbridge serve --journal ${run}/p`,
    ]);
    expect(kinds).toEqual(['unix:', 'unix:@']);
    expect(paths?.toSorted()).toEqual([`${run}/pay`, `${run}/pay.sock`]);
    expect(files).toEqual([`${run}/pay.sock`]);
    expect(folders).toEqual([`${run}/pay`]);
  });
});
