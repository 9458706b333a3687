import { type JsonObject, memberAt, textAt, writeTree } from '../../rpc/json-tree.ts';
import { readApproval } from './approval.ts';
import { type Meaning, meaningOf } from './conditions.ts';

/** What a terminal's response says about a transaction, in the vocabulary. */
export interface SaleOutcome {
  readonly kind: 'result' | 'error';
  /** Of an error: `final` and `refused` as in `Meaning`; of a result always `final`. */
  readonly says: Meaning['says'];
  readonly text: Buffer;
  /** Of an error; empty for a result. */
  readonly code: string;
  readonly details: string;
  /** The terminal's own name for the transaction, where it has said one. */
  readonly poi?: { readonly TransactionID: string; readonly TimeStamp: string };
}

/** What is known of the request. */
export interface SaleAsked {
  /** The identifiers as the register wrote them: a result repeats them. */
  readonly ids: JsonObject;
  readonly currency: string | undefined;
  readonly category: 'Payment' | 'Reversal';
}

/** Reads a `PaymentResponse` or a `ReversalResponse`. */
export function outcomeOf(response: JsonObject, asked: SaleAsked): SaleOutcome {
  const result = textAt(response, 'Response', 'Result');
  const additional = textAt(response, 'Response', 'AdditionalResponse') ?? '';
  if (result === 'Failure') {
    const condition = textAt(response, 'Response', 'ErrorCondition') ?? 'none';
    const details = additional === '' ? condition : `${condition}: ${additional}`;
    if (asked.category === 'Reversal' && NOTHING_UNDONE.has(condition)) {
      return failed('REVERSAL_REFUSED', 'final', details);
    }
    const { code, says } = meaningOf(condition, additional);
    return failed(code, says, details);
  }
  if (result !== 'Success' && result !== 'Partial') {
    return untold('the response does not say whether it succeeded');
  }
  const read = readApproval(withReversedAmount(response), asked);
  if (!read.ok) return untold(`charged, but nobody can tell how much: ${read.why}`);
  const poi = poiOf(response);
  const text = Buffer.from(writeTree(read.result));
  return { kind: 'result', says: 'final', text, code: '', details: '', ...(poi !== undefined && { poi }) };
}

/** To a Reversal; NotFound is about the original, not about this request. */
const NOTHING_UNDONE: ReadonlySet<string> = new Set(['NotFound', 'Refusal', 'NotAllowed']);

/** A `ReversalResponse` says how much in another place. */
function withReversedAmount(response: JsonObject): JsonObject {
  const reversed = memberAt(response, 'ReversedAmount');
  if (reversed === undefined || memberAt(response, 'PaymentResult') !== undefined) return response;
  const { ReversedAmount, ...others } = response;
  return { ...others, PaymentResult: { AmountsResp: { AuthorizedAmount: ReversedAmount } } };
}

function poiOf(response: JsonObject): SaleOutcome['poi'] {
  const TransactionID = textAt(response, 'POIData', 'POITransactionID', 'TransactionID');
  const TimeStamp = textAt(response, 'POIData', 'POITransactionID', 'TimeStamp') ?? '';
  return TransactionID === undefined ? undefined : { TransactionID, TimeStamp };
}

/** The error object says that it is an outcome, since its code alone may not. */
function failed(code: string, says: Meaning['says'], details: string): SaleOutcome {
  const text = errorObject(code, details, says === 'final' ? 'not-charged' : undefined);
  return { kind: 'error', says, text, code, details };
}

function untold(details: string): SaleOutcome {
  return { kind: 'error', says: 'ask', text: unknownText(details), code: 'OUTCOME_UNKNOWN', details };
}

/** An outcome that nobody knows. */
export function unknownText(details: string): Buffer {
  return errorObject('OUTCOME_UNKNOWN', details, 'unknown');
}

export function errorObject(code: string, details: string, outcome?: 'not-charged' | 'unknown'): Buffer {
  const data = { string_code: code, details, ...(outcome !== undefined && { outcome }) };
  return Buffer.from(JSON.stringify({ code: 1, message: WORDS.get(code) ?? 'The request failed.', data }));
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['ABORTED', 'The transaction was aborted.'],
  ['BUSY', 'The terminal is busy.'],
  ['CANCELLED', 'The transaction was cancelled.'],
  ['DECLINED', 'The transaction was declined.'],
  ['OUTCOME_UNKNOWN', 'The outcome of the transaction is not known.'],
  ['TRANSACTION_ACTIVE', 'The transaction is still running.'],
  ['TRANSACTION_NOT_FOUND', 'There is no such transaction.'],
]);
