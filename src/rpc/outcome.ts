import { stringCodeOf } from './error-object.ts';
import { decodeString, kindOf, scanObject } from './scan.ts';

/** A result, or an error object in its complete form, as JSON text. */
export interface OutcomeText {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
}

/**
 * What an answer says about a transaction, whether it answers the transaction itself or a `Check`:
 *
 * - `charged`: a result
 * - `not-charged`: an error that is an outcome, final
 * - `refused`: nothing was begun, so it is final for the transaction itself, and says nothing in answer to a `Check`
 * - `duplicate`: these identifiers were used before; the sale that used them may be this one or another
 * - `not-found`: the transaction may never have arrived, or may still be under way
 * - `active`: it is still running
 * - `unknown`: about the way, not about the money; never final, however often it is said
 * - `other`: a code that nobody has declared to be an outcome; final only when a `Check` repeats what the
 *   transaction itself was answered with
 */
export type Statement =
  | 'charged'
  | 'not-charged'
  | 'refused'
  | 'duplicate'
  | 'not-found'
  | 'active'
  | 'unknown'
  | 'other';

/** Codes with which a terminal says that somebody ended the transaction before money moved. */
export const CANCELLED_CODES: ReadonlySet<string> = new Set([
  'ABORTED',
  'CANCELED',
  'CANCELLED',
  'TRANSACTION_ABORTED',
  'TRANSACTION_CANCELED',
  'TRANSACTION_CANCELLED',
  'TRANSACTION_INTERRUPTED',
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

/** Refusals of a transaction that has not begun. */
export const REFUSED_CODES: ReadonlySet<string> = new Set([
  'BUSY',
  'CHANNEL_UNAVAILABLE',
  'JOURNAL_UNAVAILABLE',
  'JSONRPC_INVALID_PARAMS',
  'JSONRPC_METHOD_NOT_FOUND',
]);

/** Codes about the way, or about the one that asks; so is every other one that begins with `JSONRPC_`. */
export const UNKNOWN_CODES: ReadonlySet<string> = new Set([
  'ACCESS_DENIED',
  'CHANNEL_CLOSED',
  'CONNECTION_CLOSED',
  'INTERNAL_ERROR',
  'INVALID_API_KEY',
  'KEEPALIVE',
  'NOT_READY',
  'OUTCOME_UNKNOWN',
  'RESPONSE_TOO_LARGE',
  'SERVICE_UNAVAILABLE',
  'STORAGE_ERROR',
  'TIMEOUT',
  'UNKNOWN',
]);

const NO_CODES: ReadonlySet<string> = new Set();

/**
 * Reads an answer to a transaction or to a `Check`. `data.outcome` counts more than the code: `not-charged` is final,
 * and whatever else stands there, but `null`, is no outcome.
 *
 * @param outcomeCodes further codes that mean "not charged" (`--outcome`).
 * @returns the statement, and the error's string code (empty for a result).
 */
export function readStatement(
  { kind, text }: OutcomeText,
  outcomeCodes: ReadonlySet<string> = NO_CODES,
): { readonly says: Statement; readonly code: string } {
  if (kind === 'result') return { says: 'charged', code: '' };
  const code = stringCodeOf(text);
  const declared = declaredOutcome(text);
  if (declared !== undefined) return { says: declared === 'not-charged' ? 'not-charged' : 'unknown', code };
  return { says: statementOfCode(code, outcomeCodes), code };
}

/** Whether a code may be declared to mean "not charged" (`--outcome`): not one that has another meaning. */
export function isDeclarable(code: string): boolean {
  if (!/^[\x21-\x7e]{1,256}$/.test(code)) return false;
  const says = statementOfCode(code, NO_CODES);
  return says === 'other' || says === 'not-charged';
}

/**
 * What the direct answer to a transaction means. Whatever is neither an outcome nor a refusal has to be asked about by
 * `Check` before anybody is told anything.
 */
export function meaningOfAnswer(says: Statement): 'charged' | 'not-charged' | 'refused' | 'ask' {
  return says === 'charged' || says === 'not-charged' || says === 'refused' ? says : 'ask';
}

/**
 * What an answer to a `Check` means. `not-found` proves nothing by itself: how often and when it has to be said is up
 * to who asks.
 *
 * @param directCode the code of no declared meaning with which the transaction itself was answered, if it was.
 */
export function meaningOfCheck(
  { says, code }: { readonly says: Statement; readonly code: string },
  directCode?: string,
): 'charged' | 'not-charged' | 'not-found' | 'active' | 'nothing' {
  switch (says) {
    case 'charged':
    case 'not-charged':
    case 'not-found':
    case 'active':
      return says;
    case 'other':
      return code === directCode ? 'not-charged' : 'nothing';
    default:
      return 'nothing';
  }
}

/**
 * Whether it is TRANSACTION_NOT_FOUND without `data.recorded: true`: who says that of several applications knows only
 * that it has not got the transaction itself. One that has recorded the absence, where all of them look, speaks for
 * all.
 */
export function isUnrecordedAbsence({ kind, text }: OutcomeText): boolean {
  if (kind !== 'error' || stringCodeOf(text) !== 'TRANSACTION_NOT_FOUND') return false;
  const [data] = scanObject(text, ['data']).values;
  if (data === undefined || kindOf(data) !== 'object') return true;
  const [recorded] = scanObject(data, ['recorded']).values;
  return recorded?.toString() !== 'true';
}

function statementOfCode(code: string, outcomeCodes: ReadonlySet<string>): Statement {
  if (CANCELLED_CODES.has(code) || DECLINED_CODES.has(code) || outcomeCodes.has(code)) return 'not-charged';
  if (REFUSED_CODES.has(code)) return 'refused';
  if (code === 'DUPLICATE_TRANSACTION') return 'duplicate';
  if (code === 'TRANSACTION_NOT_FOUND') return 'not-found';
  if (code === 'TRANSACTION_ACTIVE') return 'active';
  return UNKNOWN_CODES.has(code) || code.startsWith('JSONRPC_') ? 'unknown' : 'other';
}

/** `data.outcome`; undefined where it is missing or null, empty where it is no text or cannot be told. */
function declaredOutcome(error: Buffer): string | undefined {
  const whole = scanObject(error, ['data']);
  const [data] = whole.values;
  if (!whole.ok) return '';
  if (data === undefined || kindOf(data) !== 'object') return undefined;
  const inside = scanObject(data, ['outcome']);
  const [outcome] = inside.values;
  if (!inside.ok) return '';
  if (outcome === undefined || outcome.toString() === 'null') return undefined;
  return kindOf(outcome) === 'string' ? decodeString(outcome.toString()) : '';
}
