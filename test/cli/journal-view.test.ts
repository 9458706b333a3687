import { describe, expect, test } from 'vitest';
import { parseMoment } from '../../src/cli/journal-options.ts';
import {
  describeEntry,
  identifiersOf,
  nameLengthOf,
  recordText,
  STATES,
  stateOf,
  summaryOf,
  summaryText,
  tableOf,
} from '../../src/cli/journal-view.ts';

import { parseCommandLine } from '../../src/cli/parse.ts';
import { errorText } from '../../src/rpc/error-object.ts';
import type { StoredEntry } from '../../src/store/entry-state.ts';
import { complaintOf } from './kit.ts';

const NOW = Date.UTC(2025, 0, 31, 12, 0, 0);
const iso = (ago: number) => new Date(NOW - ago).toISOString();

function entry(more: Partial<StoredEntry> = {}): StoredEntry {
  return {
    id: 'ec0424aa2a3886f70cd5b6c0d89972825871f8b3',
    file: 'ec0424aa2a3886f70cd5b6c0d89972825871f8b3.entry',
    isRunning: false,
    isSetAside: false,
    changedMs: NOW,
    isClean: true,
    sent: {
      state: 'sent',
      version: 2,
      register: '192.0.2.7',
      identity: { receipt_id: '17', sequence_id: '1' },
      method: 'Purchase',
      amount: '1230',
      currency: 'EUR',
      hash: '4111111111111111'.repeat(4),
      channel: 'payment',
      connection: '192.0.2.7.4711',
      pid: 4711,
      time: iso(125_000),
    },
    done: { state: 'done', kind: 'result', text: '{"n": 1.10e2}', time: iso(60_000) },
    ...more,
  };
}

const error = (code: string): NonNullable<StoredEntry['done']> => ({
  state: 'done',
  kind: 'error',
  text: errorText(code, 'x').toString(),
  time: iso(0),
});
const absent = { ...entry().sent, state: 'absent', method: '' } as NonNullable<StoredEntry['sent']>;

describe('the state', () => {
  test.each<[string, Partial<StoredEntry>, string]>([
    ['has a result', {}, 'done-approved'],
    ['has an error', { done: error('DECLINED') }, 'done-error'],
    ['was sent and not found', { done: error('TRANSACTION_NOT_FOUND') }, 'done-error'],
    ['was asked about and not found', { sent: absent, done: error('TRANSACTION_NOT_FOUND') }, 'absent'],
    ['was asked about and declined', { sent: absent, done: error('DECLINED') }, 'done-error'],
    ['was asked about and approved', { sent: absent }, 'done-approved'],
    ['has no outcome', { done: undefined }, 'unresolved'],
    ['has no outcome and a torn end', { done: undefined, isClean: false }, 'unresolved'],
    ['has an owner', { done: undefined, isRunning: true }, 'running'],
    ['cannot be read', { sent: undefined, done: undefined, isClean: false }, 'damaged'],
    ['was set aside', { isSetAside: true }, 'damaged'],
    ['cannot be opened', { sent: undefined, done: undefined, isClean: false, fault: 'EIO' }, 'damaged'],
  ])('of one that %s', (_, more, state) => {
    expect(stateOf(entry(more))).toBe(state);
    expect(STATES).toContain(state);
  });
});

