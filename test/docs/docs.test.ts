import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { BridgeError, type BridgeErrorCode } from '../../src/base/errors.ts';
import { exitCodeOfFault } from '../../src/cli/exit-codes.ts';
import { environmentName, OPTIONS, type OptionSpec, SECRETS } from '../../src/cli/options.ts';
import { jsonpos } from '../../src/dialect/jsonpos/dialect.ts';
import { routes, transactions } from '../../src/dialect/jsonpos/routes.ts';
import { outcomeOfStored } from '../../src/pos/outcome.ts';
import { errorText } from '../../src/rpc/error-object.ts';
import { CANCELLED_CODES, DECLINED_CODES, REFUSED_CODES } from '../../src/rpc/outcome.ts';
import { WIRE_FAULT_CODES } from '../../src/wire/wire-fault.ts';
import { ROOT } from '../cli/kit.ts';

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const PAGES = ['README.md', ...readdirSync(path.join(ROOT, 'docs')).map((name) => `docs/${name}`)];

/** The cells of the tables under a heading, heads left out. */
function tableUnder(file: string, heading: string): string[][] {
  const [, section = ''] = read(file).split(`\n${heading}\n`);
  const rows = (section.split(/\n#+ /)[0] ?? '').split('\n').filter((line) => /^\| (?!-)/.test(line));
  return rows.slice(1).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const inBackticks = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');

describe('docs/errors.md', () => {
  test('lists exactly the codes that local faults have, with their exit status', () => {
    const [, union = ''] = /type BridgeErrorCode =([^;]+);/.exec(read('src/base/errors.ts')) ?? [];
    const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map((match) => match[1] as BridgeErrorCode);
    expect(codes.length).toBeGreaterThan(3);
    const documented = tableUnder('docs/errors.md', '## On standard error');
    expect(documented.map(([code, status]) => [code, Number(status)])).toEqual(
      codes.map((code) => [code, exitCodeOfFault(new BridgeError(code, 'x'))]),
    );
  });

  const towardRegister = tableUnder('docs/errors.md', '## Toward a register');
  const towardApplication = tableUnder('docs/errors.md', '## Toward an application');
  const [, texts = ''] =
    /const MESSAGES = new Map\(\s*Object\.entries\(\{(.*?)\}\)/s.exec(read('src/rpc/error-object.ts')) ?? [];
  const known = [...texts.matchAll(/^\s*([A-Z_]+):/gm)].map((match) => match[1] ?? '');

  test('lists exactly the codes toward a register that have a message, and UNKNOWN', () => {
    expect(known.length).toBeGreaterThan(10);
    expect(towardRegister.map(([code]) => code).toSorted()).toEqual([...known, 'UNKNOWN'].toSorted());
  });

  test('gives each of them its number', () => {
    for (const [stringCode = '', code] of towardRegister) {
      const { code: actual } = JSON.parse(errorText(stringCode, '').toString());
      expect([stringCode, Number(code)]).toEqual([stringCode, actual]);
    }
  });

  test('lists toward an application only codes that exist', () => {
    expect(towardApplication.length).toBeGreaterThan(3);
    expect(towardApplication.map(([code]) => code).filter((code) => !known.includes(code ?? ''))).toEqual([]);
  });

  test('has the codes by which the register knows how a sale ended', () => {
    const documented = tableUnder('docs/errors.md', '## From a terminal').map(([code = '', outcome = '']) => [
      code,
      outcome.replace(/:.*$/, ''),
    ]);
    const codes = [...CANCELLED_CODES, ...DECLINED_CODES, ...REFUSED_CODES];
    const outcomeOf = (code: string) =>
      outcomeOfStored({ kind: 'error', text: errorText(code, '').toString() });
    expect(documented.toSorted()).toEqual(codes.map((code) => [code, outcomeOf(code)]).toSorted());
  });

  test('has the ways in which a wire ends', () => {
    const documented = tableUnder('docs/errors.md', '## How a wire ends').map(([code]) => code);
    expect(['ECONNRESET', ...documented].sort()).toEqual(Object.keys(WIRE_FAULT_CODES).sort());
  });

  test('is where every code stands that the other pages mention', () => {
    const all = new Set([
      ...known,
      ...tableUnder('docs/errors.md', '## On standard error').map(([code]) => code ?? ''),
      ...tableUnder('docs/terminal.md', '### Codes of its own').map(([code]) => code ?? ''),
      ...tableUnder('docs/errors.md', '## From a terminal').map(([code]) => code ?? ''),
      ...Object.keys(WIRE_FAULT_CODES),
    ]);
    const looksLikeCode =
      /\b(?:JSONRPC|CHANNEL|TRANSACTION|OUTCOME|RESPONSE|DUPLICATE|WIRE|CONNECTION)_[A-Z_]+\b/g;
    for (const page of PAGES) {
      const mentioned = [...new Set(read(page).match(looksLikeCode) ?? [])].filter(
        (code) => code !== 'JSONRPC_',
      );
      expect([page, mentioned.filter((code) => !all.has(code))]).toEqual([page, []]);
    }
  });
});

describe('docs/jsonpos.md', () => {
  test('has the route table', () => {
    const documented = tableUnder('docs/jsonpos.md', '## Where methods go').flatMap(
      ([channel, methods = '']) => inBackticks(methods).map((method) => [method, channel]),
    );
    expect(Object.fromEntries(documented)).toEqual(routes);
    expect(documented).toHaveLength(Object.keys(routes).length);
    const toPayment = Object.keys(routes).filter((method) => routes[method] === 'payment');
    const listed = toPayment.map((method) => `\`${method}\``).join(', ');
    expect(read('docs/jsonpos.md')).toContain(`| payment | ${listed}, everything that is not listed |`);
  });

  test('has the rules of transactions', () => {
    const [, section = ''] = read('docs/jsonpos.md').split('\n## Transactions\n');
    const [first = ''] = section.split('\n\n').filter((text) => text.trim() !== '');
    const [methods, fields] = [transactions.methods, transactions.identity].map((names) =>
      names
        .map((name) => `\`${name}\``)
        .join(', ')
        .replace(/, ([^,]*)$/, ' and $1'),
    );
    expect(first).toContain(`${methods} move money`);
    expect(first).toContain(`identified by ${fields}`);
    expect(first).toContain(`\`${transactions.recovery}\` asks`);
    expect(jsonpos.transactions).toBe(transactions);
  });
});

describe.each(PAGES)('%s', (page) => {
  const text = read(page);

  test('links only to pages and headings that exist', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    for (const link of links.filter((each) => !/^https?:/.test(each))) {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : path.join(path.dirname(page), file);
      expect([link, existsSync(path.join(ROOT, target))]).toEqual([link, true]);
      if (anchor === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map((match) => match[1] ?? '');
      expect(headings.map(anchorOf)).toContain(anchor);
    }
  });

  test('names only files of this project that exist', () => {
    const named =
      text.match(/(?<![\w./-])(?:\.\/)?(?:examples|docs|scripts|src|bin|test)\/[\w@.-]*(?:\/[\w@.-]+)*/g) ??
      [];
    for (const file of named) {
      const trimmed = file.replace(/\.$/, '');
      expect([file, existsSync(path.join(ROOT, trimmed))]).toEqual([file, true]);
    }
  });

  test.skipIf(page === 'docs/matrix.md')('is wrapped at 120 columns, where it is prose', () => {
    // (The matrix is made from a table.)
    const prose = text.replace(/^\s*```[\s\S]*?^\s*```$/gm, '').split('\n');
    const isOther = (line: string) => /^\s*[|<#]|^ {4}|^[^ ]*$|\]\([^)]*\)[^ ]*$/.test(line);
    expect(prose.filter((line) => [...line].length > 120 && !isOther(line))).toEqual([]);
  });

  test('names only options that exist', () => {
    const options: readonly OptionSpec[] = OPTIONS;
    const known = new Set(
      options.flatMap(({ name, negatable }) => [`--${name}`, ...(negatable ? [`--no-${name}`] : [])]),
    );
    // What stands behind `npm run NAME --` is that script's.
    const own = text.replace(/`npm run [^`]*`/g, '');
    const named = (own.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []).filter((option) => !known.has(option));
    expect(named).toEqual([]);
    const variables = new Set([
      ...OPTIONS.map(({ name }) => environmentName(name)),
      ...Object.values(SECRETS),
    ]);
    const inText = (text.match(/POSBRIDGE_[A-Z_]+/g) ?? []).filter((name) => !variables.has(name));
    expect(inText).toEqual([]);
  });

  test('has tables whose rows are as wide as their heads', () => {
    const cells = (row: string) => row.replaceAll('\\|', '').split('|').length;
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (!/^\|(?:-+\|)+$/.test(line)) continue;
      for (let at = index - 1; lines[at]?.startsWith('|'); at += 1) {
        expect([lines[at], cells(lines[at] ?? '')]).toEqual([lines[at], cells(line)]);
      }
    }
  });
});

test('every page of docs/ is linked from the README', () => {
  for (const page of PAGES.filter((name) => name.startsWith('docs/'))) {
    expect(read('README.md')).toContain(`](${page})`);
  }
});

/** As the usual renderers make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

test('comments are wrapped at 120 columns', () => {
  const files = ['src', 'bin', 'scripts', 'test'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(?:ts|tsx|mjs|cjs|js)$/.test(file) && !file.includes('node_modules'))
      .map((file) => `${folder}/${file}`),
  );
  const isComment = /^\s*(?:\/\/|\/?\*)/;
  const long = files.flatMap((file) =>
    read(file)
      .split('\n')
      .filter((line) => isComment.test(line) && [...line].length > 120 && !/https?:|biome-ignore/.test(line))
      .map((line) => `${file}: ${line}`),
  );
  expect(files.length).toBeGreaterThan(1000);
  expect(long).toEqual([]);
});
