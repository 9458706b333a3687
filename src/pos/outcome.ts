import { memberOf } from '../base/member.ts';
import { NO_OUTCOME_CODES } from '../rpc/no-outcome.ts';
import { type Answer, parseObject, readReason } from './answer.ts';
import type { Outcome } from './sale.ts';

/** An answer that tells the truth about a sale. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly answer: Answer;
}

/** Codes with which a terminal says that the sale was ended by somebody. */
export const CANCELLED_CODES: ReadonlySet<string> = new Set([
  'ABORTED',
  'CANCELED',
  'CANCELLED',
  'TRANSACTION_ABORTED',
  'TRANSACTION_CANCELED',
  'TRANSACTION_CANCELLED',
  'USER_CANCELED',
  'USER_CANCELLED',
]);

/** Codes with which a terminal says no. */
export const DECLINED_CODES: ReadonlySet<string> = new Set([
  'CARD_BLOCKED',
  'CARD_DECLINED',
  'CARD_EXPIRED',
  'CARD_NOT_SUPPORTED',
  'CARD_REMOVED',
  'CARD_TIMEOUT',
  'DECLINED',
  'INSUFFICIENT_FUNDS',
  'PIN_TIMEOUT',
  'PIN_TRIES_EXCEEDED',
  'SIGNATURE_REFUSED',
  'TRANSACTION_DECLINED',
]);

/** Refusals of a sale that has not begun: given before anything was handed over. */
export const REFUSED_CODES: ReadonlySet<string> = new Set([
  'BUSY',
  'CHANNEL_UNAVAILABLE',
  'JOURNAL_UNAVAILABLE',
  'JSONRPC_INVALID_PARAMS',
  'JSONRPC_METHOD_NOT_FOUND',
]);

const NOT_FOUND = 'TRANSACTION_NOT_FOUND';
const ACTIVE = 'TRANSACTION_ACTIVE';

/** Answers to `Check` that are no outcome, beside `CHANNEL_…` and `JSONRPC_…`. */
export const NO_ANSWER_CODES: ReadonlySet<string> = new Set([...NO_OUTCOME_CODES, ACTIVE]);

/** How an error code ends a sale, once it is known to end it. */
export function outcomeOfCode(code: string): Outcome {
  if (code === NOT_FOUND) return 'not-reached';
  return CANCELLED_CODES.has(code) ? 'cancelled' : 'declined';
}

/**
 * What the direct answer to a Purchase or Refund says. Only codes that are known to be an outcome, or a refusal before
 * anything was charged, are believed; after any other the terminal has to be asked.
 */
export function judgeSaleAnswer(answer: Answer): Verdict | 'ask' {
  if (answer.lost !== undefined) return 'ask';
  if (answer.kind === 'result') return { outcome: 'approved', answer };
  const { code } = readReason(answer);
  const isKnown = CANCELLED_CODES.has(code) || DECLINED_CODES.has(code) || REFUSED_CODES.has(code);
  return isKnown ? { outcome: outcomeOfCode(code), answer } : 'ask';
}

/**
 * What an answer to `Check` says. Every code that is not about the way is the sale's own; `not-reached` holds only if
 * the sale can be under way no more.
 */
export function judgeCheckAnswer(answer: Answer): Verdict | 'ask' {
  if (answer.lost !== undefined) return 'ask';
  if (answer.kind === 'result') return { outcome: 'approved', answer };
  const { code } = readReason(answer);
  if (code.startsWith('CHANNEL_') || code.startsWith('JSONRPC_') || NO_ANSWER_CODES.has(code)) return 'ask';
  return { outcome: outcomeOfCode(code), answer };
}

/** How a stored answer ended its sale. */
export function outcomeOfStored({ kind, text }: Pick<Answer, 'kind' | 'text'>): Outcome {
  return kind === 'result' ? 'approved' : outcomeOfCode(readReason({ text }).code);
}

/** Whether an answer to `Check` says that the sale is being carried out. */
export function saysActive(answer: Answer): boolean {
  return answer.lost === undefined && answer.kind === 'error' && readReason(answer).code === ACTIVE;
}

/**
 * How the amount and currency that a result names fit a sale: `more` in the same currency may be a tip; `other` is less, or
 * another currency. What a result does not name cannot differ; currencies are compared by their letters, in either case.
 */
export function compareWithSale(
  resultText: string,
  { amountMinor, currency }: { readonly amountMinor: number; readonly currency: string },
): 'same' | 'more' | 'other' {
  const result = parseObject(resultText);
  const amount = memberOf(result, 'amount');
  const named = memberOf(result, 'currency');
  const isAlphabetic = typeof named === 'string' && /^[A-Za-z]{3}$/.test(named);
  if (isAlphabetic && named.toUpperCase() !== currency.toUpperCase()) return 'other';
  if (typeof amount !== 'number' || amount === amountMinor) return 'same';
  return amount > amountMinor ? 'more' : 'other';
}