describe('a table', () => {
  test('has a head, and columns as wide as they need to be', () => {
    const rows = [
      summaryOf(entry()),
      summaryOf(entry({ sent: { ...absent, time: iso(-7_200_000) }, done: error('TRANSACTION_NOT_FOUND') })),
      summaryOf(entry({ done: { ...error('DECLINED'), by: 'alice' } })),
      summaryOf(entry({ sent: undefined, done: undefined, changedMs: NOW - 3 * 86_400_000 })),
    ];
    expect(tableOf(rows, 8, NOW)).toEqual([
      'NAME      TIME                  AGE  STATE          REGISTER   IDENTIFIERS  METHOD    AMOUNT     OUTCOME',
      'ec0424aa  2025-01-31T11:57:55Z  2m   done-approved  192.0.2.7  17/1         Purchase  12.30 EUR  result',
      'ec0424aa  2025-01-31T14:00:00Z  -2h  absent         192.0.2.7  17/1                   12.30 EUR  TRANSACTION_NOT_FOUND',
      'ec0424aa  2025-01-31T11:57:55Z  2m   done-error     192.0.2.7  17/1         Purchase  12.30 EUR  DECLINED by alice',
      'ec0424aa  2025-01-28T12:00:00Z  3d   damaged',
    ]);
  });

  test('masks every cell for itself, and nothing in it moves the cursor', () => {
    const identity = { receipt_id: '4111 1111 1111 1111', sequence_id: '\u001b[31m\n\u202e' };
    const [, row = ''] = tableOf([summaryOf(entry({ sent: { ...absent, identity } }))], 8, NOW);
    expect(row).not.toContain('4111 1111');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    expect(row).not.toMatch(/[\u0000-\u001f\u202e]/);
    const digits = { receipt_id: '411111', sequence_id: '1111111111' };
    const sent = { ...absent, identity: digits, register: '411111', method: '1111111111' };
    expect(tableOf([summaryOf(entry({ sent }))], 8, NOW)[1]).toContain(
      '411111    411111/1111111111  1111111111',
    );
  });

  test('cuts what is too long for a screen', () => {
    const sent = { ...absent, register: 'x'.repeat(10_000) };
    expect(tableOf([summaryOf(entry({ sent }))], 8, NOW)[1]?.length).toBeLessThan(200);
  });

  test('names entries by as much as tells them apart', () => {
    expect(nameLengthOf([])).toBe(8);
    expect(nameLengthOf(['aaaaaaaaaaaa', 'bbbbbbbbbbbb'])).toBe(8);
    expect(nameLengthOf(['aaaaaaaaaaab', 'bbbb', 'aaaaaaaaaaac'])).toBe(12);
    expect(nameLengthOf(['aaaaaaaaaaab', 'aaaaaaaaaaab'])).toBe(8);
    expect(nameLengthOf(['aaaaaaaaaa', 'aaaaaaaaaaab'])).toBe(11);
  });
});

describe('for programs', () => {
  test('a summary is one object on a line', () => {
    expect(JSON.parse(summaryText(summaryOf(entry())))).toEqual({
      id: entry().id,
      time: iso(125_000),
      state: 'done-approved',
      register: '192.0.2.7',
      identity: { receipt_id: '17', sequence_id: '1' },
      method: 'Purchase',
      amount: '1230',
      currency: 'EUR',
      outcome: 'result',
      outcome_time: iso(60_000),
    });
  });

  test('a record is what is stored, the answer as its own text', () => {
    const text = '{"n": 1.10e2, "ü":"\\u00e4\\u2028", "t":"a\\nb"}';
    const stored = entry({ done: { ...error('x'), kind: 'result', text } });
    const { id, file, sent, done } = stored;
    expect(JSON.parse(recordText(stored))).toEqual({ id, file, state: 'done-approved', sent, done });
    expect(JSON.parse(recordText(stored)).done.text).toBe(text);
    expect(recordText(stored)).not.toContain('\n');
  });

  test('a record in which something has to be hidden says so, and its answer is still JSON', () => {
    const text = '{"card_number":"4111111111111111","n": 1.10e2,"api_key":"k"}';
    const shown = JSON.parse(recordText(entry({ done: { ...error('x'), kind: 'result', text } })));
    expect(shown.masked).toBe(true);
    expect(shown.done.text).toBe('{"card_number":"************1111","n": 1.10e2,"api_key":"***"}');
    expect(shown.sent.hash).toBe(entry().sent?.hash);
  });

  test('a damaged one says why', () => {
    const nothing = { sent: undefined, done: undefined, isClean: false };
    expect(JSON.parse(recordText(entry({ ...nothing, isSetAside: true })))).toMatchObject({
      state: 'damaged',
      why: 'set aside',
    });
    expect(JSON.parse(recordText(entry({ ...nothing, fault: 'it is locked' }))).why).toBe(
      'cannot be read: it is locked',
    );
    expect(JSON.parse(recordText(entry(nothing))).why).toBe('its first record cannot be read');
  });
});

