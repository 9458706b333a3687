import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/pos/answer.ts';
import { judgeCheckAnswer, judgeSaleAnswer, outcomeOfStored } from '../../src/pos/outcome.ts';
import { CANCELLED_CODES, DECLINED_CODES, REFUSED_CODES, UNKNOWN_CODES } from '../../src/rpc/outcome.ts';

const result: Answer = { kind: 'result', text: '{}' };
const NONE: ReadonlySet<string> = new Set();

function failure(code: string, outcome?: string): Answer {
  const data = { string_code: code, details: 'd', ...(outcome !== undefined && { outcome }) };
  return { kind: 'error', text: JSON.stringify({ code: 1, message: 'm', data }) };
}

/** The outcome, or `ask` with the code that counts for what a Check means. */
function direct(answer: Answer, outcomeCodes = NONE): string {
  const judgement = judgeSaleAnswer(answer, outcomeCodes);
  if (judgement.is === 'outcome') return judgement.verdict.outcome;
  return judgement.code === undefined ? 'ask' : `ask, with ${judgement.code}`;
}

function checked(answer: Answer, directCode?: string, outcomeCodes = NONE): string {
  const finding = judgeCheckAnswer(answer, outcomeCodes, directCode);
  return finding.is === 'outcome' ? finding.verdict.outcome : finding.is;
}

const UNDECLARED = ['PRINTER_FAILED', 'CARD_OF_A_NEW_KIND', 'CHANNEL_ANYTHING', 'declined'];
const ABOUT_THE_WAY = [...UNKNOWN_CODES, 'JSONRPC_PARSE_ERROR', 'JSONRPC_INVALID_REQUEST', 'JSONRPC_NEW'];

/** The rows of the table "Outcomes": what was said, what it means as the direct answer, and to a Check. */
const ROWS: readonly [said: string, answers: readonly Answer[], direct: string, check: string][] = [
  ['a result', [result], 'approved', 'approved'],
  ['a decline', [...DECLINED_CODES].map((code) => failure(code)), 'declined', 'declined'],
  ['a cancellation', [...CANCELLED_CODES].map((code) => failure(code)), 'cancelled', 'cancelled'],
  [
    'an error that says "not charged" itself',
    ['TIMEOUT', 'PRINTER_FAILED', 'TRANSACTION_ACTIVE', 'BUSY'].map((code) => failure(code, 'not-charged')),
    'declined',
    'declined',
  ],
  ['a refusal', [...REFUSED_CODES].map((code) => failure(code)), 'not-started', 'nothing'],
  ['TRANSACTION_NOT_FOUND', [failure('TRANSACTION_NOT_FOUND')], 'ask', 'not-found'],
  ['TRANSACTION_ACTIVE', [failure('TRANSACTION_ACTIVE')], 'ask', 'active'],
  ['a code about the way', ABOUT_THE_WAY.map((code) => failure(code)), 'ask', 'nothing'],
  [
    'an error that says "unknown" itself',
    ['DECLINED', 'CANCELLED', 'BUSY', 'TRANSACTION_NOT_FOUND'].map((code) => failure(code, 'unknown')),
    'ask',
    'nothing',
  ],
];

test.each(ROWS)('%s means what the table "Outcomes" says', (_said, answers, wanted, check) => {
  for (const answer of answers) {
    expect([answer.text, direct(answer)]).toEqual([answer.text, wanted]);
    expect([answer.text, checked(answer)]).toEqual([answer.text, check]);
  }
});

test('DUPLICATE_TRANSACTION is asked about, knowing it, and is nothing to a Check', () => {
  const answer = failure('DUPLICATE_TRANSACTION');
  expect(direct(answer)).toBe('ask, with DUPLICATE_TRANSACTION');
  expect(checked(answer)).toBe('nothing');
  expect(checked(answer, 'DUPLICATE_TRANSACTION')).toBe('nothing');
});

describe('a code that nobody has declared', () => {
  test.each(UNDECLARED)('%s is final only where the sale itself was answered with it', (code) => {
    expect(direct(failure(code))).toBe(`ask, with ${code}`);
    expect(checked(failure(code))).toBe('nothing');
    expect(checked(failure(code), 'ANOTHER_CODE')).toBe('nothing');
    expect(checked(failure(code), code)).toBe('declined');
  });

  test('is a decline at once where it has been declared', () => {
    const declared = new Set(['PRINTER_FAILED']);
    expect(direct(failure('PRINTER_FAILED'), declared)).toBe('declined');
    expect(checked(failure('PRINTER_FAILED'), undefined, declared)).toBe('declined');
  });

  test.each(ABOUT_THE_WAY)('is not %s, however often it is said', (code) => {
    expect(checked(failure(code), code)).toBe('nothing');
  });
});

test('what nobody gave is no outcome', () => {
  const lost: Answer = { ...failure('DECLINED'), lost: { code: 'X', text: 'x', by: 'peer' } };
  expect([direct(lost), checked(lost)]).toEqual(['ask', 'nothing']);
});

test('an error without a code of its own is no outcome', () => {
  const answer: Answer = { kind: 'error', text: '{"code":1,"message":"m"}' };
  expect([direct(answer), checked(answer)]).toEqual(['ask', 'nothing']);
});

test.each([
  [result, 'approved'],
  [failure('BUSY'), 'not-started'],
  [failure('BUSY', 'not-charged'), 'declined'],
  [failure('ABORTED'), 'cancelled'],
  [failure('PRINTER_FAILED'), 'declined'],
  [failure('TRANSACTION_NOT_FOUND'), 'not-reached'],
])('a stored answer %j is read as %s', (answer, outcome) => {
  expect(outcomeOfStored(answer)).toBe(outcome);
});
