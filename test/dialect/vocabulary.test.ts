import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Router } from '../../src/bridge/router.ts';
import { routes, transactions } from '../../src/dialect/jsonpos/routes.ts';
import {
  MEMBER_TYPES,
  type Member,
  type MethodWords,
  TRANSACTION_STATUSES,
  VOCABULARY,
} from '../../src/dialect/vocabulary.ts';
import { OUTCOME_CODES, REFUSAL_CODES } from '../../src/terminal/answer.ts';

const PAGE = path.resolve(import.meta.dirname, '../../docs/vocabulary.md');
const page = readFileSync(PAGE, 'utf8');
const methods = Object.entries<MethodWords>(VOCABULARY);

const DIRECTIONS: Readonly<Record<MethodWords['from'], string>> = {
  register: 'register → application',
  application: 'application → register',
  both: 'both ways',
  bridge: 'posbridge → application',
};

const router = new Router(new Map(), [], routes);
const channelOf = ({ from }: MethodWords, name: string) =>
  from === 'register' || from === 'both' ? `, channel ${router.channelOf(name)}` : '';

/** Prose in lines of at most 120 columns. */
const wrap = (text: string) => text.replace(/(.{1,120})( |$)/g, '$1\n').trimEnd();

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const members = (what: string, all: Readonly<Record<string, Member>>) =>
  table(
    [what, 'type', 'needed', 'meaning'],
    Object.entries(all).map(([name, { type, isNeeded = false, says }]) => [
      `\`${name}\``,
      type,
      isNeeded ? 'yes' : '',
      says,
    ]),
  );

function section(name: string, words: MethodWords): string {
  const { form, says, params, result, errors = [], whenBusy, isSimulators, isTransaction } = words;
  const kind = isTransaction ? `${form}, moves money` : form;
  const parts = [`### ${name}`, wrap(`${DIRECTIONS[words.from]}, ${kind}${channelOf(words, name)}. ${says}`)];
  if (isSimulators) parts.push("The members are the simulated terminal's own.");
  if (Object.keys(params).length > 0) parts.push(members('params', params));
  if (result !== undefined) parts.push(members('result', result));
  if (errors.length > 0) parts.push(`Errors: ${errors.join(', ')}.`);
  if (whenBusy !== undefined) parts.push(`While a transaction is running: ${whenBusy}.`);
  return parts.join('\n\n');
}

const GENERATED: Readonly<Record<string, string>> = {
  types: table(['type', 'JSON value'], Object.entries(MEMBER_TYPES)),
  states: table(
    ['`transaction_status`', 'meaning', 'Abort'],
    Object.entries(TRANSACTION_STATUSES).map(([name, { says, canAbort }]) => [
      name,
      says,
      canAbort ? 'ends it' : 'comes too late',
    ]),
  ),
  methods: methods.map(([name, words]) => section(name, words)).join('\n\n'),
};

describe('docs/vocabulary.md', () => {
  test('prints the table of the code (npx vitest -u writes it)', async () => {
    expect([...page.matchAll(/<!-- table: (\w+) -->/g)].map(([, name]) => name)).toEqual(
      Object.keys(GENERATED),
    );
    const whole = page.replace(
      /(<!-- table: (\w+) -->\n).*?(<!-- end -->)/gs,
      (_, begin, name: string, end) => `${begin}${GENERATED[name] ?? ''}\n${end}`,
    );
    await expect(whole).toMatchFileSnapshot(PAGE);
  });
});

describe('the vocabulary', () => {
  test('has every method that jsonpos has a route or a rule for', () => {
    const known = methods.map(([name]) => name);
    const patterns = Object.keys(routes).map((text) => new RegExp(`^${text.replaceAll('*', '.*')}$`));
    const older = ['VersionInfo', '*Transactions'];
    for (const [index, pattern] of patterns.entries()) {
      const text = Object.keys(routes)[index] ?? '';
      expect([text, older.includes(text) || known.some((name) => pattern.test(name))]).toEqual([text, true]);
    }
    const money = methods.filter(([, { isTransaction }]) => isTransaction).map(([name]) => name);
    expect(transactions.methods).toEqual(money);
    expect(known).toContain(transactions.recovery);
  });

  test('names no code that the simulated terminal does not have', () => {
    const codes: readonly string[] = [...OUTCOME_CODES, ...REFUSAL_CODES];
    for (const [name, { errors = [] }] of methods) {
      expect([name, errors.filter((code) => !codes.includes(code))]).toEqual([name, []]);
    }
  });

  test('has no member about money, or about what is undone, that a repeated transaction may change', () => {
    const { isCompared, amount, currency } = transactions;
    const telling = methods.flatMap(([, { isTransaction, params }]) =>
      Object.entries(isTransaction ? params : {}).filter(
        ([name, { type }]) => type === 'amount' || type === 'currency' || name.startsWith('original_'),
      ),
    );
    expect(telling.length).toBeGreaterThan(6);
    for (const [name] of telling) {
      expect([name, name === amount || name === currency || isCompared?.(name)]).toEqual([name, true]);
    }
    expect([isCompared?.('api_key'), isCompared?.('cashier_language')]).toEqual([true, false]);
  });

  test('asks a Check for what identifies a transaction', () => {
    for (const name of transactions.identity) {
      expect(Object.keys(VOCABULARY.Check.params)).toContain(name);
      for (const method of transactions.methods) {
        const words: MethodWords | undefined = VOCABULARY[method as keyof typeof VOCABULARY];
        expect(Object.keys(words?.params ?? {})).toContain(name);
      }
    }
  });
});