describe('for people', () => {
  test('an entry is one line a fact', () => {
    expect(describeEntry(entry({ done: { ...error('DECLINED'), by: 'alice' } }), NOW)).toEqual([
      'name           ec0424aa2a3886f70cd5b6c0d89972825871f8b3',
      'file           ec0424aa2a3886f70cd5b6c0d89972825871f8b3.entry',
      'state          done-error',
      `began          ${iso(125_000)} (2m ago)`,
      'register       192.0.2.7',
      'receipt_id     17',
      'sequence_id    1',
      'method         Purchase',
      'amount         12.30 EUR',
      'channel        payment',
      'connection     192.0.2.7.4711',
      'process        4711',
      'outcome        DECLINED',
      `outcome since  ${iso(0)} (0s ago)`,
      'settled by     alice',
      `answer         ${errorText('DECLINED', 'x')}`,
      `request        HMAC ${entry().sent?.hash}`,
    ]);
  });

  test('says of a doubtful one that it is', () => {
    const lines = describeEntry(entry({ done: undefined, isClean: false }), NOW);
    expect(lines).toContainEqual(expect.stringMatching(/^note +a part of the file cannot be read$/));
  });

  test('hides what is secret', () => {
    const text = '{"card_number":"4111111111111111"}';
    const lines = describeEntry(entry({ done: { ...error('x'), kind: 'result', text } }), NOW).join('\n');
    expect(lines).toContain('{"card_number":"************1111"}');
  });

  test('identifiers are joined by slashes, in their order', () => {
    const identity = { b: 'R 1', a: '2' };
    expect(identifiersOf(entry({ sent: { ...absent, identity } }))).toBe('R 1/2');
    expect(identifiersOf(entry({ sent: undefined }))).toBe('');
  });
});

describe('a moment', () => {
  test.each([
    ['2025-01-31', Date.UTC(2025, 0, 31)],
    ['2025-01-31T12:30', Date.UTC(2025, 0, 31, 12, 30)],
    ['2025-01-31 12:30:15', Date.UTC(2025, 0, 31, 12, 30, 15)],
    ['2025-01-31T12:30:15.250Z', Date.UTC(2025, 0, 31, 12, 30, 15, 250)],
    ['2025-01-31T12:30+02:00', Date.UTC(2025, 0, 31, 10, 30)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['90', NOW - 90_000],
    ['2h', NOW - 7_200_000],
    ['1.5d', NOW - 129_600_000],
  ])('may be %s', (text, ms) => {
    expect(parseMoment(text, NOW)).toBe(ms);
  });

  test.each([
    '',
    'yesterday',
    '2025',
    '-2h',
    '2025-13-01',
    '2025-02-30',
    '2025-01-31T25:00',
    '2025-01-31T12',
    '31.01.2025',
    '2025-01-31Z',
    '1 h',
    '0',
  ])('may not be %j', (text) => {
    const expected = text === '2025' ? NOW - 2_025_000 : undefined;
    expect(parseMoment(text, NOW)).toBe(expected);
  });
});

describe('operands', () => {
  test('are taken in their order, before, between and after options', () => {
    for (const args of [
      ['show', '17/1', '--journal', '/x', '--json'],
      ['--json', 'show', '--journal=/x', '17/1'],
      ['--journal', '/x', '--json', 'show', '17/1'],
    ]) {
      expect(parseCommandLine(['journal', ...args])).toEqual({
        command: 'journal',
        operands: ['show', '17/1'],
        given: new Map([
          ['journal', ['/x']],
          ['json', []],
        ]),
      });
    }
  });

  test('more than there are, and those of commands that have none, are refused', async () => {
    const refusal = (...args: string[]) => complaintOf(() => parseCommandLine(args));
    expect(await refusal('journal', 'a', 'b', 'c', 'd')).toMatch(
      /"d" is not understood; .*; see posbridge journal --help$/,
    );
    expect(await refusal('serve', 'list')).toMatch(
      /"list" is not understood; .*; see posbridge serve --help$/,
    );
    expect(await refusal('journal', '--', 'list')).toMatch(/"--" is not understood/);
  });
});
